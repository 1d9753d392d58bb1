"""Real chronyd: a server that tells this machine's time, and a follower that never touches the clock."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import pytest

from flexcore.desk.box import free_port


def chronyd() -> str:
    """The program, which Debian keeps where a user's PATH may not look."""
    found = shutil.which("chronyd") or shutil.which("chronyd", path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip("chronyd is not installed")
    return found


class Chronyd:
    """A context manager: chronyd with ``settings``, without control of the clock (-x)."""

    def __init__(self, settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fc-chrony-"))
        self.command_port = free_port(socket.SOCK_DGRAM)
        text = (
            f"{settings}\ncmdport {self.command_port}\nbindcmdaddress 127.0.0.1\npidfile {self.folder}/pid\n"
        )
        (self.folder / "chrony.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Chronyd:
        command = [chronyd(), "-x", "-d", "-U", "-u", "root", "-f", str(self.folder / "chrony.conf")]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        time.sleep(0.1)
        assert self._process.poll() is None, (self.folder / "log").read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """As systemd would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10.0)
            self._process = None


def server(port: int) -> Chronyd:
    """An NTP server on ``port`` of the loopback, of stratum 3."""
    return Chronyd(f"port {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\nlocal stratum 3")


def follower(port: int) -> Chronyd:
    """A clock that follows the server on ``port`` within seconds."""
    return Chronyd(f"server 127.0.0.1 port {port} iburst minpoll -2 maxpoll 0\nport 0")
