"""Simulated thermometers: TMP117, LM75, MLX90614, SHT4x."""

from .chip import Chip, WordChip, signed


class SimulatedTmp117(WordChip):
    """A contact thermometer of 7.8125 m degC."""

    address = 0x48
    writable = (0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08)

    def __init__(self) -> None:
        super().__init__()
        self.temperature_c = 21.0
        self.converted = True
        self.words = {0x01: 0x0220, 0x02: 0x6000, 0x03: 0x8000, 0x0F: 0x0117}

    def word(self, register: int) -> int:
        """The temperature is measured afresh at each read."""
        if register == 0x00:
            return signed(self.temperature_c, 7.8125e-3) if self.converted else 0x8000
        if register == 0x01:
            return self.words[0x01] | (0x2000 if self.converted else 0)
        return super().word(register)


class SimulatedLm75(WordChip):
    """A contact thermometer of ``bits`` bits: 9 of the LM75, 11 of the LM75B, 12 of the TMP102."""

    address = 0x48
    writable = (0x01, 0x02, 0x03)

    def __init__(self, bits: int = 11) -> None:
        super().__init__()
        self.bits = bits
        self.temperature_c = 21.0
        self.words = {0x01: 0x0000, 0x02: 75 << 8, 0x03: 80 << 8}

    def word(self, register: int) -> int:
        """The temperature is measured afresh at each read, in the high bits."""
        if register != 0x00:
            return super().word(register)
        most = (1 << (self.bits - 1)) - 1
        steps = round(self.temperature_c * (1 << (self.bits - 8)))
        return (max(-most - 1, min(most, steps)) << (16 - self.bits)) & 0xFFFF


class SimulatedMlx90614(WordChip):
    """An infrared thermometer. ``noise`` is exclusive-or'ed into the low byte, after its check
    byte was made.
    """

    address = 0x5A
    big_endian = False
    following = "high"

    def __init__(self) -> None:
        super().__init__()
        self.temperature_c = 40.0
        self.ambient_c = 25.0
        self.faulty = False
        self.noise = 0
        self.words = {0x24: 0xFFFF, 0x2E: 0xBE00 | self.address}

    def word(self, register: int) -> int:
        """Temperatures are measured afresh at each read; the top bit flags a fault."""
        if register in (0x06, 0x07):
            kelvin = (self.temperature_c if register == 0x07 else self.ambient_c) + 273.15
            return max(1, min(0x7FFF, round(kelvin / 0.02))) | (0x8000 if self.faulty else 0)
        return super().word(register)

    def answer(self, data: bytearray) -> None:
        """The word and, where it is asked for, the check byte over the whole transaction."""
        super().answer(data)
        if len(data) >= 3:
            sent = (self.address << 1, self.pointer, self.address << 1 | 1, data[0], data[1])
            data[2] = check_byte(bytes(sent), 0x07, 0x00)
        if data:
            data[0] ^= self.noise


class SimulatedSht4x(Chip):
    """Temperature and humidity. It does not answer twice to one command."""

    address = 0x44

    def __init__(self) -> None:
        self.temperature_c = 21.0
        self.humidity_percent = 45.0
        self.serial = 0x1A2B3C4D
        self.noise = 0
        self._answer = b""

    def take(self, data: bytes) -> int:
        """A command of one byte; an unknown one is not acknowledged."""
        if not data:
            return 0
        if data[0] == 0x89:
            self._words(self.serial >> 16, self.serial & 0xFFFF)
        elif data[0] in (0xFD, 0xF6, 0xE0):
            raw_t = max(0, min(0xFFFF, round((self.temperature_c + 45) / 175 * 65535)))
            raw_h = max(0, min(0xFFFF, round((self.humidity_percent + 6) / 125 * 65535)))
            self._words(raw_t, raw_h)
        else:
            return 0
        return 1

    def answer(self, data: bytearray) -> None:
        """What was measured; high wires where nothing was asked."""
        ready, self._answer = self._answer, b""
        for place in range(len(data)):
            data[place] = ready[place] if place < len(ready) else 0xFF
        if data:
            data[0] ^= self.noise

    def _words(self, first: int, second: int) -> None:
        out = b""
        for word in (first, second):
            pair = bytes((word >> 8, word & 0xFF))
            out += pair + bytes((check_byte(pair, 0x31, 0xFF),))
        self._answer = out


def check_byte(data: bytes, polynomial: int, start: int) -> int:
    """A cyclic check of 8 bits by long division, most significant bit first."""
    value = (int.from_bytes(data, "big") ^ start << 8 * (len(data) - 1)) << 8
    for bit in range(8 * len(data) + 7, 7, -1):
        if value >> bit & 1:
            value ^= (0x100 | polynomial) << (bit - 8)
    return value
