"""A transformer's temperatures: top oil and hot spot by the differential equations of IEC 60076-7, annex C.

Three first-order equations with constant input during a step: top-oil rise (time constant k11 tau_o) and the
two parts of the hot-spot gradient (k22 tau_w; tau_o / k22). The guide solves them by differences and asks for
steps below half the shortest time constant; here each step is their exact solution, so that any step is
stable and the way time is cut changes nothing. The guide's differences tend to this as their step shrinks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from flexcore.load.component import Transformer
from flexcore.load.harmonics import Array, HarmonicLoad, LoadError
from flexcore.load.losses import EquivalentLoad, equivalent_load
from flexcore.load.tables import ThermalModel, thermal_model

AnyLoad: TypeAlias = HarmonicLoad | EquivalentLoad

#: Transients are over to 2e-9 of their height after this many of the longest time constant.
_SETTLED = 20.0
_MAX_POINTS = 20_000
_MAX_EXPONENT = 1000.0  # of two; keeps an absurd temperature finite


@dataclass(frozen=True, slots=True)
class TransformerState:
    """Temperatures in degrees Celsius and K, and life used.

    ``gradient_1_k`` and ``gradient_2_k`` are the guide's two parts of the hot-spot gradient, their difference
    is it. ``aged_h`` counts hours of life at rated ageing since the state was made.
    """

    top_oil_c: float
    gradient_1_k: float
    gradient_2_k: float
    aged_h: float = 0.0

    @property
    def hot_spot_c(self) -> float:
        """Hottest place of the winding's insulation."""
        return self.top_oil_c + self.gradient_1_k - self.gradient_2_k


def _equivalent(transformer: Transformer, load: AnyLoad) -> EquivalentLoad:
    return load if isinstance(load, EquivalentLoad) else equivalent_load(transformer, load)


def _check_ambient(ambient_c: float) -> None:
    if not -60.0 <= ambient_c <= 80.0:
        raise LoadError(f"ambient: expected -60 to 80 degrees Celsius, got {ambient_c:g}")


def steady(transformer: Transformer, load: AnyLoad, ambient_c: float) -> TransformerState:
    """Temperatures after a long time at ``load`` and ``ambient_c``.

    Raises:
        LoadError: where ``load`` cannot be weighed or ``ambient_c`` is no ambient.
    """
    _check_ambient(ambient_c)
    model, equivalent = thermal_model(transformer), _equivalent(transformer, load)
    losses = (1.0 + model.loss_ratio * equivalent.total_pu**2) / (1.0 + model.loss_ratio)
    gradient = model.delta_theta_hr_k * equivalent.winding_pu**model.winding_exponent
    return TransformerState(
        top_oil_c=ambient_c + model.delta_theta_or_k * losses**model.oil_exponent,
        gradient_1_k=model.k21 * gradient,
        gradient_2_k=(model.k21 - 1.0) * gradient,
    )


def _decays(model: ThermalModel, minutes: Array) -> tuple[Array, Array, Array]:
    """What is left of a deviation after ``minutes``: of oil, first and second part of the gradient."""
    oil = (
        np.where(minutes > 0.0, 0.0, 1.0) if model.dry else np.exp(-minutes / (model.k11 * model.tau_oil_min))
    )
    first = np.exp(-minutes / (model.k22 * model.tau_winding_min))
    return oil, first, np.exp(-minutes * model.k22 / model.tau_oil_min)


@dataclass(frozen=True, slots=True)
class _Course:
    """Temperatures from ``start`` towards ``end``."""

    model: ThermalModel
    start: TransformerState
    end: TransformerState

    def at(self, minutes: Array) -> tuple[Array, Array, Array]:
        """Top oil, first and second part of the gradient after ``minutes``, any shape."""
        oil, first, second = _decays(self.model, minutes)
        a, b = self.start, self.end
        return (
            b.top_oil_c + (a.top_oil_c - b.top_oil_c) * oil,
            b.gradient_1_k + (a.gradient_1_k - b.gradient_1_k) * first,
            b.gradient_2_k + (a.gradient_2_k - b.gradient_2_k) * second,
        )

    def quantity(self, minutes: Array, quantity: Quantity) -> Array:
        """Hot spot or top oil after ``minutes``."""
        oil, first, second = self.at(minutes)
        return oil if quantity == "top_oil" else oil + first - second


Quantity = Literal["hot_spot", "top_oil"]


def ageing_rate(transformer: Transformer, hot_spot_c: float) -> float:
    """Relative ageing rate V, 1 at the rated hot spot.

    Kraft paper doubles it every 6 K, upgraded paper follows Arrhenius (IEC 60076-7), dry insulation too, with
    the constant of IEC 60076-12.
    """
    return float(_ageing_rates(transformer, np.array(hot_spot_c)))


def _ageing_rates(transformer: Transformer, hot_spot_c: Array) -> Array:
    model = thermal_model(transformer)
    # paper ages by its own temperature, whatever limits a component file sets
    if model.ageing_b_k is None:
        exponent = (hot_spot_c - 98.0) / 6.0
    else:
        rated_k = (110.0 if not model.dry else model.hot_spot_c["rated"]) + 273.0
        kelvin = np.maximum(hot_spot_c + 273.0, 1.0)
        exponent = model.ageing_b_k * (1.0 / rated_k - 1.0 / kelvin) / math.log(2.0)
    return np.exp2(np.clip(exponent, -_MAX_EXPONENT, _MAX_EXPONENT))


def _aged_hours(transformer: Transformer, course: _Course, minutes: float) -> float:
    """Integral of the ageing rate: Simpson while temperatures move, then constant."""
    model = course.model
    moving = min(minutes, _SETTLED * model.slowest_min)
    fastest = model.k22 * model.tau_winding_min
    if not model.dry:
        fastest = min(fastest, model.k11 * model.tau_oil_min, model.tau_oil_min / model.k22)
    panels = min(max(1, math.ceil(moving / (fastest / 4.0))), _MAX_POINTS // 2)
    times = np.linspace(0.0, moving, 2 * panels + 1, dtype=np.float64)
    if model.dry:
        times[0] = min(1e-12, moving)  # oil that is not there follows the ambient at once
    rates = _ageing_rates(transformer, course.quantity(times, "hot_spot"))
    integral = (
        moving
        / (6.0 * panels)
        * float(rates[0] + rates[-1] + 4.0 * rates[1::2].sum() + 2.0 * rates[2:-1:2].sum())
    )
    return (integral + (minutes - moving) * ageing_rate(transformer, course.end.hot_spot_c)) / 60.0


def step(
    transformer: Transformer, state: TransformerState, load: AnyLoad, ambient_c: float, dt_s: float
) -> TransformerState:
    """``state`` after ``dt_s`` seconds at constant ``load`` and ``ambient_c``.

    Raises:
        LoadError: where ``load`` cannot be weighed, time runs back or ``ambient_c`` is no ambient.
    """
    return advance(transformer, state, steady(transformer, load, ambient_c), dt_s)


def advance(
    transformer: Transformer, state: TransformerState, towards: TransformerState, dt_s: float
) -> TransformerState:
    """``state`` after ``dt_s`` seconds in which it settles at ``towards``."""
    if not 0.0 <= dt_s < math.inf:
        raise LoadError(f"step: dt_s: expected 0 or more seconds, got {dt_s:g}")
    if dt_s == 0.0:
        return state
    course = _Course(thermal_model(transformer), state, towards)
    minutes = dt_s / 60.0
    oil, first, second = (float(values) for values in course.at(np.array(minutes)))
    aged = state.aged_h + _aged_hours(transformer, course, minutes)
    return replace(state, top_oil_c=oil, gradient_1_k=first, gradient_2_k=second, aged_h=aged)


def remaining_minutes(
    transformer: Transformer,
    state: TransformerState,
    load: AnyLoad,
    ambient_c: float,
    limit_c: float,
    quantity: Quantity = "hot_spot",
) -> float:
    """Minutes until ``quantity`` first reaches ``limit_c``, with constant load and ambient.

    0 where it has, inf where it never does.

    The model is run forward minute by minute (coarser where its time constants pass 16 hours), and the step
    in which the limit is reached is halved until the time is known to a thousandth of a minute.

    Raises:
        LoadError: as :func:`step`.
    """
    model = thermal_model(transformer)
    course = _Course(model, state, steady(transformer, load, ambient_c))
    a, b = course.start, course.end
    now = a.top_oil_c if quantity == "top_oil" else a.hot_spot_c
    if now >= limit_c:
        return 0.0
    highest = max(a.top_oil_c, b.top_oil_c)
    if quantity == "hot_spot":
        highest += max(a.gradient_1_k, b.gradient_1_k) - min(a.gradient_2_k, b.gradient_2_k)
    if highest < limit_c:
        return math.inf
    horizon = _SETTLED * model.slowest_min
    times = np.linspace(0.0, horizon, min(math.ceil(horizon), _MAX_POINTS) + 1, dtype=np.float64)
    reached = course.quantity(times, quantity) >= limit_c
    if not reached.any():
        return math.inf
    n = int(reached.argmax())
    low, high = float(times[n - 1]), float(times[n])
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        if float(course.quantity(np.array(middle), quantity)) >= limit_c:
            high = middle
        else:
            low = middle
    return high
