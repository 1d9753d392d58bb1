"""``/dev/watchdogN`` (linux/watchdog.h)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

WDIOC_SETTIMEOUT = 0xC004_5706


class WatchdogDevice:
    """A running watchdog. The letter that would stop it is never written, and the file is never closed."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def set_timeout(self, timeout_ms: int) -> None:
        """In whole seconds, rounded up; raises :class:`OSError` where the hardware cannot."""
        seconds = bytearray((-(-timeout_ms // 1_000)).to_bytes(4, "little"))
        fcntl.ioctl(self._fd, WDIOC_SETTIMEOUT, seconds)
        self.feed()

    def feed(self) -> None:
        """Any byte but ``V``."""
        os.write(self._fd, b"\0")
