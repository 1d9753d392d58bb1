"""``./build.sh dev`` from outside: bad input starts nothing, Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flexcore.desk.box import ROOT, free_port
from flexcore.desk.scene import DEFAULT_STATION

LIVE_WITHIN_S = 60.0


def dev(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flexcore.desk", "dev", *arguments]


@pytest.mark.parametrize(
    ("station", "arguments", "said"),
    [
        ("nominal_v = 10", (), "busbar[0].nominal_v: expected float >= 50"),
        ("", ("--replay", "none.cfg"), "--replay and --map: expected both or neither"),
        ("", ("--replay", "none.cfg", "--map", "none.toml"), "none.cfg"),
        ("", ("--seconds", "soon"), "expected a number of seconds above 0, got soon"),
        ("", ("--port", "80"), "expected a port from 1024 to 65535, got 80"),
    ],
)
def test_bad_input_is_one_line_and_starts_nothing(
    station: str, arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "station.toml"
    text = DEFAULT_STATION.read_text(encoding="utf-8")
    if station:
        good = next(line for line in text.splitlines() if line.startswith("nominal_v"))
        text = text.replace(good, station)
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        dev("--station", str(file), *arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert said in last
    assert "services started" not in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    station = tmp_path / "station.toml"
    text = DEFAULT_STATION.read_text(encoding="utf-8")
    assert "[acquire]" not in text
    port = free_port(socket.SOCK_DGRAM)
    station.write_text(f"{text}\n[acquire]\nport = {port}\n", encoding="utf-8")
    log = tmp_path / "dev.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            dev("--station", str(station), "--port", str(free_port())),
            cwd=ROOT,
            env={**os.environ, "FLEXCORE_DESK_FOLDER": str(tmp_path)},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + LIVE_WITHIN_S
        while b"Ctrl-C stops everything" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 6
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive
    finally:
        process.kill()
        process.wait()
