"""How 3-s values lie in blobs: records of the recent tier, columns of the older one.

Plain ``struct``, ``array`` and ``zlib``: slices of bytes run in C, so neither side needs NumPy.
All numbers are little-endian; a value that was not measured is not-a-number.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flexcore.errors import StoreError
from flexcore.model import Flag

#: Bit n of a record's flags. Part of the file's format: append, never reorder.
FLAGS: tuple[Flag, ...] = (
    "gap",
    "start",
    "dip",
    "swell",
    "interruption",
    "sync",
    "saturated",
    "rotation",
)
_BIT = {flag: 1 << n for n, flag in enumerate(FLAGS)}

#: element, layout, flags, number of values, start after the slot's begin (us), duration (us).
_RECORD = struct.Struct("<HHHHII")
_COUNT = struct.Struct("<I")
_MAX_ROWS = 100_000
_NAN = math.nan
_LITTLE = sys.byteorder == "little"


@dataclass(frozen=True, slots=True)
class Record:
    """Values of one element over one interval; ``offset_us`` counts from the slot's or hour's begin."""

    element: int
    layout: int
    flags: int
    offset_us: int
    duration_us: int
    values: bytes


def flag_bits(flags: Iterable[Flag]) -> int:
    """Flags as bits."""
    bits = 0
    for flag in flags:
        bits |= _BIT[flag]
    return bits


def flag_names(bits: int) -> tuple[Flag, ...]:
    """Bits as flags."""
    return tuple(flag for flag, bit in _BIT.items() if bits & bit)


def pack_values(values: Sequence[float | None]) -> bytes:
    """float32; None and what float32 cannot hold become not-a-number."""
    floats = array("f", [_NAN if v is None or not -3.4e38 < v < 3.4e38 else v for v in values])
    if not _LITTLE:
        floats.byteswap()
    return floats.tobytes()


def unpack_values(raw: bytes) -> list[float]:
    """The values of a record."""
    floats = array("f")
    floats.frombytes(raw)
    if not _LITTLE:
        floats.byteswap()
    return floats.tolist()


def pack_record(record: Record) -> bytes:
    """One record for the recent tier."""
    head = _RECORD.pack(
        record.element,
        record.layout,
        record.flags,
        len(record.values) // 4,
        record.offset_us,
        record.duration_us,
    )
    return head + record.values


def unpack_records(blob: bytes) -> Iterator[Record]:
    """The records of one row; raises :class:`StoreError` where they do not fit in it."""
    at = 0
    while at < len(blob):
        try:
            element, layout, flags, count, offset_us, duration_us = _RECORD.unpack_from(blob, at)
        except struct.error as error:
            raise StoreError("store: a record is cut short") from error
        at += _RECORD.size
        values = blob[at : at + 4 * count]
        if len(values) != 4 * count:
            raise StoreError("store: a record's values are cut short")
        at += 4 * count
        yield Record(element, layout, flags, offset_us, duration_us, values)


def pack_chunk(records: Sequence[Record]) -> bytes:
    """Columns of records that share a layout: offset, duration, flags, then each value.

    Each column is split into its first, second, ... bytes (slow numbers have equal high bytes) and
    deflated by itself, so that a reader of one quantity inflates one column.
    """
    columns: list[tuple[bytes, int]] = [
        (_integers("I", [r.offset_us for r in records]), 4),
        (_integers("I", [r.duration_us for r in records]), 4),
        (_integers("H", [r.flags for r in records]), 2),
    ]
    matrix = array("I")  # as 32-bit patterns: not-a-number stays what it is
    matrix.frombytes(b"".join(r.values for r in records))
    width = len(records[0].values) // 4
    columns += [(matrix[n::width].tobytes(), 4) for n in range(width)]
    parts = [_COUNT.pack(len(records))]
    for raw, size in columns:
        packed = zlib.compress(b"".join(raw[n::size] for n in range(size)), 6)
        parts += [_COUNT.pack(len(packed)), packed]
    return b"".join(parts)


def pack_row(values: bytes) -> bytes:
    """float32 values of one interval, split into their first, second, ... bytes and deflated."""
    return zlib.compress(b"".join(values[n::4] for n in range(4)), 6)


def unpack_row(packed: bytes, count: int) -> array[float]:
    """What :func:`pack_row` made of ``count`` values; raises :class:`StoreError` on other bytes."""
    try:
        raw = zlib.decompressobj().decompress(packed, 4 * count + 1)
    except zlib.error as error:
        raise StoreError("store: a row cannot be read") from error
    if len(raw) != 4 * count:
        raise StoreError("store: a row has another length")
    whole = bytearray(4 * count)
    for n in range(4):
        whole[n::4] = raw[n * count : (n + 1) * count]
    floats = array("f")
    floats.frombytes(bytes(whole))
    if not _LITTLE:
        floats.byteswap()
    return floats


class Chunk:
    """Reads single columns of what :func:`pack_chunk` made; raises :class:`StoreError` on other bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._where: list[tuple[int, int]] = []
        try:
            (self.rows,) = _COUNT.unpack_from(data)
            at = _COUNT.size
            while at < len(data):
                (length,) = _COUNT.unpack_from(data, at)
                at += _COUNT.size
                self._where.append((at, at + length))
                at += length
        except struct.error as error:
            raise StoreError("store: a chunk is cut short") from error
        if at != len(data) or self.rows > _MAX_ROWS:
            raise StoreError("store: a chunk does not fit its length")

    @property
    def offsets_us(self) -> list[int]:
        """Starts after the chunk's begin."""
        return self._column("I", 0).tolist()

    @property
    def durations_us(self) -> list[int]:
        """Durations."""
        return self._column("I", 1).tolist()

    @property
    def flags(self) -> list[int]:
        """Flag bits."""
        return self._column("H", 2).tolist()

    def values(self, column: int) -> list[float]:
        """Values of one quantity, by its place in the layout."""
        return self._column("f", 3 + column).tolist()

    def floats(self, column: int) -> array[float]:
        """The same, as they lie in memory."""
        return self._column("f", 3 + column)

    def _column(self, code: str, number: int) -> array[Any]:
        numbers: array[Any] = array(code)
        size = numbers.itemsize
        try:
            start, end = self._where[number]
            inflater = zlib.decompressobj()
            raw = inflater.decompress(self._data[start:end], self.rows * size + 1)
        except (IndexError, zlib.error) as error:
            raise StoreError(f"store: column {number} of a chunk cannot be read") from error
        if len(raw) != self.rows * size:
            raise StoreError(f"store: column {number} of a chunk has another length")
        whole = bytearray(len(raw))
        for n in range(size):
            whole[n::size] = raw[n * self.rows : (n + 1) * self.rows]
        numbers.frombytes(bytes(whole))
        if not _LITTLE:
            numbers.byteswap()
        return numbers


def _integers(code: str, numbers: list[int]) -> bytes:
    column = array(code, numbers)
    if not _LITTLE:
        column.byteswap()
    return column.tobytes()
