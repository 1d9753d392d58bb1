"""The verdict on a component: every criterion of its kind, the worst first."""

from __future__ import annotations

from typing import Any

from flexcore.load.assess_cable import assess_cable
from flexcore.load.assess_transformer import assess_transformer
from flexcore.load.band import Band
from flexcore.load.component import Component, Transformer
from flexcore.load.conductor import CableState
from flexcore.load.harmonics import HarmonicLoad, LoadError
from flexcore.load.thermal import TransformerState
from flexcore.load.verdict import Assessment, AssessSettings

AnyState = TransformerState | CableState | Band[TransformerState] | Band[CableState]


def assess(
    component: Component,
    state: AnyState | None,
    load: HarmonicLoad | None,
    ambient_c: float | None = None,
    settings: AssessSettings | None = None,
) -> Assessment:
    """What ``component`` carries against what it may carry, by each criterion.

    ``state`` is its thermal state now, a band where it is not known well, None where nothing is followed;
    ``load`` None: nothing was measured. ``ambient_c`` None: the component's assumed ambient, and the
    assessment says so. What cannot be judged is said to be ``not_judged``, with why. A value that is too high
    already with what is known (a phase or orders missing, neutral from triplens alone) is ``over`` all the
    same.

    Raises:
        LoadError: for a state of another kind of component, or an ambient that is none.
    """
    known: Any = state
    band: Band[Any] | None = known if known is None or isinstance(known, Band) else Band(known, known)
    settings = settings or AssessSettings()
    if ambient_c is not None and not -60.0 <= ambient_c <= 80.0:
        raise LoadError(f"ambient: expected -60 to 80 degrees Celsius, got {ambient_c:g}")
    expected = TransformerState if isinstance(component, Transformer) else CableState
    if band is not None and not (isinstance(band.low, expected) and isinstance(band.high, expected)):
        raise LoadError(
            f"state: expected {expected.__name__} for {component.name!r}, got {type(band.low).__name__}"
        )
    if isinstance(component, Transformer):
        return assess_transformer(component, band, load, ambient_c, settings)
    return assess_cable(component, band, load, ambient_c, settings)
