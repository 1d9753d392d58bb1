"""A clause about events: how many there were, and whether that is too many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flexcore.limits.events import SupplyEvent
from flexcore.limits.outcome import EventOutcome, Reason, Verdict
from flexcore.limits.schema import EventClause
from flexcore.limits.schemes import read_table
from flexcore.limits.vocabulary import DAY_NS, SECOND_NS


def count_clause(
    clause: EventClause,
    events: Sequence[SupplyEvent],
    span: tuple[int, int],
    watched_percent: float | None,
    coverage_percent: float,
) -> EventOutcome:
    """Judge ``clause`` over ``events``, all inside ``span``; ``watched_percent`` None: none were given."""
    chosen = [event for event in events if _is_meant(clause, event)]
    from_ns = years_before(span[1], clause.mean_years)
    judged = [event for event in chosen if event.start_ns >= from_ns]
    verdict, reason = _verdict(clause, len(judged), span, from_ns, watched_percent, coverage_percent)
    # of dips and interruptions the deepest is the worst, of what rises the highest
    sinks = {"dip", "interruption"} & set(clause.types)
    worst = (min if sinks else max)(chosen, key=lambda event: event.residual_percent, default=None)
    return EventOutcome(
        id=clause.id,
        title_nl=clause.title_nl,
        title_en=clause.title_en,
        clause=clause.clause,
        mark=clause.mark,
        types=clause.types,
        scheme=clause.scheme,
        cell=clause.cell,
        max_per_year=clause.max_per_year,
        mean_years=clause.mean_years,
        note_nl=clause.note_nl,
        note_en=clause.note_en,
        verdict=verdict,
        reason=reason,
        count=len(chosen),
        judged_count=len(judged),
        worst_percent=worst.residual_percent if worst else None,
        worst_ns=worst.start_ns if worst else None,
        longest_s=max((event.duration_s for event in chosen), default=None),
    )


def years_before(time_ns: int, years: int) -> int:
    """The same date and time, so many calendar years earlier (29 February: the 28th), UTC."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    then = datetime.fromtimestamp(seconds, tz=UTC)
    day = 28 if (then.month, then.day) == (2, 29) else then.day
    return int(then.replace(year=then.year - years, day=day).timestamp()) * SECOND_NS + rest_ns


def _is_meant(clause: EventClause, event: SupplyEvent) -> bool:
    if event.type not in clause.types:
        return False
    if clause.over_s is not None and not event.duration_s > clause.over_s:
        return False
    if clause.until_s is not None and not event.duration_s <= clause.until_s:
        return False
    if clause.over_percent is not None and not event.residual_percent > clause.over_percent:
        return False
    if clause.scheme is None:
        return True
    return read_table(clause.scheme).cell_of(event.duration_s, event.residual_percent) == clause.cell


def _verdict(
    clause: EventClause,
    count: int,
    span: tuple[int, int],
    from_ns: int,
    watched_percent: float | None,
    coverage_percent: float,
) -> tuple[Verdict, Reason | None]:
    if watched_percent is None:
        return "not_judged", Reason(key="no_events")
    if clause.max_per_year is None:
        return "not_judged", Reason(key="informative")
    per_year = count / clause.mean_years
    if per_year > clause.max_per_year:  # more time can only add events
        return "fail", Reason(key="events", value=per_year, limit=clause.max_per_year)
    if span[0] > from_ns:
        length, needed = (span[1] - span[0]) / DAY_NS, (span[1] - from_ns) / DAY_NS
        return "not_judged", Reason(key="short_span", value=length, limit=needed)
    if watched_percent < coverage_percent:
        return "not_judged", Reason(key="coverage", value=watched_percent, limit=coverage_percent)
    return "pass", None
