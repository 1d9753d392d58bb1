"""``flexcore-clock`` as a process: a real chronyd before it, a real broker behind it."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flexcore.desk.box import ROOT, free_port
from support.broker import Broker
from support.timekeeper import Chronyd, follower, server

STATION = """
[station]
id = "st1"
name = "Station 1"

[[busbar]]
id = "bb1"
name = "Busbar 1"
nominal_v = 10000
sensor = { stream = 1 }

[time]
max_error_ms = 20
"""


FOUR = [f"server 10.0.0.{n} iburst" for n in range(4)]


@contextmanager
def running(broker: Broker, clock: Chronyd) -> Iterator[queue.SimpleQueue[dict[str, object]]]:
    """What the service tells about the time while it runs."""
    folder = broker.folder / "clock"
    for name in ("run/broker", "state", "credentials"):
        (folder / name).mkdir(parents=True)
    (folder / "run/broker/mqtt.sock").symlink_to(broker.socket)
    (folder / "state/station.toml").write_text(STATION)
    (folder / "credentials/mqtt").write_text(broker.passwords["clock"] + "\n")
    told: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
    listener = broker.bus("reader")
    for topic in ("flexcore/v1/st1/time", "flexcore/v1/st1/health/clock"):
        listener.subscribe(topic, lambda t, p: told.put({"topic": t, **json.loads(p)}), qos=1)
    listener.start()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "core"),
        "FLEXCORE_STATE_DIR": str(folder / "state"),
        "FLEXCORE_RUN_DIR": str(folder / "run"),
        "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
        "FLEXCORE_CHRONY_PORT": str(clock.command_port),
    }
    process = subprocess.Popen([sys.executable, "-m", "flexcore.services.clock"], env=environment)
    try:
        yield told
        process.terminate()
        assert process.wait(10.0) == 0
    finally:
        process.kill()
        process.wait()
        listener.close()


def wait_for(told: queue.SimpleQueue[dict[str, object]], topic: str, **wanted: object) -> dict[str, object]:
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        message = told.get(timeout=15.0)
        if str(message["topic"]).endswith(topic) and all(message.get(k) == v for k, v in wanted.items()):
            return message
    raise AssertionError(f"{topic}: never heard {wanted}")


def test_tells_a_good_clock(broker: Broker) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with server(port), follower(port) as clock, running(broker, clock) as told:
        # its first answers bound the error by a second; ten seconds later it is told anew
        quality = wait_for(told, "/time", state="synchronised", within=True)
        assert 0.0 < float(str(quality["error_s"])) < 0.020
        assert wait_for(told, "/health/clock", state="ok")["alarms"] == []


@pytest.mark.parametrize("away", [False, True])
def test_an_unknown_time_is_an_alarm(broker: Broker, away: bool) -> None:
    with follower(free_port(socket.SOCK_DGRAM)) as clock:
        if away:
            clock.stop()
        with running(broker, clock) as told:
            quality = wait_for(told, "/time", state="unknown" if away else "unsynchronised")
            assert quality["within"] is False
            assert "error_s" not in quality
            health = wait_for(told, "/health/clock", state="degraded")
            assert [a["code"] for a in health["alarms"]] == ["clock_unsynchronised"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("NTP=10.0.0.1 2001:db8::1\nDNS=10.0.0.2\n", ["server 10.0.0.1 iburst", "server 2001:db8::1 iburst"]),
        ("DNS=10.0.0.2\n", []),
        ("NTP=evil;reboot `id` $(x) 10.0.0.1\\nallow\n", []),
        ("NTP=" + " ".join(f"10.0.0.{n}" for n in range(9)) + "\n", FOUR),
    ],
)
def test_servers_of_the_network(tmp_path: Path, state: str, expected: list[str]) -> None:
    (tmp_path / "state").write_text(state)
    script = ROOT / "rootfs/usr/lib/flexcore/time-sources"
    subprocess.run([script, tmp_path / "state", tmp_path], check=True)
    assert (tmp_path / "dhcp.sources").read_text().split("\n")[:-1] == (expected or [""])
