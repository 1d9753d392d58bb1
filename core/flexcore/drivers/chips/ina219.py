"""INA219: current, voltage and power by a shunt (SBOS448). Big-endian registers of 16 bits."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

CONFIGURATION, SHUNT, BUS = 0x00, 0x01, 0x02
SHUNT_V = 10e-6
BUS_V = 4e-3
# 32 V range, shunt range 320 mV, 12 bits with 16 averages each, without end.
CONTINUOUS = 0x2000 | 3 << 11 | 0xC << 7 | 0xC << 3 | 7
WHILE_RESET = 0x399F


class INA219:
    """The monitor. It has no register of identity: `check` looks at what its configuration can be."""

    def __init__(self, i2c: "I2C", shunt_ohm: float, address: int = 0x40) -> None:
        if not shunt_ohm > 0:
            raise ValueError(f"INA219: shunt of {shunt_ohm!r} ohm, expected above 0")
        self._i2c = i2c
        self._address = address
        self._shunt_ohm = shunt_ohm

    def check(self) -> None:
        """Raises ValueError where the configuration is neither ours nor that after a reset."""
        found = self._word(CONFIGURATION)
        if found not in (CONTINUOUS, WHILE_RESET):
            raise ValueError(
                f"INA219 at 0x{self._address:02x}: configuration 0x{found:04x}, "
                f"expected 0x{CONTINUOUS:04x} or 0x{WHILE_RESET:04x}"
            )

    def start(self) -> None:
        """Measure without end, averaged."""
        self._i2c.writeto_mem(self._address, CONFIGURATION, struct.pack(">H", CONTINUOUS))

    def read(self) -> "dict[str, float]":
        """Bus voltage, current (positive from IN+ to IN-) and their product."""
        raw: int = struct.unpack(">h", self._i2c.readfrom_mem(self._address, SHUNT, 2))[0]
        # A shunt beyond its range stands still at the range's end.
        gain = self._word(CONFIGURATION) >> 11 & 3
        if abs(raw) >= 4000 << gain:
            raise ValueError(
                f"INA219 at 0x{self._address:02x}: shunt at {raw * 1e-2:.2f} mV, "
                f"expected within {40 << gain} mV"
            )
        voltage_v = (self._word(BUS) >> 3) * BUS_V
        current_a = raw * SHUNT_V / self._shunt_ohm
        return {"voltage_v": voltage_v, "current_a": current_a, "power_w": voltage_v * current_a}

    def _word(self, register: int) -> int:
        value: int = struct.unpack(">H", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value
