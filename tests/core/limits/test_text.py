"""An evaluation for a terminal: what a reader must find in it, in both languages."""

import re

import numpy as np
import pytest

from flexcore.limits._words import WORDS
from flexcore.limits.data import Recorded
from flexcore.limits.evaluate import evaluate
from flexcore.limits.events import EventLog, SupplyEvent
from flexcore.limits.files import limit_sets, read_limit_set
from flexcore.limits.outcome import Evaluation
from flexcore.limits.text import Language, render
from support.limits import MONDAY_NS, WEEK_NS, series


def evaluation(name: str) -> Evaluation:
    volts = np.full(1008, 230.0)
    volts[100] = 190.25
    data = Recorded({(f"u_l{n}_v", "10min"): series(volts + n, flagged=range(7)) for n in (1, 2, 3)})
    log = EventLog([SupplyEvent(MONDAY_NS + 1, 0.15, 35.0, "dip")])
    return evaluate(
        read_limit_set(name), data, start_ns=MONDAY_NS, end_ns=MONDAY_NS + WEEK_NS, udin_v=230.0, events=log
    )


def line(text: str, start: str) -> str:
    (found,) = [row for row in text.splitlines() if row.startswith(start)]
    return re.sub(r"\s+", " ", found)


def test_a_failed_clause_in_dutch() -> None:
    text = render(evaluation("en50160-lv-2010"))
    assert text.startswith("EN 50160 laagspanning, 2010 (en50160-lv-2010, versie 1; EN 50160:2010)\n")
    assert "2026-03-23 00:00:00 - 2026-03-30 00:00:00 UTC, 7 dagen; Udin 230 V, 50 Hz" in text
    assert line(text, "VOLDOET NIET") == (
        "VOLDOET NIET Spanning, altijd L1 195,5 - 253 V 191,25 191,25 2026-03-23 16:40:00 week "
        "1001 7 0 99,306 % 1"
    )
    assert "Spanning, altijd: 99,9 % van de waarden erbinnen, gevraagd 100 %" in text


def test_a_failed_clause_in_english() -> None:
    text = render(evaluation("en50160-lv-2010"), "en")
    assert line(text, "FAIL") == (
        "FAIL Voltage, always L1 195.5 - 253 V 191.25 191.25 2026-03-23 16:40:00 week 1001 7 0 99.306 % 1"
    )
    assert text.splitlines()[2] == "1 pass, 1 FAIL, 32 not judged"
    assert "Mains signalling voltages: The numbers of the curve" in text


def test_with_phases_there_is_a_line_for_each() -> None:
    one, three = (render(evaluation("netcode-lv"), "en", phases=p).splitlines() for p in (False, True))
    assert sum("Voltage, 95 %" in row for row in one) == 1
    assert [re.findall(r"\bL\d", row) for row in three if "Voltage, 95 %" in row] == [["L1"], ["L2"], ["L3"]]


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("name", limit_sets())
def test_every_set_is_told_whole(name: str, language: Language) -> None:
    found = evaluation(name)
    text = render(found, language)
    for clause in (*found.clauses, *found.events):
        assert (clause.title_nl if language == "nl" else clause.title_en) in text
    for item in found.left_out:
        assert (item.title_nl if language == "nl" else item.title_en) in text
    for table in found.tables:
        assert f"[{table.scheme}]" in text
    assert ("(r):" in text) == any(c.mark == "r" for c in (*found.clauses, *found.events))
    assert not any(row != row.rstrip() for row in text.splitlines())
    assert "{" not in re.sub(r"[a-z0-9_]*(\{(phase|order|n)\}[a-z0-9_]*)+", "", text)


def test_the_dip_tables_show_their_counts() -> None:
    text = render(evaluation("en50160-lv-2010"), "en")
    assert line(text, "D 5-40 %") == "D 5-40 % 1 0 0 0 0"
    assert line(text, "A 80-90 %") == "A 80-90 % 0 0 0 0 0"
    assert "B1: 1  (0,01-0,2 s, 0-40 %)" in render(evaluation("netcode-mv"))


def test_both_languages_have_the_same_words() -> None:
    assert WORDS["nl"].keys() == WORDS["en"].keys()
    for key, text in WORDS["nl"].items():
        assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", WORDS["en"][key]), key
