"""The page on a real broker: what is published is shown, and a broker that goes comes back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flexcore import topics
from flexcore.buses.mqtt import MeasurementBus
from flexcore.model import Measurement
from flexcore.payloads import HealthPayload, decode_health, encode, encode_measurement, iso
from flexcore_webui.live.board import Board
from flexcore_webui.live.making import make_board
from flexcore_webui.settings import WebSettings
from support.broker import Broker
from support.web_scene import STATION, busbar_values, make_paths


def wait_for(what: Callable[[], bool], timeout_s: float = 8.0) -> None:
    until = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def board(tmp_path: Path, broker: Broker) -> Iterator[Board]:
    paths = make_paths(tmp_path, station=None)
    (tmp_path / "credentials/mqtt").write_text(broker.passwords["web"])
    paths.broker_socket.parent.mkdir(parents=True)
    paths.broker_socket.symlink_to(broker.socket)
    paths.station_file.write_text(STATION)
    board = make_board(WebSettings(paths=paths, tick_s=0.1))
    board.start()
    yield board
    board.close()


def speak(bus: MeasurementBus, n: int = 0) -> None:
    now = time.time_ns()
    m = Measurement("bb1", "200ms", now, 200_000_000, busbar_values(5770.0 + n, 5771.0, 5772.0))
    bus.publish(topics.measurement("msr-042", "200ms", "bb1"), encode_measurement(m))


def test_what_is_published_is_shown(board: Board, broker: Broker) -> None:
    analyse = broker.bus("analyse")
    analyse.start()
    try:
        assert analyse.wait_connected(5.0)
        wait_for(lambda: board.hub.snapshot().bus == "connected")
        health = HealthPayload(iso(time.time_ns()), "ok", "9.9")
        analyse.publish(topics.health("msr-042", "analyse"), encode(health), qos=1, retain=True)
        wait_for(lambda: "analyse" in board.hub.health())
        speak(analyse)
        wait_for(lambda: board.hub.snapshot().live)
        assert board.hub.snapshot().elements["bb1"].v["u_l1_v"] == 5770.0

        broker.kill()
        wait_for(lambda: not board.hub.snapshot().live)
        assert board.look()[0].bus == "disconnected"
        assert "bus_away" in {a.code for a in board.look()[1]}
        broker.start()
        assert analyse.wait_connected(5.0)
        wait_for(lambda: board.hub.snapshot().bus == "connected")

        def spoken_and_heard() -> bool:
            speak(analyse, 1)
            return board.hub.snapshot().elements["bb1"].v.get("u_l1_v") == 5771.0

        wait_for(spoken_and_heard)
        assert board.hub.snapshot().live
    finally:
        analyse.close()


def test_the_page_tells_its_own_health(board: Board, broker: Broker) -> None:
    wait_for(lambda: "web" in board.hub.health())
    own = board.hub.health()["web"].payload
    assert own.state == "ok"
    assert own.counters["messages_refused"] == 0
    heard: list[bytes] = []
    reader = broker.bus("reader")
    reader.subscribe("flexcore/v1/+/health/web", lambda _topic, payload: heard.append(payload), qos=1)
    reader.start()
    try:
        wait_for(lambda: bool(heard))
        board.close()
        wait_for(lambda: decode_health(heard[-1]).state == "offline")
    finally:
        reader.close()


def test_another_station_file_means_another_name_on_the_bus(board: Board) -> None:
    wait_for(lambda: "web" in board.hub.health())
    board.settings.paths.station_file.write_text(STATION.replace("msr-042", "msr-043"))
    wait_for(lambda: board.hub.site is not None and board.hub.site.id == "msr-043", 10.0)
    wait_for(lambda: board.hub.snapshot().bus == "connected", 10.0)


def test_hostile_messages_are_counted_and_change_nothing(board: Board, broker: Broker) -> None:
    analyse = broker.bus("analyse")
    analyse.start()
    try:
        assert analyse.wait_connected(5.0)
        wait_for(lambda: board.hub.snapshot().bus == "connected")
        for payload in (b"", b"\xff" * 300, b"{" * 60_000, b"x" * 200_000):
            analyse.publish(topics.measurement("msr-042", "200ms", "bb1"), payload)
        wait_for(lambda: board.hub.refusals.total == 4)
        speak(analyse)
        wait_for(lambda: board.hub.snapshot().live)
        assert "refused_messages" in {a.code for a in board.look()[1]}
    finally:
        analyse.close()
        shutil.rmtree(board.settings.paths.run, ignore_errors=True)
