"""What is judged: series of averaged values, by quantity and interval.

:class:`Measurements` is the protocol a store, an engine's buffer or a recording speaks; :class:`Recorded` is
the plain one in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from flexcore.limits.events import LimitDataError
from flexcore.limits.vocabulary import INTERVAL_NS, Interval, phase_of

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Intervals that begin at a tick of the UTC clock (IEC 61000-4-30). The 3-s ones follow the mains' cycles.
CLOCKED: frozenset[Interval] = frozenset({"10s", "10min", "2h"})


@dataclass(frozen=True, slots=True)
class Series:
    """Averaged values of one quantity, oldest first.

    ``times_ns`` int64 (n,): start of the interval, UTC, nanoseconds since 1970. ``values`` float64 (n,), in
    the quantity's unit, NaN where missing. ``flagged`` bool (n,): flagged after IEC 61000-4-30.
    """

    times_ns: Times
    values: Values
    flagged: Flags


class Measurements(Protocol):
    """Where values come from."""

    def phases(self, quantity: str, interval: Interval) -> Sequence[str]:
        """The phases for which there are values of ``quantity``, which has ``{phase}`` in its name."""

    def series(self, quantity: str, interval: Interval) -> Series | None:
        """The values of ``quantity``, a name of one phase; None where it was not measured."""


class Recorded:
    """Series in memory, by (quantity, interval)."""

    def __init__(self, series: Mapping[tuple[str, Interval], Series]) -> None:
        self._series = dict(series)

    def phases(self, quantity: str, interval: Interval) -> Sequence[str]:
        """See :class:`Measurements`."""
        found = (phase_of(quantity, name) for name, over in self._series if over == interval)
        return [phase for phase in found if phase is not None]

    def series(self, quantity: str, interval: Interval) -> Series | None:
        """See :class:`Measurements`."""
        return self._series.get((quantity, interval))


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a series inside one window: usable values and the counts of the others."""

    times_ns: Times
    values: Values
    expected: int
    flagged: int
    missing: int


@dataclass(frozen=True, slots=True)
class Checked:
    """A series that was checked once, to be cut into windows.

    ``slots`` are the numbers of the clock intervals since 1970; for the 3-s ones the times themselves.
    """

    interval: Interval
    slots: Times
    times_ns: Times
    values: Values
    usable: Flags
    flagged: Flags

    def cut(self, start_ns: int, end_ns: int) -> Cut:
        """What lies wholly between ``start_ns`` and ``end_ns``.

        A value that is not finite is missing, also where it is flagged. Of the 3-s intervals those that begin
        in the window count; their expected number is that of an exact nominal frequency.
        """
        step = INTERVAL_NS[self.interval]
        if self.interval in CLOCKED:
            first, last = -(-start_ns // step), end_ns // step
            expected = max(0, last - first)
        else:
            first, last = start_ns, end_ns
            expected = (end_ns - start_ns) // step
        low, high = np.searchsorted(self.slots, [first, last])
        usable = self.usable[low:high]
        flagged = int(np.count_nonzero(self.flagged[low:high]))
        kept = int(np.count_nonzero(usable))
        return Cut(
            times_ns=self.times_ns[low:high][usable],
            values=self.values[low:high][usable],
            expected=expected,
            flagged=flagged,
            missing=max(0, expected - kept - flagged),
        )


def checked(series: Series, quantity: str, interval: Interval) -> Checked:
    """``series`` after its shape and order were checked.

    A start may be up to half an interval off its tick. Raises :class:`LimitDataError`.
    """
    times, values, flagged = series.times_ns, series.values, series.flagged
    for name, array, kind in (("times_ns", times, "i"), ("values", values, "f"), ("flagged", flagged, "b")):
        if array.ndim != 1 or array.dtype.kind != kind or array.shape != times.shape:
            expected = f"expected {times.size} values of kind {kind!r} in one dimension"
            raise LimitDataError(f"{quantity}: {name}: {expected}, got shape {array.shape}, {array.dtype}")
    step = INTERVAL_NS[interval]
    slots = (times + step // 2) // step if interval in CLOCKED else times
    if np.any(slots[1:] <= slots[:-1]):
        n = int(np.flatnonzero(slots[1:] <= slots[:-1])[0]) + 1
        raise LimitDataError(f"{quantity}: times_ns[{n}]: expected one value per {interval}, oldest first")
    finite = np.isfinite(values)
    return Checked(interval, slots, times, values, finite & ~flagged, finite & flagged)
