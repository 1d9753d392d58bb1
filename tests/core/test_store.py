"""The store: what is kept, what is forgotten, what survives."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flexcore.errors import StoreError
from flexcore.model import Event, Flag, Measurement, event_id
from flexcore.store import History, Limits, Series, Store, StoreReader, codec, schema
from flexcore.store.gaps import Change, Gap
from flexcore.store.schema import FILE, StoreFullError
from flexcore.store.tiers import SETTLED_SLOTS

S = 1_000_000_000
T0 = 1_790_000_000 * S - (1_790_000_000 * S) % (3600 * S)
NAMES = ("f_hz", "u_l1_v", "u_l2_v")


def interval(
    n: int, element: str = "bb1", *, value: float | None = None, flags: tuple[Flag, ...] = ()
) -> Measurement:
    values: dict[str, float | None] = {"f_hz": 50.0, "u_l1_v": float(n), "u_l2_v": None}
    if value is not None:
        values["u_l1_v"] = value
    return Measurement(element, "3s", T0 + n * 3 * S, 3 * S, values, flags)


def dip(n: int, *, end: bool = False, element: str = "bb1") -> Event:
    start_ns = T0 + n * S
    return Event(
        id=event_id("dip", element, start_ns),
        type="dip",
        element=element,
        state="end" if end else "begin",
        start_ns=start_ns,
        duration_ns=250_000_000 if end else None,
        extreme_v=4000.0 if end else 4500.0,
        reference_v=5773.5,
        phases=("l1", "l2"),
        detail={"cycles": 12.0},
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store.open(tmp_path)
    yield one
    one.close()


def whole(reader: StoreReader, element: str = "bb1") -> Series:
    """Every interval by itself: as many points as intervals fit."""
    return reader.series(element, "u_l1_v", T0, T0 + 10_000 * 3 * S, 10_000)


def test_values_come_back_as_they_went_in(store: Store, tmp_path: Path) -> None:
    store.add_values([interval(0), interval(1, flags=("gap", "dip")), interval(0, "f1", value=1e9)])
    reader = StoreReader(tmp_path)
    series = reader.series("bb1", "u_l1_v", T0, T0 + 10 * S)
    assert series.start_ns == [T0, T0 + 3 * S]
    assert series.duration_ns == [3 * S, 3 * S]
    assert series.mean == series.minimum == series.maximum == [0.0, 1.0]
    assert series.flags == [(), ("gap", "dip")]
    assert reader.series("bb1", "u_l2_v", T0, T0 + 10 * S).mean == [None, None]
    assert reader.series("f1", "u_l1_v", T0, T0 + 10 * S).mean == [1e9]
    assert reader.series("bb1", "u_l1_v", T0 + 3 * S, T0 + 4 * S).mean == [1.0]
    for nothing in (("nobody", "f_hz"), ("bb1", "p_w")):
        assert reader.series(*nothing, T0, T0 + 10 * S).mean == []
    last = reader.last_values()
    assert last["bb1"].start_ns == T0 + 3 * S
    assert last["bb1"].values == {"f_hz": 50.0, "u_l1_v": 1.0, "u_l2_v": None}
    assert last["bb1"].flags == ("gap", "dip")
    assert set(last) == {"bb1", "f1"}


def test_intervals_of_busbars_out_of_step_share_a_slot_in_peace(store: Store, tmp_path: Path) -> None:
    ms = 1_000_000
    one = Measurement("bb1", "3s", T0 + 17 * ms, 2990 * ms, {"f_hz": 50.1})
    two = Measurement("bb2", "3s", T0 + 900 * ms, 3010 * ms, {"f_hz": 49.9})
    both_in_one_slot = Measurement("bb1", "3s", T0 + 2999 * ms, 2990 * ms, {"f_hz": 50.2})
    store.add_values([one])
    store.add_values([two, both_in_one_slot])
    reader = StoreReader(tmp_path)
    mine = reader.series("bb1", "f_hz", T0, T0 + 60 * S)
    assert mine.start_ns == [T0 + 17 * ms, T0 + 2999 * ms]
    assert mine.mean == pytest.approx([50.1, 50.2], rel=1e-6)
    assert reader.series("bb2", "f_hz", T0, T0 + 60 * S).start_ns == [T0 + 900 * ms]


def test_old_hours_are_folded_and_read_the_same(store: Store, tmp_path: Path) -> None:
    dice = random.Random(1)
    hours = 3
    n = hours * 1200
    values = [dice.gauss(5773.5, 5.0) for _ in range(n)]
    flags: list[tuple[Flag, ...]] = [("dip",) if dice.random() < 0.01 else () for _ in range(n)]
    for first in range(0, n, 100):
        batch = [interval(k, value=values[k], flags=flags[k]) for k in range(first, first + 100)]
        store.add_values(batch + [interval(k, "f1") for k in range(first, first + 100)])
    reader = StoreReader(tmp_path)
    before = whole(reader)
    before_f1 = whole(reader, "f1")
    store.add_values([interval(500, value=values[500], flags=flags[500])])  # delivered twice
    while store.tidy(T0 + n * 3 * S):
        pass
    db = sqlite3.connect(tmp_path / FILE)
    assert db.execute("SELECT count(*) FROM chunk").fetchone() == (2 * (hours - 1),)
    assert db.execute("SELECT count(*) FROM recent").fetchone() == (1200,)
    db.close()
    assert whole(reader) == before
    assert whole(reader, "f1") == before_f1
    assert before.mean == pytest.approx(values, rel=1e-7)
    assert before.flags == flags


def test_what_comes_after_its_hour_was_folded_is_found_too(store: Store, tmp_path: Path) -> None:
    store.add_values([interval(0), interval(2)])
    store.add_values([interval(1200 + SETTLED_SLOTS + 1)])
    store.tidy(T0)
    store.add_values([interval(1)])
    reader = StoreReader(tmp_path)
    assert reader.series("bb1", "u_l1_v", T0, T0 + 60 * S).mean == [0.0, 1.0, 2.0]
    store.tidy(T0)
    assert reader.series("bb1", "u_l1_v", T0, T0 + 60 * S).mean == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("behind", [False, True], ids=["clock right", "clock of the box behind the sensors'"])
def test_a_clock_that_was_ahead_once_makes_no_chunk_of_each_minute(
    store: Store, tmp_path: Path, behind: bool
) -> None:
    """Ahead by a year for one interval, then back: hours are folded whole, as before."""
    store.add_values([interval(0)])
    store.add_values([interval(365 * 28_800)])
    hours = 4
    for n in range(1, hours * 1200, 20):
        store.add_values([interval(k) for k in range(n, n + 20)])
        store.tidy(T0 if behind else T0 + (n + 20) * 3 * S)
    db = sqlite3.connect(tmp_path / FILE)
    chunks = db.execute("SELECT count(*), count(DISTINCT start_us) FROM chunk").fetchone()
    db.close()
    assert chunks == (hours - 1, hours - 1)
    assert len(whole(StoreReader(tmp_path)).mean) == hours * 1200 + 1


def test_a_long_time_becomes_few_points_with_its_extremes(store: Store, tmp_path: Path) -> None:
    n = 4000
    values = [math.sin(k / 50.0) for k in range(n)]
    values[1234] = 77.0
    store.add_values([interval(k, value=v) for k, v in enumerate(values)])
    store.tidy(T0)
    series = StoreReader(tmp_path).series("bb1", "u_l1_v", T0, T0 + n * 3 * S, 40)
    assert len(series.mean) == 40
    parts = [values[k : k + 100] for k in range(0, n, 100)]
    assert series.maximum == pytest.approx([max(p) for p in parts], rel=1e-6)
    assert series.minimum == pytest.approx([min(p) for p in parts], rel=1e-6)
    assert series.mean == pytest.approx([sum(p) / 100 for p in parts], rel=1e-5, abs=1e-7)
    assert series.duration_ns == [300 * S] * 40


def test_begin_and_end_of_an_event_are_one_row_in_any_order(store: Store, tmp_path: Path) -> None:
    reader = StoreReader(tmp_path)
    store.add_events([dip(1)])
    (running,) = reader.events()
    assert running.duration_ns is None
    assert running.extreme_v == 4500.0
    store.add_events([dip(1, end=True)])
    store.add_events([dip(1)])  # the begin again, late
    (ended,) = reader.events()
    assert ended.duration_ns == 250_000_000
    assert ended.extreme_v == 4000.0
    assert ended.phases == ("l1", "l2")
    assert ended.detail == {"cycles": 12.0}


def test_events_are_listed_newest_first_in_pages_and_by_kind(store: Store, tmp_path: Path) -> None:
    store.add_events([dip(n, end=True) for n in range(10)])
    swell = Event(event_id("swell", "bb1", T0), "swell", "bb1", "begin", T0 + 100 * S)
    store.add_events([swell])
    reader = StoreReader(tmp_path)
    page = reader.events(4, kind="dip")
    assert [e.start_ns for e in page] == [T0 + n * S for n in (9, 8, 7, 6)]
    page = reader.events(4, before_ns=page[-1].start_ns, kind="dip")
    assert [e.start_ns for e in page] == [T0 + n * S for n in (5, 4, 3, 2)]
    assert [e.type for e in reader.events(1)] == ["swell"]
    assert reader.events(0) == []


def test_gaps_are_kept_and_widened(store: Store, tmp_path: Path) -> None:
    gap = Gap("gap-bb1-1", "bb1", T0, None, "samples")
    store.add_events([], [Change(gap)])
    reader = StoreReader(tmp_path)
    assert reader.gaps()[0].end_ns is None
    store.add_values([interval(5)], [Change(Gap("gap-bb1-1", "bb1", T0, T0 + 15 * S, "samples"))])
    (row,) = reader.gaps()
    assert (row.start_ns, row.end_ns, row.reason) == (T0, T0 + 15 * S, "samples")
    assert store.recent_gaps() == [Gap("gap-bb1-1", "bb1", T0, T0 + 15 * S, "samples")]


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    assert store.last_ends_ns() == {}
    store.add_values([interval(0), interval(1), interval(0, "f1")])
    store.close()
    store = Store.open(tmp_path)
    assert store.last_ends_ns() == {"bb1": T0 + 6 * S, "f1": T0 + 3 * S}
    assert store.reset == ""
    store.add_values([interval(2)])
    assert StoreReader(tmp_path).stats().newest_ns == T0 + 9 * S
    store.close()


# --- 10 s, 10 min, 2 h ----------------------------------------------------------------------------------


def average(
    n: int,
    element: str = "bb1",
    *,
    interval: str = "10min",
    value: float = 0.0,
    spectra: dict[str, tuple[float, ...]] | None = None,
    flags: tuple[Flag, ...] = (),
) -> Measurement:
    length_ns = {"10min": 600, "2h": 7200}[interval] * S
    values: dict[str, float | None] = {"u_l1_v": value or float(n), "u_l2_v": None}
    start_ns = T0 + n * length_ns
    return Measurement(element, interval, start_ns, length_ns, values, flags, 0.75, spectra or {})


def frequency(n: int, value: float | None = 50.0) -> Measurement:
    return Measurement("bb1", "10s", T0 + n * 10 * S, 10 * S, {"f_10s_hz": value})


def averages_of(
    folder: Path, *names: str, element: str = "bb1", interval: str = "10min", after: int = 10**6
) -> History:
    return StoreReader(folder).history(element, interval, names, T0, T0 + after * S)


def test_averages_come_back_as_they_went_in(store: Store, tmp_path: Path) -> None:
    spectra = {
        "u_h_l1_v": tuple(float(k) for k in range(51)),
        "u_h_l3_v": (1.0, 2.0),
        "u_ha_l1_deg": (9.0,) * 51,  # not kept
    }
    store.add_averages([average(0, flags=("dip",), spectra=spectra), average(1)])
    store.add_averages([average(1, value=7.0), average(0, interval="2h", value=3.0), average(0, "f1")])
    found = averages_of(tmp_path, "u_l1_v", "u_l2_v", "u_h_l1_v", "u_h_l3_v", "nothing")
    assert list(found.start_ns) == [T0, T0 + 600 * S]
    assert list(found.duration_ns) == [600 * S, 600 * S]
    assert [codec.flag_names(bits) for bits in found.flags] == [("dip",), ()]
    assert list(found.coverage) == [0.75, 0.75]
    assert list(found.values["u_l1_v"]) == [0.0, 7.0], "what is told again is what counts"
    assert all(math.isnan(v) for name in ("u_l2_v", "nothing") for v in found.values[name])
    assert list(found.spectra["u_h_l1_v"][:51]) == [float(k) for k in range(51)]
    assert all(math.isnan(v) for v in found.spectra["u_h_l1_v"][51:])
    assert list(found.spectra["u_h_l3_v"][:2]) == [1.0, 2.0]
    assert all(math.isnan(v) for v in found.spectra["u_h_l3_v"][2:])
    assert list(averages_of(tmp_path, "u_l1_v", interval="2h").values["u_l1_v"]) == [3.0]
    assert list(averages_of(tmp_path, "u_l1_v", element="f1").values["u_l1_v"]) == [0.0]
    reader = StoreReader(tmp_path)
    assert reader.names("bb1", "10min") == ("u_l1_v", "u_l2_v", "u_h_l1_v", "u_h_l2_v", "u_h_l3_v")
    assert reader.names("bb1", "3s") == reader.names("nobody", "10min") == ()
    assert not averages_of(tmp_path, "u_l1_v", element="nobody").start_ns


def test_the_frequency_lies_among_the_3_s_values_and_is_none(store: Store, tmp_path: Path) -> None:
    """The 10-s value of an interval is in the slot where that begins; a whole hour is folded as its own."""
    n = 2400 + SETTLED_SLOTS + 10
    dice = random.Random(2)
    hertz = [dice.gauss(50.0, 0.02) for _ in range(n * 3 // 10)]
    for first in range(0, n, 10):
        tens = [frequency(k, hertz[k]) for k in range(first * 3 // 10, (first + 10) * 3 // 10)]
        store.add_values([interval(k) for k in range(first, first + 10)] + tens)
    reader = StoreReader(tmp_path)
    before = reader.last_values()["bb1"]
    assert set(before.values) == set(NAMES)
    assert before.start_ns == T0 + (n - 1) * 3 * S
    while store.tidy(T0 + n * 3 * S):
        pass
    found = reader.history("bb1", "10s", ["f_10s_hz"], T0, T0 + n * 3 * S)
    assert list(found.start_ns) == [T0 + k * 10 * S for k in range(len(hertz))]
    assert list(found.values["f_10s_hz"]) == pytest.approx(hertz, rel=1e-7)
    threes = reader.history("bb1", "3s", ["u_l1_v", "u_l2_v"], T0 + 3 * S, T0 + n * 3 * S)
    assert list(threes.values["u_l1_v"]) == [float(k) for k in range(1, n)]
    assert all(math.isnan(v) for v in threes.values["u_l2_v"])
    assert reader.names("bb1", "10s") == ("f_10s_hz",)
    assert set(reader.names("bb1", "3s")) == set(NAMES)
    assert store.last_ends_ns() == {"bb1": T0 + n * 3 * S}, "10 s do not move where 3-s values end"


def test_the_end_of_a_frequency_is_not_the_end_of_the_values(store: Store) -> None:
    store.add_values([interval(0), frequency(5)])
    store.add_values([frequency(6)])
    assert store.last_ends_ns() == {"bb1": T0 + 3 * S}


@pytest.mark.parametrize("damage", [b"", b"\x00" * 30, b"short"])
def test_an_average_that_is_spoilt_is_a_store_error(store: Store, tmp_path: Path, damage: bytes) -> None:
    store.add_averages([average(0, spectra={"u_h_l1_v": (1.0,) * 51})])
    for column in ("data", "spectra"):
        store._db.execute(f"UPDATE average SET {column} = ?", (damage,))
        with pytest.raises(StoreError, match="a row cannot be read|a row has another length"):
            averages_of(tmp_path, "u_l1_v", "u_h_l1_v")
        store.add_averages([average(0, spectra={"u_h_l1_v": (1.0,) * 51})])


def test_averages_are_bounded_by_age(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Limits(keep_days=1, reserve_bytes=0))
    store.add_averages([average(n) for n in range(3 * 144)])
    store.add_values([frequency(n) for n in range(0, 3 * 8640)])
    for day in range(3):
        store.add_values([interval(28_800 * (day + 1) - 1)])
    while store.tidy(T0 + 3 * 86_400 * S):
        pass
    store.tidy(T0 + 3 * 86_400 * S)
    kept = averages_of(tmp_path, "u_l1_v")
    assert list(kept.start_ns) == [T0 + n * 600 * S for n in range(2 * 144, 3 * 144)]
    kept = averages_of(tmp_path, "f_10s_hz", interval="10s")
    assert T0 + 47 * 3600 * S <= kept.start_ns[0] <= T0 + 48 * 3600 * S
    store.close()


def test_averages_and_frequency_outlive_3_s_values_in_a_store_that_is_full(tmp_path: Path) -> None:
    """... and do not push them out: all of them together stay within the bound."""
    limits = Limits(max_bytes=2 * 1024 * 1024, reserve_bytes=0)
    store = Store.open(tmp_path, limits)
    dice = random.Random(4)
    names = [f"q{k}" for k in range(28)]
    hours = 400
    for hour in range(hours):
        at_s = hour * 3600
        rows = []
        for n in range(0, 1200, 8):
            values: dict[str, float | None] = {q: dice.random() for q in names}
            rows.append(Measurement("bb1", "3s", T0 + (at_s + 3 * n) * S, 3 * S, values))
        tens = [frequency(at_s // 10 + n, dice.gauss(50.0, 0.02)) for n in range(0, 360, 8)]
        store.add_values([*rows, *tens])
        noise = tuple(dice.random() for _ in range(51))
        store.add_averages([average(6 * hour + n, spectra={"u_h_l1_v": noise}) for n in range(6)])
        store.tidy(T0 + (at_s + 3600) * S)
    reader = StoreReader(tmp_path)
    assert (tmp_path / FILE).stat().st_size <= limits.max_bytes * 17 // 16
    end_ns = T0 + hours * 3600 * S
    three = reader.history("bb1", "3s", ["q0"], T0, end_ns).start_ns
    ten = reader.history("bb1", "10min", ["u_l1_v"], T0, end_ns).start_ns
    hertz = reader.history("bb1", "10s", ["f_10s_hz"], T0, end_ns).start_ns
    spans = [(end_ns - first) / (3600 * S) for first in (three[0], ten[0], hertz[0])]
    assert 10 < spans[0] < hours / 2
    assert 3.0 < spans[1] / spans[0] < 4.8
    assert spans[2] == pytest.approx(spans[1], abs=7.0)
    store.close()


# --- bounds -------------------------------------------------------------------------------------------


def fill(store: Store, hours: int, *, width: int = 28) -> int:
    """Hours of noise, which does not compress, in 30-s batches; the number of intervals."""
    dice = random.Random(hours)
    names = [f"q{k}" for k in range(width)]
    n = 0
    for _ in range(hours):
        batch = []
        for _ in range(1200):
            values: dict[str, float | None] = {q: dice.random() for q in names}
            batch.append(Measurement("f1", "3s", T0 + n * 3 * S, 3 * S, values))
            n += 1
        store.add_values(batch)
        store.tidy(T0 + n * 3 * S)
    return n


def test_the_ring_is_bounded_by_size_and_keeps_the_newest(tmp_path: Path) -> None:
    limits = Limits(max_bytes=2 * 1024 * 1024, reserve_bytes=0)
    store = Store.open(tmp_path, limits)
    store.add_events([dip(0, end=True)])
    n = fill(store, 40)
    stats = StoreReader(tmp_path).stats()
    assert (tmp_path / FILE).stat().st_size <= limits.max_bytes * 17 // 16
    assert stats.newest_ns == T0 + n * 3 * S
    assert stats.oldest_ns is not None
    assert T0 < stats.oldest_ns < T0 + (n - 2400) * 3 * S
    assert stats.events == 1, "events outlive values"
    store.close()


def test_the_ring_is_bounded_by_age(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Limits(keep_days=1))
    n = fill(store, 30, width=3)
    oldest = StoreReader(tmp_path).stats().oldest_ns
    assert oldest is not None
    assert oldest >= T0 + n * 3 * S - 26 * 3600 * S
    store.tidy(T0 + 10_000 * 86_400 * S)
    assert StoreReader(tmp_path).stats().oldest_ns == oldest, "a clock that jumped ahead wipes nothing"
    store.close()


def test_events_and_gaps_are_bounded_by_count(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Limits(max_events=10, max_gaps=5))
    store.add_events(
        [dip(n, end=True) for n in range(25)],
        [Change(Gap(f"gap-bb1-{n}", "bb1", T0 + n * S, T0 + n * S, "missing")) for n in range(25)],
    )
    store.tidy(T0)
    reader = StoreReader(tmp_path)
    assert [e.start_ns for e in reader.events()] == [T0 + n * S for n in range(24, 14, -1)]
    assert len(reader.gaps()) == 5
    store.close()


def test_the_file_s_own_bound_is_store_full_and_passes(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Limits(reserve_bytes=0))
    store.add_values([interval(0)])
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreFullError, match="SQLITE_FULL"):
        for n in range(1, 10_000):
            store.add_values([interval(n), interval(n, f"f{n % 9}")])
    kept = len(whole(StoreReader(tmp_path)).mean)
    assert kept == n, "all that was acknowledged, and nothing of the one that failed"
    store._db.execute("PRAGMA max_page_count = 100000")
    store.add_values([interval(n), interval(n, "never-seen-before")])
    assert len(whole(StoreReader(tmp_path)).mean) == n + 1
    assert "never-seen-before" in StoreReader(tmp_path).last_values()
    store.close()


def test_values_leave_the_reserve_to_events(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Limits(reserve_bytes=2**62))
    with pytest.raises(StoreFullError, match="expected .* bytes free"):
        store.add_values([interval(0)])
    store.add_events([dip(0)])
    assert len(StoreReader(tmp_path).events()) == 1
    store.close()


# --- what goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["garbage", "newer", "page", "truncated"])
def test_a_broken_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    store = Store.open(tmp_path)
    fill(store, 3)
    store.add_events([dip(0, end=True)])
    store.close()
    file = tmp_path / FILE
    if damage == "garbage":
        file.write_bytes(os.urandom(100_000))
    elif damage == "newer":
        db = sqlite3.connect(file)
        db.execute("PRAGMA user_version = 999")
        db.close()
    elif damage == "truncated":
        os.truncate(file, 4096 * 3)
    else:
        with file.open("r+b") as raw:
            raw.seek(4096)
            raw.write(os.urandom(4096 * 12))
    broken = file.read_bytes()
    store = Store.open(tmp_path)
    assert "kept as flexcore.db.broken" in store.reset
    assert (tmp_path / "flexcore.db.broken").read_bytes() == broken
    store.add_values([interval(0)])
    assert StoreReader(tmp_path).series("bb1", "u_l1_v", T0, T0 + S).mean == [0.0]
    store.close()
    assert Store.open(tmp_path).reset == ""


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        Store.open(tmp_path / "absent")


WRITER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from flexcore.model import Event, Measurement
from flexcore.store import Store
S = 1_000_000_000
store = Store.open(Path({folder!r}))
n = {first}
while True:
    values = {{"f_hz": 50.0, "u_l1_v": float(n)}}
    batch = [Measurement(e, "3s", {t0} + n * 3 * S, 3 * S, values) for e in ("bb1", "f1", "f2")]
    tens = [Measurement(e, "10s", {t0} + n * 10 * S, 10 * S, {{"f_10s_hz": 50.0}}) for e in ("bb1", "bb2")]
    store.add_values(batch + tens)
    orders = {{"u_h_l1_v": (float(n),) * 51}}
    store.add_averages([Measurement("bb1", "10min", {t0} + n * 600 * S, 600 * S, values, spectra=orders)])
    store.add_events([Event(f"dip-bb1-{{n}}", "dip", "bb1", "begin", {t0} + n * S)])
    print(n, flush=True)
    n += 1
    if n % 50 == 0:
        store.tidy({t0})
"""


def test_killed_while_writing_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    first = 0
    promised: set[int] = set()
    for trial in range(6):
        program = WRITER.format(path=sys.path, folder=str(tmp_path), first=first, t0=T0)
        writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        writer.stdout.readline()
        time.sleep(0.15 + 0.03 * trial)
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.wait()
        acknowledged = int(rest[-1]) if rest else first
        store = Store.open(tmp_path)
        assert store.reset == ""
        assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        reader = StoreReader(tmp_path)
        kept = whole(reader, "f2").mean
        assert kept[: acknowledged + 1] == [float(k) for k in range(acknowledged + 1)]
        assert len(kept) <= acknowledged + 2
        tens = reader.history("bb2", "10s", ["f_10s_hz"], T0, 2**62)
        assert list(tens.start_ns) == [T0 + k * 10 * S for k in range(len(kept))]
        averages = averages_of(tmp_path, "u_l1_v", "u_h_l1_v", after=10**9)
        numbers = [(at_ns - T0) // (600 * S) for at_ns in averages.start_ns]
        promised.update(range(first, acknowledged + 1))
        assert promised <= set(numbers) <= set(range(len(kept)))
        assert list(averages.values["u_l1_v"]) == numbers
        assert list(averages.spectra["u_h_l1_v"][50::51]) == numbers
        events = {event.id for event in reader.events(10_000)}
        assert {f"dip-bb1-{k}" for k in range(first, acknowledged + 1)} <= events
        first = len(kept)
        store.close()
    assert first > 30


# --- another user reads -------------------------------------------------------------------------------

READER = """
import os, sys, urllib.parse
sys.path[:0] = {path!r}
from pathlib import Path
from flexcore.store import StoreReader
os.setgroups([]); os.setgid(65534); os.setuid(65534)
reader = StoreReader(Path({folder!r}))
print(len(reader.events()), reader.series("bb1", "u_l1_v", 0, 2**62, 100).mean, reader.stats().events)
try:
    open({folder!r} + "/flexcore.db", "r+b")
except PermissionError:
    print("may not write")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize("state", ["running", "stopped", "killed"])
def test_another_user_reads_but_may_not_write(state: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="fc-store-") as name:
        folder = Path(name)
        os.chown(folder, 0, 65534)
        folder.chmod(0o2750)
        umask = os.umask(0o027)
        try:
            store = Store.open(folder)
        finally:
            os.umask(umask)
        store.add_values([interval(0)])
        store.add_events([dip(0)])
        if state == "killed":  # the log and its index stay behind
            copy = folder / "copy"
            copy.mkdir()
            for suffix in ("", "-wal", "-shm"):
                (copy / f"{FILE}{suffix}").write_bytes((folder / f"{FILE}{suffix}").read_bytes())
            store.close()
            for file in copy.iterdir():
                os.chown(file, 0, 65534)
                file.chmod(0o640)
                file.rename(folder / file.name)
            copy.rmdir()
        elif state == "stopped":
            store.close()
            assert not (folder / f"{FILE}-wal").exists()
        done = subprocess.run(
            [sys.executable, "-c", READER.format(path=sys.path, folder=name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.splitlines() == ["1 [0.0] 1", "may not write"], done.stderr
        if state == "running":
            store.close()


def test_a_reader_sees_a_new_file_after_the_old_was_set_aside(tmp_path: Path) -> None:
    reader = StoreReader(tmp_path)
    with pytest.raises(StoreError, match="unable to open"):
        reader.events()
    store = Store.open(tmp_path)
    store.add_events([dip(0)])
    assert len(reader.events()) == 1
    store.close()
    schema.set_aside(tmp_path / FILE)
    store = Store.open(tmp_path)
    assert reader.events() == []
    store.close()


def test_a_reader_of_a_broken_file_says_so(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(os.urandom(10_000))
    with pytest.raises(StoreError, match="not a database"):
        StoreReader(tmp_path).events()


# --- codec --------------------------------------------------------------------------------------------


def test_hostile_blobs_are_store_errors_not_crashes() -> None:
    dice = random.Random(7)
    record = codec.Record(1, 1, 3, 5, 3_000_000, codec.pack_values([1.0, None, 1e300]))
    good = codec.pack_chunk([record] * 100)
    assert codec.Chunk(good).values(0) == [1.0] * 100
    assert math.isnan(codec.Chunk(good).values(2)[0]), "what float32 cannot hold is no value"
    for _ in range(500):
        bad = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        for blob in (bytes(bad), bytes(bad[: dice.randrange(len(bad))])):
            with contextlib.suppress(StoreError):
                chunk = codec.Chunk(blob)
                values = [*chunk.values(0), *chunk.values(2), *chunk.offsets_us, *chunk.flags]
                assert len(values) == 4 * chunk.rows
            with contextlib.suppress(StoreError):
                list(codec.unpack_records(blob))
    with pytest.raises(StoreError, match="cut short"):
        list(codec.unpack_records(codec.pack_record(record)[:-1]))


def test_flags_and_migrations_are_numbered_as_they_are_stored() -> None:
    assert codec.flag_bits(("gap",)) == 1
    assert codec.flag_bits(("dip", "sync")) == 0b100100
    assert codec.flag_names(0b100100) == ("dip", "sync")
    assert sorted(schema.migrations()) == list(range(1, len(schema.migrations()) + 1))
