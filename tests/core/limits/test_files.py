"""Limit-set files: a good one is read whole, a bad one is refused in one line with file, key, expectation."""

import itertools
from pathlib import Path

import pytest

from flexcore.errors import SettingsError
from flexcore.limits.files import limit_sets, parse_limit_set, read_limit_set
from flexcore.limits.itic import parse_curve
from flexcore.limits.schemes import parse_table, read_table
from flexcore.tomlfile import MAX_FILE_BYTES
from support.limits import HEAD, clause, small_set

HARMONICS = """
[[harmonics]]
id = "h"
title_nl = "Harmonische {order}"
title_en = "Harmonic {order}"
clause = "1"
mark = "r"
quantity = "u_h{order}_{phase}_percent"
interval = "10min"
period = "week"
share_percent = 95.0
reference = "fundamental"
[harmonics.upper]
5 = 6.0
"""

EVENTS = """
[[events]]
id = "dips"
title_nl = "Dips"
title_en = "Dips"
clause = "1"
mark = "S"
types = ["dip"]
"""

SIGNALLING = clause(
    99.0, "upper = 9.0", quantity="msv1_{phase}_v", interval="3s", period="day", reference="udin"
)


def test_a_family_becomes_a_clause_per_order() -> None:
    limit_set = parse_limit_set(HEAD + HARMONICS + "11 = 3.5\n")
    assert [c.id for c in limit_set.clauses] == ["h-h05", "h-h11"]
    assert limit_set.clauses[0].quantity == "u_h05_{phase}_percent"
    assert limit_set.clauses[1].title_nl == "Harmonische 11"


def test_one_may_write_a_clause_for_signalling() -> None:
    assert small_set(SIGNALLING).clauses[0].upper == 9.0


def test_a_file_of_ones_own_is_read_by_path(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(HEAD + clause())
    assert read_limit_set(file).id == read_limit_set(str(file)).id == "own"


def replaced(old: str, new: str) -> str:
    text = HEAD + clause() + HARMONICS + EVENTS
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "key", "expectation"),
    [
        ("[set", "(file)", "expected TOML"),
        ("x = " + "9" * 5000, "(file)", "4300 digits"),
        ("", "(file)", "missing required field set"),
        (HEAD, "clause", "expected at least one clause"),
        (HEAD + clause() + "colour = 1\n", "clause[0]", "unknown field colour"),
        (HEAD + clause() + '"a\\nb" = 1\n', "clause[0]", "unknown field a b"),
        (replaced("version = 1", "version = 0"), "set.version", ">= 1"),
        (replaced("version = 1", 'version = "1"'), "set.version", "expected int"),
        (replaced('voltage = "mv"', 'voltage = "hv"'), "set.voltage", "invalid enum value 'hv'"),
        (replaced('id = "own"', 'id = "Own"'), "set.id", "matching regex"),
        (replaced("upper = 2.0", f"upper = {'9' * 400}"), "(file)", "expected numbers up to 1e308"),
        (replaced("upper = 2.0", ""), "clause[0].upper", "expected a limit: lower, upper or both"),
        (replaced("upper = 2.0", 'upper = "2"'), "clause[0].upper", "expected float | null, got str"),
        (
            replaced("upper = 2.0", "upper = nan"),
            "clause[0].upper",
            "expected a number above the undisturbed 0",
        ),
        (replaced("upper = 2.0", "upper = inf"), "clause[0].upper", "expected a number above"),
        (replaced("upper = 2.0", "upper = -2.0"), "clause[0].upper", "expected a number above"),
        (replaced("upper = 2.0", "lower = 2.0"), "clause[0].lower", "expected a number below"),
        (replaced("share_percent = 95.0", "share_percent = 0"), "clause[0].share_percent", "> 0.0"),
        (replaced("share_percent = 95.0", "share_percent = 101"), "clause[0].share_percent", "<= 100.0"),
        (
            replaced('"u2_percent"', '"u9_percent"'),
            "clause[0].quantity",
            "expected a quantity of the instrument",
        ),
        (replaced('interval = "10min"', 'interval = "2h"'), "clause[0].interval", "expected 3s or 10min for"),
        (replaced('"positive_sequence"', '"udin"'), "clause[0].reference", "expected 'positive_sequence'"),
        (
            replaced('reference = "fundamental"', 'reference = "udin"'),
            "harmonics[0].reference",
            "'fundamental'",
        ),
        (replaced("5 = 6.0", "05 = 6.0"), "harmonics[0].upper.05", "expected an order from 2 to 50"),
        (replaced("5 = 6.0", "51 = 6.0"), "harmonics[0].upper.51", "expected an order from 2 to 50"),
        (replaced("5 = 6.0", "five = 6.0"), "harmonics[0].upper.five", "expected an order from 2 to 50"),
        (replaced("5 = 6.0", "5 = nan"), "harmonics[0].upper.5", "expected a number above"),
        (replaced("Harmonische {order}", "Harmonische"), "harmonics[0].title_nl", "expected {order} in it"),
        (
            replaced('["dip"]', '["dip"]\nscheme = "netcode-dips"'),
            "events[0].cell",
            "scheme and cell together",
        ),
        (
            replaced('["dip"]', '["dip"]\nscheme = "netcode-dips"\ncell = "A1"'),
            "events[0].cell",
            "expected a cell of netcode-dips (B1, B2, C), got 'A1'",
        ),
        (
            replaced('["dip"]', '["dip"]\nscheme = "cbema"\ncell = "A1"'),
            "events[0].scheme",
            "expected one of",
        ),
        (replaced('["dip"]', '["dip"]\nmax_per_year = inf'), "events[0].max_per_year", "finite"),
        (replaced('["dip"]', '["dip"]\nover_s = 2\nuntil_s = 1'), "events[0].until_s", "expected more than"),
        (replaced('["dip"]', '["sag"]'), "events[0].types[0]", "invalid enum value 'sag'"),
        (replaced('voltage = "mv"', 'voltage = "mv"\ntables = ["x"]'), "set.tables[0]", "expected one of"),
        (HEAD + clause() + clause(), "clause[1].id", "used once, 'a' is also clause[0]"),
        (replaced('id = "dips"', 'id = "h-h05"'), "events[0].id", "'h-h05' is also harmonics[0]"),
    ],
    ids=itertools.count(),
)
def test_a_bad_file_is_refused_in_one_line(text: str, key: str, expectation: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_limit_set(text, "own.toml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"own.toml: {key}: ")
    assert expectation in message


@pytest.mark.parametrize(
    ("content", "expectation"),
    [
        (None, "expected a readable file"),
        (b"\xff\xfe", "expected UTF-8 text"),
        (b"#" * (MAX_FILE_BYTES + 1), f"expected at most {MAX_FILE_BYTES} bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, expectation: str) -> None:
    file = tmp_path / "own.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=expectation) as caught:
        read_limit_set(file)
    assert str(file) in str(caught.value)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        read_limit_set("en50160-lv-1999")
    assert all(name in str(caught.value) for name in limit_sets())
    with pytest.raises(SettingsError, match="en50160-dips"):
        read_table("../sets/netcode-lv")


TABLE = """
[table]
id = "t"
title_nl = "T"
title_en = "T"
standard = "T"
mark = "S"
types = ["dip"]
"""
COLUMN = '[[column]]\nlabel = "1"\nfrom_s = 0.01\nto_s = 0.2\n'
ROW = '[[row]]\nlabel = "A"\nfrom_percent = 80.0\nbelow_percent = 90.0\n'


def test_a_bad_table_is_refused_in_one_line() -> None:
    assert parse_table(TABLE + COLUMN + ROW, "t.toml").cells[0].label == "A1"
    for text in (TABLE, TABLE + COLUMN, TABLE + ROW):
        with pytest.raises(SettingsError, match="^t.toml: cell: expected either rows and columns or cells$"):
            parse_table(text, "t.toml")
    with pytest.raises(SettingsError, match="^t.toml: cell A1: expected a label used once$"):
        parse_table(TABLE + COLUMN + ROW + ROW, "t.toml")
    with pytest.raises(SettingsError, match="^t.toml: cell A1: expected from_s < to_s"):
        parse_table(TABLE + COLUMN.replace("0.2", "nan") + ROW, "t.toml")


SEGMENT = "[[{}]]\nfrom_s = {}\nto_s = {}\nfrom_percent = {}\nto_percent = {}\n"


def test_a_bad_curve_is_refused_in_one_line() -> None:
    head = 'id = "c"\ntitle_nl = "C"\ntitle_en = "C"\nmark = "r"\n'
    lower = SEGMENT.format("lower", 0.001, "inf", 0, 0)
    torn = SEGMENT.format("upper", 0.001, 0.01, 200, 200) + SEGMENT.format("upper", 0.02, "inf", 110, 110)
    with pytest.raises(
        SettingsError, match=r"^c.toml: upper\[1\].from_s: expected the end of the segment before"
    ):
        parse_curve(head + torn + lower, "c.toml")
    with pytest.raises(SettingsError, match=r"^c.toml: upper\[0\].to_percent: expected a level last segment"):
        parse_curve(head + SEGMENT.format("upper", 0.001, "inf", 200, 110) + lower, "c.toml")
