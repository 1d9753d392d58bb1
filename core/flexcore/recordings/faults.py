"""How a reader says what is wrong, and how much it takes in."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NoReturn

from flexcore.errors import RecordingError

#: Numbers in one recording, all channels together: 1 GiB as float64.
MAX_VALUES = 1 << 27
MAX_FILE_BYTES = 2 << 30
MAX_CHANNELS = 4096
MAX_RATE_HZ = 10_000_000

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)


def shown(text: str) -> str:
    """Text from a file as it may stand in a message: short, on one line."""
    return repr(text[:40])


def fail(where: Path | str, field: str, what: str) -> NoReturn:
    """Raise :class:`~flexcore.errors.RecordingError`: file, field, what was expected."""
    raise RecordingError(f"{where}: {field}: {what}")


def load(file: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of ``file``, at most ``limit`` of them; raises RecordingError."""
    try:
        size = file.stat().st_size
        if size > limit:
            fail(file, "(file)", f"expected at most {limit} bytes, got {size}")
        return file.read_bytes()
    except OSError as error:
        raise RecordingError(f"{file}: (file): expected a readable file: {error.strerror}") from error
    except ValueError as error:  # a zero byte in the path
        raise RecordingError(f"{str(file)!r}: (file): expected a path") from error


def decode(raw: bytes, where: Path | str) -> str:
    """Text that is UTF-8 or, as the recorders of half a continent write it, cp1251; raises RecordingError."""
    if b"\0" in raw:
        fail(where, "(file)", "expected text, got a zero byte")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1251", errors="replace")


def number(text: str) -> float | None:
    """A plain finite number, or None: what Python alone takes for one (1_0, nan, infinity) is none."""
    if len(text) > 64 or not _NUMBER.match(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def check_size(where: Path | str, field: str, channels: int, count: int) -> None:
    """Raise RecordingError when so many values would be too many to hold."""
    if channels * count > MAX_VALUES:
        expected = f"expected at most {MAX_VALUES} values"
        fail(where, field, f"{expected}, got {channels} channels of {count} samples")
