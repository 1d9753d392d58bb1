"""LTC4015: battery charger for lithium and lead-acid (data sheet rev. C). Little-endian words, SMBus."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

SYSTEM_STATUS, VBAT, VIN, VSYS, IBAT, IIN, DIE = 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F
BSR, CHEM_CELLS, VALID = 0x41, 0x43, 0x4A

LITHIUM_V, LEAD_V, SYSTEM_V, SENSE_V = 192.264e-6, 128.176e-6, 1.648e-3, 1.46487e-6
DIE_0, DIE_PER_C = 12010, 45.6
LITHIUM_BSR, LEAD_BSR = 500, 750
LEAD_ACID = (7, 8)  # chemistries of the register; 0 to 3 are lithium ion, 4 to 6 lithium iron phosphate
SYSTEM_CHARGER_ENABLED, SYSTEM_VIN_GT_VBAT = 1 << 13, 1 << 2
VALID_NOW = 1 << 0


class LTC4015:
    """The charger; ``battery_ohm`` (RSNSB) and ``input_ohm`` (RSNSI) are parts of the board."""

    def __init__(self, i2c: "I2C", battery_ohm: float, input_ohm: float, address: int = 0x68) -> None:
        if not min(battery_ohm, input_ohm) > 0:
            raise ValueError("LTC4015: expected resistors above 0 ohm")
        self._i2c = i2c
        self._address = address
        self._battery_ohm = battery_ohm
        self._input_ohm = input_ohm

    def check(self) -> None:
        """Raises ValueError where chemistry and cells cannot be; it has no register of identity."""
        self._chemistry()

    def read(self) -> "dict[str, float]":
        """Voltages, currents (battery's positive while charging), temperature, resistance of the battery."""
        chemistry, cells = self._chemistry()
        if not self._word(VALID) & VALID_NOW:
            raise ValueError(f"LTC4015 at 0x{self._address:02x}: no measurement yet, expected a valid one")
        lead = chemistry in LEAD_ACID
        status = self._word(SYSTEM_STATUS)
        bsr_ohm = self._word(BSR) * self._battery_ohm / (LEAD_BSR if lead else LITHIUM_BSR)
        return {
            "voltage_v": self._signed(VBAT) * (LEAD_V if lead else LITHIUM_V) * cells,
            "input_v": self._signed(VIN) * SYSTEM_V,
            "output_v": self._signed(VSYS) * SYSTEM_V,
            "current_a": self._signed(IBAT) * SENSE_V / self._battery_ohm,
            "input_a": self._signed(IIN) * SENSE_V / self._input_ohm,
            "temperature_c": (self._signed(DIE) - DIE_0) / DIE_PER_C,
            "resistance_ohm": bsr_ohm * cells,
            "charging": 1.0 if status & SYSTEM_CHARGER_ENABLED else 0.0,
            "mains_failed": 0.0 if status & SYSTEM_VIN_GT_VBAT else 1.0,
        }

    def _chemistry(self) -> "tuple[int, int]":
        found = self._word(CHEM_CELLS)
        chemistry, cells = found >> 8 & 0xF, found & 0xF
        if found >> 12 or chemistry > 8 or not 1 <= cells <= 12:
            raise ValueError(
                f"LTC4015 at 0x{self._address:02x}: chemistry and cells 0x{found:04x}, "
                "expected what this chip says"
            )
        return chemistry, cells

    def _word(self, register: int) -> int:
        value: int = struct.unpack("<H", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value

    def _signed(self, register: int) -> int:
        value: int = struct.unpack("<h", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value
