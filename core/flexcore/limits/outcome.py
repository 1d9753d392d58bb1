"""What an evaluation says. Everything is plain data: ``msgspec.to_builtins`` makes JSON's types of it."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from flexcore.limits.events import TableCount
from flexcore.limits.schema import EventType, LeftOut, Mark, Voltages
from flexcore.limits.vocabulary import Interval, Period

Verdict = Literal["pass", "fail", "not_judged"]

#: Why a verdict is what it is; ``value`` and ``limit`` of the :class:`Reason` say, per key:
#: ``outside`` the share of values within, and the share asked (percent); ``events`` events per year, and
#: allowed; ``coverage`` usable share and the least asked (percent); ``short_span`` length of the span and
#: the length the rule needs (days); ``short_period`` the same in hours; ``no_series`` the quantity was not
#: measured; ``no_interval`` no whole interval lies in the span; ``no_events`` no events were given;
#: ``informative`` the clause has no limit.
ReasonKey = Literal[
    "outside",
    "events",
    "coverage",
    "short_span",
    "short_period",
    "no_series",
    "no_interval",
    "no_events",
    "informative",
]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A reason that a page can translate: a key and its two numbers."""

    key: ReasonKey
    value: float | None = None
    limit: float | None = None


class ChannelOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A clause for one phase (or the one value of three phases).

    A span longer than the clause's period is cut into periods, and each is judged. ``period_start_ns`` names
    the worst of them; ``percentile`` (the value the rule compares, in the quantity's unit) and
    ``percentile_percent`` (of its limit) and ``within_percent`` (of the evaluated values) are of that one.
    The worst value and all counts are over the whole span: of the ``expected`` values some are
    ``evaluated``, the others ``flagged`` or ``missing``.
    """

    quantity: str
    phase: str | None
    verdict: Verdict
    reason: Reason | None = None
    percentile: float | None = None
    percentile_percent: float | None = None
    within_percent: float | None = None
    worst: float | None = None
    worst_percent: float | None = None
    worst_ns: int | None = None
    expected: int = 0
    evaluated: int = 0
    flagged: int = 0
    missing: int = 0
    outside: int = 0
    coverage_percent: float = 0.0
    periods: int = 0
    periods_failed: int = 0
    period_start_ns: int | None = None


class ClauseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A clause for all its phases; ``lower`` and ``upper`` are in ``unit``.

    ``whole_period`` is false where the span is shorter than the period the rule speaks of: the verdict, where
    there is one, is then one over the span. ``between_phases``: of voltages between phases.
    """

    id: str
    title_nl: str
    title_en: str
    clause: str
    mark: Mark
    quantity: str
    unit: str
    interval: Interval
    period: Period
    whole_period: bool
    between_phases: bool
    share_percent: float
    lower: float | None
    upper: float | None
    note_nl: str
    note_en: str
    verdict: Verdict
    worst_channel: int
    channels: tuple[ChannelOutcome, ...]

    @property
    def worst(self) -> ChannelOutcome:
        """The phase that decides: the worst verdict, then the highest percentile of its limit."""
        return self.channels[self.worst_channel]


class EventOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A clause about events.

    ``count`` is over the span, ``judged_count`` over the last ``mean_years`` years of it. ``worst_percent``
    is the deepest dip or interruption, or the highest swell or change, in percent of Udin.
    """

    id: str
    title_nl: str
    title_en: str
    clause: str
    mark: Mark
    types: tuple[EventType, ...]
    scheme: str | None
    cell: str | None
    max_per_year: float | None
    mean_years: int
    note_nl: str
    note_en: str
    verdict: Verdict
    reason: Reason | None
    count: int
    judged_count: int
    worst_percent: float | None
    worst_ns: int | None
    longest_s: float | None


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many clauses got which verdict."""

    passed: int
    failed: int
    not_judged: int


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """A span judged by one limit set. ``format`` changes when a field changes its meaning or goes."""

    format: int
    limit_set: str
    version: int
    standard: str
    title_nl: str
    title_en: str
    start_ns: int
    end_ns: int
    udin_v: float
    nominal_hz: float
    voltages: Voltages
    coverage_percent: float
    clauses: tuple[ClauseOutcome, ...]
    events: tuple[EventOutcome, ...]
    tables: tuple[TableCount, ...]
    left_out: tuple[LeftOut, ...]
    counts: Counts


def count_verdicts(clauses: tuple[ClauseOutcome, ...], events: tuple[EventOutcome, ...]) -> Counts:
    """The verdicts of all clauses, counted."""
    found = Counter([*(c.verdict for c in clauses), *(e.verdict for e in events)])
    return Counts(passed=found["pass"], failed=found["fail"], not_judged=found["not_judged"])
