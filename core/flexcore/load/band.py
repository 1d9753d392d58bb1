"""What is known of a thermal state after a gap: not one state but the two it lies between.

A gap is not bridged. While nothing is measured the load may have been nothing or as much as ``max_pu``, so
the coldest and the hottest course are followed; with a load that is known again both run together, within the
time constants, and until then a verdict stands only if both give it. At the start, with nothing known, the
band is at its widest.

Each of the three variables of IEC 60076-7 rises and falls with its own input, so the coldest state takes the
lowest oil and first part of the gradient and the highest second part (which is subtracted), the hottest the
other way round: the true state is inside whatever the load was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, overload

from flexcore.load.cableload import cable_heat
from flexcore.load.component import Cable, Component, Transformer
from flexcore.load.conductor import CableState, step_cable
from flexcore.load.harmonics import HarmonicLoad, LoadError
from flexcore.load.losses import REQUIRED_ORDER, EquivalentLoad, equivalent_load
from flexcore.load.thermal import TransformerState, advance, steady, step

S = TypeVar("S", TransformerState, CableState)

#: Normal cyclic loading of distribution transformers ends here (IEC 60076-7).
DEFAULT_MAX_PU = 1.5


@dataclass(frozen=True, slots=True)
class Band(Generic[S]):
    """The true state lies between ``low`` (coldest) and ``high`` (hottest)."""

    low: S
    high: S


def exact(state: S) -> Band[S]:
    """A state that is known."""
    return Band(state, state)


@overload
def unknown(component: Transformer, ambient_c: float, max_pu: float = ...) -> Band[TransformerState]: ...
@overload
def unknown(component: Cable, ambient_c: float, max_pu: float = ...) -> Band[CableState]: ...
def unknown(
    component: Component, ambient_c: float, max_pu: float = DEFAULT_MAX_PU
) -> Band[TransformerState] | Band[CableState]:
    """Nothing is known: from not energised for long to ``max_pu`` times rated current for long."""
    if isinstance(component, Cable):
        cold = CableState(ambient_c)
        hot = CableState(ambient_c + (component.max_conductor_c - component.rated_ambient_c) * max_pu**2)
        return Band(cold, hot)
    coldest, hottest = _extremes(component, ambient_c, max_pu)
    return Band(coldest, hottest)


def _extremes(
    transformer: Transformer, ambient_c: float, max_pu: float
) -> tuple[TransformerState, TransformerState]:
    hot = steady(transformer, EquivalentLoad.sinusoidal(max_pu), ambient_c)
    return TransformerState(ambient_c, 0.0, hot.gradient_2_k), replace(hot, gradient_2_k=0.0)


@overload
def widen(
    component: Transformer, band: Band[TransformerState], ambient_c: float, gap_s: float, max_pu: float = ...
) -> Band[TransformerState]: ...
@overload
def widen(
    component: Cable, band: Band[CableState], ambient_c: float, gap_s: float, max_pu: float = ...
) -> Band[CableState]: ...
def widen(
    component: Component, band: Band[Any], ambient_c: float, gap_s: float, max_pu: float = DEFAULT_MAX_PU
) -> Band[Any]:
    """``band`` after ``gap_s`` seconds of which nothing is known but that the load stayed below ``max_pu``.

    Raises:
        LoadError: for a band of another component, or a gap that runs back.
    """
    _check(component, band)
    if isinstance(component, Cable):
        return Band(
            step_cable(component, band.low, 0.0, ambient_c, gap_s),
            step_cable(component, band.high, max_pu**2, ambient_c, gap_s),
        )
    coldest, hottest = _extremes(component, ambient_c, max_pu)
    return Band(
        advance(component, band.low, coldest, gap_s),
        advance(component, band.high, hottest, gap_s),
    )


@overload
def step_band(
    component: Transformer,
    band: Band[TransformerState],
    load: HarmonicLoad,
    ambient_c: float,
    dt_s: float,
    required_order: int = ...,
) -> Band[TransformerState]: ...
@overload
def step_band(
    component: Cable,
    band: Band[CableState],
    load: HarmonicLoad,
    ambient_c: float,
    dt_s: float,
    required_order: int = ...,
) -> Band[CableState]: ...
def step_band(
    component: Component,
    band: Band[Any],
    load: HarmonicLoad,
    ambient_c: float,
    dt_s: float,
    required_order: int = REQUIRED_ORDER,
) -> Band[Any]:
    """``band`` after ``dt_s`` seconds at a known load.

    A cable whose neutral is not measured is followed with what its triplens give, the least it can be.

    Raises:
        LoadError: where ``load`` cannot be weighed (``widen`` instead), or for a band of another component.
    """
    _check(component, band)
    if isinstance(component, Cable):
        heat = cable_heat(component, load, required_order).heat_pu
        return Band(
            step_cable(component, band.low, heat, ambient_c, dt_s),
            step_cable(component, band.high, heat, ambient_c, dt_s),
        )
    equivalent = equivalent_load(component, load, required_order)
    return Band(
        step(component, band.low, equivalent, ambient_c, dt_s),
        step(component, band.high, equivalent, ambient_c, dt_s),
    )


def _check(component: Component, band: Band[Any]) -> None:
    expected = TransformerState if isinstance(component, Transformer) else CableState
    for state in (band.low, band.high):
        if not isinstance(state, expected):
            got = type(state).__name__
            raise LoadError(f"state: expected {expected.__name__} for {component.name!r}, got {got}")
