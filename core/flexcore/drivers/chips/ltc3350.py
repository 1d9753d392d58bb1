"""LTC3350: super-capacitor charger and backup supply (data sheet rev. D). Little-endian words, SMBus."""

import struct

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import I2C

CONTROL, NUM_CAPS, CHARGE_STATUS, MONITOR_STATUS, ALARMS = 0x17, 0x1A, 0x1B, 0x1C, 0x1D
CAPACITANCE, ESR, CELL_1, VIN, VCAP, VOUT, IIN, ICHG, DIE = (
    0x1E,
    0x1F,
    0x20,
    0x25,
    0x26,
    0x27,
    0x28,
    0x29,
    0x2A,
)

CAPACITANCE_F = 336e-6  # times RT / RTST
CAPACITANCE_SMALL_F = 3.36e-6  # the same, with bit ctl_cap_scale of the control register
CELL_V, VCAP_V, VIN_V, SENSE_V = 183.5e-6, 1.476e-3, 2.21e-3, 1.983e-6
DIE_C, DIE_0_C = 0.028, -251.4

CTL_CAP_SCALE = 1 << 3
CHRG_STEPDOWN, CHRG_STEPUP = 1 << 0, 1 << 1
CHRG_CAPPG, CHRG_PFO = 1 << 5, 1 << 11
MON_CAP_DONE, MON_ESR_DONE = 1 << 3, 1 << 4
UNUSED_STATUS = 0xF400  # bits of the charge status that never are set


class LTC3350:
    """The controller.

    ``rt_ohm / rtst_ohm`` scales the capacitance, ``sense_ohm`` (RSNSC) charge current and resistance,
    ``input_ohm`` (RSNSI) the input current: parts of the board.
    """

    def __init__(
        self,
        i2c: "I2C",
        sense_ohm: float,
        input_ohm: float,
        rt_ohm: float = 71.5e3,
        rtst_ohm: float = 121.0,
        address: int = 0x09,
    ) -> None:
        if not min(sense_ohm, input_ohm, rt_ohm, rtst_ohm) > 0:
            raise ValueError("LTC3350: expected resistors above 0 ohm")
        self._i2c = i2c
        self._address = address
        self._sense_ohm = sense_ohm
        self._input_ohm = input_ohm
        self._ratio = rt_ohm / rtst_ohm

    def check(self) -> None:
        """Raises ValueError for what this chip never says; it has no register of identity, but
        a temperature.
        """
        cells, status, die_c = self._word(NUM_CAPS), self._word(CHARGE_STATUS), self._die_c()
        both = CHRG_STEPDOWN | CHRG_STEPUP
        if cells > 3 or status & UNUSED_STATUS or status & both == both or not -60 < die_c < 180:
            raise ValueError(
                f"LTC3350 at 0x{self._address:02x}: cells 0x{cells:04x}, status 0x{status:04x} and "
                f"{die_c:.1f} degC, expected what this chip says"
            )

    def read(self) -> "dict[str, float]":
        """Voltages, currents, temperature and what the chip is doing; capacitance and ESR once it measured
        them.

        ``backup`` is 1 while the capacitors feed the load, ``mains_failed`` 1 while the input is too low.
        """
        self.check()
        status, monitor = self._word(CHARGE_STATUS), self._word(MONITOR_STATUS)
        values = {
            "voltage_v": self._signed(VCAP) * VCAP_V,
            "input_v": self._signed(VIN) * VIN_V,
            "output_v": self._signed(VOUT) * VIN_V,
            "input_a": self._signed(IIN) * SENSE_V / self._input_ohm,
            "current_a": self._signed(ICHG) * SENSE_V / self._sense_ohm,
            "temperature_c": self._die_c(),
            "backup": 1.0 if status & CHRG_STEPUP else 0.0,
            "full": 1.0 if status & CHRG_CAPPG else 0.0,
            "mains_failed": 1.0 if status & CHRG_PFO else 0.0,
            "alarms": float(self._word(ALARMS)),
        }
        for cell in range(self._word(NUM_CAPS) + 1):
            values[f"cell_{cell + 1}_v"] = self._signed(CELL_1 + cell) * CELL_V
        if monitor & MON_CAP_DONE:
            small = self._word(CONTROL) & CTL_CAP_SCALE
            step_f = CAPACITANCE_SMALL_F if small else CAPACITANCE_F
            values["capacitance_f"] = self._word(CAPACITANCE) * step_f * self._ratio
        if monitor & MON_ESR_DONE:
            values["esr_ohm"] = self._word(ESR) * self._sense_ohm / 64
        return values

    def _die_c(self) -> float:
        return self._signed(DIE) * DIE_C + DIE_0_C

    def _word(self, register: int) -> int:
        value: int = struct.unpack("<H", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value

    def _signed(self, register: int) -> int:
        value: int = struct.unpack("<h", self._i2c.readfrom_mem(self._address, register, 2))[0]
        return value
