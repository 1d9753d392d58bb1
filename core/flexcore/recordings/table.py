"""CSV: a table of samples, one row an instant.

- Delimiter: semicolon, tab or comma; with semicolon or tab the decimal sign may be a comma.
- Header: the first row with a cell that is no number names the columns. A unit may stand behind the name:
  ``Ua [kV]``, ``I L1 (A)``, ``u_l1_v``. Rows before it that start with ``#`` are comments.
- Time: a first column named ``t``, ``time``, ``zeit``, ``tijd``, ``date``... with its unit (ms, us, ns; s
  where there is none) or in ISO 8601. Its steps must be even; whole steps that are left out are missing
  samples. Without such a column the rate must be given (``--rate``).
- An empty cell, ``nan``, ``null``, ``NA`` or ``-`` is a missing value.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np

from flexcore.recordings import rows
from flexcore.recordings.faults import MAX_CHANNELS, check_size, decode, fail, load, number, shown
from flexcore.recordings.recording import Channel, Recording, Values
from flexcore.recordings.timing import NS, even_rate, nanoseconds, rate_with_holes

_WORDS = frozenset({"", "nan", "null", "na", "n/a", "-"})
_MAX_CSV_BYTES = 1 << 30
# A last letter a may be a phase (U_A) as well as a unit (i_l1_a): it is a unit behind a digit, n or a slash.
_UNIT = re.compile(
    r"^(?P<name>.*?)\s*(?:\[(?P<square>[^\]]*)\]|\((?P<round>[^)]*)\)"
    r"|(?:/|(?<=[0-9nN])[_ ])(?P<tail>[kmM]?[VAva])|[_ ](?P<clear>[kmM]?V|kA|mA))$"
)
#: A longer name is taken as it is: looking for a unit in it costs its length squared.
_MAX_NAME = 200
_TIME_NAME = re.compile(
    r"^(t|time|times|zeit|tijd|date|datum|datetime|timestamp|время)(?![A-Za-zЀ-ӿ])", re.IGNORECASE
)
_TIME_UNIT = re.compile(r"(?<![a-zA-Z])(s|sec|seconds|ms|us|µs|μs|ns)\W*$", re.IGNORECASE)
_TIME_FACTOR = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?)\s*(Z|[+-]\d{2}:?\d{2})?\Z", re.ASCII
)


def read_table(file: Path, rate_hz: Fraction | None = None) -> Recording:
    """The recording in a CSV ``file``; ``rate_hz`` where it has no time column, and before what that says.

    Raises:
        RecordingError: with the file, the line or column, and what was expected.
    """
    lines = decode(load(file, _MAX_CSV_BYTES), file).splitlines()
    first_line = 1
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("#")):
        lines.pop(0)
        first_line += 1
    while lines and not lines[-1].strip("\x1a \t"):
        lines.pop()
    if len(lines) < 2:
        fail(file, "(file)", "expected a header and rows of numbers")
    delimiter = next((sign for sign in (";", "\t", ",") if sign in lines[0]), ",")
    names = [cell.strip().strip('"').strip() for cell in lines[0].split(delimiter)]
    width = len(names)
    if width > MAX_CHANNELS:
        fail(file, f"line {first_line}", f"expected at most {MAX_CHANNELS} columns, got {width}")
    has_header = any(_plain(name, delimiter) is None and not _ISO.match(name) for name in names)
    if has_header:
        lines, first_line = lines[1:], first_line + 1
    else:
        names = [f"column {n + 1}" for n in range(width)]
    check_size(file, "(data)", width, len(lines))
    iso = _ISO.match(lines[0].split(delimiter)[0].strip().strip('"'))
    start_ns, zone_s, stamps = None, None, None
    if iso is not None:
        start_ns, zone_s, stamps = _iso_column(lines, delimiter, file, first_line)
        lines = [line.partition(delimiter)[2] for line in lines]
        names, width = names[1:], width - 1
    if width < 1:
        fail(file, f"line {first_line}", "expected a column of samples")
    if delimiter != ",":
        lines = [line.replace(",", ".") for line in lines]
    table = rows.parse(lines, delimiter, width, file, first_line=first_line, words=_WORDS)
    step_s = 1e-9
    if stamps is None and has_header and _TIME_NAME.match(names[0]) and width > 1:
        unit = _TIME_UNIT.search(names[0][-_MAX_NAME:])
        factor = _TIME_FACTOR.get(unit[1].lower(), 1.0) if unit else 1.0
        stamps, step_s = table[0] * factor, _resolution(lines, delimiter) * factor
        table, names = table[1:], names[1:]
    notes: list[str] = []
    rate, table = _rate(file, rate_hz, stamps, step_s, table, notes)
    return Recording(
        source=file.name,
        form="CSV",
        title="",
        channels=tuple(_channel(n + 1, name) for n, name in enumerate(names)),
        values=table,
        rate_hz=rate,
        start_ns=start_ns,
        zone_s=zone_s,
        notes=tuple(notes),
    )


def _plain(cell: str, delimiter: str) -> float | None:
    text = cell if delimiter == "," else cell.replace(",", ".")
    return math.nan if text.lower() in _WORDS else number(text)


def _channel(n: int, text: str) -> Channel:
    match = _UNIT.match(text) if len(text) <= _MAX_NAME else None
    if match is None:
        return Channel(number=n, name=text)
    bracketed = match["square"] or match["round"]
    if bracketed is not None:
        return Channel(number=n, name=match["name"], unit=bracketed.strip())
    return Channel(number=n, name=text, unit=match["tail"] or match["clear"] or "")


def _resolution(lines: list[str], delimiter: str) -> float:
    """The last digit of the first column's numbers, at most of the first thousand rows."""
    digits = 0
    for line in lines[:1000]:
        cell = line.partition(delimiter)[0].strip().lower()
        if "e" in cell:
            return 1e-12
        digits = max(digits, len(cell.partition(".")[2]))
    return float(10.0**-digits)


def _iso_column(
    lines: list[str], delimiter: str, file: Path, first_line: int
) -> tuple[int, int | None, Values]:
    """Start and zone of the first column's moments, and seconds since the first one."""
    texts: list[str] = []
    zones: set[str] = set()
    for n, line in enumerate(lines):
        cell = line.partition(delimiter)[0].strip().strip('"')
        match = _ISO.match(cell)
        if match is None:
            fail(file, f"line {first_line + n}, column 1", f"expected a time in ISO 8601, got {shown(cell)}")
        texts.append(match[1].replace(" ", "T").replace(",", "."))
        zones.add(match[2] or "")
    if len(zones) > 1:
        fail(file, "column 1", f"expected one time zone, got {', '.join(sorted(zones)[:3])}")
    try:
        moments = np.array(texts, dtype="datetime64[ns]")
        start = datetime.fromisoformat(texts[0][:19])
    except (ValueError, OverflowError) as error:
        text = " ".join(str(error).split())
        raise_at = f"expected a time in ISO 8601: {text[:80]}"
        fail(file, "column 1", raise_at)
    zone = zones.pop()
    zone_s: int | None = None
    if zone == "Z":
        zone_s = 0
    elif zone:
        digits = zone.replace(":", "")
        zone_s = (int(digits[1:3]) * 3600 + int(digits[3:5]) * 60) * (-1 if zone[0] == "-" else 1)
    fraction = texts[0][20:].ljust(9, "0")
    since = (moments - moments[0]).astype(np.int64) / NS
    if not 1970 <= start.year <= 2199:
        fail(file, "column 1", f"expected a time from 1970 to 2199, got {texts[0]}")
    return nanoseconds(start, int(fraction)), zone_s, since


def _rate(
    file: Path, given: Fraction | None, stamps: Values | None, step_s: float, table: Values, notes: list[str]
) -> tuple[Fraction, Values]:
    """The rate, and the table with missing samples where rows were left out."""
    if given is not None:
        if stamps is not None:
            notes.append(f"rate {float(given):g} Hz as given, the time column is not used")
        return given, table
    if stamps is None:
        fail(file, "column 1", "expected a column of times, or the rate by --rate")
    rate = even_rate(stamps, step_s)
    if rate is not None:
        return rate, table
    holes = rate_with_holes(stamps, step_s)
    if holes is not None:
        rate, at = holes
        count = int(at[-1]) + 1
        check_size(file, "column 1: times", table.shape[0], count)
        full = np.full((table.shape[0], count), np.nan)
        full[:, at] = table
        notes.append(f"{count - len(at)} rows are left out in the time column: missing samples")
        return rate, full
    steps = np.diff(stamps)
    if not steps.size:
        fail(file, "column 1", "expected at least two rows, or the rate by --rate")
    usual = float(np.median(steps))
    worst = int(np.argmax(np.abs(steps - usual))) if np.isfinite(steps).all() else 0
    expected = f"times in even steps of {usual:g} s" if usual > 0.0 else "times that increase"
    return fail(
        file, "column 1", f"expected {expected}, got a step of {steps[worst]:g} s before row {worst + 2}"
    )
