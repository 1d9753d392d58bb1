"""One door for every kind of recording."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from flexcore.recordings.archive import read_archive
from flexcore.recordings.clipping import clipped_spans
from flexcore.recordings.comtrade import read_comtrade
from flexcore.recordings.faults import MAX_RATE_HZ, fail
from flexcore.recordings.recording import Recording
from flexcore.recordings.table import read_table

#: No voltage or current is larger in any unit, and the engine's single precision still holds it.
_ABSURD = 1e15

_READERS = {
    ".cfg": read_comtrade,
    ".dat": read_comtrade,
    ".cff": read_comtrade,
    ".csv": read_table,
    ".txt": read_table,
    ".tsv": read_table,
    ".npz": read_archive,
}


def read_recording(file: Path, rate_hz: float | Fraction | None = None) -> Recording:
    """The recording in ``file``, whose suffix tells its kind: .cfg/.dat/.cff, .csv/.txt/.tsv, .npz.

    ``rate_hz`` is the sampling rate where the file does not tell one, and goes before what it tells.

    Raises:
        RecordingError: one line with the file, the field and what was expected.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        fail(file, "(file)", f"expected one of {', '.join(_READERS)}, got {file.suffix!r}")
    rate = None
    if rate_hz is not None:
        rate = Fraction(rate_hz).limit_denominator(1_000_000)
        if not 0 < rate <= MAX_RATE_HZ:
            fail(file, "--rate", f"expected a rate up to 10 MHz, got {float(rate_hz):g}")
    recording = reader(file, rate)
    for channel, values in zip(recording.channels, recording.values, strict=True):
        if values.size and max(np.fmax.reduce(values), -np.fmin.reduce(values)) > _ABSURD:
            fail(file, f"channel {channel.number}", "expected values of a power system, got some above 1e15")
    saturated = tuple(
        clipped_spans(np.asarray(values), channel.ends, channel.step)
        for channel, values in zip(recording.channels, recording.values, strict=True)
    )
    channels = tuple(
        replace(channel, clipped=int((spans[:, 1] - spans[:, 0]).sum()))
        for channel, spans in zip(recording.channels, saturated, strict=True)
    )
    return replace(recording, channels=channels, saturated=saturated)
