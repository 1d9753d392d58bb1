"""The recorder: whatever the disk, the broker or the sender do, rows are right or a gap says so."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flexcore import topics
from flexcore.buses.mqtt import MeasurementBus
from flexcore.errors import StoreError
from flexcore.model import Event, Flag, Measurement, event_id
from flexcore.payloads import HealthPayload, decode_event, decode_health, encode_event, encode_measurement
from flexcore.services import _recorder
from flexcore.services._backlog import Backlog
from flexcore.services._recorder import COMMIT_S, RESET_TOLD_S, RETRY_S, Recorder
from flexcore.station import Station, parse_station
from flexcore.store import Limits, Series, StoreReader
from flexcore.store.schema import FILE
from support.broker import Broker
from support.pq import analyse, blocks, make_station, three_phase, times
from support.waiting import eventually

S = 1_000_000_000
T0 = 1_790_000_001 * S
STATION_TEXT = """
[station]
id = "st1"
name = "Station 1"

[[busbar]]
id = "bb1"
name = "Busbar 1"
nominal_v = 10000
voltages = "phase_to_earth"
sensor = { stream = 1 }

[[field]]
id = "f1"
name = "Field 1"
busbar = "bb1"
sensor = { stream = 2 }
"""
STATION = parse_station(STATION_TEXT)


def interval(n: int, *, flags: tuple[Flag, ...] = (), seconds: int = 3) -> Measurement:
    return Measurement("bb1", "3s", T0 + n * 3 * S, seconds * S, {"f_hz": 50.0, "u_l1_v": float(n)}, flags)


def dip(n: int) -> Event:
    start_ns = T0 + n * S
    return Event(event_id("dip", "bb1", start_ns), "dip", "bb1", "end", start_ns, 90_000_000, 4000.0, 5773.5)


def values_of(folder: Path) -> list[float | None]:
    return series_of(folder).mean


def series_of(folder: Path) -> Series:
    return StoreReader(folder).series("bb1", "u_l1_v", T0, T0 + 10_000 * 3 * S, 10_000)


class Desk:
    """A recorder with a clock that we turn; what it announced and which alarms stand."""

    def __init__(self, folder: Path, limits: Limits | None = None, station: Station = STATION) -> None:
        self.folder = folder
        self.station = station.station.id
        self.alarms: dict[str, str] = {}
        self.announced: list[Event] = []
        self.now_s = 0.0
        self.recorder = Recorder(
            station=station,
            folder=folder,
            limits=limits or Limits(reserve_bytes=0),
            alarms=self,
            announce=self.announced.append,
        )

    def raise_alarm(self, code: str, detail: str = "") -> None:
        self.alarms[code] = detail

    def clear_alarm(self, code: str) -> None:
        self.alarms.pop(code, None)

    def hear(self, *items: Measurement | Event) -> Desk:
        for item in items:
            if isinstance(item, Event):
                self.recorder.hear_event(topics.event(self.station, item.type), encode_event(item))
            else:
                topic = topics.measurement(self.station, item.interval, item.element)
                self.recorder.hear_values(topic, encode_measurement(item))
        return self

    def work(self, seconds: float = COMMIT_S) -> Desk:
        until = self.now_s + seconds
        while self.now_s < until:
            self.recorder.work(self.now_s, T0)
            self.now_s += 0.5
        self.recorder.work(self.now_s, T0)
        return self


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.recorder.close()


# --- what is taken --------------------------------------------------------------------------------------


def test_values_are_written_in_batches_and_events_at_once(desk: Desk, tmp_path: Path) -> None:
    desk.work(0.5)
    desk.hear(interval(0), dip(0)).work(0.5)
    assert len(StoreReader(tmp_path).events()) == 1
    assert values_of(tmp_path) == []
    desk.work()
    assert values_of(tmp_path) == [0.0]
    last = StoreReader(tmp_path).last_values()["bb1"].values
    assert last["f_hz"] == 50.0
    assert last["u_max_l3_v"] is None, "what was not said is no value, and there is one layout"


FOREIGN: list[tuple[str, bytes]] = [
    ("flexcore/v1/st1/pq/3s/bb1", b"garbage"),
    ("flexcore/v1/st1/pq/3s/bb1", b""),
    ("flexcore/v1/st1/pq/3s/bb1", b"\xff\xfe"),
    ("flexcore/v1/st1/pq/3s/stranger", encode_measurement(interval(0))),
    ("flexcore/v1/st1/pq/200ms/bb1", encode_measurement(interval(0))),
    ("flexcore/v1/st1/pq/3s/bb1/more", encode_measurement(interval(0))),
    ("somewhere/else", encode_measurement(interval(0))),
    ("flexcore/v1/st1/pq/3s/f1", encode_measurement(interval(0))),  # a field has no frequency
    ("flexcore/v1/st1/pq/3s/bb1", b'{"t":"1970-01-01T00:00:00Z","dt":3,"v":{}}'),
    ("flexcore/v1/st1/pq/3s/bb1", b'{"t":"9999-01-01T00:00:00Z","dt":3,"v":{}}'),
    ("flexcore/v1/st1/pq/3s/bb1", b'{"t":"2026-11-23T00:00:00","dt":3,"v":{}}'),
    ("flexcore/v1/st1/pq/3s/bb1", b'{"t":"2026-11-23T00:00:00Z","dt":1e300,"v":{}}'),
    ("flexcore/v1/st1/pq/3s/bb1", b'{"t":"2026-11-23T00:00:00Z","dt":-3,"v":{}}'),
    ("flexcore/v1/st1/pq/3s/bb1", b'{"t":"2026-11-23T00:00:00Z","dt":3,"v":{"f_hz":"50"}}'),
    ("flexcore/v1/st1/pq/3s/bb1", b'{"t":"2026-11-23T00:00:00Z","dt":3,"v":{},"flag":["odd"]}'),
    ("flexcore/v1/st1/event/dip", encode_event(dip(0)).replace(b'"bb1"', b'"bb9"')),
    ("flexcore/v1/st1/event/swell", encode_event(dip(0))),
    ("flexcore/v1/st1/event/dip", encode_event(dip(0)).replace(b"dip-bb1", b"x" * 200)),
    ("flexcore/v1/st1/event/dip", b"[" * 100_000),
]


def test_foreign_messages_are_counted_and_leave_no_trace(desk: Desk, tmp_path: Path) -> None:
    desk.work(0.5)
    for topic, payload in FOREIGN:
        (desk.recorder.hear_event if "/event/" in topic else desk.recorder.hear_values)(topic, payload)
    assert desk.recorder.counters["foreign"] == len(FOREIGN)
    desk.hear(interval(0)).work()
    stats = StoreReader(tmp_path).stats()
    assert stats.events == 0
    assert values_of(tmp_path) == [0.0]
    assert desk.alarms == {}


@pytest.mark.parametrize(("voltages", "name"), [("phase_to_phase", "u_l12_v"), ("phase_to_earth", "u_l1_v")])
def test_all_that_the_instrument_tells_is_kept(tmp_path: Path, voltages: str, name: str) -> None:
    station = make_station(voltages=voltages)
    t = times(12.0)
    signals = {"b1": three_phase(t), "f1": three_phase(t, rms=100.0, lag_deg=30.0)}
    told = analyse(station, blocks(station, signals))
    desk = Desk(tmp_path, station=station)
    for element in ("b1", "f1"):
        desk.hear(*told.measurements(element, "3s"), *told.measurements(element, "10s"))
    desk.work()
    desk.recorder.close()
    assert desk.recorder.counters["foreign"] == 0
    reader = StoreReader(tmp_path)
    kept = reader.history("b1", "3s", [name], 0, 2**62).values[name]
    told_v = [m.values[name] for m in told.measurements("b1", "3s")]
    assert list(kept) == pytest.approx(told_v, rel=1e-6)
    assert len(kept) >= 3


def ten_minutes(n: int, **spectra: tuple[float, ...]) -> Measurement:
    start_ns = (T0 // (600 * S) + n) * 600 * S
    values: dict[str, float | None] = {"u_l1_v": float(n), "pst_l1": 0.5}
    return Measurement("bb1", "10min", start_ns, 600 * S, values, ("dip",), 0.5, spectra)


def test_longer_intervals_are_kept_with_their_spectra(desk: Desk, tmp_path: Path) -> None:
    first_ns = ten_minutes(0).start_ns
    orders = tuple(float(k) for k in range(51))
    desk.hear(
        ten_minutes(0, u_h_l1_v=orders, u_hg_l1_v=orders, u_ha_l1_deg=orders),
        ten_minutes(3),  # no hole of theirs is a gap: the 3-s values tell
        Measurement("bb1", "10s", first_ns, 10 * S, {"f_10s_hz": 49.98}),
        Measurement("bb1", "2h", first_ns, 7200 * S, {"plt_l2": 0.75}),
        Measurement("f1", "10min", first_ns, 600 * S, {"i_l1_a": 12.0}, spectra={"i_h_l1_a": orders}),
    )
    desk.work()
    reader = StoreReader(tmp_path)
    kept = reader.history("bb1", "10min", ["u_l1_v", "pst_l1", "pst_l2", "u_h_l1_v"], first_ns, 2**62)
    assert list(kept.values["u_l1_v"]) == [0.0, 3.0]
    assert list(kept.values["pst_l1"]) == [0.5, 0.5]
    assert all(value != value for value in kept.values["pst_l2"])
    assert list(kept.spectra["u_h_l1_v"][:51]) == list(orders)
    assert list(kept.coverage) == [0.5, 0.5]
    spectra = {name for name in reader.names("bb1", "10min") if "_h" in name and name.startswith("u_")}
    assert spectra == {"u_h_l1_v", "u_h_l2_v", "u_h_l3_v"}
    hertz = reader.history("bb1", "10s", ["f_10s_hz"], first_ns, 2**62).values["f_10s_hz"]
    assert list(hertz) == pytest.approx([49.98])
    assert list(reader.history("bb1", "2h", ["plt_l2"], first_ns, 2**62).values["plt_l2"]) == [0.75]
    current = reader.history("f1", "10min", ["i_l1_a", "i_h_l1_a"], first_ns, 2**62)
    assert (current.values["i_l1_a"][0], current.spectra["i_h_l1_a"][50]) == (12.0, 50.0)
    assert reader.gaps() == []
    assert desk.recorder.counters["averages"] == 4
    assert desk.recorder.counters["foreign"] == 0


@pytest.mark.parametrize(
    "bad",
    [
        Measurement("f1", "10s", T0, 10 * S, {"f_10s_hz": 50.0}),
        Measurement("bb1", "200ms", T0, S // 5, {"u_l1_v": 1.0}),
        Measurement("bb1", "10min", T0, 3600 * S, {"u_l1_v": 1.0}),
        Measurement("bb1", "10min", T0, 600 * S, {"plt_l1": 1.0}),
        Measurement("bb9", "10min", T0, 600 * S, {"u_l1_v": 1.0}),
        Measurement("bb1", "10min", T0, 600 * S, {}, spectra={f"s{n}": (1.0,) for n in range(65)}),
    ],
)
def test_a_longer_interval_that_is_none_is_refused(desk: Desk, bad: Measurement) -> None:
    desk.hear(bad).work()
    assert desk.recorder.counters["foreign"] == 1
    assert desk.recorder.counters["averages"] == 0


def test_layouts_stay_few_whatever_spectra_are_sent(desk: Desk, tmp_path: Path) -> None:
    dice = random.Random(5)
    phases = ("l1", "l2", "l3", "l12", "l23", "l31")
    names = [f"{stem}_{phase}_v" for stem in ("u_h", "u_ih") for phase in phases]
    for n in range(200):
        chosen = dice.sample(names, dice.randint(1, 12))
        desk.hear(ten_minutes(n, **{name: (1.0,) * dice.randint(0, 256) for name in chosen}))
    desk.work()
    db = sqlite3.connect(tmp_path / FILE)
    (layouts,) = db.execute("SELECT count(*) FROM layout").fetchone()
    db.close()
    assert layouts <= 16
    assert desk.recorder.counters["averages"] == 200


def test_hostile_bytes_never_raise_and_never_break_the_store(desk: Desk, tmp_path: Path) -> None:
    dice = random.Random(3)
    seeds = [
        ("flexcore/v1/st1/pq/3s/bb1", encode_measurement(interval(0, flags=("gap", "dip")))),
        ("flexcore/v1/st1/pq/10min/bb1", encode_measurement(ten_minutes(0, u_h_l1_v=(1.0,) * 51))),
        ("flexcore/v1/st1/pq/10s/bb1", b'{"t":"2026-09-21T14:13:20Z","dt":10,"v":{"f_10s_hz":50.01}}'),
        ("flexcore/v1/st1/event/dip", encode_event(dip(0))),
        ("flexcore/v1/st1/event/gap", encode_event(dip(0)).replace(b'"dip"', b'"gap"')),
    ]
    digits = b'0123456789eE+-."{}[]:,nul\\ud8'
    for _ in range(3000):
        topic, good = dice.choice(seeds)
        bad = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            bad[dice.randrange(len(bad))] = dice.choice(digits)
        (desk.recorder.hear_event if "/event/" in topic else desk.recorder.hear_values)(topic, bytes(bad))
    assert desk.recorder.counters["foreign"] > 1000
    desk.work(2 * COMMIT_S)
    assert desk.alarms == {}
    assert desk.recorder.counters["waiting"] == 0
    reader = StoreReader(tmp_path)
    assert len(reader.events(1000)) > 0
    assert reader.gaps(1000)
    reader.series("bb1", "u_l1_v", 0, 4_000_000_000 * S)
    reader.last_values()
    for over in ("3s", "10s", "10min"):
        reader.history("bb1", over, reader.names("bb1", over), 0, 4_000_000_000 * S)
    assert desk.recorder.counters["averages"] > 0


# --- gaps -----------------------------------------------------------------------------------------------


def test_a_hole_is_a_row_and_an_event_also_across_a_restart(desk: Desk, tmp_path: Path) -> None:
    desk.hear(interval(0), interval(1), interval(4)).work()
    (gap,) = StoreReader(tmp_path).gaps()
    assert (gap.start_ns, gap.end_ns, gap.reason) == (T0 + 6 * S, T0 + 12 * S, "missing")
    assert [e.id for e in desk.announced] == [gap.id]
    desk.recorder.close()
    second = Desk(tmp_path)
    second.hear(interval(10)).work()
    newest = StoreReader(tmp_path).gaps()[0]
    assert (newest.start_ns, newest.end_ns) == (T0 + 15 * S, T0 + 30 * S)
    second.recorder.close()


def test_gap_events_of_the_analyser_are_rows_and_no_events(desk: Desk, tmp_path: Path) -> None:
    told = Event(
        "gap-bb1-5", "gap", "bb1", "end", T0 + S, 350_000_000, flags=("gap",)
    )  # by its own id, to the sample
    desk.hear(told, interval(0, flags=("gap",)), interval(1)).work()
    reader = StoreReader(tmp_path)
    (gap,) = reader.gaps()
    assert (gap.id, gap.start_ns, gap.end_ns) == ("gap-bb1-5", T0 + S, T0 + S + 350_000_000)
    assert reader.events() == []
    assert desk.announced == []
    assert series_of(tmp_path).flags[0] == ("gap",)


# --- a disk that is full ----------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A real file system of 3 MB."""
    folder = Path(tempfile.mkdtemp(prefix="fc-disk-"))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "flexcore-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def fill_up(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def test_a_full_disk_is_an_alarm_and_nothing_is_lost_when_space_is_back(small_disk: Path) -> None:
    desk = Desk(small_disk)
    desk.hear(interval(0)).work()
    ballast = fill_up(small_disk)
    n = 1
    while "store_full" not in desk.alarms:  # the log has some room of its own
        for _ in range(50):
            desk.hear(interval(n), dip(n))
            n += 1
        desk.work()
        assert n < 20_000
    assert "store" in desk.alarms["store_full"]
    for _ in range(5):
        desk.hear(interval(n), dip(n)).work()
        n += 1
    assert desk.recorder.counters["waiting"] > 0
    assert "store_full" in desk.alarms
    ballast.unlink()
    desk.work(2 * RETRY_S)
    assert desk.alarms == {}
    assert desk.recorder.counters["waiting"] == 0
    assert desk.recorder.counters["dropped"] == 0
    assert values_of(small_disk) == [float(k) for k in range(n)]
    assert StoreReader(small_disk).stats().events == n - 1
    assert StoreReader(small_disk).gaps() == []
    desk.recorder.close()


def test_a_disk_that_is_full_at_the_start_is_an_alarm_not_a_crash(small_disk: Path) -> None:
    ballast = fill_up(small_disk)
    desk = Desk(small_disk)
    desk.hear(interval(0)).work()
    assert set(desk.alarms) & {"store_full", "store_error"}
    ballast.unlink()
    desk.work(2 * RETRY_S)
    assert desk.alarms == {}
    assert values_of(small_disk) == [0.0]
    desk.recorder.close()


def test_what_had_to_be_dropped_is_a_gap_and_events_come_first(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_recorder, "VALUES_LIMIT", 10)
    disk = os.statvfs(small_disk)
    reserve = disk.f_blocks * disk.f_frsize // 2
    desk = Desk(small_disk, Limits(reserve_bytes=reserve))
    desk.hear(interval(0)).work()
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - reserve + 4096))
    for n in range(1, 31):
        desk.hear(interval(n), dip(n)).work(1.0)
    assert "store_full" in desk.alarms
    assert StoreReader(small_disk).stats().events == 30, "the reserve is for events"
    assert values_of(small_disk) == [0.0]
    assert desk.recorder.counters["dropped"] == 20
    ballast.unlink()
    desk.work(2 * RETRY_S)
    assert desk.alarms == {}
    assert values_of(small_disk) == [0.0, *(float(n) for n in range(21, 31))]
    (gap,) = StoreReader(small_disk).gaps()
    assert (gap.start_ns, gap.end_ns, gap.reason) == (T0 + 3 * S, T0 + 63 * S, "dropped")
    desk.recorder.close()


# --- other trouble ----------------------------------------------------------------------------------------


def test_a_folder_that_vanishes_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    desk = Desk(folder)
    desk.hear(interval(0), dip(0)).work()
    assert "store_error" in desk.alarms
    folder.mkdir()
    desk.work(2 * RETRY_S)
    assert desk.alarms == {}
    assert values_of(folder) == [0.0]
    assert len(StoreReader(folder).events()) == 1
    desk.recorder.close()


def test_a_file_that_breaks_under_our_hands_is_set_aside(desk: Desk, tmp_path: Path) -> None:
    desk.hear(*(interval(n) for n in range(500))).work()
    desk.recorder.close()
    with (tmp_path / FILE).open("r+b") as raw:
        raw.seek(100)
        raw.write(os.urandom(4096 * 3))
    second = Desk(tmp_path)
    second.hear(interval(500), dip(0)).work(2 * RETRY_S)
    assert set(second.alarms) == {"store_reset"}
    second.now_s += RESET_TOLD_S - 60
    second.work(0)
    assert set(second.alarms) == {"store_reset"}
    second.now_s += 60
    second.work(0)
    assert second.alarms == {}
    assert (tmp_path / f"{FILE}.broken").exists()
    assert values_of(tmp_path) == [500.0]
    second.recorder.close()


def test_a_backlog_is_bounded_and_forgets_only_what_was_seen() -> None:
    backlog: Backlog[int] = Backlog(5)
    for n in range(3):
        backlog.put(n)
    mark, first = backlog.first(10)
    assert first == [0, 1, 2]
    for n in range(3, 8):
        backlog.put(n)  # 0, 1 and 2 are pushed out while they are being written
    backlog.forget(mark)
    assert backlog.first(10)[1] == [3, 4, 5, 6, 7]
    assert backlog.dropped == 3
    assert backlog.take_dropped() == [0, 1, 2]
    assert backlog.take_dropped() == []


# --- the real service and the real broker -------------------------------------------------------------------


class Box:
    """record as a process, a broker, and a bus on which we are the analyser."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.folder = broker.folder / "box"
        self.store = self.folder / "state" / "store"
        for name in ("run/broker", "state/store", "credentials"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "run/broker/mqtt.sock").symlink_to(broker.socket)
        (self.folder / "state/station.toml").write_text(STATION_TEXT)
        (self.folder / "credentials/mqtt").write_text(broker.passwords["record"])
        self.health: list[HealthPayload] = []
        self.gap_events: list[Event] = []
        self.bus: MeasurementBus = broker.bus("analyse")
        self.bus.subscribe(topics.health("st1", "record"), self._hear_health, qos=1)
        self.bus.subscribe(topics.event("st1", "gap"), self._hear_gap, qos=1)
        self.bus.start()
        assert self.bus.wait_connected(5.0)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()
        self.log = self.folder / "log"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flexcore.services.record"],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                    "FLEXCORE_STATE_DIR": str(self.folder / "state"),
                    "FLEXCORE_RUN_DIR": str(self.folder / "run"),
                    "CREDENTIALS_DIRECTORY": str(self.folder / "credentials"),
                },
                stderr=log,
            )

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(sign)
        return self.process.wait(10.0)

    def say(self, item: Measurement | Event) -> None:
        if isinstance(item, Event):
            self.bus.publish(topics.event("st1", item.type), encode_event(item), qos=1)
        else:
            self.bus.publish(topics.measurement("st1", "3s", "bb1"), encode_measurement(item), qos=1)

    def kept(self) -> list[float | None]:
        try:
            return values_of(self.store)
        except StoreError:  # not begun yet
            return []

    def _hear_health(self, _topic: str, payload: bytes) -> None:
        self.health.append(decode_health(payload))

    def _hear_gap(self, _topic: str, payload: bytes) -> None:
        self.gap_events.append(decode_event(payload))


@pytest.fixture
def box(broker: Broker) -> Iterator[Box]:
    one = Box(broker)
    assert eventually(lambda: one.health and one.health[-1].state == "ok", 10.0), one.log.read_text()
    yield one
    if one.process and one.process.poll() is None:
        one.stop()
    one.bus.close()


def numbers(count: int) -> list[float]:
    return [float(n) for n in range(count)]


def when(condition: Callable[[], object]) -> None:
    assert eventually(condition, 12.0)


def test_a_broker_that_is_killed_costs_nothing(box: Box) -> None:
    for n in range(10):
        box.say(interval(n))
    time.sleep(0.2)
    box.broker.kill()
    for n in range(10, 200):
        box.say(interval(n))
        box.say(dip(n))
    time.sleep(0.5)
    box.broker.start()
    started = time.monotonic()
    when(lambda: len(StoreReader(box.store).events(1000)) == 190)
    assert time.monotonic() - started < 6.0
    assert box.stop() == 0, "a stop writes what waits"
    assert box.kept() == numbers(200)
    assert StoreReader(box.store).gaps() == []


def test_longer_intervals_go_over_the_real_bus(box: Box) -> None:
    orders = tuple(float(k) for k in range(51))
    for item in (
        ten_minutes(0, u_h_l1_v=orders, u_ha_l1_deg=orders),
        Measurement("bb1", "10s", ten_minutes(0).start_ns, 10 * S, {"f_10s_hz": 50.125}),
        Measurement("bb1", "2h", ten_minutes(0).start_ns, 7200 * S, {"plt_l1": 0.25}),
    ):
        topic = topics.measurement("st1", item.interval, "bb1")
        box.bus.publish(topic, encode_measurement(item), qos=1)

    def kept(interval: str, name: str) -> list[float]:
        try:
            found = StoreReader(box.store).history("bb1", interval, [name], 0, 2**62)
        except StoreError:  # not begun yet
            return []
        return list(found.spectra.get(name) or found.values.get(name, ()))

    when(lambda: kept("2h", "plt_l1") == [0.25] and kept("10s", "f_10s_hz") == [50.125])
    assert kept("10min", "u_h_l1_v") == list(orders)
    assert kept("10min", "u_l1_v") == [0.0]


def test_a_kill_of_the_recorder_is_mended_by_the_broker_s_queue(box: Box) -> None:
    for n in range(5):
        box.say(interval(n))
    when(lambda: box.kept() == numbers(5))
    box.stop(signal.SIGKILL)
    when(lambda: box.health[-1].state == "offline")
    for n in range(5, 10):
        box.say(interval(n))
    box.start()
    when(lambda: box.kept() == numbers(10))
    assert StoreReader(box.store).gaps() == []


def test_an_outage_of_the_analyser_is_a_gap_on_the_bus_and_in_the_store(box: Box) -> None:
    box.say(interval(0))
    box.say(interval(5))
    when(lambda: box.gap_events)
    event = box.gap_events[0]
    assert (event.element, event.start_ns, event.duration_ns) == ("bb1", T0 + 3 * S, 12 * S)
    (gap,) = StoreReader(box.store).gaps()
    assert gap.id == event.id
    assert box.health[-1].state == "ok"


def test_the_recorder_waits_for_a_broker_that_is_not_there(broker: Broker) -> None:
    box = Box(broker)
    when(lambda: box.health)
    assert box.stop() == 0
    broker.stop()
    box.start()
    time.sleep(1.0)
    assert box.process
    assert box.process.poll() is None
    broker.start()
    when(lambda: box.health[-1].state == "ok")
    assert box.stop() == 0
    box.bus.close()
