"""``machine.UART``: a serial line that never blocks longer than it was told."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from flexcore.machine.backend import backend as chosen
from flexcore.machine.i2c import ReadBuffer, WriteBuffer
from flexcore.machine.ports import Backend, UARTPort, UARTSettings, WireId

# One call hands over at most so much: a line that never pauses must not fill the memory.
MOST_BYTES = 65_536


class UART:
    """``id`` is a path (``/dev/ttyUSB0``) or the number of a ``/dev/ttyS``.

    ``timeout`` is the time in ms to wait for the first character, ``timeout_char`` between two. ``read``,
    ``readline`` and ``readinto`` give None when nothing came, and what came so far when the line fell silent.
    """

    def __init__(
        self,
        id: WireId,
        /,
        baudrate: int = 9600,
        bits: int = 8,
        parity: int | None = None,
        stop: int = 1,
        *,
        timeout: int = 0,
        timeout_char: int | None = None,
        backend: Backend | None = None,
        **pins: Any,
    ) -> None:
        self._id = id
        self._backend = chosen(backend)
        self._port: UARTPort | None = None
        self._buffer = bytearray()
        self.init(baudrate, bits, parity, stop, timeout=timeout, timeout_char=timeout_char, **pins)

    def __repr__(self) -> str:
        return f"UART({self._id!r})"

    def init(
        self,
        /,
        baudrate: int = 9600,
        bits: int = 8,
        parity: int | None = None,
        stop: int = 1,
        *,
        timeout: int = 0,
        timeout_char: int | None = None,
        **pins: Any,
    ) -> None:
        """Open the line if it is closed, and set it. Pins, buffers and inversion raise
        :class:`ValueError`.
        """
        if any(value is not None for value in pins.values()):
            raise ValueError(
                f"UART: {', '.join(sorted(pins))} cannot be chosen here: expected those of the line"
            )
        if parity not in {None, 0, 1} or bits not in {5, 6, 7, 8} or stop not in {1, 2} or baudrate <= 0:
            raise ValueError(
                "UART: expected a positive baudrate, 5 to 8 bits, parity None, 0 or 1, 1 or 2 stop bits"
            )
        settings = UARTSettings(baudrate, bits, parity, stop)
        if self._port is None:
            self._port = self._backend.uart(self._id, settings)
        else:
            self._port.configure(settings)
        self._timeout_ms = max(0, timeout)
        # Two characters of silence end a read, as on boards; a system that is not real-time needs a bit more.
        least_ms = 2 * 13 * 1000 // baudrate + 1
        self._between_ms = max(least_ms, timeout_char or 0)

    def deinit(self) -> None:
        """Let go of the line; what was not read is lost."""
        self._buffer.clear()
        if self._port is not None:
            self._port.close()
            self._port = None

    def any(self) -> int:
        """Characters that can be read without waiting."""
        return len(self._buffer) + self._open().waiting()

    def read(self, nbytes: int = -1, /) -> bytes | None:
        """At most ``nbytes``; without it all until the line falls silent (at most 64 KiB)."""
        most = MOST_BYTES if nbytes < 0 else nbytes
        self._fill(lambda: len(self._buffer) >= most)
        return self._take(most)

    def readinto(self, buf: WriteBuffer, nbytes: int = -1, /) -> int | None:
        """Fill ``buf``, or its first ``nbytes``; the number of bytes stored."""
        data = self.read(len(buf) if nbytes < 0 else min(nbytes, len(buf)))
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def readline(self) -> bytes | None:
        """A line with its newline, or what came before the line fell silent."""
        self._fill(lambda: b"\n" in self._buffer or len(self._buffer) >= MOST_BYTES)
        end = self._buffer.find(b"\n")
        return self._take(MOST_BYTES if end < 0 else end + 1)

    def write(self, buf: ReadBuffer, /) -> int | None:
        """Send ``buf``; the number of bytes taken, None when none was within the time-out."""
        data = bytes(buf)
        # Sending takes its own time on a slow line; the time-out is what comes on top of that.
        taken = self._open().write(
            data, self._timeout_ms + 2 * self._between_ms + len(data) * self._between_ms
        )
        return taken if taken or not data else None

    def sendbreak(self) -> None:
        """Hold the line low for longer than a character."""
        self._open().send_break()

    def flush(self) -> None:
        """Wait until all that was written has left."""
        self._open().drain()

    def txdone(self) -> bool:
        """Whether all that was written has left."""
        return self._open().drained()

    def _fill(self, enough: Callable[[], bool]) -> None:
        port = self._open()
        wait_ms = self._between_ms if self._buffer else self._timeout_ms
        while not enough():
            chunk = port.read(4096, wait_ms)
            if not chunk:
                return
            self._buffer += chunk
            wait_ms = self._between_ms

    def _take(self, most: int) -> bytes | None:
        data = bytes(self._buffer[:most])
        del self._buffer[:most]
        return data if data or most == 0 else None

    def _open(self) -> UARTPort:
        if self._port is None:
            raise OSError(errno.ENODEV, "UART: expected an open line, it was closed by deinit()")
        return self._port
