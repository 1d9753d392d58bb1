"""LM75 and its kin (LM75B, TMP75, TMP102 as it starts): whole degrees in the high byte, as fine as the chip
can.
"""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

TEMPERATURE, CONFIGURATION, HYSTERESIS, OVERTEMPERATURE = 0x00, 0x01, 0x02, 0x03
STEP_C = 1 / 256


class LM75:
    """The thermometer. The family has no register of identity: `check` looks at the limits."""

    def __init__(self, i2c: "I2C", address: int = 0x48) -> None:
        self._i2c = i2c
        self._address = address

    def check(self) -> None:
        """Raises ValueError where the limits cannot be such a chip's."""
        low, high = self._degrees(HYSTERESIS), self._degrees(OVERTEMPERATURE)
        if not -55 <= low <= high <= 128:
            raise ValueError(
                f"LM75 at 0x{self._address:02x}: limits {low:.1f} and {high:.1f} degC, expected them in order"
            )

    def read(self) -> "dict[str, float]":
        """The temperature; ValueError outside -55 to 128 degC."""
        temperature_c = self._degrees(TEMPERATURE)
        if temperature_c < -55:
            raise ValueError(f"LM75 at 0x{self._address:02x}: {temperature_c:.1f} degC, expected -55 to 128")
        return {"temperature_c": temperature_c}

    def _degrees(self, register: int) -> float:
        raw: int = struct.unpack(">h", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return raw * STEP_C
