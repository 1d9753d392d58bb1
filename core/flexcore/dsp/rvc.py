"""Rapid voltage changes by IEC 61000-4-30 ed.3, 5.11, from half-cycle values.

A phase is steady while its last 100 (at 60 Hz: 120) Urms(1/2), the newest included, all lie within the
threshold of their mean; the voltage is steady while all three phases are. A rapid change begins with the
value that ends this. From then on the threshold is smaller by the hysteresis, and the change is over with
the first of the values that make the voltage steady again: it is known one second after it was over.

- ``dumax_v``: the farthest that a value of the change was from the mean just before it, and at least
  ``duss_v``: a step can be steady again by a value whose cycle holds a part of the step only.
- ``duss_v``: from the mean just before it to the mean of the first steady second after it.

Both are the largest of the three phases. A change in which the voltage was in a dip or swell is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from flexcore.dsp.events import HalfCycle
from flexcore.model import Flag
from flexcore.quantities import PHASES
from flexcore.station import EventSettings

#: Half-cycle values in the second that must be steady.
STEADY_VALUES = {50: 100, 60: 120}


@dataclass(frozen=True, slots=True)
class RapidChange:
    """``start`` and ``end`` in samples after the base.

    With flag ``gap`` the samples ended before the voltage was steady, and there is no ``duss_v``. ``known``
    is the end of the newest value that it is made of.
    """

    start: float
    end: float
    dumax_v: float
    duss_v: float | None
    phases: tuple[str, ...]
    flags: tuple[Flag, ...] = ()
    known: float = field(default=0.0, compare=False)


class _Second:
    """The last values of one phase, with their mean and extremes; the mean never drifts."""

    __slots__ = (
        "at",
        "before",
        "count",
        "far",
        "full",
        "high",
        "low",
        "starts",
        "total",
        "unsteady",
        "values",
    )

    def __init__(self, count: int) -> None:
        self.count = count
        self.values: list[float] = [0.0] * count
        self.starts: list[float] = [0.0] * count
        self.clear()

    def clear(self) -> None:
        self.at = 0
        self.full = False
        self.total = 0.0
        self.low, self.high = math.inf, -math.inf
        self.before = self.far = 0.0
        self.unsteady = False

    def add(self, start: float, value: float) -> None:
        at = self.at
        values = self.values
        old = values[at]
        values[at] = value
        self.starts[at] = start
        if at + 1 == self.count:
            self.at = 0
            self.full = True
            self.total = math.fsum(values)
        else:
            self.at = at + 1
            self.total += value - old if self.full else value
        if self.full and old in (self.low, self.high):
            self.low, self.high = min(values), max(values)
        elif value < self.low or value > self.high:
            self.low, self.high = min(self.low, value), max(self.high, value)

    def steady(self, band_v: float) -> bool:
        mean = self.total / self.count
        return self.high - mean <= band_v and mean - self.low <= band_v


class RapidChanges:
    """The rapid changes of one busbar from its half-cycle values, which come in the order of their starts."""

    def __init__(
        self, udin_v: float, settings: EventSettings, nominal_hz: int, lines: tuple[str, ...] = PHASES
    ) -> None:
        self._lines = lines
        self._band_v = udin_v * settings.rvc_percent / 100.0
        self._narrow_v = self._band_v * (1.0 - settings.rvc_hysteresis_percent / 100.0)
        self._dip_v = udin_v * settings.dip_percent / 100.0
        self._dip_end_v = udin_v * (settings.dip_percent + settings.hysteresis_percent) / 100.0
        self._swell_v = udin_v * settings.swell_percent / 100.0
        self._swell_end_v = udin_v * (settings.swell_percent - settings.hysteresis_percent) / 100.0
        self._phases = tuple(_Second(STEADY_VALUES[nominal_hz]) for _ in lines)
        self._latest = [math.nan] * len(self._phases)
        self._begin: float | None = None
        self._ready = self._void = self._dip = self._swell = False

    def restart(self, base: int) -> None:
        """Begin anew; starts and ends count from sample number ``base`` from now on."""
        del base  # nothing here knows absolute numbers; the parameter is that of the other detectors
        for phase in self._phases:
            phase.clear()
        self._latest = [math.nan] * len(self._phases)
        self._begin = None
        self._ready = self._void = self._dip = self._swell = False

    @property
    def running(self) -> float | None:
        """Start of a change that may still become none, in samples after the base."""
        return None if self._void else self._begin

    def take(self, halves: Iterable[HalfCycle]) -> list[RapidChange]:
        """The changes that are known to be over with the next half-cycle values."""
        changes: list[RapidChange] = []
        low, high, band = self._dip_end_v, self._swell_end_v, self._band_v
        phases = self._phases
        for number, start, end, rms_v in halves:
            index = int(number)
            phase = phases[index]
            if not low <= rms_v <= high or self._dip or self._swell:
                self._latest[index] = rms_v
                self._watch()
            else:
                self._latest[index] = rms_v
            if self._begin is None:
                mean = phase.total / phase.count
                phase.add(start, rms_v)
                if not self._ready:
                    self._ready = all(one.full and one.steady(band) for one in phases)
                elif not phase.steady(band):
                    self._open(index, start, rms_v, mean)
            else:
                change = self._go_on(phase, self._begin, start, end, rms_v)
                if change is not None:
                    changes.append(change)
        return changes

    def cut(self, at: float) -> list[RapidChange]:
        """End what is running because the samples end at ``at`` after the base."""
        begin, void = self._begin, self._void
        self._begin = None
        self._ready = False
        if begin is None or void:
            return []
        end = max(at, begin)
        farthest = max(self._farthest(phase, begin, end) for phase in self._phases)
        return [RapidChange(begin, end, farthest, None, self._changed(), ("gap",), end)]

    def _watch(self) -> None:
        known = [value for value in self._latest if not math.isnan(value)]
        if self._dip:
            self._dip = min(known) < self._dip_end_v
        else:
            self._dip = min(known) < self._dip_v
        if self._swell:
            self._swell = max(known) > self._swell_end_v
        else:
            self._swell = max(known) > self._swell_v
        if self._begin is not None and (self._dip or self._swell):
            self._void = True

    def _open(self, index: int, start: float, rms_v: float, mean_v: float) -> None:
        self._begin = start
        self._void = self._dip or self._swell
        for number, phase in enumerate(self._phases):
            phase.before = phase.total / phase.count
            phase.far = 0.0
            phase.unsteady = number == index
        self._phases[index].before = mean_v

    def _go_on(
        self, phase: _Second, begin: float, start: float, known: float, rms_v: float
    ) -> RapidChange | None:
        if phase.starts[phase.at] >= begin:
            phase.far = max(phase.far, abs(phase.values[phase.at] - phase.before))
        phase.add(start, rms_v)
        if not phase.unsteady and not phase.steady(self._band_v):
            phase.unsteady = True
        if not all(one.steady(self._narrow_v) for one in self._phases):
            return None
        self._begin = None
        if self._void:
            return None
        end = max(begin, *(one.starts[one.at] for one in self._phases))
        farthest_v = max(self._farthest(one, begin, end) for one in self._phases)
        duss_v = max(abs(one.total / one.count - one.before) for one in self._phases)
        return RapidChange(begin, end, max(farthest_v, duss_v), duss_v, self._changed(), known=known)

    def _farthest(self, phase: _Second, begin: float, end: float) -> float:
        """Of the values that have left the second and of those in it that began until ``end``."""
        inside = (
            abs(value - phase.before)
            for value, start in zip(phase.values, phase.starts, strict=True)
            if begin <= start <= end
        )
        return max(phase.far, 0.0, *inside)

    def _changed(self) -> tuple[str, ...]:
        return tuple(name for name, phase in zip(self._lines, self._phases, strict=True) if phase.unsteady)
