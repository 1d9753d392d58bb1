"""Windows into 3 s, 10 min and 2 h (IEC 61000-4-30, 4.4 and 4.5).

A 3-s interval is fifteen windows; at a 10-min tick of the clock a new row of windows begins and the running
3-s interval is completed beside it (overlap). A 10-min interval takes the windows that begin in it, the last
one whole; 2 h are twelve 10-min values. Whatever is flagged in a part is flagged in the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from flexcore.dsp.arrays import Float64
from flexcore.dsp.line import NS, Line, ordered
from flexcore.dsp.values import Spectra, Values
from flexcore.dsp.window import TICK_S, Window
from flexcore.model import Flag, Measurement

TICKS_IN_2H = 12


def pick(better: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    """The better of two numbers of which either may be missing."""
    if a is None:
        return b
    return a if b is None else better(a, b)


PerPhase = list[float | None]


def _unknown() -> PerPhase:
    return [None] * 3


@dataclass(slots=True)
class Extremes:
    """Of a busbar, per phase: lowest and highest Urms(1/2) (V), highest instantaneous flicker."""

    lows: PerPhase = field(default_factory=_unknown)
    highs: PerPhase = field(default_factory=_unknown)
    pinst: PerPhase = field(default_factory=_unknown)

    def take(self, other: Extremes) -> None:
        """What is more extreme in ``other``."""
        self.lows = [pick(min, a, b) for a, b in zip(self.lows, other.lows, strict=True)]
        self.highs = [pick(max, a, b) for a, b in zip(self.highs, other.highs, strict=True)]
        self.pinst = [pick(max, a, b) for a, b in zip(self.pinst, other.pinst, strict=True)]


@dataclass(slots=True)
class Sums:
    """What has been gathered of an interval."""

    flags: set[Flag] = field(default_factory=set)
    count: int = 0
    samples: float = 0.0
    extremes: Extremes = field(default_factory=Extremes)
    _sums: Float64 | None = None

    def add(
        self,
        flags: set[Flag],
        row: Float64 | None,
        samples: float,
        extremes: Extremes | None = None,
    ) -> None:
        """One part; ``row`` is None where it could not be measured."""
        self.flags |= flags
        if row is not None:
            self.count += 1
            self.samples += samples
            if self._sums is None:
                self._sums = row.copy()
            else:
                self._sums += row
        if extremes is not None:
            self.extremes.take(extremes)

    def means(self) -> Float64 | None:
        """The mean row, or None when nothing was measured."""
        return None if self._sums is None else np.asarray(self._sums / self.count)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An interval that is complete. ``sums.samples`` of it were measured, in ``sums.count`` windows (3 s,
    10 min) or 10-min intervals (2 h)."""

    interval: str
    start_ns: int
    duration_ns: int
    sums: Sums
    cycles: int
    coverage: float

    def measurement(self, element: str, values: Values, spectra: Spectra) -> Measurement:
        """The interval as it is told."""
        return Measurement(
            element,
            self.interval,
            self.start_ns,
            self.duration_ns,
            values,
            ordered(self.sums.flags),
            round(self.coverage, 6),
            spectra,
        )


class Aggregator:
    """The longer intervals of one element; ``cycles`` are those of a window."""

    def __init__(self, line: Line, cycles: int) -> None:
        self._line = line
        self._cycles = cycles
        self._threes: dict[int, tuple[int, Sums]] = {}
        self._tick: int | None = None
        self._ten = Sums()
        self._two: int | None = None
        self._twelve = Sums()
        self._windows = 0

    def add(
        self,
        window: Window,
        flags: set[Flag],
        row: Float64 | None,
        extremes: Extremes | None = None,
    ) -> Iterator[Aggregate]:
        """One window with its row; yields the intervals that are complete, the shortest first."""
        samples = window.end - window.start
        begin_ns, sums = self._threes.setdefault(window.chain, (window.start_ns(self._line), Sums()))
        sums.add(flags, row, samples, extremes)
        if window.closes_3s:
            del self._threes[window.chain]
            end_ns = window.start_ns(self._line) + window.duration_ns(self._line)
            coverage = sums.samples / (self._line.rate_hz * (end_ns - begin_ns) / NS)
            yield Aggregate(
                "3s", begin_ns, end_ns - begin_ns, sums, self._cycles * sums.count, min(1.0, coverage)
            )
        if window.extra:
            return
        tick = window.tick(self._line)
        if self._tick is not None and tick != self._tick:
            yield from self._close_ten()
        self._tick = tick
        self._ten.add(flags, row, samples, extremes)
        if window.reaches_tick(self._line):
            yield from self._close_ten()

    def tear(self) -> None:
        """The time line has been torn: forget what is incomplete."""
        self._threes.clear()
        self._tick = self._two = None
        self._ten, self._twelve = Sums(), Sums()
        self._windows = 0

    def _close_ten(self) -> Iterator[Aggregate]:
        tick, sums = self._tick, self._ten
        if tick is None:
            return
        self._tick, self._ten = None, Sums()
        yield self._by_clock("10min", tick, TICK_S, sums, sums.count)
        two = tick // TICKS_IN_2H
        if self._two is not None and two != self._two:
            yield self._close_two()
        self._two = two
        self._windows += sums.count
        self._twelve.add(sums.flags, sums.means(), sums.samples, sums.extremes)
        if tick % TICKS_IN_2H == TICKS_IN_2H - 1:
            yield self._close_two()

    def _close_two(self) -> Aggregate:
        two, sums, windows = self._two or 0, self._twelve, self._windows
        self._two, self._twelve, self._windows = None, Sums(), 0
        return self._by_clock("2h", two, TICK_S * TICKS_IN_2H, sums, windows)

    def _by_clock(self, interval: str, number: int, length_s: int, sums: Sums, windows: int) -> Aggregate:
        coverage = sums.samples / (self._line.rate_hz * length_s)
        # The first window begins up to a cycle after the tick and the last one ends after the next: what
        # is missing at the edges is no gap.
        return Aggregate(
            interval, number * length_s * NS, length_s * NS, sums, self._cycles * windows, min(1.0, coverage)
        )
