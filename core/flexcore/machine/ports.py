"""What a back end must offer: one narrow port per kind of wire, in the words of the wire.

Ports raise :class:`OSError` with the numbers MicroPython's ports use: ENODEV where nothing acknowledged its
address, EIO where the transfer broke, ETIMEDOUT where the bus hung, EBUSY, EOPNOTSUPP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

WireId: TypeAlias = int | str | tuple[int | str, int]


class Message(NamedTuple):
    """One part of an I2C transaction; ``data`` is sent, or filled when ``read``. Parts join by repeated
    start.
    """

    address: int
    read: bool
    data: bytearray


class I2CPort(Protocol):
    """A bus controller."""

    def transfer(self, messages: Sequence[Message]) -> int:
        """One transaction; bytes acknowledged over all written parts. Raises :class:`OSError`."""
        ...

    def probe(self, address: int) -> bool:
        """Whether something acknowledges ``address``; a bus that does not work raises :class:`OSError`."""
        ...

    def close(self) -> None:
        """Let go of the bus; twice does no harm."""
        ...


class SPISettings(NamedTuple):
    """How bits stand on the wires; ``lsb_first`` as said, ``mode`` is 2 * polarity + phase."""

    rate_hz: int
    mode: int
    bits: int
    lsb_first: bool


class SPIPort(Protocol):
    """A controller with one chip select."""

    def configure(self, settings: SPISettings) -> None:
        """Take over ``settings``; raises :class:`OSError` or :class:`ValueError` where the
        controller cannot.
        """
        ...

    def transfer(self, write: bytes) -> bytes:
        """Clock out ``write``; what came in meanwhile, of equal length."""
        ...

    def close(self) -> None:
        """Let go of the controller."""
        ...


class UARTSettings(NamedTuple):
    """``parity`` is None, 0 (even) or 1 (odd)."""

    baudrate: int
    bits: int
    parity: int | None
    stop: int


class UARTPort(Protocol):
    """A serial line."""

    def configure(self, settings: UARTSettings) -> None:
        """Take over ``settings``."""
        ...

    def read(self, most: int, timeout_ms: int) -> bytes:
        """What is there, 1 to ``most`` bytes, waiting for the first; empty when nothing came in time."""
        ...

    def waiting(self) -> int:
        """Bytes that can be read without waiting."""
        ...

    def write(self, data: bytes, timeout_ms: int) -> int:
        """Bytes taken before the time was over."""
        ...

    def drained(self) -> bool:
        """Whether all that was written has left."""
        ...

    def drain(self) -> None:
        """Wait until all that was written has left."""
        ...

    def send_break(self) -> None:
        """Hold the line low for longer than a character."""
        ...

    def close(self) -> None:
        """Let go of the line."""
        ...


class PinSettings(NamedTuple):
    """``mode`` and ``pull`` are the constants of ``Pin``; -1 leaves what is there."""

    mode: int
    pull: int
    value: bool | None


class PinPort(Protocol):
    """One line of a port. A back end gives the same object for the same id."""

    mode: int
    pull: int

    def configure(self, settings: PinSettings) -> None:
        """Take over ``settings``."""
        ...

    def get(self) -> bool:
        """The level of the wire."""
        ...

    def set(self, value: bool) -> None:
        """Drive the level; on an input it is remembered until the pin becomes an output."""
        ...

    def watch(self, falling: bool, rising: bool, notify: Callable[[bool], None] | None) -> None:
        """Call ``notify(rose)`` at each such edge, on a thread of the back end; None ends it."""
        ...


class ADCPort(Protocol):
    """One analogue input."""

    def read_fraction(self) -> float:
        """0.0 to 1.0 of full scale."""
        ...

    def read_volt(self) -> float:
        """The voltage at the input, by the calibration that the converter has."""
        ...


class WatchdogPort(Protocol):
    """A watchdog that runs."""

    def feed(self) -> None:
        """Put the end off by one time-out."""
        ...


class RTCPort(Protocol):
    """A clock that runs while the power is off."""

    def read_ns(self) -> int:
        """UTC in ns since 1970."""
        ...

    def write_ns(self, now_ns: int) -> None:
        """Set it; raises :class:`OSError` where it cannot be set."""
        ...


class Backend(Protocol):
    """Where wires come from."""

    def i2c(self, wire: WireId, freq_hz: int, timeout_us: int) -> I2CPort:
        """Open a bus."""
        ...

    def spi(self, wire: WireId) -> SPIPort:
        """Open a controller."""
        ...

    def uart(self, wire: WireId, settings: UARTSettings) -> UARTPort:
        """Open a serial line."""
        ...

    def pin(self, wire: WireId) -> PinPort:
        """The line of that id, always the same object."""
        ...

    def adc(self, wire: WireId) -> ADCPort:
        """Open an input."""
        ...

    def watchdog(self, wire: WireId, timeout_ms: int) -> WatchdogPort:
        """Start a watchdog, or set the time-out of one that runs."""
        ...

    def rtc(self, wire: WireId) -> RTCPort:
        """Open a clock."""
        ...
