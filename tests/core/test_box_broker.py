"""The box's own broker settings and access list, with what provisioning makes, in the real broker."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flexcore import topics
from flexcore.buses.mqtt import MeasurementBus, TcpAddress, UnixAddress
from flexcore.desk.box import broker_settings
from flexcore.model import Measurement
from flexcore.paths import Paths
from flexcore.payloads import encode_measurement
from flexcore.services.provision import Provisioning
from flexcore.store import StoreReader
from support.broker import Broker, mosquitto
from support.waiting import eventually

S = 1_000_000_000
T0 = 1_790_000_001 * S
STATION = """
[station]
id = "st1"
name = "Station 1"

[[busbar]]
id = "bb1"
name = "Busbar 1"
nominal_v = 10000
sensor = { stream = 1 }
"""


class Box:
    """Provisioned folders and a running broker."""

    def __init__(self, folder: Path) -> None:
        credentials = folder / "credentials"
        credentials.mkdir()
        (credentials / "flexcore.code").write_text("ABCDE-FGHIJ")
        (credentials / "flexcore.station").write_text(STATION)
        self.paths = Paths(folder / "state", folder / "run", credentials)
        for name in ("broker", "samples", "web"):
            (self.paths.run / name).mkdir(parents=True)
        assert Provisioning(self.paths, folder / "console").run()
        self.broker = Broker()
        self.port = self.broker.free_port()
        self.broker.settings.write_text(broker_settings(self.paths, self.port))
        self.broker.socket = self.paths.broker_socket
        self.broker.start()

    def password(self, name: str) -> str:
        return (self.paths.secrets / "mqtt" / name).read_text()

    def bus(self, name: str, *, tls: bool = False) -> MeasurementBus:
        inside = UnixAddress(self.paths.broker_socket)
        outside = TcpAddress("127.0.0.1", self.port, self.paths.tls / "cert.pem")
        bus = MeasurementBus(
            service=name,
            address=outside if tls else inside,
            username=name,
            password=self.password(name),
        )
        bus.start()
        assert bus.wait_connected(5.0), name
        return bus


@pytest.fixture
def box() -> Iterator[Box]:
    if mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    with tempfile.TemporaryDirectory(prefix="fc-box-") as folder:
        one = Box(Path(folder))
        yield one
        one.broker.__exit__(None, None, None)


def test_each_may_say_what_is_its_own_and_the_reader_nothing(box: Box) -> None:
    heard: set[tuple[str, bytes]] = set()
    reader = box.bus("reader", tls=True)
    reader.subscribe("flexcore/v1/#", lambda topic, payload: heard.add((topic, payload)), qos=1)
    buses = {
        name: box.bus(name) for name in ("acquire", "analyse", "clock", "device", "meter", "record", "web")
    }
    buses["reader"] = reader
    said = {
        topics.meta("st1"): {"analyse"},
        topics.time("st1"): {"clock"},
        topics.meter("st1", "m1"): {"meter"},
        topics.device("st1", "d1"): {"device"},
        topics.load("st1", "t1"): {"analyse"},
        topics.measurement("st1", "3s", "bb1"): {"analyse"},
        topics.event("st1", "dip"): {"analyse"},
        topics.event("st1", "gap"): {"analyse", "record"},
        **{topics.health("st1", name): {name} for name in buses if name != "reader"},
    }
    for topic in said:
        for name, bus in buses.items():
            bus.publish(topic, name.encode(), qos=1)
    allowed = {(topic, name.encode()) for topic, names in said.items() for name in names}
    assert eventually(lambda: heard >= allowed, 8.0), allowed - heard
    assert eventually(lambda: not any(bus.counters["bus_waiting"] for bus in buses.values()))
    assert heard == allowed
    for bus in buses.values():
        bus.close()


def test_record_works_under_the_box_s_access_list(box: Box) -> None:
    credentials = box.paths.run / "record"
    credentials.mkdir()
    (credentials / "mqtt").write_text(box.password("record"))
    states: list[bytes] = []
    web = box.bus("web")
    web.subscribe(topics.health("st1", "record"), lambda _topic, payload: states.append(payload), qos=1)
    record = subprocess.Popen(
        [sys.executable, "-m", "flexcore.services.record"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "FLEXCORE_STATE_DIR": str(box.paths.state),
            "FLEXCORE_RUN_DIR": str(box.paths.run),
            "CREDENTIALS_DIRECTORY": str(credentials),
        },
    )
    try:
        assert eventually(lambda: any(b'"state":"ok"' in state for state in states), 10.0)
        analyse = box.bus("analyse")
        for n in (0, 1, 5):
            m = Measurement("bb1", "3s", T0 + n * 3 * S, 3 * S, {"f_hz": 50.0})
            analyse.publish(topics.measurement("st1", "3s", "bb1"), encode_measurement(m), qos=1)
        gaps: list[bytes] = []
        web.subscribe(topics.event("st1", "gap"), lambda _topic, payload: gaps.append(payload), qos=1)
        assert eventually(lambda: gaps, 15.0)
        analyse.close()
        record.terminate()
        assert record.wait(10.0) == 0
    finally:
        record.kill()
        record.wait()
        web.close()
    series = StoreReader(box.paths.store).series("bb1", "f_hz", T0, T0 + 60 * S)
    assert series.mean == [50.0] * 3
    assert len(StoreReader(box.paths.store).gaps()) == 1
