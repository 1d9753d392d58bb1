"""systemd's watchdog, fed only when a real request through the real socket is answered in time."""

from __future__ import annotations

import http.client
import logging
import os
import socket
import threading
from pathlib import Path

from flexcore.services.notify import Notifier

_log = logging.getLogger(__name__)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def answers(path: Path, timeout_s: float) -> bool:
    """Whether the page behind ``path`` says that it does its work."""
    connection = _UnixConnection(path, timeout_s)
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Watchdog:
    """Asks ``/healthz`` four times per watchdog period; does nothing where systemd does not wait for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._period_s = int(os.environ.get("WATCHDOG_USEC", "0") or 0) / 4e6
        self._notifier = Notifier()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin, if somebody waits."""
        if self._period_s > 0.0 and os.environ.get("NOTIFY_SOCKET"):
            self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._period_s):
            if answers(self._path, timeout_s=self._period_s * 2):
                self._notifier.alive()
            else:
                _log.warning("watchdog: the page does not answer")
