"""Wires to meters: a TCP connection or a serial line, on which one request is under way at a time.

An answer counts only when it is the one that was asked for: same device, same transaction (where the frame
has one), same function, right length. After any failure but a meter's own exception the connection is given
up, so that nothing late can ever be taken for the answer to a later request. Every exchange is bounded in
time and bytes. Not for more than one thread.
"""

from __future__ import annotations

import os
import select
import socket
import termios
import time
from typing import Literal, Protocol

from flexcore.drivers.errors import Reason
from flexcore.drivers.modbus.frames import (
    Ask,
    ModbusError,
    registers_of,
    rtu_frame,
    take_rtu,
    take_tcp,
    tcp_frame,
)

Framing = Literal["tcp", "rtu"]
Parity = Literal["none", "even", "odd"]

#: More than this in one exchange is no meter.
FLOOD_BYTES = 4096
_BAUD = {n: getattr(termios, f"B{n}") for n in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}
BAUD_RATES = tuple(_BAUD)


class Line(Protocol):
    """An open connection: a descriptor that gives and takes bytes and never blocks."""

    def fileno(self) -> int:
        """For select()."""
        ...

    def read(self) -> bytes:
        """What has come; empty at the end. Raises BlockingIOError where nothing has."""
        ...

    def write(self, data: bytes) -> int:
        """How many of the bytes were taken."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Wire:
    """Asks devices on one line; opens it when it is needed, and again after it failed."""

    name: str
    framing: Framing
    #: Some gateways answer with a transaction number of their own.
    checks_transaction = True
    #: Silence before a request: 3.5 characters (Serial Line guide, 2.5.1.1).
    pause_s = 0.0

    def __init__(self) -> None:
        self._line: Line | None = None
        self._transaction = 0

    def connect(self, timeout_s: float) -> Line:
        """Open the line; raises OSError or :class:`ModbusError`."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the connection up; the next exchange opens another one."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def exchange(self, ask: Ask, timeout_s: float) -> bytes:
        """The bytes of the registers asked for.

        Raises:
            ModbusError: there was no good answer within ``timeout_s``.
        """
        until_s = time.monotonic() + timeout_s
        used = self._line is not None
        try:
            return self._attempt(ask, until_s)
        except ModbusError as error:
            self._give_up(error)
            # Meters hang up on idle clients; that shows only when something is asked.
            if not (used and error.reason == "closed"):
                raise
        try:
            return self._attempt(ask, until_s)
        except ModbusError as error:
            self._give_up(error)
            raise

    def _give_up(self, error: ModbusError) -> None:
        """After anything but the meter's own word the line may hold what belongs to no later request."""
        if error.reason != "exception":
            self.close()

    def _attempt(self, ask: Ask, until_s: float) -> bytes:
        if self._line is None:
            try:
                self._line = self.connect(max(until_s - time.monotonic(), 0.001))
            except ModbusError:
                raise
            except TimeoutError as error:
                raise ModbusError("unreachable", f"{self.name}: no connection in time") from error
            except OSError as error:
                raise ModbusError("unreachable", f"{self.name}: {error.strerror or error}") from error
        try:
            self._discard(self._line)
            self._transaction = self._transaction % 0xFFFF + 1
            if self.pause_s:
                time.sleep(self.pause_s)
            self._send(self._line, self._frame(ask), until_s)
            return self._answer(self._line, ask, until_s)
        except ModbusError:
            raise
        except OSError as error:
            raise ModbusError("closed", f"{self.name}: {error.strerror or error}") from error

    def _frame(self, ask: Ask) -> bytes:
        if self.framing == "rtu":
            return rtu_frame(ask.unit, ask.pdu)
        return tcp_frame(self._transaction, ask.unit, ask.pdu)

    def _discard(self, line: Line) -> None:
        """Throw away what came unasked; notice a peer that hung up."""
        taken = 0
        while taken < FLOOD_BYTES:
            try:
                data = line.read()
            except BlockingIOError:
                return
            if not data:
                raise ModbusError("closed", f"{self.name}: the other side has closed the connection")
            taken += len(data)
        raise ModbusError("garbage", f"{self.name}: bytes come in without end")

    def _send(self, line: Line, data: bytes, until_s: float) -> None:
        while data:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not select.select([], [line.fileno()], [], left_s)[1]:
                raise ModbusError("silent", f"{self.name}: the request could not be sent in time")
            data = data[line.write(data) :]

    def _answer(self, line: Line, ask: Ask, until_s: float) -> bytes:
        buffer = bytearray()
        seen = 0
        odd: ModbusError | None = None
        while True:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not select.select([line.fileno()], [], [], left_s)[0]:
                break
            try:
                data = line.read()
            except BlockingIOError:
                continue
            if not data:
                reason: Reason = "garbage" if buffer else "closed"
                cut = f" after {len(buffer)} bytes of an answer" if buffer else " without an answer"
                raise ModbusError(reason, f"{self.name}: the other side closed the connection{cut}")
            buffer += data
            seen += len(data)
            while (got := self._take(buffer)) is not None:
                transaction, unit, pdu = got
                if unit != ask.unit:
                    odd = ModbusError("other_device", f"device {unit} answers, expected {ask.unit}")
                elif transaction is not None and transaction != self._transaction:
                    odd = ModbusError(
                        "other_answer", f"transaction {transaction} is answered, expected {self._transaction}"
                    )
                else:
                    return registers_of(pdu, ask)
            if seen > FLOOD_BYTES:
                raise ModbusError("garbage", f"{self.name}: more than {FLOOD_BYTES} bytes are no answer")
        if buffer:
            raise ModbusError("garbage", f"{ask}: {len(buffer)} bytes that are no whole answer")
        raise odd or ModbusError("silent", f"{ask}: no answer in time")

    def _take(self, buffer: bytearray) -> tuple[int | None, int, bytes] | None:
        if self.framing == "tcp":
            got = take_tcp(buffer)
            if got is None or self.checks_transaction:
                return got
            return None, got[1], got[2]
        found = take_rtu(buffer)
        return None if found is None else (None, *found)


class _SocketLine:
    def __init__(self, made: socket.socket) -> None:
        self._socket = made
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes:
        return self._socket.recv(FLOOD_BYTES)

    def write(self, data: bytes) -> int:
        return self._socket.send(data)

    def close(self) -> None:
        self._socket.close()


class TcpWire(Wire):
    """Modbus/TCP, or serial frames over a TCP connection (``framing`` rtu). ``host`` is an IP address."""

    def __init__(
        self, host: str, port: int, framing: Framing = "tcp", *, checks_transaction: bool = True
    ) -> None:
        super().__init__()
        self.name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.framing = framing
        self.checks_transaction = checks_transaction
        self._address = (host, port)

    def connect(self, timeout_s: float) -> Line:
        """A new connection."""
        return _SocketLine(socket.create_connection(self._address, timeout_s))


class _SerialLine:
    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def read(self) -> bytes:
        return os.read(self._fd, FLOOD_BYTES)

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def close(self) -> None:
        os.close(self._fd)


class SerialWire(Wire):
    """A serial line with RTU frames; direction control is the adapter's (or the kernel's RS-485 mode)."""

    framing = "rtu"

    def __init__(self, device: str, baud: int = 9600, parity: Parity = "none", stop_bits: int = 1) -> None:
        super().__init__()
        self.name = device
        self._device, self._baud, self._parity, self._stop_bits = device, baud, parity, stop_bits
        # Above 19200 Bd the guide fixes 1.75 ms.
        self.pause_s = 0.00175 if baud > 19_200 else 3.5 * 11 / baud

    def connect(self, timeout_s: float) -> Line:
        """The device, raw and ours alone."""
        fd = os.open(self._device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._set_up(fd)
        except (OSError, termios.error) as error:
            os.close(fd)
            raise ModbusError("unreachable", f"{self.name}: not a serial line: {error}") from error
        return _SerialLine(fd)

    def _set_up(self, fd: int) -> None:
        """8 data bits, no flow control, nothing translated (termios(3), as cfmakeraw)."""
        speed = _BAUD[self._baud]
        flags = termios.CS8 | termios.CREAD | termios.CLOCAL
        if self._parity != "none":
            flags |= termios.PARENB | (termios.PARODD if self._parity == "odd" else 0)
        if self._stop_bits == 2:
            flags |= termios.CSTOPB
        control = termios.tcgetattr(fd)[6]
        control[termios.VMIN], control[termios.VTIME] = 1, 0
        # A byte with wrong parity is dropped: the CRC fails and the frame is no answer.
        iflag = termios.INPCK | termios.IGNPAR if self._parity != "none" else 0
        termios.tcsetattr(fd, termios.TCSANOW, [iflag, 0, flags, 0, speed, speed, control])
        termios.tcflush(fd, termios.TCIOFLUSH)
