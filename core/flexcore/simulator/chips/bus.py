"""An I2C bus with chips on it, and what goes wrong on one."""

import errno

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flexcore.simulator.chips.chip import Chip


class Bus:
    """Chips by address. ``stuck`` is a line that something holds low; ``glitches`` break that
    many transfers.
    """

    def __init__(self) -> None:
        self.chips: dict[int, Chip] = {}
        self.stuck = False
        self.glitches = 0

    def attach(self, chip: "Chip") -> None:
        """Hang ``chip`` on the bus; raises ValueError where its address is taken."""
        if chip.address in self.chips:
            raise ValueError(f"address 0x{chip.address:02x} is taken, expected a free one")
        self.chips[chip.address] = chip

    def detach(self, address: int) -> "Chip":
        """Pull the chip off; raises KeyError where there is none."""
        return self.chips.pop(address)

    def transfer(self, messages: "Sequence[tuple[int, bool, bytearray]]") -> int:
        """One transaction of (address, read, data); bytes acknowledged. OSError as a controller's driver says
        it.
        """
        if self.stuck:
            raise OSError(errno.ETIMEDOUT, "I2C: the bus is held low")
        acknowledged = 0
        for address, read, data in messages:
            chip = self.chips.get(address)
            if chip is None or chip.unplugged:
                raise OSError(errno.ENODEV, f"I2C 0x{address:02x}: nothing acknowledged")
            if self.glitches:
                self.glitches -= 1
                raise OSError(errno.EIO, f"I2C 0x{address:02x}: the transfer failed")
            if read:
                chip.answer(data)
                continue
            taken = chip.take(bytes(data))
            if taken < len(data):
                raise OSError(errno.EIO, f"I2C 0x{address:02x}: byte {taken + 1} of {len(data)} was refused")
            acknowledged += taken
        return acknowledged

    def probe(self, address: int) -> bool:
        """Whether something acknowledges ``address``."""
        if self.stuck:
            raise OSError(errno.ETIMEDOUT, "I2C: the bus is held low")
        chip = self.chips.get(address)
        return chip is not None and not chip.unplugged

    def close(self) -> None:
        """Nothing: the bus goes on without a program."""
