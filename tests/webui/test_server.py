"""The real server as systemd starts it: gunicorn on a unix socket, ready, alive, streaming."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest

from flexcore_webui.watchdog import answers
from support.web_scene import CODE, make_paths

ROOT = Path(__file__).parents[2]


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("box", timeout=10.0)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10.0)
        self.sock.connect(str(self._path))


@dataclass
class Server:
    folder: Path
    process: subprocess.Popen[bytes]
    notes: list[bytes] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "run/web/http.sock"

    def ask(
        self, method: str, path: str, cookie: str = "", body: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, UnixHTTP]:
        connection = UnixHTTP(self.path)
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1", "Cookie": cookie}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urlencode(body) if body else None, headers)
        return connection.getresponse(), connection

    def sign_in(self) -> str:
        page, _ = self.ask("GET", "/sign-in")
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        form = re.search(r'name="csrf" value="([^"]+)"', page.read().decode())
        assert form
        answer, _ = self.ask("POST", "/sign-in", cookie, {"csrf": form[1], "code": CODE})
        assert answer.status == 303
        return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="fc-web-") as name:
        folder = Path(name)
        paths = make_paths(folder)
        paths.web_socket.parent.mkdir(parents=True)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(folder / "notify"))
        notify.settimeout(0.2)
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("FLEXCORE_", "COV", "CREDENTIALS_"))
        } | {
            "PYTHONPATH": f"{ROOT}/core:{ROOT}/webui",
            "FLEXCORE_STATE_DIR": str(paths.state),
            "FLEXCORE_RUN_DIR": str(paths.run),
            "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "2000000",
        }
        command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1"]
        command += ["--threads", "32", "--bind", f"unix:{paths.web_socket}", "flexcore_webui.wsgi:app"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        one = Server(folder, process)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                try:
                    one.notes.append(notify.recv(4096))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            until = time.monotonic() + 20.0
            while not answers(paths.web_socket, 1.0):
                assert time.monotonic() < until, (folder / "log").read_text()
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
            yield one
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10.0)
            ended.set()
            thread.join(2.0)
            notify.close()


def test_ready_alive_streaming_and_bounded(server: Server) -> None:
    until = time.monotonic() + 10.0
    while b"WATCHDOG=1" not in server.notes:
        assert time.monotonic() < until, server.notes
        time.sleep(0.05)
    assert any(n.startswith(b"READY=1") for n in server.notes)

    cookie = server.sign_in()
    open_streams = []
    for _ in range(6):
        answer, connection = server.ask("GET", "/api/v1/live", cookie)
        assert answer.status == 200
        assert answer.headers["X-Accel-Buffering"] == "no"
        open_streams.append((answer, connection))
    answer, _ = server.ask("GET", "/api/v1/live", cookie)
    assert answer.status == 429
    assert json.loads(answer.read())["error"]["code"] == "too-many"

    first, _ = open_streams[0]
    events = 0
    began = time.monotonic()
    while events < 4:
        line = first.readline()
        assert line, "the stream ended"
        events += line.startswith(b"data: ")
    assert time.monotonic() - began < 5.0

    # Other pages answer while streams are open.
    answer, _ = server.ask("GET", "/", cookie)
    assert answer.status == 200
    assert "MSR Waterlooplein 42" in answer.read().decode()

    # Viewers who go give their places back.
    for answer, connection in open_streams:
        answer.close()
        connection.close()
    until = time.monotonic() + 10.0
    while True:
        answer, _ = server.ask("GET", "/api/v1/live", cookie)
        if answer.status == 200:
            break
        assert time.monotonic() < until
        time.sleep(0.2)


def test_it_stops_at_once_with_streams_open(server: Server) -> None:
    cookie = server.sign_in()
    kept = [server.ask("GET", "/api/v1/live", cookie) for _ in range(3)]
    assert all(answer.readline() for answer, _ in kept)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(10.0)
    assert time.monotonic() - began < 5.0
    assert server.process.returncode == 0


def test_a_hung_page_does_not_feed_the_watchdog(server: Server) -> None:
    until = time.monotonic() + 10.0
    while b"WATCHDOG=1" not in server.notes:
        assert time.monotonic() < until, server.notes
        time.sleep(0.05)
    # Threads that answer nobody: take all 32 of gunicorn's with requests that never end.
    stuck = []
    for _ in range(40):
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(server.path))
        one.sendall(
            b"POST /sign-in HTTP/1.1\r\nHost: box\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        stuck.append(one)
    time.sleep(2.0)
    server.notes.clear()
    time.sleep(2.5)
    assert b"WATCHDOG=1" not in server.notes
    for one in stuck:
        one.close()
    until = time.monotonic() + 15.0
    while b"WATCHDOG=1" not in server.notes:
        assert time.monotonic() < until, "it does not recover"
        time.sleep(0.05)
