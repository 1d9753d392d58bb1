"""The simulated back end of ``machine``: wires with simulated chips, contacts and serial peers on them.

A program builds one, hangs things on it and gives it to ``machine.use`` (or starts with an empty one by the
name ``simulated``). What was not put there is missing, as on a real box: opening it raises ENODEV.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flexcore.machine.linux.serial import SerialLine
from flexcore.machine.ports import (
    ADCPort,
    I2CPort,
    PinPort,
    PinSettings,
    RTCPort,
    SPIPort,
    SPISettings,
    UARTPort,
    UARTSettings,
    WatchdogPort,
    WireId,
)
from flexcore.simulator.chips.bus import Bus

# What a serial line holds for a program that does not read.
MOST_WAITING_BYTES = 65_536

T = TypeVar("T")
Peer = Callable[[bytes], bytes]


class SimulatedBackend:
    """Wires by id. ``spi`` maps an id to a function from bytes out to bytes in; ``uarts`` to a terminal's
    path.

    ``uarts`` may also hold a :class:`SimulatedLine` with a Python peer. ``adcs`` are volts of
    ``full_scale_v``.
    """

    def __init__(self, full_scale_v: float = 3.3) -> None:
        self.buses: dict[WireId, Bus] = {}
        self.spis: dict[WireId, Peer] = {}
        self.uarts: dict[WireId, str | SimulatedLine] = {}
        self.pins: dict[WireId, SimulatedPin] = {}
        self.adcs: dict[WireId, float] = {}
        self.watchdogs: dict[WireId, SimulatedWatchdog] = {}
        self.full_scale_v = full_scale_v
        self.rtc_offset_ns = 0

    def i2c(self, wire: WireId, freq_hz: int, timeout_us: int) -> I2CPort:
        """The bus."""
        return _found(self.buses, wire, "bus")

    def spi(self, wire: WireId) -> SPIPort:
        """The controller."""
        return _SimulatedSpi(_found(self.spis, wire, "SPI controller"))

    def uart(self, wire: WireId, settings: UARTSettings) -> UARTPort:
        """The peer, or the terminal by pyserial as on a real box."""
        line = _found(self.uarts, wire, "serial line")
        if isinstance(line, SimulatedLine):
            line.configure(settings)
            return line
        return SerialLine(Path(line), settings)

    def pin(self, wire: WireId) -> PinPort:
        """The pin; asking for one makes it."""
        return self.pins.setdefault(wire, SimulatedPin())

    def adc(self, wire: WireId) -> ADCPort:
        """The input."""
        _found(self.adcs, wire, "analogue input")
        return _SimulatedAdc(self, wire)

    def watchdog(self, wire: WireId, timeout_ms: int) -> WatchdogPort:
        """The watchdog, started."""
        watchdog = self.watchdogs.setdefault(wire, SimulatedWatchdog(timeout_ms))
        watchdog.timeout_ms = timeout_ms
        watchdog.feed()
        return watchdog

    def rtc(self, wire: WireId) -> RTCPort:
        """A clock that is ``rtc_offset_ns`` ahead of the system's."""
        return _SimulatedRtc(self)


class SimulatedPin:
    """A pin. ``drive`` is what the world outside does to it; None leaves it to the pulls."""

    def __init__(self) -> None:
        self.mode = -1
        self.pull = -1
        self._latch = False
        self._outside: bool | None = None
        self._notify: Callable[[bool], None] | None = None
        self._edges = (False, False)
        self._before = False

    def configure(self, settings: PinSettings) -> None:
        """Take over ``settings``."""
        if settings.mode != -1:
            self.mode = settings.mode
        if settings.pull != -1:
            self.pull = settings.pull
        if settings.value is not None:
            self._latch = settings.value
        self._look()

    def get(self) -> bool:
        """The level of the wire: an output wins, an open drain pulls low, then outside, then the pulls."""
        if self.mode == 1:
            return self._latch
        if self.mode == 2 and not self._latch:
            return False
        return self._outside if self._outside is not None else self.pull == 1

    def set(self, value: bool) -> None:
        """Drive or remember."""
        self._latch = value
        self._look()

    def drive(self, value: bool | None) -> None:
        """The world outside changes the wire; edges are told before this returns."""
        self._outside = value
        self._look()

    def watch(self, falling: bool, rising: bool, notify: Callable[[bool], None] | None) -> None:
        """See :class:`flexcore.machine.ports.PinPort`; called on the thread that changed the wire."""
        self._edges, self._notify = (falling, rising), notify

    def _look(self) -> None:
        before, self._before = self._before, self.get()
        if before != self._before and self._notify is not None and self._edges[self._before]:
            self._notify(self._before)


class SimulatedLine:
    """A serial line with a Python peer: what is written goes to ``peer``, what that returns comes back."""

    def __init__(self, peer: Peer) -> None:
        self.settings: UARTSettings | None = None
        self.breaks = 0
        self.stuck = False
        self._peer = peer
        self._came = bytearray()
        self._news = threading.Condition()

    def feed(self, data: bytes) -> None:
        """The peer speaks by itself; what nobody reads is lost."""
        with self._news:
            self._came += data[: MOST_WAITING_BYTES - len(self._came)]
            self._news.notify_all()

    def configure(self, settings: UARTSettings) -> None:
        """Remembered, for a peer that cares."""
        self.settings = settings

    def read(self, most: int, timeout_ms: int) -> bytes:
        """What came, or came in time."""
        with self._news:
            self._news.wait_for(lambda: self._came, timeout_ms / 1_000)
            data = bytes(self._came[:most])
            del self._came[:most]
            return data

    def waiting(self) -> int:
        """Bytes that came."""
        return len(self._came)

    def write(self, data: bytes, timeout_ms: int) -> int:
        """To the peer, at once; a stuck line takes nothing."""
        if self.stuck:
            time.sleep(timeout_ms / 1_000)
            return 0
        self.feed(self._peer(data))
        return len(data)

    def drained(self) -> bool:
        """Always: nothing waits here."""
        return True

    def drain(self) -> None:
        """Nothing waits here."""

    def send_break(self) -> None:
        """Counted."""
        self.breaks += 1

    def close(self) -> None:
        """What came and was not read is lost, as it is when a terminal is closed."""
        with self._news:
            self._came.clear()


@dataclass
class SimulatedWatchdog:
    """``expired`` tells whether the box would have been reset."""

    timeout_ms: int
    fed_ns: int = 0

    def feed(self) -> None:
        """Put it off, if it is not too late."""
        if self.fed_ns == 0 or not self.expired():
            self.fed_ns = time.monotonic_ns()

    def expired(self) -> bool:
        """Whether the last feed is longer ago than the time-out."""
        return time.monotonic_ns() - self.fed_ns > self.timeout_ms * 1_000_000


@dataclass
class _SimulatedSpi:
    chip: Peer
    settings: SPISettings | None = None

    def configure(self, settings: SPISettings) -> None:
        self.settings = settings

    def transfer(self, write: bytes) -> bytes:
        back = self.chip(write)
        if len(back) != len(write):
            raise OSError(errno.EIO, f"the chip clocked {len(back)} bytes, expected {len(write)}")
        return back

    def close(self) -> None:
        pass


@dataclass
class _SimulatedAdc:
    backend: SimulatedBackend
    wire: WireId

    def read_fraction(self) -> float:
        return self.read_volt() / self.backend.full_scale_v

    def read_volt(self) -> float:
        return min(self.backend.full_scale_v, max(0.0, self.backend.adcs[self.wire]))


@dataclass
class _SimulatedRtc:
    backend: SimulatedBackend

    def read_ns(self) -> int:
        return time.time_ns() + self.backend.rtc_offset_ns

    def write_ns(self, now_ns: int) -> None:
        self.backend.rtc_offset_ns = now_ns - time.time_ns()


def _found(wires: dict[WireId, T], wire: WireId, what: str) -> T:
    try:
        return wires[wire]
    except KeyError:
        raise OSError(errno.ENODEV, f"no {what} {wire!r} was put on the simulated box") from None
