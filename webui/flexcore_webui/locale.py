"""Language, numbers and times of one request. Dutch unless somebody says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from babel import Locale
from babel.dates import format_date
from flask import Flask, request
from flask_babel import Babel, get_locale

from flexcore_webui.live.zone import zone

LANGUAGES = ("nl", "en")
THEMES = ("auto", "dark", "sun")
NO_VALUE = "–"


def language() -> str:
    """Chosen by the person, else by the browser, else Dutch."""
    chosen = request.cookies.get("lang", "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def theme() -> str:
    """The chosen theme, else the system's."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in THEMES else THEMES[0]


def install(app: Flask) -> None:
    """Languages for templates and error texts."""
    app.config["BABEL_DEFAULT_LOCALE"] = LANGUAGES[0]
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    Babel(app, locale_selector=language)


@lru_cache(maxsize=4)
def _symbols(language_code: str) -> tuple[str, str]:
    symbols = Locale.parse(language_code).number_symbols["latn"]
    return symbols["decimal"], symbols["group"]


def current() -> str:
    """The language of this request."""
    locale = get_locale()
    return str(locale.language) if locale else LANGUAGES[0]


def number(value: float | None, decimals: int = 1, scale: float = 1.0, *, sign: bool = False) -> str:
    """A number as the language writes it, with a true minus; a dash where there is none."""
    if value is None:
        return NO_VALUE
    decimal, group = _symbols(current())
    text = f"{value / scale:{'+' if sign else ''},.{decimals}f}"
    if not any(c in "123456789" for c in text):
        text = text.lstrip("+-")  # a rounded nothing has no sign
    return text.translate({ord(","): group, ord("."): decimal, ord("-"): "−"})


def _moment(time_iso: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(time_iso)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return None


def clock(time_iso: str | None, *, millis: bool = False, named: bool = True) -> str:
    """Local time of day with its zone, e.g. ``02:02:03,200 CET``; ``named`` false leaves out the zone."""
    moment = _moment(time_iso or "")
    if moment is None:
        return NO_VALUE
    local = moment.astimezone(zone())
    decimal, _ = _symbols(current())
    part = f"{decimal}{local.microsecond // 1000:03d}" if millis else ""
    return f"{local:%H:%M:%S}{part}{f' {local:%Z}' if named else ''}"


def day(time_iso: str | None) -> str:
    """Local date, e.g. ``23 nov 2026``."""
    moment = _moment(time_iso or "")
    if moment is None:
        return NO_VALUE
    local = moment.astimezone(zone())
    return format_date(local.date(), "d MMM y", locale=current()).replace(".", "")


def duration(seconds: float | None) -> str:
    """A length of time in ms, s or min, as precise as it is known."""
    if seconds is None:
        return NO_VALUE
    if seconds < 1.0:
        return f"{number(seconds * 1000, 0)} ms"
    if seconds < 120.0:
        return f"{number(seconds, 2)} s"
    return f"{number(seconds / 60, 1)} min"
