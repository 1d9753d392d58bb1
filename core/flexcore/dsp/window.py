"""The window that a busbar gives to its fields: ten (twelve) cycles, or what a gap left of them."""

from __future__ import annotations

from dataclasses import dataclass

from flexcore.dsp._spectrum import Plan
from flexcore.dsp.arrays import Float64
from flexcore.dsp.line import Line
from flexcore.model import Flag

#: Windows in a 3-s interval (IEC 61000-4-30, 4.5: 150 or 180 cycles).
WINDOWS_IN_3S = 15
#: Every so many seconds of the clock windows begin anew.
TICK_S = 600


def tick_of(sample: int, line: Line) -> int:
    """Number of the 10-min interval in which a sample (by its number) lies, since 1970."""
    return sample // (TICK_S * line.rate_hz)


@dataclass(frozen=True, slots=True)
class Window:
    """``start`` and ``end`` are samples after sample number ``base``.

    At a 10-min tick a new ``chain`` of windows begins, while the one before goes on until its 3-s interval
    is complete: its windows from the tick on (``extra``) count for that interval only. ``number`` counts
    within the chain. ``cut``: a gap ended it; ``plan`` and ``voltage`` (the busbar's row) are None then.
    """

    base: int
    start: float
    end: float
    flags: frozenset[Flag]
    chain: int
    number: int
    extra: bool = False
    cut: bool = False
    plan: Plan | None = None
    voltage: Float64 | None = None

    @property
    def closes_3s(self) -> bool:
        """Whether this is the last of its 3-s interval."""
        return self.cut or self.number % WINDOWS_IN_3S == WINDOWS_IN_3S - 1

    def start_ns(self, line: Line) -> int:
        """Start in nanoseconds since 1970."""
        return line.ns(self.base, self.start)

    def duration_ns(self, line: Line) -> int:
        """Duration in nanoseconds."""
        return line.ns(self.base, self.end) - self.start_ns(line)

    def tick(self, line: Line) -> int:
        """Number of the 10-min interval in which it begins, since 1970."""
        return tick_of(self.base_and(self.start), line)

    def reaches_tick(self, line: Line) -> bool:
        """Whether the 10-min interval in which it begins ends with it."""
        return self.base_and(self.end) >= (self.tick(line) + 1) * TICK_S * line.rate_hz

    def base_and(self, samples: float) -> int:
        """Sample number (whole) that lies ``samples`` after the base."""
        return self.base + int(samples)
