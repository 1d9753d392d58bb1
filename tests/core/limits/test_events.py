"""Events: the cells of each scheme at their boundaries, and clauses that count."""

import random
from datetime import UTC, datetime

import pytest

from flexcore.limits._counting import years_before
from flexcore.limits.data import Recorded
from flexcore.limits.evaluate import evaluate
from flexcore.limits.events import (
    EventLog,
    LimitDataError,
    SupplyEvent,
    cell_of,
    count_in_table,
    en50160_dip_table,
    netcode_class,
)
from flexcore.limits.files import parse_limit_set, read_limit_set
from flexcore.limits.itic import itic
from flexcore.limits.outcome import Evaluation, EventOutcome, Reason
from flexcore.limits.schema import EventType
from flexcore.limits.schemes import read_table
from flexcore.limits.vocabulary import DAY_NS, SECOND_NS
from support.limits import HEAD, MONDAY_NS, WEEK_NS

MV = read_limit_set("netcode-mv")


def dip(duration_s: float, residual_percent: float, start_ns: int = MONDAY_NS) -> SupplyEvent:
    return SupplyEvent(start_ns, duration_s, residual_percent, "dip")


def swell(duration_s: float, highest_percent: float) -> SupplyEvent:
    return SupplyEvent(MONDAY_NS, duration_s, highest_percent, "swell")


@pytest.mark.parametrize(
    ("event", "scheme", "cell"),
    [
        (dip(0.010, 80.0), "en50160-dips", "A1"),  # 90 > u >= 80; 10 <= t <= 200 ms
        (dip(0.200, 89.99), "en50160-dips", "A1"),
        (dip(0.2000001, 80.0), "en50160-dips", "A2"),
        (dip(0.500, 79.99), "en50160-dips", "B2"),
        (dip(0.501, 70.0), "en50160-dips", "B3"),
        (dip(1.0, 69.99), "en50160-dips", "C3"),
        (dip(1.001, 40.0), "en50160-dips", "C4"),
        (dip(5.0, 39.99), "en50160-dips", "D4"),
        (dip(60.0, 5.0), "en50160-dips", "D5"),
        (dip(60.0, 4.99), "en50160-dips", "X5"),
        (dip(0.010, 0.0), "en50160-dips", "X1"),
        (dip(0.0099, 50.0), "en50160-dips", None),
        (dip(60.001, 50.0), "en50160-dips", None),
        (dip(0.1, 90.0), "en50160-dips", None),
        (swell(0.1, 50.0), "en50160-dips", None),
        (swell(0.010, 120.0), "en50160-swells", "S1"),
        (swell(0.500, 119.99), "en50160-swells", "T1"),
        (swell(5.0, 400.0), "en50160-swells", "S2"),
        (swell(5.001, 110.0), "en50160-swells", "T3"),
        (swell(0.1, 109.9), "en50160-swells", None),
        (dip(0.010, 39.99), "netcode-dips", "B1"),
        (dip(0.200, 40.0), "netcode-dips", None),
        (dip(0.200, 0.0), "netcode-dips", "B1"),
        (dip(0.201, 69.99), "netcode-dips", "B2"),
        (dip(0.500, 70.0), "netcode-dips", None),
        (dip(0.501, 79.99), "netcode-dips", "C"),
        (dip(5.0, 0.0), "netcode-dips", "C"),
        (dip(5.001, 0.0), "netcode-dips", None),
    ],
)
def test_the_cell_at_a_boundary(event: SupplyEvent, scheme: str, cell: str | None) -> None:
    found = cell_of(scheme, event)
    assert (found.scheme, found.cell) == (scheme, cell)


def test_names_clash_so_the_scheme_is_always_told() -> None:
    event = dip(0.3, 75.0)
    assert en50160_dip_table([event]).scheme == "en50160-dips"
    assert cell_of("en50160-dips", event).cell == "B2"
    assert netcode_class(event).cell is None
    deep = dip(0.3, 60.0)
    assert (netcode_class(deep).cell, netcode_class(deep).scheme) == ("B2", "netcode-dips")
    assert cell_of("en50160-dips", deep).cell == "C2"


def test_every_dip_is_counted_once() -> None:
    rng = random.Random(3)
    dips = [dip(10 ** rng.uniform(-2.5, 2.2), rng.uniform(0.0, 95.0)) for _ in range(3000)]
    others = [swell(0.1, 115.0), SupplyEvent(0, 20.0, 2.0, "interruption"), SupplyEvent(0, 0.1, 4.0, "rvc")]
    table = en50160_dip_table([*dips, *others])
    assert sum(table.counts) + table.outside == 3000
    assert len(table.counts) == len(table.rows) * len(table.columns) == 25
    counts = dict(zip(table.cells, table.counts, strict=True))
    assert (
        counts["C4"] == sum(1.0 < e.duration_s <= 5.0 and 40.0 <= e.residual_percent < 70.0 for e in dips) > 0
    )
    assert (table.rows, table.columns) == (("A", "B", "C", "D", "X"), ("1", "2", "3", "4", "5"))
    assert table.column_titles[0] == "0.01-0.2 s"


@pytest.mark.parametrize(
    ("duration_s", "percent"), [(float("nan"), 50.0), (-1.0, 50.0), (0.1, float("inf")), (0.1, -1.0)]
)
def test_an_event_that_is_none_is_refused(duration_s: float, percent: float) -> None:
    with pytest.raises(LimitDataError, match="^event 1: "):
        count_in_table(read_table("en50160-dips"), [dip(0.1, 50.0), dip(duration_s, percent)])
    with pytest.raises(LimitDataError, match="^event 0: "):
        judge_mv(in_year(2023, 1, duration_s, percent))


@pytest.mark.parametrize(
    ("duration_s", "percent", "position"),
    [
        (0.02, 0.0, "inside"),
        (0.0201, 69.9, "below"),
        (0.0201, 70.0, "inside"),
        (0.5, 70.0, "inside"),
        (0.501, 79.9, "below"),
        (7.0, 80.0, "inside"),  # many copies have 90 % from 5 s on
        (10.0, 80.0, "inside"),
        (10.1, 89.9, "below"),
        (1e6, 90.0, "inside"),
        (1e6, 110.0, "inside"),
        (1e6, 110.1, "above"),
        (0.5, 120.0, "inside"),
        (0.501, 110.1, "above"),
        (0.003, 140.0, "inside"),
        (0.0031, 120.1, "above"),
        (0.001, 200.0, "inside"),
        (0.001, 200.1, "above"),
        (0.000166667, 500.0, "inside"),
        (0.0001, 100.0, "undefined"),
        (float("nan"), 100.0, "undefined"),
        (1.0, float("nan"), "undefined"),
    ],
)
def test_itic(duration_s: float, percent: float, position: str) -> None:
    found = itic(duration_s, percent)
    assert (found.position, found.scheme) == (position, "itic")


def test_itic_is_straight_over_the_logarithm_of_time() -> None:
    middle = itic((0.001 * 0.003) ** 0.5, 100.0)
    assert middle.upper_percent == pytest.approx(170.0)
    assert middle.lower_percent == 0.0


def judge_mv(
    events: list[SupplyEvent], *, start: int = 2021, end: int = 2026, watched: float = 100.0
) -> dict[str, EventOutcome]:
    a, b = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS for year in (start, end))
    found = evaluate(MV, Recorded({}), start_ns=a, end_ns=b, udin_v=5774.0, events=EventLog(events, watched))
    return {outcome.id: outcome for outcome in found.events}


def in_year(year: int, number: int, duration_s: float = 0.1, percent: float = 30.0) -> list[SupplyEvent]:
    start = int(datetime(year, 3, 1, tzinfo=UTC).timestamp()) * SECOND_NS
    return [dip(duration_s, percent, start + n * DAY_NS) for n in range(number)]


@pytest.mark.parametrize(("number", "verdict"), [(0, "pass"), (15, "pass"), (16, "fail")])
def test_the_mean_of_five_calendar_years_is_judged(number: int, verdict: str) -> None:
    outcome = judge_mv(in_year(2023, number))["dip-b1"]
    assert (outcome.verdict, outcome.count, outcome.max_per_year) == (verdict, number, 3.0)
    if verdict == "fail":
        assert outcome.reason == Reason(key="events", value=3.2, limit=3.0)


def test_of_a_longer_span_only_the_last_five_years_count() -> None:
    outcome = judge_mv([*in_year(2019, 40), *in_year(2023, 5)], start=2018)["dip-b1"]
    assert (outcome.verdict, outcome.count, outcome.judged_count) == ("pass", 45, 5)


def test_less_than_five_years_cannot_pass_but_can_fail() -> None:
    few = judge_mv(in_year(2025, 3), start=2025)["dip-b1"]
    assert (few.verdict, few.reason) == ("not_judged", Reason(key="short_span", value=365.0, limit=1826.0))
    assert judge_mv(in_year(2025, 16), start=2025)["dip-b1"].verdict == "fail"


def test_years_in_which_nobody_watched_do_not_pass() -> None:
    outcome = judge_mv([], watched=80.0)["dip-b1"]
    assert (outcome.verdict, outcome.reason) == ("not_judged", Reason(key="coverage", value=80.0, limit=90.0))


def test_each_dip_counts_for_its_own_class() -> None:
    events = [
        *in_year(2022, 2),
        *in_year(2022, 3, 0.3, 65.0),
        *in_year(2022, 4, 2.0, 75.0),
        *in_year(2022, 9, 0.1, 85.0),
    ]
    found = judge_mv(events)
    assert [found[name].count for name in ("dip-b1", "dip-b2", "dip-c")] == [2, 3, 4]
    assert found["dip-c"].worst_percent == 75.0
    assert found["dip-c"].longest_s == 2.0
    assert (found["dip-b2"].scheme, found["dip-b2"].cell) == ("netcode-dips", "B2")


def judge_week(name: str, events: EventLog | None) -> Evaluation:
    return evaluate(
        read_limit_set(name),
        Recorded({}),
        start_ns=MONDAY_NS,
        end_ns=MONDAY_NS + WEEK_NS,
        udin_v=230.0,
        events=events,
    )


def test_clauses_without_a_number_inform() -> None:
    kinds: list[tuple[float, float, EventType]] = [
        (180.0, 0.0, "interruption"),
        (180.1, 1.0, "interruption"),
        (0.3, 4.0, "rvc"),
    ]
    log = EventLog([SupplyEvent(MONDAY_NS + 5, *kind) for kind in kinds])
    found = {e.id: e for e in judge_week("en50160-lv-2010", log).events}
    assert {name: e.count for name, e in found.items()} == {
        "interruption-short": 1,
        "interruption-long": 1,
        "rvc": 1,
    }
    assert {e.reason for e in found.values()} == {Reason(key="informative")}
    changes = {e.id: e.count for e in judge_week("netcode-lv", log).events}
    assert changes == {"rvc-10": 0, "rvc-3": 1}


def test_events_outside_the_span_do_not_count() -> None:
    log = EventLog(
        [dip(0.1, 30.0, MONDAY_NS - 1), dip(0.1, 30.0, MONDAY_NS), dip(0.1, 30.0, MONDAY_NS + WEEK_NS)]
    )
    evaluation = judge_week("netcode-mv", log)
    assert evaluation.events[0].count == 1
    assert sum(evaluation.tables[0].counts) == 1


def test_without_a_list_of_events_nothing_is_said_of_them() -> None:
    evaluation = judge_week("netcode-mv", None)
    assert {e.reason for e in evaluation.events} == {Reason(key="no_events")}
    assert evaluation.tables == ()


def test_a_yearly_number_without_a_mean_is_of_one_year() -> None:
    limits = parse_limit_set(
        HEAD + '[[events]]\nid = "e"\ntitle_nl = "E"\ntitle_en = "E"\nclause = "1"\nmark = "r"\n'
        'types = ["dip", "swell"]\nmax_per_year = 2\n'
    )
    start = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS
    for number, verdict in ((2, "pass"), (3, "fail")):
        log = EventLog(in_year(2025, number))
        outcome = evaluate(
            limits, Recorded({}), start_ns=start, end_ns=start + 365 * DAY_NS, udin_v=1.0, events=log
        ).events[0]
        assert outcome.verdict == verdict


def test_years_before_a_leap_day() -> None:
    leap = int(datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp()) * SECOND_NS + 7
    assert years_before(leap, 5) == int(datetime(2023, 2, 28, 12, tzinfo=UTC).timestamp()) * SECOND_NS + 7
    assert years_before(leap, 4) == int(datetime(2024, 2, 28, 12, tzinfo=UTC).timestamp()) * SECOND_NS + 7
