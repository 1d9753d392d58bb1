"""Generated signals: a station in plausible service, the same for the same seed and start.

Every sample follows from its index on the UTC grid alone (and from where a run's disturbances start), so no
state has to be carried and a chunk may be left out. Per chunk of 50 ms a basis of a few sines is computed and
all channels are one matrix product of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from flexcore.simulator.disturbances import Script
from flexcore.simulator.samples import Array, Chunk, Notice
from flexcore.station import Busbar, Field, Station

#: Orders of the sines that signals consist of.
ORDERS = (1, 5, 7, 11)
_VOLTAGE_HARMONICS = (1.0, 0.015, 0.010, 0.005)
_CURRENT_HARMONICS = (1.0, 0.040, 0.025, 0.010)
#: Slow wander of the frequency: deviation in Hz and period in s.
_WANDER = ((0.015, 47), (0.008, 13))
#: Full scale over the largest load: room for inrush and for faults.
_CURRENT_HEADROOM = 10.0
_NOISE_CHUNKS = 20
_PHASES = ("l1", "l2", "l3")

Complex = npt.NDArray[np.complex128]


class Generator:
    """A :class:`~flexcore.simulator.samples.Signal` of the whole ``station``."""

    def __init__(self, station: Station, seed: int, script: Script) -> None:
        self._rate_hz = station.acquire.rate_hz
        self._frequency_hz = station.station.nominal_frequency_hz
        self._script = script
        random = np.random.default_rng(seed)
        self._wander_phase = random.uniform(0.0, 2.0 * math.pi, len(_WANDER))
        phasors: list[Complex] = []
        rows: list[tuple[int, int]] = []  # phase (or -1 for a neutral), element
        peaks: list[float] = []
        noise: list[float] = []
        feeders = _feeders(station)
        for position, element in enumerate(station.elements):
            if isinstance(element, Busbar):
                rms, shares = element.earth_v, _VOLTAGE_HARMONICS
                angle, spread = 0.0, 0.004
                peak, sigma = 2.5 * math.sqrt(2.0) * rms, 2e-4 * rms
            else:
                rms, shares = random.uniform(20.0, 150.0), _CURRENT_HARMONICS
                angle, spread = random.uniform(0.10, 0.45), 0.04
                if element.id in feeders:  # its power flows towards the busbar
                    rms, angle = random.uniform(60.0, 120.0), math.pi + random.uniform(-0.05, 0.05)
                peak, sigma = _CURRENT_HEADROOM * 150.0 * math.sqrt(2.0), 5e-4 * rms
            order_angles = random.uniform(0.0, 2.0 * math.pi, len(ORDERS))
            order_angles[0] = -angle
            for phase in range(len(element.channels)):
                if phase < 3:
                    size = rms * math.sqrt(2.0) * (1.0 + random.uniform(-spread, spread))
                    turn = -2.0 * math.pi / 3.0 * phase + random.uniform(-spread, spread) / 2.0
                    phasors.append(
                        size * np.array(shares) * np.exp(1j * (np.array(ORDERS) * turn + order_angles))
                    )
                else:
                    phasors.append(np.zeros(len(ORDERS), np.complex128))
                rows.append((phase if phase < 3 else -1, position))
                peaks.append(peak)
                noise.append(sigma if phase < 3 else 0.0)
        c = np.array(phasors)
        #: x = Re(sum c e^(jh theta)) as weights of cos and sin
        self._weights = np.hstack([c.real, -c.imag])
        self._element = np.array([position for _, position in rows])
        self._phase = np.array([phase for phase, _ in rows])
        self._neutral = np.flatnonzero(self._phase < 0)
        self._peaks = np.array(peaks)
        self._sigma = np.array(noise, np.float32)[:, None]
        self._random = random
        self._noise: Array | None = None
        count = len(station.elements)
        is_field = np.array([isinstance(e, Field) for e in station.elements])
        self._swing = np.where(
            is_field, random.uniform(0.03, 0.12, count), random.uniform(0.002, 0.006, count)
        )
        self._swing_s = random.integers(20, 120, count)
        self._swing_phase = random.uniform(0.0, 2.0 * math.pi, count)

    @property
    def peaks(self) -> Array:
        """Full scale of each channel."""
        return self._peaks

    def _theta(self, grid: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The fundamental's angle; whole periods are taken off in integers, where nothing is rounded."""
        theta = 2.0 * math.pi * ((grid * self._frequency_hz) % self._rate_hz) / self._rate_hz
        for (deviation_hz, period_s), phase in zip(_WANDER, self._wander_phase, strict=True):
            at = (grid % (period_s * self._rate_hz)) / (period_s * self._rate_hz)
            theta += deviation_hz * period_s * np.sin(2.0 * math.pi * at + phase)
        return theta

    def _level(self, at: int) -> npt.NDArray[np.float64]:
        """Factor of each channel at grid index ``at``: voltages and loads come and go slowly."""
        turn = (at % (self._swing_s * self._rate_hz)) / (self._swing_s * self._rate_hz)
        level = 1.0 + self._swing * np.sin(2.0 * math.pi * turn + self._swing_phase)
        levels: npt.NDArray[np.float64] = level[self._element][:, None]
        return levels

    def _values(self, first: int, count: int) -> Array:
        grid = np.arange(first, first + count, dtype=np.int64)
        theta = self._theta(grid)
        unit = np.exp(1j * theta)
        waves = np.stack([unit**order for order in ORDERS])
        basis = np.vstack([waves.real, waves.imag])
        ramp = np.arange(count) / count
        level, next_level = self._level(first), self._level(first + count)
        weights = np.hstack([self._weights * level, self._weights * (next_level - level)])
        basis = np.vstack([basis, basis * ramp])
        values: Array = weights.astype(np.float32) @ basis.astype(np.float32)
        if self._noise is None or self._noise.shape[2] != count:
            shape = (_NOISE_CHUNKS, len(self._peaks), count)
            self._noise = self._random.standard_normal(shape, np.float32) * self._sigma
        values += self._noise[(first // count) % _NOISE_CHUNKS]
        return values

    def chunks(self, start: int, count: int) -> Iterator[Chunk | Notice]:
        """Endless chunks; a notice goes before the chunk in which a disturbance starts."""
        first = start
        while True:
            values = self._values(first, count)
            active = self._script.active(first - start, count)
            if active:
                factor = self._script.envelope(active, count)
                for phase in range(3):
                    values[self._phase == phase] *= factor[phase]
            for n in self._neutral:
                values[n] = values[n - 3 : n].sum(axis=0)
            for d, begins, _ in active:
                if begins >= 0:
                    start_ns = (first + begins) * 1_000_000_000 // self._rate_hz
                    about = {
                        "kind": d.kind,
                        "start_ns": start_ns,
                        "duration_s": d.duration_s,
                        "percent": d.percent,
                        "phases": list(d.phases),
                    }
                    yield Notice("disturbance", about)
            yield Chunk(first, values)
            first += count


def _feeders(station: Station) -> set[str]:
    """One field of each busbar feeds in, as a solar park does: its last one."""
    last: dict[str, str] = {f.busbar: f.id for f in station.field}
    return set(last.values())
