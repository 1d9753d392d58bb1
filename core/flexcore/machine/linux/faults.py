"""What Linux says of a failed transfer, in the numbers that boards use."""

from __future__ import annotations

import errno
import os

# What adapters answer when nothing acknowledged its address (Documentation/i2c/fault-codes.rst: ENXIO; older
# ones say EREMOTEIO).
_ABSENT = frozenset({errno.ENXIO, errno.EREMOTEIO, errno.ENODEV})
_KEPT = frozenset({errno.ETIMEDOUT, errno.EBUSY, errno.EOPNOTSUPP, errno.EINVAL, errno.EACCES, errno.EPERM})


def board_error(error: OSError, where: str) -> OSError:
    """``error`` as ENODEV, ETIMEDOUT, EBUSY, EOPNOTSUPP, else EIO; what Linux said is kept in the text."""
    number = error.errno or errno.EIO
    if number in _ABSENT:
        return OSError(errno.ENODEV, f"{where}: nothing acknowledged")
    if number in _KEPT:
        return OSError(number, f"{where}: {os.strerror(number)}")
    return OSError(errno.EIO, f"{where}: the transfer failed ({os.strerror(number)})")
