"""A transformer's harmonic losses, said as the sinusoidal load that would heat it as much.

IEEE C57.110: at rated current a winding loses 1 + e + s parts of its I2R loss (eddy currents, other stray
losses); a spectrum multiplies e by F_HL and s by F_HL-STR. What the spectrum leaves of the RMS value
unexplained (interharmonics, higher orders, direct current) is weighed like the spectrum's mean, as C57.110
does by multiplying I_rms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flexcore.load.component import Transformer
from flexcore.load.harmonics import PHASES, STRAY_EXPONENT, HarmonicLoad, LoadError, harmonic_loss_factor
from flexcore.load.tables import thermal_model

#: Below this order a spectrum says too little of eddy losses; 25 is the highest with a limit in EN 50160.
REQUIRED_ORDER = 25


@dataclass(frozen=True, slots=True)
class EquivalentLoad:
    """Sinusoidal load, in parts of rated current, with the same losses.

    ``total_pu`` counts all load losses of the three phases: it heats the oil. ``winding_pu`` counts I2R and
    eddy loss at the hottest place of the worst phase: it sets the gradient between hot spot and oil.
    """

    total_pu: float
    winding_pu: float

    def __post_init__(self) -> None:
        for key, value in (("total_pu", self.total_pu), ("winding_pu", self.winding_pu)):
            if not 0.0 <= value <= 1e12:
                raise LoadError(f"equivalent load: {key}: expected 0 or more, got {value:g}")

    @classmethod
    def sinusoidal(cls, load_pu: float) -> EquivalentLoad:
        """The same sinusoidal current in every phase, in parts of rated current."""
        return cls(load_pu, load_pu)


@dataclass(frozen=True, slots=True)
class LossRatios:
    """By how much harmonics multiply load loss at a given RMS current: all of it, at the hottest place."""

    total: float
    hot_spot: float


def loss_ratios(transformer: Transformer, f_hl: float, f_hl_stray: float) -> LossRatios:
    """Loss with harmonics over loss without, at the same RMS current; at least 1.

    A K-rated transformer has its rated rise with a load of that K-factor, so only what goes beyond it counts.
    Where its eddy loss is not known, F_HL / K is used, which no eddy loss can exceed.
    """
    losses = transformer.losses
    k = losses.k_rating
    if losses.eddy_percent is None:
        ratio = max(1.0, f_hl / (k or 1.0))
        return LossRatios(ratio, ratio)
    eddy, stray = losses.eddy_percent / 100.0, losses.other_stray_percent / 100.0
    local = eddy * thermal_model(transformer).eddy_hot_spot_factor
    rated_f = k or 1.0
    total = (1.0 + f_hl * eddy + f_hl_stray * stray) / (1.0 + rated_f * eddy + stray)
    hot_spot = (1.0 + f_hl * local) / (1.0 + rated_f * local)
    return LossRatios(max(1.0, total), max(1.0, hot_spot))


def permissible_pu(transformer: Transformer, f_hl: float, f_hl_stray: float) -> float:
    """Largest RMS current of this harmonic content in parts of rated current, 0 to 1 (IEEE C57.110).

    Liquid: all load losses stay at their rated value; the hot spot is judged by the thermal model. Dry: the
    losses at the hottest place stay at their rated value, other stray losses do not heat the winding.
    """
    ratios = loss_ratios(transformer, f_hl, f_hl_stray)
    return 1.0 / math.sqrt(ratios.hot_spot if transformer.dry else ratios.total)


def phase_factors(load: HarmonicLoad, phase: int) -> tuple[float, float]:
    """F_HL and F_HL-STR of one phase; orders not measured count as absent."""
    spectrum = load.spectrum_a[phase]
    return harmonic_loss_factor(spectrum), harmonic_loss_factor(spectrum, STRAY_EXPONENT)


def equivalent_load(
    transformer: Transformer, load: HarmonicLoad, required_order: int = REQUIRED_ORDER
) -> EquivalentLoad:
    """``load`` as sinusoidal load of ``transformer``.

    Raises:
        LoadError: where a phase cannot be weighed; see :meth:`HarmonicLoad.problem`.
    """
    totals, windings = [], []
    for phase, name in enumerate(PHASES):
        problem = load.problem(phase, required_order)
        if problem is not None:
            raise LoadError(f"load: {name}: expected a phase with its harmonics, got {problem}")
        ratios = loss_ratios(transformer, *phase_factors(load, phase))
        square = (float(load.rms_a[phase]) / transformer.rated_a) ** 2
        totals.append(square * ratios.total)
        windings.append(square * ratios.hot_spot)
    return EquivalentLoad(math.sqrt(float(np.mean(totals))), math.sqrt(max(windings)))
