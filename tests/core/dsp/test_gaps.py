"""Blocks that are late, lost, double, broken or from another time; that the block size does not matter."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from flexcore.dsp import AnalyserSettings, StationAnalyser
from flexcore.model import Block, Event, Measurement
from support.pq import (
    EPOCH_S,
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

STATION = make_station(2)


def signals(seconds: float) -> dict[str, Array]:
    t = times(seconds)
    return {"b1": three_phase(t, 50.1), "f1": three_phase(t, 50.1, 10.0), "f2": three_phase(t, 50.1, 20.0)}


def lose(stream: Iterable[Block], source: str, from_s: float, to_s: float) -> list[Block]:
    return [
        b for b in stream if not (b.source == source and from_s <= since_epoch_s(b.start_ns) < to_s - 1e-9)
    ]


def overlapping(results: Results, element: str, from_s: float, to_s: float) -> list[Measurement]:
    return [
        m
        for m in results.measurements(element)
        if since_epoch_s(m.start_ns) < to_s and since_epoch_s(m.start_ns + m.duration_ns) > from_s
    ]


def spans(results: Results, element: str) -> list[tuple[float, float]]:
    return [
        (round(since_epoch_s(e.start_ns), 6), round(e.duration_ns / NS, 6))
        for e in results.events("gap", "end", element)
    ]


def sound(results: Results, element: str) -> list[Measurement]:
    return [m for m in results.measurements(element) if "gap" not in m.flags]


def test_block_size_never_changes_a_result() -> None:
    """Every number, time, flag and event, bit by bit: a dip, an interruption, noise, odd frequency."""
    made = make_station(3, 2, neutral=True)
    t = times(6.4)
    rng = np.random.default_rng(5)
    u = three_phase(t, 49.3 + 0.3 * t)
    u[0, (t > 1.013) & (t < 1.307)] *= 0.42
    u[:, (t > 4.1) & (t < 4.52)] *= 0.01
    u += UDIN_V * 0.003 * rng.normal(size=u.shape)
    i = np.concatenate((three_phase(t, 49.3 + 0.3 * t, 80.0, 33.0), rng.normal(size=(1, t.size))))
    data = {"b1": u, "b2": u[::-1] * 1.02, "f1": i, "f2": 2 * i, "f3": -i}
    told = {}
    for block_ms in (10, 20, 50, 100, 200):
        items = analyse(made, blocks(made, data, block_ms)).items
        assert len(items) > 100
        told[block_ms] = sorted(map(repr, items))
    assert any("'sync'" in line for line in told[10])
    assert any("type='dip'" in line for line in told[10])
    assert all(lines == told[10] for lines in told.values())


def test_order_of_the_sources_does_not_matter() -> None:
    stream = list(blocks(STATION, signals(4.0)))
    expected = sorted(map(repr, analyse(STATION, stream).items))
    shuffler = random.Random(7)
    for _ in range(3):
        mixed = stream[:6]  # what is first decides where it begins
        for k in range(6, len(stream), 6):  # two rounds of three sources: late by up to a block
            part = stream[k : k + 6]
            shuffler.shuffle(part)
            mixed += part
        assert sorted(map(repr, analyse(STATION, mixed).items)) == expected


def test_a_lost_block_of_a_field_flags_that_field_alone() -> None:
    results = analyse(STATION, lose(blocks(STATION, signals(5.0)), "f1", 2.0, 2.05))
    assert spans(results, "f1") == [(2.0, 0.05)]
    touched = overlapping(results, "f1", 2.0, 2.05)
    assert touched
    for m in touched:
        assert "gap" in m.flags
        assert set(m.values.values()) == {None}
    assert len(touched) == len(results.measurements("f1")) - len(sound(results, "f1")) <= 2
    for element in ("b1", "f2"):
        assert len(sound(results, element)) == len(results.measurements(element)) > 20
        assert not results.events(element=element)
    aggregate = results.measurements("f1", "3s")[0]
    assert "gap" in aggregate.flags
    assert aggregate.values["i_l1_a"] == pytest.approx(10.0, rel=1e-5)


def test_a_lost_block_of_a_busbar_breaks_its_windows_and_starts_anew() -> None:
    results = analyse(STATION, lose(blocks(STATION, signals(6.0)), "b1", 2.0, 2.05))
    assert spans(results, "b1") == [(2.0, 0.05)]
    for element in ("b1", "f1", "f2"):
        broken = [m for m in results.measurements(element) if "gap" in m.flags]
        assert len(broken) == 1
        assert set(broken[0].values.values()) == {None}
        assert since_epoch_s(broken[0].start_ns + broken[0].duration_ns) == pytest.approx(2.0, abs=1e-6)
        after = [m for m in results.measurements(element) if since_epoch_s(m.start_ns) > 2.0]
        assert after[0].flags == ("start",)
        assert since_epoch_s(after[0].start_ns) < 2.2
        assert all(not m.flags for m in after[1:])
    assert not results.events("dip")


def test_nothing_for_three_seconds_is_a_gap_and_is_not_bridged() -> None:
    stream = [b for b in blocks(STATION, signals(9.0)) if not 3.0 <= since_epoch_s(b.start_ns) < 6.0 - 1e-9]
    results = analyse(STATION, stream)
    for element in ("b1", "f1", "f2"):
        assert spans(results, element) == [(3.0, 3.0)]
        inside = overlapping(results, element, 3.0 + 1e-6, 6.0)
        assert not inside
        assert [m for m in results.measurements(element) if "gap" in m.flags]
        assert since_epoch_s(sound(results, element)[-1].start_ns) > 8.5
        u = [m.values["u_l1_v" if element == "b1" else "i_l1_a"] for m in sound(results, element)]
        assert max(u) / min(u) < 1.0001
        for m in results.measurements(element, "3s"):
            assert m.duration_ns < 3.1e9


def test_a_silent_field_does_not_stall_the_others() -> None:
    stream = lose(blocks(STATION, signals(8.0)), "f2", 3.0, 99.0)
    results = analyse(STATION, stream)
    for element in ("b1", "f1"):
        assert len(sound(results, element)) == len(results.measurements(element)) > 35
        assert since_epoch_s(results.measurements(element)[-1].start_ns) > 7.5
    begin = results.events("gap", element="f2")
    assert [e.state for e in begin] == ["begin"]
    assert since_epoch_s(begin[0].start_ns) == 3.0
    flagged = [m for m in results.measurements("f2") if "gap" in m.flags]
    assert len(flagged) > 15
    assert all(set(m.values.values()) == {None} for m in flagged)


def test_a_silent_busbar_ends_its_events_and_comes_back() -> None:
    data = signals(9.0)
    data["b1"][:, 2 * 20_000 :] *= 0.5
    results = analyse(STATION, lose(blocks(STATION, data), "b1", 4.0, 6.0))
    dips = results.events("dip")
    assert [e.state for e in dips] == ["begin", "end", "begin"]
    assert dips[1].flags == ("gap",)
    assert since_epoch_s(dips[1].start_ns + dips[1].duration_ns) == pytest.approx(4.0, abs=1e-6)
    assert dips[2].flags == ("start",)
    assert spans(results, "b1") == [(4.0, 2.0)]


def test_a_late_source_is_waited_for_and_a_later_one_is_not() -> None:
    for delay_blocks, waited in ((10, True), (30, False)):
        own = [b for b in blocks(STATION, signals(6.0)) if b.source == "f1"]
        others = [b for b in blocks(STATION, signals(6.0)) if b.source != "f1"]
        stream = []
        for k in range(len(own) + delay_blocks):
            stream += others[2 * k : 2 * k + 2]
            if k >= delay_blocks:
                stream.append(own[k - delay_blocks])
        results = analyse(STATION, stream, settings=AnalyserSettings(lag_s=1.0))
        assert (len(sound(results, "f1")) > 20) is waited
        assert len(sound(results, "b1")) == len(results.measurements("b1")) > 25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_a_number_is_a_gap(bad: float) -> None:
    data = signals(5.0)
    data["b1"][2, 41_234] = bad
    data["f2"][1, 62_345] = bad
    analyser = StationAnalyser(STATION)
    results = analyse(STATION, blocks(STATION, data), analyser)
    assert analyser.counters["bad"] == 2
    assert spans(results, "b1") == [(2.05, 0.05)]
    assert spans(results, "f2") == [(3.1, 0.05)]
    for element, name, expected in (("b1", "u_l3_v", UDIN_V), ("f1", "i_l1_a", 10.0), ("f2", "i_l2_a", 20.0)):
        assert [m.values[name] for m in sound(results, element)] == pytest.approx(
            [expected] * len(sound(results, element)), rel=1e-4
        )
    assert not results.events("dip")
    assert not results.events("swell")


def test_doubles_and_stragglers_are_dropped() -> None:
    stream = list(blocks(STATION, signals(4.0)))
    expected = analyse(STATION, stream).items
    analyser = StationAnalyser(STATION)
    noisy = []
    for k, block in enumerate(stream):
        noisy.append(block)
        if k % 5 == 0:
            noisy.append(block)
        if k > 100 and k % 7 == 0:
            wrong = replace(stream[k - 99], samples=stream[k - 99].samples * 3)
            noisy.append(wrong)
    assert analyse(STATION, noisy, analyser).items == expected
    assert analyser.counters["late"] > 40


def test_blocks_of_one_source_may_change_places() -> None:
    stream = list(blocks(STATION, signals(4.0)))
    for k in range(60, 200, 12):
        stream[k], stream[k + 3] = stream[k + 3], stream[k]  # the same source, one block later
    results = analyse(STATION, stream)
    assert not [m for m in results.items if "gap" in m.flags]


@pytest.mark.parametrize("offset_s", [-1e9, -3600.0, -20.0, 20.0, 3600.0, 3e8])
@pytest.mark.parametrize("source", ["b1", "f1"])
def test_a_source_from_another_time_harms_nobody_else(offset_s: float, source: str) -> None:
    shift = round(offset_s / 0.05)
    stream = [
        replace(b, sequence=b.sequence + shift, start_ns=b.start_ns + shift * 50_000_000)
        if b.source == source and since_epoch_s(b.start_ns) > 2.0
        else b
        for b in blocks(STATION, signals(6.0))
    ]
    analyser = StationAnalyser(STATION)
    results = analyse(STATION, stream, analyser)
    assert analyser.counters["astray"] >= 75
    for element in {"b1", "f1", "f2"} - {source}:
        if source == "b1":
            continue  # without a busbar there is no window
        assert len(sound(results, element)) > 25
    for item in results.items:
        assert 0.0 <= since_epoch_s(item.start_ns) < 6.0
    assert results.events("gap", "begin", source)


def test_when_all_clocks_are_set_everything_moves_along() -> None:
    stream = []
    for b in blocks(STATION, signals(9.0)):
        at = since_epoch_s(b.start_ns)
        shift = 0 if at < 3.0 else 7200 * 20 if at < 6.0 else -3600 * 20
        stream.append(replace(b, sequence=b.sequence + shift, start_ns=b.start_ns + shift * 50_000_000))
    analyser = StationAnalyser(STATION)
    results = analyse(STATION, stream, analyser)
    for element in ("b1", "f1", "f2"):
        starts = [since_epoch_s(m.start_ns) for m in sound(results, element)]
        assert sum(7200 < s < 7210 for s in starts) > 8
        assert sum(-3600 < s < -3590 for s in starts) > 8
        assert all(m.duration_ns < 0.21e9 for m in results.measurements(element))
    assert analyser.counters["tears"] == 1


def test_foreign_blocks_are_counted_and_dropped() -> None:
    good = next(blocks(STATION, signals(1.0)))
    analyser = StationAnalyser(STATION)
    foreign = [
        replace(good, source="nobody"),
        replace(good, rate_hz=19_999.0),
        replace(good, channels=("u_l1", "u_l3", "u_l2")),
        replace(good, samples=good.samples[:2]),
        replace(good, samples=good.samples[0]),
        replace(good, samples=good.samples.astype(np.float64)),
        replace(good, samples=np.zeros((3, 0), np.float32)),
        replace(good, samples=np.zeros((3, 20_001), np.float32)),
        replace(good, sequence=-1),
        replace(good, sequence=1 << 80),
    ]
    for block in foreign:
        assert analyser.process(block) == []
    assert analyser.counters["foreign"] == len(foreign)
    assert analyser.counters["blocks"] == 0


WILD = {
    "largest": lambda t, rng: np.full((3, t.size), 1e12),
    "largest, alternating": lambda t, rng: np.where(np.arange(t.size) % 2, 1.0, -1.0) * np.full((3, 1), 1e12),
    "denormal": lambda t, rng: 1e-42 * rng.normal(size=(3, t.size)),
    "direct": lambda t, rng: np.full((3, t.size), UDIN_V),
    "square": lambda t, rng: np.sign(three_phase(t)) * UDIN_V,
    "noise": lambda t, rng: UDIN_V * rng.normal(size=(3, t.size)),
    "far too fast": lambda t, rng: three_phase(t, 140.0),
    "far too slow": lambda t, rng: three_phase(t, 3.0),
    "running backwards": lambda t, rng: three_phase(-t + 1e-9, 50.0),
    "steps": lambda t, rng: UDIN_V * np.repeat(rng.normal(size=(3, t.size // 100)), 100, axis=1),
    "one sample of lightning": lambda t, rng: three_phase(t) + 1e9 * (np.arange(t.size) == 30_000),
}


@pytest.mark.parametrize("kind", list(WILD))
def test_whatever_comes_there_are_numbers_or_none(kind: str) -> None:
    """Windows stay in order and near 200 ms, values are finite, and no event ends before it begins."""
    t = times(3.0)
    u = np.asarray(WILD[kind](t, np.random.default_rng(1)))
    results = analyse(STATION, blocks(STATION, {"b1": u, "f1": u[::-1], "f2": u * 0.5}, 200))
    for element in ("b1", "f1", "f2"):
        windows = results.measurements(element)
        assert 8 <= len(windows) <= 22
        for before, after in pairwise(windows):
            assert abs(before.start_ns + before.duration_ns - after.start_ns) <= 1
        for m in windows:
            assert 0.15e9 < m.duration_ns < 0.30e9
            assert all(value is None or np.isfinite(value) for value in m.values.values())
    for event in results.events(state="end"):
        assert event.duration_ns is not None
        assert event.duration_ns >= 0


def test_fuzz_keeps_memory_bounded_and_times_sane() -> None:
    """Random loss, doubles, reorder, jumps of time of single sources and of all."""
    rng = random.Random(11)
    data = {name: signal.astype(np.float32) for name, signal in signals(0.2).items()}
    channels = {e.id: tuple(e.channels) for e in STATION.elements}
    analyser = StationAnalyser(STATION)
    now = dict.fromkeys(data, EPOCH_S * 20)
    tracemalloc.start()
    items: list[Measurement | Event] = []
    for step in range(12_000):
        name = rng.choice(list(data))
        now[name] += 1
        roll = rng.random()
        if roll < 0.02:
            now[name] += rng.randint(-30, 60)
        if roll > 0.9995:
            for other in now:
                now[other] += rng.randint(-10_000, 10_000)
        sequence = now[name] + (rng.randint(-(10**6), 10**6) if 0.5 < roll < 0.51 else 0)
        block = Block(name, sequence, sequence * 50_000_000, 20_000.0, channels[name], data[name][:, :1000])
        items += analyser.process(block)
        if step == 3000:
            early = tracemalloc.get_traced_memory()[0]
            items.clear()
    items.clear()
    late = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert late < early + 2_000_000
    assert analyser.counters["blocks"] > 3000
    assert analyser.counters["tears"] > 0
