"""Load of components in the service: over a real broker, retained, over restarts."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from flexcore import topics
from flexcore.buses.zeromq import BlockPublisher
from flexcore.loading.payload import LoadPayload, decode_load
from flexcore.payloads import PayloadError, decode_meta
from flexcore.services import analyse
from flexcore.services._loads import FILE, Loads
from flexcore.services.service import Service
from support.broker import Broker
from support.loaded import START_NS, STEP_NS, TEXT, station, value, values
from support.pq import blocks, three_phase, times
from support.waiting import eventually

STATION = station(TEXT)


class Alarms:
    def __init__(self) -> None:
        self.raised: dict[str, str] = {}

    def raise_alarm(self, code: str, detail: str = "") -> None:
        self.raised[code] = detail

    def clear_alarm(self, code: str) -> None:
        self.raised.pop(code, None)


class Desk:
    """The load's work without a service."""

    def __init__(self, folder: Path) -> None:
        self.told: list[LoadPayload] = []
        self.alarms = Alarms()
        self.loads = Loads(STATION, folder, self.take, self.alarms, 0.0)

    def take(self, topic: str, payload: bytes) -> None:
        load = decode_load(payload)
        assert topic == topics.load("s1", load.id)
        self.told.append(load)


def test_over_the_bus_from_samples_retained_and_named_in_the_meta(broker: Broker) -> None:
    paths = broker.paths(broker.folder)
    samples = BlockPublisher(paths.sample_bus)
    service = Service("analyse", paths, STATION, broker.passwords["analyse"])

    def work() -> None:
        with service:
            analyse.analyse(service)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        time.sleep(0.3)
        t = times(8.0)
        current = three_phase(t, rms=577.0)
        neutral = np.zeros((1, t.size))
        signals = {"b1": three_phase(t, rms=230.9)}
        signals |= {f: np.concatenate((part * current, neutral)) for f, part in (("f1", 1.1), ("f2", 0.2))}
        for n, block in enumerate(blocks(STATION, signals, epoch_s=time.time() // 1 - 8)):
            samples.publish(block)
            if n % 3 == 2:
                time.sleep(0.0025)
        # only now does somebody listen: it is retained
        heard: dict[str, LoadPayload] = {}
        meta: list[bytes] = []
        bus = broker.bus("reader")
        bus.subscribe("flexcore/v1/s1/load/+", lambda t, raw: heard.update({t[-2:]: decode_load(raw)}), qos=1)
        bus.subscribe("flexcore/v1/s1/meta", lambda _, raw: meta.append(raw), qos=1)
        bus.start()
        assert eventually(lambda: len(heard) == 2 and meta, 15.0)
        bus.close()
    finally:
        service.stopping.set()
        thread.join(10.0)
        samples.close()
    transformer = heard["t1"]
    by = {f.criterion: f for f in transformer.findings}
    assert (transformer.verdict, transformer.judged, transformer.kind) == ("over", "over", "transformer")
    assert by["rated_current"].percent == pytest.approx(110.0, abs=0.2)
    assert by["hot_spot"].reason == "unsettled"
    assert heard["k1"].judged == "acceptable"
    components = decode_meta(meta[0]).components
    assert [(c.id, c.kind, c.field) for c in components] == [
        ("t1", "transformer", "f1"),
        ("k1", "cable", "f2"),
    ]
    assert set(json.loads((broker.folder / "load" / FILE).read_text())["components"]) == {"t1", "k1"}


def test_what_is_known_survives_a_restart(tmp_path: Path) -> None:
    before = Desk(tmp_path / "load")
    for m in values("f1", 48 * 60, 300.0):
        before.loads.take(m)
    before.loads.close()
    after = Desk(tmp_path / "load")
    after.loads.take(value("f1", START_NS + 48 * 3600_000_000_000, 300.0))
    (told,) = after.told
    hot = {f.criterion: f for f in told.findings}["hot_spot"]
    assert hot.verdict == "acceptable" and hot.remaining_min == "never"
    assert told.followed_since == before.told[-1].followed_since
    other = Desk(tmp_path / "other")
    other.loads.take(value("f1", START_NS, 300.0))
    assert {f.criterion: f for f in other.told[0].findings}["hot_spot"].reason == "unsettled"


def test_it_is_kept_once_a_minute_and_only_when_it_changed(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "load")
    desk.loads.look_after(61.0)
    assert not (tmp_path / "load").exists()
    for m in values("f2", 2, 100.0):
        desk.loads.take(m)
    desk.loads.look_after(100.0)
    assert not (tmp_path / "load").exists()
    desk.loads.look_after(122.0)
    file = tmp_path / "load" / FILE
    assert eventually(file.exists)
    written = file.stat().st_mtime_ns
    desk.loads.look_after(190.0)
    desk.loads.close()
    assert file.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "spoilt", [b"", b"{", b"\x00" * 1000, b'{"format":"flexcore-load-1"}', b"x" * 400_000]
)
def test_a_spoilt_file_is_forgotten_and_written_anew(
    tmp_path: Path, spoilt: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / FILE
    file.write_bytes(spoilt)
    desk = Desk(tmp_path)
    assert "temperatures begin unknown" in caplog.text
    for m in values("f1", 2, 100.0):
        desk.loads.take(m)
    desk.loads.close()
    assert json.loads(file.read_text())["format"] == "flexcore-load-1"


def test_a_folder_that_cannot_be_written_is_an_alarm_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "load"
    folder.write_text("a file where a folder should be")
    desk = Desk(folder)
    for m in values("f1", 2, 100.0):
        desk.loads.take(m)
    desk.loads.look_after(100.0)
    assert eventually(lambda: "load_not_kept" in desk.alarms.raised)
    folder.unlink()
    desk.loads.close()
    assert not desk.alarms.raised


def test_silence_says_since_when(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for m in values("f1", 1, 100.0):
        desk.loads.take(m)
    desk.loads.silence()
    assert desk.told[-1].unknown_since is not None
    assert {f.reason for f in desk.told[-1].findings if f.criterion == "rated_current"} == {"no_load"}
    count = len(desk.told)
    desk.loads.silence()
    assert len(desk.told) == count
    desk.loads.take(value("f1", START_NS + 20 * STEP_NS + 10_000_000_000, 100.0))
    assert desk.told[-1].unknown_since is None


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"[" * 200_000, b'{"id": "t1"}'])
def test_foreign_payloads_are_refused(raw: bytes) -> None:
    with pytest.raises(PayloadError):
        decode_load(raw)
