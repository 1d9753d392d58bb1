"""INA226: current, voltage and power by a shunt (SBOS547). Big-endian registers of 16 bits."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

CONFIGURATION, SHUNT, BUS, CALIBRATION, MANUFACTURER, DIE = 0x00, 0x01, 0x02, 0x05, 0xFE, 0xFF
SHUNT_V = 2.5e-6
BUS_V = 1.25e-3
TEXAS_INSTRUMENTS = 0x5449
INA226_DIE = 0x2260
# 16 averages of 1.1 ms each, shunt and bus without end: a value every 35 ms.
CONTINUOUS = 0x4000 | 2 << 9 | 4 << 6 | 4 << 3 | 7


class INA226:
    """The monitor. Current is shunt voltage by resistance, so that a chip that restarted cannot scale it
    wrongly.
    """

    def __init__(self, i2c: "I2C", shunt_ohm: float, address: int = 0x40) -> None:
        if not shunt_ohm > 0:
            raise ValueError(f"INA226: shunt of {shunt_ohm!r} ohm, expected above 0")
        self._i2c = i2c
        self._address = address
        self._shunt_ohm = shunt_ohm

    def check(self) -> None:
        """Raises ValueError where maker or die are others."""
        maker, die = self._word(MANUFACTURER), self._word(DIE)
        if maker != TEXAS_INSTRUMENTS or die & 0xFFF0 != INA226_DIE:
            raise ValueError(
                f"INA226 at 0x{self._address:02x}: maker 0x{maker:04x} and die 0x{die:04x}, "
                f"expected 0x{TEXAS_INSTRUMENTS:04x} and 0x{INA226_DIE:04x}"
            )

    def start(self) -> None:
        """Measure without end, averaged."""
        self._i2c.writeto_mem(self._address, CONFIGURATION, struct.pack(">H", CONTINUOUS))

    def read(self) -> "dict[str, float]":
        """Bus voltage, current (positive from IN+ to IN-) and their product."""
        raw: int = struct.unpack(">h", self._i2c.readfrom_mem(self._address, SHUNT, 2))[0]
        voltage_v = self._word(BUS) * BUS_V
        if raw in (-32768, 32767) or voltage_v > 40.96:
            raise ValueError(
                f"INA226 at 0x{self._address:02x}: out of range, expected within 81.9 mV and 40.9 V"
            )
        current_a = raw * SHUNT_V / self._shunt_ohm
        return {"voltage_v": voltage_v, "current_a": current_a, "power_w": voltage_v * current_a}

    def _word(self, register: int) -> int:
        value: int = struct.unpack(">H", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value
