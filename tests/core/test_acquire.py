"""``flexcore-acquire`` as a process: true UDP in, true ZeroMQ out, its health on a true broker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from flexcore import topics
from flexcore.buses.mqtt import MeasurementBus
from flexcore.buses.zeromq import BlockSubscriber
from flexcore.model import Block
from flexcore.payloads import HealthPayload, decode_health
from flexcore.services.acquire import HOLD_S, Watch
from flexcore.simulator import files
from flexcore.simulator.disturbances import Script
from flexcore.simulator.generator import Generator
from flexcore.simulator.samples import Chunk
from flexcore.station import Station, read_station
from support.broker import Broker

CORE = Path(__file__).parents[2] / "core"
RATE = 20_000


@dataclass
class Said:
    """Takes alarms as the service would."""

    alarms: dict[str, str] = field(default_factory=dict)

    def raise_alarm(self, code: str, detail: str = "") -> None:
        self.alarms[code] = detail

    def clear_alarm(self, code: str) -> None:
        self.alarms.pop(code, None)


def test_drops_alarm_with_their_reasons_until_they_stop() -> None:
    said = Said()
    watch = Watch(said, 0.0)
    watch.tick(1.0, {"dropped_crc": 0, "dropped_kernel": 0}, {})
    assert said.alarms == {}
    watch.tick(2.0, {"dropped_crc": 3, "dropped_kernel": 0}, {})
    assert said.alarms == {"frames_dropped": "crc 3"}
    watch.tick(3.0, {"dropped_crc": 5, "dropped_kernel": 7}, {})
    assert said.alarms == {"frames_dropped": "crc 5, kernel 7"}
    watch.tick(3.0 + HOLD_S, {"dropped_crc": 5, "dropped_kernel": 8}, {})
    assert said.alarms == {"frames_dropped": "kernel 8"}
    watch.tick(4.0 + 2 * HOLD_S, {"dropped_crc": 5, "dropped_kernel": 8}, {})
    assert said.alarms == {}


def test_what_a_pause_brings_along_alarms_only_when_it_goes_on() -> None:
    said = Said()
    watch = Watch(said, 0.0)
    for n in (1, 2, 2, 3, 4):
        watch.tick(float(n), {"dropped_time": n}, {})
    assert said.alarms == {}
    watch.tick(6.0, {"dropped_time": 5}, {})
    assert said.alarms == {"frames_dropped": "time 1"}


def test_a_refused_description_says_why() -> None:
    said = Said()
    Watch(said, 0.0).tick(1.0, {"dropped_description": 1}, {}, "bb1: description: u_l1.gain: expected")
    assert said.alarms == {"frames_dropped": "description 1; bb1: description: u_l1.gain: expected"}


def test_silent_elements_are_named_also_when_they_never_spoke() -> None:
    said = Said()
    watch = Watch(said, 0.0)
    watch.tick(1.0, {}, {"bb1": 0, "f01": 0})
    assert said.alarms == {}
    watch.tick(2.5, {}, {"bb1": 7, "f01": 0})
    assert said.alarms == {"stream_silent": "f01"}
    watch.tick(5.0, {}, {"bb1": 7, "f01": 9})
    assert said.alarms == {"stream_silent": "bb1"}
    watch.tick(6.0, {}, {"bb1": 8, "f01": 10})
    assert said.alarms == {}


def test_lost_blocks_alarm_and_are_forgotten() -> None:
    said = Said()
    watch = Watch(said, 0.0)
    watch.tick(1.0, {"blocks_lost": 2}, {})
    assert said.alarms == {"samples_lost": "2 blocks since the start"}
    watch.tick(0.9 + HOLD_S, {"blocks_lost": 2}, {})
    assert "samples_lost" in said.alarms
    watch.tick(1.0 + HOLD_S, {"blocks_lost": 2}, {})
    assert said.alarms == {}


def test_what_sensors_say_of_their_samples_is_an_alarm_that_names_them() -> None:
    said = Said()
    watch = Watch(said, 0.0)
    watch.tick_flags(1.0, {"bb1": 0, "f01": 0}, {"bb1": 0, "f01": 0})
    assert said.alarms == {}
    watch.tick_flags(2.0, {"bb1": 0, "f01": 3}, {"bb1": 7, "f01": 7})
    assert said.alarms == {"samples_saturated": "f01", "time_unsynchronised": "bb1, f01"}
    watch.tick_flags(1.9 + HOLD_S, {"bb1": 0, "f01": 3}, {"bb1": 8, "f01": 7})
    assert said.alarms == {"samples_saturated": "f01", "time_unsynchronised": "bb1, f01"}
    watch.tick_flags(2.0 + HOLD_S, {"bb1": 0, "f01": 3}, {"bb1": 9, "f01": 7})
    assert said.alarms == {"time_unsynchronised": "bb1"}
    watch.tick_flags(3.0 + 2 * HOLD_S, {"bb1": 0, "f01": 3}, {"bb1": 9, "f01": 7})
    assert said.alarms == {}


class Box:
    """The service with its folders, a broker and a listener on either bus."""

    def __init__(self, broker: Broker, station: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fc-acq-"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            self.port = int(udp.getsockname()[1])
        text = files.find("stations", station).read_text()
        state = self.folder / "state"
        state.mkdir()
        acquire = f'[acquire]\nport = {self.port}\naddress = "127.0.0.1"\nblock_ms = 50\n'
        (state / "station.toml").write_text(f"{text}\n{acquire}")
        self.station: Station = read_station(state / "station.toml")
        run = self.folder / "run"
        run.mkdir()
        (run / "broker").symlink_to(broker.folder)
        (self.folder / "credentials").mkdir()
        (self.folder / "credentials" / "mqtt").write_text(broker.passwords["acquire"])
        self.environment = {
            **os.environ,
            "FLEXCORE_STATE_DIR": str(state),
            "FLEXCORE_RUN_DIR": str(run),
            "CREDENTIALS_DIRECTORY": str(self.folder / "credentials"),
            "PYTHONPATH": str(CORE),
        }
        self.health: list[HealthPayload] = []
        self.bus = MeasurementBus(
            service="web", address=broker.address, username="web", password=broker.passwords["web"]
        )
        self.bus.subscribe(
            topics.health(self.station.station.id, "acquire"),
            lambda _topic, payload: self.health.append(decode_health(payload)),
        )
        self.bus.start()
        self.blocks = BlockSubscriber(run / "samples" / "blocks.ipc")
        self.process: subprocess.Popen[str] | None = None

    def python(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self) -> None:
        self.process = self.python("flexcore.services.acquire")
        self.wait(lambda: bool(self.health), "health")
        time.sleep(0.6)  # the listener on the sample bus reconnects within this

    def play(self, *arguments: str) -> subprocess.Popen[str]:
        station = str(self.folder / "state" / "station.toml")
        return self.python("flexcore.simulator", "--station", station, *arguments)

    def wait(self, condition: object, what: str, timeout_s: float = 10.0) -> None:
        assert callable(condition)
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, f"no {what} in {timeout_s} s"
            time.sleep(0.05)

    def alarms(self) -> dict[str, str]:
        return {a.code: a.detail for a in self.health[-1].alarms} if self.health else {}

    def received(self, quiet_s: float = 0.7) -> dict[str, list[Block]]:
        """Blocks by element, until none comes for a while."""
        got: dict[str, list[Block]] = defaultdict(list)
        while (block := self.blocks.receive(3.0 if not got else quiet_s)) is not None:
            got[block.source].append(block)
        return got

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=10)
        self.blocks.close()
        self.bus.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def box(broker: Broker) -> Iterator[Box]:
    box = Box(broker, "demo-12")
    yield box
    box.close()


def generated(station: Station) -> dict[str, slice]:
    """Rows of each element in the generator's chunks."""
    rows = {}
    at = 0
    for e in station.elements:
        rows[e.id] = slice(at, at + len(e.channels))
        at += len(e.channels)
    return rows


def assert_generated(station: Station, blocks: dict[str, list[Block]]) -> None:
    """Every sample of every block is what the generator makes at its place on the grid."""
    rows = generated(station)
    generator = Generator(station, 1, Script((), None, RATE))
    wanted = sorted({b.sequence for own in blocks.values() for b in own})
    by_sequence: dict[int, list[Block]] = defaultdict(list)
    for own in blocks.values():
        for b in own:
            by_sequence[b.sequence].append(b)
    for sequence in wanted:
        chunk = next(iter(generator.chunks(sequence * 1000, 1000)))
        assert isinstance(chunk, Chunk)
        for b in by_sequence[sequence]:
            nominal = 5773.0 if b.source == "bb1" else 100.0
            assert b.start_ns == sequence * 50_000_000
            assert np.abs(b.samples - chunk.values[rows[b.source]]).max() < 1e-5 * nominal


def test_thirty_nine_channels_arrive_without_a_loss(box: Box) -> None:
    box.start()
    simulator = box.play("--seconds", "4")
    blocks = box.received()
    out, _ = simulator.communicate(timeout=10)
    started, stopped = (json.loads(line) for line in out.splitlines())
    assert (started["event"], started["channels"], stopped["event"]) == ("started", 39, "stopped")
    assert stopped["skipped"] == 0
    first = started["start_ns"] // 50_000_000
    assert set(blocks) == {e.id for e in box.station.elements}
    for element in box.station.elements:
        own = blocks[element.id]
        # the block in which the time line was found is not whole
        assert [b.sequence for b in own] == list(range(first + 1, first + 80))
        assert own[0].channels == element.channels
        assert own[0].rate_hz == RATE
    assert_generated(box.station, blocks)
    box.wait(lambda: box.health[-1].counters.get("published") == 13 * 79, "counters")
    counters = box.health[-1].counters
    assert counters["samples_lost"] == 0
    assert sum(n for name, n in counters.items() if name.startswith("dropped_")) == 0
    box.wait(lambda: "stream_silent" in box.alarms(), "alarm")
    assert box.alarms() == {"stream_silent": ", ".join(e.id for e in box.station.elements)}


def test_a_bad_wire_costs_only_the_blocks_it_hits(box: Box) -> None:
    box.start()
    bad = ("--loss", "0.01", "--duplicate", "0.02", "--reorder", "0.01", "--hostile", "300")
    simulator = box.play("--seconds", "5", *bad)
    blocks = box.received()
    out, _ = simulator.communicate(timeout=10)
    stopped = json.loads(out.splitlines()[-1])
    assert stopped["hostile"] > 1000
    assert_generated(box.station, blocks)
    holes = 0
    for own in blocks.values():
        sequences = [b.sequence for b in own]
        assert sequences == sorted(set(sequences))
        holes += sequences[-1] - sequences[0] + 1 - len(sequences)
    assert 0 < holes < 13 * 100 * 0.25, "a block has ten frames, each lost with 1 %"
    box.wait(lambda: {"frames_dropped", "samples_lost"} <= set(box.alarms()), "alarms")
    assert "crc" in box.alarms()["frames_dropped"]
    counters = box.health[-1].counters
    assert counters["duplicates"] > 100
    for reason in ("crc", "magic", "version", "stream", "channels", "count", "config", "description", "rate"):
        assert counters[f"dropped_{reason}"] > 0
    assert box.process is not None
    assert box.process.poll() is None


def test_it_comes_back_by_itself_when_the_station_does(box: Box) -> None:
    box.start()
    box.play("--seconds", "1").communicate(timeout=10)
    assert box.received()
    box.wait(lambda: "stream_silent" in box.alarms(), "alarm")
    simulator = box.play("--seconds", "3")
    box.wait(lambda: "stream_silent" not in box.alarms(), "end of the alarm")
    assert set(box.received()) == {e.id for e in box.station.elements}
    simulator.communicate(timeout=10)


def test_it_stops_on_sigterm_and_says_offline(box: Box) -> None:
    box.start()
    assert box.process is not None
    box.process.terminate()
    _, error = box.process.communicate(timeout=10)
    assert (box.process.returncode, "Traceback" in error) == (0, False)
    box.wait(lambda: box.health[-1].state == "offline", "offline")


def test_a_taken_port_is_one_line_and_exit_code_2(box: Box) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", box.port))
        process = box.python("flexcore.services.acquire")
        _, error = process.communicate(timeout=10)
    assert process.returncode == 2
    assert error.splitlines()[-1].startswith("acquire: station.toml: acquire: expected a free UDP port")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--station", "nowhere"], "nowhere: (file): expected a file or one of bench-20, demo-12, wisp2"),
        (["--station", "none.toml"], "none.toml: (file): expected a readable file"),
        (
            ["--station", "demo-12", "--target", "here"],
            "--target: expected HOST:PORT or cable:PATH, got 'here'",
        ),
        (
            ["--station", "demo-12", "--target", "256.0.0.1:1"],
            "--target: expected an address, got 256.0.0.1:1",
        ),
        (["--station", "demo-12", "--event", "sag:1:2"], "--event: sag:1:2: expected"),
        (["--station", "demo-12", "--replay", "none.cfg"], "--map: expected"),
        (["--station", "demo-12", "--replay", "none.cfg", "--map", "wisp2"], "none.cfg: (file): expected"),
        (["--station", "demo-12", "--replay", "none.cfg", "--map", "x.toml"], "x.toml: (file): expected"),
    ],
)
def test_the_simulator_refuses_in_one_line(arguments: list[str], names: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flexcore.simulator", *arguments],
        env={**os.environ, "PYTHONPATH": str(CORE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert names in done.stderr
