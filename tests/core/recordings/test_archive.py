"""NumPy archives: what is documented, and headers that lie."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flexcore.errors import RecordingError
from flexcore.recordings import read_recording

U = np.sin(0.1 * np.arange(100))


def save(folder: Path, **arrays: Any) -> Path:
    file = folder / "record.npz"
    np.savez_compressed(file, **arrays)
    return file


def test_arrays_by_name(tmp_path: Path) -> None:
    arrays = {"bb1.u_l1": U, "bb1.u_l2": U.astype(np.float32), "f1.i_l1": np.arange(100, dtype=np.int16)}
    file = save(tmp_path, rate_hz=12_800.5, frequency_hz=60, start="2024-05-06T07:08:09.25+02:00", **arrays)
    record = read_recording(file)
    assert float(record.rate_hz) == 12_800.5
    assert (record.frequency_hz, record.zone_s) == (60.0, 7200)
    assert record.start_ns == 1_714_979_289_250_000_000
    assert [channel.name for channel in record.channels] == list(arrays)
    np.testing.assert_array_equal(record.channel("f1.i_l1")[1], np.arange(100))


def test_a_matrix_with_names_and_units(tmp_path: Path) -> None:
    values = np.array([U, 2 * U])
    values[1, 3] = np.nan
    times = np.arange(100) / 4000
    file = save(tmp_path, values=values, names=["Ua", "Ia"], units=["kV", "A"], time_s=times)
    record = read_recording(file)
    assert record.rate_hz == 4000
    assert [(c.name, c.unit) for c in record.channels] == [("Ua", "kV"), ("Ia", "A")]
    np.testing.assert_array_equal(record.values, values)
    assert read_recording(file, 5000).rate_hz == 5000


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ({"u": U}, "rate_hz: expected it, or time_s, or the rate by --rate"),
        ({"rate_hz": 1000}, "values: expected it, or an array per channel"),
        ({"u": U, "i": U[1:], "rate_hz": 1000}, "'i': expected 100 samples as 'u' has, got 99"),
        ({"u": U, "rate_hz": -1.0}, "rate_hz: expected a number up to"),
        ({"u": U, "rate_hz": np.nan}, "rate_hz: expected a number up to"),
        ({"u": U, "rate_hz": [1.0, 2.0]}, "rate_hz: expected one number"),
        ({"u": np.where(U > 0.9, np.inf, U), "rate_hz": 1000}, "u, sample 13: expected a finite number"),
        ({"u": np.array([object()]), "rate_hz": 1000}, "'u': expected numbers or text"),
        ({"u": U.astype(complex), "rate_hz": 1000}, "'u': expected numbers or text, got complex128"),
        ({"values": np.array([U]), "names": ["a", "b"], "rate_hz": 1000}, "names: expected 1 names"),
        ({"values": U, "names": ["a"], "rate_hz": 1000}, "values: expected numbers of shape"),
        ({"u": U, "rate_hz": 1000, "start": "yesterday"}, "start: expected a time in ISO 8601"),
        ({"u": U, "time_s": np.arange(100) ** 2}, "time_s: expected even steps"),
    ],
    ids=range(13),
)
def test_bad_archives_are_one_line_with_file_and_key(
    tmp_path: Path, arrays: dict[str, Any], names: str
) -> None:
    file = save(tmp_path, **arrays)
    with pytest.raises(RecordingError) as caught:
        read_recording(file)
    assert str(caught.value).startswith(str(file))
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_header_that_promises_more_than_is_there_allots_nothing(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    )
    file = tmp_path / "record.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("u.npy", stream.getvalue() + bytes(80))
    with pytest.raises(RecordingError, match="'u': expected 8796093022208 bytes as its header says, got 80"):
        read_recording(file)


def test_a_bomb_is_refused_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "record.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(40):
            archive.writestr(f"u{n}.npy", bytes(1 << 25))
    assert file.stat().st_size < 2 << 20
    with pytest.raises(RecordingError, match="expected at most 134217728 values"):
        read_recording(file)


def test_no_archive_at_all(tmp_path: Path) -> None:
    file = tmp_path / "record.npz"
    file.write_bytes(b"no archive")
    with pytest.raises(RecordingError, match="expected a NumPy archive"):
        read_recording(file)
    with pytest.raises(RecordingError, match=r"expected one of \.cfg"):
        read_recording(tmp_path / "record.pdf")
