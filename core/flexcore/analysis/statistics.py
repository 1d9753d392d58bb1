"""Running statistics over measurements: memory does not grow with the recording."""

from __future__ import annotations

import math
from collections import Counter

from flexcore.analysis.results import IntervalResult, Spectrum, Statistic
from flexcore.model import Measurement
from flexcore.quantities import BY_NAME

NS = 1_000_000_000


class _One:
    """One quantity: smallest, largest, when, and the mean."""

    def __init__(self, name: str) -> None:
        known = BY_NAME.get(name)
        self.unit = known.unit if known is not None else ""
        self._angle = self.unit == "°"
        self._count = 0
        self._sum = self._east = self._north = 0.0
        self._low, self._high = math.inf, -math.inf
        self._low_ns = self._high_ns = 0

    def add(self, value: float, at_ns: int) -> None:
        self._count += 1
        if self._angle:
            self._east += math.cos(math.radians(value))
            self._north += math.sin(math.radians(value))
        else:
            self._sum += value
        if value < self._low:
            self._low, self._low_ns = value, at_ns
        if value > self._high:
            self._high, self._high_ns = value, at_ns

    def result(self, zero_ns: int) -> Statistic:
        mean = self._sum / self._count
        if self._angle:
            mean = math.degrees(math.atan2(self._north, self._east))
        return Statistic(
            unit=self.unit,
            count=self._count,
            mean=mean,
            min=self._low,
            min_at_s=(self._low_ns - zero_ns) / NS,
            max=self._high,
            max_at_s=(self._high_ns - zero_ns) / NS,
        )


class _Places:
    """One spectrum: mean and largest value per place."""

    def __init__(self) -> None:
        self._sums: list[float] = []
        self._counts: list[int] = []
        self._highs: list[float] = []

    def add(self, values: tuple[float, ...]) -> None:
        missing = len(values) - len(self._sums)
        if missing > 0:
            self._sums += [0.0] * missing
            self._counts += [0] * missing
            self._highs += [-math.inf] * missing
        for n, value in enumerate(values):
            if value is not None and math.isfinite(value):
                self._sums[n] += value
                self._counts[n] += 1
                self._highs[n] = max(self._highs[n], value)

    def result(self) -> Spectrum:
        return Spectrum(
            mean=tuple(s / n if n else None for s, n in zip(self._sums, self._counts, strict=True)),
            max=tuple(h if n else None for h, n in zip(self._highs, self._counts, strict=True)),
        )


class Statistics:
    """All quantities of one element in one interval, in the order in which they came."""

    def __init__(self) -> None:
        self._count = 0
        self._flags: Counter[str] = Counter()
        self._quantities: dict[str, _One] = {}
        self._spectra: dict[str, _Places] = {}

    def add(self, m: Measurement) -> None:
        """One measurement."""
        self._count += 1
        self._flags.update(m.flags)
        for name, value in m.values.items():
            if value is not None and math.isfinite(value):
                self._quantities.setdefault(name, _One(name)).add(value, m.start_ns)
        for name, places in m.spectra.items():
            self._spectra.setdefault(name, _Places()).add(places)

    def result(self, zero_ns: int) -> IntervalResult:
        """What there was; ``zero_ns`` is the time of the recording's first sample."""
        return IntervalResult(
            count=self._count,
            flags=dict(self._flags),
            quantities={name: one.result(zero_ns) for name, one in self._quantities.items()},
            spectra={name: places.result() for name, places in self._spectra.items()},
        )
