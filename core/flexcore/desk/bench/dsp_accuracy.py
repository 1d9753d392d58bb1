"""How wrong the instrument is at most, over whole ranges: the engine itself on signals that are known.

Each function returns the largest error it found. The tests of the instrument hold the same limits with more
influence quantities; here the figures are printed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from flexcore.desk.bench.flicker_points import Run, Signal, modulated, tables, triples
from flexcore.desk.bench.station import RATE_HZ
from flexcore.dsp import StationAnalyser
from flexcore.dsp.flicker import INTERVAL_S
from flexcore.model import Block, Event, Measurement
from flexcore.ports import Result
from flexcore.station import Station, parse_station

Array = npt.NDArray[np.float64]

NS = 1_000_000_000
UDIN_V = 230.0
START_S = 1_700_000_000
PHASES = ("l1", "l2", "l3")
FREQUENCIES = (42.5, 45.2, 49.0, 49.5, 49.93, 50.0, 50.17, 50.5, 51.0, 54.4, 57.5)
_EMISSION = ((3, 0.05), (5, 0.06), (7, 0.05), (11, 0.035), (13, 0.03), (25, 0.015), (49, 0.005))


def _station() -> Station:
    return parse_station(
        '[station]\nid = "bench"\nname = "Bench"\n[[busbar]]\nid = "bb1"\nname = "B"\n'
        f"nominal_v = {UDIN_V * np.sqrt(3.0)}\nsensor.stream = 1"
    )


def _blocks(u: Array) -> Iterator[Block]:
    n = RATE_HZ // 20
    first = START_S * 20
    samples = u.astype(np.float32)
    for k in range(u.shape[1] // n):
        start_ns = (first + k) * n * NS // RATE_HZ
        piece = np.ascontiguousarray(samples[:, k * n : (k + 1) * n])
        yield Block("bb1", first + k, start_ns, float(RATE_HZ), ("u_l1", "u_l2", "u_l3"), piece)


def _told(u: Array) -> list[Result]:
    analyser = StationAnalyser(_station())
    return [item for block in _blocks(u) for item in analyser.process(block)]


def _sound(items: list[Result], interval: str) -> list[Measurement]:
    return [
        m for m in items if isinstance(m, Measurement) and m.interval == interval and "start" not in m.flags
    ]


def _times(seconds: float) -> Array:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def _sine(t: Array, hz: float, rms: float, shift: float = 0.0) -> Array:
    """The same in three phases, a third of a turn (of this frequency's order) apart."""
    thirds = np.arange(3)[:, None] / 3.0
    return np.asarray(np.sqrt(2.0) * rms * np.cos(2 * np.pi * (hz * t - thirds) + shift))


def harmonics_percent_of_reading() -> float:
    """h2..h50 at 1 % of Udin each, beside the full fundamental."""
    worst = 0.0
    t = _times(6.6)
    for hz in FREQUENCIES:
        u = _sine(t, hz, UDIN_V)
        for h in range(2, 51):
            u += _sine(t, h * hz, 0.01 * UDIN_V, 0.3 * h * h)
        for m in _sound(_told(u), "3s"):
            found = np.array([m.spectra[f"u_h_{x}_v"][2:] for x in PHASES])
            worst = max(worst, float(np.abs(found / (0.01 * UDIN_V) - 1.0).max()))
    return 100.0 * worst


def false_interharmonic_percent() -> float:
    """The largest interharmonic, in percent of Udin, that a 2 % tone between 2.6 and 10 kHz pretends.

    Tones lie on the raster of 5 Hz: what leaks off it is a property of the prescribed window.
    """
    worst = 0.0
    t = _times(6.4)
    tones = np.arange(2600.0, 10_000.0, 5.0)[::37]
    for chosen in tones.reshape(-1, 1) + np.array([0.0, 65.0, 125.0]):
        u = _sine(t, 50.0, UDIN_V)
        for phase, tone in enumerate(chosen):
            u[phase] += np.sqrt(2.0) * 0.02 * UDIN_V * np.cos(2 * np.pi * min(tone, 9995.0) * t + phase)
        m = _sound(_told(u), "3s")[0]
        worst = max(worst, *(max(m.spectra[f"u_ih_{x}_v"]) for x in PHASES))
    return 100.0 * worst / UDIN_V


def half_cycle_rms_percent() -> float:
    """Urms(1/2), with harmonics, over 42.5 to 57.5 Hz."""
    worst = 0.0
    t = _times(1.6)
    expected = UDIN_V * np.sqrt(1.0 + sum(share**2 for _, share in _EMISSION))
    for hz in FREQUENCIES:
        u = _sine(t, hz, UDIN_V)
        for h, share in _EMISSION:
            u += _sine(t, h * hz, share * UDIN_V, 0.4 * h)
        for m in _sound(_told(u), "200ms"):
            for name in (f"u_{kind}_{x}_v" for kind in ("min", "max") for x in PHASES):
                worst = max(worst, abs(float(m.values[name] or 0.0) / expected - 1.0))
    return 100.0 * worst


def frequency_mhz() -> float:
    """10-s frequency, with harmonics and noise."""
    worst = 0.0
    t = _times(21.0)
    rng = np.random.default_rng(4)
    for hz in FREQUENCIES:
        u = _sine(t, hz, UDIN_V)
        for h, share in _EMISSION:
            u += _sine(t, h * hz, share * UDIN_V, 0.4 * h)
        u += 0.005 * UDIN_V * rng.normal(size=u.shape)
        for m in (item for item in _told(u) if isinstance(item, Measurement) and item.interval == "10s"):
            worst = max(worst, abs(float(m.values["f_10s_hz"] or 0.0) - hz))
    return 1000.0 * worst


def dips() -> tuple[float, float]:
    """Largest errors of 120 random dips: residual voltage (percent of Udin), duration (cycles)."""
    rng = np.random.default_rng(12)
    residual = duration = 0.0
    t = _times(3.0)
    for _ in range(120):
        hz = float(rng.uniform(49.0, 51.0))
        level = float(rng.uniform(0.05, 0.85))
        begins = 1.0 + float(rng.uniform(0.0, 0.02))
        lasts = float(rng.uniform(0.04, 0.8))
        inside = (t >= begins) & (t < begins + lasts)
        u = _sine(t, hz, UDIN_V)
        phases = [0, 1, 2] if rng.random() < 0.5 else [int(rng.integers(3))]
        u[phases] = np.where(inside, _sine(t, hz, level * UDIN_V)[phases], u[phases])
        ends = [e for e in _told(u) if isinstance(e, Event) and e.type == "dip" and e.state == "end"]
        if len(ends) != 1 or ends[0].duration_ns is None or ends[0].extreme_v is None:
            return float("inf"), float("inf")
        residual = max(residual, abs(ends[0].extreme_v / UDIN_V - level))
        duration = max(duration, abs(ends[0].duration_ns / NS - lasts) * hz)
    return 100.0 * residual, duration


def flicker() -> tuple[list[float], list[float]]:
    """Pinst (20 kHz) and Pst (2 kHz) at every point of the tables for 230 V and 50 Hz; all should be 1."""
    points = tables()["230v-50hz"]
    pinst: list[float] = []
    for wave in ("sine", "rectangular"):
        table = points[f"pinst_{wave}"]
        for hz, dv_percent in triples(table["hz"], table["dv_pct"]):
            pinst += Run(_flickering(hz, dv_percent, wave, RATE_HZ), RATE_HZ).highest(30.0, 40.0)
    pst: list[float] = []
    table = points["pst_rectangular"]
    for per_minute, dv_percent in triples(table["changes_per_minute"], table["dv_pct"]):
        hz = np.asarray(per_minute / 120.0, np.float64)
        run = Run(_flickering(hz, dv_percent, "rectangular", 2_000), 2_000, lead_s=20.0)
        run.until(INTERVAL_S)
        pst += [float(value or 0.0) for value in run.ended[-1].pst]
    return pinst, pst


def _flickering(hz: Array, dv_percent: Array, wave: str, rate_hz: int) -> Signal:
    return lambda t: modulated(t, hz, dv_percent, wave, 50.0, rate_hz)
