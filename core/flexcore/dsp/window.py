"""The 200-ms window that a busbar gives to its fields, and the mean over 15 of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flexcore.dsp.arrays import Float64
from flexcore.dsp.line import Line
from flexcore.model import Flag

#: Windows in a 3-s interval (IEC 61000-4-30, 4.5: 150 or 180 cycles).
WINDOWS_IN_3S = 15


@dataclass(frozen=True, slots=True)
class Window:
    """Ten (twelve) cycles of a busbar, or what a gap left of them (the arrays are None then).

    ``start`` and ``end`` are samples after sample number ``base``. ``basis`` and ``voltage`` are what
    :func:`flexcore.dsp._kernels.measure_voltage` gives. ``closes`` ends a 3-s interval.
    """

    base: int
    start: float
    end: float
    flags: frozenset[Flag]
    closes: bool
    basis: Float64 | None = None
    voltage: Float64 | None = None

    def start_ns(self, line: Line) -> int:
        """Start in nanoseconds since 1970."""
        return line.ns(self.base, self.start)

    def duration_ns(self, line: Line) -> int:
        """Duration in nanoseconds."""
        return line.ns(self.base, self.end) - self.start_ns(line)


class Means:
    """Means of a row of numbers over the windows of an interval, with its begin and its flags."""

    def __init__(self) -> None:
        self.flags: set[Flag] = set()
        self.count = 0
        self.first: Window | None = None
        self._sums: Float64 | None = None

    def add(self, window: Window, flags: set[Flag], row: Float64 | None) -> None:
        """One window; ``row`` is None where it could not be measured."""
        if self.first is None:
            self.first = window
        self.flags |= flags
        if row is not None:
            self.count += 1
            self._sums = row.copy() if self._sums is None else self._sums + row

    def means(self) -> Float64 | None:
        """The means, or None when no window was measured."""
        return None if self._sums is None else np.asarray(self._sums / self.count)

    def start_ns(self, line: Line) -> int:
        """Start of the first window."""
        return 0 if self.first is None else self.first.start_ns(line)
