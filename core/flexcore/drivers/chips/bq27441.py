"""BQ27441-G1: fuel gauge of one lithium cell with shunt (SLUUAC9). Little-endian commands of 16 bits."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

CONTROL, VOLTAGE, FLAGS, REMAINING, FULL, CURRENT = 0x00, 0x04, 0x06, 0x0C, 0x0E, 0x10
POWER, CHARGE, TEMPERATURE, HEALTH = 0x18, 0x1C, 0x1E, 0x20
DEVICE_TYPE = 0x0001
BQ27441_TYPE = 0x0421
FLAG_BATTERY_DETECTED = 0x0008
KELVIN_0C = 273.15


class BQ27441:
    """The gauge."""

    def __init__(self, i2c: "I2C", address: int = 0x55) -> None:
        self._i2c = i2c
        self._address = address

    def check(self) -> None:
        """Raises ValueError where the device type is another."""
        self._i2c.writeto_mem(self._address, CONTROL, struct.pack("<H", DEVICE_TYPE))
        kind = self._word(CONTROL)
        if kind != BQ27441_TYPE:
            raise ValueError(
                f"BQ27441 at 0x{self._address:02x}: device type 0x{kind:04x}, expected 0x{BQ27441_TYPE:04x}"
            )

    def read(self) -> "dict[str, float]":
        """Voltage, current and power (positive while charging), charge, health, temperature of the chip."""
        if not self._word(FLAGS) & FLAG_BATTERY_DETECTED:
            raise ValueError(f"BQ27441 at 0x{self._address:02x}: no battery, expected one detected")
        charge_percent = self._word(CHARGE)
        if charge_percent > 100:
            raise ValueError(
                f"BQ27441 at 0x{self._address:02x}: charge of {charge_percent} %, expected 0 to 100"
            )
        return {
            "voltage_v": self._word(VOLTAGE) * 1e-3,
            "current_a": self._signed(CURRENT) * 1e-3,
            "power_w": self._signed(POWER) * 1e-3,
            "charge_percent": charge_percent,
            "remaining_ah": self._word(REMAINING) * 1e-3,
            "full_ah": self._word(FULL) * 1e-3,
            "temperature_c": self._word(TEMPERATURE) * 0.1 - KELVIN_0C,
            "health_percent": self._word(HEALTH) & 0xFF,
        }

    def _word(self, register: int) -> int:
        value: int = struct.unpack("<H", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value

    def _signed(self, register: int) -> int:
        value: int = struct.unpack("<h", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value
