"""Services: signals, watchdog, health; as real processes against the real broker."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flexcore.payloads import HealthPayload, decode_health
from flexcore.services.notify import Notifier
from support.broker import Broker
from support.waiting import eventually

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
#: A service whose body does what a test tells it by files in the run folder.
BODY = """
import time
from flexcore.services.service import Service, run

def body(service: Service) -> None:
    service.ready()
    service.counters["rows"] = 7
    run_dir = service.paths.run
    while not service.stopping.wait(0.02):
        if not (run_dir / "hang").exists():
            service.progress()
        if (run_dir / "alarm").exists():
            service.raise_alarm("store_full", "no space")
        else:
            service.clear_alarm("store_full")
        if (run_dir / "bug").exists():
            raise RuntimeError("a bug")

raise SystemExit(run("record", body))
"""


class Process:
    """A service in a process of its own, with a socket in systemd's place."""

    def __init__(self, broker: Broker, *, station: str | None = STATION, password: str | None = None) -> None:
        self.folder = broker.folder / "service"
        self.run = self.folder / "run"
        for name in ("run/broker", "state", "credentials"):
            (self.folder / name).mkdir(parents=True)
        (self.run / "broker" / "mqtt.sock").symlink_to(broker.socket)
        if station is not None:
            (self.folder / "state" / "station.toml").write_text(station)
        if password != "":
            (self.folder / "credentials" / "mqtt").write_text((password or broker.passwords["record"]) + "\n")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(self.folder / "notify"))
        self.said: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.process = subprocess.Popen(
            [sys.executable, "-c", BODY],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                "FLEXCORE_STATE_DIR": str(self.folder / "state"),
                "FLEXCORE_RUN_DIR": str(self.run),
                "CREDENTIALS_DIRECTORY": str(self.folder / "credentials"),
                "NOTIFY_SOCKET": str(self.folder / "notify"),
                "WATCHDOG_USEC": "400000",
            },
            stderr=subprocess.PIPE,
            text=True,
        )

    def _listen(self) -> None:
        """Always, as systemd does: the kernel keeps only ten datagrams for one who does not."""
        while True:
            self.said.put(self.systemd.recv(256).decode())

    def heard(self, timeout_s: float) -> str | None:
        try:
            return self.said.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def hears(self, what: str, within_s: float = 10.0) -> bool:
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if self.heard(0.1) == what:
                return True
        return False

    def end(self) -> tuple[int, str]:
        _, stderr = self.process.communicate(timeout=10.0)
        return self.process.returncode, stderr


@pytest.fixture
def states(broker: Broker) -> Iterator[list[HealthPayload]]:
    seen: list[HealthPayload] = []
    bus = broker.bus("web")
    bus.subscribe("flexcore/v1/st1/health/record", lambda _topic, raw: seen.append(decode_health(raw)), qos=1)
    bus.start()
    assert bus.wait_connected(5.0)
    yield seen
    bus.close()


def test_a_service_lives_and_ends_in_order(broker: Broker, states: list[HealthPayload]) -> None:
    service = Process(broker)
    assert service.hears("READY=1")
    assert service.hears("WATCHDOG=1")
    assert eventually(lambda: any(s.state == "ok" and s.counters.get("rows") == 7 for s in states))
    assert {"cpu_s", "up_s", "bus_dropped"} <= set(states[-1].counters)
    (service.run / "alarm").touch()
    assert eventually(lambda: states[-1].state == "degraded")
    assert [(a.code, a.detail) for a in states[-1].alarms] == [("store_full", "no space")]
    (service.run / "alarm").unlink()
    assert eventually(lambda: states[-1].state == "ok")
    service.process.send_signal(signal.SIGTERM)
    assert service.hears("STOPPING=1")
    code, stderr = service.end()
    assert code == 0, stderr
    assert eventually(lambda: states[-1].state == "offline")


def test_the_watchdog_is_fed_by_progress_and_nothing_else(broker: Broker) -> None:
    service = Process(broker)
    assert service.hears("WATCHDOG=1")
    (service.run / "hang").touch()
    time.sleep(0.3)
    while service.heard(0.0):
        pass
    assert service.heard(1.0) is None, "a body that hangs must starve the watchdog"
    assert service.process.poll() is None
    (service.run / "hang").unlink()
    assert service.hears("WATCHDOG=1")
    service.process.terminate()
    assert service.end()[0] == 0


def test_a_killed_service_is_offline_at_once(broker: Broker, states: list[HealthPayload]) -> None:
    service = Process(broker)
    assert eventually(lambda: any(s.state == "ok" for s in states))
    service.process.kill()
    service.end()
    assert eventually(lambda: states[-1].state == "offline", 2.0)


def test_a_service_runs_without_a_broker(broker: Broker) -> None:
    broker.stop()
    service = Process(broker)
    assert service.hears("READY=1")
    time.sleep(0.5)
    assert service.process.poll() is None
    service.process.terminate()
    code, stderr = service.end()
    assert code == 0
    assert stderr.count("measurement bus") == 1, stderr


def test_a_bug_is_exit_1_with_a_trace(broker: Broker) -> None:
    service = Process(broker)
    assert service.hears("READY=1")
    (service.run / "bug").touch()
    code, stderr = service.end()
    assert code == 1
    assert "RuntimeError: a bug" in stderr


@pytest.mark.parametrize(
    ("station", "said"),
    [
        (None, "expected a readable file"),
        (STATION.replace("10000", '"ten"'), "busbar[0].nominal_v: expected"),
        ("garbage [", "expected TOML"),
    ],
)
def test_a_station_file_that_is_wrong_is_one_line_and_exit_2(
    broker: Broker, station: str | None, said: str
) -> None:
    service = Process(broker, station=station)
    code, stderr = service.end()
    assert code == 2
    assert stderr.startswith("record: ")
    assert said in stderr
    assert stderr.count("\n") == 1


def test_a_missing_credential_is_one_line_and_exit_2(broker: Broker) -> None:
    code, stderr = Process(broker, password="").end()
    assert code == 2
    assert stderr.startswith("record: credential mqtt: expected")
    assert stderr.count("\n") == 1


def test_notifying_nobody_is_fine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    Notifier().ready()
