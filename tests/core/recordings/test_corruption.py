"""Whatever is done to the bytes of a recording: it is read, or refused in one line, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flexcore.errors import RecordingError
from flexcore.recordings import Recording, read_recording
from support.comtrade_files import Written

SIGNALS = np.array([np.sin(0.3 * np.arange(40)), 50.0 * np.cos(0.3 * np.arange(40))])
CHANNELS = (("Ua", "A", "bay 1", "kV"), ("Ia", "A", "bay 1", "A"))
NASTY = [
    b"",
    b"-1",
    b"0",
    b"1e308",
    b"1e-308",
    b"nan",
    b"99999999999999999999",
    b"\xff",
    b",",
    b"\r\n",
    b"\0",
    b"1_0",
]

#: Up to four cuts: place (share of the length), bytes to drop, what is put there.
cuts = st.lists(
    st.tuples(
        st.floats(0.0, 1.0),
        st.integers(0, 12),
        st.one_of(st.sampled_from(NASTY), st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=4,
)
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
few = settings(many, max_examples=60)


def spoil(raw: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for share, drop, put in changes:
        at = int(share * len(raw))
        raw = raw[:at] + put + raw[at + drop :]
    return raw


def read_or_refuse(file: Path) -> None:
    try:
        record = read_recording(file)
    except RecordingError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(str(file.with_suffix(""))[:-1])
        return
    assert isinstance(record, Recording)
    assert record.values.shape == (len(record.channels), record.count)
    assert record.values.size <= 1 << 27
    assert not np.isinf(record.values).any()
    assert record.rate_hz > 0


@pytest.mark.parametrize("revision", [1991, 2013])
@many
@given(changes=cuts, length=st.floats(0.0, 1.2))
def test_a_spoilt_configuration(
    tmp_path: Path, revision: int, changes: list[tuple[float, int, bytes]], length: float
) -> None:
    written = Written(CHANNELS, SIGNALS, revision=revision)
    file = written.write(tmp_path)
    raw = spoil(written.cfg(), changes)
    file.write_bytes(raw[: int(length * len(raw))])
    read_or_refuse(file)


@pytest.mark.parametrize("form", ["ASCII", "BINARY", "FLOAT32"])
@few
@given(changes=cuts)
def test_spoilt_data(tmp_path: Path, form: str, changes: list[tuple[float, int, bytes]]) -> None:
    written = Written(CHANNELS, SIGNALS, form=form)
    file = written.write(tmp_path)
    file.with_suffix(".dat").write_bytes(spoil(written.dat(), changes))
    read_or_refuse(file)


@few
@given(changes=cuts)
def test_a_spoilt_combined_file(tmp_path: Path, changes: list[tuple[float, int, bytes]]) -> None:
    file = tmp_path / "record.cff"
    file.write_bytes(spoil(Written(CHANNELS, SIGNALS, revision=2013, form="ASCII").cff(), changes))
    read_or_refuse(file)


@many
@given(changes=cuts)
def test_a_spoilt_table(tmp_path: Path, changes: list[tuple[float, int, bytes]]) -> None:
    rows = "".join(f"{k / 1000:.3f};{SIGNALS[0, k]:.5f};{SIGNALS[1, k]:.5f}\n" for k in range(40))
    file = tmp_path / "record.csv"
    file.write_bytes(spoil(b"t [s];Ua [kV];Ia\n" + rows.replace(".", ",").encode(), changes))
    read_or_refuse(file)


@many
@given(changes=cuts, stored=st.booleans())
def test_a_spoilt_archive(tmp_path: Path, changes: list[tuple[float, int, bytes]], stored: bool) -> None:
    stream = io.BytesIO()
    save = np.savez if stored else np.savez_compressed
    save(stream, rate_hz=1000.0, Ua=SIGNALS[0], Ia=SIGNALS[1], start="2024-05-06T07:08:09")
    file = tmp_path / "record.npz"
    file.write_bytes(spoil(stream.getvalue(), changes))
    read_or_refuse(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record.cff", b"--- file type: CFG" + b" " * 20_000 + b"x\r\n"),
        ("record.cff", b"---" + b"\t" * 20_000 + b"file type: CFG\r\n"),
        ("record.cff", b"--- file type: DAT A" + b" " * 20_000 + b": 1" + b" " * 20_000 + b"\r\n"),
        ("record.csv", b"t,u" + b" " * 40_000 + b"(\n0,1\n1,1\n"),
        ("record.csv", b"s" + b"-" * 40_000 + b"x,u\n0,1\n1,1\n2,2\n"),
    ],
)
def test_a_long_line_costs_its_length_and_not_its_cube(tmp_path: Path, name: str, content: bytes) -> None:
    """With a search that tries every way to split the line this would not end."""
    file = tmp_path / name
    file.write_bytes(content)
    try:
        assert isinstance(read_recording(file), Recording)
    except RecordingError as error:
        assert "\n" not in str(error)
