"""Dutch is complete, numbers are written as the language does, every code has a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from flask import Flask

import flexcore_webui
from flexcore.model import Flag
from flexcore_webui import locale, words

ROOT = Path(flexcore_webui.__file__).parent
CORE = ROOT.parents[1] / "core/flexcore"


def used() -> set[str]:
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    return {str(found[2]) for found in extract_from_dir(str(ROOT), method_map=methods)}


def test_dutch_is_complete_and_holds_nothing_else() -> None:
    with (ROOT / "translations/nl/LC_MESSAGES/messages.po").open("rb") as file:
        catalog = read_po(file, locale="nl")
    translated = {str(m.id): str(m.string) for m in catalog if m.id}
    assert used() == set(translated)
    for english, dutch in translated.items():
        assert dutch, english
        places = re.compile(r"\{\w+\}|%\(\w+\)s")
        assert sorted(places.findall(english)) == sorted(places.findall(dutch)), english
    assert not any(m.fuzzy for m in catalog)


def test_every_alarm_that_a_service_raises_has_a_sentence() -> None:
    raised: set[str] = set()
    for file in [*CORE.rglob("services/*.py"), *CORE.rglob("store/*.py")]:
        text = file.read_text(encoding="utf-8")
        raised |= set(re.findall(r'raise_alarm\(\s*"([a-z_]+)"', text))
        raised |= set(re.findall(r'= \("([a-z_]+)", str\(error\)\)', text))
    assert raised, "no alarm was found in the services"
    assert raised <= set(words.ALARM), raised - set(words.ALARM)


def test_every_reason_for_dropping_a_frame_has_words() -> None:
    for file in ("drivers/_atolle.pyx", "drivers/_sampled_values.pyx", "drivers/sampled_values.py"):
        source = (CORE / file).read_text(encoding="utf-8")
        reasons = re.search(r"^REASONS = \((.*?)\)", source, re.DOTALL | re.MULTILINE)
        assert reasons
        assert set(re.findall(r'"(\w+)"', reasons[1])) <= set(words.DROP)


def test_every_flag_has_a_word() -> None:
    assert set(words.FLAG) == set(Flag.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("value", [0.0, 1.005, -3.14159, 1234.5, 1234567.891, -0.04, 999.95])
@pytest.mark.parametrize("decimals", [0, 1, 3])
def test_numbers_as_babel_writes_them(app: Flask, language: str, value: float, decimals: int) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        ours = locale.number(value, decimals)
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    exact = float(f"{value:.{decimals}f}")
    theirs = format_decimal(exact, format=pattern, locale=language).replace("-", "−")
    assert ours == theirs.removeprefix("−") if exact == 0 else ours == theirs


def test_signs_and_nothing(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "nl"}):
        assert locale.number(None) == "–"
        assert locale.number(1.26, 1, sign=True) == "+1,3"
        assert locale.number(-0.04, 1, sign=True) == "0,0"
        assert locale.clock("not a time") == "–"
        assert [locale.duration(s) for s in (None, 0.02, 2.5, 3600.0)] == ["–", "20 ms", "2,50 s", "60,0 min"]
