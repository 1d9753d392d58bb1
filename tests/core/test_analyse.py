"""The analyse service: from the real sample bus to the real broker, and what it does when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from flexcore.buses.mqtt import MeasurementBus
from flexcore.buses.zeromq import BlockPublisher
from flexcore.model import Block, Event, Measurement
from flexcore.paths import Paths
from flexcore.payloads import (
    HealthPayload,
    decode_event,
    decode_health,
    decode_measurement,
    decode_meta,
)
from flexcore.quantities import PHASES, of_busbar, of_field
from flexcore.services import analyse
from flexcore.services.service import Service
from flexcore.topics import parts
from support.broker import Broker
from support.pq import UDIN_V, blocks, make_station, three_phase, times
from support.waiting import eventually

STATION = make_station(2)
NS = 1_000_000_000


def sample_blocks(seconds: float, epoch_s: float) -> list[Block]:
    """A dip to 60 % from 1.5 to 1.8 s."""
    t = times(seconds)
    u = three_phase(t, 50.0)
    u[:, (t > 1.5) & (t < 1.8)] *= 0.6
    data = {"b1": u, "f1": three_phase(t, 50.0, 10.0, 30.0), "f2": three_phase(t, 50.0, 20.0)}
    return list(blocks(STATION, data, epoch_s=epoch_s))


class Listener:
    """Someone at the broker who remembers everything."""

    def __init__(self, bus: MeasurementBus) -> None:
        self.measurements: list[Measurement] = []
        self.events: list[Event] = []
        self.health: list[HealthPayload] = []
        self.meta: list[bytes] = []
        bus.subscribe("flexcore/v1/s1/#", self.take, qos=1)
        bus.start()
        self.bus = bus

    def take(self, topic: str, raw: bytes) -> None:
        kind, *rest = parts(topic)
        if kind == "pq":
            self.measurements.append(decode_measurement(rest[1], rest[0], raw))
        elif kind == "event":
            self.events.append(decode_event(raw))
        elif kind == "health" and rest == ["analyse"]:
            self.health.append(decode_health(raw))
        elif kind == "meta":
            self.meta.append(raw)

    def alarms(self) -> set[str]:
        return {alarm.code for alarm in self.health[-1].alarms} if self.health else set()


class Running:
    """The service in a thread of its own, with the sample bus it listens to."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        paths = broker.paths(folder)
        self.samples = BlockPublisher(paths.sample_bus)
        self.service = Service("analyse", paths, STATION, broker.passwords["analyse"])
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        time.sleep(0.3)  # a subscriber that connects later misses what was sent before

    def _run(self) -> None:
        with self.service:
            analyse.analyse(self.service)

    def play(self, stream: list[Block], speed: float = 20.0) -> None:
        for n, block in enumerate(stream):
            self.samples.publish(block)
            if n % 3 == 2:
                time.sleep(0.05 / speed)

    def stop(self) -> None:
        self.service.stopping.set()
        self.thread.join(10.0)
        self.samples.close()
        assert not self.thread.is_alive()


@pytest.fixture
def running(broker: Broker) -> Iterator[Running]:
    one = Running(broker.folder, broker)
    yield one
    one.stop()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    bus = broker.bus("reader")
    yield Listener(bus)
    bus.close()


#: A dip is told at its begin, once more when its origin is known, and at its end.
BEGIN_ORIGIN_END = [("begin", False), ("begin", True), ("end", True)]


def test_samples_become_values_events_and_health(running: Running, listener: Listener) -> None:
    assert eventually(lambda: listener.meta)
    meta = decode_meta(listener.meta[0])
    assert [(e.id, e.kind, e.busbar) for e in meta.elements] == [
        ("b1", "busbar", "b1"), ("f1", "field", "b1"), ("f2", "field", "b1"),
    ]  # fmt: skip
    assert meta.elements[1].channels == ("i_l1", "i_l2", "i_l3")
    running.play(sample_blocks(7.0, time.time() // 1))
    assert eventually(lambda: sum(m.interval == "3s" for m in listener.measurements) >= 6)
    windows = [m for m in listener.measurements if m.interval == "200ms"]
    assert len(windows) >= 90
    for m in windows:
        told = of_busbar("200ms", PHASES) if m.element == "b1" else of_field("200ms")
        assert set(m.values) == {q.name for q in told}
    sound = [m for m in windows if not m.flags]
    assert all(m.values["u_l2_v"] == pytest.approx(UDIN_V, rel=1e-4) for m in sound if m.element == "b1")
    assert all(m.values["phi_l1_deg"] == pytest.approx(30.0, abs=0.01) for m in sound if m.element == "f1")
    dip = [e for e in listener.events if e.type == "dip"]
    assert [(e.state, e.origin is not None) for e in dip] == BEGIN_ORIGIN_END
    assert dip[1].origin == dip[2].origin
    assert {f.field for f in dip[1].origin.fields} == {"f1", "f2"}
    assert dip[2].extreme_v == pytest.approx(0.6 * UDIN_V, rel=1e-3)
    assert eventually(lambda: listener.health and listener.health[-1].counters.get("blocks", 0) == 420)
    counters = listener.health[-1].counters
    assert counters["windows"] == len(windows)
    assert (counters["events"], counters["gaps"], counters["dropped"]) == (1, 0, 0)
    assert 0.0 <= counters["headroom_percent"] <= 100.0


def test_silent_sources_raise_alarms(
    running: Running, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SILENT_S", 0.6), ("GRACE_S", 0.5), ("PERIOD_S", 0.1)):
        monkeypatch.setattr(analyse, name, value)
    assert eventually(lambda: "no_samples" in listener.alarms())
    stream = sample_blocks(6.0, time.time() // 1)
    running.play(stream[:90], speed=2.0)
    assert eventually(lambda: listener.alarms() == set())
    running.play([b for b in stream[90:] if b.source != "f2"], speed=2.0)
    assert eventually(lambda: listener.alarms() == {"source_silent"})
    silent = next(a for a in listener.health[-1].alarms if a.code == "source_silent")
    assert silent.detail == "f2"


def test_it_starts_and_works_without_a_broker_and_tells_all_later(broker: Broker, tmp_path: Path) -> None:
    broker.stop()
    one = Running(broker.folder, broker)
    try:
        running_service = one.service
        one.play(sample_blocks(7.0, time.time() // 1))
        assert eventually(lambda: running_service.counters["windows"] >= 90)
        broker.start()
        bus = broker.bus("reader")
        listener = Listener(bus)
        assert eventually(lambda: listener.meta)
        assert eventually(lambda: sum(m.interval == "3s" for m in listener.measurements) >= 6)
        dip = [e for e in listener.events if e.type == "dip"]
        assert [(e.state, e.origin is not None) for e in dip] == BEGIN_ORIGIN_END
        broker.kill()
        broker.start()
        listener.meta.clear()
        again = Listener(broker.bus("web"))
        assert eventually(lambda: again.meta), "told anew to a broker that has forgotten everything"
        bus.close()
        again.bus.close()
    finally:
        one.stop()


class Recorder:
    """As much of a service as the work needs, without threads."""

    def __init__(self) -> None:
        self.station = STATION
        self.paths = Paths(state=Path("/nowhere"), run=Path("/nowhere"), credentials=None)
        self.counters: dict[str, int | float] = {}
        self.published: list[str] = []
        self.alarms: dict[str, str] = {}
        self.bus = SimpleNamespace(publish=self._publish)

    def progress(self) -> None:
        pass

    def raise_alarm(self, code: str, detail: str = "") -> None:
        self.alarms[code] = detail

    def clear_alarm(self, code: str) -> None:
        self.alarms.pop(code, None)

    def _publish(self, topic: str, _payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        self.published.append(topic)
        return True


def test_a_backlog_is_thrown_away_in_whole_blocks_and_shows_as_a_gap() -> None:
    recorder = Recorder()
    work = analyse.Analysis(recorder)  # type: ignore[arg-type]
    fresh = time.time() - 30.0
    for block in sample_blocks(4.0, fresh // 1):
        work.take(block, queue_was_empty=True)  # old, but nothing is waiting: no backlog
    assert work._figures(0.0)["dropped"] == 0
    stream = sample_blocks(8.0, fresh // 1)[240:]  # 4.0 to 8.0 s, and the next wait 7 s longer than those
    late = [replace(b, start_ns=b.start_ns - 7 * NS) for b in stream[:60]]
    for block in late:
        work.take(block, queue_was_empty=False)
    assert work._figures(0.0)["dropped"] == 60
    for block in stream[60:]:
        work.take(block, queue_was_empty=True)
    figures = work._figures(0.0)
    assert figures["dropped"] == 60
    assert figures["gaps"] == 3
    assert any(topic.endswith("event/gap") for topic in recorder.published)


def test_backlog_is_measured_against_the_empty_queue_not_against_the_clock() -> None:
    backlog = analyse.Backlog(limit_s=1.5)
    hour = 3600 * NS
    assert not backlog.drop("b1", hour, queue_was_empty=False)
    assert not backlog.drop("b1", hour + NS, queue_was_empty=False)
    assert backlog.drop("b1", hour + 2 * NS, queue_was_empty=False)
    assert backlog.drop("b1", hour + NS, queue_was_empty=False), "until it has caught up"
    assert not backlog.drop("b1", hour + 2 * NS, queue_was_empty=True)
    assert not backlog.drop("b1", hour + 3 * NS, queue_was_empty=False)


def test_a_clock_that_steps_costs_its_own_source_one_burst() -> None:
    backlog = analyse.Backlog(limit_s=1.5)
    ages = {"b1": 0, "f1": 0, "f2": 0}
    dropped = []
    for burst in range(20):
        ages["f2"] = 3600 * NS if 5 <= burst < 10 else -3600 * NS if burst >= 15 else 0
        for n, (source, age) in enumerate(ages.items()):
            if backlog.drop(source, age, queue_was_empty=n == 0):
                dropped.append((burst, source))
    assert dropped == [(5, "f2")]


def test_clocks_that_drift_apart_are_no_backlog() -> None:
    backlog = analyse.Backlog(limit_s=1.5)
    for burst in range(1000):
        assert not backlog.drop("b1", 0, queue_was_empty=True)
        assert not backlog.drop("f1", burst * NS // 100, queue_was_empty=False)


def play_bursts(work: analyse.Analysis, stream: list[Block]) -> None:
    """As acquire sends them: the blocks of one moment together, the first into an empty queue."""
    for n, block in enumerate(stream):
        work.take(block, queue_was_empty=n % 3 == 0)


@pytest.mark.parametrize("offset_s", [-1e9, -3600.0, -2.0, 2.0, 3600.0])
@pytest.mark.parametrize("source", ["b1", "f1"])
def test_a_source_in_another_time_costs_the_others_nothing_and_is_named(offset_s: float, source: str) -> None:
    recorder = Recorder()
    work = analyse.Analysis(recorder)  # type: ignore[arg-type]
    shift = round(offset_s / 0.05)
    right = sample_blocks(7.0, time.time() // 1)
    stream = [
        replace(b, sequence=b.sequence + shift, start_ns=b.start_ns + shift * 50_000_000)
        if b.source == source
        else b
        for b in right[:360]
    ]
    play_bursts(work, stream)
    work._look_after(time.monotonic(), 0)
    assert work._figures(0.0)["dropped"] == 0
    windows = {element: sum(f"/200ms/{element}" in t for t in recorder.published) for element in ("b1", "f2")}
    if source == "f1":
        assert windows["b1"] >= 20
        assert windows["f2"] >= 20
    if abs(offset_s) < 5.0:
        return  # near enough to be believed: it merely comes late
    assert recorder.alarms == {"source_astray": source}
    play_bursts(work, right[360:])
    work._look_after(time.monotonic(), 0)
    assert "source_astray" not in recorder.alarms


def test_it_drains_a_flood_without_growing(running: Running, listener: Listener) -> None:
    """Ten seconds of samples at once: all analysed or thrown away, none kept."""
    stream = sample_blocks(10.0, time.time() // 1)
    for block in islice(stream, 600):
        running.samples.publish(block)

    def done() -> bool:
        counters = running.service.counters
        return counters["blocks"] + counters["dropped"] + counters["late"] >= 600

    assert eventually(done)


def test_without_a_station_it_says_so_and_exits_with_two(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flexcore.services.analyse"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "FLEXCORE_STATE_DIR": str(tmp_path),
            "FLEXCORE_RUN_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=20.0,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "station.toml" in done.stderr


def test_waveforms_have_an_allowance() -> None:
    allowance = analyse.Allowance(1000, 100, 50.0)
    assert allowance.take(700, 50.0)
    assert not allowance.take(400, 50.0)
    assert allowance.take(300, 50.0)
    assert not allowance.take(101, 51.0)
    assert allowance.take(100, 51.0)
    assert not allowance.take(1001, 1e6), "never more than a burst"
    assert allowance.take(1000, 1e6)
