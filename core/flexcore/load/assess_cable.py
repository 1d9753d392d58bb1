"""A cable's criteria: rated current, current derated for harmonics, neutral, conductor temperature."""

from __future__ import annotations

import math

from flexcore.load.band import Band
from flexcore.load.cableload import (
    CableHeat,
    cable_heat,
    neutral_equivalent_a,
    neutral_from_triplens_a,
    phase_equivalents_a,
    third_harmonic_percent,
    third_harmonic_rule,
)
from flexcore.load.component import Cable
from flexcore.load.conductor import CableState, remaining_minutes_cable, steady_c
from flexcore.load.harmonics import PHASES, HarmonicLoad
from flexcore.load.verdict import (
    Assessment,
    AssessSettings,
    Finding,
    conclude,
    judge_current,
    judge_temperature,
    not_judged,
    worst_first,
)


def assess_cable(
    cable: Cable,
    band: Band[CableState] | None,
    load: HarmonicLoad | None,
    ambient_c: float | None,
    settings: AssessSettings,
) -> Assessment:
    """See :func:`flexcore.load.assess.assess`."""
    assumed = cable.rated_ambient_c if cable.assumed_ambient_c is None else cable.assumed_ambient_c
    ambient = assumed if ambient_c is None else ambient_c
    heat = _heat(cable, load, settings)
    figures = {"ambient_c": ambient, "rated_a": cable.rated_a}
    if load is not None and heat is not None:
        figures["third_harmonic_percent"] = third_harmonic_percent(load)
        figures["equivalent_a"] = max(phase_equivalents_a(cable, load))
        figures["heat_pu"] = heat.heat_pu
        figures["steady_conductor_c"] = steady_c(cable, heat.heat_pu, ambient)
    findings = [
        _rated(cable, load, settings),
        _derated(cable, load, settings),
        _conductor(cable, band, heat, ambient, settings),
    ]
    if cable.neutral_mm2 is not None:
        findings.append(_neutral(cable, load, settings))
    if band is not None:
        figures["conductor_low_c"], figures["conductor_c"] = band.low.conductor_c, band.high.conductor_c
    notes = ["ambient_assumed"] if ambient_c is None else []
    notes += ["typical_data"] if cable.source == "typical" else []
    return Assessment(cable.name, worst_first(findings), figures, tuple(notes))


def _heat(cable: Cable, load: HarmonicLoad | None, settings: AssessSettings) -> CableHeat | None:
    if load is None or any(load.problem(n, settings.required_order) for n in range(3)):
        return None
    return cable_heat(cable, load, settings.required_order)


def _four_loaded(cable: Cable) -> bool:
    """Whether the third-harmonic rule applies: a neutral inside, an ampacity that left it out."""
    return cable.neutral_mm2 is not None and cable.loaded_conductors == 3


def _rated(cable: Cable, load: HarmonicLoad | None, settings: AssessSettings) -> Finding:
    if load is None:
        return not_judged("rated_current", "no_load")
    findings = [
        judge_current("rated_current", float(rms), _limit_a(cable, settings), PHASES[n], settings)
        for n, rms in enumerate(load.rms_a)
        if not math.isnan(rms)
    ]
    missing = [n for n, rms in enumerate(load.rms_a) if math.isnan(rms)]
    return conclude(findings, [not_judged("rated_current", "missing_phase", PHASES[n]) for n in missing])


def _limit_a(cable: Cable, settings: AssessSettings) -> float:
    return cable.rated_a * settings.current_limit_percent / 100.0


def _derated(cable: Cable, load: HarmonicLoad | None, settings: AssessSettings) -> Finding:
    """Equivalent current of the worst phase against the ampacity, by the rule where it names the phase."""
    if load is None:
        return not_judged("derated_current", "no_load")
    factor = 1.0
    if _four_loaded(cable):
        factor = third_harmonic_rule(third_harmonic_percent(load)).phase or 1.0
    limit_a = _limit_a(cable, settings) * factor
    findings, problems = [], []
    for n, equivalent_a in enumerate(phase_equivalents_a(cable, load)):
        problem = load.problem(n, settings.required_order)
        if problem is not None:
            problems.append(not_judged("derated_current", problem, PHASES[n]))
        if problem not in ("missing_phase", "inconsistent_spectrum"):
            findings.append(judge_current("derated_current", equivalent_a, limit_a, PHASES[n], settings))
    return conclude(findings, problems)


def _neutral(cable: Cable, load: HarmonicLoad | None, settings: AssessSettings) -> Finding:
    """The neutral against its ampacity, reduced by the rule where it names the neutral.

    The rule is made for a neutral like the phases; where that is not so, and third harmonics pass 15 %, its
    row for the phase (0.86) is taken for the neutral as well, since the cable is as warm.
    """
    if load is None:
        return not_judged("neutral", "no_load")
    rated_a = cable.neutral_rated_a
    if rated_a is None:
        if cable.neutral_mm2 != cable.cross_section_mm2:
            return not_judged("neutral", "neutral_rating_unknown", "n")
        rated_a = cable.rated_a
    factor = 1.0
    if _four_loaded(cable):
        rule = third_harmonic_rule(third_harmonic_percent(load))
        factor = rule.neutral or rule.phase or 1.0
    limit_a = rated_a * factor * settings.current_limit_percent / 100.0
    measured = load.neutral_a
    value_a = neutral_from_triplens_a(load) if measured is None else measured
    finding = judge_current("neutral", neutral_equivalent_a(cable, load, value_a), limit_a, "n", settings)
    problems = [not_judged("neutral", "neutral_not_measured", "n")] if measured is None else []
    for n, name in enumerate(PHASES):
        problem = load.problem(n, settings.required_order)
        if problem is not None:
            problems.append(not_judged("neutral", problem, name))
    return conclude([finding], problems)


def _conductor(
    cable: Cable,
    band: Band[CableState] | None,
    heat: CableHeat | None,
    ambient_c: float,
    settings: AssessSettings,
) -> Finding:
    if band is None:
        return not_judged("conductor", "no_state")
    limit_c = cable.max_conductor_c
    remaining = None
    if heat is not None and cable.tau_min is not None:
        remaining = remaining_minutes_cable(cable, band.high, heat.heat_pu, ambient_c, limit_c)
    between = band.low.conductor_c, band.high.conductor_c
    finding = judge_temperature("conductor", between, limit_c, ambient_c, remaining, settings)
    if heat is not None and not heat.complete and finding.verdict == "acceptable":
        return not_judged("conductor", "neutral_not_measured", "n")
    return finding
