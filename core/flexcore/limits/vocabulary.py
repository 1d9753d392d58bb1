"""The quantities that a clause may speak of, what their values are given in, and their intervals.

A name holds ``{phase}`` where there is one value per phase and ``{order}`` where there is one per harmonic
(two digits, 02 to 50). A phase is one against neutral (``l1``) or two against each other (``l12``). Names are
those of :mod:`flexcore.quantities` and of the instrument.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flexcore.quantities import PAIRS, PHASES

Interval = Literal["3s", "10s", "10min", "2h"]
Period = Literal["day", "week", "year"]
#: What the percentages of a clause are percentages of. ``fundamental`` and ``positive_sequence``: the value
#: itself is in percent of it already. ``one``: a plain number (flicker).
Reference = Literal["udin", "nominal_frequency", "fundamental", "positive_sequence", "one"]

SECOND_NS = 1_000_000_000
INTERVAL_NS: dict[Interval, int] = {
    "3s": 3 * SECOND_NS,
    "10s": 10 * SECOND_NS,
    "10min": 600 * SECOND_NS,
    "2h": 7200 * SECOND_NS,
}
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
PERIOD_NS: dict[Period, int] = {"day": DAY_NS, "week": 7 * DAY_NS, "year": 365 * DAY_NS}

MIN_ORDER, MAX_ORDER = 2, 50
_PHASE = "l(?:[123]|12|23|31)"


@dataclass(frozen=True, slots=True)
class Measurand:
    """One row of the vocabulary.

    ``ideal`` is the undisturbed value in the clause's scale (100 % of Udin, 0 % of a harmonic): a deviation
    is measured from there to the limit.
    """

    template: str
    unit: str
    intervals: tuple[Interval, ...]
    reference: Reference
    ideal: float


MEASURANDS: tuple[Measurand, ...] = (
    Measurand("u_{phase}_v", "V", ("3s", "10min"), "udin", 100.0),
    Measurand("f_10s_hz", "Hz", ("10s",), "nominal_frequency", 100.0),
    Measurand("u_h{order}_{phase}_percent", "%", ("3s", "10min"), "fundamental", 0.0),
    Measurand("thd40_u_{phase}_percent", "%", ("3s", "10min"), "fundamental", 0.0),
    Measurand("thd_u_{phase}_percent", "%", ("3s", "10min"), "fundamental", 0.0),
    Measurand("u2_percent", "%", ("3s", "10min"), "positive_sequence", 0.0),
    Measurand("u0_percent", "%", ("3s", "10min"), "positive_sequence", 0.0),
    Measurand("pst_{phase}", "", ("10min",), "one", 0.0),
    Measurand("plt_{phase}", "", ("2h",), "one", 0.0),
    Measurand("plt_sliding_{phase}", "", ("10min",), "one", 0.0),
    Measurand("msv{n}_{phase}_v", "V", ("3s", "10min"), "udin", 0.0),
)

#: Live names of quantities whose averaged value has another name.
LIVE_NAMES = {"f_hz": "f_10s_hz"}

_HOLES = {
    "{phase}": rf"(?:{_PHASE}|\{{phase\}})",
    "{order}": r"(?:0[2-9]|[1-4][0-9]|50)",
    "{n}": r"[1-9][0-9]?",
}


def _pattern(template: str) -> re.Pattern[str]:
    text = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    for hole, expression in _HOLES.items():
        text = text.replace(hole, expression)
    return re.compile(rf"{text}\Z")


_PATTERNS = tuple((_pattern(m.template), m) for m in MEASURANDS)


def measurand(quantity: str) -> Measurand | None:
    """The row for ``quantity``, a name of one phase or with ``{phase}``; None where there is none."""
    for pattern, row in _PATTERNS:
        if pattern.match(quantity):
            return row
    return None


def channels(quantity: str, phases: Sequence[str] = PHASES) -> tuple[tuple[str, str | None], ...]:
    """(name, phase) of every value that ``quantity`` stands for; phase is None where it names none."""
    if "{phase}" not in quantity:
        return ((quantity, None),)
    return tuple((quantity.replace("{phase}", phase), phase) for phase in phases)


def phase_of(quantity: str, name: str) -> str | None:
    """The phase for which ``quantity`` reads ``name``; None where it never does."""
    head, hole, tail = quantity.partition("{phase}")
    phase = name.removeprefix(head).removesuffix(tail)
    return phase if hole and re.fullmatch(_PHASE, phase) and f"{head}{phase}{tail}" == name else None


def is_between(phase: str | None) -> bool:
    """Whether a voltage of this phase is one between two phases."""
    return phase in PAIRS
