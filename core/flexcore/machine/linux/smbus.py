"""SMBus calls of ``/dev/i2c-N``: for adapters that send no free transaction (PC chipsets, the kernel's
i2c-stub).

What fits on the wire is done, byte for byte the same as I2C would send; what does not raises EOPNOTSUPP.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Sequence

from flexcore.machine.linux.faults import board_error
from flexcore.machine.ports import Message

I2C_SLAVE = 0x0703
I2C_SMBUS = 0x0720
READ, WRITE = 1, 0
QUICK, BYTE, BYTE_DATA, WORD_DATA, I2C_BLOCK_DATA = 0, 1, 2, 3, 8
BLOCK_MAX = 32

FUNC_QUICK = 0x0001_0000
FUNC_READ_BYTE = 0x0002_0000
FUNC_WRITE_BYTE = 0x0004_0000
FUNC_READ_BYTE_DATA = 0x0008_0000
FUNC_WRITE_BYTE_DATA = 0x0010_0000
FUNC_READ_WORD_DATA = 0x0020_0000
FUNC_WRITE_WORD_DATA = 0x0040_0000
FUNC_READ_I2C_BLOCK = 0x0400_0000
FUNC_WRITE_I2C_BLOCK = 0x0800_0000

# Write-protect latches and EEPROMs that a quick write could harm are asked by a read, as i2cdetect does.
_ASK_BY_READ = frozenset((*range(0x30, 0x38), *range(0x50, 0x60)))


class _Data(ctypes.Union):
    _fields_ = (
        ("byte", ctypes.c_uint8),
        ("word", ctypes.c_uint16),
        ("block", ctypes.c_uint8 * (BLOCK_MAX + 2)),
    )


class _Call(ctypes.Structure):
    _fields_ = (
        ("read_write", ctypes.c_uint8),
        ("command", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("data", ctypes.POINTER(_Data)),
    )


def _call(fd: int, name: str, address: int, way: int, command: int, size: int, data: _Data | None) -> None:
    pointer = ctypes.pointer(data) if data is not None else None
    try:
        fcntl.ioctl(fd, I2C_SLAVE, address)
        fcntl.ioctl(fd, I2C_SMBUS, _Call(way, command, size, pointer))
    except OSError as error:
        raise board_error(error, f"{name} 0x{address:02x}") from None


def probe(fd: int, name: str, address: int, functions: int) -> bool:
    """Whether ``address`` acknowledges. One that a kernel driver holds (EBUSY) is there."""
    by_read = functions & FUNC_READ_BYTE and (address in _ASK_BY_READ or not functions & FUNC_QUICK)
    try:
        if by_read:
            _call(fd, name, address, READ, 0, BYTE, _Data())
        else:
            _call(fd, name, address, WRITE, 0, QUICK, None)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return True
        # PC chipsets answer a failed probe with EIO or ENXIO alike.
        if error.errno in {errno.ENODEV, errno.EIO}:
            return False
        raise
    return True


class SmbusAdapter:
    """An adapter that speaks SMBus alone."""

    def __init__(self, fd: int, name: str, functions: int) -> None:
        self._fd = fd
        self._name = name
        self._functions = functions

    def transfer(self, messages: Sequence[Message]) -> int:
        """A write, a read, or a register's address and a read, where SMBus has that; else EOPNOTSUPP."""
        if len(messages) == 1 and not messages[0].read:
            return self._write(messages[0])
        if len(messages) == 1:
            return self._read_plain(messages[0])
        if len(messages) == 2 and not messages[0].read and messages[1].read:
            return self._read_register(messages[0], messages[1])
        raise self._cannot("a transaction of more parts")

    def probe(self, address: int) -> bool:
        """Whether ``address`` acknowledges."""
        return probe(self._fd, self._name, address, self._functions)

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _cannot(self, what: str) -> OSError:
        return OSError(errno.EOPNOTSUPP, f"{self._name}: {what} is not SMBus, and this adapter has no more")

    def _need(self, function: int, what: str) -> None:
        if not self._functions & function:
            raise self._cannot(what)

    def _write(self, message: Message) -> int:
        sent, address = bytes(message.data), message.address
        data = _Data()
        if not sent:
            self._need(FUNC_QUICK, "an empty write")
            _call(self._fd, self._name, address, WRITE, 0, QUICK, None)
            return 0
        command, rest = sent[0], sent[1:]
        if not rest:
            self._need(FUNC_WRITE_BYTE, "a write of 1 byte")
            _call(self._fd, self._name, address, WRITE, command, BYTE, None)
        elif len(rest) == 1:
            self._need(FUNC_WRITE_BYTE_DATA, "a write of 2 bytes")
            data.byte = rest[0]
            _call(self._fd, self._name, address, WRITE, command, BYTE_DATA, data)
        elif len(rest) == 2 and self._functions & FUNC_WRITE_WORD_DATA:
            data.word = int.from_bytes(rest, "little")  # SMBus sends the low byte first
            _call(self._fd, self._name, address, WRITE, command, WORD_DATA, data)
        elif len(rest) <= BLOCK_MAX:
            self._need(FUNC_WRITE_I2C_BLOCK, f"a write of {len(sent)} bytes")
            data.block[0] = len(rest)
            data.block[1 : 1 + len(rest)] = list(rest)
            _call(self._fd, self._name, address, WRITE, command, I2C_BLOCK_DATA, data)
        else:
            raise self._cannot(f"a write of {len(sent)} bytes")
        return len(sent)

    def _read_plain(self, message: Message) -> int:
        if len(message.data) != 1:
            raise self._cannot(f"a plain read of {len(message.data)} bytes")
        self._need(FUNC_READ_BYTE, "a plain read")
        data = _Data()
        _call(self._fd, self._name, message.address, READ, 0, BYTE, data)
        message.data[0] = data.byte
        return 0

    def _read_register(self, pointer: Message, into: Message) -> int:
        size = len(into.data)
        if len(pointer.data) != 1 or pointer.address != into.address or not 1 <= size <= BLOCK_MAX:
            raise self._cannot(f"a read of {size} bytes after {len(pointer.data)}")
        data, command = _Data(), pointer.data[0]
        if size == 1:
            self._need(FUNC_READ_BYTE_DATA, "a read of 1 byte")
            _call(self._fd, self._name, into.address, READ, command, BYTE_DATA, data)
            into.data[0] = data.byte
        elif size == 2 and self._functions & FUNC_READ_WORD_DATA:
            _call(self._fd, self._name, into.address, READ, command, WORD_DATA, data)
            into.data[:] = int(data.word).to_bytes(2, "little")
        else:
            self._need(FUNC_READ_I2C_BLOCK, f"a read of {size} bytes")
            data.block[0] = size
            _call(self._fd, self._name, into.address, READ, command, I2C_BLOCK_DATA, data)
            if data.block[0] != size:
                raise OSError(errno.EIO, f"{self._name}: {data.block[0]} bytes came, expected {size}")
            into.data[:] = bytes(data.block[1 : 1 + size])
        return 1
