"""What chips on I2C have in common: a pointer to a register, and registers behind it."""


class Chip:
    """A chip: bytes written come by ``take``, bytes read are filled by ``answer``."""

    address = 0
    unplugged = False

    def take(self, data: bytes) -> int:
        """Bytes written after the address; the number acknowledged."""
        raise NotImplementedError

    def answer(self, data: bytearray) -> None:
        """Fill ``data``, read after the address."""
        raise NotImplementedError


class WordChip(Chip):
    """Registers of 16 bits, selected by a pointer of one byte that stays.

    A read goes on as ``following`` says: "same" repeats the register (INA226, TMP117), "next" goes on byte by
    byte through the register numbers (fuel gauges), "high" leaves the wires high (SMBus chips after their
    word).
    """

    big_endian = True
    following = "same"
    writable: "tuple[int, ...]" = ()

    def __init__(self) -> None:
        self.pointer = 0
        self.words: dict[int, int] = {}

    def word(self, register: int) -> int:
        """The content of ``register`` now; 0 where the chip has none."""
        return self.words.get(register, 0)

    def written(self, register: int, value: int) -> None:
        """A driver wrote; what is read-only stays."""
        if register in self.writable:
            self.words[register] = value

    def take(self, data: bytes) -> int:
        """A pointer, then whole words."""
        if data:
            self.pointer = data[0]
        step = 2 if self.following == "next" else 1
        for place in range(1, len(data) - 1, 2):
            first, second = data[place], data[place + 1]
            value = first << 8 | second if self.big_endian else second << 8 | first
            self.written(self.pointer + (place - 1) // 2 * step, value)
        return len(data)

    def answer(self, data: bytearray) -> None:
        """The register, and what follows it."""
        for place in range(len(data)):
            if self.following == "high" and place >= 2:
                data[place] = 0xFF
                continue
            word = place // 2 * 2 if self.following == "next" else 0
            value = self.word((self.pointer + word) & 0xFF) & 0xFFFF
            high = (place % 2 == 0) == self.big_endian
            data[place] = value >> 8 if high else value & 0xFF


def unsigned(value: float, step: float) -> int:
    """``value`` in steps of 16 bits, standing still at the ends of the range."""
    return max(0, min(0xFFFF, round(value / step)))


def signed(value: float, step: float) -> int:
    """``value`` in signed steps of 16 bits, as its bits; standing still at the ends of the range."""
    return max(-0x8000, min(0x7FFF, round(value / step))) & 0xFFFF
