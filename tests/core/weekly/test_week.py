"""``flexcore week`` over stores that hold known weeks, and over what is no store."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flexcore.errors import FlexcoreError, StoreError
from flexcore.limits.files import read_limit_set
from flexcore.limits.outcome import ClauseOutcome, Evaluation, Reason
from flexcore.model import Flag, Measurement
from flexcore.station import parse_station
from flexcore.store import Limits, Store, codec, schema
from flexcore.store.schema import FILE
from flexcore.weekly.judge import Question, judge, open_store
from flexcore.weekly.kept import event_log
from support.limits import HEAD as SET_HEAD
from support.limits import MONDAY_NS, WEEK_NS, clause
from support.stored_week import STATION, TEN_MINUTES_NS, TENS, UDIN_V, S, StoredWeek


def flexcore(*arguments: object, code: int = 0) -> str:
    """Standard output; where ``code`` is not 0, standard error."""
    command = [sys.executable, "-m", "flexcore.cli", "week", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stderr
    assert not (ended.stdout if code else ended.stderr)
    return ended.stderr if code else ended.stdout


def values_of(n: int) -> dict[str, float | None]:
    """By the number of the 10-min interval."""
    values: dict[str, float | None] = {}
    if n % 80 == 7:  # 13 of 1008 below 90 %: 10 may be, at medium voltage
        values["u_l2_v"] = 0.88 * UDIN_V
    if n == 500:  # beyond always
        values["u_l3_v"] = 1.16 * UDIN_V
    if n == 501:  # deeper, but flagged
        values["u_l3_v"] = 0.5 * UDIN_V
    if n < 100:  # 908 are left, 90.08 %
        values["u2_percent"] = None
    if n < 101:
        values["thd40_u_l1_percent"] = None
    return values


def harmonics_of(n: int) -> dict[tuple[str, int], float]:
    """51 of 1008 intervals above a limit is one too many."""
    shares = {}
    if n % 19 == 3 and n < 19 * 51:
        shares["l3", 5] = 6.5 + n / 10_000
        shares["l1", 7] = 4.95
    if n < 51:
        shares["l2", 11] = 3.6  # the first of these is flagged
    if n < 50:
        shares["l2", 13] = 3.1
    return shares


def flags_of(n: int) -> tuple[Flag, ...]:
    return {0: ("gap",), 501: ("dip",)}.get(n, ())  # type: ignore[return-value]


@pytest.fixture(scope="module")
def bad_week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a week with known violations, in a folder like the box's."""
    state = tmp_path_factory.mktemp("state")
    (state / "station.toml").write_text(STATION)
    folder = state / "store"
    folder.mkdir()
    week = StoredWeek(folder)
    week.tens(values=values_of, harmonics=harmonics_of, flags=flags_of)
    week.twos(lambda n: {"plt_l1": 1.25 + n / 100 if 10 <= n < 15 else 0.4})
    # 302 of 60 480 may lie beyond 1 %
    slow = {1000 + n: 49.4 for n in range(303)} | {50_000: 46.9}
    week.shorts("10s", 10 * S, ({"f_10s_hz": slow.get(n, 50.01)} for n in range(60_480)))
    week.ends()
    week.event("dip", 500_000.0, 0.15, 70.5)
    week.event("dip", 300_400.0, 0.3, 35.0)
    week.event("interruption", 10_000.0, 300.0, 0.5)
    week.event("rvc", 20_000.0, 1.0, 4.0)
    week.event("transient", 20_001.0, 0.001, 40.0)
    week.gap(0.0, 60.48)  # a ten-thousandth of the week
    week.store.close()
    return folder


@pytest.fixture(scope="module")
def judged(bad_week: Path) -> Evaluation:
    question = Question(read_limit_set("en50160-mv"), parse_station(STATION))
    (busbar,) = judge(bad_week, open_store(bad_week), question).busbars
    return busbar.evaluation


def outcome(evaluation: Evaluation, name: str) -> ClauseOutcome:
    return next(c for c in evaluation.clauses if c.id == name)


def test_the_newest_week_is_the_one_that_is_judged(judged: Evaluation) -> None:
    assert (judged.start_ns, judged.end_ns) == (MONDAY_NS, MONDAY_NS + WEEK_NS)
    assert (judged.limit_set, judged.udin_v) == ("en50160-mv-2010", pytest.approx(UDIN_V))


@pytest.mark.parametrize(
    ("name", "verdict", "phase", "percentile", "worst", "worst_at_s", "flagged", "missing", "outside"),
    [
        ("voltage-99", "fail", "l2", 0.88 * UDIN_V, 0.88 * UDIN_V, 7 * 600, 2, 0, 13),
        ("voltage-always", "fail", "l3", 1.16 * UDIN_V, 1.16 * UDIN_V, 500 * 600, 2, 0, 1),
        ("u2-95", "not_judged", None, 0.1, 0.1, None, 1, 100, 0),
        ("harmonic-h05", "fail", "l3", 6.5003, 6.5953, 953 * 600, 2, 0, 51),
        ("harmonic-h07", "pass", "l1", 4.95, 4.95, 3 * 600, 2, 0, 0),
        ("harmonic-h11", "pass", "l2", 0.1, 3.6, 600, 2, 0, 50),
        ("harmonic-h13", "pass", "l2", 0.1, 3.1, 600, 2, 0, 49),
        ("harmonic-h25", "pass", "l1", 0.1, 0.1, None, 2, 0, 0),
        ("thd-95", "not_judged", "l1", 0.1, 0.1, None, 1, 101, 0),
        ("plt-95", "fail", "l1", 1.35, 1.39, 14 * 7200, 0, 0, 5),
        ("frequency-99-5", "fail", None, 49.4, 46.9, 500_000, 0, 0, 304),
        ("frequency-always", "fail", None, 46.9, 46.9, 500_000, 0, 0, 1),
    ],
)
def test_a_clause(
    judged: Evaluation,
    name: str,
    verdict: str,
    phase: str | None,
    percentile: float,
    worst: float,
    worst_at_s: int | None,
    flagged: int,
    missing: int,
    outside: int,
) -> None:
    found = outcome(judged, name)
    channel = found.worst
    assert (found.verdict, channel.phase) == (verdict, phase)
    assert channel.percentile == pytest.approx(percentile, rel=2e-6)
    assert channel.worst == pytest.approx(worst, rel=2e-6)
    if worst_at_s is not None:
        assert channel.worst_ns == MONDAY_NS + worst_at_s * S
    # what is missing where it is flagged is missing
    assert (channel.flagged, channel.missing, channel.outside) == (flagged, missing, outside)
    assert channel.evaluated == channel.expected - flagged - missing
    assert channel.coverage_percent == pytest.approx(100.0 * channel.evaluated / channel.expected)


def test_what_is_not_said_of_is_undisturbed(judged: Evaluation) -> None:
    bad = {"voltage-99", "voltage-always", "u2-95", "thd-95", "plt-95", "harmonic-h05"}
    bad |= {"frequency-99-5", "frequency-always"}
    assert {c.id for c in judged.clauses if c.verdict != "pass"} == bad
    reason = outcome(judged, "u2-95").worst.reason
    assert reason == Reason(key="coverage", value=pytest.approx(100.0 * 907 / 1008), limit=90.0)


def test_events_are_counted_in_the_tables_of_the_set(judged: Evaluation) -> None:
    dips = next(t for t in judged.tables if t.scheme == "en50160-dips")
    assert {cell: n for cell, n in zip(dips.cells, dips.counts, strict=True) if n} == {"B1": 1, "D2": 1}
    rules = {e.id: (e.count, e.longest_s) for e in judged.events}
    assert rules == {"interruption-short": (0, None), "interruption-long": (1, 300.0), "rvc": (1, 1.0)}


def test_the_time_that_was_watched_is_without_gaps(bad_week: Path) -> None:
    span = (MONDAY_NS, MONDAY_NS + WEEK_NS)
    reader = open_store(bad_week)
    there = reader.span_of("bb1")
    assert there == span
    assert event_log(reader, "bb1", span, there, UDIN_V).watched_percent == pytest.approx(99.99)
    two = (MONDAY_NS, MONDAY_NS + 2 * WEEK_NS)
    assert event_log(reader, "bb1", two, there, UDIN_V).watched_percent == pytest.approx(49.995)


def test_the_program_says_the_same(bad_week: Path, judged: Evaluation) -> None:
    result = json.loads(flexcore(bad_week, "--limits", "en50160-mv", "--json"))
    assert result["schema"] == "flexcore-week-1"
    (busbar,) = result["busbars"]
    assert (busbar["busbar"], busbar["begin"]) == ("bb1", "2026-03-23T00:00:00.000000Z")
    assert busbar["evaluation"]["counts"] == {"passed": 23, "failed": 6, "not_judged": 5}
    assert [c["verdict"] for c in busbar["evaluation"]["clauses"]] == [c.verdict for c in judged.clauses]
    text = flexcore(bad_week / FILE, "--limits", "en50160-mv-2010", "--busbar", "bb1", "--phases")
    (line,) = [row for row in text.splitlines() if "Voltage, always" in row and row.startswith("FAIL")]
    assert " ".join(line.split()) == (
        "FAIL Voltage, always L3 4907.5 - 6639.5 V 6697.3 6697.3 2026-03-26 11:20:00 week 1006 2 0 99.802 % 1"
    )
    assert "Judged to neutral: voltages between phases" in text


def test_a_part_of_the_week_has_its_figures_and_no_verdict(bad_week: Path) -> None:
    arguments = ("--limits", "en50160-mv", "--from", "2026-03-23", "--to", "2026-03-23T12:00", "--json")
    (busbar,) = json.loads(flexcore(bad_week, *arguments))["busbars"]
    rules = {c["id"]: c for c in busbar["evaluation"]["clauses"]}
    voltage = rules["voltage-99"]["channels"][1]
    assert voltage["verdict"] == "not_judged"
    assert voltage["reason"] == {"key": "short_period", "value": 12.0, "limit": 168.0}
    assert voltage["worst"] == pytest.approx(0.88 * UDIN_V, rel=1e-6)
    # 303 of the first 4320 are too many of any week's 60 480
    assert rules["frequency-99-5"]["verdict"] == "fail"
    text = flexcore(bad_week, *arguments[:-1])
    assert "Voltage, 99 % of the week" in text
    assert ": 12 h of 168 h" in text


def test_voltages_between_phases_are_judged_where_there_are_any(tmp_path: Path) -> None:
    week = StoredWeek(tmp_path)

    def between(n: int) -> dict[str, float | None]:
        low = 0.88 if n < 20 else 1.0
        one = {"u_l12_v": 10_000.0, "u_l23_v": low * 10_000.0, "u_l31_v": 10_000.0}
        # an earth fault: no voltage of L1 to neutral, and all of it between phases
        return {**one, "u_l1_v": 1.0, "u1_l12_v": 10_000.0}

    week.tens(values=between)
    week.ends()
    week.store.close()
    for limits, verdict, phases in (
        ("en50160-mv", "fail", ["l12", "l23", "l31"]),
        ("en50160-lv", "fail", ["l1", "l2", "l3"]),
    ):
        question = Question(read_limit_set(limits), nominal_v=10_000.0)
        found = judge(tmp_path, open_store(tmp_path), question).busbars[0].evaluation
        voltage = outcome(found, "voltage-always" if limits == "en50160-lv" else "voltage-99")
        assert [c.phase for c in voltage.channels] == phases
        assert voltage.verdict == verdict
        assert voltage.between_phases == (limits == "en50160-mv")
        # no flicker between phases was told, so it is to neutral
        assert outcome(found, "plt-95").worst.phase == "l1"
    question = Question(read_limit_set("en50160-mv"), nominal_v=10_000.0)
    voltage = outcome(judge(tmp_path, open_store(tmp_path), question).busbars[0].evaluation, "voltage-99")
    assert (voltage.lower, voltage.upper) == (pytest.approx(9000.0), pytest.approx(11_000.0))
    assert voltage.worst.phase == "l23"
    assert voltage.worst.worst == pytest.approx(8800.0)
    assert voltage.worst.outside == 20


def test_a_rule_of_a_day_over_3_s_values(tmp_path: Path) -> None:
    """Signalling by a file of one's own: a day of seven has too many."""
    own = tmp_path / "own.toml"
    text = clause(
        99.0, "upper = 5.0", quantity="msv1_{phase}_v", interval="3s", period="day", reference="udin"
    )
    own.write_text(SET_HEAD + text)
    high = 0.06 * UDIN_V
    rest: dict[str, float | None] = {"u_l1_v": UDIN_V} | {f"msv1_{p}_v": 1.0 for p in ("l1", "l2", "l3")}
    week = StoredWeek(tmp_path)
    days, per_day = 2, 28_800
    loud = range(per_day + 1000, per_day + 1000 + 289)  # 288 may
    week.shorts(
        "3s", 3 * S, (rest | {"msv1_l2_v": high} if n in loud else rest for n in range(days * per_day))
    )
    week.store.close()
    begin_end = ("--from", "2026-03-23", "--to", "2026-03-25")
    result = json.loads(flexcore(tmp_path, "--limits", own, "--nominal-v", 10_000, *begin_end, "--json"))
    (rule,) = result["busbars"][0]["evaluation"]["clauses"]
    channel = rule["channels"][1]
    assert (rule["verdict"], channel["periods"], channel["periods_failed"]) == ("fail", 2, 1)
    assert (channel["evaluated"], channel["outside"]) == (days * per_day, 289)
    assert channel["worst_ns"] == MONDAY_NS + loud[0] * 3 * S
    assert channel["period_start_ns"] == MONDAY_NS + per_day * 3 * S


# --- beside a box that writes -----------------------------------------------------------------------------


def test_a_store_in_use_is_read_and_left_alone(tmp_path: Path) -> None:
    week = StoredWeek(tmp_path)
    week.tens(TENS // 2)
    week.ends()
    week.store._db.execute("BEGIN IMMEDIATE")  # the writer is in the middle of something
    before = (tmp_path / FILE).read_bytes()
    arguments = (tmp_path, "--limits", "en50160-mv", "--nominal-v", 10_000, "--json")
    result = json.loads(flexcore(*arguments))
    voltage = result["busbars"][0]["evaluation"]["clauses"][2]["channels"][0]
    assert (voltage["evaluated"], voltage["verdict"]) == (TENS // 2, "not_judged")
    assert (tmp_path / FILE).read_bytes() == before
    week.store._db.execute("COMMIT")
    week.tens(first=TENS // 2)
    result = json.loads(flexcore(*arguments))
    assert result["busbars"][0]["evaluation"]["clauses"][2]["channels"][0]["evaluated"] == TENS
    week.store.close()


def test_a_store_that_is_locked_is_one_line(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match=f"{tmp_path}: store: read: database is locked"):
        open_store(tmp_path, busy_s=0.1)
    other.execute("COMMIT")
    other.close()
    assert open_store(tmp_path).version() > 0


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expectation"),
    [
        (("--limits", "en50160-hv"), "en50160-hv: (name): expected one of en50160-lv-2010,"),
        (("--limits", "absent.toml"), "absent.toml: (file): expected a readable file"),
        (("--limits", "en50160-mv", "--busbar", "bb7"), "--busbar: expected one of bb1, got 'bb7'"),
        (("--limits", "en50160-mv", "--from", "yesterday"), "--from: expected a time in ISO 8601"),
        (("--limits", "en50160-mv", "--from", "9999-01-01"), "--from: expected a time in ISO 8601"),
        (("--limits", "en50160-mv", "--to", "1960-01-01"), "--to: expected a time in ISO 8601"),
        (("--limits", "en50160-mv", "--from", "2026-03-30", "--to", "2026-03-23"), "--from, --to: expected"),
        (
            ("--limits", "en50160-mv", "--from", "2026-01-01"),
            "bb1: expected values from 2026-01-01T00:00:00.000000Z to 2026-01-08T00:00:00.000000Z, got none",
        ),
        (("--limits", "netcode-mv", "--from", "2026-01-01"), "bb1: expected values from 2026-01-01"),
        (("--limits", "en50160-mv", "--station", "absent"), "absent: (file): expected a readable file"),
    ],
)
def test_bad_input_is_one_line(bad_week: Path, arguments: tuple[str, ...], expectation: str) -> None:
    error = flexcore(bad_week, *arguments, code=2)
    assert expectation in error
    assert error.count("\n") == 1


def test_a_set_with_an_error_names_file_key_and_expectation(bad_week: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(SET_HEAD + clause(quantity="u_l9_v"))
    error = flexcore(bad_week, "--limits", own, code=2)
    assert "own.toml: clause[0].quantity: expected a quantity of the instrument, got 'u_l9_v'" in error


def garbage(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)


def database_of_others(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE contacts (name TEXT)")
    db.commit()
    db.close()


def newer(file: Path) -> None:
    Store.open(file.parent).close()
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 99")
    db.close()


def without_rows(file: Path) -> None:
    Store.open(file.parent).close()


def fields_alone(file: Path) -> None:
    store = Store.open(file.parent, Limits(reserve_bytes=0))
    store.add_values([Measurement("f1", "3s", MONDAY_NS, 3 * S, {"i_l1_a": 1.0})])
    store.close()


@pytest.mark.parametrize(
    ("make", "expectation"),
    [
        (lambda _: None, "expected a store of flexcore (flexcore.db, or the folder that it is in)"),
        (garbage, "file is not a database"),
        (Path.touch, "expected a store of flexcore, got version 0"),
        (database_of_others, "expected a store of flexcore, got version 0"),
        (newer, "at most, got version 99"),
        (without_rows, "expected values of a busbar, got elements: none"),
        (fields_alone, "expected values of a busbar, got elements: f1"),
    ],
)
def test_what_is_no_store_is_one_line(tmp_path: Path, make: Any, expectation: str) -> None:
    make(tmp_path / FILE)
    question = Question(read_limit_set("en50160-mv"), nominal_v=10_000.0)
    with pytest.raises(FlexcoreError) as caught:
        judge(tmp_path, open_store(tmp_path), question)
    assert expectation in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_path_that_no_disk_has_is_one_line() -> None:
    error = flexcore("x" * 300, "--limits", "en50160-mv", code=2)
    assert "expected a store of flexcore: File name too long" in error
    assert error.count("\n") == 1


def test_a_spoilt_store_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "sound"
    folder.mkdir()
    week = StoredWeek(folder)
    week.tens(40)
    week.twos()
    week.shorts("10s", 10 * S, ({"f_10s_hz": 50.0 + n % 7 / 1000} for n in range(1500)))
    week.ends()
    week.event("dip", 5000.0, 0.2, 50.0)
    week.gap(0.0, 60.0)
    week.store.close()
    sound = (folder / FILE).read_bytes()
    dice = random.Random(7)
    refused = judged = 0
    for _ in range(150):
        spoilt = bytearray(sound)
        for _ in range(dice.choice((1, 2, 3, 40))):
            spoilt[dice.randrange(100, len(spoilt))] = dice.randrange(256)
        (tmp_path / FILE).write_bytes(
            spoilt[: dice.choice((len(spoilt),) * 3 + (dice.randrange(len(spoilt)),))]
        )
        question = Question(read_limit_set("en50160-mv"), nominal_v=10_000.0)
        try:
            judge(tmp_path, open_store(tmp_path), question)
            judged += 1
        except FlexcoreError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(error).startswith(str(tmp_path))
    assert judged > 10
    assert refused > 10


def test_without_a_station_the_declared_voltage_is_asked_for(tmp_path: Path) -> None:
    week = StoredWeek(tmp_path)
    week.ends()
    week.store.close()
    with pytest.raises(FlexcoreError, match="declared voltage, which no store holds"):
        judge(tmp_path, open_store(tmp_path), Question(read_limit_set("en50160-mv")))


def test_a_store_of_an_older_version_has_no_averages_and_says_so(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / FILE)
    for number in (1, 2):
        db.executescript(f"{schema.migrations()[number]}\nPRAGMA user_version = {number};")
    db.execute("INSERT INTO element VALUES (1, 'bb1', ?)", ((MONDAY_NS + TEN_MINUTES_NS) // 1000,))
    db.execute("INSERT INTO layout VALUES (1, 'u_l1_v')")
    record = codec.Record(1, 1, 0, 0, 3_000_000, codec.pack_values([230.0]))
    db.execute("INSERT INTO recent VALUES (?, ?)", (MONDAY_NS // (3 * S), codec.pack_record(record)))
    db.commit()
    db.close()
    question = Question(read_limit_set("en50160-lv"), nominal_v=400.0)
    with pytest.raises(StoreError, match="got none of 10s, 10min, 2h; there is 2026-03-23"):
        judge(tmp_path, open_store(tmp_path), question)
    # the writer brings it up to date, and what was there is there
    store = Store.open(tmp_path, Limits(reserve_bytes=0))
    assert store.reset == ""
    store.close()
    assert open_store(tmp_path).history("bb1", "3s", ["u_l1_v"], 0, 2**62).values["u_l1_v"][0] == 230.0
