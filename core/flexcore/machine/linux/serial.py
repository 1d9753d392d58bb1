"""Serial lines by pyserial: any tty, a USB adapter or a pseudo-terminal."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import serial

from flexcore.machine.ports import UARTSettings

T = TypeVar("T")

_PARITY = {None: serial.PARITY_NONE, 0: serial.PARITY_EVEN, 1: serial.PARITY_ODD}


class SerialLine:
    """One line, for one program: a second one is refused by the kernel."""

    def __init__(self, path: Path, settings: UARTSettings) -> None:
        self._name = str(path)
        self._line: Any = self._guarded(
            lambda: serial.Serial(self._name, exclusive=True, timeout=0, write_timeout=0, **_words(settings))
        )

    def configure(self, settings: UARTSettings) -> None:
        """Take over ``settings``."""
        self._guarded(lambda: self._line.apply_settings(_words(settings)))

    def read(self, most: int, timeout_ms: int) -> bytes:
        """1 to ``most`` bytes, or none in time."""
        return self._guarded(lambda: self._read(most, timeout_ms))

    def _read(self, most: int, timeout_ms: int) -> bytes:
        waiting = self._line.in_waiting
        if not waiting:
            self._line.timeout = timeout_ms / 1_000
            first = bytes(self._line.read(1))
            if not first or most == 1:
                return first
            waiting = self._line.in_waiting
            self._line.timeout = 0
            return first + bytes(self._line.read(min(waiting, most - 1)))
        self._line.timeout = 0
        return bytes(self._line.read(min(waiting, most)))

    def waiting(self) -> int:
        """Bytes in the kernel's buffer."""
        return self._guarded(lambda: int(self._line.in_waiting))

    def write(self, data: bytes, timeout_ms: int) -> int:
        """Bytes that the kernel took in time."""
        self._line.write_timeout = timeout_ms / 1_000
        try:
            return self._guarded(lambda: int(self._line.write(data) or 0))
        except serial.SerialTimeoutException:
            return 0

    def drained(self) -> bool:
        """Whether the kernel's buffer is empty."""
        return self._guarded(lambda: int(self._line.out_waiting) == 0)

    def drain(self) -> None:
        """Wait for the kernel's buffer to empty."""
        self._guarded(self._line.flush)

    def send_break(self) -> None:
        """A break of 250 ms or more: what POSIX gives."""
        self._guarded(self._line.send_break)

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()

    def _guarded(self, job: Callable[[], T]) -> T:
        # pyserial's errors are OSErrors without a number, and an unplugged adapter raises what the system
        # says.
        try:
            return job()
        except serial.SerialTimeoutException:
            raise
        except (serial.SerialException, OSError) as error:
            number = error.errno or errno.EIO
            raise OSError(number, f"{self._name}: {' '.join(str(error).split())}") from None


def _words(settings: UARTSettings) -> dict[str, Any]:
    return {
        "baudrate": settings.baudrate,
        "bytesize": settings.bits,
        "parity": _PARITY[settings.parity],
        "stopbits": settings.stop,
    }
