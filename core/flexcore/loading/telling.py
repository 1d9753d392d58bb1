"""A judgement as it is told: :class:`~flexcore.loading.stage.ComponentLoad` into its payload."""

from __future__ import annotations

import math

from flexcore.components import kind_of
from flexcore.load.verdict import Finding
from flexcore.loading.payload import FindingPayload, LoadPayload
from flexcore.loading.stage import ComponentLoad
from flexcore.payloads import NS, iso


def payload_of(load: ComponentLoad) -> LoadPayload:
    """What goes over the bus; numbers to five digits."""
    component, judged = load.component, load.judged
    assessment = judged.assessment
    return LoadPayload(
        id=component.id,
        kind=kind_of(component),
        name=component.name,
        field=component.field,
        t=iso(judged.start_ns),
        dt=(judged.end_ns - judged.start_ns) / NS,
        cov=min(1.0, max(0.0, round(judged.coverage, 4))),
        verdict=assessment.verdict,
        judged=assessment.judged,
        followed_since=iso(judged.followed_since_ns),
        findings=tuple(_finding(finding) for finding in assessment.findings),
        figures={name: _short(value) for name, value in assessment.figures.items() if math.isfinite(value)},
        notes=assessment.notes,
        unknown_since=None if judged.unknown_since_ns is None else iso(judged.unknown_since_ns),
    )


def _finding(finding: Finding) -> FindingPayload:
    reason, remaining = finding.reason, finding.remaining_min
    return FindingPayload(
        criterion=finding.criterion,
        verdict=finding.verdict,
        reason=reason.key,
        value=_known(reason.value),
        limit=_known(reason.limit),
        percent=_known(reason.percent),
        unit=reason.unit,
        where=reason.where,
        remaining_min="never" if remaining == math.inf else _known(remaining),
    )


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else _short(value)


def _short(value: float) -> float:
    return float(f"{value:.5g}")
