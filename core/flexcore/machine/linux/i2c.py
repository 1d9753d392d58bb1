"""I2C over ``/dev/i2c-N`` (linux/i2c-dev.h): whole transactions by I2C_RDWR, or SMBus where that is all there
is.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from flexcore.machine.linux import smbus
from flexcore.machine.linux.faults import board_error
from flexcore.machine.ports import I2CPort, Message

I2C_TIMEOUT = 0x0702
I2C_FUNCS = 0x0705
I2C_RDWR = 0x0707
I2C_M_RD = 0x0001
FUNC_I2C = 0x0000_0001


class _Msg(ctypes.Structure):
    _fields_ = (
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.POINTER(ctypes.c_uint8)),
    )


class _Rdwr(ctypes.Structure):
    _fields_ = (("msgs", ctypes.POINTER(_Msg)), ("nmsgs", ctypes.c_uint32))


def open_adapter(path: Path, timeout_us: int) -> I2CPort:
    """The bus behind ``path``; raises :class:`OSError` where it cannot be opened or does not
    say what it can.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        functions = ctypes.c_ulong(0)
        fcntl.ioctl(fd, I2C_FUNCS, functions)
        # The kernel counts in 10 ms; 0 would mean no waiting at all. Adapters without one refuse.
        try:
            fcntl.ioctl(fd, I2C_TIMEOUT, max(1, -(-timeout_us // 10_000)))
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP}:
                raise
        if functions.value & FUNC_I2C:
            return I2cAdapter(fd, str(path), functions.value)
        return smbus.SmbusAdapter(fd, str(path), functions.value)
    except BaseException:
        os.close(fd)
        raise


class I2cAdapter:
    """An adapter that sends any transaction."""

    def __init__(self, fd: int, name: str, functions: int) -> None:
        self._fd = fd
        self._name = name
        self._functions = functions

    def transfer(self, messages: Sequence[Message]) -> int:
        """All ``messages`` in one transaction; Linux says all were acknowledged or raises."""
        parts = (_Msg * len(messages))()
        buffers = []
        for part, message in zip(parts, messages, strict=True):
            # An empty buffer has no address; the kernel wants one all the same.
            buffer = (ctypes.c_uint8 * max(1, len(message.data))).from_buffer_copy(
                bytes(message.data) or b"\0"
            )
            buffers.append(buffer)
            part.addr, part.len = message.address, len(message.data)
            part.flags = I2C_M_RD if message.read else 0
            part.buf = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_uint8))
        try:
            fcntl.ioctl(self._fd, I2C_RDWR, _Rdwr(parts, len(messages)))
        except OSError as error:
            raise board_error(error, f"{self._name} 0x{messages[-1].address:02x}") from None
        for buffer, message in zip(buffers, messages, strict=True):
            if message.read:
                message.data[:] = bytes(buffer)[: len(message.data)]
        return sum(len(message.data) for message in messages if not message.read)

    def probe(self, address: int) -> bool:
        """An SMBus probe where the adapter emulates it, else one byte read."""
        if self._functions & (smbus.FUNC_QUICK | smbus.FUNC_READ_BYTE):
            return smbus.probe(self._fd, self._name, address, self._functions)
        try:
            self.transfer([Message(address, True, bytearray(1))])
        except OSError as error:
            if error.errno == errno.ENODEV:
                return False
            raise
        return True

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
