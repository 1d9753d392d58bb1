"""TMP117: thermometer of 0.1 degC (SNOSD82). Big-endian registers of 16 bits."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

TEMPERATURE, CONFIGURATION, DEVICE = 0x00, 0x01, 0x0F
STEP_C = 7.8125e-3
TMP117_DEVICE = 0x117
NOT_YET = -32768  # what stands there after power-on, before the first conversion


class TMP117:
    """The thermometer; it converts once a second by itself."""

    def __init__(self, i2c: "I2C", address: int = 0x48) -> None:
        self._i2c = i2c
        self._address = address

    def check(self) -> None:
        """Raises ValueError where the device is another."""
        device: int = struct.unpack(">H", self._i2c.readfrom_mem(self._address, DEVICE, 2))[0]
        if device & 0xFFF != TMP117_DEVICE:
            raise ValueError(
                f"TMP117 at 0x{self._address:02x}: device 0x{device:04x}, expected 0x{TMP117_DEVICE:04x}"
            )

    def read(self) -> "dict[str, float]":
        """The temperature; ValueError before the first conversion and outside -55 to 150 degC."""
        raw: int = struct.unpack(">h", self._i2c.readfrom_mem(self._address, TEMPERATURE, 2))[0]
        if raw == NOT_YET:
            raise ValueError(f"TMP117 at 0x{self._address:02x}: no conversion yet, expected one")
        temperature_c = raw * STEP_C
        if not -56 <= temperature_c <= 151:
            raise ValueError(
                f"TMP117 at 0x{self._address:02x}: {temperature_c:.1f} degC, expected -55 to 150"
            )
        return {"temperature_c": temperature_c}
