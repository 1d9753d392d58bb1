"""What must never pass for a sound value: saturation, wrong phase order, no voltage, direct current, time
that jumps back, channels that come and go, numbers that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flexcore.dsp import StationAnalyser
from flexcore.dsp.marks import MOST, Marks
from flexcore.model import Block, Measurement, Span
from flexcore.ports import Result
from support.pq import (
    EPOCH_S,
    UDIN_V,
    Array,
    analyse,
    blocks,
    make_station,
    since_epoch_s,
    three_phase,
    times,
)

RATE = 4_000
STATION = make_station(2, rate_hz=RATE)
FIRST = EPOCH_S * RATE


def station_signals(seconds: float, hz: float | Array = 50.1) -> dict[str, Array]:
    t = times(seconds, RATE)
    return {
        "b1": three_phase(t, hz),
        "f1": three_phase(t, hz, 10.0, 20.0),
        "f2": three_phase(t, hz, 20.0, -35.0),
    }


def marked(stream: list[Block], spans: dict[str, list[Span]]) -> list[Block]:
    """The blocks with ``spans`` (samples after the epoch) of each element marked as saturated."""
    out = []
    for block in stream:
        n = block.samples.shape[1]
        first = block.sequence * n - FIRST
        inside = [
            (max(a - first, 0), min(b - first, n))
            for a, b in spans.get(block.source, [])
            if a < first + n and b > first
        ]
        out.append(replace(block, saturated=tuple(inside)))
    return out


def span_of(m: Measurement) -> tuple[float, float]:
    """In samples after the epoch."""
    return since_epoch_s(m.start_ns) * RATE, since_epoch_s(m.start_ns + m.duration_ns) * RATE


def without_flags(items: list[Result]) -> list[str]:
    return sorted(repr(replace(i, flags=()) if hasattr(i, "flags") else i) for i in items)


SPANS: dict[str, list[Span]] = {
    "b1": [(4_321, 4_330), (4_333, 4_334), (11_999, 12_001), (20_000, 20_400)],
    "f1": [(7_000, 7_001)],
    "f2": [(0, 3), (15_999, 16_000), (16_800, 16_801)],
}


def test_marks_answer_as_a_set_of_numbers_does() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        near = int(rng.integers(1, 8))
        marks, truth = Marks(near), np.zeros(400, bool)
        for _ in range(int(rng.integers(1, 30))):
            first = int(rng.integers(0, 380))
            after = first + int(rng.integers(1, 20))
            marks.add(first, after)
            truth[first:after] = True
        for _ in range(100):
            first = int(rng.integers(0, 390))
            after = first + int(rng.integers(near, 60))
            assert marks.touch(first, after) == truth[first:after].any()


def test_marks_do_not_grow() -> None:
    marks = Marks(10)
    for k in range(5 * MOST):
        marks.add(100 * k, 100 * k + 1)
    assert len(marks._spans) <= MOST
    assert marks.touch(0, 1)
    assert not marks.touch(100 * 5 * MOST - 99, 100 * 5 * MOST - 1)


def test_saturation_flags_what_it_touches_and_alters_no_value() -> None:
    stream = list(blocks(STATION, station_signals(7.0)))
    plain = analyse(STATION, stream).items
    results = analyse(STATION, marked(stream, SPANS))
    assert without_flags(results.items) == without_flags(plain)
    cycle = RATE / 50
    for element in ("b1", "f1", "f2"):
        sources = {element, "b1"}
        for interval in ("200ms", "3s"):
            told = results.measurements(element, interval)
            assert told
            for m in told:
                start, end = span_of(m)
                inside = any(a < end and b > start for s in sources for a, b in SPANS[s])
                around = any(a < end + 12 and b > start - cycle - 12 for s in sources for a, b in SPANS[s])
                assert inside <= ("saturated" in m.flags) <= around, (element, interval, start, end)
    assert any("saturated" not in m.flags for m in results.measurements("f2"))
    assert any("saturated" in m.flags for m in results.measurements("b1"))


def test_saturation_flags_the_ten_seconds_of_the_frequency() -> None:
    stream = list(blocks(STATION, station_signals(32.0)))
    tens = analyse(STATION, marked(stream, {"b1": [(15 * RATE, 15 * RATE + 1)]})).measurements("b1", "10s")
    assert [("saturated" in m.flags) for m in tens] == [since_epoch_s(m.start_ns) == 10.0 for m in tens]
    assert len(tens) >= 2


@pytest.mark.parametrize("block_ms", [10, 50, 250])
def test_block_size_never_changes_a_flag(block_ms: int) -> None:
    """Marks, turned phases, and an hour-long outage in which a current leads: bit by bit."""
    data = station_signals(9.0)
    data["b1"][:, 3 * RATE : 8 * RATE] *= 0.001
    data["b1"][1:, 8 * RATE + 1000 :] = data["b1"][:0:-1, 8 * RATE + 1000 :]
    expected = analyse(STATION, marked(list(blocks(STATION, data, 100)), SPANS)).items
    items = analyse(STATION, marked(list(blocks(STATION, data, block_ms)), SPANS)).items
    assert sorted(map(repr, items)) == sorted(map(repr, expected))
    told = "".join(map(repr, items))
    assert all(f"'{flag}'" in told for flag in ("saturated", "rotation", "sync", "interruption"))


@pytest.mark.parametrize(("at", "flagged"), [(4_000, False), (8_005, True), (9_990, True), (13_000, False)])
def test_an_event_is_flagged_when_its_own_samples_are_saturated(at: int, flagged: bool) -> None:
    data = station_signals(5.0)
    data["b1"][0, 8_000:10_000] *= 0.6
    results = analyse(STATION, marked(list(blocks(STATION, data)), {"b1": [(at, at + 3)]}))
    ends = results.events("dip", "end")
    assert len(ends) == 1
    assert ("saturated" in ends[0].flags) is flagged
    assert all("saturated" not in e.flags for e in results.events("dip", "begin")) is (at != 8_005)


@pytest.mark.parametrize(
    ("at", "rvc", "transient"),
    [
        (2_000, False, False),
        (9_000, True, False),  # in the steady second before the change
        (12_100, True, False),
        (15_000, True, False),  # in the steady second after it
        (24_001, False, True),
        (26_000, False, False),
    ],
)
def test_rapid_changes_and_transients_are_flagged(at: int, rvc: bool, transient: bool) -> None:
    data = station_signals(8.0)
    data["b1"][:, 12_003:] *= 0.95
    data["b1"][1, 24_000:24_003] += 0.7 * UDIN_V
    results = analyse(STATION, marked(list(blocks(STATION, data)), {"b1": [(at, at + 1)]}))
    change, impulse = results.events("rvc")[0], results.events("transient")[0]
    assert ("saturated" in change.flags) is rvc
    assert ("saturated" in impulse.flags) is transient


@pytest.mark.parametrize("hz", [42.5, 50.0, 57.5])
@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (2, 1, 0)])
def test_phases_that_turn_the_other_way_are_flagged_and_have_no_unbalance(
    hz: float, order: tuple[int, ...]
) -> None:
    data = {name: signal[list(order)] for name, signal in station_signals(3.5, hz).items()}
    data["b1"][0] *= 1.02
    results = analyse(STATION, blocks(STATION, data))
    for interval in ("200ms", "3s"):
        for m in results.measurements("b1", interval):
            assert "rotation" in m.flags
            assert m.values["u2_percent"] is None
            assert m.values["u0_percent"] is None
            assert m.values["u_l2_v"] == pytest.approx(UDIN_V, rel=0.021)
            assert m.values["f_hz"] == pytest.approx(hz, rel=1e-5)
        for m in results.measurements("f1", interval):
            assert "rotation" in m.flags
            assert m.values["p_w"] == pytest.approx(3.02 * UDIN_V * 10.0 * np.cos(np.radians(20.0)), rel=0.02)
            assert m.values.get("i2_percent") is None


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1)])
def test_phases_moved_round_are_in_order(order: tuple[int, ...]) -> None:
    data = {name: signal[list(order)] for name, signal in station_signals(2.0).items()}
    windows = analyse(STATION, blocks(STATION, data)).measurements("b1")
    assert not any("rotation" in m.flags for m in windows)
    assert all(m.values["u2_percent"] == pytest.approx(0.0, abs=0.01) for m in windows)


def short_between_phases(u: Array) -> Array:
    """L2 and L3 joined: both at their mean, the positive and the negative sequence equal."""
    mean = 0.5 * (u[1] + u[2])
    return np.array([u[0], mean, mean])


@pytest.mark.parametrize(
    "spoil",
    [
        short_between_phases,
        lambda u: u * np.array([[0.0], [1.0], [1.0]]),
        lambda u: u * np.array([[1.0], [0.0], [0.0]]),
        lambda u: u * 0.002,
        lambda u: u[:1] + u[:2].sum(axis=0),
    ],
    ids=["short", "one missing", "two missing", "nearly nothing", "all alike"],
)
def test_no_fault_of_the_grid_passes_for_a_wrong_phase_order(spoil) -> None:  # type: ignore[no-untyped-def]
    data = station_signals(3.0)
    data["b1"] = np.broadcast_to(spoil(data["b1"]), data["b1"].shape)
    for m in analyse(STATION, blocks(STATION, data)).measurements("b1"):
        assert "rotation" not in m.flags


@pytest.mark.parametrize("hz", [43.0, 49.7, 57.0])
@pytest.mark.parametrize("missing", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
def test_a_missing_phase_neither_takes_nor_bends_the_others(hz: float, missing: tuple[int, ...]) -> None:
    data = station_signals(3.5, hz)
    data["b1"][list(missing)] = 0.0
    results = analyse(STATION, blocks(STATION, data))
    for m in results.measurements("b1")[1:]:
        assert "dip" in m.flags
        assert "sync" not in m.flags
        assert m.values["f_hz"] == pytest.approx(hz, abs=2e-4)
        for n in range(3):
            expected = 0.0 if n in missing else UDIN_V
            assert m.values[f"u_l{n + 1}_v"] == pytest.approx(expected, rel=2e-4, abs=1.0)


@pytest.mark.parametrize("hz", [42.5, 46.1, 50.0, 53.9, 57.5])
@pytest.mark.parametrize("part", [-1.0, -0.2, 0.02, 0.5, 1.0])
def test_direct_current_is_order_zero_and_moves_no_crossing(hz: float, part: float) -> None:
    data = station_signals(3.5, hz)
    plain = analyse(STATION, blocks(STATION, data))
    data["b1"] = data["b1"] + part * UDIN_V * np.array([[1.0], [-0.5], [0.25]])
    results = analyse(STATION, blocks(STATION, data))
    for m, clean in zip(results.measurements("b1"), plain.measurements("b1"), strict=True):
        assert abs(m.start_ns - clean.start_ns) < 100_000
        assert m.values["f_hz"] == pytest.approx(hz, abs=5e-4)
        assert m.values["u_l1_v"] == pytest.approx(UDIN_V * np.hypot(1.0, part), rel=2e-4)
        assert m.values["u2_percent"] == pytest.approx(0.0, abs=0.01)
    for m in results.measurements("b1", "3s"):
        for n, share in enumerate((1.0, -0.5, 0.25)):
            spectrum = m.spectra[f"u_h_l{n + 1}_v"]
            assert spectrum[0] == pytest.approx(abs(part * share) * UDIN_V, rel=2e-3)
            assert spectrum[1] == pytest.approx(UDIN_V, rel=2e-4)
            assert max(spectrum[2:]) < 2e-4 * UDIN_V
    extremes = [e.extreme_v for e in results.events("swell", "end")]
    assert all(v == pytest.approx(UDIN_V * np.hypot(1.0, part), rel=2e-3) for v in extremes)


def outage(seconds: float, hz: float | Array, dead_s: float) -> dict[str, Array]:
    """The voltage is gone from ``dead_s`` on (fuses), the currents flow on; the second is the larger."""
    data = station_signals(seconds, hz)
    data["b1"][:, round(dead_s * RATE) :] = 0.0
    return data


def drift(seconds: float) -> Array:
    t = times(seconds, RATE)
    return 50.0 + np.clip(0.05 * (t - 3.0), 0.0, 0.3)


def hz_of(m: Measurement) -> float:
    return 10e9 / m.duration_ns


def test_without_voltage_the_largest_current_leads_and_all_is_flagged() -> None:
    results = analyse(STATION, blocks(STATION, outage(20.0, drift(20.0), 2.0)))
    late = [m for m in results.measurements("b1") if since_epoch_s(m.start_ns) > 13.0]
    assert len(late) > 30
    for m in late:
        assert {"sync", "interruption"} <= set(m.flags)
        assert m.values["f_hz"] is None
        assert hz_of(m) == pytest.approx(50.3, abs=2e-3)
    for m in results.measurements("f2"):
        assert m.values["i_l1_a"] == pytest.approx(20.0, rel=2e-3)
        assert ("sync" in m.flags) == (since_epoch_s(m.start_ns + m.duration_ns) > 2.0)
    long = [m for m in results.measurements("f2", "3s") if since_epoch_s(m.start_ns) > 13.0]
    assert all(max(m.spectra["i_ih_l1_a"][1:]) < 20.0 * 1e-4 for m in long)


@pytest.mark.parametrize("hz", [43.0, 50.0, 57.0])
def test_a_current_without_voltage_from_the_start(hz: float) -> None:
    """Nothing was ever known: nominal, until a current within reach says otherwise."""
    results = analyse(STATION, blocks(STATION, outage(9.0, hz, 0.0)))
    last = results.measurements("b1")[-1]
    assert "sync" in last.flags
    assert hz_of(last) == pytest.approx(hz if hz == 50.0 else 50.0, abs=2e-3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda i, rng: 0.0 * i,
        lambda i, rng: rng.normal(size=i.shape),
        lambda i, rng: 10.0 * np.sign(np.sin(2 * np.pi * 17.0 * times(12.0, RATE))) + 0.0 * i,
        lambda i, rng: i * (rng.random(i.shape[1]) < 0.02),
        lambda i, rng: 10.0 + 0.0 * i,
    ],
    ids=["none", "noise", "another frequency", "switched", "direct"],
)
def test_what_is_no_current_of_the_grid_does_not_lead(spoil) -> None:  # type: ignore[no-untyped-def]
    data = outage(12.0, 50.2, 4.0)
    rng = np.random.default_rng(3)
    for name in ("f1", "f2"):
        data[name] = np.asarray(spoil(data[name], rng))
    for m in analyse(STATION, blocks(STATION, data)).measurements("b1")[25:]:
        assert "sync" in m.flags
        assert hz_of(m) == pytest.approx(50.2, abs=5e-3)


def test_a_field_that_is_silent_or_saturated_is_not_asked() -> None:
    data = outage(12.0, 50.2, 4.0)
    data["f2"][:] = three_phase(times(12.0, RATE), 51.5, 20.0)  # the largest one, and wrong
    stream = [b for b in blocks(STATION, data) if b.source != "f2" or since_epoch_s(b.start_ns) < 5.0]
    last = analyse(STATION, stream).measurements("b1")[-1]
    assert hz_of(last) == pytest.approx(50.2, abs=2e-3)
    stream = marked(list(blocks(STATION, data)), {"f2": [(5 * RATE, 12 * RATE)]})
    last = analyse(STATION, stream).measurements("b1")[-1]
    assert hz_of(last) == pytest.approx(50.2, abs=2e-3)


def test_voltage_that_comes_back_is_followed_at_once() -> None:
    data = station_signals(12.0, 50.3)
    data["b1"][:, 3 * RATE : 8 * RATE] = 0.0
    sound = [
        m
        for m in analyse(STATION, blocks(STATION, data)).measurements("b1")
        if since_epoch_s(m.start_ns) > 8.3
    ]
    assert len(sound) > 15
    for m in sound:
        assert not m.flags
        assert m.values["f_hz"] == pytest.approx(50.3, abs=2e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e12])
@pytest.mark.parametrize("block_ms", [10, 50, 200])
def test_no_number_at_any_place_of_a_block(bad: float, block_ms: int) -> None:
    """First, second, middle and last sample of a block; first and last channel; voltage and current."""
    n = RATE * block_ms // 1000
    clean = station_signals(3.0)
    for source in ("b1", "f1"):
        for place in (0, 1, n // 2, n - 1):
            for channel in (0, 2):
                data = {name: signal.copy() for name, signal in clean.items()}
                at = (RATE * 6 // 5) // n * n + place
                data[source][channel, at] = bad
                analyser = StationAnalyser(STATION)
                results = analyse(STATION, blocks(STATION, data, block_ms), analyser)
                assert analyser.counters["bad"] == 1
                (gap,) = results.events("gap", "end", source)
                assert gap.duration_ns == n * 10**9 // RATE
                assert since_epoch_s(gap.start_ns) == pytest.approx(at // n * n / RATE)
                for element, name, truth in (
                    ("b1", "u_l1_v", UDIN_V),
                    ("f1", "i_l1_a", 10.0),
                    ("f2", "i_l1_a", 20.0),
                ):
                    hit = [m for m in results.measurements(element) if "gap" in m.flags]
                    assert bool(hit) == (element == source or source == "b1")
                    assert all(set(m.values.values()) == {None} for m in hit)
                    for m in results.measurements(element):
                        start, end = span_of(m)
                        if element == source or source == "b1":
                            assert "gap" in m.flags or not start <= at < end
                        if "gap" not in m.flags:
                            assert m.values[name] == pytest.approx(truth, rel=1e-4)


def stepped_back(stream: list[Block], sources: set[str], at_s: float, blocks_back: int) -> list[Block]:
    """From ``at_s`` on the clocks of ``sources`` are that much behind: their numbers come again."""
    out = []
    for b in stream:
        if b.source in sources and since_epoch_s(b.start_ns) >= at_s - 1e-9:
            back_ns = blocks_back * 50_000_000
            out.append(replace(b, sequence=b.sequence - blocks_back, start_ns=b.start_ns - back_ns))
        else:
            out.append(b)
    return out


@pytest.mark.parametrize("blocks_back", [1, 2, 5, 19, 60])
@pytest.mark.parametrize("sources", [{"b1"}, {"f1"}, {"b1", "f1", "f2"}])
def test_where_time_jumped_back_there_is_a_gap(sources: set[str], blocks_back: int) -> None:
    """The signal is 47.3 Hz: what was taken twice does not fit together, and must not look as if it did."""
    stream = list(blocks(STATION, station_signals(9.0, 47.3)))
    results = analyse(STATION, stepped_back(stream, sources, 3.0, blocks_back))
    for source in sources:
        gaps = results.events("gap", "begin", source)
        assert gaps, "a hole of at least one block"
        assert since_epoch_s(gaps[0].start_ns) == pytest.approx(3.0)
    for m in results.measurements("b1"):
        if "gap" not in m.flags and "start" not in m.flags:
            assert m.values["f_hz"] == pytest.approx(47.3, abs=1e-3)
            assert m.values["u_l1_v"] == pytest.approx(UDIN_V, rel=1e-4)
            assert m.values["thd_u_l1_percent"] == pytest.approx(0.0, abs=0.01)
    for m in results.measurements("f1"):
        if "gap" not in m.flags:
            assert m.values["i_l1_a"] == pytest.approx(10.0, rel=1e-4)
            assert m.values["thd_i_l1_percent"] == pytest.approx(0.0, abs=0.01)
    assert not [e for e in results.events() if e.type != "gap"]
    if blocks_back < 20 or len(sources) == 3:
        assert "gap" not in results.measurements("f1")[-1].flags, "it goes on"
    else:
        assert not results.events("gap", "end", min(sources)), "too late for the others: silent"


def test_two_senders_of_one_source_are_a_gap_for_as_long_as_they_disagree() -> None:
    stream = []
    for b in blocks(STATION, station_signals(6.0)):
        stream.append(b)
        if b.source == "f1" and 2.0 <= since_epoch_s(b.start_ns) < 4.0:
            stream.append(replace(b, samples=b.samples * 3.0))
    results = analyse(STATION, stream)
    for m in results.measurements("f1"):
        start_s, end_s = since_epoch_s(m.start_ns), since_epoch_s(m.start_ns + m.duration_ns)
        if start_s > 2.1 and end_s < 3.9:
            assert "gap" in m.flags
        if "gap" not in m.flags:
            assert m.values["i_l1_a"] == pytest.approx(10.0, rel=1e-4)
    assert not any("gap" in m.flags for m in results.measurements("f2"))


@pytest.mark.parametrize("source", ["b1", "f1"])
def test_channels_that_come_and_go_are_gaps(source: str) -> None:
    """A channel more, one less, another name: the element is silent for as long as that lasts."""
    shapes = [(("x",), 1), ((), -1), ((), 0)]
    stream = []
    for b in blocks(STATION, station_signals(8.0)):
        at_s = since_epoch_s(b.start_ns)
        if b.source == source and 2.0 <= at_s < 5.0:
            more, change = shapes[int(at_s - 2.0)]
            names = (*b.channels, *more) if change >= 0 else b.channels[:-1]
            names = tuple(f"x{n}" for n in names) if change == 0 else names
            samples = np.concatenate((b.samples, b.samples[:1]))[: len(names)]
            stream.append(replace(b, channels=names, samples=samples))
        else:
            stream.append(b)
    analyser = StationAnalyser(STATION)
    results = analyse(STATION, stream, analyser)
    assert analyser.counters["foreign"] == 60
    (gap,) = results.events("gap", "end", source)
    assert (since_epoch_s(gap.start_ns), gap.duration_ns) == (2.0, 3_000_000_000)
    told = results.measurements(source)
    assert not any("gap" in m.flags for m in told if span_of(m)[1] < 2.0 * RATE)
    assert not any("gap" in m.flags for m in told if span_of(m)[0] > 5.01 * RATE)
    assert any(span_of(m)[0] > 5.01 * RATE for m in told)
