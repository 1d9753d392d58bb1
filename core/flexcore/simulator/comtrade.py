"""COMTRADE recordings (IEEE C37.111-1991, -1999, -2013): a .cfg and a .dat beside it.

Reads ASCII, BINARY, BINARY32 and FLOAT32 data with one sampling rate. Every fault is one line that names
the file and the field. Text may be UTF-8 or cp1251, as the recorders of half a continent write it.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt

from flexcore.errors import RecordingError

MAX_CFG_BYTES = 4 << 20
MAX_DAT_BYTES = 2 << 30
MAX_CHANNELS = 4096

DataFormat = Literal["ASCII", "BINARY", "BINARY32", "FLOAT32"]
_FORMATS: dict[str, str] = {"ASCII": "", "BINARY": "<i2", "BINARY32": "<i4", "FLOAT32": "<f4"}
#: What stands for "no data" in each format.
_MISSING = {"ASCII": 99999.0, "BINARY": -32768.0, "BINARY32": -2147483648.0}

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Analog:
    """One analogue channel: value = a * raw + b, in ``unit``; ``ratio`` makes it a primary value."""

    number: int
    name: str
    phase: str
    unit: str
    a: float
    b: float
    skew_us: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Header:
    """What the .cfg says; ``count`` is the number of samples that it promises.

    ``rate_hz`` is 0 where the samples' time stamps must tell it, in steps of ``time_step_us``.
    """

    station: str
    revision: int
    analogs: tuple[Analog, ...]
    digitals: int
    frequency_hz: float
    rate_hz: Fraction
    count: int
    data_format: DataFormat
    time_step_us: float = 1.0


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording: ``values`` has shape (analog channels, samples), primary, in each channel's unit.

    What is missing in the data is not-a-number. Skew is told by the header and not applied.
    """

    header: Header
    values: Values

    def channel(self, key: int | str) -> tuple[Analog, Values]:
        """A channel by its number or its name; raises KeyError."""
        for row, analog in enumerate(self.header.analogs):
            if key in (analog.number, analog.name):
                return analog, self.values[row]
        raise KeyError(key)


class _Lines:
    """The lines of a .cfg, taken one by one with a name for errors."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines = _text(file).splitlines()
        self._at = 0

    def take(self, field: str) -> list[str]:
        while self._at < len(self._lines) and not self._lines[self._at].strip():
            self._at += 1
        if self._at >= len(self._lines):
            _fail(self._file, field, "expected a line, got the end of the file")
        self._at += 1
        return [part.strip() for part in next(csv.reader([self._lines[self._at - 1]]))]

    def fail(self, field: str, what: str) -> NoReturn:
        _fail(self._file, f"line {self._at}: {field}", what)

    def integer(self, text: str, field: str, low: int, high: int) -> int:
        try:
            value = int(text)
        except ValueError:
            self.fail(field, f"expected a whole number, got {text!r}")
        if not low <= value <= high:
            self.fail(field, f"expected {low} to {high}, got {value}")
        return value

    def number(self, text: str, field: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.fail(field, f"expected a number, got {text!r}")
        return value


def _fail(file: Path, field: str, what: str) -> NoReturn:
    raise RecordingError(f"{file}: {field}: {what}")


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_CFG_BYTES:
            _fail(file, "(file)", f"expected at most {MAX_CFG_BYTES} bytes")
        raw = file.read_bytes()
    except OSError as error:
        raise RecordingError(f"{file}: (file): expected a readable file: {error.strerror}") from error
    if b"\0" in raw:
        _fail(file, "(file)", "expected text, got a zero byte")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1251", errors="replace")


def _analog(lines: _Lines, field: str) -> Analog:
    parts = lines.take(field)
    if len(parts) < 10:
        lines.fail(field, f"expected at least 10 columns, got {len(parts)}")
    ratio = 1.0
    if len(parts) >= 13 and parts[12].upper() == "S":
        primary, secondary = lines.number(parts[10], "primary"), lines.number(parts[11], "secondary")
        if primary <= 0.0 or secondary <= 0.0:
            lines.fail(f"{field}: primary, secondary", "expected positive ratios")
        ratio = primary / secondary
    return Analog(
        number=lines.integer(parts[0], f"{field}: An", 0, 999_999),
        name=parts[1],
        phase=parts[2],
        unit=parts[4],
        a=lines.number(parts[5], f"{field}: a"),
        b=lines.number(parts[6] or "0", f"{field}: b"),
        skew_us=lines.number(parts[7] or "0", f"{field}: skew"),
        ratio=ratio,
    )


def _counts(lines: _Lines) -> tuple[int, int]:
    parts = lines.take("TT,##A,##D")
    if len(parts) < 3 or parts[1][-1:].upper() != "A" or parts[2][-1:].upper() != "D":
        lines.fail("TT,##A,##D", f"expected e.g. 7,6A,1D, got {','.join(parts)!r}")
    total = lines.integer(parts[0], "TT", 1, MAX_CHANNELS)
    analogs = lines.integer(parts[1][:-1], "##A", 0, MAX_CHANNELS)
    digitals = lines.integer(parts[2][:-1], "##D", 0, MAX_CHANNELS)
    if total != analogs + digitals:
        lines.fail("TT", f"expected {analogs + digitals}, the sum of ##A and ##D, got {total}")
    if not analogs:
        lines.fail("##A", "expected an analogue channel")
    return analogs, digitals


def _rate(lines: _Lines) -> tuple[Fraction, int]:
    rates = lines.integer(lines.take("nrates")[0], "nrates", 0, 999)
    if rates > 1:
        lines.fail("nrates", f"expected one sampling rate, got {rates}")
    parts = lines.take("samp,endsamp")
    if len(parts) < 2:
        lines.fail("samp,endsamp", "expected 2 columns")
    lines.number(parts[0], "samp")
    rate = Fraction(parts[0])
    if (rates and rate <= 0) or rate > 10_000_000:
        lines.fail("samp", f"expected a rate up to 10 MHz, got {parts[0]}")
    return rate if rates else Fraction(0), lines.integer(parts[1], "endsamp", 1, 1 << 31)


def read_header(file: Path) -> Header:
    """What the .cfg ``file`` says; raises :class:`~flexcore.errors.RecordingError`."""
    lines = _Lines(file)
    first = lines.take("station_name")
    revision = lines.integer(first[2], "rev_year", 1991, 2100) if len(first) > 2 and first[2] else 1991
    count_analog, digitals = _counts(lines)
    analogs = tuple(_analog(lines, f"analogue channel {n + 1}") for n in range(count_analog))
    for n in range(digitals):
        lines.take(f"digital channel {n + 1}")
    frequency = lines.number(lines.take("lf")[0], "lf")
    rate, count = _rate(lines)
    lines.take("time of the first value")
    lines.take("time of the trigger")
    data_format = lines.take("ft")[0].upper()
    if data_format not in _FORMATS:
        lines.fail("ft", f"expected {', '.join(_FORMATS)}, got {data_format!r}")
    time_step_us = 1.0
    if revision > 1991 and rate == 0:
        time_step_us = lines.number(lines.take("timemult")[0], "timemult")
    return Header(
        station=first[0],
        revision=revision,
        analogs=analogs,
        digitals=digitals,
        frequency_hz=frequency,
        rate_hz=rate,
        count=count,
        data_format=data_format,  # type: ignore[arg-type]  # checked against _FORMATS
        time_step_us=time_step_us,
    )


def _beside(file: Path) -> Path:
    for suffix in (".dat", ".DAT", ".Dat"):
        if (data := file.with_suffix(suffix)).exists():
            return data
    return file.with_suffix(".dat")


def _binary(file: Path, raw: bytes, header: Header) -> tuple[Values, Values]:
    """Time stamps and values. A record is number u32, time u32, analogue values, digital words; records
    beyond what the header promises are left out: recorders are known to write one."""
    words = -(-header.digitals // 16)
    record = np.dtype(
        [
            ("number", "<u4"),
            ("time", "<u4"),
            ("analog", _FORMATS[header.data_format], (len(header.analogs),)),
            ("digital", "<u2", (words,)),
        ]
    )
    have, rest = divmod(len(raw), record.itemsize)
    if have < header.count:
        expected = f"expected {header.count} records of {record.itemsize} bytes as endsamp says"
        _fail(file, "(data)", f"{expected}, got {len(raw)} bytes: truncated, or not of this .cfg")
    if rest:
        _fail(file, "(data)", f"expected whole records of {record.itemsize} bytes, got {len(raw)} bytes")
    table = np.frombuffer(raw, record, header.count)
    if header.count > 1 and int(table["number"][1]) - int(table["number"][0]) != 1:
        _fail(file, "sample number", "expected to count by one: not of this .cfg")
    values: Values = table["analog"].T.astype(np.float64)
    return table["time"].astype(np.float64), values


def _ascii(file: Path, raw: bytes, header: Header) -> tuple[Values, Values]:
    rows = raw.decode("latin-1").splitlines()
    rows = [row for row in rows if row.strip("\x1a \t")]
    if len(rows) < header.count:
        _fail(file, "(data)", f"expected {header.count} lines as endsamp says, got {len(rows)}: truncated")
    width = 2 + len(header.analogs) + header.digitals
    values = np.empty((1 + len(header.analogs), header.count))
    for n, row in enumerate(rows[: header.count]):
        parts = row.split(",")
        if len(parts) != width:
            _fail(file, f"line {n + 1}", f"expected {width} columns, got {len(parts)}")
        for c, text in enumerate(parts[1 : 2 + len(header.analogs)]):
            try:
                values[c, n] = float(text) if text.strip() else math.nan
            except ValueError:
                _fail(file, f"line {n + 1}, column {c + 2}", f"expected a number, got {text.strip()[:20]!r}")
    return values[0], values[1:]


def _rate_of(file: Path, times: Values, step_us: float) -> Fraction:
    """The sampling rate that the time stamps follow, in whole hertz: a relay that follows the mains'
    frequency is off by some 0.01 %, and its samples are taken as if it were not."""
    times_s = (times - times[0]) * step_us * 1e-6
    if len(times_s) > 1 and np.isfinite(times_s).all() and times_s[-1] > 0.0:
        rate_hz = (len(times_s) - 1) / times_s[-1]
        uneven = np.abs(times_s * rate_hz - np.arange(len(times_s))).max()
        if uneven < 0.5 and round(rate_hz) and abs(rate_hz / round(rate_hz) - 1.0) < 1e-3:
            return Fraction(round(rate_hz))
    _fail(file, "time stamps", "expected an even rate in whole hertz (the .cfg gives none)")


def read_recording(file: Path) -> Recording:
    """The recording whose .cfg is ``file``; raises :class:`~flexcore.errors.RecordingError`."""
    header = read_header(file)
    data = _beside(file)
    try:
        if data.stat().st_size > MAX_DAT_BYTES:
            _fail(data, "(file)", f"expected at most {MAX_DAT_BYTES} bytes")
        raw = data.read_bytes()
    except OSError as error:
        raise RecordingError(f"{data}: (file): expected a readable file: {error.strerror}") from error
    times, values = (_ascii if header.data_format == "ASCII" else _binary)(data, raw, header)
    if header.rate_hz == 0:
        header = replace(header, rate_hz=_rate_of(data, times, header.time_step_us))
    missing = _MISSING.get(header.data_format)
    if missing is not None:
        values[values == missing] = math.nan
    for row, analog in enumerate(header.analogs):
        values[row] = (values[row] * analog.a + analog.b) * analog.ratio
    return Recording(header, values)
