"""The Atolle sensors: sample frames over UDP, one stream per busbar or field, all on one socket.

A :class:`~flexcore.ports.Source` of blocks on the absolute grid. A stream's sample index drives its time;
the time stamp only fixes the index to UTC (see ``docs/frames.md``). Whatever else arrives on the socket is
counted by reason and dropped.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Iterator
from types import TracebackType

from flexcore.drivers import description
from flexcore.drivers._atolle import REASONS, Receiver
from flexcore.errors import FlexcoreError, FrameError
from flexcore.model import Block
from flexcore.sensors import AtolleSensor
from flexcore.station import Station

#: Half a second of 64 fields' datagrams, at the kernel's own accounting of some 2.3 kB each.
RECEIVE_BUFFER_BYTES = 16 << 20
#: How long datagrams gather in that buffer per wake-up, in parts of a block: a few wake-ups a block instead
#: of thousands a second, and hardly anything of the 30 ms within which an event is to be told.
GATHERS_PER_BLOCK = 5

_SO_MEMINFO = 55
_MEMINFO_FIELDS = 9
_MEMINFO_DROPS = 8
#: Linux' SO_RCVBUFFORCE: beyond net.core.rmem_max, where CAP_NET_ADMIN allows it.
_SO_RCVBUFFORCE = 33

_log = logging.getLogger(__name__)


class SensorPortError(FlexcoreError, OSError):
    """The sensors' UDP port cannot be opened; the message names the key of the station file."""

    code = "sensor_port"


class AtolleSource:
    """Blocks of every element of ``station`` whose sensor is an ``atolle``.

    Used as ``with source as blocks: for block in blocks``, or with :meth:`receive` where the caller has
    more to do while nothing arrives.
    """

    def __init__(self, station: Station) -> None:
        self._elements = tuple(e for e in station.elements if isinstance(e.sensor, AtolleSensor))
        self._settings = station.acquire
        self._block_ns = station.acquire.block_ms * 1_000_000
        self._gather_us = min(station.acquire.block_ms * 1000 // GATHERS_PER_BLOCK, 20_000)
        self._rate_hz = float(station.acquire.rate_hz)
        self._receiver = Receiver(
            [
                (e.sensor.stream, len(e.channels))
                for e in self._elements
                if isinstance(e.sensor, AtolleSensor)
            ],
            station.acquire.rate_hz * station.acquire.block_ms // 1000,
            station.acquire.rate_hz,
            self._describe,
        )
        self._socket: socket.socket | None = None
        self._refusal = ""

    def __enter__(self) -> Iterator[Block]:
        self._socket = _open(self._settings.address, self._settings.port)
        return self._blocks()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def port(self) -> int:
        """The UDP port in use."""
        return 0 if self._socket is None else int(self._socket.getsockname()[1])

    @property
    def refusal(self) -> str:
        """Why the last refused description was refused; empty when none was."""
        return self._refusal

    def filenos(self) -> list[int]:
        """What to wait on."""
        return [] if self._socket is None else [self._socket.fileno()]

    def receive(self, timeout_s: float) -> list[Block]:
        """Wait for datagrams at most ``timeout_s``; the blocks that they completed, per element in order."""
        if self._socket is None:
            return []
        done = self._receiver.receive(self._socket.fileno(), round(timeout_s * 1000.0), self._gather_us)
        return [
            Block(
                source=self._elements[position].id,
                sequence=sequence,
                start_ns=sequence * self._block_ns,
                rate_hz=self._rate_hz,
                channels=self._elements[position].channels,
                samples=samples,
                saturated=spans,
            )
            for position, sequence, samples, spans in done
        ]

    def counters(self) -> dict[str, int]:
        """What happened since the start: frames, blocks, ``samples_lost``, ``dropped_REASON``, ..."""
        return {**self._receiver.counters(), "dropped_kernel": self._kernel_drops()}

    def frames_by_element(self) -> dict[str, int]:
        """Good frames of each element since the start."""
        counts = self._receiver.stream_frames()
        return {e.id: n for e, n in zip(self._elements, counts, strict=True)}

    def saturated_by_element(self) -> dict[str, int]:
        """Good frames of each element since the start in which a sample was saturated."""
        return {e.id: n for e, (n, _) in zip(self._elements, self._receiver.stream_flags(), strict=True)}

    def untimed_by_element(self) -> dict[str, int]:
        """Good frames of each element since the start that were not on UTC, or only in holdover."""
        return {e.id: n for e, (_, n) in zip(self._elements, self._receiver.stream_flags(), strict=True)}

    def _blocks(self) -> Iterator[Block]:
        while self._socket is not None:
            yield from self.receive(0.2)

    def _describe(self, position: int, json: bytes) -> tuple[list[float], list[float]] | None:
        element = self._elements[position]
        try:
            known = description.decode(json, element.channels)
        except FrameError as error:
            self._refusal = f"{element.id}: {error.message}"
            return None
        _log.debug("stream of %s: sensor %r, serial %r", element.id, known.sensor, known.serial)
        return [c.gain for c in known.channels], [c.offset for c in known.channels]

    def _kernel_drops(self) -> int:
        """Datagrams that the kernel dropped because the socket's buffer was full."""
        if self._socket is None:
            return 0
        try:
            raw = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * _MEMINFO_FIELDS)
        except OSError:
            return 0  # before Linux 4.12
        return int(struct.unpack(f"{_MEMINFO_FIELDS}I", raw)[_MEMINFO_DROPS])


def _open(address: str, port: int) -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        try:
            udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        except PermissionError:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        got = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux doubles what it grants
        if got < RECEIVE_BUFFER_BYTES:
            _log.warning(
                "receive buffer: %d bytes, expected %d: raise net.core.rmem_max", got, RECEIVE_BUFFER_BYTES
            )
        udp.bind((address, port))
    except OSError as error:
        udp.close()
        raise SensorPortError(
            f"station.toml: acquire: expected a free UDP port, {address}:{port}: {error.strerror or error}"
        ) from error
    return udp


__all__ = ["REASONS", "AtolleSource", "SensorPortError"]
