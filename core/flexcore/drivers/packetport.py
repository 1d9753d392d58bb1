"""An Ethernet port from which frames of one kind are taken as they are (packet(7))."""

from __future__ import annotations

import errno
import logging
import socket
import struct
import time
from collections.abc import Collection

from flexcore.errors import FlexcoreError

#: Half a second of six streams at 4800 frames a second, at the kernel's own accounting of some 1 kB each.
RECEIVE_BUFFER_BYTES = 16 << 20
RETRY_S = 1.0

_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _STATISTICS = 1, 6
_MULTICAST, _ALL_MULTICASTS = 0, 2
_GONE = (errno.ENETDOWN, errno.ENXIO, errno.ENODEV)

_log = logging.getLogger(__name__)


class PacketPortError(FlexcoreError, OSError):
    """The Ethernet port cannot be opened; the message names the key of the station file."""

    code = "packet_port"


class PacketPort:
    """Frames of ``ethertype`` on ``interface``, for the multicast ``groups``, or for all where one is None.

    The kernel hands over nothing but that kind, with the time of arrival. A port whose interface goes away
    is opened again when it is back.
    """

    def __init__(self, interface: str, ethertype: int, groups: Collection[bytes | None]) -> None:
        self.interface = interface
        self._ethertype = ethertype
        self._groups = frozenset(groups)
        self._socket: socket.socket | None = None
        self._tried_s = 0.0
        self._dropped = 0
        #: How often the interface went away.
        self.gone = 0

    def open(self) -> None:
        """Open it; raises :class:`PacketPortError` where there is none such, or it may not be used."""
        self._tried_s = time.monotonic()
        raw = None
        try:
            index = socket.if_nametoindex(self.interface)
            # without a protocol nothing comes in before the socket stands on its interface
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
            self._enlarge(raw)
            raw.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            for group in self._groups:
                kind = _ALL_MULTICASTS if group is None else _MULTICAST
                address = group or b""
                request = struct.pack("iHH8s", index, kind, len(address), address)
                raw.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)
            raw.bind((self.interface, self._ethertype))
        except OSError as error:
            if raw is not None:
                raw.close()
            raise PacketPortError(
                f"station.toml: sensor.interface: expected an Ethernet port, {self.interface}: "
                f"{error.strerror or error}"
            ) from error
        self._socket = raw

    def close(self) -> None:
        """Close it."""
        if self._socket is not None:
            self._count()
            self._socket.close()
            self._socket = None

    @property
    def fd(self) -> int | None:
        """The open socket; where the interface went away it is looked for now and then."""
        if self._socket is None and time.monotonic() - self._tried_s >= RETRY_S:
            try:
                self.open()
            except PacketPortError as error:
                _log.debug("%s", error)
        return None if self._socket is None else self._socket.fileno()

    def lost(self, error: OSError) -> None:
        """Receiving failed: raises ``error`` again, unless it says that the interface is gone."""
        if error.errno not in _GONE:
            raise error
        _log.warning("%s: the interface is down", self.interface)
        self.gone += 1
        self.close()
        self._tried_s = time.monotonic()

    def dropped(self) -> int:
        """Frames since the start that the kernel dropped because the socket's buffer was full."""
        self._count()
        return self._dropped

    def _count(self) -> None:
        if self._socket is not None:  # the kernel counts from the last question on
            _, drops = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
            self._dropped += drops

    def _enlarge(self, raw: socket.socket) -> None:
        try:
            raw.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        except PermissionError:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
