"""COMTRADE recordings: a .cfg and a .dat beside it, or both in one .cff.

Where a file has sections of several rates, the longest in time is read and a note says so: an instrument
cannot join them, and the longest is what a person wants to see.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np

from flexcore.recordings.cff import split
from flexcore.recordings.cfg import MAX_CFG_BYTES, Analog, Header, parse_cfg
from flexcore.recordings.dat import parse_dat
from flexcore.recordings.faults import check_size, fail, load
from flexcore.recordings.recording import Channel, Recording, Side, Values
from flexcore.recordings.timing import even_rate

_SIDES: dict[str, Side] = {"P": "primary", "S": "scaled", "": "unknown"}
#: The largest raw value that each format holds, besides the one that stands for "no data".
_WIDEST = {"ASCII": 99998.0, "BINARY": 32767.0, "BINARY32": 2147483647.0}
#: The time stamps may differ from the header's rate by their own rounding, not by more.
_RATE_TOLERANCE = 0.01


def read_header(file: Path) -> Header:
    """What the .cfg ``file`` says; raises :class:`~flexcore.errors.RecordingError`."""
    return parse_cfg(load(file, MAX_CFG_BYTES), file)


def _beside(file: Path) -> Path:
    for suffix in (".dat", ".DAT", ".Dat"):
        if (data := file.with_suffix(suffix)).exists():
            return data
    return file.with_suffix(".dat")


def read_comtrade(file: Path, rate_hz: Fraction | None = None) -> Recording:
    """The recording in ``file``: a .cff, or a .cfg with its .dat beside it.

    ``rate_hz`` is believed in place of what the file says of its rate.

    Raises:
        RecordingError: with the file, the field and what was expected.
    """
    if file.suffix.lower() == ".cff":
        parts = split(load(file), file)
        header, data, raw = parse_cfg(parts.cfg, file), file, parts.dat
        if parts.form and not header.data_format.startswith(parts.form):
            fail(file, "file type DAT", f"expected {header.data_format} as ft says, got {parts.form!r}")
    else:
        if file.suffix.lower() == ".dat":
            configs = [file.with_suffix(suffix) for suffix in (".cfg", ".CFG", ".Cfg")]
            file = next((config for config in configs if config.exists()), configs[0])
        header, data = read_header(file), _beside(file)
        check_size(file, "endsamp", 1 + len(header.analogs), header.count)
        raw = load(data)
    stamps, values = parse_dat(raw, data, header)
    notes: list[str] = []
    first, after, rate = _stretch(header, stamps, rate_hz, data, notes)
    start_ns = header.start_ns
    if first and start_ns is not None:
        start_ns += round(_before(header, first) * 1_000_000_000)
    if start_ns is None:
        notes.append("the file tells no usable time of its first value")
    values = values[:, first:after]
    channels = []
    for row, analog in enumerate(header.analogs):
        channels.append(_channel(analog, header))
        with np.errstate(over="ignore", invalid="ignore"):
            values[row] = (values[row] * analog.a + analog.b) * analog.ratio
        if np.isinf(values[row]).any():
            fail(file, f"analogue channel {row + 1}: a, b", "expected factors that give finite numbers")
    return Recording(
        source=file.name,
        form=f"COMTRADE {header.revision} {header.data_format}",
        title=" ".join(part for part in (header.station, header.device) if part),
        channels=tuple(channels),
        values=values,
        rate_hz=rate,
        frequency_hz=header.frequency_hz,
        start_ns=start_ns,
        zone_s=header.zone_s,
        notes=tuple(notes),
    )


def _channel(analog: Analog, header: Header) -> Channel:
    widest = _WIDEST.get(header.data_format, math.inf)
    low = -widest if analog.low is None else max(analog.low, -widest)
    high = widest if analog.high is None else min(analog.high, widest)
    ends = sorted((end * analog.a + analog.b) * analog.ratio for end in (low, high))
    told = header.data_format != "FLOAT32" and all(math.isfinite(end) for end in ends)
    return Channel(
        number=analog.number,
        name=analog.name,
        phase=analog.phase,
        unit=analog.unit,
        component=analog.component,
        skew_us=analog.skew_us,
        side=_SIDES[analog.side],
        ratio=analog.ratio,
        step=0.0 if header.data_format == "FLOAT32" else abs(analog.a * analog.ratio),
        ends=(ends[0], ends[1]) if told and ends[0] < ends[1] else None,
    )


def _before(header: Header, first: int) -> float:
    """Seconds from sample 0 to sample ``first``, which begins a section."""
    seconds, at = Fraction(0), 0
    for section in header.sections:
        if section.end > first:
            break
        seconds += (section.end - at) / section.rate_hz
        at = section.end
    return float(seconds)


def _stretch(
    header: Header, stamps: Values, given: Fraction | None, file: Path, notes: list[str]
) -> tuple[int, int, Fraction]:
    """First sample, sample after the last, and rate of what is to be analysed."""
    step_s = header.time_step_us * 1e-6
    if given is not None:
        notes.append(f"rate {float(given):g} Hz as given, not from the file")
        return 0, header.count, given
    if not header.sections:
        rate = even_rate(stamps * step_s, step_s)
        if rate is None:
            fail(file, "time stamps", "expected an even rate (the configuration gives none)")
        notes.append(f"rate {float(rate):.6g} Hz from the time stamps; the configuration gives none")
        return 0, header.count, rate
    spans, at = [], 0
    for section in header.sections:
        spans.append(((section.end - at) / section.rate_hz, at, section))
        at = section.end
    _, first, longest = max(spans, key=lambda span: span[0])
    if len(spans) > 1:
        told = ", ".join(f"{s.end - begin} at {float(s.rate_hz):g} Hz" for _, begin, s in spans[:6])
        more = "" if len(spans) <= 6 else ", ..."
        notes.append(f"{len(spans)} sections ({told}{more}): only the longest in time is read")
    seen = even_rate(stamps[first : longest.end] * step_s, step_s)
    if seen is not None:
        ratio = float(seen / longest.rate_hz)
        # stamps in nanoseconds where microseconds are meant, or the reverse, are no fault of the rate
        if min(abs(ratio / factor - 1.0) for factor in (1.0, 1e3, 1e-3)) > _RATE_TOLERANCE:
            said = f"expected the rate of the time stamps, {float(seen):.6g} Hz"
            fail(file, "samp", f"{said}, got {float(longest.rate_hz):.6g} (--rate decides)")
    return first, longest.end, longest.rate_hz
