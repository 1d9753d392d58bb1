"""Command lines to a modem and answers from it, in spite of half lines, garbage and answers
that come late.
"""

import errno

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from typing import Protocol

    class Uart(Protocol):
        """``machine.UART``; its ``timeout`` bounds how long one look at the line takes."""

        def readline(self) -> "bytes | None":
            """A line, a part of one, or None."""

        def write(self, __buf: bytes) -> "int | None":
            """Bytes taken."""

    class Time(Protocol):
        """MicroPython's ``time``, or ``flexcore.machine.ticks``."""

        def ticks_ms(self) -> int:
            """Now."""

        def ticks_add(self, __ticks: int, __delta: int) -> int:
            """Later."""

        def ticks_diff(self, __later: int, __earlier: int) -> int:
            """Between."""

        def sleep_ms(self, __span_ms: int) -> None:
            """Wait."""


# The longest line is a packet of 255 bytes in hexadecimal and what is around it.
MOST_BYTES = 600


class Lines:
    """Lines over ``uart``. One longer than any answer is noise: it is dropped up to its end."""

    def __init__(self, uart: "Uart", time: "Time") -> None:
        self._uart = uart
        self._time = time
        self._part = b""
        self._dropping = False

    def send(self, line: str) -> None:
        """Send a command; OSError (ETIMEDOUT) where the line does not take it."""
        data = line.encode() + b"\r\n"
        if self._uart.write(data) != len(data):
            raise OSError(errno.ETIMEDOUT, "the serial line takes no more")

    def deadline(self, within_ms: int) -> int:
        """The moment in ``within_ms``."""
        return self._time.ticks_add(self._time.ticks_ms(), within_ms)

    def next(self, deadline: int) -> "bytes | None":
        """The next whole line without its end, or None when the time is over. Empty lines are left out."""
        while True:
            part = self._uart.readline()
            if part is not None:
                line = self._join(part)
                if line:
                    return line
            if self._time.ticks_diff(deadline, self._time.ticks_ms()) <= 0:
                return None
            if part is None:
                self._time.sleep_ms(
                    1
                )  # a line that was opened without a time-out must not be asked in a rush

    def drop(self) -> None:
        """Forget a half line, and what stands in the line now."""
        self._part = b""
        self._dropping = False
        for _ in range(MOST_BYTES):
            if self._uart.readline() is None:
                return

    def _join(self, part: bytes) -> bytes:
        whole = part.endswith(b"\n")
        if self._dropping:
            self._dropping = not whole
            return b""
        line = self._part + part
        self._part = b"" if whole or len(line) > MOST_BYTES else line
        if len(line) > MOST_BYTES:
            self._dropping = not whole
            return b""
        return line.strip() if whole else b""


def packet(text: bytes) -> "bytes | None":
    """The bytes that hexadecimal ``text`` stands for; None where it is none, or not 1 to 255 bytes."""
    if not text or len(text) % 2 or len(text) > 510:
        return None
    values = []
    for place in range(0, len(text), 2):
        high, low = (
            _DIGITS.find(text[place : place + 1].upper()),
            _DIGITS.find(text[place + 1 : place + 2].upper()),
        )
        if high < 0 or low < 0:
            return None
        values.append(high << 4 | low)
    return bytes(values)


def shown(line: bytes) -> str:
    """``line`` for a message: printable, and not long."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in line[:60])


_DIGITS = b"0123456789ABCDEF"
