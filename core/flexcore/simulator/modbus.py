"""A simulated meter: a Modbus server that speaks the true protocol and answers as a register profile says.

Values are a meter's own, by quantity; what a profile has and the values lack is zero. Trouble can be switched
on: it is what the drivers must bear.
"""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from flexcore.drivers.modbus.frames import MAX_REGISTERS, ModbusError, take_tcp, tcp_frame
from flexcore.drivers.modbus.profile import Profile

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3


@dataclass(slots=True)
class Trouble:
    """What goes wrong: seconds before each answer, an exception code, another device's number,
    bytes instead of
    the answer, no answer at all."""

    delay_s: float = 0.0
    exception: int = 0
    other_unit: int | None = None
    garbage: bytes | None = None
    silent: bool = False


@dataclass(slots=True)
class SimulatedMeter:
    """The registers of one meter; ``values`` may change while it is asked."""

    profile: Profile
    values: dict[str, float]
    unit: int = 1
    scales: Mapping[str, float] = field(default_factory=dict)
    identity: Mapping[int, bytes] = field(default_factory=dict)
    trouble: Trouble = field(default_factory=Trouble)

    def registers(self) -> dict[int, bytes]:
        """Two bytes by address: those of the profile, and of the identity."""
        scales = self.profile.scaled(dict(self.scales))
        found: dict[int, bytes] = {}
        for value in self.profile.value:
            number = self.values.get(value.quantity, 0.0)
            words = self.profile.words(value, number, scales)
            found |= {value.at + n: words[2 * n : 2 * n + 2] for n in range(value.width)}
        for at, words in self.identity.items():
            found |= {at + n // 2: words[n : n + 2] for n in range(0, len(words), 2)}
        return found

    def answer(self, pdu: bytes) -> bytes:
        """The answer to a request; unused registers between used ones read as zero."""
        function = pdu[0] if pdu else 0
        if self.trouble.exception:
            return bytes([function | 0x80, self.trouble.exception])
        if function != self.profile.function:
            return bytes([function | 0x80, _ILLEGAL_FUNCTION])
        if len(pdu) != 5:
            return bytes([function | 0x80, _ILLEGAL_VALUE])
        first, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if not 1 <= count <= MAX_REGISTERS:
            return bytes([function | 0x80, _ILLEGAL_VALUE])
        known = self.registers()
        if first not in known or first + count - 1 not in known:
            return bytes([function | 0x80, _ILLEGAL_ADDRESS])
        words = b"".join(known.get(at, b"\0\0") for at in range(first, first + count))
        return bytes([function, len(words)]) + words


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        buffer = bytearray()
        self.request.settimeout(0.2)
        while not self.server.ending.is_set():
            try:
                data = self.request.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data or self.server.ending.is_set():
                return
            buffer += data
            try:
                while (got := take_tcp(buffer)) is not None:
                    if not self._serve(*got):
                        return
            except (ModbusError, OSError):
                return

    def _serve(self, transaction: int, unit: int, pdu: bytes) -> bool:
        meter = self.server.meters.get(unit)
        if meter is None:
            return True  # a gateway whose device is not there stays silent
        trouble = meter.trouble
        if trouble.delay_s:
            time.sleep(trouble.delay_s)
        if trouble.silent:
            return True
        if trouble.garbage is not None:
            self.request.sendall(trouble.garbage)
            return True
        told = unit if trouble.other_unit is None else trouble.other_unit
        self.request.sendall(tcp_frame(transaction, told, meter.answer(pdu)))
        return True


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], meters: dict[int, SimulatedMeter]) -> None:
        self.meters = meters
        self.ending = threading.Event()
        super().__init__(address, _Handler)


class ModbusServer:
    """A context manager: the ``meters`` behind one TCP port of the loopback, by their unit;
    port 0 is any free.
    """

    def __init__(self, *meters: SimulatedMeter, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), {meter.unit: meter for meter in meters})
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> ModbusServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody."""
        self._server.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)
