"""How datagrams leave the virtual station: from a UDP socket, an Ethernet port, or on an emulated cable.

What nobody takes is lost, as on a real wire; the station is never held up.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from pathlib import Path
from typing import Protocol

from flexcore.errors import SettingsError

Datagram = bytes | memoryview


class Transport(Protocol):
    """Takes datagrams."""

    def send(self, datagram: Datagram) -> bool:
        """Whether it goes out, by the next :meth:`flush` at the latest."""
        ...

    def flush(self) -> None:
        """That is all for the moment."""
        ...

    def close(self) -> None:
        """No more will be sent."""
        ...


class Udp:
    """To a host's port.

    Raises:
        SettingsError: ``target`` is no address.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect(target)
        except OSError as error:
            self._socket.close()
            host, port = target
            raise SettingsError(
                f"--target: expected an address, got {host}:{port}: {error.strerror}"
            ) from error

    def send(self, datagram: Datagram) -> bool:
        """Whether it went out: not where nobody listens (yet), or the kernel has no buffers."""
        try:
            self._socket.send(datagram)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


#: Sensors have addresses of their own making (RFC 3927) and send to whoever is on their cable.
SENSORS_IP, ANYBODY_IP = "169.254.80.80", "255.255.255.255"
_SENSORS_MAC, _ANYBODY_MAC = bytes.fromhex("02464c455843"), b"\xff" * 6
_ETHERTYPE_IPV4, _UDP, _TTL = 0x0800, 17, 64
_IP_BYTES, _UDP_BYTES = 20, 8


def _sum(header: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(length: int, port: int) -> bytes:
    """What stands before a datagram of ``length`` bytes in its frame; a UDP checksum of 0 is none."""
    size = _UDP_BYTES + length
    addresses = socket.inet_aton(SENSORS_IP) + socket.inet_aton(ANYBODY_IP)
    fields = (0x45, 0, _IP_BYTES + size, 0, 0x4000, _TTL, _UDP)
    checksum = _sum(struct.pack("!BBHHHBBH", *fields, 0) + addresses)
    return (
        _ANYBODY_MAC
        + _SENSORS_MAC
        + struct.pack("!H", _ETHERTYPE_IPV4)
        + struct.pack("!BBHHHBBH", *fields, checksum)
        + addresses
        + struct.pack("!HHHH", port, port, size, 0)
    )


class Cable:
    """Broadcasts on the Ethernet cable of an emulated box: frames over a stream, each after its length, as
    QEMU's ``-netdev stream`` has them.

    A stream holds what the emulator cannot take at once, where a UDP socket's small buffer would drop it: an
    emulator that computes for a tenth of a second is no loss on the wire. What is more than ``BEHIND_BYTES``
    late is.
    """

    BEHIND_BYTES = 8 << 20
    RETRY_S = 0.5

    def __init__(self, path: Path, port: int) -> None:
        self._path, self._port = path, port
        self._socket: socket.socket | None = None
        self._tried_s = -self.RETRY_S
        self._waiting = bytearray()
        self._heads: dict[int, bytes] = {}

    def send(self, datagram: Datagram) -> bool:
        """Whether it will go out: not where nobody has plugged in the other end, or too much waits."""
        if (self._socket is None and not self._plug()) or len(self._waiting) > self.BEHIND_BYTES:
            return False
        self._waiting += self._head(len(datagram))
        self._waiting += datagram
        return True

    def send_frame(self, frame: Datagram) -> bool:
        """The same for a whole Ethernet frame."""
        if (self._socket is None and not self._plug()) or len(self._waiting) > self.BEHIND_BYTES:
            return False
        self._waiting += struct.pack("!I", len(frame))
        self._waiting += frame
        return True

    def flush(self) -> None:
        """Pass on what the emulator takes now."""
        if self._socket is None:
            return
        try:
            with contextlib.suppress(BlockingIOError):
                # What the box says on this cable (it asks for an address) is heard and left alone.
                while self._socket.recv(65536):
                    pass
            with contextlib.suppress(BlockingIOError):
                while self._waiting:
                    del self._waiting[: self._socket.send(self._waiting)]
        except OSError:
            self.close()  # the emulator is gone

    def close(self) -> None:
        """Pull it out."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._waiting.clear()

    def _head(self, length: int) -> bytes:
        head = self._heads.get(length)
        if head is None:
            frame = ethernet(length, self._port)
            head = self._heads[length] = struct.pack("!I", len(frame) + length) + frame
        return head

    def _plug(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._tried_s < self.RETRY_S:
            return False
        self._tried_s = now_s
        plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            plug.connect(str(self._path))
        except OSError:
            plug.close()
            return False
        plug.setblocking(False)
        self._socket = plug
        return True


class CableFrames:
    """Takes Ethernet frames as they are, to the same cable."""

    def __init__(self, cable: Cable) -> None:
        self._cable = cable

    def send(self, datagram: Datagram) -> bool:
        """Whether it will go out."""
        return self._cable.send_frame(datagram)

    def flush(self) -> None:
        """Pass on what the emulator takes now."""
        self._cable.flush()

    def close(self) -> None:
        """Pull it out."""
        self._cable.close()


class EthernetPort:
    """Sends Ethernet frames as they are from an interface of this machine (packet(7)).

    Raises:
        SettingsError: there is no such interface, or it may not be used.
    """

    def __init__(self, interface: str) -> None:
        try:
            # protocol 0: nothing is received
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((interface, 0))
        except OSError as error:
            raise SettingsError(
                f"--interface: expected an Ethernet port, {interface}: {error.strerror or error}"
            ) from error

    def send(self, datagram: Datagram) -> bool:
        """Whether it went out: not where the link is down or the kernel has no buffers."""
        try:
            self._socket.send(datagram)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
