"""What an instrument gives, as what is judged: whole intervals of one busbar become series by quantity.

The standards' harmonics are in percent of the fundamental, the instrument's are volts by order: percentages
are made here, from the aggregated values of one interval (IEC 61000-4-7: subgroup against fundamental).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flexcore.limits.data import Flags, Series, Times, Values
from flexcore.limits.schema import LimitSet
from flexcore.limits.vocabulary import INTERVAL_NS, Interval, is_between, phase_of

_HARMONIC = re.compile(r"u_h(?P<order>\d\d)_(?P<phase>l\d{1,2}|\{phase\})_percent\Z")
#: Of Udin: a fundamental below this is none that a percentage could be of.
_FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class Intervals:
    """All intervals of one length, of one busbar, in any order.

    ``times_ns`` int64 (n,) are their starts, ``flagged`` bool (n,). ``values`` are float64 (n,) by quantity,
    ``spectra`` float64 (n, orders) by name, column k of order k; not-a-number is what was not measured.
    """

    times_ns: Times
    flagged: Flags
    values: Mapping[str, Values]
    spectra: Mapping[str, Values]


def sources(quantity: str) -> tuple[str, ...]:
    """The names, of values and spectra, that ``quantity`` is made of; ``{phase}`` stays what it is."""
    harmonic = _HARMONIC.match(quantity)
    if harmonic is None:
        return (quantity,)
    return (f"u_h_{harmonic['phase']}_v", f"u1_{harmonic['phase']}_v")


class Wanted:
    """Which of the instrument's names a limit set needs."""

    def __init__(self, limit_set: LimitSet) -> None:
        self._templates: dict[Interval, set[str]] = {}
        for clause in limit_set.clauses:
            self._templates.setdefault(clause.interval, set()).update(sources(clause.quantity))

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The intervals that its clauses speak of, shortest first."""
        return tuple(interval for interval in INTERVAL_NS if interval in self._templates)

    def among(self, names: Iterable[str], interval: Interval) -> tuple[str, ...]:
        """Those of ``names`` that are needed over ``interval``."""
        templates = self._templates.get(interval, set())
        return tuple(
            name
            for name in names
            if name in templates or any(phase_of(t, name) is not None for t in templates)
        )


class Measured:
    """A busbar's intervals; a :class:`flexcore.limits.data.Measurements`. ``udin_v`` is to neutral."""

    def __init__(self, intervals: Mapping[Interval, Intervals], udin_v: float) -> None:
        self._intervals = {name: _ordered(found, name) for name, found in intervals.items()}
        self._udin_v = udin_v

    def phases(self, quantity: str, interval: Interval) -> Sequence[str]:
        """See :class:`flexcore.limits.data.Measurements`."""
        found = self._intervals.get(interval)
        if found is None:
            return ()
        source = sources(quantity)[0]
        told = (phase_of(source, name) for name in (*found.values, *found.spectra))
        return tuple(phase for phase in told if phase is not None)

    def series(self, quantity: str, interval: Interval) -> Series | None:
        """See :class:`flexcore.limits.data.Measurements`."""
        found = self._intervals.get(interval)
        if found is None:
            return None
        harmonic = _HARMONIC.match(quantity)
        if harmonic is not None:
            values = self._harmonic(found, int(harmonic["order"]), harmonic["phase"])
        else:
            values = found.values.get(quantity)
        if values is None or not np.isfinite(values).any():
            return None
        return Series(found.times_ns, values, found.flagged)

    def _harmonic(self, found: Intervals, order: int, phase: str) -> Values | None:
        spectrum, fundamental = found.spectra.get(f"u_h_{phase}_v"), found.values.get(f"u1_{phase}_v")
        if spectrum is None or spectrum.shape[1] <= max(1, order):
            return None
        base = spectrum[:, 1] if fundamental is None else fundamental
        floor_v = _FLOOR * self._udin_v * (math.sqrt(3.0) if is_between(phase) else 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(base > floor_v, 100.0 * spectrum[:, order] / base, np.nan)


def _ordered(found: Intervals, interval: Interval) -> Intervals:
    """Oldest first, one a slot: of an interval that was told twice the last counts.

    Intervals of 3 s that begin within half of one of each other (a clock was set back) are one too.
    """
    step = INTERVAL_NS[interval]
    order = np.argsort(found.times_ns, kind="stable")
    times = found.times_ns[order]
    if interval == "3s":
        last = np.append(np.diff(times) >= step // 2, True) if times.size else np.zeros(0, np.bool_)
    else:
        slots = (times + step // 2) // step
        last = np.append(slots[1:] != slots[:-1], True) if times.size else np.zeros(0, np.bool_)
    keep = order[last]
    return Intervals(
        found.times_ns[keep],
        found.flagged[keep],
        {name: values[keep] for name, values in found.values.items()},
        {name: rows[keep] for name, rows in found.spectra.items()},
    )
