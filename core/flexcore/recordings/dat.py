"""The data part of COMTRADE: ASCII, BINARY, BINARY32 and FLOAT32."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flexcore.recordings import rows
from flexcore.recordings.cfg import Header
from flexcore.recordings.faults import check_size, fail
from flexcore.recordings.recording import Values

_TYPES = {"BINARY": "<i2", "BINARY32": "<i4", "FLOAT32": "<f4"}
#: What stands for "no data" in each format; in FLOAT32 it is not-a-number, in time stamps all ones.
_MISSING = {"ASCII": 99999.0, "BINARY": -32768.0, "BINARY32": -2147483648.0}
_NO_STAMP = 0xFFFFFFFF
_WORDS = frozenset({""})


def parse_dat(raw: bytes, file: Path, header: Header) -> tuple[Values, Values]:
    """Time stamps in steps (NaN: none), and raw values (analogue channels, samples); missing ones are NaN.

    Raises:
        RecordingError: what is there is not what ``header`` says.
    """
    check_size(file, "endsamp", 1 + len(header.analogs), header.count)
    stamps, values = (_ascii if header.data_format == "ASCII" else _binary)(raw, file, header)
    missing = _MISSING.get(header.data_format)
    if missing is not None:
        values[values == missing] = np.nan
    elif np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        fail(file, f"sample {column + 1}, channel {header.analogs[row].number}", "expected a finite number")
    return stamps, values


def _binary(raw: bytes, file: Path, header: Header) -> tuple[Values, Values]:
    """A record is number u32, time u32, analogue values, digital words; records beyond what the header
    promises are left out: recorders are known to write one."""
    words = -(-header.digitals // 16)
    record = np.dtype(
        [
            ("number", "<u4"),
            ("time", "<u4"),
            ("analog", _TYPES[header.data_format], (len(header.analogs),)),
            ("digital", "<u2", (words,)),
        ]
    )
    have, rest = divmod(len(raw), record.itemsize)
    if have < header.count:
        expected = f"expected {header.count} records of {record.itemsize} bytes as endsamp says"
        fail(file, "(data)", f"{expected}, got {len(raw)} bytes: truncated, or not of this .cfg")
    if rest:
        fail(file, "(data)", f"expected whole records of {record.itemsize} bytes, got {len(raw)} bytes")
    table = np.frombuffer(raw, record, header.count)
    if header.count > 1 and int(table["number"][1]) - int(table["number"][0]) != 1:
        fail(file, "sample number", "expected to count by one: not of this .cfg")
    stamps = table["time"].astype(np.float64)
    stamps[table["time"] == _NO_STAMP] = np.nan
    with np.errstate(invalid="ignore"):  # a signalling not-a-number
        return stamps, table["analog"].T.astype(np.float64)


def _ascii(raw: bytes, file: Path, header: Header) -> tuple[Values, Values]:
    lines = [line for line in raw.decode("latin-1").splitlines() if line.strip("\x1a \t")]
    if len(lines) < header.count:
        fail(file, "(data)", f"expected {header.count} lines as endsamp says, got {len(lines)}: truncated")
    width = 2 + len(header.analogs) + header.digitals
    check_size(file, "##D", width, header.count)
    table = rows.parse(lines[: header.count], ",", width, file, first_line=1, words=_WORDS)
    if header.count > 1 and table[0, 1] - table[0, 0] != 1.0:
        fail(file, "sample number", "expected to count by one: not of this .cfg")
    return table[1], table[2 : 2 + len(header.analogs)].copy()
