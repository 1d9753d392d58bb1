"""NumPy archives (.npz), without pickles.

Keys:

- ``rate_hz``: a number (or ``time_s``: one-dimensional, even steps; or the rate given by ``--rate``);
- ``values``: (channels, samples), with ``names`` (text, one per channel) and optionally ``units``; or each
  channel as a one-dimensional array under its own name, e.g. ``bb1.u_l1``, all of one length;
- optional ``frequency_hz`` (nominal) and ``start`` (text, ISO 8601, with its zone or without).

Values are in V and A where ``units`` does not say otherwise; not-a-number is a missing sample.
"""

from __future__ import annotations

import io
import lzma
import math
import zipfile
import zlib
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as _format

from flexcore.recordings.faults import MAX_CHANNELS, MAX_RATE_HZ, MAX_VALUES, check_size, fail, load, shown
from flexcore.recordings.recording import Channel, Recording, Values
from flexcore.recordings.timing import even_rate, nanoseconds

_SPECIAL = ("rate_hz", "time_s", "frequency_hz", "start", "names", "units", "values")
_MAX_TEXT_BYTES = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,  # a compression that Python does not know
    RuntimeError,  # encrypted
    SyntaxError,  # a header that is no literal
    MemoryError,
    OverflowError,
    RecursionError,
)
# NumPy does not say the types of these
_npy: Any = _format
_Array = npt.NDArray[np.generic]


def _load_all(raw: bytes, file: Path) -> dict[str, _Array]:
    """All arrays; each one's header is held against its size before anything is allotted."""
    arrays: dict[str, _Array] = {}
    name = "(file)"
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            if len(members) > MAX_CHANNELS + len(_SPECIAL):
                fail(file, "(file)", f"expected at most {MAX_CHANNELS} arrays, got {len(members)}")
            if sum(member.file_size for member in members) > 8 * MAX_VALUES + _MAX_TEXT_BYTES:
                fail(file, "(file)", f"expected at most {MAX_VALUES} values")
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as stream:
                    data = stream.read(member.file_size)
                arrays[name] = _array(data, file, name)
    except _BROKEN as error:
        if isinstance(error, ValueError) and hasattr(error, "hint"):
            raise  # ours already
        what = " ".join(str(error).split())[:120] or type(error).__name__
        fail(file, shown(name), f"expected a NumPy archive: {what}")
    return arrays


def _array(data: bytes, file: Path, name: str) -> _Array:
    stream = io.BytesIO(data)
    version = _npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = _npy.read_array_header_1_0(stream)
    else:
        shape, _, dtype = _npy.read_array_header_2_0(stream)
    if dtype.hasobject or dtype.kind not in "fiuUSM" or dtype.itemsize > _MAX_TEXT_BYTES:
        fail(file, shown(name), f"expected numbers or text, got {dtype}")
    need, have = math.prod(shape) * dtype.itemsize, len(data) - stream.tell()
    if need != have:
        fail(file, shown(name), f"expected {need} bytes as its header says, got {have}")
    stream.seek(0)
    return np.asarray(_npy.read_array(stream, allow_pickle=False))


def _number(arrays: dict[str, _Array], key: str, file: Path, high: float) -> float | None:
    if key not in arrays:
        return None
    array = arrays[key]
    if array.size != 1 or array.dtype.kind not in "fiu":
        fail(file, key, "expected one number")
    value = float(array.reshape(-1)[0])
    if not 0.0 < value <= high:
        fail(file, key, f"expected a number up to {high:g}, got {value:g}")
    return value


def _texts(arrays: dict[str, _Array], key: str, file: Path) -> list[str] | None:
    if key not in arrays:
        return None
    array = arrays[key]
    if array.dtype.kind != "U" or array.ndim > 1 or array.size > MAX_CHANNELS:
        fail(file, key, "expected text")
    return [" ".join(str(text).split())[:200] for text in array.reshape(-1)]


def _samples(arrays: dict[str, _Array], file: Path) -> tuple[list[str], Values]:
    if "values" in arrays:
        array = arrays["values"]
        names = _texts(arrays, "names", file) or []
        if array.dtype.kind not in "fiu" or array.ndim != 2 or not array.size:
            fail(file, "values", f"expected numbers of shape (channels, samples), got {array.shape}")
        if len(names) != array.shape[0]:
            fail(file, "names", f"expected {array.shape[0]} names, one per channel, got {len(names)}")
        check_size(file, "values", array.shape[0], array.shape[1])
        return names, array.astype(np.float64)
    names = [name for name in arrays if name not in _SPECIAL]
    if not names:
        fail(file, "values", "expected it, or an array per channel")
    for name in names:
        array, first = arrays[name], arrays[names[0]]
        if array.ndim != 1 or array.dtype.kind not in "fiu" or not array.size:
            fail(file, shown(name), f"expected numbers of shape (samples,), got {array.shape} {array.dtype}")
        if array.shape != first.shape:
            fail(file, shown(name), f"expected {first.size} samples as {names[0]!r} has, got {array.size}")
    check_size(file, "(data)", len(names), arrays[names[0]].size)
    return names, np.array([arrays[name].astype(np.float64) for name in names])


def _start(arrays: dict[str, _Array], file: Path) -> tuple[int | None, int | None]:
    texts = _texts(arrays, "start", file)
    if texts is None:
        return None, None
    try:
        moment = datetime.fromisoformat(texts[0] if texts else "")
    except ValueError:
        fail(file, "start", f"expected a time in ISO 8601, got {shown(texts[0] if texts else '')}")
    if not 1970 <= moment.year <= 2199:
        fail(file, "start", f"expected a time from 1970 to 2199, got {texts[0]}")
    offset = moment.utcoffset()
    zone_s = None if offset is None else offset // timedelta(seconds=1)
    return nanoseconds(moment.replace(tzinfo=None)), zone_s


def read_archive(file: Path, rate_hz: Fraction | None = None) -> Recording:
    """The recording in an .npz ``file``; ``rate_hz`` goes before what it says.

    Raises:
        RecordingError: with the file, the key and what was expected.
    """
    arrays = _load_all(load(file), file)
    names, values = _samples(arrays, file)
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        fail(file, f"{names[row]}, sample {column + 1}", "expected a finite number")
    units = _texts(arrays, "units", file) or [""] * len(names)
    if len(units) != len(names):
        fail(file, "units", f"expected {len(names)} units, one per channel, got {len(units)}")
    rate = rate_hz
    told = _number(arrays, "rate_hz", file, MAX_RATE_HZ)
    if rate is None and told is not None:
        rate = Fraction(told).limit_denominator(1_000_000)
    if rate is None and "time_s" in arrays:
        times = arrays["time_s"]
        if times.dtype.kind not in "fiu" or times.shape != (values.shape[1],):
            fail(file, "time_s", f"expected one number per sample ({values.shape[1]}), got {times.shape}")
        rate = even_rate(times.astype(np.float64), 1e-9)
        if rate is None:
            fail(file, "time_s", "expected even steps")
    if not rate:
        fail(file, "rate_hz", "expected it, or time_s, or the rate by --rate")
    start_ns, zone_s = _start(arrays, file)
    return Recording(
        source=file.name,
        form="NumPy archive",
        title="",
        channels=tuple(Channel(number=n + 1, name=name, unit=units[n]) for n, name in enumerate(names)),
        values=values,
        rate_hz=rate,
        frequency_hz=_number(arrays, "frequency_hz", file, 1000.0),
        start_ns=start_ns,
        zone_s=zone_s,
    )
