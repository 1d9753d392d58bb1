"""What currents do to a cable: equivalent currents, third harmonics and the neutral.

IEC 60364-5-52, annex E: in a cable whose neutral carries third harmonics, heat comes from a fourth conductor
and the ampacity for three loaded conductors shrinks; beyond a third-harmonic content of 33 % the neutral
decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flexcore.load.component import Cable
from flexcore.load.conductor import order_weights
from flexcore.load.harmonics import PHASES, HarmonicLoad, LoadError
from flexcore.load.losses import REQUIRED_ORDER

#: Odd multiples of three: what balanced phases add up in the neutral (IEC 60364-5-52, 523.6.3).
TRIPLENS = np.arange(3, 51, 6)


@dataclass(frozen=True, slots=True)
class ThirdHarmonicRule:
    """A row of table E.52.1: what the ampacity is multiplied by.

    Given for the conductor that decides; None for the one that does not.
    """

    up_to_percent: float
    phase: float | None
    neutral: float | None


#: Table E.52.1; a row holds from above the last one's bound up to and with its own.
THIRD_HARMONIC_RULES = (
    ThirdHarmonicRule(15.0, 1.0, None),
    ThirdHarmonicRule(33.0, 0.86, None),
    ThirdHarmonicRule(45.0, None, 0.86),
    ThirdHarmonicRule(math.inf, None, 1.0),
)


def third_harmonic_rule(content_percent: float) -> ThirdHarmonicRule:
    """The row for a third-harmonic content in percent of the fundamental."""
    for rule in THIRD_HARMONIC_RULES:
        if content_percent <= rule.up_to_percent:
            return rule
    raise LoadError(f"third-harmonic content: expected a number, got {content_percent:g}")


def third_harmonic_percent(load: HarmonicLoad) -> float:
    """Content of odd multiples of three in percent of the fundamental, of the phase that has most."""
    contents = [0.0]
    for spectrum in load.spectrum_a:
        triplen = math.sqrt(float(np.nansum(spectrum[TRIPLENS] ** 2)))
        if triplen > 0.0 and not math.isnan(spectrum[1]):
            contents.append(100.0 * triplen / spectrum[1] if spectrum[1] > 0.0 else math.inf)
    return float(max(contents))


def neutral_from_triplens_a(load: HarmonicLoad) -> float:
    """Neutral current of the three phases' triplen harmonics as they add up in phase, A.

    What unbalance adds is not in it: without a measured neutral this is what the neutral carries at the
    least, where the phases' triplens are in phase.
    """
    sums = np.nansum(load.spectrum_a[:, TRIPLENS], axis=0)
    return math.sqrt(float((sums**2).sum()))


def phase_equivalents_a(cable: Cable, load: HarmonicLoad) -> tuple[float, float, float]:
    """Per phase the current at rated frequency with the same loss, A; NaN where the RMS value is missing.

    Orders not measured weigh like the mean of those that were.
    """
    weights = order_weights(cable, load.frequency_hz)
    result = []
    for rms, spectrum in zip(load.rms_a, load.spectrum_a, strict=True):
        squares = np.where(np.isnan(spectrum), 0.0, spectrum * spectrum)
        total = float(squares.sum())
        factor = float(weights @ squares) / total if total > 0.0 else 1.0
        result.append(float(rms) * math.sqrt(factor))
    return result[0], result[1], result[2]


def neutral_equivalent_a(cable: Cable, load: HarmonicLoad, neutral_a: float) -> float:
    """The neutral's current at rated frequency with the same loss, A.

    The part that triplens explain weighs at their resistance, the rest as fundamental.
    """
    weights = order_weights(cable, load.frequency_hz)
    triplens = np.nansum(load.spectrum_a[:, TRIPLENS], axis=0) ** 2
    total = float(triplens.sum())
    if total <= 0.0:
        return neutral_a
    share = total / max(total, neutral_a**2)
    factor = float(weights[TRIPLENS] @ triplens) / total
    return neutral_a * math.sqrt(share * factor + (1.0 - share))


@dataclass(frozen=True, slots=True)
class CableHeat:
    """Heat in parts of that at rated current; ``complete``: every conductor's current was known."""

    heat_pu: float
    complete: bool


def cable_heat(cable: Cable, load: HarmonicLoad, required_order: int = REQUIRED_ORDER) -> CableHeat:
    """The hottest conductor's heat: the larger of its own phase's and the mean of all loaded conductors'.

    A neutral that is not measured counts with its triplens and makes the heat incomplete.

    Raises:
        LoadError: where a phase has no RMS value or no usable spectrum.
    """
    for phase, name in enumerate(PHASES):
        problem = load.problem(phase, required_order)
        if problem is not None:
            raise LoadError(f"load: {name}: expected a phase with its harmonics, got {problem}")
    squares = [(i / cable.rated_a) ** 2 for i in phase_equivalents_a(cable, load)]
    if cable.neutral_mm2 is None:
        return CableHeat(max(squares), True)
    measured = load.neutral_a
    neutral = neutral_from_triplens_a(load) if measured is None else measured
    equivalent = neutral_equivalent_a(cable, load, neutral)
    neutral_square = (equivalent / cable.rated_a) ** 2 * cable.cross_section_mm2 / cable.neutral_mm2
    mean = (sum(squares) + neutral_square) / cable.loaded_conductors
    return CableHeat(max(*squares, mean), measured is not None)
