"""Weeks of known values: verdicts, percentiles, what is left out and what is missing."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from flexcore.limits.data import Recorded, Series
from flexcore.limits.evaluate import evaluate, periods
from flexcore.limits.events import LimitDataError
from flexcore.limits.files import limit_sets, read_limit_set
from flexcore.limits.outcome import ChannelOutcome, ClauseOutcome, Evaluation, Reason
from flexcore.limits.schema import LimitSet
from flexcore.limits.vocabulary import DAY_NS, INTERVAL_NS, SECOND_NS, Interval, channels
from support.limits import MONDAY_NS, TEN_MINUTES_NS, WEEK_NS, clause, recorded, series, small_set

N = 1008
UPPER_2 = small_set(clause(95.0, "upper = 2.0"))
ALWAYS_2 = small_set(clause(100.0, "upper = 2.0"))


def judge(
    limit_set: LimitSet, data: Recorded, *, start_ns: int = MONDAY_NS, length_ns: int = WEEK_NS
) -> Evaluation:
    return evaluate(limit_set, data, start_ns=start_ns, end_ns=start_ns + length_ns, udin_v=230.0)


def only(evaluation: Evaluation) -> ChannelOutcome:
    (outcome,) = evaluation.clauses
    (channel,) = outcome.channels
    return channel


def by_id(evaluation: Evaluation) -> dict[str, ClauseOutcome]:
    return {outcome.id: outcome for outcome in evaluation.clauses}


def test_a_week_of_known_values_has_the_percentile_that_counting_gives() -> None:
    values = np.random.default_rng(1).permutation(np.arange(1.0, N + 1)) / 1000.0
    outcome = only(judge(UPPER_2, recorded(values)))
    assert outcome.verdict == "pass"
    assert outcome.percentile == 0.958
    assert outcome.percentile_percent == pytest.approx(47.9)
    assert outcome.worst == 1.008
    assert outcome.worst_ns == MONDAY_NS + int(values.argmax()) * TEN_MINUTES_NS
    assert (outcome.expected, outcome.evaluated, outcome.flagged, outcome.missing) == (N, N, 0, 0)
    assert outcome.coverage_percent == 100.0


@pytest.mark.parametrize(("outside", "verdict"), [(0, "pass"), (50, "pass"), (51, "fail"), (N, "fail")])
def test_of_1008_values_50_may_lie_outside_95_percent(outside: int, verdict: str) -> None:
    values = np.ones(N)
    values[:outside] = 3.0
    outcome = only(judge(UPPER_2, recorded(values)))
    assert outcome.verdict == verdict
    assert outcome.outside == outside
    assert outcome.within_percent == pytest.approx(100.0 * (N - outside) / N)
    assert outcome.percentile == (3.0 if verdict == "fail" else 1.0)
    if verdict == "fail":
        assert outcome.reason == Reason(key="outside", value=outcome.within_percent, limit=95.0)


@pytest.mark.parametrize("share", [95.0, 99.0, 100.0])
def test_a_week_at_the_limit_passes_and_a_week_just_above_it_fails(share: float) -> None:
    limit_set = small_set(clause(share, "upper = 2.0"))
    at = only(judge(limit_set, recorded(np.full(N, 2.0))))
    assert (at.verdict, at.outside, at.percentile_percent) == ("pass", 0, 100.0)
    above = only(judge(limit_set, recorded(np.full(N, 2.000001))))
    assert (above.verdict, above.outside) == ("fail", N)


@pytest.mark.parametrize("udin_v", [230.0, 400.0 / 3**0.5, 10_000.0 / 3**0.5, 10_750.0 / 3**0.5])
@pytest.mark.parametrize("percent", [90.0, 110.0])
def test_rounding_of_udin_does_not_fail_a_voltage_at_its_limit(udin_v: float, percent: float) -> None:
    limits = small_set(clause(100.0, "lower = 90.0\nupper = 110.0", quantity="u_{phase}_v", reference="udin"))
    for volts in (udin_v * (percent / 100.0), udin_v * percent / 100.0, percent * (udin_v / 100.0)):
        data = Recorded({(f"u_l{n}_v", "10min"): series(np.full(N, volts)) for n in (1, 2, 3)})
        assert evaluate(
            limits, data, start_ns=MONDAY_NS, end_ns=MONDAY_NS + WEEK_NS, udin_v=udin_v
        ).counts.passed


def test_one_value_beyond_always_is_enough() -> None:
    values = np.ones(N)
    values[77] = 2.1
    outcome = only(judge(ALWAYS_2, recorded(values)))
    assert outcome.verdict == "fail"
    assert outcome.percentile == outcome.worst == 2.1
    assert outcome.worst_ns == MONDAY_NS + 77 * TEN_MINUTES_NS


def test_flagged_values_are_left_out_and_counted() -> None:
    values = np.ones(N)
    values[:60] = 9.0
    clean = only(judge(UPPER_2, recorded(values)))
    assert clean.verdict == "fail"
    flagged = only(judge(UPPER_2, recorded(values, flagged=range(60))))
    assert (flagged.verdict, flagged.evaluated, flagged.flagged, flagged.missing) == ("pass", N - 60, 60, 0)
    assert (flagged.worst, flagged.outside) == (1.0, 0)
    assert flagged.coverage_percent == pytest.approx(100.0 * 948 / 1008)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_missing_values_are_counted_however_they_are_missing(hole: float) -> None:
    values = np.ones(N)
    values[:30] = hole  # not a number
    whole = series(values, flagged=range(20, 40))
    absent = Series(whole.times_ns[:-10], whole.values[:-10], whole.flagged[:-10])  # never written
    outcome = only(judge(UPPER_2, Recorded({("u2_percent", "10min"): absent})))
    assert (outcome.expected, outcome.missing, outcome.flagged, outcome.evaluated) == (N, 40, 10, 958)


@pytest.mark.parametrize(("usable", "verdict"), [(908, "pass"), (907, "not_judged"), (1, "not_judged")])
def test_below_ninety_percent_coverage_nothing_is_judged(usable: int, verdict: str) -> None:
    outcome = only(judge(UPPER_2, recorded(np.ones(usable))))
    assert outcome.verdict == verdict
    assert outcome.coverage_percent == pytest.approx(100.0 * usable / N)
    if verdict == "not_judged":
        assert outcome.reason == Reason(key="coverage", value=outcome.coverage_percent, limit=90.0)
        assert outcome.percentile == 1.0  # still told


def test_the_coverage_asked_is_data() -> None:
    strict = msgspec.structs.replace(
        UPPER_2, head=msgspec.structs.replace(UPPER_2.head, coverage_percent=99.0)
    )
    assert only(judge(strict, recorded(np.ones(990)))).verdict == "not_judged"
    assert only(judge(UPPER_2, recorded(np.ones(990)))).verdict == "pass"


@pytest.mark.parametrize(("outside", "verdict"), [(50, "not_judged"), (51, "fail")])
def test_what_fails_whatever_was_missing_fails(outside: int, verdict: str) -> None:
    half = np.ones(504)
    half[:outside] = 3.0
    assert only(judge(UPPER_2, recorded(half))).verdict == verdict
    one = np.ones(504)
    one[3] = 3.0
    assert only(judge(ALWAYS_2, recorded(one))).verdict == "fail"


def test_nothing_measured_is_not_judged_for_its_own_reason() -> None:
    assert only(judge(UPPER_2, Recorded({}))).reason == Reason(key="no_series")
    none = only(judge(UPPER_2, recorded([])))
    assert (none.verdict, none.reason, none.missing) == (
        "not_judged",
        Reason(key="coverage", value=0.0, limit=90.0),
        N,
    )
    short = only(judge(UPPER_2, recorded([1.0]), length_ns=16 * SECOND_NS))
    assert (short.verdict, short.reason, short.expected) == ("not_judged", Reason(key="no_interval"), 0)
    flagged = only(judge(UPPER_2, recorded(np.ones(N), flagged=range(N))))
    assert (flagged.verdict, flagged.flagged, flagged.worst) == ("not_judged", N, None)


def test_what_lies_outside_the_span_does_not_count() -> None:
    values = np.ones(3 * N)
    values[:N] = values[2 * N :] = 9.0
    middle = only(judge(UPPER_2, recorded(values), start_ns=MONDAY_NS + WEEK_NS))
    assert (middle.verdict, middle.evaluated, middle.worst) == ("pass", N, 1.0)


def test_intervals_that_hang_over_the_edge_of_the_span_do_not_count() -> None:
    start = MONDAY_NS + 5 * 60 * SECOND_NS
    outcome = only(judge(UPPER_2, recorded(np.ones(N)), start_ns=start, length_ns=3600 * SECOND_NS))
    assert (outcome.expected, outcome.evaluated) == (5, 5)


def test_a_start_that_is_a_little_off_its_tick_is_that_of_the_tick() -> None:
    exact = series(np.ones(N))
    late = replace(exact, times_ns=exact.times_ns + np.random.default_rng(2).integers(-(10**8), 10**8, N))
    outcome = only(judge(UPPER_2, Recorded({("u2_percent", "10min"): late})))
    assert (outcome.evaluated, outcome.missing) == (N, 0)


def test_a_week_with_a_change_of_summer_time_has_1008_values_and_seven_equal_days() -> None:
    amsterdam = ZoneInfo("Europe/Amsterdam")
    offsets = {
        datetime.fromtimestamp(t / 1e9, amsterdam).utcoffset() for t in (MONDAY_NS, MONDAY_NS + WEEK_NS)
    }
    assert len(offsets) == 2  # the week was chosen well
    daily = small_set(clause(99.0, "upper = 2.0", period="day"))
    outcome = only(judge(daily, recorded(np.ones(N))))
    assert (outcome.expected, outcome.periods, outcome.missing) == (N, 7, 0)
    starts = [
        datetime.fromtimestamp(a / 1e9, UTC).hour for a, _ in periods(MONDAY_NS, MONDAY_NS + WEEK_NS, "day")
    ]
    assert starts == [0] * 7


def test_a_rule_of_days_fails_by_its_worst_day() -> None:
    daily = small_set(clause(99.0, "upper = 2.0", period="day"))
    values = np.ones(N)
    values[4 * 144 : 4 * 144 + 2] = 3.0  # two of Friday's 144; of the week it is 0.2 %
    outcome = only(judge(daily, recorded(values)))
    assert (outcome.verdict, outcome.periods, outcome.periods_failed) == ("fail", 7, 1)
    assert outcome.period_start_ns == MONDAY_NS + 4 * DAY_NS
    assert outcome.within_percent == pytest.approx(100.0 * 142 / 144)
    assert (outcome.evaluated, outcome.outside, outcome.worst) == (N, 2, 3.0)
    values[4 * 144 + 1] = 1.0
    assert only(judge(daily, recorded(values))).verdict == "pass"


def test_ten_days_are_a_week_and_the_rest() -> None:
    values = np.ones(10 * 144)
    values[-80:] = 3.0  # of the last three days more than 5 %, of ten days too, of the week nothing
    outcome = only(judge(UPPER_2, recorded(values), length_ns=10 * DAY_NS))
    assert (outcome.periods, outcome.periods_failed, outcome.verdict) == (2, 1, "fail")
    assert outcome.period_start_ns == MONDAY_NS + WEEK_NS


def test_a_period_without_enough_values_keeps_the_whole_from_passing() -> None:
    values = np.ones(2 * N)
    values[:N] = np.nan
    outcome = only(judge(UPPER_2, recorded(values), length_ns=2 * WEEK_NS))
    assert (outcome.verdict, outcome.periods, outcome.worst) == ("not_judged", 2, 1.0)
    assert (outcome.expected, outcome.evaluated, outcome.missing) == (2 * N, N, N)


def test_a_leap_year_is_one_year() -> None:
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS for year in (2028, 2029))
    assert end - start == 366 * DAY_NS
    assert periods(start, end, "year") == [(start, end)]
    assert len(periods(start, end, "week")) == 53
    assert periods(start, start + DAY_NS, "year") == [(start, start + DAY_NS)]


def test_the_rule_of_a_year_is_judged_over_a_week_and_says_so() -> None:
    frequency = np.full(60480, 50.0)
    frequency[:302] = 49.4  # 60480 - 60178 may lie outside
    data = Recorded({("f_10s_hz", "10s"): series(frequency, "10s")})
    outcomes = by_id(judge(read_limit_set("en50160-lv-2010"), data))
    most, always = outcomes["frequency-99-5"], outcomes["frequency-always"]
    assert (most.verdict, most.whole_period, most.period) == ("pass", False, "year")
    assert (most.lower, most.upper, most.unit) == (pytest.approx(49.5), pytest.approx(50.5), "Hz")
    assert always.verdict == "pass"
    frequency[302] = 52.01
    outcomes = by_id(judge(read_limit_set("en50160-lv-2010"), data))
    assert {outcomes[name].verdict for name in ("frequency-99-5", "frequency-always")} == {"fail"}
    assert outcomes["frequency-always"].worst.worst_ns == MONDAY_NS + 302 * 10 * SECOND_NS
    assert by_id(judge(read_limit_set("en50160-lv-2010"), data))["voltage-95"].whole_period


def test_a_frequency_of_60_hz_has_its_own_limits() -> None:
    data = Recorded({("f_10s_hz", "10s"): series(np.full(60480, 60.6), "10s")})
    limit_set = read_limit_set("en50160-lv-2010")
    end = MONDAY_NS + WEEK_NS
    at = evaluate(limit_set, data, start_ns=MONDAY_NS, end_ns=end, udin_v=230.0, nominal_hz=60.0)
    assert by_id(at)["frequency-99-5"].verdict == "pass"
    assert by_id(judge(limit_set, data))["frequency-99-5"].verdict == "fail"


def test_the_worst_phase_decides() -> None:
    phases = {"l1": 230.0, "l2": 208.0, "l3": 205.0}
    data = Recorded({(f"u_{p}_v", "10min"): series(np.full(N, volts)) for p, volts in phases.items()})
    outcome = by_id(judge(read_limit_set("en50160-lv-2010"), data))["voltage-95"]
    assert [c.verdict for c in outcome.channels] == ["pass", "pass", "fail"]
    assert (outcome.verdict, outcome.worst.phase, outcome.worst.worst) == ("fail", "l3", 205.0)
    assert outcome.channels[0].percentile_percent == 0.0
    assert outcome.channels[1].percentile_percent == pytest.approx(100.0 * 22.0 / 23.0)
    missing = Recorded({("u_l1_v", "10min"): series(np.full(N, 230.0))})
    assert by_id(judge(read_limit_set("en50160-lv-2010"), missing))["voltage-95"].verdict == "not_judged"


def test_three_second_values_follow_the_mains_not_the_clock() -> None:
    limits = small_set(
        clause(99.0, "upper = 5.0", quantity="msv1_{phase}_v", interval="3s", period="day", reference="udin")
    )
    exact = series(np.full(28_800, 11.5), "3s")
    slow = replace(exact, times_ns=MONDAY_NS + ((exact.times_ns - MONDAY_NS) * 1.002).astype(np.int64))
    data = Recorded({(f"msv1_l{n}_v", "3s"): slow for n in (1, 2, 3)})  # 49.9 Hz: 3.006 s
    outcome = judge(limits, data, length_ns=DAY_NS).clauses[0]
    assert (outcome.verdict, outcome.upper) == ("pass", pytest.approx(11.5))
    assert 99.7 < outcome.worst.coverage_percent < 100.0
    fast = replace(exact, times_ns=MONDAY_NS + ((exact.times_ns - MONDAY_NS) * 0.99).astype(np.int64))
    data = Recorded({(f"msv1_l{n}_v", "3s"): fast for n in (1, 2, 3)})
    worst = judge(limits, data, length_ns=DAY_NS - 1200 * SECOND_NS).clauses[0].worst
    assert (worst.coverage_percent, worst.missing) == (100.0, 0)


def full_week() -> Recorded:
    """Every quantity of every set, on all phases, undisturbed."""
    rest: dict[str, float] = {"V": 230.0, "Hz": 50.0, "%": 0.1, "": 0.1}
    found: dict[tuple[str, Interval], Series] = {}
    for name in limit_sets():
        for rule in read_limit_set(name).clauses:
            for quantity, _ in channels(rule.quantity):
                unit = "V" if quantity.endswith("_v") else "Hz" if quantity.endswith("_hz") else "%"
                count = WEEK_NS // INTERVAL_NS[rule.interval]
                found[quantity, rule.interval] = series(np.full(count, rest[unit]), rule.interval)
    return Recorded(found)


@pytest.mark.parametrize("name", limit_sets())
def test_an_undisturbed_week_passes_every_clause_of_every_set(name: str) -> None:
    evaluation = judge(read_limit_set(name), full_week())
    assert {outcome.verdict for outcome in evaluation.clauses} <= {"pass"}
    assert evaluation.counts.failed == 0
    assert evaluation.counts.passed == len(evaluation.clauses)


@pytest.mark.parametrize("name", limit_sets())
def test_each_clause_fails_by_its_own_quantity_and_by_no_other(name: str) -> None:
    limit_set, undisturbed = read_limit_set(name), full_week()
    before = by_id(judge(limit_set, undisturbed))
    for rule in limit_set.clauses:
        quantity, _ = channels(rule.quantity)[-1]
        first = before[rule.id]
        limit = first.upper if first.upper is not None else first.lower
        assert limit is not None
        found = undisturbed.series(quantity, rule.interval)
        assert found is not None
        values = np.full(found.values.size, limit * 1.001)
        disturbed = Recorded(
            {**undisturbed._series, (quantity, rule.interval): replace(found, values=values)}
        )
        failed = {c.id for c in judge(limit_set, disturbed).clauses if c.verdict == "fail"}
        assert rule.id in failed
        assert failed <= {c.id for c in limit_set.clauses if c.quantity == rule.quantity}


def test_an_evaluation_is_plain_data_and_comes_back_the_same() -> None:
    evaluation = judge(read_limit_set("netcode-lv"), recorded(np.linspace(0.0, 3.0, N), flagged=[3]))
    builtins = msgspec.to_builtins(evaluation)
    assert builtins["format"] == 1
    assert builtins["limit_set"] == "netcode-lv"
    assert msgspec.convert(builtins, Evaluation) == evaluation
    assert msgspec.json.decode(msgspec.json.encode(evaluation), type=Evaluation) == evaluation


@pytest.mark.parametrize(
    ("broken", "expectation"),
    [
        (lambda s: replace(s, values=s.values[:-1]), "u2_percent: values: expected 1008 values"),
        (lambda s: replace(s, flagged=s.values), "u2_percent: flagged: expected"),
        (lambda s: replace(s, times_ns=s.times_ns.astype(np.float64)), "u2_percent: times_ns: expected"),
        (lambda s: replace(s, values=s.values.reshape(2, -1)), "u2_percent: values: expected"),
        (
            lambda s: replace(s, times_ns=s.times_ns[::-1].copy()),
            "expected one value per 10min, oldest first",
        ),
        (lambda s: replace(s, times_ns=s.times_ns // 2), "expected one value per 10min, oldest first"),
    ],
    ids=["length", "flags", "times", "shape", "order", "twice"],
)
def test_a_series_that_is_none_is_refused(broken, expectation: str) -> None:  # type: ignore[no-untyped-def]
    data = Recorded({("u2_percent", "10min"): broken(series(np.ones(N)))})
    with pytest.raises(LimitDataError) as caught:
        judge(UPPER_2, data)
    assert expectation in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_span_or_a_reference_that_is_none_is_refused() -> None:
    with pytest.raises(LimitDataError, match="^end_ns: expected more than start_ns"):
        judge(UPPER_2, recorded([]), length_ns=0)
    for udin_v in (0.0, -230.0, float("nan"), float("inf")):
        with pytest.raises(LimitDataError, match="^udin_v: expected a number above 0"):
            evaluate(UPPER_2, recorded([]), start_ns=0, end_ns=1, udin_v=udin_v)


def test_a_week_s_rule_over_an_hour_has_figures_and_no_verdict() -> None:
    outcome = only(judge(UPPER_2, recorded([1.0] * 6), length_ns=3600 * SECOND_NS))
    assert (outcome.verdict, outcome.reason) == (
        "not_judged",
        Reason(key="short_period", value=1.0, limit=168.0),
    )
    assert (outcome.percentile, outcome.evaluated, outcome.coverage_percent) == (1.0, 6, 100.0)


@pytest.mark.parametrize(("outside", "verdict"), [(50, "not_judged"), (51, "fail")])
def test_a_short_time_fails_where_the_rest_of_the_week_could_not_mend_it(outside: int, verdict: str) -> None:
    values = np.ones(144)
    values[:outside] = 3.0
    assert only(judge(UPPER_2, recorded(values), length_ns=DAY_NS)).verdict == verdict
    one = np.ones(6)
    one[2] = 3.0
    assert only(judge(ALWAYS_2, recorded(one), length_ns=3600 * SECOND_NS)).verdict == "fail"


def test_a_short_rest_takes_nothing_from_a_whole_week_unless_it_fails() -> None:
    values = np.ones(N + 12)
    values[-3:] = 3.0  # of 12 values too many, of a week's not
    outcome = only(judge(UPPER_2, recorded(values), length_ns=WEEK_NS + 7200 * SECOND_NS))
    assert (outcome.verdict, outcome.periods, outcome.outside) == ("pass", 2, 3)
    outcome = only(judge(ALWAYS_2, recorded(values), length_ns=WEEK_NS + 7200 * SECOND_NS))
    assert (outcome.verdict, outcome.period_start_ns) == ("fail", MONDAY_NS + WEEK_NS)


def test_a_year_s_rule_wants_a_week() -> None:
    yearly = small_set(clause(95.0, "upper = 2.0", period="year"))
    assert only(judge(yearly, recorded(np.ones(N)))).verdict == "pass"
    day = only(judge(yearly, recorded(np.ones(144)), length_ns=DAY_NS))
    assert day.reason == Reason(key="short_period", value=24.0, limit=168.0)


def test_a_span_that_holds_no_interval_says_so_also_where_nothing_was_measured() -> None:
    short = only(judge(UPPER_2, Recorded({}), length_ns=16 * SECOND_NS))
    assert short.reason == Reason(key="no_interval")


PHASE_TO_PHASE = msgspec.structs.replace(
    small_set(clause(99.0, "lower = 90.0\nupper = 110.0", quantity="u_{phase}_v", reference="udin")),
    head=msgspec.structs.replace(UPPER_2.head, voltages="phase_to_phase"),
)


def test_voltages_between_phases_are_judged_against_the_voltage_between_phases() -> None:
    between = {(f"u_{p}_v", "10min"): series(np.full(N, 400.0)) for p in ("l12", "l23", "l31")}
    neutral = {(f"u_l{n}_v", "10min"): series(np.full(N, 10.0)) for n in (1, 2, 3)}
    both = Recorded({**neutral, **between})  # type: ignore[dict-item]
    (outcome,) = judge(PHASE_TO_PHASE, both).clauses
    assert (outcome.verdict, outcome.between_phases) == ("pass", True)
    assert (outcome.lower, outcome.upper) == (pytest.approx(358.53, abs=0.01), pytest.approx(438.2, abs=0.01))
    assert [c.phase for c in outcome.channels] == ["l12", "l23", "l31"]
    (outcome,) = judge(PHASE_TO_PHASE, Recorded(neutral)).clauses  # type: ignore[arg-type]
    assert (outcome.verdict, outcome.between_phases, outcome.lower) == ("fail", False, pytest.approx(207.0))
    del between["u_l31_v", "10min"]
    (outcome,) = judge(PHASE_TO_PHASE, Recorded(between)).clauses  # type: ignore[arg-type]
    assert (outcome.verdict, outcome.worst.phase) == ("not_judged", "l31")
    lv = msgspec.structs.replace(PHASE_TO_PHASE, head=UPPER_2.head)
    assert [c.phase for c in judge(lv, both).clauses[0].channels] == ["l1", "l2", "l3"]
