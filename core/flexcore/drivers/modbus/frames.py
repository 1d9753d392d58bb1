"""Modbus frames of a reading client: requests made, answers taken apart, nothing believed.

Layouts by the Modbus Application Protocol specification V1.1b3 (6.3, 6.4, 7), the Messaging on TCP/IP guide
V1.0b (3.1.3) and the Serial Line guide V1.02 (2.5.1). Only function codes 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from flexcore.drivers.errors import ReadError, Reason

#: Registers in one request (specification 6.3).
MAX_REGISTERS = 125
MAX_TCP_BYTES = 260
MAX_RTU_BYTES = 256
_MBAP_BYTES = 7

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway: the device does not answer",
}


class ModbusError(ReadError):
    """A request without a good answer; ``reason`` says which kind, ``exception`` is the meter's own code."""

    code = "modbus"

    def __init__(self, reason: Reason, message: str, exception: int = 0) -> None:
        super().__init__(reason, message)
        self.exception = exception


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for ``count`` registers from wire address ``first`` of device ``unit``."""

    unit: int
    function: int
    first: int
    count: int

    @property
    def pdu(self) -> bytes:
        """The request without its frame."""
        return bytes([self.function]) + self.first.to_bytes(2, "big") + self.count.to_bytes(2, "big")

    def __str__(self) -> str:
        return f"registers {self.first} to {self.first + self.count - 1}"


def crc16(data: bytes | bytearray | memoryview) -> int:
    """The CRC of a serial frame (polynomial 0xA001, reflected, start 0xFFFF)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC = tuple(_crc_of(byte) for byte in range(256))


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """A PDU behind an MBAP header."""
    return b"".join(
        (transaction.to_bytes(2, "big"), b"\0\0", (len(pdu) + 1).to_bytes(2, "big"), bytes([unit]), pdu)
    )


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """A PDU between address and CRC (low byte first)."""
    body = bytes([unit]) + pdu
    return body + crc16(body).to_bytes(2, "little")


def take_tcp(buffer: bytearray) -> tuple[int, int, bytes] | None:
    """The first whole frame, taken off ``buffer``: transaction, unit, PDU; None while it is not complete.

    Raises:
        ModbusError: ``garbage``, what stands there is no MBAP header.
    """
    if len(buffer) < _MBAP_BYTES:
        return None
    protocol = int.from_bytes(buffer[2:4], "big")
    length = int.from_bytes(buffer[4:6], "big")
    if protocol != 0 or not 3 <= length <= MAX_TCP_BYTES - 6:
        raise ModbusError("garbage", f"no Modbus/TCP header: protocol {protocol}, length {length}")
    if len(buffer) < 6 + length:
        return None
    transaction, unit, pdu = int.from_bytes(buffer[:2], "big"), buffer[6], bytes(buffer[7 : 6 + length])
    del buffer[: 6 + length]
    return transaction, unit, pdu


def take_rtu(buffer: bytearray) -> tuple[int, bytes] | None:
    """The first answer with a right CRC, taken off ``buffer``: unit, PDU; None where there is none (yet).

    Noise before it, as a line driver makes when it turns round, is skipped.
    """
    for start in range(len(buffer) - 4):
        function = buffer[start + 1]
        if function in (3, 4):
            size = 3 + buffer[start + 2] + 2
        elif function in (0x83, 0x84):
            size = 5
        else:
            continue
        end = start + size
        if size > MAX_RTU_BYTES or end > len(buffer):
            continue
        if crc16(memoryview(buffer)[start : end - 2]) == int.from_bytes(buffer[end - 2 : end], "little"):
            unit, pdu = buffer[start], bytes(buffer[start + 1 : end - 2])
            del buffer[:end]
            return unit, pdu
    return None


def registers_of(pdu: bytes, ask: Ask) -> bytes:
    """The registers' bytes, big-endian as they came: ``2 * ask.count`` of them.

    Raises:
        ModbusError: ``exception``, or ``garbage`` where the answer is not one to ``ask``.
    """
    if len(pdu) == 2 and pdu[0] == ask.function | 0x80:
        name = EXCEPTIONS.get(pdu[1], "unknown")
        raise ModbusError("exception", f"{ask}: exception {pdu[1]} ({name})", pdu[1])
    if pdu[0] != ask.function:
        raise ModbusError("garbage", f"{ask}: expected function {ask.function}, got {pdu[0]}")
    size = 2 * ask.count
    if len(pdu) != 2 + size or pdu[1] != size:
        raise ModbusError("garbage", f"{ask}: expected {size} bytes, got {max(len(pdu) - 2, 0)}")
    return pdu[2:]
