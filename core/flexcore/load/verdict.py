"""Verdicts with their reasons: a key and numbers, which the page puts into words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from flexcore.load.harmonics import LoadError
from flexcore.load.losses import REQUIRED_ORDER
from flexcore.load.tables import Regime

Verdict = Literal["acceptable", "near", "over", "not_judged"]
Criterion = Literal["rated_current", "derated_current", "hot_spot", "top_oil", "conductor", "neutral"]

#: Worst first. What could not be judged ranks above what is fine: it may hide something worse.
_RANK: dict[Verdict, int] = {"over": 0, "near": 1, "not_judged": 2, "acceptable": 3}

#: ``limit``: value against limit. ``soon``: below the limit, but not for long at this load. The others say
#: why there is no verdict.
ReasonKey = Literal[
    "limit",
    "soon",
    "no_load",
    "no_state",
    "unsettled",
    "neutral_not_measured",
    "neutral_rating_unknown",
    "missing_phase",
    "missing_spectrum",
    "missing_orders",
    "inconsistent_spectrum",
]


@dataclass(frozen=True, slots=True)
class AssessSettings:
    """How a load is judged.

    Currents are near from ``near_percent`` of their limit, temperatures from ``near_k`` below it, or where
    they will reach it within ``near_min`` minutes. ``current_limit_percent`` of rated (or derated) current is
    the limit of currents. ``regime`` picks the temperature limits of IEC 60076-7: ``rated`` (98), ``normal``
    cyclic loading (120), ``long``-time (140) or ``short``-time emergency (160 degrees Celsius).
    ``required_order``: up to which a spectrum must be known.

    Raises:
        LoadError: for a value out of its range.
    """

    near_percent: float = 90.0
    near_k: float = 10.0
    near_min: float = 60.0
    current_limit_percent: float = 100.0
    regime: Regime = "normal"
    required_order: int = REQUIRED_ORDER

    def __post_init__(self) -> None:
        ranges = (
            ("near_percent", self.near_percent, 10.0, 100.0),
            ("near_k", self.near_k, 0.0, 50.0),
            ("near_min", self.near_min, 0.0, 10_000.0),
            ("current_limit_percent", self.current_limit_percent, 10.0, 200.0),
            ("required_order", self.required_order, 1, 50),
        )
        for key, value, low, high in ranges:
            if not low <= value <= high:
                raise LoadError(f"settings: {key}: expected {low:g} to {high:g}, got {value:g}")
        if self.regime not in ("rated", "normal", "long", "short"):
            raise LoadError(f"settings: regime: expected rated, normal, long or short, got {self.regime!r}")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: ``value`` against ``limit`` in ``unit`` (``A`` or ``degC``), ``percent`` of the limit.

    Of a temperature, ``percent`` is its rise over ambient in percent of the rise allowed. ``where`` is
    ``l1``, ``l2``, ``l3``, ``n`` or None. Values are None where there are none.
    """

    key: ReasonKey
    value: float | None = None
    limit: float | None = None
    percent: float | None = None
    unit: Literal["A", "degC"] | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict by one criterion.

    ``remaining_min`` counts minutes until its limit at this load: inf for never, None where not known.
    """

    criterion: Criterion
    verdict: Verdict
    reason: Reason
    remaining_min: float | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """All findings of a component, the worst first.

    ``figures`` holds numbers by name with their unit (``f_hl``, ``permissible_pu``, ``hot_spot_c``,
    ``ageing_rate``, ...), absent where not known. ``notes`` are keys of what a reader must know:
    ``ambient_assumed``, ``typical_data``, ``triplens_unseen`` (measured on the high-voltage side).
    """

    component: str
    findings: tuple[Finding, ...]
    figures: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst finding's; ``not_judged`` hides ``acceptable``, but neither ``near`` nor ``over``."""
        return self.findings[0].verdict

    @property
    def reason(self) -> Reason:
        """The worst finding's."""
        return self.findings[0].reason

    @property
    def judged(self) -> Verdict:
        """The worst of those that could be judged, ``not_judged`` if none could."""
        return next((f.verdict for f in self.findings if f.verdict != "not_judged"), "not_judged")


def heaviness(assessment: Assessment) -> tuple[int, float]:
    """To compare judgements of one component in time: the verdict on what could be judged, then the highest
    percentage of any limit."""
    percents = [f.reason.percent for f in assessment.findings if f.reason.percent is not None]
    return -_RANK[assessment.judged], max(percents, default=0.0)


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sorted by verdict, then by percent of the limit; equals keep their order."""
    return tuple(sorted(findings, key=lambda f: (_RANK[f.verdict], -(f.reason.percent or 0.0))))


def not_judged(criterion: Criterion, key: ReasonKey, where: str | None = None) -> Finding:
    """There is no verdict, because of ``key``."""
    return Finding(criterion, "not_judged", Reason(key, where=where))


def conclude(findings: list[Finding], problems: list[Finding]) -> Finding:
    """The worst of ``findings``, each a value at its least; with ``problems`` only ``over`` stands."""
    worst = worst_first(findings)
    if problems and not (worst and worst[0].verdict == "over"):
        return problems[0]
    return worst[0]


def judge_current(
    criterion: Criterion, value_a: float, limit_a: float, where: str, settings: AssessSettings
) -> Finding:
    """``value_a`` against ``limit_a``; exactly at the limit is near, not over."""
    percent = 100.0 * value_a / limit_a
    verdict: Verdict = "acceptable"
    if value_a > limit_a:
        verdict = "over"
    elif percent >= settings.near_percent:
        verdict = "near"
    return Finding(criterion, verdict, Reason("limit", value_a, limit_a, percent, "A", where))


def judge_temperature(
    criterion: Criterion,
    between_c: tuple[float, float],
    limit_c: float,
    ambient_c: float,
    remaining_min: float | None,
    settings: AssessSettings,
) -> Finding:
    """The hottest of ``between_c`` against ``limit_c``; no verdict where the coldest would give another."""
    low, high = between_c
    percent = 100.0 * (high - ambient_c) / (limit_c - ambient_c) if limit_c > ambient_c else None

    def verdict_of(value_c: float) -> Verdict:
        if value_c > limit_c:
            return "over"
        return "near" if value_c >= limit_c - settings.near_k else "acceptable"

    verdict = verdict_of(high)
    key: ReasonKey = "limit"
    if verdict_of(low) != verdict:
        verdict, key, remaining_min = "not_judged", "unsettled", None
    elif verdict == "acceptable" and remaining_min is not None and remaining_min <= settings.near_min:
        verdict, key = "near", "soon"
    return Finding(criterion, verdict, Reason(key, high, limit_c, percent, "degC"), remaining_min)
