"""``sd_notify``: tell systemd that we are ready, alive or stopping. A no-op without systemd."""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """Sends datagrams to ``NOTIFY_SOCKET`` (sd_notify(3)); never raises, never blocks."""

    def __init__(self) -> None:
        name = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        # Four times as often as systemd asks: one datagram may be late on a box under load.
        self._period_s = int(os.environ.get("WATCHDOG_USEC", "0") or 0) / 4e6
        self._next_s = 0.0

    def ready(self) -> None:
        """The service does its work from now on."""
        self._send(b"READY=1")

    def alive(self) -> None:
        """Feed the watchdog; cheap to call often."""
        now_s = time.monotonic()
        if self._period_s and now_s >= self._next_s:
            self._next_s = now_s + self._period_s
            self._send(b"WATCHDOG=1")

    def stopping(self) -> None:
        """The service ends on purpose."""
        self._send(b"STOPPING=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(b"STATUS=" + text.replace("\n", " ").encode())

    def _send(self, what: bytes) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(what, self._address)
        except OSError:
            return  # systemd restarts or is busy: the next one will do
