"""Acceptable, near, over or not judged: one place, with the reason in numbers.

Limits are those of EN 50160 for low and medium voltage: supply voltage +-10 % of the declared voltage,
frequency +-1 % (interconnected network). The standard judges 10-minute and 10-second means over a week or a
year and sets no voltage limit above 36 kV; a 200-ms value is only held against the same numbers, and the
page says so.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from flexcore.model import Flag
from flexcore.quantities import PHASES, line_label

State = Literal["acceptable", "near", "over", "not-judged"]
#: Each has its sentence in words.py.
Reason = Literal["voltage", "frequency", "flagged", "stale", "no-data", "incomplete"]

VOLTAGE_LIMIT_PERCENT = 10.0
FREQUENCY_LIMIT_PERCENT = 1.0
#: From this share of the limit a value is near it.
NEAR_SHARE = 0.8


class Judgement(msgspec.Struct, frozen=True):
    """A state and why: ``subject`` is a phase (or empty), the rest is in percent of nominal."""

    state: State
    reason: Reason
    subject: str = ""
    deviation_percent: float | None = None
    limit_percent: float | None = None
    flag: str = ""


def _state(deviation_percent: float, limit_percent: float) -> State:
    share = abs(deviation_percent) / limit_percent
    # The limit itself is still inside; tolerate the rounding of a percentage.
    if share > 1.0 + 1e-9:
        return "over"
    return "near" if share >= NEAR_SHARE else "acceptable"


_RANK: dict[State, int] = {"not-judged": 0, "acceptable": 1, "near": 2, "over": 3}


def judge_busbar(
    values: dict[str, float | None],
    flags: tuple[Flag, ...],
    udin_v: float,
    nominal_hz: float,
    lines: tuple[str, ...] = PHASES,
) -> Judgement:
    """The worst of three voltages and the frequency; flagged values are not judged (IEC 61000-4-30, 4.7)."""
    if flags:
        return Judgement("not-judged", "flagged", flag=flags[0])
    findings: list[Judgement] = []
    for phase in lines:
        u = values.get(f"u_{phase}_v")
        if u is None:
            return Judgement("not-judged", "incomplete", subject=line_label(phase))
        deviation = 100.0 * (u - udin_v) / udin_v
        state = _state(deviation, VOLTAGE_LIMIT_PERCENT)
        findings.append(
            Judgement(state, "voltage", line_label(phase), round(deviation, 2), VOLTAGE_LIMIT_PERCENT)
        )
    worst = max(findings, key=lambda j: abs(j.deviation_percent or 0.0))
    f = values.get("f_hz")
    if f is not None:
        deviation = 100.0 * (f - nominal_hz) / nominal_hz
        frequency = Judgement(
            _state(deviation, FREQUENCY_LIMIT_PERCENT),
            "frequency",
            "",
            round(deviation, 3),
            FREQUENCY_LIMIT_PERCENT,
        )
        if _RANK[frequency.state] > _RANK[worst.state]:
            return frequency
    return worst
