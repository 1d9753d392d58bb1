"""The air between simulated modems: range, loss, collisions and time on air; each modem on a pseudo-terminal.

A program opens a modem's terminal as it would open a USB modem. One thread serves them all. Physics:
log-distance path loss from 1 m of free space; a packet is heard by who listens on its channel from its
beginning to its end, above the sensitivity of its spreading factor, not sending itself; of two that overlap
the stronger survives by 6 dB (same spreading factor) or as long as it is no more than 16 dB weaker (another
one). Losses besides come from a seeded generator, so that the same packets in the same order fare alike.
"""

from __future__ import annotations

import math
import os
import random
import select
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from flexcore.lora.airtime import Modulation, airtime_ns
from flexcore.lora.bands import HOUR_NS
from flexcore.simulator.modems.radio import Channel, Firmware, Heard, Radio

NOISE_FIGURE_DB = 6.0
LEAST_SNR_DB = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}
CAPTURE_DB, OTHER_FACTOR_DB = 6.0, -16.0
MOST_LINE_BYTES = 600
MOST_WAITING_BYTES = 65_536


@dataclass(eq=False, slots=True)
class _Packet:
    sender: Station
    channel: Channel
    data: bytes
    start_ns: int
    end_ns: int
    ended: bool = False


@dataclass(eq=False, slots=True)
class Station:
    """A modem at a place. ``path`` is its serial line; it is the modem's ``Radio``."""

    air: Air
    path: str
    master: int
    slave: int
    x_m: float
    y_m: float
    firmware: Firmware = field(init=False)
    silent: bool = False
    listening: Channel | None = None
    since_ns: int = 0
    sending: bool = False
    came: bytearray = field(default_factory=bytearray)
    going: bytearray = field(default_factory=bytearray)
    log: deque[tuple[int, int]] = field(default_factory=deque)

    def send(self, channel: Channel, data: bytes) -> None:
        """Put ``data`` on air."""
        self.air._begin(self, channel, data)

    def receive(self, channel: Channel | None) -> None:
        """Listen from now on, or stop."""
        self.listening, self.since_ns = channel, time.monotonic_ns()

    def say(self, line: str) -> None:
        """A line to the computer; dropped where nobody reads for long."""
        self.noise(line.encode() + b"\r\n")

    def noise(self, data: bytes) -> None:
        """Any bytes to the computer, as a bad cable makes them; a silent modem says nothing."""
        if not self.silent and len(self.going) + len(data) <= MOST_WAITING_BYTES:
            self.going += data

    def used_s(self, window_s: float = HOUR_NS / 1e9) -> float:
        """Time on air of this modem within the last ``window_s``: what the duty cycle is about."""
        since_ns = time.monotonic_ns() - int(window_s * 1e9)
        return sum(max(0, end - max(start, since_ns)) for start, end in self.log) / 1e9


class Air:
    """A context manager; modems are placed while it runs or before."""

    def __init__(self, seed: int = 0, loss: float = 0.0, exponent: float = 2.9) -> None:
        self.loss = loss
        self.exponent = exponent
        self.lock = threading.RLock()
        self._random = random.Random(seed)  # noqa: S311  # a simulation
        self._stations: list[Station] = []
        self._packets: list[_Packet] = []
        self._wake_read, self._wake_write = os.pipe()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="air", daemon=True)

    def __enter__(self) -> Air:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self.wake()
        self._thread.join()
        for station in self._stations:
            os.close(station.master)
            os.close(station.slave)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def place(self, firmware: Callable[[Radio], Firmware], x_m: float = 0.0, y_m: float = 0.0) -> Station:
        """A new modem at that place, on a pseudo-terminal of its own (``path``)."""
        master, slave = os.openpty()
        tty.setraw(slave)  # held open: a terminal that nobody holds would report its end
        os.set_blocking(master, False)
        station = Station(self, os.ttyname(slave), master, slave, x_m, y_m)
        with self.lock:
            station.firmware = firmware(station)
            self._stations.append(station)
        self.wake()
        return station

    def wake(self) -> None:
        """Let the thread look at what was changed from outside."""
        os.write(self._wake_write, b"\0")

    def rssi_dbm(self, sender: Station, receiver: Station, channel: Channel) -> float:
        """Received power."""
        distance_m = max(1.0, math.hypot(sender.x_m - receiver.x_m, sender.y_m - receiver.y_m))
        first_m_db = 20 * math.log10(channel.frequency_hz) - 147.55
        return channel.power_dbm - first_m_db - 10 * self.exponent * math.log10(distance_m)

    def _begin(self, station: Station, channel: Channel, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        span_ns = airtime_ns(Modulation(channel.spreading_factor, channel.bandwidth_hz), len(data))
        station.sending = True
        station.log.append((now_ns, now_ns + span_ns))
        while station.log[0][1] < now_ns - HOUR_NS:
            station.log.popleft()
        self._packets.append(_Packet(station, channel, data, now_ns, now_ns + span_ns))

    def _end(self, packet: _Packet) -> None:
        packet.sender.sending = False
        packet.sender.firmware.sent()
        for station in self._stations:
            if station is packet.sender or station.silent:
                continue
            heard = self._reception(packet, station)
            if heard is not None:
                station.firmware.heard(heard)

    def _reception(self, packet: _Packet, station: Station) -> Heard | None:
        tuned = station.listening
        if tuned is None or station.since_ns > packet.start_ns or _tuning(tuned) != _tuning(packet.channel):
            return None
        rssi_dbm = self.rssi_dbm(packet.sender, station, packet.channel)
        snr_db = rssi_dbm - (-174 + NOISE_FIGURE_DB + 10 * math.log10(packet.channel.bandwidth_hz))
        if snr_db < LEAST_SNR_DB[packet.channel.spreading_factor]:
            return None
        for other in self._packets:
            apart_hz = abs(other.channel.frequency_hz - packet.channel.frequency_hz)
            if (
                other is packet
                or other.sender is station
                or other.end_ns <= packet.start_ns
                or other.start_ns >= packet.end_ns
                or apart_hz >= (other.channel.bandwidth_hz + packet.channel.bandwidth_hz) / 2
            ):
                continue
            alike = other.channel.spreading_factor == packet.channel.spreading_factor
            needed_db = CAPTURE_DB if alike else OTHER_FACTOR_DB
            if rssi_dbm - self.rssi_dbm(other.sender, station, other.channel) < needed_db:
                return None
        if self._random.random() < self.loss:
            return None
        # A receiver's scale of the ratio ends there: louder is not told.
        return Heard(packet.data, round(rssi_dbm), round(min(snr_db, 10.0)))

    def _run(self) -> None:
        while not self._stop:
            with self.lock:
                timeout_ms = self._due()
                poll = select.poll()
                poll.register(self._wake_read, select.POLLIN)
                by_fd = {station.master: station for station in self._stations}
                for station in self._stations:
                    poll.register(station.master, select.POLLIN | (select.POLLOUT if station.going else 0))
            ready = poll.poll(timeout_ms)
            with self.lock:
                for fd, events in ready:
                    if fd == self._wake_read:
                        os.read(fd, 4096)
                    elif fd in by_fd:
                        self._serve(by_fd[fd], events)

    def _due(self) -> float | None:
        """End what has ended; ms until the next end, None when the air is quiet."""
        now_ns = time.monotonic_ns()
        over = [packet for packet in self._packets if packet.end_ns <= now_ns and not packet.ended]
        for packet in sorted(over, key=lambda packet: packet.end_ns):
            packet.ended = True
            self._end(packet)
        ends = [packet.end_ns for packet in self._packets if packet.end_ns > now_ns]
        # An ended packet still disturbs those that began before its end.
        first_ns = min(
            (packet.start_ns for packet in self._packets if packet.end_ns > now_ns), default=now_ns
        )
        self._packets = [packet for packet in self._packets if packet.end_ns > first_ns]
        return max(0.0, (min(ends) - now_ns) / 1e6) if ends else None

    def _serve(self, station: Station, events: int) -> None:
        try:
            if events & select.POLLOUT and station.going:
                del station.going[: os.write(station.master, station.going)]
            if events & select.POLLIN:
                self._take(station, os.read(station.master, 4096))
        except BlockingIOError:
            return

    def _take(self, station: Station, data: bytes) -> None:
        station.came += data
        *lines, rest = bytes(station.came).replace(b"\r", b"\n").split(b"\n")
        station.came = bytearray(rest[-MOST_LINE_BYTES:])
        for line in lines:
            if line and not station.silent:
                station.firmware.command(line[-MOST_LINE_BYTES:])


def _tuning(channel: Channel) -> tuple[int, int, int, int]:
    return channel.frequency_hz, channel.spreading_factor, channel.bandwidth_hz, channel.sync_word
