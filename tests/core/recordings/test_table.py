"""CSV as instruments and spreadsheets write it, and how it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flexcore.errors import RecordingError
from flexcore.recordings import Recording, read_recording

COUNT = 50
U = np.round(np.sin(0.1 * np.arange(COUNT)), 6)
I = np.round(10.0 * np.cos(0.1 * np.arange(COUNT)), 6)  # noqa: E741


def read(folder: Path, text: str, rate: float | None = None, encoding: str = "utf-8") -> Recording:
    file = folder / "record.csv"
    file.write_bytes(text.encode(encoding))
    return read_recording(file, rate)


def lines(times: list[str], sign: str = ",", decimal: str = ".") -> str:
    rows = (f"{t}{sign}{u}{sign}{i}" for t, u, i in zip(times, U, I, strict=True))
    return "\n".join(rows).replace(".", decimal) + "\n"


@pytest.mark.parametrize(
    ("name", "factor", "unit_s"),
    [("time", 1.0, 1.0), ("t [ms]", 1e3, 1e-3), ("Zeit (us)", 1e6, 1e-6), ("tijd_s", 1.0, 1.0)],
)
def test_time_in_its_unit(tmp_path: Path, name: str, factor: float, unit_s: float) -> None:
    times = [f"{k / 3200 * factor:.4f}" if unit_s < 1.0 else f"{k / 3200:.7f}" for k in range(COUNT)]
    record = read(tmp_path, f"{name},U L1 [kV],I L1 (A)\n" + lines(times))
    assert record.rate_hz == 3200
    assert [(c.number, c.name, c.unit) for c in record.channels] == [(1, "U L1", "kV"), (2, "I L1", "A")]
    np.testing.assert_array_equal(record.values, [U, I])
    assert (record.start_ns, record.zone_s) == (None, None)


def test_semicolon_and_decimal_comma_in_cp1251(tmp_path: Path) -> None:
    times = [f"{k * 0.00005:.5f}" for k in range(COUNT)]
    record = read(tmp_path, "время, с;Ua;Ia ВЛ1\n" + lines(times, ";", ","), encoding="cp1251")
    assert record.rate_hz == 20_000
    assert record.channels[1].name == "Ia ВЛ1"
    np.testing.assert_array_equal(record.values, [U, I])


@pytest.mark.parametrize(("zone", "seconds"), [("", None), ("Z", 0), ("+02:00", 7200), ("-0530", -19800)])
def test_iso_times(tmp_path: Path, zone: str, seconds: int | None) -> None:
    times = [f"2024-05-06 07:08:{9 + k // 1000:02d}.{k % 1000:03d}{zone}" for k in range(COUNT)]
    record = read(tmp_path, "date,u,i\n" + lines(times))
    assert record.rate_hz == 1000
    assert record.zone_s == seconds
    assert record.start_ns == 1_714_979_289 * 10**9


def test_units_behind_names_but_a_phase_is_no_unit(tmp_path: Path) -> None:
    text = "u_l1_v,i_l1_a,U_A,Ia/kA,Ua kV,x\n" + "1,2,3,4,5,6\n" * 3
    record = read(tmp_path, text, 1000.0)
    assert [c.unit for c in record.channels] == ["v", "a", "", "kA", "kV", ""]


def test_without_a_header_or_a_time(tmp_path: Path) -> None:
    text = "# from a scope\n\n" + "\n".join(f"{u},{i}" for u, i in zip(U, I, strict=True))
    record = read(tmp_path, text, 6400.0)
    assert record.rate_hz == 6400
    np.testing.assert_array_equal(record.values, [U, I])
    with pytest.raises(
        RecordingError, match="record.csv: column 1: expected a column of times, or the rate by --rate"
    ):
        read(tmp_path, text)


def test_a_rate_that_is_given_goes_before_the_times(tmp_path: Path) -> None:
    record = read(tmp_path, "t,u,i\n" + lines([f"{k}" for k in range(COUNT)]), 1000.0)
    assert record.rate_hz == 1000
    assert len(record.channels) == 2
    assert "as given" in record.notes[0]


def test_empty_cells_and_rows_left_out_are_missing(tmp_path: Path) -> None:
    rows = ("t,u,i\n" + lines([f"{k / 1000:.3f}" for k in range(COUNT)])).splitlines()
    rows[1 + 5] = f"0.005,,{I[5]}"
    rows[1 + 6] = f"0.006,NaN,{I[6]}"
    del rows[1 + 20 : 1 + 30]
    record = read(tmp_path, "\n".join(rows))
    assert record.rate_hz == 1000
    assert record.count == COUNT
    assert np.flatnonzero(np.isnan(record.values[0])).tolist() == [5, 6, *range(20, 30)]
    assert np.flatnonzero(np.isnan(record.values[1])).tolist() == [*range(20, 30)]
    assert "10 rows are left out" in record.notes[0]


@pytest.mark.parametrize("step", [0.0008333, 1 / 800.214, 1 / 1023.7])
def test_a_rate_that_is_no_whole_number_is_kept(tmp_path: Path, step: float) -> None:
    times = [f"{k * step:.9f}" for k in range(COUNT)]
    record = read(tmp_path, "t,u,i\n" + lines(times))
    assert float(record.rate_hz) == pytest.approx(1.0 / step, rel=1e-6)


GOOD = "t,u,i\n" + lines([f"{k / 1000:.3f}" for k in range(COUNT)])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "(file): expected a header and rows"),
        ("t,u,i\n", "(file): expected a header and rows"),
        (GOOD.replace("0.003,", "0.003,1,"), "line 5: expected 3 columns, got 4"),
        (GOOD.replace(f"0.003,{U[3]}", "0.003,O.5"), "line 5, column 2: expected a number, got 'O.5'"),
        (GOOD.replace(f"0.003,{U[3]}", "0.003,inf"), "line 5, column 2: expected a number, got 'inf'"),
        (GOOD.replace(f"0.003,{U[3]}", "0.003,1e999"), "line 5, column 2: expected a number"),
        (GOOD.replace("0.003,", "0.0037,"), "column 1: expected times in even steps of 0.001 s"),
        (GOOD.replace("0.003,", "0.001,"), "column 1: expected times in even steps"),
        ("t,u\n" + "1,2\n" * 9, "column 1: expected times that increase"),
        (
            "t,u\n2024-05-06T07:08:09,1\n2024-05-06T07:08:0x,1\n",
            "line 3, column 1: expected a time in ISO 8601",
        ),
        ("t,u\n2024-05-46T07:08:09,1\n2024-05-46T07:08:10,1\n", "column 1: expected a time in ISO 8601"),
        ("t,u\n2024-05-06T07:08:09Z,1\n2024-05-06T07:08:10+01:00,1\n", "column 1: expected one time zone"),
        ("t,u\n0.0,1\n", "column 1: expected at least two rows"),
        (GOOD + "\0", "expected text, got a zero byte"),
        ("a" + ",a" * 5000 + "\n1\n", "expected at most 4096 columns"),
    ],
    ids=range(15),
)
def test_bad_tables_are_one_line_with_file_and_place(tmp_path: Path, text: str, names: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "record.csv"))
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)
