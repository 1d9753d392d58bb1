"""A span of time against a limit set: a verdict per clause, per phase and per period of the rule.

Flagged values are left out and counted, as the practice of EN 50160 is. All times are UTC: a day of the rule
is a UTC day, so no day has 23 or 25 hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from flexcore.limits._counting import count_clause
from flexcore.limits.band import ROUNDING, Band, band_of
from flexcore.limits.data import Checked, Cut, Measurements, checked
from flexcore.limits.events import EventLog, LimitDataError, check_events, count_in_table
from flexcore.limits.outcome import (
    ChannelOutcome,
    ClauseOutcome,
    Evaluation,
    Reason,
    Verdict,
    count_verdicts,
)
from flexcore.limits.percentile import allowed_outside, index_at, loads
from flexcore.limits.schema import Clause, LimitSet, Voltages
from flexcore.limits.schemes import read_table
from flexcore.limits.vocabulary import (
    HOUR_NS,
    INTERVAL_NS,
    PERIOD_NS,
    Interval,
    Period,
    channels,
    is_between,
    measurand,
)
from flexcore.quantities import PAIRS, PHASES

FORMAT = 1

_ORDER: dict[Verdict, int] = {"pass": 0, "not_judged": 1, "fail": 2}

#: A remainder shorter than this part of a period is no period of its own: the day that a leap year has more.
_REMAINDER = 300
#: A rule of a year may be judged over a week, as the file says; no rule over less than that.
_LEAST_NS = PERIOD_NS["week"]


def evaluate(
    limit_set: LimitSet,
    data: Measurements,
    *,
    start_ns: int,
    end_ns: int,
    udin_v: float,
    nominal_hz: float = 50.0,
    events: EventLog | None = None,
) -> Evaluation:
    """Judge what ``data`` holds from ``start_ns`` to ``end_ns`` (UTC, nanoseconds since 1970).

    Clauses in percent of Udin are judged against ``udin_v``, the one between phase and neutral; voltages
    between phases against the square root of three times it. Which of the two are judged, the set says and
    what ``data`` has decides. Without ``events`` the clauses about events are not judged.

    A clause is not judged where less than the set's ``coverage_percent`` of its values are usable, that is
    neither missing nor flagged, nor where the span is shorter than the period it speaks of (of a year, a
    week is enough), unless it fails whatever the others would have been. See
    :mod:`flexcore.limits.percentile` for which value is compared.

    Raises:
        LimitDataError: the span, a reference, a series or an event is not what it must be.
    """
    if end_ns <= start_ns:
        raise LimitDataError(f"end_ns: expected more than start_ns ({start_ns}), got {end_ns}")
    known: dict[tuple[str, Interval], Checked | None] = {}

    def series(quantity: str, interval: Interval) -> Checked | None:
        key = (quantity, interval)
        if key not in known:
            found = data.series(quantity, interval)
            known[key] = None if found is None else checked(found, quantity, interval)
        return known[key]

    span = (start_ns, end_ns)
    head = limit_set.head
    bands = {
        between: [
            band_of(c, math.sqrt(3.0) * udin_v if between else udin_v, nominal_hz) for c in limit_set.clauses
        ]
        for between in (False, True)
    }
    clauses = []
    for n, clause in enumerate(limit_set.clauses):
        phases = _phases(clause, data, head.voltages)
        band = bands[is_between(phases[0])][n]
        clauses.append(_judge(clause, band, phases, series, span, head.coverage_percent))
    inside = () if events is None else [e for e in events.events if start_ns <= e.start_ns < end_ns]
    check_events(inside)
    watched = None if events is None else events.watched_percent
    counted = tuple(
        count_clause(clause, inside, span, watched, head.coverage_percent) for clause in limit_set.events
    )
    names = () if events is None else head.tables
    return Evaluation(
        format=FORMAT,
        limit_set=head.id,
        version=head.version,
        standard=head.standard,
        title_nl=head.title_nl,
        title_en=head.title_en,
        start_ns=start_ns,
        end_ns=end_ns,
        udin_v=udin_v,
        nominal_hz=nominal_hz,
        voltages=head.voltages,
        coverage_percent=head.coverage_percent,
        clauses=tuple(clauses),
        events=counted,
        tables=tuple(count_in_table(read_table(name), inside) for name in names),
        left_out=limit_set.left_out,
        counts=count_verdicts(tuple(clauses), counted),
    )


def periods(start_ns: int, end_ns: int, period: Period) -> list[tuple[int, int]]:
    """The span cut into periods from its start; the last one may be shorter."""
    length = PERIOD_NS[period]
    edges = list(range(start_ns, end_ns, length))
    if len(edges) > 1 and end_ns - edges[-1] <= length // _REMAINDER:
        edges.pop()
    return list(zip(edges, [*edges[1:], end_ns], strict=True))


_SeriesOf = Callable[[str, Interval], Checked | None]


def _phases(clause: Clause, data: Measurements, voltages: Voltages) -> Sequence[str]:
    """The phases that are judged: a whole kind, so that one that was not measured is seen to be missing."""
    found = data.phases(clause.quantity, clause.interval) if "{phase}" in clause.quantity else ()
    between = voltages == "phase_to_phase" and any(is_between(phase) for phase in found)
    return PAIRS if between else PHASES


def _judge(
    clause: Clause,
    band: Band,
    phases: Sequence[str],
    series: _SeriesOf,
    span: tuple[int, int],
    coverage: float,
) -> ClauseOutcome:
    outcomes = tuple(
        _channel(clause, band, name, phase, series(name, clause.interval), span, coverage)
        for name, phase in channels(clause.quantity, phases)
    )
    worst = max(range(len(outcomes)), key=lambda n: _badness(outcomes[n]))
    row = measurand(clause.quantity)
    return ClauseOutcome(
        id=clause.id,
        title_nl=clause.title_nl,
        title_en=clause.title_en,
        clause=clause.clause,
        mark=clause.mark,
        quantity=clause.quantity,
        unit=row.unit if row else "",
        interval=clause.interval,
        period=clause.period,
        whole_period=span[1] - span[0] >= PERIOD_NS[clause.period],
        between_phases=is_between(outcomes[0].phase),
        share_percent=clause.share_percent,
        lower=band.lower,
        upper=band.upper,
        note_nl=clause.note_nl,
        note_en=clause.note_en,
        verdict=outcomes[worst].verdict,
        worst_channel=worst,
        channels=outcomes,
    )


def _badness(outcome: ChannelOutcome) -> tuple[int, float, float]:
    percentile, worst = outcome.percentile_percent, outcome.worst_percent
    return (
        _ORDER[outcome.verdict],
        -1.0 if percentile is None else percentile,
        -1.0 if worst is None else worst,
    )


def _channel(
    clause: Clause,
    band: Band,
    name: str,
    phase: str | None,
    series: Checked | None,
    span: tuple[int, int],
    coverage: float,
) -> ChannelOutcome:
    if series is None:
        step = INTERVAL_NS[clause.interval]
        # of a span that holds no interval, nothing was to be measured
        fits = span[1] // step > -(-span[0] // step)
        reason = Reason(key="no_series" if fits else "no_interval")
        return ChannelOutcome(quantity=name, phase=phase, verdict="not_judged", reason=reason)
    parts = [
        _part(clause, band, name, phase, series.cut(start, end), (start, end), coverage)
        for start, end in periods(*span, clause.period)
    ]
    return parts[0] if len(parts) == 1 else _together(parts)


def _part(
    clause: Clause,
    band: Band,
    name: str,
    phase: str | None,
    cut: Cut,
    span: tuple[int, int],
    coverage: float,
) -> ChannelOutcome:
    """One period of one channel."""
    count = cut.values.size
    start_ns = span[0]
    length_ns, needed_ns = span[1] - span[0], min(PERIOD_NS[clause.period], _LEAST_NS)
    short = length_ns < needed_ns - needed_ns // _REMAINDER
    too_short = Reason(key="short_period", value=length_ns / HOUR_NS, limit=needed_ns / HOUR_NS)
    covered = min(100.0, 100.0 * count / cut.expected) if cut.expected else 0.0
    if count == 0:
        none_there = cut.expected == 0
        return ChannelOutcome(
            quantity=name,
            phase=phase,
            verdict="not_judged",
            reason=Reason(key="no_interval")
            if none_there
            else too_short
            if short
            else Reason(key="coverage", value=0.0, limit=coverage),
            expected=cut.expected,
            flagged=cut.flagged,
            missing=cut.missing,
            periods=1,
            period_start_ns=start_ns,
        )
    load = loads(band, cut.values)
    outside = int((load > 1.0 + ROUNDING).sum())
    within_percent = 100.0 * (count - outside) / count
    verdict: Verdict = "pass"
    reason: Reason | None = None
    enough = covered >= coverage
    # With too few values a verdict stands only if the missing ones could not have changed it.
    basis = count if enough and not short else max(count, cut.expected)
    if short:
        basis = max(basis, needed_ns // INTERVAL_NS[clause.interval])
    if outside > allowed_outside(basis, clause.share_percent):
        verdict = "fail"
        reason = Reason(key="outside", value=within_percent, limit=clause.share_percent)
    elif short:
        verdict = "not_judged"
        reason = too_short
    elif not enough:
        verdict = "not_judged"
        reason = Reason(key="coverage", value=covered, limit=coverage)
    at, worst = index_at(load, clause.share_percent), int(load.argmax())
    return ChannelOutcome(
        quantity=name,
        phase=phase,
        verdict=verdict,
        reason=reason,
        percentile=float(cut.values[at]),
        percentile_percent=100.0 * float(load[at]),
        within_percent=within_percent,
        worst=float(cut.values[worst]),
        worst_percent=100.0 * float(load[worst]),
        worst_ns=int(cut.times_ns[worst]),
        expected=cut.expected,
        evaluated=count,
        flagged=cut.flagged,
        missing=cut.missing,
        outside=outside,
        coverage_percent=covered,
        periods=1,
        periods_failed=int(verdict == "fail"),
        period_start_ns=start_ns,
    )


def _together(parts: Sequence[ChannelOutcome]) -> ChannelOutcome:
    """Several periods of one channel as one outcome.

    A remainder that is too short to be judged keeps the whole periods before it from nothing.
    """
    judged = [part for part in parts if part.reason is None or part.reason.key != "short_period"]
    decides = max(judged or parts, key=_badness)
    seen = [part for part in parts if part.worst_percent is not None]
    worst = max(seen, key=lambda part: part.worst_percent or 0.0, default=decides)
    expected = sum(part.expected for part in parts)
    evaluated = sum(part.evaluated for part in parts)
    return ChannelOutcome(
        quantity=decides.quantity,
        phase=decides.phase,
        verdict=decides.verdict,
        reason=decides.reason,
        percentile=decides.percentile,
        percentile_percent=decides.percentile_percent,
        within_percent=decides.within_percent,
        worst=worst.worst,
        worst_percent=worst.worst_percent,
        worst_ns=worst.worst_ns,
        expected=expected,
        evaluated=evaluated,
        flagged=sum(part.flagged for part in parts),
        missing=sum(part.missing for part in parts),
        outside=sum(part.outside for part in parts),
        coverage_percent=min(100.0, 100.0 * evaluated / expected) if expected else 0.0,
        periods=len(parts),
        periods_failed=sum(part.periods_failed for part in parts),
        period_start_ns=decides.period_start_ns,
    )
