"""A cable's conductor: resistance at each harmonic, and its temperature as a first-order body."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from flexcore.load.component import Cable
from flexcore.load.harmonics import ORDERS, Array, LoadError
from flexcore.load.tables import conductor_table


@dataclass(frozen=True, slots=True)
class CableState:
    """Temperature of the hottest conductor, degrees Celsius."""

    conductor_c: float


def skin_effect(x_s: Array) -> Array:
    """Skin effect factor y_s of a round conductor, IEC 60287-1-1.

    ``x_s`` squared is 8 pi f / R' x 1e-7, with R' the direct-current resistance in ohm/m.

    The guide has three ranges, the upper two from memory [r]; 1 + y_s is within 0.6 % of the exact solution.
    """
    fourth = x_s**4
    low = fourth / (192.0 + 0.8 * fourth)
    middle = -0.136 - 0.0177 * x_s + 0.0563 * x_s**2
    high = 0.354 * x_s - 0.733
    return np.where(x_s <= 2.8, low, np.where(x_s <= 3.8, middle, high))


def proximity_effect(x_p: Array, diameter_over_spacing: float) -> Array:
    """Proximity effect factor y_p of three round cores, IEC 60287-1-1; the guide gives it up to x_p = 2.8.

    Beyond, y_s takes the place of the guide's fraction, so that it goes on growing with frequency.
    """
    fraction, ratio = skin_effect(x_p), diameter_over_spacing**2
    return fraction * ratio * (0.312 * ratio + 1.18 / (fraction + 0.27))


def resistance_ohm_per_m(cable: Cable) -> float:
    """Direct-current resistance at the conductor's highest temperature (IEC 60287-1-1, 60228)."""
    metal = conductor_table()[cable.conductor]
    at_20_c = cable.ohm_per_km
    if at_20_c is None:
        at_20_c = metal.ohm_per_km[f"{cable.cross_section_mm2:g}"]
    return at_20_c / 1000.0 * (1.0 + metal.alpha_per_k * (cable.max_conductor_c - 20.0))


def ac_ratio(cable: Cable, frequency_hz: Array) -> Array:
    """Resistance at ``frequency_hz`` over direct-current resistance, 1 + y_s + y_p, same shape.

    Proximity only where the file gives diameter and spacing; losses in screens and armour are not in it.
    Cores that are not round: y_p is two thirds (IEC 60287-1-1, sector-shaped).
    """
    x = np.sqrt(8.0 * math.pi * frequency_hz / resistance_ohm_per_m(cable) * 1e-7)
    ratio = 1.0 + skin_effect(x)
    if cable.diameter_mm is not None and cable.spacing_mm is not None:
        near = proximity_effect(x, cable.diameter_mm / cable.spacing_mm)
        ratio = ratio + (near if cable.circular else near * 2.0 / 3.0)
    return np.asarray(ratio, dtype=np.float64)


@lru_cache(maxsize=64)
def order_weights(cable: Cable, frequency_hz: float) -> Array:
    """Resistance by order over that at ``rated_hz``, which the ampacity contains; shape (51,)."""
    orders = np.arange(ORDERS, dtype=np.float64)
    rated = float(ac_ratio(cable, np.array(float(cable.rated_hz))))
    weights = np.asarray(ac_ratio(cable, orders * frequency_hz) / rated, dtype=np.float64)
    weights.flags.writeable = False
    return weights


def steady_c(cable: Cable, heat_pu: float, ambient_c: float) -> float:
    """Temperature after a long time with ``heat_pu`` of the heat at rated current.

    The metal's resistance is taken at its highest temperature: below it, this is a little too warm.
    """
    return ambient_c + (cable.max_conductor_c - cable.rated_ambient_c) * heat_pu


def step_cable(cable: Cable, state: CableState, heat_pu: float, ambient_c: float, dt_s: float) -> CableState:
    """``state`` after ``dt_s`` seconds at constant heat and ambient; exact, whatever the step.

    Raises:
        LoadError: where the file gives no time constant, time runs back or a value makes no sense.
    """
    if not 0.0 <= dt_s < math.inf:
        raise LoadError(f"step: dt_s: expected 0 or more seconds, got {dt_s:g}")
    left = math.exp(-dt_s / 60.0 / _tau_min(cable))
    end = _checked_end(cable, heat_pu, ambient_c)
    return CableState(end + (state.conductor_c - end) * left)


def remaining_minutes_cable(
    cable: Cable, state: CableState, heat_pu: float, ambient_c: float, limit_c: float
) -> float:
    """Minutes until the conductor reaches ``limit_c`` at constant heat; 0 if it has, inf if never.

    Raises:
        LoadError: as :func:`step_cable`.
    """
    end, tau = _checked_end(cable, heat_pu, ambient_c), _tau_min(cable)
    if state.conductor_c >= limit_c:
        return 0.0
    if end <= limit_c:
        return math.inf
    return tau * math.log((end - state.conductor_c) / (end - limit_c))


def _tau_min(cable: Cable) -> float:
    if cable.tau_min is None:
        raise LoadError(f"cable {cable.name!r}: tau_min: expected a time constant to follow its temperature")
    return cable.tau_min


def _checked_end(cable: Cable, heat_pu: float, ambient_c: float) -> float:
    if not heat_pu >= 0.0 or not -60.0 <= ambient_c <= 80.0:
        raise LoadError(
            f"cable: expected heat >= 0 and an ambient of -60 to 80 C, got {heat_pu:g}, {ambient_c:g}"
        )
    return steady_c(cable, heat_pu, ambient_c)
