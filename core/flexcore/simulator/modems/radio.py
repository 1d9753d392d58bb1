"""What a modem's radio is set to, and what its firmware may ask of the air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Channel:
    """What two radios must share to hear each other, and the power of the sender."""

    frequency_hz: int = 868_100_000
    spreading_factor: int = 12
    bandwidth_hz: int = 125_000
    power_dbm: int = 1
    sync_word: int = 0x34


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet as it came in."""

    data: bytes
    rssi_dbm: int
    snr_db: int


class Radio(Protocol):
    """One radio on the air."""

    @property
    def sending(self) -> bool:
        """Whether a packet of this radio is on air."""
        ...

    def send(self, channel: Channel, data: bytes) -> None:
        """Put ``data`` on air; the firmware hears of its end by ``sent``."""
        ...

    def receive(self, channel: Channel | None) -> None:
        """Listen there from now on; None stops."""
        ...

    def say(self, line: str) -> None:
        """A line to the computer."""
        ...


class Firmware(Protocol):
    """The program of a modem. All calls come from the air's thread."""

    def command(self, line: bytes) -> None:
        """A line from the computer, without its end."""
        ...

    def sent(self) -> None:
        """The packet is out."""
        ...

    def heard(self, packet: Heard) -> None:
        """A packet came in where this radio listens."""
        ...
