"""MLX90614: infrared thermometer (Melexis 3901090614). SMBus words, each with a check byte (PEC)."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

AMBIENT, OBJECT_1, EEPROM_ADDRESS = 0x06, 0x07, 0x2E
STEP_K = 0.02
KELVIN_0C = 273.15
FAULT = 0x8000


def crc8(data: bytes) -> int:
    """Packet error code of SMBus: polynomial x^8 + x^2 + x + 1, from 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


class MLX90614:
    """The thermometer."""

    def __init__(self, i2c: "I2C", address: int = 0x5A) -> None:
        self._i2c = i2c
        self._address = address

    def check(self) -> None:
        """Raises ValueError where the chip's memory holds another address than it answers at."""
        found = self._word(EEPROM_ADDRESS) & 0x7F
        if found != self._address:
            raise ValueError(f"MLX90614 at 0x{self._address:02x}: it calls itself 0x{found:02x}")

    def read(self) -> "dict[str, float]":
        """Temperature of what it looks at, and its own; ValueError where the chip flags a fault."""
        return {"temperature_c": self._degrees(OBJECT_1), "ambient_c": self._degrees(AMBIENT)}

    def _degrees(self, register: int) -> float:
        raw = self._word(register)
        if raw & FAULT or raw == 0:
            raise ValueError(f"MLX90614 at 0x{self._address:02x}: register 0x{register:02x} flags a fault")
        return raw * STEP_K - KELVIN_0C

    def _word(self, register: int) -> int:
        answer = self._i2c.readfrom_mem(self._address, register, 3)
        sent = bytes((self._address << 1, register, self._address << 1 | 1))
        if crc8(sent + answer[:2]) != answer[2]:
            raise ValueError(
                f"MLX90614 at 0x{self._address:02x}: check byte of register 0x{register:02x} is wrong"
            )
        value: int = struct.unpack("<H", answer[:2])[0]
        return value
