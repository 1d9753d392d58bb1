"""Signals that are known at every moment, many of them through one engine, and what they hold by definition.

A sweep gives every busbar (and its field) of one station another signal. What a window of the instrument must
say is computed from the signal itself: over the window's own edges, without sampling or interpolation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt

from flexcore.model import Measurement
from flexcore.station import SignallingSettings, Station
from support import pq_spectrum
from support.pq import EPOCH_S, NS, UDIN_V, Array, Results, analyse, blocks, make_station

LOG = logging.getLogger("sweep")
Complex = npt.NDArray[np.complex128]
RATE_HZ = 20_000
ORDERS = 50
BUSBARS = 8
#: A 10-min tick that is no 2-h tick.
TICK_S = 1_700_000_400
PHASES = ("l1", "l2", "l3")
#: Over the whole range of frequencies, relative to nominal; more of them near 1, as in a grid.
FREQUENCIES = (0.85, 0.901, 0.98, 0.9985, 1.0, 1.006, 1.02, 1.15)


def latin(count: int, seed: int, **ranges: tuple[float, float]) -> list[dict[str, float]]:
    """A Latin hypercube: ``count`` points that fill the ranges evenly, each range in ``count`` parts."""
    rng = np.random.default_rng(seed)
    columns = {
        name: low + (rng.permutation(count) + rng.random(count)) / count * (high - low)
        for name, (low, high) in ranges.items()
    }
    return [{name: float(column[n]) for name, column in columns.items()} for n in range(count)]


def balanced(rms: float = UDIN_V, degrees: float = 0.0) -> Complex:
    """Phasors of three phases, positive sequence."""
    return np.asarray(rms * np.exp(1j * np.radians(degrees - 120.0 * np.arange(3))), complex)


def unbalanced(rms: float, u2: complex, u0: complex) -> Complex:
    """Phasors of a positive sequence with parts of negative and zero sequence."""
    return rms * (balanced(1.0) + u2 * np.conj(balanced(1.0)) + u0)


@dataclass(frozen=True)
class Wave:
    """One element's signal as a function of time.

    ``phasors`` (channels, orders + 1): RMS of each order with its angle, order 0 is direct current.
    ``hz`` and ``slope_hz_s``: the fundamental's frequency at time 0 and how it grows; ``jumps``: moment and
    degrees by which it jumps (each order by as many times more). ``tones``: frequency and RMS phasors of what
    is no multiple of it. ``gain``: what all of it is multiplied by, (channels or 1, n) at moments (n).
    """

    phasors: Complex
    hz: float = 50.0
    slope_hz_s: float = 0.0
    jumps: tuple[tuple[float, float], ...] = ()
    tones: tuple[tuple[float, Complex], ...] = ()
    gain: Callable[[Array], Array] | None = None

    def turns(self, t: Array) -> Array:
        """Turns of the fundamental since time 0."""
        turns = self.hz * t + 0.5 * self.slope_hz_s * t * t
        for at, degrees in self.jumps:
            turns = turns + (t >= at) * (degrees / 360.0)
        return np.asarray(turns)

    def at(self, t: Array) -> Array:
        """Its values at moments, (channels, n)."""
        scaled = np.sqrt(2.0) * self.phasors
        scaled[:, 0] = self.phasors[:, 0]
        turn = np.exp(2j * np.pi * self.turns(t))
        used = np.flatnonzero(scaled.any(axis=0))
        values = np.zeros((self.phasors.shape[0], t.size))
        power = np.ones_like(turn)
        for h in range(int(used.max()) + 1 if used.size else 0):
            if h:
                power = power * turn
            if h in used:
                values += scaled[:, h].real[:, None] * power.real - scaled[:, h].imag[:, None] * power.imag
        for hz, phasors in self.tones:
            values += np.real(np.sqrt(2.0) * phasors[:, None] * np.exp(2j * np.pi * hz * t))
        return values if self.gain is None else self.gain(t) * values

    def bins(self, start_s: float, end_s: float, last: int, points: int = 1 << 14) -> Complex:
        """RMS phasors of bins 0..last of the window between two moments, (channels, last + 1).

        The Fourier integral over the window (IEC 61000-4-7, 3.1) by its midpoints, some 80 kHz of them.
        """
        t = start_s + (np.arange(points) + 0.5) / points * (end_s - start_s)
        found = np.fft.rfft(self.at(t), axis=1)[:, : last + 1] / points
        found *= np.exp(-1j * np.pi * np.arange(last + 1) / points)
        found[:, 1:] *= np.sqrt(2.0)
        return np.asarray(found)


def single(fundamental: Complex, others: dict[int, Complex | complex] | None = None) -> Complex:
    """Phasors (channels, 51) of a fundamental and some orders."""
    phasors = np.zeros((fundamental.size, ORDERS + 1), complex)
    phasors[:, 1] = fundamental
    for order, value in (others or {}).items():
        phasors[:, order] = value
    return phasors


def rich(rng: np.random.Generator, fundamental: Complex, share: float = 0.01) -> Complex:
    """A fundamental and all orders to 50 of ``share`` of its mean, each at an angle of its own."""
    phasors = single(fundamental)
    angles = rng.uniform(0.0, 2.0 * np.pi, (fundamental.size, ORDERS - 1))
    phasors[:, 2:] = share * np.abs(fundamental).mean() * np.exp(1j * angles)
    return phasors


@dataclass
class Play:
    """Waves of busbars ``b1``... and, where there are any, of their fields ``f1``..., through the engine."""

    busbars: Sequence[Wave]
    fields: Sequence[Wave] = ()
    seconds: float = 1.6
    rate_hz: int = RATE_HZ
    nominal_hz: int = 50
    #: Where time 0 is, in seconds since 1970.
    epoch_s: float = EPOCH_S
    #: RMS of white noise on every channel, relative to Udin (to 100 A).
    noise: float = 0.0
    seed: int = 1
    signals_hz: tuple[float, ...] = ()
    rated_a: float | None = None
    #: What is added to the first channel of an element, as a function of time.
    added: dict[str, Callable[[Array], Array]] = field(default_factory=dict)
    samples: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        station = self._station()
        rng = np.random.default_rng(self.seed)
        t = np.arange(round(self.seconds * self.rate_hz)) / self.rate_hz
        for stem, waves, scale in (("b", self.busbars, UDIN_V), ("f", self.fields, 100.0)):
            for n, wave in enumerate(waves, start=1):
                x = wave.at(t)
                if self.noise:
                    x += self.noise * scale * rng.normal(size=x.shape)
                more = self.added.get(f"{stem}{n}")
                if more is not None:
                    x[0] += more(t)
                self.samples[f"{stem}{n}"] = x
        self.results: Results = analyse(station, blocks(station, self.samples, 200, self.epoch_s))

    def _station(self) -> Station:
        neutral = bool(self.fields) and self.fields[0].phasors.shape[0] == 4
        made = make_station(
            len(self.fields),
            len(self.busbars),
            rate_hz=self.rate_hz,
            nominal_hz=self.nominal_hz,
            neutral=neutral,
        )
        return msgspec.structs.replace(
            made,
            signalling=SignallingSettings(self.signals_hz),
            field=tuple(msgspec.structs.replace(f, rated_a=self.rated_a) for f in made.field),
        )

    @property
    def cycles(self) -> int:
        """Cycles of a window."""
        return self.nominal_hz // 5

    def span(self, m: Measurement) -> tuple[float, float]:
        """Start and end of an interval in seconds after time 0."""
        start = (m.start_ns - round(self.epoch_s * NS)) / NS
        return start, start + m.duration_ns / NS

    def told(self, element: str, interval: str = "200ms") -> list[Measurement]:
        """All of an element but what was still settling."""
        found = [m for m in self.results.measurements(element, interval) if "start" not in m.flags]
        assert found, f"{element}: nothing over {interval}"
        return found

    def windows(self, element: str, whole: Measurement) -> list[Measurement]:
        """The 200-ms windows that make up a longer interval (of the first chain)."""
        return [
            m
            for m in self.results.measurements(element)
            if whole.start_ns <= m.start_ns
            and m.start_ns + m.duration_ns <= whole.start_ns + whole.duration_ns + 1
        ]

    def definition(
        self, wave: Wave, windows: Sequence[Measurement], highest: int = ORDERS
    ) -> dict[str, Array]:
        """RMS by order (orders, channels) of ``h``, ``hg``, ``ih``, ``ihg`` over windows, by definition."""
        last = highest * self.cycles + self.cycles // 2
        sums: dict[str, Array] = {}
        for m in windows:
            bins = wave.bins(*self.span(m), last)
            each = [pq_spectrum.orders(row, self.cycles, highest) for row in bins]
            for kind in each[0]:
                found = np.array([one[kind] for one in each]).T
                sums[kind] = sums.get(kind, 0.0) + found / len(windows)
        return {kind: np.sqrt(squares) for kind, squares in sums.items()}


def spectrum(m: Measurement, kind: str, stem: str = "u", unit: str = "v") -> Array:
    """A spectrum of a measurement, (orders, 3)."""
    return np.array([m.spectra[f"{stem}_{kind}_{x}_{unit}"] for x in PHASES]).T


def values(m: Measurement, *names: str) -> Array:
    """Values of a measurement; not-a-number where there is none."""
    return np.array([np.nan if m.values[name] is None else m.values[name] for name in names], float)


def per_phase(stem: str, suffix: str) -> tuple[str, ...]:
    """Names of a quantity of three phases."""
    return tuple(f"{stem}_{x}_{suffix}" if suffix else f"{stem}_{x}" for x in PHASES)


def check(what: str, errors: npt.ArrayLike, limit: float) -> None:
    """The largest of ``errors`` is at most ``limit``; it is logged (``pytest --log-cli-level=INFO``)."""
    worst = float(np.max(np.abs(np.asarray(errors, float))))
    LOG.info("%s: %.2g of %.2g", what, worst, limit)
    assert worst <= limit, f"{what}: {worst:.3g}, expected at most {limit:g}"  # a nan fails too


def wrapped(degrees: Array) -> Array:
    """Differences of angles, -180 to 180."""
    return np.asarray((degrees + 180.0) % 360.0 - 180.0)
