"""How long a LoRa packet is on air: the formula of Semtech's SX1276 data sheet (4.1.1.7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

PREAMBLE_SYMBOLS = 8


@dataclass(frozen=True, slots=True)
class Modulation:
    """Explicit header, CRC on; ``coding`` is the denominator of 4/5 to 4/8."""

    spreading_factor: int
    bandwidth_hz: int = 125_000
    coding: int = 5
    preamble_symbols: int = PREAMBLE_SYMBOLS

    def __post_init__(self) -> None:
        """Raises :class:`ValueError` for what LoRa does not have."""
        if not 7 <= self.spreading_factor <= 12 or self.bandwidth_hz not in {125_000, 250_000, 500_000}:
            raise ValueError(
                f"SF{self.spreading_factor} at {self.bandwidth_hz} Hz: "
                "expected SF7 to 12 at 125, 250 or 500 kHz"
            )
        if not 5 <= self.coding <= 8 or not 6 <= self.preamble_symbols <= 65_535:
            raise ValueError("expected coding 5 to 8 and a preamble of 6 to 65535 symbols")


def airtime_ns(modulation: Modulation, size_bytes: int) -> int:
    """Time on air in ns of a packet of 0 to 255 bytes, rounded up; raises :class:`ValueError` for others."""
    if not 0 <= size_bytes <= 255:
        raise ValueError(f"a packet of {size_bytes} bytes, expected 0 to 255")
    factor = modulation.spreading_factor
    symbol_ns = (1 << factor) * 1_000_000_000 / modulation.bandwidth_hz
    # Symbols of 16 ms and more need the low data rate optimisation: two bits less a symbol.
    bits_per_symbol = 4 * (factor - 2 * (symbol_ns >= 16_000_000))
    bits = 8 * size_bytes - 4 * factor + 28 + 16
    payload = 8 + max(math.ceil(bits / bits_per_symbol) * modulation.coding, 0)
    return math.ceil((modulation.preamble_symbols + 4.25 + payload) * symbol_ns)
