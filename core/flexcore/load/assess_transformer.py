"""A transformer's criteria: rated current, current derated for harmonics, hot spot, top oil, neutral."""

from __future__ import annotations

import math

from flexcore.load.band import Band
from flexcore.load.component import Transformer
from flexcore.load.harmonics import PHASES, HarmonicLoad, factor_k, k_factor
from flexcore.load.losses import EquivalentLoad, equivalent_load, permissible_pu, phase_factors
from flexcore.load.tables import thermal_model
from flexcore.load.thermal import Quantity, TransformerState, ageing_rate, remaining_minutes
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


def assess_transformer(
    transformer: Transformer,
    band: Band[TransformerState] | None,
    load: HarmonicLoad | None,
    ambient_c: float | None,
    settings: AssessSettings,
) -> Assessment:
    """See :func:`flexcore.load.assess.assess`."""
    model = thermal_model(transformer)
    ambient = model.assumed_ambient_c if ambient_c is None else ambient_c
    equivalent = _equivalent(transformer, load, settings)
    findings = [_rated(transformer, load, settings), _derated(transformer, load, settings)]
    figures = {"ambient_c": ambient, "rated_a": transformer.rated_a}
    figures.update(_load_figures(transformer, load, settings))
    if equivalent is not None:
        figures["equivalent_total_pu"] = equivalent.total_pu
        figures["equivalent_winding_pu"] = equivalent.winding_pu
    limits: list[tuple[Quantity, float]] = [("hot_spot", model.hot_spot_c[settings.regime])]
    if not model.dry:
        limits.append(("top_oil", model.top_oil_c[settings.regime]))
    for quantity, limit_c in limits:
        if band is None:
            findings.append(not_judged(quantity, "no_state"))
            continue
        remaining = None
        if equivalent is not None:
            remaining = remaining_minutes(transformer, band.high, equivalent, ambient, limit_c, quantity)
        between = _between(band, quantity)
        findings.append(judge_temperature(quantity, between, limit_c, ambient, remaining, settings))
        figures[f"{quantity}_low_c"], figures[f"{quantity}_c"] = between
    if band is not None:
        figures["ageing_rate_low"] = ageing_rate(transformer, band.low.hot_spot_c)
        figures["ageing_rate"] = ageing_rate(transformer, band.high.hot_spot_c)
        figures["aged_low_h"], figures["aged_h"] = band.low.aged_h, band.high.aged_h
    if transformer.neutral_a is not None:
        findings.append(_neutral(transformer.neutral_a, load, settings))
    return Assessment(transformer.name, worst_first(findings), figures, _notes(transformer, ambient_c))


def _notes(transformer: Transformer, ambient_c: float | None) -> tuple[str, ...]:
    notes = ["ambient_assumed"] if ambient_c is None else []
    notes += ["typical_data"] if transformer.source == "typical" else []
    # a delta winding keeps triplens to itself: they heat it, and the high-voltage side shows none of it
    notes += ["triplens_unseen"] if transformer.measured_side == "hv" else []
    return tuple(notes)


def _between(band: Band[TransformerState], quantity: Quantity) -> tuple[float, float]:
    if quantity == "top_oil":
        return band.low.top_oil_c, band.high.top_oil_c
    return band.low.hot_spot_c, band.high.hot_spot_c


def _equivalent(
    transformer: Transformer, load: HarmonicLoad | None, settings: AssessSettings
) -> EquivalentLoad | None:
    if load is None or any(load.problem(phase, settings.required_order) for phase in range(3)):
        return None
    return equivalent_load(transformer, load, settings.required_order)


def _rated(transformer: Transformer, load: HarmonicLoad | None, settings: AssessSettings) -> Finding:
    if load is None:
        return not_judged("rated_current", "no_load")
    limit_a = transformer.rated_a * settings.current_limit_percent / 100.0
    findings = [
        judge_current("rated_current", float(rms), limit_a, PHASES[n], settings)
        for n, rms in enumerate(load.rms_a)
        if not math.isnan(rms)
    ]
    missing = [n for n, rms in enumerate(load.rms_a) if math.isnan(rms)]
    return conclude(findings, [not_judged("rated_current", "missing_phase", PHASES[n]) for n in missing])


def _derated(transformer: Transformer, load: HarmonicLoad | None, settings: AssessSettings) -> Finding:
    """Each phase against what its own spectrum permits; orders not measured can only permit less."""
    if load is None:
        return not_judged("derated_current", "no_load")
    limit_a = transformer.rated_a * settings.current_limit_percent / 100.0
    findings, problems = [], []
    for phase, name in enumerate(PHASES):
        problem = load.problem(phase, settings.required_order)
        if problem is not None:
            problems.append(not_judged("derated_current", problem, name))
        if problem != "missing_phase":
            # a spectrum that contradicts the RMS value bounds nothing
            usable = problem != "inconsistent_spectrum"
            permitted = permissible_pu(transformer, *phase_factors(load, phase)) if usable else 1.0
            value_a = float(load.rms_a[phase])
            findings.append(judge_current("derated_current", value_a, limit_a * permitted, name, settings))
    return conclude(findings, problems)


def _neutral(rated_a: float, load: HarmonicLoad | None, settings: AssessSettings) -> Finding:
    if load is None:
        return not_judged("neutral", "no_load")
    if load.neutral_a is None:
        return not_judged("neutral", "neutral_not_measured", "n")
    return judge_current(
        "neutral", load.neutral_a, rated_a * settings.current_limit_percent / 100.0, "n", settings
    )


def _load_figures(
    transformer: Transformer, load: HarmonicLoad | None, settings: AssessSettings
) -> dict[str, float]:
    """Of the phase with the highest harmonic loss factor among those with a usable spectrum."""
    if load is None:
        return {}
    usable = [n for n in range(3) if load.problem(n, settings.required_order) is None]
    if not usable:
        return {}
    worst = max(usable, key=lambda n: phase_factors(load, n)[0])
    f_hl, f_hl_stray = phase_factors(load, worst)
    spectrum = load.spectrum_a[worst]
    figures = {
        "f_hl": f_hl,
        "f_hl_stray": f_hl_stray,
        "k_factor": k_factor(spectrum, transformer.rated_a),
        "permissible_pu": permissible_pu(transformer, f_hl, f_hl_stray),
    }
    eddy = transformer.losses.eddy_percent
    if eddy is not None:
        figures["factor_k"] = factor_k(spectrum, eddy / 100.0)
    return figures
