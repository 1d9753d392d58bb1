"""Clock chips by ``/dev/rtcN`` (linux/rtc.h), in UTC."""

from __future__ import annotations

import calendar
import errno
import fcntl
import os
import struct
import time
from pathlib import Path

RTC_RD_TIME = 0x8024_7009
RTC_SET_TIME = 0x4024_700A
_TM = struct.Struct("9i")


class RtcDevice:
    """One clock chip; it counts whole seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with_open = os.open(
            path, os.O_RDONLY | os.O_CLOEXEC
        )  # a missing chip is said now, not at the first use
        os.close(with_open)

    def read_ns(self) -> int:
        """UTC in ns; a chip that lost its time raises :class:`OSError` (EINVAL)."""
        second, minute, hour, day, month, year, *_ = _TM.unpack(self._call(RTC_RD_TIME, bytes(_TM.size)))
        return calendar.timegm((1900 + year, month + 1, day, hour, minute, second)) * 1_000_000_000

    def write_ns(self, now_ns: int) -> None:
        """Set the chip, to the second."""
        when = time.gmtime(now_ns // 1_000_000_000)
        fields = (
            when.tm_sec,
            when.tm_min,
            when.tm_hour,
            when.tm_mday,
            when.tm_mon - 1,
            when.tm_year - 1900,
            0,
            0,
            0,
        )
        self._call(RTC_SET_TIME, _TM.pack(*fields))

    def _call(self, request: int, data: bytes) -> bytes:
        # Opened for the moment only: the kernel lets one program hold a clock chip.
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return fcntl.ioctl(fd, request, data)
        finally:
            os.close(fd)


class SystemClock:
    """The system's time, where the box has no clock chip. It is not ours to set."""

    def read_ns(self) -> int:
        """UTC in ns."""
        return time.time_ns()

    def write_ns(self, now_ns: int) -> None:
        """Raises EOPNOTSUPP."""
        raise OSError(
            errno.EOPNOTSUPP, "no clock chip here, and the system's time is set by synchronisation alone"
        )
