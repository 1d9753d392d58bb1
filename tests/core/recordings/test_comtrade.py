"""COMTRADE: files written by the standard's text, real recordings, and every way a header can lie."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flexcore.errors import RecordingError
from flexcore.recordings import read_recording
from flexcore.recordings.comtrade import read_header
from support.comtrade_files import Written
from support.recording import read_binary, waveform

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
        (replace(b"\n1\r\n1200", b"\n2\r\n1200"), "line 11: samp: expected a number"),
        (replace(b"\n1\r\n1200,60", b"\n2\r\n1200,60\r\n2400,60"), "line 11: endsamp: expected 61"),
        (replace(b"\n50\r", b"\n-50\r"), "lf: expected a frequency"),
        (replace(b"BINARY\r\n1\r\n", b"BINARY\r\n0\r\n"), "timemult: expected a positive number"),
        (replace(b"1200,60", b"1e-300,60"), "samp: expected a rate"),
        (replace(b"0.5,1.0", b"1_0,1.0"), "a: expected a number, got '1_0'"),
        (replace(b"0.5,1.0", b"1e40,1.0"), "channel 1: expected values of a power system"),
        (replace(b"0.5,1.0", b"1e308,1.0"), "factors that give finite"),
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
    # 833 us: what the file says, and not what it may have meant
    assert record.rate_hz == Fraction(1_000_000, 833)
    text = read_recording(write(tmp_path, header.replace(b"BINARY", b"ASCII"), dat("ASCII")))
    assert text.rate_hz == Fraction(1_000_000, 833)
    uneven = bytearray(dat("BINARY"))
    struct.pack_into("<I", uneven, 14 * 30 + 4, 1)
    with pytest.raises(RecordingError, match="time stamps: expected an even rate"):
        read_recording(write(tmp_path, header, bytes(uneven)))


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="expected a readable file"):
        read_header(tmp_path / "none.cfg")


@pytest.mark.parametrize(
    ("name", "channels", "count", "rate"),
    [
        ("wisp2_110kV_2bus_11fields_50Hz", 55, 19_679, 1200.0),
        ("wisp3_interruption_50Hz", 24, 1360, 1359 / 1.698295),
    ],
)
def test_real_recordings(name: str, channels: int, count: int, rate: float) -> None:
    record = read_recording(waveform(name))
    assert record.values.shape == (channels, count)
    assert float(record.rate_hz) == pytest.approx(rate, rel=1e-9)
    assert np.isfinite(record.values).all()


def test_the_reader_agrees_with_an_independent_one() -> None:
    file = waveform("wisp2_110kV_2bus_11fields_50Hz")
    alone, rate_hz = read_binary(file)
    record = read_recording(file)
    assert rate_hz == record.rate_hz
    for name, values in alone.items():
        np.testing.assert_allclose(record.channel(name)[1], values[: record.count], rtol=1e-12)


SIGNALS = np.array([np.sin(0.3 * np.arange(400)), 50.0 * np.cos(0.3 * np.arange(400))])
CHANNELS = (("Ua", "A", "bay 1", "kV"), ("Ia", "A", "bay 1", "A"))


@pytest.mark.parametrize("form", ["ASCII", "BINARY", "BINARY32", "FLOAT32"])
@pytest.mark.parametrize("combined", [False, True])
def test_what_is_written_comes_back(tmp_path: Path, form: str, combined: bool) -> None:
    signals = SIGNALS.copy()
    signals[1, 17] = np.nan
    revision = 2013 if combined else 1999
    written = Written(CHANNELS, signals, form=form, revision=revision, zone="-5h30", digitals=17)
    if combined:
        file = tmp_path / "record.CFF"
        file.write_bytes(written.cff())
    else:
        file = written.write(tmp_path)
    record = read_recording(file)
    assert record.form == f"COMTRADE {revision} {form}"
    assert record.zone_s == (-19_800 if combined else None)
    assert record.start_ns == 1_471_881_862 * 10**9
    assert record.channels[0].component == "bay 1"
    np.testing.assert_allclose(record.values, signals, atol=30.0 / 30_000)
    assert np.flatnonzero(np.isnan(record.values[1])).tolist() == [17]


def test_a_combined_file_that_is_short_or_lacks_a_part(tmp_path: Path) -> None:
    file = tmp_path / "record.cff"
    whole = Written(CHANNELS, SIGNALS, revision=2013).cff()
    for raw, names in (
        (whole[:-5], "file type DAT: expected 5600 bytes, got 5595: truncated"),
        (whole.replace(b"file type: CFG", b"file kind: CFG"), "file type CFG: expected a line"),
        (whole.replace(b"DAT BINARY: 5600", b"DAT ASCII"), "file type DAT: expected BINARY as ft says"),
        (whole.replace(b"file type: INF", b"file type: CFG"), "file type CFG: expected it once"),
        (b"", "file type CFG"),
    ):
        file.write_bytes(raw)
        with pytest.raises(RecordingError, match=re.escape(names)):
            read_recording(file)


def test_secondary_values_are_made_primary(tmp_path: Path) -> None:
    ratios = ((10_000.0, 100.0, "S"), (400.0, 5.0, "P"))
    record = read_recording(Written(CHANNELS, SIGNALS, ratios=ratios).write(tmp_path))
    np.testing.assert_allclose(record.values, SIGNALS * [[100.0], [1.0]], atol=0.01)
    assert [channel.side for channel in record.channels] == ["scaled", "primary"]
    assert record.channels[0].step == pytest.approx(100.0 / 30_000, rel=1e-3)


def test_of_several_sections_the_longest_in_time_is_read(tmp_path: Path) -> None:
    sections = (("1200", 12), ("4800", 300), ("50", 303))
    record = read_recording(
        Written(CHANNELS, SIGNALS[:, :303], sections=sections, stamps_us=[0] * 303).write(tmp_path)
    )
    # 12 samples are 10 ms, 288 are 60 ms, 3 at 50 Hz are 60 ms too: the first of equals
    assert record.rate_hz == 4800
    assert record.count == 288
    assert record.start_ns == 1_471_881_862 * 10**9 + 10_000_000
    np.testing.assert_allclose(record.values[0], SIGNALS[0, 12:300], atol=1e-3)
    assert "3 sections" in record.notes[0]


def test_a_rate_that_the_time_stamps_deny_is_refused(tmp_path: Path) -> None:
    file = Written(CHANNELS, SIGNALS, rate="12800", stamps_us=(np.arange(400) * 156).tolist()).write(tmp_path)
    with pytest.raises(
        RecordingError, match="samp: expected the rate of the time stamps, 6410.26 Hz, got 12800"
    ):
        read_recording(file)
    assert read_recording(file, 6400).rate_hz == 6400


@pytest.mark.parametrize(
    ("revision", "start", "seconds"),
    [
        (1991, "08/22/16,16:04:22.5", 1_471_881_862.5),
        (1991, "22/08/16,16:04:22.5", 1_471_881_862.5),  # not by the letter, but there is no month 22
        (1999, "22/08/2016,16:04:22.5", 1_471_881_862.5),
        (2013, "22/08/2016,16:04:22.123456789", 1_471_881_862.123456789),
        (1999, "00/00/0000,00:00:00", None),
        (1999, "31/02/2016,16:04:22", None),
        (1999, ",", None),
    ],
)
def test_the_time_of_the_first_value(
    tmp_path: Path, revision: int, start: str, seconds: float | None
) -> None:
    record = read_recording(Written(CHANNELS, SIGNALS, revision=revision, start=start).write(tmp_path))
    expected = None if seconds is None else pytest.approx(seconds * 1e9, abs=200)
    assert record.start_ns == expected
    assert bool(record.notes) == (seconds is None)


def test_samples_at_the_end_of_the_range_are_counted(tmp_path: Path) -> None:
    written = Written(CHANNELS, SIGNALS)
    written.steps[:] = [0.8 / 32767, 50.0 / 30000]
    written.signals = np.clip(SIGNALS, [[-0.8], [-50.0]], [[0.8], [50.0]])
    record = read_recording(written.write(tmp_path))
    assert record.channels[0].ends == pytest.approx((-0.8, 0.8))
    assert record.channels[0].clipped > 50
    assert record.channels[1].clipped == 0
    assert [len(spans) > 20 for spans in record.saturated] == [True, False]
