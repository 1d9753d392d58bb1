"""A boot is good when every condition holds; a problem is one line and names what was asked."""

from __future__ import annotations

import http.server
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flexcore.paths import Paths
from flexcore_ota.boot_check import main, wait_healthy
from flexcore_ota.checks import ALWAYS, WITH_STATION, BrokerAnswers, PageAnswers, UnitRuns, checks


@dataclass
class Scripted:
    """A condition with a list of answers; the last one stays."""

    answers: list[str | None]
    name: str = "scripted"
    asked: int = field(default=0)

    def problem(self) -> str | None:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def test_it_waits_until_all_is_well() -> None:
    clock, slow = Clock(), Scripted(["activating", "activating", None])
    assert wait_healthy([Scripted([None]), slow], 60.0, clock, clock.sleep) == {}
    assert slow.asked == 3


def test_it_gives_up_and_says_what_is_wrong() -> None:
    clock = Clock()
    left = wait_healthy([Scripted([None], "fine"), Scripted(["failed"], "broken")], 60.0, clock, clock.sleep)
    assert left == {"broken": "failed"}
    assert 60.0 <= clock.now_s < 70.0


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def page(path: Path, status: int) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def address_string(self) -> str:
            return "local"

        def log_message(self, *_: object) -> None:
            return

    with _UnixServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@pytest.mark.parametrize(("status", "good"), [(200, True), (503, False)])
def test_the_page_is_asked_over_its_socket(tmp_path: Path, status: int, good: bool) -> None:
    with page(tmp_path / "http.sock", status):
        problem = PageAnswers(tmp_path / "http.sock").problem()
    assert (problem is None) is good
    assert good or (problem and str(status) in problem)


def test_a_page_or_broker_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    for check in (PageAnswers(tmp_path / "none"), BrokerAnswers(tmp_path / "none")):
        problem = check.problem()
        assert problem
        assert "\n" not in problem


def test_a_broker_that_listens_is_none(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "mqtt.sock"))
        server.listen()
        assert BrokerAnswers(tmp_path / "mqtt.sock").problem() is None


@pytest.mark.parametrize(("state", "good"), [("active", True), ("activating", False), ("failed", False)])
def test_a_unit_must_be_active(
    state: str, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "systemctl"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = is-active ] && echo {state}\n[ {state} = active ]\n', encoding="utf-8"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    problem = UnitRuns("mosquitto.service").problem()
    assert (problem is None) is good
    assert good or problem == f"expected active, is {state}"


def test_without_a_station_the_instrument_is_not_asked(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path, None)
    asked = {check.name for check in checks(paths)}
    assert set(ALWAYS) < asked
    assert not asked & set(WITH_STATION)
    paths.station_file.write_text("", encoding="utf-8")
    assert set(WITH_STATION) < {check.name for check in checks(paths)}


def test_main_says_each_problem_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLEXCORE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("FLEXCORE_RUN_DIR", str(tmp_path))
    assert main(within_s=0.0) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(ALWAYS) + 2
    assert all(line.startswith("<3>boot check: ") for line in lines)
