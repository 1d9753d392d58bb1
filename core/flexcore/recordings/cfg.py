"""The configuration part of COMTRADE (IEEE C37.111-1991, -1999, -2013): what is in the data part.

Text may be UTF-8 or cp1251. Every fault is one line that names the file, the line and the field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Literal, NoReturn, cast

from flexcore.recordings.faults import MAX_CHANNELS, MAX_RATE_HZ, decode, fail, number, shown
from flexcore.recordings.timing import nanoseconds

MAX_CFG_BYTES = 4 << 20
_MAX_COUNT = 1 << 31

DataFormat = Literal["ASCII", "BINARY", "BINARY32", "FLOAT32"]
FORMATS = ("ASCII", "BINARY", "BINARY32", "FLOAT32")
_DATE = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{2}|\d{4})\Z", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9})\d*)?\Z", re.ASCII)
_ZONE = re.compile(r"([+-]?)(\d{1,2})(?:h(\d{2}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Analog:
    """One analogue channel: value = a * raw + b, in ``unit``; ``ratio`` makes it a primary value."""

    number: int
    name: str
    phase: str
    component: str
    unit: str
    a: float
    b: float
    skew_us: float
    low: float | None
    high: float | None
    ratio: float
    side: Literal["P", "S", ""]


@dataclass(frozen=True, slots=True)
class Section:
    """Samples at one rate, up to sample number ``end`` (the first sample is number 1)."""

    rate_hz: Fraction
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the configuration says; ``count`` is the number of samples that it promises.

    ``sections`` is empty where the samples' time stamps must tell the rate, in steps of ``time_step_us``.
    """

    station: str
    device: str
    revision: int
    analogs: tuple[Analog, ...]
    digitals: int
    frequency_hz: float | None
    sections: tuple[Section, ...]
    count: int
    data_format: DataFormat
    time_step_us: float = 1.0
    start_ns: int | None = None
    zone_s: int | None = None


class _Lines:
    """The lines, taken one by one with a name for errors."""

    def __init__(self, text: str, file: Path) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._at = 0

    def more(self) -> bool:
        while self._at < len(self._lines) and not self._lines[self._at].strip(" \t\x1a"):
            self._at += 1
        return self._at < len(self._lines)

    def take(self, field: str) -> list[str]:
        if not self.more():
            fail(self._file, field, "expected a line, got the end of the file")
        self._at += 1
        return [part.strip() for part in self._lines[self._at - 1].split(",")]

    def fail(self, field: str, what: str) -> NoReturn:
        fail(self._file, f"line {self._at}: {field}", what)

    def integer(self, text: str, field: str, low: int, high: int) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            self.fail(field, f"expected a whole number, got {shown(text)}")
        value = int(text)
        if not low <= value <= high:
            self.fail(field, f"expected {low} to {high}, got {value}")
        return value

    def number(self, text: str, field: str) -> float:
        value = number(text)
        if value is None:
            self.fail(field, f"expected a number, got {shown(text)}")
        return value


def _analog(lines: _Lines, field: str) -> Analog:
    parts = lines.take(field)
    if len(parts) < 10:
        lines.fail(field, f"expected at least 10 columns, got {len(parts)}")
    ratio, side = 1.0, ""
    if len(parts) >= 13 and parts[12].upper() in ("P", "S"):
        side = parts[12].upper()
        primary, secondary = lines.number(parts[10], "primary"), lines.number(parts[11], "secondary")
        if side == "S":
            if primary <= 0.0 or secondary <= 0.0:
                lines.fail(f"{field}: primary, secondary", "expected positive ratios")
            ratio = primary / secondary
    low, high = number(parts[8]), number(parts[9])
    return Analog(
        number=lines.integer(parts[0], f"{field}: An", 0, 999_999),
        name=parts[1],
        phase=parts[2],
        component=parts[3],
        unit=parts[4],
        a=lines.number(parts[5], f"{field}: a"),
        b=lines.number(parts[6] or "0", f"{field}: b"),
        skew_us=lines.number(parts[7] or "0", f"{field}: skew"),
        low=low if low is not None and high is not None and low < high else None,
        high=high if low is not None and high is not None and low < high else None,
        ratio=ratio,
        side=cast(Literal["P", "S", ""], side),
    )


def _counts(lines: _Lines) -> tuple[int, int]:
    parts = lines.take("TT,##A,##D")
    if len(parts) < 3 or parts[1][-1:].upper() != "A" or parts[2][-1:].upper() != "D":
        lines.fail("TT,##A,##D", f"expected e.g. 7,6A,1D, got {shown(','.join(parts))}")
    total = lines.integer(parts[0], "TT", 1, MAX_CHANNELS)
    analogs = lines.integer(parts[1][:-1].strip(), "##A", 0, MAX_CHANNELS)
    digitals = lines.integer(parts[2][:-1].strip(), "##D", 0, MAX_CHANNELS)
    if total != analogs + digitals:
        lines.fail("TT", f"expected {analogs + digitals}, the sum of ##A and ##D, got {total}")
    if not analogs:
        lines.fail("##A", "expected an analogue channel")
    return analogs, digitals


def _sections(lines: _Lines) -> tuple[tuple[Section, ...], int]:
    """The sections, and the number of samples; no sections where the file gives no rate."""
    rates = lines.integer(lines.take("nrates")[0], "nrates", 0, 999)
    sections: list[Section] = []
    end = 0
    for _ in range(max(rates, 1)):
        parts = lines.take("samp,endsamp")
        if len(parts) < 2:
            lines.fail("samp,endsamp", "expected 2 columns")
        rate = lines.number(parts[0], "samp")
        if (rates and rate < 1e-3) or rate > MAX_RATE_HZ:
            lines.fail("samp", f"expected a rate up to 10 MHz, got {parts[0]}")
        end = lines.integer(parts[1], "endsamp", end + 1, _MAX_COUNT)
        sections.append(Section(Fraction(rate).limit_denominator(1_000_000), end))
    return tuple(sections) if rates else (), end


def _moment(parts: list[str], revision: int) -> tuple[int | None, bool]:
    """Nanoseconds since 1970 on the file's clock, None where it was never set; and whether in nanoseconds.

    1991 writes the month first, later revisions the day; a file that does it the other way is known by a
    month above 12.
    """
    date = _DATE.match(parts[0])
    time = _TIME.match(parts[1]) if len(parts) > 1 else None
    if date is None or time is None:
        return None, False
    one, two, year = int(date[1]), int(date[2]), int(date[3])
    if len(date[3]) == 2:
        year += 1900 if year >= 70 else 2000
    day, month = (two, one) if revision == 1991 else (one, two)
    if month > 12:
        day, month = month, day
    digits = time[4] or ""
    try:
        moment = datetime(year, month, day, int(time[1]), int(time[2]), int(time[3]))
    except ValueError:
        return None, False
    if not 1970 <= year <= 2199:
        return None, False
    return nanoseconds(moment, int(digits.ljust(9, "0") or "0")), len(digits) > 6


def _zone(text: str) -> int | None:
    """Seconds ahead of UTC of a time code such as ``-5h30``; None for ``x`` and whatever else."""
    match = _ZONE.match(text)
    if match is None:
        return None
    seconds = int(match[2]) * 3600 + int(match[3] or "0") * 60
    return -seconds if match[1] == "-" else seconds


def parse_cfg(raw: bytes, file: Path) -> Header:
    """What the configuration ``raw`` says; ``file`` is named in errors.

    Raises:
        RecordingError: with the file, the line and the field.
    """
    if len(raw) > MAX_CFG_BYTES:
        fail(file, "(file)", f"expected at most {MAX_CFG_BYTES} bytes")
    lines = _Lines(decode(raw, file), file)
    first = lines.take("station_name")
    revision = lines.integer(first[2], "rev_year", 1991, 2100) if len(first) > 2 and first[2] else 1991
    count_analog, digitals = _counts(lines)
    analogs = tuple(_analog(lines, f"analogue channel {n + 1}") for n in range(count_analog))
    for n in range(digitals):
        lines.take(f"digital channel {n + 1}")
    frequency = lines.number(lines.take("lf")[0] or "0", "lf")
    if not 0.0 <= frequency <= 1000.0:
        lines.fail("lf", f"expected a frequency of the mains, got {frequency:g}")
    sections, count = _sections(lines)
    start_ns, fine = _moment(lines.take("time of the first value"), revision)
    lines.take("time of the trigger")
    data_format = lines.take("ft")[0].upper()
    if data_format not in FORMATS:
        lines.fail("ft", f"expected {', '.join(FORMATS)}, got {shown(data_format)}")
    multiplier, zone_s = 1.0, None
    if revision > 1991 and lines.more():
        multiplier = lines.number(lines.take("timemult")[0], "timemult")
        if multiplier <= 0.0:
            lines.fail("timemult", f"expected a positive number, got {multiplier:g}")
    if revision > 1999 and lines.more():
        zone_s = _zone(lines.take("time_code")[0].lower())
    return Header(
        station=first[0],
        device=first[1] if len(first) > 1 else "",
        revision=revision,
        analogs=analogs,
        digitals=digitals,
        frequency_hz=frequency or None,
        sections=sections,
        count=count,
        data_format=cast(DataFormat, data_format),
        # 2013: stamps count nanoseconds where the first value's time is told in nanoseconds
        time_step_us=multiplier * (1e-3 if fine and revision > 1999 else 1.0),
        start_ns=start_ns,
        zone_s=zone_s,
    )
