"""From an instrument's intervals to what is judged: percentages, slots told twice, names that are needed."""

from __future__ import annotations

import numpy as np
import pytest

from flexcore.limits.files import newest, read_limit_set
from flexcore.limits.level import level_doubt
from flexcore.limits.measured import Intervals, Measured, Wanted
from flexcore.limits.vocabulary import phase_of
from support.limits import MONDAY_NS

S = 1_000_000_000


def intervals(times_s: list[float], **values: list[float]) -> Intervals:
    times = MONDAY_NS + (np.array(times_s) * S).astype(np.int64)
    columns = {name: np.array(column) for name, column in values.items()}
    return Intervals(times, np.zeros(times.size, np.bool_), columns, {})


def test_a_harmonic_is_in_percent_of_the_fundamental_of_its_own_interval() -> None:
    spectrum = np.zeros((4, 51))
    spectrum[:, 1] = [230.0, 200.0, 1.0, np.nan]
    spectrum[:, 5] = [11.5, 11.5, 11.5, 11.5]
    found = intervals([0.0, 600.0, 1200.0, 1800.0])
    found = Intervals(found.times_ns, found.flagged, {}, {"u_h_l1_v": spectrum})
    series = Measured({"10min": found}, 230.0).series("u_h05_l1_percent", "10min")
    assert series is not None
    assert series.values[:2] == pytest.approx([5.0, 5.75])
    assert np.isnan(series.values[2:]).all(), "1 V of 230 V is no fundamental"
    assert Measured({"10min": found}, 230.0).series("u_h05_l2_percent", "10min") is None
    told = Intervals(found.times_ns, found.flagged, {"u1_l1_v": np.full(4, 230.0)}, found.spectra)
    series = Measured({"10min": told}, 230.0).series("u_h05_l1_percent", "10min")
    assert series is not None
    assert series.values == pytest.approx([5.0] * 4)


def test_orders_that_a_rate_does_not_give_are_not_measured() -> None:
    spectrum = np.full((2, 51), np.nan)
    spectrum[:, 1] = 230.0
    told = intervals([0.0, 600.0])
    found = Intervals(told.times_ns, told.flagged, {}, {"u_h_l1_v": spectrum})
    assert Measured({"10min": found}, 230.0).series("u_h25_l1_percent", "10min") is None


def test_an_interval_that_was_told_twice_counts_as_it_was_told_last() -> None:
    found = intervals([600.0, 0.0, 600.3, 1200.0], u2_percent=[9.0, 1.0, 2.0, 3.0])
    series = Measured({"10min": found}, 230.0).series("u2_percent", "10min")
    assert series is not None
    assert list(series.values) == [1.0, 2.0, 3.0]
    found = intervals([3.0, 6.0, 3.1, 9.0], u2_percent=[9.0, 2.0, 1.0, 3.0])
    series = Measured({"3s": found}, 230.0).series("u2_percent", "3s")
    assert series is not None
    assert list(series.values) == [1.0, 2.0, 3.0]


def test_the_names_that_a_set_needs() -> None:
    wanted = Wanted(read_limit_set("en50160-mv"))
    assert wanted.intervals == ("10s", "10min", "2h")
    names = (
        "f_hz",
        "u_l1_v",
        "u_l31_v",
        "u_min_l1_v",
        "u1_l1_v",
        "u_h_l12_v",
        "u_ih_l1_v",
        "thd40_u_l2_percent",
    )
    assert wanted.among(names, "10min") == (
        "u_l1_v",
        "u_l31_v",
        "u1_l1_v",
        "u_h_l12_v",
        "thd40_u_l2_percent",
    )
    assert wanted.among(names, "3s") == ()
    assert wanted.among(("plt_l1", "plt_sliding_l1"), "2h") == ("plt_l1",)


@pytest.mark.parametrize(
    ("template", "name", "phase"),
    [
        ("u_{phase}_v", "u_l1_v", "l1"),
        ("u_{phase}_v", "u_l12_v", "l12"),
        ("u_{phase}_v", "u_l13_v", None),
        ("u_{phase}_v", "u_min_l1_v", None),
        ("plt_{phase}", "plt_sliding_l1", None),
        ("plt_{phase}", "plt_l31", "l31"),
        ("u2_percent", "u2_percent", None),
    ],
)
def test_the_phase_in_a_name(template: str, name: str, phase: str | None) -> None:
    assert phase_of(template, name) == phase


def test_the_newest_of_a_name() -> None:
    names = ("a-2010", "a-2010-a1-2015", "a-2022", "a-mv-2030", "b")
    assert newest("a", names) == "a-2022"
    assert newest("a", names[:2]) == "a-2010-a1-2015"
    assert newest("a-2010", names) == "a-2010"
    assert newest("a-mv", names) == "a-mv-2030"
    assert newest("b", names) == "b"
    assert newest("", names) is newest("c", names) is newest("a-20", names) is None
    assert read_limit_set("en50160-lv").id == "en50160-lv-2010-a1-2015"
    assert read_limit_set("netcode-lv").id == "netcode-lv"


def test_a_set_for_another_level_is_a_doubt() -> None:
    mv, lv = read_limit_set("en50160-mv"), read_limit_set("en50160-lv")
    assert level_doubt(mv, 10_500.0) is level_doubt(lv, 400.0) is level_doubt(lv, 1000.0) is None
    assert level_doubt(mv, 110_000.0) is not None
    assert "for 0 to 1000 V between phases, this busbar has 10500 V" in (level_doubt(lv, 10_500.0) or "")
