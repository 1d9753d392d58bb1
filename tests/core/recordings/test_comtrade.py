"""COMTRADE: files written by the standard's text, real recordings, and every way a header can lie."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flexcore.errors import RecordingError
from flexcore.recordings import read_recording
from flexcore.recordings.comtrade import read_header

COUNT = 60
RAW = np.array([[100 * np.sin(0.3 * k), 5.0 * k - 100] for k in range(COUNT)]).round().astype(int)


def cfg(
    form: str, revision: int = 1999, rate: str = "1200", count: int = COUNT, encoding: str = "utf-8"
) -> bytes:
    text = f"Подстанция,relay,{revision}\r\n" if revision > 1991 else "Подстанция,relay\r\n"
    text += "5,2A,3D\r\n"
    tail = ",1100.0,1,P" if revision > 1991 else ""
    secondary = ",200.0,5.0,S" if revision > 1991 else ""
    text += f"1,Ua,A,,kV,0.5,1.0,0,-32767,32767{tail}\r\n"
    text += f"3, Ia ,A,,A,0.25,0,13.5,-32767,32767{secondary}\r\n"
    text += "1,Trip,,,0\r\n2,Start,,,0\r\n3,Close,,,0\r\n"
    text += (
        f"50\r\n1\r\n{rate},{count}\r\n22/08/2016,16:04:22.000000\r\n22/08/2016,16:04:22.010000\r\n{form}\r\n"
    )
    text += "1\r\n" if revision > 1991 else ""
    text += "0,0\r\n0,0\r\n" if revision >= 2013 else ""
    return text.encode(encoding)


def dat(form: str) -> bytes:
    if form == "ASCII":
        lines = (f"{k + 1},{833 * k},{a},{b},0,1,0\r\n" for k, (a, b) in enumerate(RAW))
        return ("".join(lines) + "\x1a").encode()
    code = {"BINARY": "hh", "BINARY32": "ii", "FLOAT32": "ff"}[form]
    return b"".join(struct.pack(f"<II{code}H", k + 1, 833 * k, a, b, 2) for k, (a, b) in enumerate(RAW))


def write(folder: Path, header: bytes, data: bytes | None, suffix: str = ".dat") -> Path:
    file = folder / "record.cfg"
    file.write_bytes(header)
    if data is not None:
        file.with_suffix(suffix).write_bytes(data)
    return file


@pytest.mark.parametrize("revision", [1991, 1999, 2013])
@pytest.mark.parametrize("form", ["ASCII", "BINARY", "BINARY32", "FLOAT32"])
def test_every_format_and_revision(tmp_path: Path, form: str, revision: int) -> None:
    record = read_recording(write(tmp_path, cfg(form, revision), dat(form)))
    assert record.rate_hz == Fraction(1200)
    assert record.title.startswith("Подстанция")
    assert (record.form, record.count) == (f"COMTRADE {revision} {form}", COUNT)
    assert record.frequency_hz == 50.0
    ua, values = record.channel(1)
    assert (ua.name, ua.phase, ua.unit) == ("Ua", "A", "kV")
    np.testing.assert_allclose(values, 0.5 * RAW[:, 0] + 1.0)
    ia, values = record.channel("Ia")
    assert (ia.number, ia.skew_us) == (3, 13.5)
    ratio = 40.0 if revision > 1991 else 1.0
    np.testing.assert_allclose(values, 0.25 * RAW[:, 1] * ratio)
    with pytest.raises(KeyError):
        record.channel(2)


def test_text_in_cp1251_and_data_in_capitals(tmp_path: Path) -> None:
    file = write(tmp_path, cfg("binary", encoding="cp1251"), dat("BINARY"), ".DAT")
    assert read_recording(file).title.split()[0] == "Подстанция"


def test_records_beyond_the_promised_are_left_out(tmp_path: Path) -> None:
    data = dat("BINARY")
    record = read_recording(write(tmp_path, cfg("BINARY"), data + data[-14:]))
    assert record.values.shape == (2, COUNT)


def test_missing_samples_are_not_numbers(tmp_path: Path) -> None:
    data = bytearray(dat("BINARY"))
    struct.pack_into("<h", data, 14 * 5 + 8, -32768)
    record = read_recording(write(tmp_path, cfg("BINARY"), bytes(data)))
    assert np.flatnonzero(np.isnan(record.values[0])).tolist() == [5]
    lines = dat("ASCII").replace(b"\n1,0,0,", b"\n1,0,,")
    record = read_recording(write(tmp_path, cfg("ASCII"), lines.replace(b"1,0,0,", b"1,0,,", 1)))
    assert np.isnan(record.values[0, 0])


Change = Callable[[bytes], bytes]


def replace(old: bytes, new: bytes) -> Change:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda text: b"", "station_name"),
        (lambda text: text[: text.index(b"5,2A")], "TT,##A,##D"),
        (lambda text: text[: text.index(b"1,Trip")], "digital channel 1"),
        (lambda text: text + b"\0", "zero byte"),
        (replace(b"5,2A,3D", b"6,2A,3D"), "line 2: TT: expected 5"),
        (replace(b"5,2A,3D", b"5,2,3"), "line 2: TT,##A,##D"),
        (replace(b"5,2A,3D", b"3,0A,3D"), "line 2: ##A"),
        (replace(b"5,2A,3D", b"999999,999996A,3D"), "line 2: TT: expected 1 to 4096"),
        (replace(b"0.5,1.0", b"half,1.0"), "line 3: analogue channel 1: a: expected a number, got 'half'"),
        (replace(b"0.5,1.0", b"inf,1.0"), "line 3: analogue channel 1: a"),
        (replace(b"200.0,5.0,S", b"200.0,0,S"), "primary, secondary"),
        (replace(b"1,Ua,A,,kV,0.5", b"1,Ua"), "line 3: analogue channel 1: expected at least 10 columns"),
        (replace(b"\n50\r", b"\nfifty\r"), "lf: expected a number"),
        (replace(b"\n1\r\n1200", b"\n2\r\n1200"), "nrates: expected one sampling rate, got 2"),
        (replace(b"1200,60", b"0,60"), "samp: expected a rate"),
        (replace(b"1200,60", b"1200,0"), "endsamp: expected 1"),
        (replace(b"1200,60", b"1200"), "samp,endsamp"),
        (replace(b"BINARY", b"CFF"), "ft: expected ASCII, BINARY, BINARY32, FLOAT32, got 'CFF'"),
        (replace(b",1999", b",MMXX"), "rev_year: expected a whole number"),
    ],
)
def test_a_bad_header_is_one_line_with_file_and_field(tmp_path: Path, change: Change, names: str) -> None:
    file = write(tmp_path, change(cfg("BINARY")), dat("BINARY"))
    with pytest.raises(RecordingError) as caught:
        read_recording(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert names in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("header", "data", "names"),
    [
        (cfg("BINARY"), dat("BINARY")[:-1], "expected 60 records of 14 bytes as endsamp says, got 839 bytes"),
        (cfg("BINARY"), b"", "truncated"),
        (cfg("BINARY"), dat("BINARY") + b"x", "expected whole records of 14 bytes"),
        (cfg("BINARY", count=COUNT * 2), dat("BINARY"), "truncated"),
        (cfg("BINARY"), dat("BINARY")[4:] + bytes(4), "count by one"),
        (cfg("BINARY"), None, "expected a readable file"),
        (cfg("ASCII"), dat("ASCII")[:300], "truncated"),
        (cfg("ASCII"), dat("ASCII").replace(b",0,1,0", b",0,1", 1), "line 1: expected 7 columns, got 6"),
        (cfg("ASCII"), dat("ASCII").replace(b"2,833,30", b"2,833,3O"), "line 2, column 3: expected a number"),
        (cfg("ASCII"), dat("BINARY"), ".dat"),
    ],
    ids=range(10),
)
def test_bad_data_is_one_line_with_file_and_field(
    tmp_path: Path, header: bytes, data: bytes | None, names: str
) -> None:
    file = write(tmp_path, header, data)
    with pytest.raises(RecordingError) as caught:
        read_recording(file)
    message = str(caught.value)
    assert message.startswith(str(file.with_suffix(".dat")))
    assert names in message
    assert "\n" not in message


def test_without_a_rate_the_time_stamps_tell_it(tmp_path: Path) -> None:
    header = cfg("BINARY").replace(b"\n1\r\n1200,60", b"\n0\r\n0,60")
    record = read_recording(write(tmp_path, header, dat("BINARY")))
    assert record.rate_hz == Fraction(1200)
    text = read_recording(write(tmp_path, header.replace(b"BINARY", b"ASCII"), dat("ASCII")))
    assert text.rate_hz == Fraction(1200)
    uneven = bytearray(dat("BINARY"))
    struct.pack_into("<I", uneven, 14 * 30 + 4, 1)
    with pytest.raises(RecordingError, match="time stamps: expected an even rate"):
        read_recording(write(tmp_path, header, bytes(uneven)))


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="expected a readable file"):
        read_header(tmp_path / "none.cfg")


def recordings() -> Path:
    root = Path(__file__).parents[3]
    return Path(os.environ.get("FLEXCORE_DATA", root.parent / "shared" / "data")) / "waveforms"


@pytest.mark.parametrize(
    ("name", "channels", "count", "rate"),
    [("wisp2_110kV_2bus_11fields_50Hz", 55, 19_679, 1200), ("wisp3_interruption_50Hz", 24, 1360, 800)],
)
def test_real_recordings(name: str, channels: int, count: int, rate: int) -> None:
    file = recordings() / f"{name}.cfg"
    if not file.exists():
        pytest.skip(f"{file}: the recording is not here (FLEXCORE_DATA)")
    record = read_recording(file)
    assert record.values.shape[0] == channels
    assert record.rate_hz == Fraction(rate)
    assert np.isfinite(record.values).all()
    assert record.values.shape[1] == count
