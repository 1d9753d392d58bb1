"""A busbar whose voltages are judged between phases: what is told, and that an earth fault is no dip."""

from __future__ import annotations

import numpy as np
import pytest

from flexcore.dsp.rows import VoltageRow
from flexcore.dsp.spectrum import spectrometer
from flexcore.model import Trace, Waveform
from flexcore.quantities import PAIRS, PHASES, of_busbar
from flexcore.station import Station
from support.pq import NOMINAL_V, UDIN_V, Array, Results, analyse, blocks, make_station, three_phase, times

STATION = make_station(voltages="phase_to_phase")
CURRENT_A = 100.0


def between(u: Array) -> Array:
    """L1-L2, L2-L3, L3-L1."""
    return u - np.roll(u, -1, axis=0)


def told(u: Array, t: Array, station: Station = STATION, block_ms: int = 50) -> Results:
    signals = {"b1": u, "f1": three_phase(t, 50.0, CURRENT_A, 30.0)}
    return analyse(station, blocks(station, signals, block_ms))


def whole(results: Results, interval: str) -> list[dict[str, float | None]]:
    return [m.values for m in results.measurements("b1", interval) if not m.flags]


def test_above_1_kv_voltages_are_judged_between_phases_unless_the_file_says_otherwise() -> None:
    high, low = make_station().busbar[0], STATION.busbar[0]
    assert (high.lines, high.udin_v) == (PHASES, UDIN_V)
    assert (low.lines, low.udin_v) == (PAIRS, NOMINAL_V)


@pytest.mark.parametrize("hz", [42.5, 50.0, 57.5])
def test_rms_and_spectra_are_those_of_the_differences(hz: float) -> None:
    t = times(9.0)
    rng = np.random.default_rng(7)
    turns = 2 * np.pi * hz * t
    u = np.zeros((3, t.size))
    phasors = {1: UDIN_V * np.exp(-2j * np.pi / 3 * np.arange(3))}
    for order in (3, 5, 7, 25, 50):  # any angles: triplens have a part between phases too
        phasors[order] = 0.03 * UDIN_V * np.exp(2j * np.pi * rng.random(3))
    for order, phasor in phasors.items():
        u += np.sqrt(2.0) * (phasor[:, None] * np.exp(1j * order * turns)).real
    results = told(u, t)
    values = whole(results, "3s")[-1]
    spectrum = next(m.spectra for m in results.measurements("b1", "3s") if not m.flags)
    square = np.zeros(3)
    for order, phasor in phasors.items():
        size = np.abs(phasor - np.roll(phasor, -1))
        square += size**2
        for name, expected in zip(PAIRS, size, strict=True):
            assert spectrum[f"u_h_{name}_v"][order] == pytest.approx(expected, rel=1e-3)
    for name, expected in zip(PAIRS, np.sqrt(square), strict=True):
        assert values[f"u_{name}_v"] == pytest.approx(expected, rel=1e-5)
    for n, name in enumerate(PHASES):
        earth = np.sqrt(sum(abs(phasor[n]) ** 2 for phasor in phasors.values()))
        assert values[f"u_{name}_v"] == pytest.approx(earth, rel=1e-5)
    assert values["f_hz"] == pytest.approx(hz, abs=1e-4)
    assert set(values) == {q.name for q in of_busbar("3s", PAIRS)}


def test_rows_over_a_planned_window_are_those_of_a_plan_of_its_own() -> None:
    """All but the angles, which count from the fundamental of phase 1 to earth: L1-L2 is 30 degrees ahead."""
    meter = spectrometer(20_000, 50)
    t = np.arange(12_000) / 20_000.0
    u = three_phase(t, 50.2) + 0.04 * three_phase(t, 5 * 50.2, lag_deg=40.0)
    pairs = np.ascontiguousarray(between(u), np.float32)
    for start, length in ((3000.25, 3984.06), (3001.9, 4000.0)):
        plan, _ = meter.plan(np.ascontiguousarray(u, np.float32), start, start + length, UDIN_V, ())
        _, own = meter.plan(pairs, start, start + length, NOMINAL_V, (383.0, 1350.0))
        row = meter.between(plan, pairs, start, NOMINAL_V, (383.0, 1350.0))
        layout = VoltageRow(meter.orders, 2)
        np.testing.assert_allclose(row[: layout.base], own[: layout.base], rtol=1e-7)
        np.testing.assert_array_equal(layout.tables(row)[:4], layout.tables(own)[:4])
        real, imaginary = layout.tables(row)[4:, :, 0]
        assert np.degrees(np.arctan2(imaginary[1], real[1])) == pytest.approx(30.0, abs=0.1)
    with pytest.raises(ValueError, match="around both edges"):
        meter.between(plan, np.ascontiguousarray(pairs[:, :6000]), 3000.0, NOMINAL_V, ())


def test_powers_are_those_against_the_voltages_to_earth() -> None:
    t = times(2.0)
    results = told(three_phase(t), t)
    values = [m.values for m in results.measurements("f1") if not m.flags][-1]
    assert values["p_w"] == pytest.approx(3 * UDIN_V * CURRENT_A * np.cos(np.radians(30.0)), rel=1e-5)
    assert values["phi_l1_deg"] == pytest.approx(30.0, abs=1e-3)


def test_an_earth_fault_without_earthed_neutral_is_no_dip_but_is_seen() -> None:
    t = times(3.0)
    u = three_phase(t)
    fault = t >= 1.0
    u[:, fault] -= u[0, fault]  # phase 1 lies at earth, the others stand at the voltage between phases
    results = told(u, t)
    assert not results.events()
    last = results.measurements("b1")[-1].values
    assert last["u_l1_v"] == pytest.approx(0.0, abs=1.0)
    assert last["u_l2_v"] == pytest.approx(NOMINAL_V, rel=1e-4)
    assert last["u_l12_v"] == pytest.approx(NOMINAL_V, rel=1e-4)
    assert last["u0_percent"] == pytest.approx(100.0, rel=1e-3)
    assert last["u2_percent"] == pytest.approx(0.0, abs=0.01)
    to_earth = told(u, t, make_station())
    assert {e.type for e in to_earth.events()} >= {"dip", "swell"}


def test_a_short_between_two_phases_is_a_dip_of_that_pair_with_waveform_and_trace() -> None:
    t = times(3.0)
    u = three_phase(t)
    fault = (t >= 1.2) & (t < 1.5)
    both = 0.5 * (u[0] + u[1])
    difference = 0.5 * (u[0] - u[1])
    u[0, fault], u[1, fault] = (both + 0.4 * difference)[fault], (both - 0.4 * difference)[fault]
    results = told(u, t)
    (dip,) = results.events("dip", "end")
    assert dip.extreme_v == pytest.approx(0.4 * NOMINAL_V, rel=2e-3)
    assert dip.reference_v == NOMINAL_V
    assert dip.duration_ns == pytest.approx(0.3e9, abs=10e6)
    assert "l12" in dip.phases and set(dip.phases) <= set(PAIRS)
    pieces = [w for w in results.items if isinstance(w, Waveform) and w.element == "b1"]
    assert all(w.channels == ("u_l1", "u_l2", "u_l3") for w in pieces)
    assert pieces and np.abs(np.concatenate([w.samples for w in pieces], axis=1)).max() == pytest.approx(
        np.sqrt(2.0) * UDIN_V, rel=1e-3
    )
    rows = np.concatenate([x.rows for x in results.items if isinstance(x, Trace) and x.element == "b1"])
    of_l12 = rows[rows[:, 2] == 0]
    assert of_l12[:, 3].min() == pytest.approx(0.4 * NOMINAL_V, rel=2e-3)
    assert of_l12[:, 3].max() == pytest.approx(NOMINAL_V, rel=2e-3)
    assert {dip.id} == set(pieces[0].events)


def test_flicker_and_signals_are_of_the_pairs() -> None:
    t = times(9.0)
    u = three_phase(t, rms=UDIN_V * (1.0 + 0.5 * 0.01 * np.sin(2 * np.pi * 8.8 * t)))
    results = told(u, t)
    values = whole(results, "3s")[-1]
    assert {f"pinst_{x}" for x in PAIRS} <= set(values) and "pinst_l1" not in values
    known = values["pinst_l12"]
    earth = told(u, t, make_station())
    assert known == pytest.approx(whole(earth, "3s")[-1]["pinst_l1"], rel=0.01)


@pytest.mark.parametrize("block_ms", [10, 50, 200, 1000])
def test_how_samples_are_cut_changes_nothing(block_ms: int) -> None:
    t = times(3.0)
    rng = np.random.default_rng(3)
    u = three_phase(t, 50.3) + rng.normal(0.0, 20.0, (3, t.size))
    u[0, (t > 1.1) & (t < 1.3)] *= 0.3
    found, other = told(u, t, STATION, block_ms), told(u, t, STATION, 20)
    for element in ("b1", "f1"):
        assert found.measurements(element) == other.measurements(element)
    assert found.events() == other.events()
    assert found.events("dip", "end")
