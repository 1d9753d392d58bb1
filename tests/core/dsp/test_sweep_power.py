"""Currents, powers, energies, K-factor and TDD of the whole engine over all angles and frequencies.

No class is given for powers by IEC 61000-4-30: the limit is 0.1 % of S, half of what class 0.2S allows for
energy (IEC 62053-22). Currents: 0.1 % (5.13), harmonics 0.1 % of the reading.
"""

from __future__ import annotations

import numpy as np
import pytest

from support.pq import UDIN_V, Array
from support.sweep import (
    BUSBARS,
    ORDERS,
    PHASES,
    TICK_S,
    Complex,
    Play,
    Wave,
    check,
    latin,
    per_phase,
    rich,
    unbalanced,
    values,
    wrapped,
)

OF_S = 1e-3
RATED_A = 250.0


def pairs(seed: int, nominal_hz: int, slope: float = 0.0) -> tuple[list[Wave], list[Wave]]:
    """Voltages and currents (with neutral), unbalanced, all orders in both, from 1 to 300 A."""
    rng = np.random.default_rng(seed)
    ranges = {
        "hz": (0.85, 1.15),
        "lag": (-180.0, 180.0),
        "u2": (0.0, 0.05),
        "log_a": (0.0, 2.5),
        "share": (0.0, 0.08),
        "slope": (-slope, slope),
    }
    voltages, currents = [], []
    for q in latin(BUSBARS, seed, **ranges):
        fundamental = unbalanced(UDIN_V, q["u2"] * np.exp(1j * rng.uniform(0.0, 6.28)), 0.02j)
        u = rich(rng, fundamental * np.exp(1j * rng.uniform(0.0, 6.28)))
        amps = 10.0 ** q["log_a"]
        phases = u[:, 1] / UDIN_V * amps * np.exp(-1j * np.radians(q["lag"])) * rng.uniform(0.6, 1.2, 3)
        i = rich(rng, np.append(phases, 0.1 * amps), q["share"])
        i[:, 0] = 0.002 * amps
        hz = nominal_hz - 2.2 * q["slope"] if slope else q["hz"] * nominal_hz
        voltages.append(Wave(u, hz, q["slope"]))
        currents.append(Wave(i, hz, q["slope"]))
    return voltages, currents


def sizes(wave: Wave) -> Array:
    """RMS of each channel."""
    return np.asarray(np.sqrt((np.abs(wave.phasors) ** 2).sum(axis=1)))


def sequence_percent(phasors: Complex) -> Array:
    """Negative and zero against positive sequence."""
    a = np.exp(2j * np.pi / 3)
    parts = [abs(phasors @ np.array((1.0, a**n, a ** (2 * n)))) for n in (1, 2, 0)]
    return 100.0 * np.array(parts[1:]) / parts[0]


@pytest.mark.parametrize("nominal_hz", [50, 60])
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_powers_of_steady_and_gliding_frequencies(nominal_hz: int, slope: float) -> None:
    voltages, currents = pairs(nominal_hz, nominal_hz, slope)
    play = Play(voltages, currents, 4.4, nominal_hz=nominal_hz, epoch_s=TICK_S - 0.6, rated_a=RATED_A)
    for n, (voltage, current) in enumerate(zip(voltages, currents, strict=True), start=1):
        product = voltage.phasors * np.conj(current.phasors[:3])
        s = sizes(voltage) * sizes(current)[:3]
        p, p1, q = product.real.sum(axis=1), product[:, 1].real, product[:, 1].imag
        for m in play.told(f"f{n}", "200ms") + play.told(f"f{n}", "3s"):
            i = values(m, *per_phase("i", "a"), "i_n_a")
            check("I, of the reading", i / sizes(current) - 1.0, 1e-3)
            check("P, of S", (values(m, *per_phase("p", "w")) - p) / s, OF_S)
            check("Q, of S", (values(m, *per_phase("q", "var")) - q) / s, OF_S)
            check("S", values(m, *per_phase("s", "va")) / s - 1.0, OF_S)
            check("PF", values(m, *per_phase("pf", "")) - p / s, OF_S)
            lag = np.degrees(np.angle(product[:, 1]))
            check("phi in degrees", wrapped(values(m, *per_phase("phi", "deg")) - lag), 0.1)
            total = values(m, "p_w", "q_var", "s_va") - np.array((p.sum(), q.sum(), s.sum()))
            check("totals, of S", total / s.sum(), OF_S)
            check("PF of all", values(m, "pf") - p.sum() / s.sum(), OF_S)
        for m in play.told(f"f{n}", "3s"):
            s1 = np.abs(voltage.phasors[:, 1] * current.phasors[:3, 1])
            check("P1, of S", (values(m, *per_phase("p1", "w")) - p1) / s, OF_S)
            check("S1", values(m, *per_phase("s1", "va")) / s1 - 1.0, OF_S)
            check("cos phi", values(m, *per_phase("dpf", "")) - p1 / np.hypot(p1, q), OF_S)
            check("cos phi of all", values(m, "dpf") - p1.sum() / np.hypot(p1.sum(), q.sum()), OF_S)


@pytest.mark.parametrize("nominal_hz", [50, 60])
def test_distortion_of_currents(nominal_hz: int) -> None:
    voltages, currents = pairs(7 + nominal_hz, nominal_hz)
    play = Play(voltages, currents, 4.4, nominal_hz=nominal_hz, epoch_s=TICK_S - 0.6, rated_a=RATED_A)
    order = np.arange(ORDERS + 1)
    for n, current in enumerate(currents, start=1):
        (m,) = play.told(f"f{n}", "3s")
        squares = np.abs(current.phasors) ** 2
        k = (squares * order**2)[:3, 1:].sum(axis=1) / squares[:3, 1:].sum(axis=1)
        check("K-factor", values(m, *per_phase("k", "")) / k - 1.0, 1e-3)
        distortion = np.sqrt(squares[:, 2:].sum(axis=1))
        tdd = values(m, *per_phase("tdd", "percent")) / 100.0 * RATED_A
        check("TDD, of the reading", tdd / distortion[:3] - 1.0, 1e-3)
        thd = values(m, *per_phase("thd_i", "percent"), "thd_i_n_percent") / 100.0
        check("THD of currents, of the reading", thd * np.sqrt(squares[:, 1]) / distortion - 1.0, 1e-3)
        told = np.array([m.spectra[f"i_h_{x}_a"] for x in (*PHASES, "n")])
        check("harmonics of currents", told[:, 1:] / np.sqrt(squares[:, 1:]) - 1.0, 1e-3)
        unbalance = values(m, "i2_percent", "i0_percent") - sequence_percent(current.phasors[:3, 1])
        check("unbalance of currents in percent", unbalance, 0.15)


def test_energies_by_quadrant_are_the_integral() -> None:
    """Power that changes its size and quadrant every 0.7 s, at any frequency, with harmonics.

    Against the integral of the very power, window by window, because direction and quadrant are those of a
    window; what came in less what went out is the integral whatever the windows are.
    """
    rng = np.random.default_rng(3)
    voltages, currents = [], []
    for q in latin(BUSBARS, 3, hz=(42.5, 57.5)):
        u = rich(rng, unbalanced(UDIN_V, 0.02, 0.01))
        i = rich(rng, 100.0 * u[:, 1] / UDIN_V, 0.05)
        level = rng.uniform(-1.0, 1.0, 40)

        def gain(t: Array, level: Array = level) -> Array:
            return np.asarray(level[np.maximum(t / 0.7, 0.0).astype(int)])[None]

        turned = np.exp(-1j * np.radians(rng.uniform(0.0, 180.0)))
        voltages.append(Wave(u, q["hz"]))
        currents.append(Wave(i * turned ** np.arange(ORDERS + 1), q["hz"], gain=gain))
    play = Play(voltages, currents, 8.6, rate_hz=20_000, epoch_s=TICK_S - 8.0)
    names = ("e_import_wh", "e_export_wh", *(f"e_q{n}_varh" for n in range(1, 5)))
    for n, (voltage, current) in enumerate(zip(voltages, currents, strict=True), start=1):
        ten = play.results.measurements(f"f{n}", "10min")[0]
        told = dict(zip(names, values(ten, *names) * 3600.0, strict=True))
        expected = dict.fromkeys(names, 0.0)
        whole = apparent = 0.0
        for m in play.results.measurements(f"f{n}"):
            start, end = play.span(m)
            if start >= 8.0:
                continue
            points = 1 << 12
            t = start + (np.arange(points) + 0.5) / points * (end - start)
            u, i = voltage.at(t), current.at(t)
            p = float((u * i).sum(axis=0).mean()) * (end - start)
            once = np.exp(-2j * np.pi * 10.0 * (t - start) / (end - start))
            u1, i1 = (2.0**0.5 * (x * once).mean(axis=1) for x in (u, i))
            q1 = float((u1 * np.conj(i1)).imag.sum()) * (end - start)
            expected["e_import_wh" if p >= 0.0 else "e_export_wh"] += abs(p)
            quadrant = (1 if q1 >= 0.0 else 4) if p >= 0.0 else (2 if q1 >= 0.0 else 3)
            expected[f"e_q{quadrant}_varh"] += abs(q1)
            whole += p
            apparent += float((sizes(voltage) * np.sqrt((i**2).mean(axis=1))).sum()) * (end - start)
        for name in names:
            check(f"{name}, of the apparent energy", (told[name] - expected[name]) / apparent, OF_S)
        net = told["e_import_wh"] - told["e_export_wh"] - whole
        check("net energy, of the apparent energy", net / apparent, OF_S)
        assert np.count_nonzero([told[name] for name in names]) >= 4
