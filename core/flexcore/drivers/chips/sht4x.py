"""SHT40, SHT41, SHT45: temperature and humidity (Sensirion). Commands of one byte, words with check bytes."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from typing import Protocol

    from flexcore.machine import I2C

    class Time(Protocol):
        """MicroPython's ``time``, or ``flexcore.machine.ticks``."""

        def sleep_ms(self, __span_ms: int) -> None:
            """Wait."""


MEASURE, SERIAL = 0xFD, 0x89
MEASURE_MS = 10  # high precision takes at most 8.3 ms


def crc8(data: bytes) -> int:
    """Sensirion's check byte: polynomial 0x31, from 0xFF."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


class SHT4x:
    """The sensor; ``time`` waits for the conversion."""

    def __init__(self, i2c: "I2C", time: "Time", address: int = 0x44) -> None:
        self._i2c = i2c
        self._time = time
        self._address = address

    def check(self) -> None:
        """Raises ValueError where there is no serial number with right check bytes."""
        self._words(SERIAL, 1)

    def read(self) -> "dict[str, float]":
        """Temperature and relative humidity (0 to 100)."""
        raw_t, raw_h = self._words(MEASURE, MEASURE_MS)
        humidity = -6 + 125 * raw_h / 65535
        return {
            "temperature_c": -45 + 175 * raw_t / 65535,
            "humidity_percent": min(100.0, max(0.0, humidity)),
        }

    def _words(self, command: int, wait_ms: int) -> "tuple[int, int]":
        self._i2c.writeto(self._address, bytes((command,)))
        self._time.sleep_ms(wait_ms)
        answer = self._i2c.readfrom(self._address, 6)
        if crc8(answer[:2]) != answer[2] or crc8(answer[3:5]) != answer[5]:
            raise ValueError(
                f"SHT4x at 0x{self._address:02x}: check byte after command 0x{command:02x} is wrong"
            )
        first, second = struct.unpack(">HxH", answer[:5])
        return first, second
