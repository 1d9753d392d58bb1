"""What is kept of events: waveforms, traces and origin; rapid changes and transients as events."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from flexcore.model import PIECE_SAMPLES, Event, Located, Trace, Waveform
from flexcore.station import Station, parse_station
from support.pq import (
    NS,
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
from support.pq_twins import rms

RATE_HZ = 20_000


def station(events: str = "") -> Station:
    base = make_station(2, neutral=True)
    text = ['[station]\nid = "s1"\nname = "S"']
    for busbar in base.busbar:
        text.append(
            f'[[busbar]]\nid = "{busbar.id}"\nname = "B"\nnominal_v = {busbar.nominal_v}\nsensor.stream = 1\n'
            f'voltages = "{busbar.judged}"'
        )
    for n, field in enumerate(base.field):
        text.append(
            f'[[field]]\nid = "{field.id}"\nname = "F"\nbusbar = "b1"\nneutral = true\nsensor.stream = 1{n}'
        )
    return parse_station("\n".join([*text, f"[events]\n{events}"]))


def fault(seconds: float, begin_s: float, end_s: float, residual: float = 0.5) -> dict[str, Array]:
    """A short circuit along f1, fed from behind f2, the supply (its current comes out of the field)."""
    t = times(seconds)
    inside = (t >= begin_s) & (t < end_s)
    u = np.where(inside, residual, 1.0) * three_phase(t)
    f1 = np.where(inside, three_phase(t, 50.0, 900.0, 70.0), three_phase(t, 50.0, 40.0, 20.0))
    f2 = -f1
    neutral = np.zeros((1, t.size))
    return {"b1": u, "f1": np.concatenate((f1, neutral)), "f2": np.concatenate((f2, neutral + 1.0))}


def of(results: Results, kind: type, element: str | None = None) -> list:  # type: ignore[type-arg]
    return [item for item in results.items if isinstance(item, kind) and element in (None, item.element)]


def joined(pieces: list[Waveform]) -> tuple[float, Array]:
    """Start in seconds since the epoch and samples of pieces without a seam."""
    for a, b in pairwise(pieces):
        assert a.start_ns + a.samples.shape[1] * NS // RATE_HZ == b.start_ns
        assert a.samples.shape[1] == PIECE_SAMPLES
    return since_epoch_s(pieces[0].start_ns), np.concatenate([p.samples for p in pieces], axis=1)


@pytest.mark.parametrize("block_ms", [10, 50, 200])
def test_a_dip_comes_with_its_waveform_its_trace_and_its_origin(block_ms: int) -> None:
    made = station()
    signals = fault(3.0, 1.2, 1.5)
    results = analyse(made, blocks(made, signals, block_ms))
    begin, end = results.events("dip")
    assert (begin.state, end.state) == ("begin", "end")
    (located,) = of(results, Located)
    assert located.events == (begin.id,)
    assert (located.origin.place, located.origin.field) == ("field", "f1")
    assert located.origin.confidence > 0.8
    assert {f.field: f.direction for f in located.origin.fields} == {"f1": "downstream", "f2": "upstream"}
    assert located.origin.fields[0].methods
    for element, signal in signals.items():
        start_s, samples = joined(of(results, Waveform, element))
        assert start_s == pytest.approx(since_epoch_s(begin.start_ns) - 0.1, abs=1e-4)
        first = round(start_s * RATE_HZ)
        assert np.array_equal(samples, signal[:, first : first + samples.shape[1]].astype(np.float32))
        length_s = samples.shape[1] / RATE_HZ
        assert start_s + length_s == pytest.approx(
            since_epoch_s(end.start_ns + end.duration_ns) + 0.1, abs=1e-3
        )
        (trace,) = of(results, Trace, element)
        assert len(trace.rows) == pytest.approx(length_s * 300, abs=10)
        for at_s, cycle_s, phase, value, neutral in trace.rows[::17]:
            at = (since_epoch_s(trace.start_ns) + at_s) * RATE_HZ
            edges = (at, at + cycle_s * RATE_HZ)
            expected = rms(signal[int(phase)].astype(np.float32), *edges)
            assert value == pytest.approx(expected, rel=1e-4)
            if element == "b1":
                assert np.isnan(neutral)
            else:
                assert neutral == pytest.approx(rms(signal[3], *edges), abs=1e-6)


def test_of_a_long_event_begin_and_end_are_kept() -> None:
    made = station("pre_ms = 40\npost_ms = 60\nlongest_ms = 300")
    results = analyse(made, blocks(made, fault(4.0, 1.2, 2.7)))
    begin, end = results.events("dip")
    pieces = of(results, Waveform, "f1")
    spans = [
        (since_epoch_s(p.start_ns), since_epoch_s(p.start_ns) + p.samples.shape[1] / RATE_HZ) for p in pieces
    ]
    start_s = since_epoch_s(begin.start_ns)
    end_s = since_epoch_s(end.start_ns + end.duration_ns)
    assert spans == [
        pytest.approx((start_s - 0.04, start_s + 0.3), abs=1e-3),
        pytest.approx((end_s - 0.04, end_s + 0.06), abs=1e-3),
    ]


def test_an_interruption_inside_a_dip_is_captured_with_it() -> None:
    made = station()
    results = analyse(made, blocks(made, fault(3.0, 1.2, 1.5, 0.01)))
    ids = {e.id for e in results.events(state="end")}
    assert {e.type for e in results.events(state="end")} == {"dip", "interruption"}
    assert len(of(results, Located)) == 1
    for waveform in of(results, Waveform):
        assert set(waveform.events) == ids


def test_events_apart_are_captured_apart() -> None:
    made = station()
    signals = fault(4.0, 1.2, 1.4)
    later = fault(4.0, 2.2, 2.5)
    signals = {name: np.where(times(4.0) < 1.9, signals[name], later[name]) for name in signals}
    results = analyse(made, blocks(made, signals))
    ids = [e.id for e in results.events("dip", "end")]
    assert len(ids) == 2
    assert [located.events for located in of(results, Located)] == [(name,) for name in ids]
    assert {w.events for w in of(results, Waveform)} == {(name,) for name in ids}


def test_samples_that_are_missing_are_left_out() -> None:
    made = station()
    stream = [
        b
        for b in blocks(made, fault(4.0, 1.2, 1.5))
        if not (b.source == "f2" and 1.3 <= since_epoch_s(b.start_ns) < 1.4)
    ]
    results = analyse(made, stream)
    assert of(results, Waveform, "f1")
    for piece in of(results, Waveform, "f2"):
        start_s = since_epoch_s(piece.start_ns)
        assert not start_s < 1.4 < start_s + piece.samples.shape[1] / RATE_HZ
        assert not start_s < 1.3 < start_s + piece.samples.shape[1] / RATE_HZ
    (located,) = of(results, Located)
    assert {f.field: f.direction for f in located.origin.fields}["f2"] in ("unknown", "upstream")


def test_a_rapid_change_is_an_event_and_a_dip_is_none() -> None:
    made = station()
    t = times(6.0)
    step = np.where(t < 2.5, 1.0, 0.955)
    flat = np.zeros((4, t.size))
    results = analyse(made, blocks(made, {"b1": step * three_phase(t), "f1": flat, "f2": flat}))
    (event,) = [item for item in results.items if isinstance(item, Event)]
    assert (event.type, event.state, event.reference_v) == ("rvc", "end", pytest.approx(UDIN_V))
    assert event.detail["dumax_percent"] == pytest.approx(4.5, abs=0.05)
    assert event.detail["duss_percent"] == pytest.approx(4.5, abs=0.05)
    assert since_epoch_s(event.start_ns) == pytest.approx(2.5, abs=0.03)
    assert of(results, Waveform, "b1")[0].events == (event.id,)
    assert not of(results, Located)


def test_a_transient_is_an_event_and_the_edges_of_a_dip_are_none() -> None:
    made = station()
    t = times(4.0)
    u = three_phase(t)
    ringing = (t >= 1.305) & (t < 1.308)
    u[1] += np.where(
        ringing,
        0.7 * UDIN_V * np.sin(2 * np.pi * 1800 * (t - 1.305)) * np.exp(-np.abs(t - 1.305) / 1e-3),
        0.0,
    )
    dipped = (t >= 2.4) & (t < 2.6)
    u[:, dipped] *= 0.4
    flat = np.zeros((4, t.size))
    results = analyse(made, blocks(made, {"b1": u, "f1": flat, "f2": flat}))
    events = [item for item in results.items if isinstance(item, Event)]
    assert [e.type for e in events] == ["transient", "dip", "dip"]
    transient = events[0]
    assert since_epoch_s(transient.start_ns) == pytest.approx(1.305, abs=5e-4)
    assert transient.duration_ns is not None
    assert transient.duration_ns < 4_000_000
    assert transient.phases == ("l2",)
    assert transient.extreme_v is not None
    assert 0.3 * UDIN_V < abs(transient.extreme_v) < 0.75 * UDIN_V
    (waveform,) = [w for w in of(results, Waveform, "b1") if w.events == (transient.id,)]
    assert waveform.samples.shape[1] == pytest.approx(0.2 * RATE_HZ, abs=80)


def test_a_swinging_grid_is_captured_only_so_often() -> None:
    """Every dip is told, eight are captured at once, and one more for every fifteen seconds."""
    made = station()
    t = times(36.0)
    dipped = (t % 1.0 < 0.1) & (t > 1.0)
    flat = np.zeros((4, t.size))
    results = analyse(
        made, blocks(made, {"b1": np.where(dipped, 0.5, 1.0) * three_phase(t), "f1": flat, "f2": flat})
    )
    assert len(results.events("dip", "begin")) == 35
    captured = [since_epoch_s(int(located.events[0].rsplit("-", 1)[1])) for located in of(results, Located)]
    assert [round(at) for at in captured] == [1, 2, 3, 4, 5, 6, 7, 8, 16, 31]
    assert len({w.events for w in of(results, Waveform)}) == len(captured)
