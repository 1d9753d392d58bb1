"""Dips, swells and interruptions of the generated signals: scripted, or one every so many seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from flexcore.errors import SettingsError
from flexcore.simulator.samples import Array

Kind = Literal["dip", "swell", "interruption"]
_PERCENT: dict[Kind, float] = {"dip": 60.0, "swell": 115.0, "interruption": 0.0}
_PHASES = ("l1", "l2", "l3")

#: What ``--dip-every`` goes through: residual percent, seconds, phases.
_CYCLE: tuple[tuple[float, float, tuple[str, ...]], ...] = (
    (60.0, 0.2, ("l1",)),
    (40.0, 0.15, _PHASES),
    (75.0, 0.5, ("l2", "l3")),
    (20.0, 0.1, _PHASES),
)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """All voltages (and the currents with them) at ``percent`` from ``start_s`` after the first sample."""

    kind: Kind
    start_s: float
    duration_s: float
    percent: float
    phases: tuple[str, ...] = _PHASES


def parse(text: str) -> Disturbance:
    """``KIND:START_S:DURATION_S[:PERCENT[:PHASES]]``, e.g. ``dip:5:0.2:60:l1,l2``.

    Raises:
        SettingsError: the text is something else.
    """
    parts = text.split(":")
    kind = parts[0]
    if not 3 <= len(parts) <= 5 or kind not in _PERCENT:
        raise SettingsError(
            f"--event: {text}: expected (dip|swell|interruption):START_S:DURATION_S[:PERCENT[:PHASES]]"
        )
    try:
        start_s, duration_s = float(parts[1]), float(parts[2])
        percent = float(parts[3]) if len(parts) > 3 else _PERCENT[kind]  # type: ignore[index]
    except ValueError as error:
        raise SettingsError(f"--event: {text}: expected numbers for start, duration and percent") from error
    phases = tuple(parts[4].split(",")) if len(parts) > 4 else _PHASES
    if not (start_s >= 0.0 and 0.0 < duration_s < 1e6 and 0.0 <= percent <= 300.0):
        raise SettingsError(f"--event: {text}: expected a start from 0, a duration above 0, 0 to 300 percent")
    if not set(phases) <= set(_PHASES):
        raise SettingsError(f"--event: {text}: expected phases out of {', '.join(_PHASES)}")
    return Disturbance(kind, start_s, duration_s, percent, phases)  # type: ignore[arg-type]


class Script:
    """The disturbances of a run whose first sample is grid index ``start``."""

    def __init__(self, scripted: tuple[Disturbance, ...], every_s: float | None, rate_hz: int) -> None:
        self._scripted = scripted
        self._every_s = every_s
        self._rate_hz = rate_hz

    def _between(self, from_s: float, to_s: float) -> list[Disturbance]:
        found = [d for d in self._scripted if d.start_s < to_s and d.start_s + d.duration_s > from_s]
        if self._every_s is not None:
            n = int(from_s // self._every_s)
            if n > 0:
                percent, duration_s, phases = _CYCLE[(n - 1) % len(_CYCLE)]
                found.append(Disturbance("dip", n * self._every_s, duration_s, percent, phases))
        return found

    def active(self, at: int, count: int) -> list[tuple[Disturbance, int, int]]:
        """Disturbances in ``count`` samples from ``at`` after the start, each with its range of samples."""
        active = []
        for d in self._between(at / self._rate_hz, (at + count) / self._rate_hz):
            first = round(d.start_s * self._rate_hz) - at
            last = first + round(d.duration_s * self._rate_hz)
            if first < count and last > 0:
                active.append((d, first, last))
        return active

    @staticmethod
    def envelope(active: list[tuple[Disturbance, int, int]], count: int) -> Array:
        """Factor for each phase and sample, shape (3, count)."""
        factor = np.ones((3, count), np.float32)
        for d, first, last in active:
            for phase in d.phases:
                factor[_PHASES.index(phase), max(first, 0) : max(last, 0)] *= d.percent / 100.0
        return factor
