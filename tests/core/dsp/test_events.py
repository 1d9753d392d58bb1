"""Dips, swells, interruptions: residual voltage, duration, phases, flags, by the polyphase rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flexcore.dsp.events import PolyphaseEvents
from flexcore.dsp.line import Line
from flexcore.dsp.marks import Marks
from flexcore.model import Event
from flexcore.station import EventSettings
from support.pq import (
    UDIN_V,
    Array,
    Results,
    analyse,
    blocks,
    make_station,
    since_epoch_s,
    three_phase,
    times,
)

CYCLE_S = 0.02


def run(u: Array) -> Results:
    made = make_station(0)
    return analyse(made, blocks(made, {"b1": u}, block_ms=200))


def only(events: list[Event]) -> Event:
    assert len(events) == 1, events
    return events[0]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    residual=st.floats(0.0, 0.88),
    cycles=st.floats(2.0, 30.0),
    start_s=st.floats(0.5, 0.54),
    hz=st.sampled_from([42.5, 49.5, 50.0, 50.5, 57.5]),
    hit=st.sets(st.integers(0, 2), min_size=1),
)
def test_rectangular_dip(residual: float, cycles: float, start_s: float, hz: float, hit: set[int]) -> None:
    """Residual within 0.1 % of Udin at any angle, on any phases.

    The edges are found within the cycles: the duration is right within half a cycle, whatever the depth.
    """
    t = times(1.6)
    end_s = start_s + cycles / hz
    u = three_phase(t, hz)
    inside = (t >= start_s) & (t < end_s)
    for phase in hit:
        u[phase, inside] *= residual
    results = run(u)
    begin, end = only(results.events("dip", "begin")), only(results.events("dip", "end"))
    assert begin.id == end.id
    assert -0.5e9 / hz < end.start_ns - begin.start_ns < 1.6e9 / hz
    assert end.reference_v == pytest.approx(UDIN_V)
    assert end.extreme_v is not None
    assert abs(end.extreme_v - residual * UDIN_V) < 1e-3 * UDIN_V
    assert end.phases == tuple(f"l{phase + 1}" for phase in sorted(hit))
    assert end.flags == ()
    assert abs(since_epoch_s(end.start_ns) - start_s) < 0.4 / hz
    assert end.duration_ns is not None
    assert abs(end.duration_ns / 1e9 - (end_s - start_s)) < 0.5 / hz
    # By the standard's stamps: the whole first and the whole last cycle belong to the event.
    assert -0.5 / hz < end.detail["iec_duration_s"] - (end_s - start_s) < 2.3 / hz
    assert not results.events("swell")


@pytest.mark.parametrize("hz", [42.5, 50.05, 57.5])
@pytest.mark.parametrize("jump_deg", [-60.0, -20.0, 15.0, 45.0, 90.0])
@pytest.mark.parametrize("residual", [0.3, 0.7])
def test_dip_with_a_jump_of_the_angle(residual: float, jump_deg: float, hz: float) -> None:
    """The length of the cycle stays right while the angle jumps, so that the residual voltage does.

    A cycle across the jump may truly hold less than one inside the dip: the lowest of all cycles is computed
    here with the known length, and the residual must lie between that and the dip's own voltage.
    """
    t = times(2.0)
    inside = (t > 0.803) & (t < 1.1)
    u = three_phase(t, hz)
    u[:, inside] = three_phase(t, hz, residual * UDIN_V, jump_deg)[:, inside]
    end = only(run(u).events("dip", "end"))
    lowest = sliding_rms(u, 20_000 / hz).min()
    assert end.extreme_v is not None
    assert lowest - 1e-3 * UDIN_V < end.extreme_v < (residual + 1e-3) * UDIN_V
    assert end.duration_ns == pytest.approx(0.297e9, abs=1.2e9 / hz)


def sliding_rms(u: Array, length: float) -> Array:
    total = np.concatenate((np.zeros((3, 1)), np.cumsum(u**2, axis=1)), axis=1)
    edges = np.arange(total.shape[1]) - 0.5
    starts = np.arange(400.0, u.shape[1] - 900.0, 4.0)
    sums = [np.interp(starts + length, edges, row) - np.interp(starts, edges, row) for row in total]
    return np.asarray(np.sqrt(np.array(sums) / length))


def test_swell() -> None:
    t = times(2.0)
    u = three_phase(t, 50.0)
    u[2, (t > 0.8) & (t < 1.2)] *= 1.32
    results = run(u)
    end = only(results.events("swell", "end"))
    assert end.extreme_v == pytest.approx(1.32 * UDIN_V, rel=1e-3)
    assert end.phases == ("l3",)
    assert end.duration_ns == pytest.approx(0.4e9, abs=1.2 * CYCLE_S * 1e9)
    assert not results.events("dip")


def test_interruption_lies_inside_a_dip() -> None:
    t = times(2.5)
    u = three_phase(t, 50.0)
    u[:, (t > 0.8) & (t < 1.3)] *= 0.02
    results = run(u)
    dip, gone = only(results.events("dip", "end")), only(results.events("interruption", "end"))
    assert dip.start_ns <= gone.start_ns
    assert dip.start_ns + dip.duration_ns >= gone.start_ns + gone.duration_ns
    assert gone.extreme_v == dip.extreme_v == pytest.approx(0.02 * UDIN_V, rel=0.02)
    assert gone.phases == ("l1", "l2", "l3")
    assert gone.duration_ns == pytest.approx(0.5e9, abs=0.5 * CYCLE_S * 1e9)


def test_one_phase_lost_is_a_dip_and_no_interruption() -> None:
    t = times(2.0)
    u = three_phase(t, 50.0)
    u[1, (t > 0.8) & (t < 1.3)] = 0.0
    results = run(u)
    assert only(results.events("dip", "end")).phases == ("l2",)
    assert not results.events("interruption")


def test_dips_of_phases_that_overlap_are_one_event() -> None:
    t = times(2.0)
    u = three_phase(t, 50.0)
    u[0, (t > 0.6) & (t < 0.9)] *= 0.7
    u[1, (t > 0.8) & (t < 1.2)] *= 0.4
    end = only(run(u).events("dip", "end"))
    assert end.phases == ("l1", "l2")
    assert end.extreme_v == pytest.approx(0.4 * UDIN_V, rel=1e-3)
    assert end.duration_ns == pytest.approx(0.6e9, abs=1.2 * CYCLE_S * 1e9)


def test_hysteresis_keeps_a_dip_open() -> None:
    t = times(3.0)
    u = three_phase(t, 50.0)
    u[:, (t > 0.6) & (t < 0.9)] *= 0.85
    u[:, (t >= 0.9) & (t < 1.5)] *= 0.91  # above the threshold, below threshold and hysteresis
    u[:, (t >= 1.5) & (t < 1.8)] *= 0.85
    end = only(run(u).events("dip", "end"))
    assert end.duration_ns == pytest.approx(1.2e9, abs=1.2 * CYCLE_S * 1e9)


def test_voltage_just_inside_the_band_is_no_event() -> None:
    t = times(2.0)
    for level in (0.902, 1.098):
        assert not run(three_phase(t, 50.0, level * UDIN_V)).events()


def test_begin_is_told_before_the_end_is_known() -> None:
    t = times(3.0)
    u = three_phase(t, 50.0)
    u[:, t > 1.0] *= 0.6
    results = run(u)
    begin = only(results.events("dip"))
    assert begin.state == "begin"
    assert begin.duration_ns is None
    assert begin.extreme_v is not None
    made = make_station(0)
    first = [b for b in blocks(made, {"b1": u}, block_ms=10) if b.start_ns < begin.start_ns + 90_000_000]
    assert analyse(made, first).events("dip", "begin"), "told within 90 ms of sample time after its start"


def test_an_event_flags_the_windows_it_touches_and_their_aggregate() -> None:
    t = times(7.0)
    u = three_phase(t, 50.0)
    u[0, (t > 4.0) & (t < 4.3)] *= 0.5
    i = three_phase(t, 50.0, 10.0)
    made = make_station(1)
    results = analyse(made, blocks(made, {"b1": u, "f1": i}))
    dip = only(results.events("dip", "end"))
    for element in ("b1", "f1"):
        for m in results.measurements(element):
            apart = (
                m.start_ns + m.duration_ns <= dip.start_ns
                or m.start_ns >= dip.start_ns + dip.duration_ns + 20_000_000
            )
            close = abs(m.start_ns - dip.start_ns - dip.duration_ns) < 20_000_000
            assert ("dip" in m.flags) != apart or close
        assert ["dip" in m.flags for m in results.measurements(element, "3s")] == [False, True]


def test_event_at_the_very_start_says_so() -> None:
    begin = only(run(three_phase(times(1.0), 50.0, 0.6 * UDIN_V)).events("dip", "begin"))
    assert begin.flags == ("start",)


def half(phase: int, at: float, rms: float) -> list[float]:
    return [float(phase), at, at + 400.0, rms * UDIN_V]


def test_rule_table_value_by_value() -> None:
    """Any phase begins a dip, all must end it; all begin an interruption, any ends it."""
    events = PolyphaseEvents("b1", UDIN_V, EventSettings(), Line(20_000), Marks(1))
    script = [
        ((0, 1.0), []), ((1, 1.0), []), ((2, 1.0), []),
        ((0, 0.8999), ["dip begin"]), ((1, 0.04), []), ((2, 0.04), []),
        ((0, 0.04), ["interruption begin"]), ((1, 0.06), []), ((2, 0.0699), []),
        ((0, 0.0701), ["interruption end"]), ((1, 0.95), []), ((2, 0.95), []), ((0, 0.9199), []),
        ((0, 0.9201), ["dip end"]), ((1, 1.1001), ["swell begin"]), ((2, 0.85), ["dip begin"]),
        ((1, 1.0801), []), ((1, 1.0799), ["swell end"]), ((2, 0.93), ["dip end"]),
    ]  # fmt: skip
    for n, ((phase, rms), expected) in enumerate(script):
        told = events.take([half(phase, n * 66.0, rms)])
        assert [f"{e.type} {e.state}" for e in told] == expected, n
