"""Simulated gauges: MAX17048, BQ27441, INA226, INA219, LTC3350, LTC4015."""

from .chip import WordChip, signed, unsigned


class SimulatedMax17048(WordChip):
    """One lithium cell. ``writable`` holds what the data sheet lets a driver write."""

    address = 0x36
    following = "next"
    writable = (0x06, 0x0A, 0x0C, 0x14, 0x18)

    def __init__(self) -> None:
        super().__init__()
        self.voltage_v = 3.9
        self.charge_percent = 80.0
        self.rate_percent_h = 0.0
        self.quick_starts = 0
        self.words = {0x08: 0x0012, 0x0C: 0x971C, 0x14: 0x00FF, 0x1A: 0x0100}

    def word(self, register: int) -> int:
        """Measurements are made afresh at each read."""
        if register == 0x02:
            return unsigned(self.voltage_v, 78.125e-6)
        if register == 0x04:
            return unsigned(self.charge_percent, 1 / 256)
        if register == 0x16:
            return signed(self.rate_percent_h, 0.208)
        return 0 if register == 0x06 else super().word(register)

    def written(self, register: int, value: int) -> None:
        """The mode register starts the estimate afresh and reads as 0."""
        if register == 0x06 and value & 0x4000:
            self.quick_starts += 1
        super().written(register, value)


class SimulatedBq27441(WordChip):
    """One lithium cell with a shunt."""

    address = 0x55
    big_endian = False
    following = "next"

    def __init__(self) -> None:
        super().__init__()
        self.present = True
        self.voltage_v = 3.9
        self.current_a = 0.0
        self.charge_percent = 80
        self.full_ah = 1.34
        self.health_percent = 100
        self.temperature_c = 25.0
        self._control = 0

    def word(self, register: int) -> int:
        """Standard commands; the control register answers the subcommand that was written last."""
        if register == 0x00:
            return {0x0000: 0x0080, 0x0001: 0x0421, 0x0002: 0x0109}.get(self._control, 0)
        values = {
            0x02: unsigned(self.temperature_c + 273.15, 0.1),
            0x04: unsigned(self.voltage_v, 1e-3),
            0x06: 0x0008 if self.present else 0x0000,
            0x0C: unsigned(self.full_ah * self.charge_percent / 100, 1e-3),
            0x0E: unsigned(self.full_ah, 1e-3),
            0x10: signed(self.current_a, 1e-3),
            0x18: signed(self.current_a * self.voltage_v, 1e-3),
            0x1C: int(self.charge_percent),
            0x1E: unsigned(self.temperature_c + 273.15, 0.1),
            0x20: int(self.health_percent) | 0x0300,
        }
        return values.get(register, 0)

    def written(self, register: int, value: int) -> None:
        """Subcommands."""
        if register == 0x00:
            self._control = value


class SimulatedIna226(WordChip):
    """A shunt and a bus. Registers 3 and 4 are 0 until the calibration register is written, as the chip's
    are.
    """

    address = 0x40
    writable = (0x00, 0x05, 0x06, 0x07)

    def __init__(self, shunt_ohm: float = 0.01) -> None:
        super().__init__()
        self.shunt_ohm = shunt_ohm
        self.voltage_v = 12.0
        self.current_a = 0.0
        self._reset()

    def _reset(self) -> None:
        self.words = {0x00: 0x4127, 0xFE: 0x5449, 0xFF: 0x2260}

    def word(self, register: int) -> int:
        """Measurements are made afresh at each read."""
        shunt = signed(self.current_a * self.shunt_ohm, 2.5e-6)
        bus = max(0, min(0x7FFF, round(self.voltage_v / 1.25e-3)))
        current = (shunt - (shunt >> 15 << 16)) * super().word(0x05) // 2048
        if register == 0x01:
            return shunt
        if register == 0x02:
            return bus
        if register == 0x03:
            return min(0xFFFF, abs(current) * bus // 20000)
        return current if register == 0x04 else super().word(register)

    def written(self, register: int, value: int) -> None:
        """The top bit of the configuration resets the chip."""
        if register == 0x00 and value & 0x8000:
            self._reset()
        else:
            super().written(register, value)


class SimulatedIna219(WordChip):
    """A shunt and a bus; the shunt's range is 40 mV, doubled by each step of the gain."""

    address = 0x40
    writable = (0x00, 0x05)

    def __init__(self, shunt_ohm: float = 0.01) -> None:
        super().__init__()
        self.shunt_ohm = shunt_ohm
        self.voltage_v = 12.0
        self.current_a = 0.0
        self.words = {0x00: 0x399F}

    def word(self, register: int) -> int:
        """Measurements are made afresh at each read."""
        if register == 0x01:
            most = 4000 << (self.words[0x00] >> 11 & 3)
            return max(-most, min(most, round(self.current_a * self.shunt_ohm / 10e-6))) & 0xFFFF
        if register == 0x02:
            most = 8000 if self.words[0x00] & 0x2000 else 4000
            return max(0, min(most, round(self.voltage_v / 4e-3))) << 3 | 0x02
        return super().word(register)

    def written(self, register: int, value: int) -> None:
        """The top bit of the configuration resets the chip."""
        if register == 0x00 and value & 0x8000:
            self.words = {0x00: 0x399F}
        else:
            super().written(register, value)


class SimulatedLtc3350(WordChip):
    """Super-capacitors in series, charged from the input and feeding the output when that fails."""

    address = 0x09
    big_endian = False
    following = "high"
    writable = tuple(range(0x00, 0x18))

    def __init__(
        self,
        sense_ohm: float = 0.006,
        input_ohm: float = 0.016,
        rt_ohm: float = 71.5e3,
        rtst_ohm: float = 121.0,
    ) -> None:
        super().__init__()
        self.sense_ohm = sense_ohm
        self.input_ohm = input_ohm
        self.ratio = rt_ohm / rtst_ohm
        self.cells_v = [2.4, 2.4, 2.4, 2.4]
        self.input_v = 24.0
        self.output_v = 24.0
        self.input_a = 0.5
        self.current_a = 0.1
        self.temperature_c = 35.0
        self.capacitance_f = 6.25
        self.esr_ohm = 0.064
        self.measured = True
        self.failed = False

    def word(self, register: int) -> int:
        """Measurements are made afresh at each read."""
        values = {
            0x1A: len(self.cells_v) - 1,
            0x1B: 0x0802 if self.failed else 0x0021,
            0x1C: (0x0018 if self.measured else 0x0004) | (0x0100 if self.failed else 0x0200),
            0x1E: unsigned(self.capacitance_f, (3.36e-6 if self._small() else 336e-6) * self.ratio),
            0x1F: unsigned(self.esr_ohm, self.sense_ohm / 64),
            0x25: signed(self.input_v, 2.21e-3),
            0x26: signed(sum(self.cells_v), 1.476e-3),
            0x27: signed(self.output_v, 2.21e-3),
            0x28: signed(self.input_a, 1.983e-6 / self.input_ohm),
            0x29: signed(self.current_a, 1.983e-6 / self.sense_ohm),
            0x2A: signed(self.temperature_c + 251.4, 0.028),
        }
        if 0x20 <= register < 0x20 + len(self.cells_v):
            return signed(self.cells_v[register - 0x20], 183.5e-6)
        return values.get(register, super().word(register))

    def _small(self) -> int:
        return self.words.get(0x17, 0) & 1 << 3


class SimulatedLtc4015(WordChip):
    """A battery of cells in series; chemistry as the register counts it (0 lithium ion, 7 lead acid)."""

    address = 0x68
    big_endian = False
    following = "high"
    writable = tuple(range(0x01, 0x30))

    def __init__(self, battery_ohm: float = 0.004, input_ohm: float = 0.002, chemistry: int = 0) -> None:
        super().__init__()
        self.battery_ohm = battery_ohm
        self.input_ohm = input_ohm
        self.chemistry = chemistry
        self.cells = 3
        self.voltage_v = 11.7
        self.input_v = 24.0
        self.output_v = 23.9
        self.current_a = 0.5
        self.input_a = 0.4
        self.temperature_c = 40.0
        self.resistance_ohm = 0.09
        self.valid = True
        self.failed = False

    def word(self, register: int) -> int:
        """Measurements are made afresh at each read."""
        lead = self.chemistry >= 7
        values = {
            0x39: 0x0100 if self.failed else 0x2104,
            0x3A: signed(self.voltage_v / self.cells, 128.176e-6 if lead else 192.264e-6),
            0x3B: signed(self.input_v, 1.648e-3),
            0x3C: signed(self.output_v, 1.648e-3),
            0x3D: signed(self.current_a, 1.46487e-6 / self.battery_ohm),
            0x3E: signed(self.input_a, 1.46487e-6 / self.input_ohm),
            0x3F: signed(self.temperature_c + 12010 / 45.6, 1 / 45.6),
            0x41: unsigned(self.resistance_ohm / self.cells, self.battery_ohm / (750 if lead else 500)),
            0x43: self.chemistry << 8 | self.cells,
            0x4A: 1 if self.valid else 0,
        }
        return values.get(register, super().word(register))
