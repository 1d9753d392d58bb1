"""The one way to the air: a fresh, stamped message, in a band that has room, written down first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flexcore.lora.airtime import Modulation, airtime_ns
from flexcore.lora.bands import Band
from flexcore.lora.clocks import Clocks
from flexcore.lora.errors import ModemError, StaleError, UnsynchronisedError
from flexcore.lora.ledger import Ledger

# A receiver believes a message for so long after its stamp.
VALID_NS = 10_000_000_000
# What the modem may need besides the time on air: its serial line (9600 Bd, 255 bytes) and itself.
MODEM_NS = 1_500_000_000


class Modem(Protocol):
    """A modem of :mod:`flexcore.drivers.modems`, started."""

    def send(self, data: bytes, within_ms: int = ...) -> None:
        """Put ``data`` on air."""
        ...


class Transmitter:
    """Messages are never queued here: one goes out now, or not at all."""

    def __init__(
        self,
        modem: Modem,
        ledger: Ledger,
        band: Band,
        modulation: Modulation,
        clocks: Clocks,
    ) -> None:
        self._modem = modem
        self._ledger = ledger
        self._band = band
        self._modulation = modulation
        self._clocks = clocks

    def send(self, make: Callable[[int], bytes]) -> int:
        """Let ``make(utc_ns)`` stamp and sign a message of 1 to 255 bytes, and send it; its time on air in
        ns.

        Raises:
            UnsynchronisedError: the time is not known; nothing was made.
            StaleError: making it took so long, or it is so long on air, that it would arrive older than 10 s.
            AirtimeError: the band's hour has no room.
            LedgerError: it could not be written down.
            ModemError: the modem did not confirm. It counts as sent all the same: who knows what was on air?
        """
        if not self._clocks.synchronised():
            raise UnsynchronisedError(
                "LoRa: the time is not synchronised, expected it to be before a message is stamped"
            )
        stamp_ns = self._clocks.utc_ns()
        return self.send_stamped(make(stamp_ns), stamp_ns)

    def send_stamped(self, message: bytes, stamp_ns: int) -> int:
        """Send a message that was stamped with ``stamp_ns`` (UTC) just before; else as :meth:`send`."""
        if not self._clocks.synchronised():
            raise UnsynchronisedError(
                "LoRa: the time is not synchronised, expected it to be while a message is sent"
            )
        air_ns = airtime_ns(self._modulation, len(message))
        age_ns = self._clocks.utc_ns() - stamp_ns
        if not 0 <= age_ns <= VALID_NS - air_ns:
            raise StaleError(
                f"LoRa: a message of {age_ns / 1e9:.3f} s and {air_ns / 1e9:.3f} s on air, "
                f"expected it to arrive within {VALID_NS / 1e9:g} s"
            )
        self._ledger.charge(self._band, air_ns)
        try:
            self._modem.send(message, within_ms=(air_ns + MODEM_NS) // 1_000_000)
        except (ValueError, OSError) as error:
            raise ModemError(f"LoRa: {error.args[-1] if error.args else error!r}") from error
        return air_ns
