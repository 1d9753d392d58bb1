"""``machine.I2C``: a controller of a bus."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any, TypeAlias

from flexcore.machine.backend import backend as chosen
from flexcore.machine.ports import Backend, I2CPort, Message, WireId

ReadBuffer: TypeAlias = bytes | bytearray | memoryview
WriteBuffer: TypeAlias = bytearray | memoryview

# The kernel takes so many parts of so many bytes in one transaction (linux/i2c-dev.h, drivers/i2c/i2c-dev.c).
MOST_PARTS = 42
MOST_BYTES = 8192


class I2C:
    """A bus; every failure is an :class:`OSError`.

    ``id`` is the number or path of the adapter. Pins belong to the device tree on Linux: ``scl`` and ``sda``
    raise :class:`ValueError`. ``freq`` is a wish, as the documentation allows. A write with ``stop=False`` is
    held and sent with the next operation in one transaction, which is how Linux makes a repeated start; an
    error of it shows there.
    """

    def __init__(
        self,
        id: WireId,
        /,
        *,
        scl: Any = None,
        sda: Any = None,
        freq: int = 400_000,
        timeout: int = 50_000,
        backend: Backend | None = None,
    ) -> None:
        self._id = id
        self._timeout_us = timeout
        self._backend = chosen(backend)
        self._held: list[Message] = []
        self._port: I2CPort | None = None
        self.init(scl=scl, sda=sda, freq=freq)

    def __repr__(self) -> str:
        return f"I2C({self._id!r})"

    def init(self, *, scl: Any = None, sda: Any = None, freq: int = 400_000) -> None:
        """Open the bus again."""
        if scl is not None or sda is not None:
            raise ValueError("I2C: scl and sda are not chosen here: expected the pins of the adapter")
        self.deinit()
        self._port = self._backend.i2c(self._id, freq, self._timeout_us)

    def deinit(self) -> None:
        """Let go of the bus."""
        self._held.clear()
        if self._port is not None:
            self._port.close()
            self._port = None

    def scan(self) -> list[int]:
        """Addresses from 0x08 to 0x77 that acknowledge."""
        port = self._open()
        return [address for address in range(0x08, 0x78) if port.probe(address)]

    def start(self) -> None:
        """Raises :class:`OSError`: primitives exist on SoftI2C alone, as the documentation says."""
        raise OSError(errno.EOPNOTSUPP, "I2C operation not supported")

    def stop(self) -> None:
        """Raises :class:`OSError`, as :meth:`start`."""
        self.start()

    def readinto(self, buf: WriteBuffer, nack: bool = True, /) -> None:
        """Raises :class:`OSError`, as :meth:`start`."""
        self.start()

    def write(self, buf: ReadBuffer, /) -> int:
        """Raises :class:`OSError`, as :meth:`start`."""
        self.start()
        return 0

    def readfrom(self, addr: int, nbytes: int, stop: bool = True, /) -> bytes:
        """``nbytes`` from the chip at ``addr``."""
        data = bytearray(_within(nbytes))
        self._transfer(Message(_seven(addr), True, data), stop=True)
        return bytes(data)

    def readfrom_into(self, addr: int, buf: WriteBuffer, stop: bool = True, /) -> None:
        """Fill ``buf`` from the chip at ``addr``."""
        buf[:] = self.readfrom(addr, len(buf), stop)

    def writeto(self, addr: int, buf: ReadBuffer, stop: bool = True, /) -> int:
        """Send ``buf``; the number of bytes acknowledged."""
        return self._transfer(Message(_seven(addr), False, bytearray(buf)), stop)

    def writevto(self, addr: int, vector: Sequence[ReadBuffer], stop: bool = True, /) -> int:
        """Send the parts of ``vector`` as one; the number of bytes acknowledged."""
        return self.writeto(addr, b"".join(bytes(part) for part in vector), stop)

    def readfrom_mem(self, addr: int, memaddr: int, nbytes: int, /, *, addrsize: int = 8) -> bytes:
        """``nbytes`` from register ``memaddr`` on, by a repeated start after its address."""
        data = bytearray(_within(nbytes))
        pointer = Message(_seven(addr), False, _register(memaddr, addrsize))
        self._transfer(pointer, stop=False)
        self._transfer(Message(addr, True, data), stop=True)
        return bytes(data)

    def readfrom_mem_into(self, addr: int, memaddr: int, buf: WriteBuffer, /, *, addrsize: int = 8) -> None:
        """Fill ``buf`` from register ``memaddr`` on."""
        buf[:] = self.readfrom_mem(addr, memaddr, len(buf), addrsize=addrsize)

    def writeto_mem(self, addr: int, memaddr: int, buf: ReadBuffer, /, *, addrsize: int = 8) -> None:
        """Write ``buf`` from register ``memaddr`` on; raises :class:`OSError` where a byte is not taken."""
        data = _register(memaddr, addrsize) + buf
        if self.writeto(addr, data) != len(data):
            raise OSError(errno.EIO, f"I2C 0x{addr:02x}: expected each byte acknowledged")

    def _open(self) -> I2CPort:
        if self._port is None:
            raise OSError(errno.ENODEV, "I2C: expected an open bus, it was closed by deinit()")
        return self._port

    def _transfer(self, message: Message, stop: bool) -> int:
        port = self._open()
        _within(len(message.data))
        self._held.append(message)
        if not stop:
            if len(self._held) >= MOST_PARTS:
                self._held.clear()
                raise OSError(errno.EINVAL, f"I2C: expected a stop within {MOST_PARTS} parts")
            return len(message.data)
        parts, self._held = self._held, []
        acknowledged = port.transfer(parts)
        earlier = sum(len(part.data) for part in parts[:-1] if not part.read)
        return max(0, acknowledged - earlier)


def _seven(address: int) -> int:
    if not 0 <= address <= 0x7F:
        raise ValueError(f"I2C address {address}: expected 7 bits")
    return address


def _within(size: int) -> int:
    if not 0 <= size <= MOST_BYTES:
        raise ValueError(f"I2C: {size} bytes, expected 0 to {MOST_BYTES}")
    return size


def _register(address: int, bits: int) -> bytearray:
    if bits not in {0, 8, 16, 24, 32} or not 0 <= address < (1 << max(bits, 1)):
        raise ValueError(
            f"I2C register {address} of {bits} bits: expected it to fit in 0, 8, 16, 24 or 32 bits"
        )
    return bytearray(address.to_bytes(bits // 8, "big"))
