"""MAX17048: fuel gauge of one lithium cell (data sheet 19-6171). Big-endian registers of 16 bits."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

VCELL, SOC, MODE, VERSION, CRATE = 0x02, 0x04, 0x06, 0x08, 0x16
VCELL_V = 78.125e-6
SOC_PERCENT = 1 / 256
CRATE_PERCENT_H = 0.208
QUICK_START = 0x4000


class MAX17048:
    """The gauge; it models the cell by itself and needs no shunt."""

    def __init__(self, i2c: "I2C", address: int = 0x36) -> None:
        self._i2c = i2c
        self._address = address

    def check(self) -> None:
        """Raises ValueError where the version is not that of this family."""
        version = self._word(VERSION)
        if version & 0xFFF0 != 0x0010:
            raise ValueError(f"MAX17048 at 0x{self._address:02x}: version 0x{version:04x}, expected 0x001x")

    def quick_start(self) -> None:
        """Let the gauge guess afresh from the open-circuit voltage: after a cell was changed."""
        self._i2c.writeto_mem(self._address, MODE, struct.pack(">H", QUICK_START))

    def read(self) -> "dict[str, float]":
        """Voltage, state of charge (may pass 100), and its rate of change, positive while charging."""
        voltage_v = self._word(VCELL) * VCELL_V
        charge_percent = self._word(SOC) * SOC_PERCENT
        if not 0.5 < voltage_v < 5.11 or charge_percent > 130:
            raise ValueError(
                f"MAX17048 at 0x{self._address:02x}: {voltage_v:.3f} V and {charge_percent:.1f} %, "
                "expected a cell"
            )
        rate: int = struct.unpack(">h", self._i2c.readfrom_mem(self._address, CRATE, 2))[0]
        return {
            "voltage_v": voltage_v,
            "charge_percent": charge_percent,
            "rate_percent_h": rate * CRATE_PERCENT_H,
        }

    def _word(self, register: int) -> int:
        value: int = struct.unpack(">H", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value
