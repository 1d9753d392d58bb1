"""The clock's intervals: windows begin anew at 10-min ticks, 10-s frequencies, 10 min and 2 h."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from flexcore.dsp import StationAnalyser
from flexcore.dsp.flicker import ShortTerm
from flexcore.dsp.flickering import Flicker
from flexcore.model import Measurement
from flexcore.quantities import PHASES, of_busbar, of_field
from support.pq import NS, UDIN_V, Array, Results, analyse, blocks, make_station, three_phase, times

RATE_HZ = 4_000
#: A 10-min tick that is no 2-h tick, and one that is.
TICK_S = 1_700_000_400
TWO_HOURS_S = 1_700_006_400
BEFORE_S = 8.0


def played(hz: float | Array, seconds: float, tick_s: int = TICK_S, block_ms: int = 50) -> Results:
    made = make_station(1, rate_hz=RATE_HZ)
    t = times(seconds, RATE_HZ)
    signals = {"b1": three_phase(t, hz), "f1": three_phase(t, hz, 10.0, 30.0)}
    return analyse(made, blocks(made, signals, block_ms, tick_s - BEFORE_S))


def at_s(m: Measurement, tick_s: int = TICK_S) -> float:
    return (m.start_ns - tick_s * NS) / NS


@pytest.mark.parametrize("hz", [50.0, 49.3, 50.62])
def test_windows_begin_anew_at_the_tick_and_the_old_ones_finish(hz: float) -> None:
    results = played(hz, 20.0)
    for element in ("b1", "f1"):
        windows = results.measurements(element)
        before = [m for m in windows if at_s(m) < 0.0]
        anew = [m for m in windows if at_s(m) >= 0.0]
        assert 0.0 <= at_s(anew[0]) < 1.0 / hz
        overlap_ns = before[-1].start_ns + before[-1].duration_ns - anew[0].start_ns
        assert 0 <= overlap_ns < 0.2 * NS
        for chain in (before, anew):
            for a, b in pairwise(chain):
                assert abs(a.start_ns + a.duration_ns - b.start_ns) <= 1
        threes = results.measurements(element, "3s")
        old = [m for m in threes if at_s(m) < 0.0]
        new = [m for m in threes if at_s(m) >= 0.0]
        assert new[0].start_ns == anew[0].start_ns
        assert old[-1].start_ns + old[-1].duration_ns > TICK_S * NS, "the running 3-s interval is completed"
        for m in threes:
            assert m.duration_ns == pytest.approx(150 / hz * NS, rel=1e-5)
            assert m.coverage == pytest.approx(1.0, abs=1e-6)
            told = of_busbar("3s", PHASES) if element == "b1" else of_field("3s")
            assert set(m.values) == {q.name for q in told}


def test_ten_minutes_take_the_windows_that_begin_in_them() -> None:
    """Twenty seconds of it are played; the voltage steps at the tick, of which the last window has a part."""
    made = make_station(1, rate_hz=1_000)
    t = times(620.0, 1_000)
    level = np.where(t < BEFORE_S, 1.0, 0.95)
    signals = {"b1": level * three_phase(t, 50.03), "f1": three_phase(t, 50.03, 10.0, 30.0)}
    results = analyse(made, blocks(made, signals, 200, TICK_S - BEFORE_S))
    for element in ("b1", "f1"):
        windows = results.measurements(element)
        first, second = results.measurements(element, "10min")
        assert (at_s(first), at_s(second)) == (-600.0, 0.0)
        assert first.duration_ns == second.duration_ns == 600 * NS
        parts = [m for m in windows if at_s(m) < 0.0]
        assert first.coverage == pytest.approx(sum(m.duration_ns for m in parts) / (600 * NS), abs=1e-6)
        assert "start" in first.flags
        assert second.coverage == 1.0
        assert second.flags == ()
        name = "u_l1_v" if element == "b1" else "p_w"
        power = 2 if element == "b1" else 1
        for m, chosen in ((first, parts), (second, [m for m in windows if 0.0 <= at_s(m) < 600.0])):
            mean = np.mean([float(w.values[name] or 0.0) ** power for w in chosen]) ** (1 / power)
            assert m.values[name] == pytest.approx(mean, rel=1e-9)
    wanted = {q.name for q in of_field("10min")}
    assert set(second.values) == wanted
    assert second.values["e_import_wh"] == pytest.approx((second.values["p_w"] or 0.0) / 6.0, rel=1e-9)
    assert second.values["e_q1_varh"] == pytest.approx((second.values["q_var"] or 0.0) / 6.0, rel=1e-9)
    assert second.values["e_export_wh"] == second.values["e_q4_varh"] == 0.0
    assert len(second.spectra["i_h_l1_a"]) == len(second.spectra["i_ha_l3_deg"]) == 8
    assert len(second.spectra["i_ih_l2_a"]) == 7
    assert second.spectra["i_h_l1_a"][1] == pytest.approx(10.0, rel=1e-4)


def test_two_hours_are_twelve_ten_minutes() -> None:
    """At 1 kHz, over a gap: every part counts alike, flags and coverage are inherited."""
    made = make_station(0, rate_hz=1_000)
    t = times(1300.0, 1_000)
    signals = {"b1": three_phase(t, 50.0) * np.where(t < 600.0, 1.0, 1.05)}
    stream = [
        b
        for b in blocks(made, signals, 200, TWO_HOURS_S - 1200.0)
        if not 700 <= (b.start_ns - (TWO_HOURS_S - 1200) * NS) / NS < 760
    ]
    results = analyse(made, stream)
    tens = results.measurements("b1", "10min")
    (whole,) = results.measurements("b1", "2h")
    assert len(tens) == 2
    assert at_s(whole, TWO_HOURS_S) == -7200.0
    assert whole.duration_ns == 7200 * NS
    squares = [float(m.values["u_l1_v"] or 0.0) ** 2 for m in tens]
    assert whole.values["u_l1_v"] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-9)
    assert tens[1].coverage == pytest.approx(0.9, abs=0.002)
    assert "gap" in tens[1].flags
    assert "gap" in whole.flags
    assert whole.coverage == pytest.approx(1140 / 7200, abs=0.001)
    assert set(whole.values) == {q.name for q in of_busbar("2h", PHASES)}


@pytest.mark.parametrize("hz", [42.5, 49.0, 49.98765, 50.0, 51.3, 57.5])
def test_frequency_over_ten_seconds_within_a_millihertz(hz: float) -> None:
    made = make_station(0, rate_hz=RATE_HZ)
    t = times(25.0, RATE_HZ)
    rng = np.random.default_rng(8)
    u = three_phase(t, hz)
    for h in (3, 5, 7, 11, 13):
        u += three_phase(t, h * hz, 0.06 * UDIN_V, 40.0 * h)
    u[1] *= 0.8
    u += 0.01 * UDIN_V * rng.normal(size=u.shape)
    results = analyse(made, blocks(made, {"b1": u}, 50, TICK_S - BEFORE_S))
    tens = results.measurements("b1", "10s")
    assert [round(at_s(m), 6) for m in tens] == [0.0]
    assert tens[0].duration_ns == 10 * NS
    assert tens[0].values["f_10s_hz"] == pytest.approx(hz, abs=1e-3)


def test_frequency_of_a_ramp_is_its_mean_and_a_dead_grid_has_none() -> None:
    made = make_station(0, rate_hz=RATE_HZ)
    t = times(40.0, RATE_HZ)
    u = three_phase(t, 49.5 + 0.03 * (t - BEFORE_S))
    u[:, (t > 25.0) & (t < 27.0)] = 0.0
    results = analyse(made, blocks(made, {"b1": u}, 50, TICK_S - BEFORE_S))
    first, second, third = results.measurements("b1", "10s")
    assert first.values["f_10s_hz"] == pytest.approx(49.65, abs=1e-3)
    assert (first.flags, second.values["f_10s_hz"]) == ((), None)
    assert {"sync", "interruption", "dip"} <= set(second.flags)
    assert third.values["f_10s_hz"] == pytest.approx(50.25, abs=2e-3)


def test_block_size_does_not_matter_across_a_tick() -> None:
    told = {}
    t = times(20.0, RATE_HZ)
    for block_ms in (10, 50, 200):
        results = played(49.7 + 0.02 * t, 20.0, TWO_HOURS_S, block_ms)
        told[block_ms] = sorted(map(repr, results.items))
    assert any("interval='2h'" in line for line in told[10])
    assert told[10] == told[50] == told[200]


def test_a_gap_over_the_tick_leaves_both_sides() -> None:
    made = make_station(1, rate_hz=1_000)
    t = times(620.0, 1_000)
    signals = {"b1": three_phase(t), "f1": three_phase(t, 50.0, 10.0)}
    stream = [
        b
        for b in blocks(made, signals, 200, TICK_S - BEFORE_S)
        if not -0.5 <= (b.start_ns - TICK_S * NS) / NS < 1.0
    ]
    results = analyse(made, stream, StationAnalyser(made))
    for element in ("b1", "f1"):
        first, second = results.measurements(element, "10min")
        assert "gap" in first.flags
        assert first.coverage == pytest.approx((BEFORE_S - 0.5) / 600, abs=5e-4)
        assert second.coverage == pytest.approx(599.0 / 600, abs=5e-4)
        assert replace(second, flags=()).values["u_l1_v" if element == "b1" else "i_l1_a"] is not None


def test_flicker_of_ten_minutes_and_of_the_last_two_hours() -> None:
    """39 changes a minute of 0.894 % are Pst 1 (IEC 61000-4-15 ed. 2, table 5); a steady phase has none."""
    made = make_station(0, rate_hz=1_000)
    t = times(630.0, 1_000)
    high = (t - BEFORE_S) * 39 / 60 % 2.0 < 1.0
    u = three_phase(t, 50.0)
    u[0] *= 1.0 + np.where(high, 0.00447, -0.00447)
    results = analyse(made, blocks(made, {"b1": u}, 200, TICK_S - BEFORE_S))
    first, second = results.measurements("b1", "10min")
    assert first.values["pst_l1"] is None, "eight seconds are not ten minutes"
    assert second.values["pst_l1"] == pytest.approx(1.0, abs=0.02)
    assert second.values["pst_l2"] is not None
    assert second.values["pst_l2"] < 0.05
    assert second.values["plt_sliding_l1"] is None, "there are no twelve yet"
    assert second.values["pinst_l1"] == max(
        float(m.values["pinst_l1"] or 0.0) for m in results.measurements("b1", "3s") if 0.0 <= at_s(m) < 600.0
    )


def test_plt_is_the_cubic_mean_of_twelve() -> None:
    flicker = Flicker(1_000, 50, UDIN_V)
    first = TWO_HOURS_S - 7200
    for n in range(13):
        pst = None if n == 12 else 0.5 + 0.1 * n
        flicker.keep([ShortTerm((first + 600 * n) * 1_000, (pst, 1.0, None), (1.0, 1.0, 0.0))])
        number = first // 600 + n
        if n == 11:
            expected = np.cbrt(np.mean([(0.5 + 0.1 * k) ** 3 for k in range(12)]))
            assert flicker.ten_minutes(number)["plt_sliding_l1"] == pytest.approx(expected, rel=1e-9)
            two_hours = flicker.two_hours(first // 7200)
            assert two_hours == {"plt_l1": pytest.approx(expected, rel=1e-9), "plt_l2": 1.0, "plt_l3": None}
        else:
            assert flicker.ten_minutes(number)["plt_sliding_l1"] is None
    assert flicker.ten_minutes(first // 600 + 12)["plt_sliding_l2"] == 1.0
