"""Magnitude, frequency and power over their ranges, with influence quantities."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from flexcore.model import Measurement
from support.pq import UDIN_V, Array, Results, analyse, blocks, make_station, three_phase, times

FREQUENCIES = (42.5, 43.7, 47.1, 49.0, 49.95, 50.0, 50.3, 51.0, 53.3, 55.9, 57.5)
HARMONICS = ((3, 0.06), (5, 0.06), (7, 0.05), (11, 0.035), (13, 0.03), (25, 0.015), (37, 0.01), (49, 0.01))
#: What the harmonics add to the RMS.
DISTORTION = np.sqrt(1.0 + sum(share**2 for _, share in HARMONICS))


def distorted(t: Array, hz: float, rms: float = UDIN_V, lag_deg: float = 0.0) -> Array:
    u = three_phase(t, hz, rms, lag_deg)
    for order, share in HARMONICS:
        shifts = order * (2 * np.pi / 3 * np.arange(3)[:, None])
        u = u + np.sqrt(2.0) * rms * share * np.cos(2 * np.pi * order * hz * t + 0.3 * order - shifts)
    return u


def run(u: Array, i: Array | None = None, **station: int) -> Results:
    rate = station.get("rate_hz", 20_000)
    made = make_station(1, **station)
    signals = {"b1": u, "f1": np.zeros_like(u) if i is None else i}
    results = analyse(made, blocks(made, signals, block_ms=100 if rate % 100 == 0 else 200))
    assert results.measurements("b1")
    return results


def steady(results: Results, element: str = "b1") -> list[Measurement]:
    """Windows after the first, which is flagged; the others must not be."""
    first, *rest = results.measurements(element)
    assert first.flags == ("start",)
    assert rest
    assert all(m.flags == () for m in rest)
    return rest


def each(measurements: list[Measurement], *names: str) -> Array:
    return np.array([[m.values[name] for name in names] for m in measurements], dtype=float)


U = ("u_l1_v", "u_l2_v", "u_l3_v")
U_MIN = ("u_min_l1_v", "u_min_l2_v", "u_min_l3_v")
U_MAX = ("u_max_l1_v", "u_max_l2_v", "u_max_l3_v")


@pytest.mark.parametrize("hz", FREQUENCIES)
def test_half_cycle_and_window_rms_with_harmonics(hz: float) -> None:
    """Urms(1/2) within 0.02 %, U within 0.001 %, f within 0.2 mHz, at every frequency of the range."""
    windows = steady(run(distorted(times(1.6), hz)))
    expected = UDIN_V * DISTORTION
    for names, limit in ((U_MIN, 2e-4), (U_MAX, 2e-4), (U, 1e-5)):
        assert np.abs(each(windows, *names) / expected - 1.0).max() < limit, names
    assert np.abs(each(windows, "f_hz") - hz).max() < 2e-4


@pytest.mark.parametrize("hz", [42.5, 50.0, 57.5])
@pytest.mark.parametrize("influence", ["unbalance", "two phases", "one phase", "swapped", "noise", "dc"])
def test_half_cycle_rms_under_influence(hz: float, influence: str) -> None:
    t = times(1.6)
    u = distorted(t, hz)
    expected = np.full(3, UDIN_V * DISTORTION)
    limit, limit_hz = 2e-4, 1e-3
    if influence == "unbalance":
        scale = np.array([1.0, 0.95, 1.06])
        u, expected = u * scale[:, None], expected * scale
    elif influence == "two phases":
        u[1] = 0.0
        expected[1] = 0.0
    elif influence == "one phase":
        u[:2] = 0.0
        expected[:2] = 0.0
    elif influence == "swapped":
        u = u[::-1]
    elif influence == "noise":
        u = u + 0.005 * UDIN_V * np.random.default_rng(3).normal(size=u.shape)
        expected = np.sqrt(expected**2 + (0.005 * UDIN_V) ** 2)
        limit, limit_hz = 2e-3, 5e-3  # the noise itself: 0.5 % over 400 samples
    else:
        u = u + 0.01 * UDIN_V
        expected = np.sqrt(expected**2 + (0.01 * UDIN_V) ** 2)
    results = run(u)
    windows = results.measurements("b1")[1:]
    for names in (U_MIN, U_MAX):
        assert np.abs(each(windows, *names) - expected).max() < limit * UDIN_V, names
    assert np.abs(each(windows, "f_hz") - hz).max() < limit_hz


@pytest.mark.parametrize("level", [0.1, 0.5, 1.5])
def test_magnitude_over_ten_to_hundred_fifty_percent(level: float) -> None:
    windows = run(three_phase(times(1.0), 50.1, level * UDIN_V)).measurements("b1")[1:]
    assert np.abs(each(windows, *U) / (level * UDIN_V) - 1.0).max() < 1e-5


@pytest.mark.parametrize(("hz", "nominal_hz"), [(51.0, 60), (59.97, 60), (69.0, 60)])
def test_sixty_hertz(hz: float, nominal_hz: int) -> None:
    windows = steady(run(distorted(times(1.6), hz), nominal_hz=nominal_hz))
    assert np.abs(each(windows, *U_MIN) / (UDIN_V * DISTORTION) - 1.0).max() < 2e-4
    assert np.abs(each(windows, "f_hz") - hz).max() < 1e-3
    cycles = windows[0].duration_ns * hz / 1e9
    assert cycles == pytest.approx(12.0, abs=1e-4)


@pytest.mark.parametrize("rate_hz", [1_000, 1_200, 4_000, 14_400, 50_000])
@pytest.mark.parametrize("hz", [43.1, 50.02, 57.0])
def test_other_sampling_rates(rate_hz: int, hz: float) -> None:
    t = times(1.6, rate_hz)
    u = three_phase(t, hz) + 0.05 * three_phase(t, 5 * hz)[::-1]
    windows = steady(run(u, rate_hz=rate_hz))
    limit = 2e-4 if rate_hz >= 4_000 else 1.5e-3
    assert np.abs(each(windows, *U_MIN, *U_MAX) / (UDIN_V * np.sqrt(1.0025)) - 1.0).max() < limit
    assert np.abs(each(windows, "f_hz") - hz).max() < 2e-3


@pytest.mark.parametrize("slope_hz_s", [-2.0, -0.5, 0.5, 2.0])
def test_frequency_follows_a_ramp(slope_hz_s: float) -> None:
    t = times(3.0)
    results = run(three_phase(t, 50.0 + slope_hz_s * (t - 1.5)))
    for m in steady(results):
        middle_s = (m.start_ns + m.duration_ns / 2 - results.items[0].start_ns) / 1e9
        start_s = (results.items[0].start_ns % 10_000_000_000) / 1e9
        expected = 50.0 + slope_hz_s * (start_s + middle_s - 1.5)
        assert m.values["f_hz"] == pytest.approx(expected, abs=2e-3)
        assert np.abs(each([m], *U_MIN, *U_MAX) / UDIN_V - 1.0).max() < 2e-4


@pytest.mark.parametrize("hz", [42.5, 49.9, 57.5])
@pytest.mark.parametrize("lag_deg", [-170.0, -60.0, 0.0, 25.0, 90.0, 179.0])
def test_powers_and_angle(hz: float, lag_deg: float) -> None:
    """Harmonics in voltage and current: P takes part in them, Q and phi do not."""
    t = times(1.4)
    amps = 120.0
    u = distorted(t, hz)
    i = three_phase(t, hz, amps, lag_deg)
    i[0] += np.sqrt(2.0) * 0.2 * amps * np.cos(2 * np.pi * 5 * hz * t)
    windows = steady(run(u, i), "f1")
    u_rms, i_rms = UDIN_V * DISTORTION, amps * np.array([np.sqrt(1.04), 1.0, 1.0])
    angle = np.radians(lag_deg)
    p1, q1 = UDIN_V * amps * np.cos(angle), UDIN_V * amps * np.sin(angle)
    # the current's fifth harmonic is in L1 only; the voltage's is ahead of it by 0.3 * 5
    p = np.full(3, p1)
    p[0] += UDIN_V * 0.06 * 0.2 * amps * np.cos(0.3 * 5)
    s = u_rms * i_rms
    tolerance = 2e-4 * s.max()
    for m in windows:
        v = m.values
        assert np.allclose([v[f"i_{x}_a"] for x in ("l1", "l2", "l3")], i_rms, rtol=1e-5)
        assert np.allclose([v[f"p_{x}_w"] for x in ("l1", "l2", "l3")], p, atol=tolerance)
        assert np.allclose([v[f"q_{x}_var"] for x in ("l1", "l2", "l3")], q1, atol=tolerance)
        assert np.allclose([v[f"s_{x}_va"] for x in ("l1", "l2", "l3")], s, rtol=2e-5)
        assert np.allclose([v[f"pf_{x}"] for x in ("l1", "l2", "l3")], p / s, atol=2e-4)
        phi = np.array([v[f"phi_{x}_deg"] for x in ("l1", "l2", "l3")], dtype=float)
        assert np.abs((phi - lag_deg + 180.0) % 360.0 - 180.0).max() < 0.02
        assert v["p_w"] == pytest.approx(p.sum(), abs=3 * tolerance)
        assert v["q_var"] == pytest.approx(3 * q1, abs=3 * tolerance)
        assert v["s_va"] == pytest.approx(s.sum(), rel=2e-5)
        assert v["pf"] == pytest.approx(p.sum() / s.sum(), abs=2e-4)
        assert v["i_n_a"] is None


def test_neutral_current_is_measured_where_there_is_one() -> None:
    t = times(1.0)
    i = np.concatenate((three_phase(t, 50.0, 10.0), 0.7 * np.sqrt(2) * np.cos(2 * np.pi * 150 * t)[None]))
    made = make_station(1, neutral=True)
    results = analyse(made, blocks(made, {"b1": three_phase(t), "f1": i}))
    assert each(results.measurements("f1"), "i_n_a") == pytest.approx(0.7, rel=1e-5)


def test_no_current_has_no_angle_and_no_power_factor() -> None:
    for m in run(three_phase(times(1.0))).measurements("f1"):
        assert (m.values["i_l1_a"], m.values["p_w"], m.values["s_va"]) == (0.0, 0.0, 0.0)
        assert m.values["pf"] is m.values["pf_l1"] is m.values["phi_l1_deg"] is None


def test_no_voltage_is_flagged_and_has_no_frequency() -> None:
    t = times(2.0)
    results = run(np.zeros((3, t.size)), three_phase(t, 50.0, 5.0))
    for m in results.measurements("b1"):
        assert m.values["f_hz"] is None
        assert {"sync", "dip", "interruption"} <= set(m.flags)
        assert m.duration_ns == pytest.approx(200_000_000, abs=1000)
    for m in results.measurements("f1"):
        assert "sync" in m.flags
        assert m.values["i_l1_a"] == pytest.approx(5.0, rel=1e-4)
        assert m.values["phi_l1_deg"] is None


def test_frequency_is_held_through_an_interruption() -> None:
    t = times(3.0)
    u = three_phase(t, 49.2)
    u[:, (t > 1.0) & (t < 1.7)] = 0.0
    windows = run(u).measurements("b1")
    held = [m for m in windows if "sync" in m.flags]
    assert 3 <= len(held) <= 6
    assert all(m.values["f_hz"] is None for m in held)
    for m in held:
        assert m.duration_ns == pytest.approx(10 / 49.2 * 1e9, rel=5e-3)
    sound = [m for m in windows if "sync" not in m.flags]
    for m in sound:  # the fading edge of the interruption itself may shift the angle a little
        assert m.values["f_hz"] == pytest.approx(49.2, abs=0.1 if "interruption" in m.flags else 5e-3)


def test_windows_follow_each_other_without_a_gap() -> None:
    windows = run(distorted(times(3.0), 50.7)).measurements("b1")
    for before, after in pairwise(windows):
        assert abs(before.start_ns + before.duration_ns - after.start_ns) <= 1
