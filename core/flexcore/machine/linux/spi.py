"""SPI over ``/dev/spidevB.C`` (linux/spi/spidev.h)."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from pathlib import Path

from flexcore.machine.ports import SPISettings, WireId

# _IOW('k', n, type) and SPI_IOC_MESSAGE(1), as asm-generic/ioctl.h makes them.
WR_MODE = 0x4001_6B01
WR_LSB_FIRST = 0x4001_6B02
WR_BITS = 0x4001_6B03
WR_MAX_SPEED_HZ = 0x4004_6B04
MESSAGE_1 = 0x4020_6B00
NO_CS = 0x40


class _Transfer(ctypes.Structure):
    _fields_ = (
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("cs_change", ctypes.c_uint8),
        ("tx_nbits", ctypes.c_uint8),
        ("rx_nbits", ctypes.c_uint8),
        ("word_delay_usecs", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
    )


def spidev_path(dev: Path, wire: WireId) -> Path:
    """The device file of ``wire``."""
    if isinstance(wire, str) and wire:
        return dev / wire
    bus, chip = wire if isinstance(wire, tuple) else (wire, 0)
    if not isinstance(bus, int) or bus < 0 or chip < 0:
        raise ValueError(f"SPI {wire!r}: expected a path, a bus or (bus, chip)")
    return dev / f"spidev{bus}.{chip}"


class SpiDevice:
    """A controller; its own chip select stays quiet where the driver allows that, for a Pin
    selects the chip.
    """

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def configure(self, settings: SPISettings) -> None:
        """Set mode, order, bits and rate; raises :class:`OSError` where the controller refuses."""
        try:
            fcntl.ioctl(self._fd, WR_MODE, bytes([settings.mode | NO_CS]))
        except OSError:
            fcntl.ioctl(self._fd, WR_MODE, bytes([settings.mode]))
        fcntl.ioctl(self._fd, WR_LSB_FIRST, bytes([settings.lsb_first]))
        fcntl.ioctl(self._fd, WR_BITS, bytes([settings.bits]))
        fcntl.ioctl(self._fd, WR_MAX_SPEED_HZ, settings.rate_hz.to_bytes(4, "little"))

    def transfer(self, write: bytes) -> bytes:
        """One message; longer than the kernel's buffer (4096 unless set) raises EMSGSIZE."""
        if not write:
            return b""
        out = (ctypes.c_uint8 * len(write)).from_buffer_copy(write)
        back = (ctypes.c_uint8 * len(write))()
        message = _Transfer(tx_buf=ctypes.addressof(out), rx_buf=ctypes.addressof(back), len=len(write))
        moved = fcntl.ioctl(self._fd, MESSAGE_1, message)
        if moved not in {0, len(write)}:
            raise OSError(errno.EIO, f"{self._name}: {moved} bytes moved, expected {len(write)}")
        return bytes(back)

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
