"""The shipped limit sets and tables: they parse, hold together, and hold the numbers of their standards."""

import math
import tomllib
from importlib import resources

import pytest

from flexcore.limits.files import limit_sets, read_limit_set
from flexcore.limits.itic import itic_curve
from flexcore.limits.schema import Clause
from flexcore.limits.schemes import read_table, tables
from flexcore.limits.vocabulary import channels, measurand

EN50160 = ("en50160-lv-2010", "en50160-lv-2010-a1-2015", "en50160-mv-2010")

#: EN 50160:2010, harmonics in percent of the fundamental, typed in apart from the files.
TABLE_2010 = {5: 6.0, 7: 5.0, 11: 3.5, 13: 3.0, 17: 2.0, 19: 1.5, 23: 1.5, 25: 1.5}
TABLE_2010 |= {3: 5.0, 9: 1.5, 15: 0.5, 21: 0.5, 2: 2.0, 4: 1.0} | dict.fromkeys(range(6, 25, 2), 0.5)


def clauses(name: str) -> dict[str, Clause]:
    return {clause.id: clause for clause in read_limit_set(name).clauses}


def harmonics(name: str, prefix: str = "harmonic-h") -> dict[int, float | None]:
    found = clauses(name)
    return {int(key.removeprefix(prefix)): c.upper for key, c in found.items() if key.startswith(prefix)}


def test_the_sets_of_the_manual_are_there() -> None:
    assert limit_sets() == (
        "en50160-lv-2010",
        "en50160-lv-2010-a1-2015",
        "en50160-mv-2010",
        "netcode-lv",
        "netcode-mv",
    )


@pytest.mark.parametrize("name", limit_sets())
def test_each_set_is_named_like_its_file_and_speaks_of_known_quantities(name: str) -> None:
    limit_set = read_limit_set(name)
    assert limit_set.id == name
    ids = [c.id for c in limit_set.clauses] + [e.id for e in limit_set.events]
    assert len(set(ids)) == len(ids) > 0
    assert limit_set.head.sources
    for clause in limit_set.clauses:
        row = measurand(clause.quantity)
        assert row is not None
        for quantity, _ in channels(clause.quantity):
            assert measurand(quantity) is row
            assert quantity.endswith({"V": "_v", "Hz": "_hz", "%": "_percent", "": ""}[row.unit])


@pytest.mark.parametrize("name", limit_sets())
def test_each_set_says_what_it_leaves_out_and_why(name: str) -> None:
    raw = tomllib.loads((resources.files("flexcore.limits") / "sets" / f"{name}.toml").read_text())
    assert len(raw["left_out"]) >= 2
    assert all(item["reason_nl"] and item["reason_en"] for item in raw["left_out"])


@pytest.mark.parametrize("name", ["en50160-lv-2010", "en50160-mv-2010"])
def test_the_harmonics_are_those_of_the_standard(name: str) -> None:
    assert harmonics(name) == TABLE_2010


def test_amendment_a1_differs_from_2010_in_h15_and_h21_only() -> None:
    old, new = clauses("en50160-lv-2010"), clauses("en50160-lv-2010-a1-2015")
    differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    assert differing == {"harmonic-h15", "harmonic-h21"}
    assert (new["harmonic-h15"].upper, new["harmonic-h21"].upper) == (1.0, 0.75)


def test_the_netcode_takes_the_amended_harmonics_and_has_half_as_much_again_for_999() -> None:
    amended = TABLE_2010 | {15: 1.0, 21: 0.75}
    assert harmonics("netcode-lv") == amended
    assert harmonics("netcode-lv", "harmonic-999-h") == {h: 1.5 * limit for h, limit in amended.items()}
    assert clauses("netcode-lv")["harmonic-999-h21"].upper == 1.125


@pytest.mark.parametrize(
    ("name", "clause", "share", "lower", "upper"),
    [
        *((name, "frequency-99-5", 99.5, 99.0, 101.0) for name in EN50160),
        *((name, "frequency-always", 100.0, 94.0, 104.0) for name in EN50160),
        *((name, "plt-95", 95.0, None, 1.0) for name in (*EN50160, "netcode-lv")),
        *((name, "u2-95", 95.0, None, 2.0) for name in (*EN50160, "netcode-lv")),
        *((name, "thd-95", 95.0, None, 8.0) for name in (*EN50160, "netcode-lv")),
        *((name, "voltage-95", 95.0, 90.0, 110.0) for name in (*EN50160[:2], "netcode-lv")),
        *((name, "voltage-always", 100.0, 85.0, 110.0) for name in (*EN50160[:2], "netcode-lv")),
        ("en50160-mv-2010", "voltage-99", 99.0, 90.0, 110.0),
        ("en50160-mv-2010", "voltage-always", 100.0, 85.0, 115.0),
        ("netcode-lv", "plt-always", 100.0, None, 5.0),
        ("netcode-lv", "u2-always", 100.0, None, 3.0),
        ("netcode-lv", "thd-999", 99.9, None, 12.0),
    ],
)
def test_a_limit(name: str, clause: str, share: float, lower: float | None, upper: float | None) -> None:
    found = clauses(name)[clause]
    assert (found.share_percent, found.lower, found.upper) == (share, lower, upper)


def test_what_was_not_confirmed_is_marked() -> None:
    marks = {c.id: c.mark for c in read_limit_set("netcode-lv").clauses}
    assert {key for key, mark in marks.items() if mark == "r"} == {
        *(f"harmonic-999-h{h:02d}" for h in TABLE_2010),
        "thd-95",
        "thd-999",
    }


def test_the_netcode_judges_the_sliding_plt_and_en_50160_the_discrete_one() -> None:
    assert clauses("netcode-lv")["plt-95"].quantity == "plt_sliding_{phase}"
    assert clauses("en50160-mv-2010")["plt-95"].quantity == "plt_{phase}"


def test_the_netcode_dips_are_three_classes_over_five_years() -> None:
    rules = read_limit_set("netcode-mv").events
    assert [(e.cell, e.max_per_year, e.mean_years) for e in rules] == [
        ("B1", 3.0, 5),
        ("B2", 4.0, 5),
        ("C", 4.0, 5),
    ]


def test_the_tables_cover_their_ground_without_holes() -> None:
    assert tables() == ("en50160-dips", "en50160-swells", "netcode-dips")
    for name in ("en50160-dips", "en50160-swells"):
        table = read_table(name)
        assert len(table.cells) == len(table.rows) * len(table.columns)
        for left, right in zip(table.columns, table.columns[1:], strict=False):
            assert left.to_s == right.from_s
        for above, below in zip(table.rows, table.rows[1:], strict=False):
            assert above.from_percent == below.below_percent


def test_the_itic_curve_ends_never() -> None:
    curve = itic_curve()
    assert math.isinf(curve.upper[-1].to_s)
    assert math.isinf(curve.lower[-1].to_s)
