"""``[[component]]`` of ``station.toml``: transformers and cables, each on the field that measures it.

An entry is a component's description as :mod:`flexcore.load.component` has it (its keys, with ``[losses]``
written ``[component.losses]``), with an ``id`` and the ``field``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from flexcore.load.component import Cable, Transformer
from flexcore.load.reading import check_component
from flexcore.load.tables import Regime
from flexcore.naming import Identifier
from flexcore.tomlfile import refuse

if TYPE_CHECKING:
    from flexcore.load.verdict import AssessSettings

MAX_COMPONENTS = 64
#: A transformer's rated voltage and the busbar's declared one differ by taps and habits, not by more.
_VOLTAGE_TOLERANCE = 0.25


class StationTransformer(
    Transformer, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="transformer"
):
    """A transformer and the field whose currents are those of its ``measured_side``."""

    id: Identifier
    field: Identifier


class StationCable(
    Cable, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="cable"
):
    """A cable and the field whose currents it carries."""

    id: Identifier
    field: Identifier


StationComponent: TypeAlias = StationTransformer | StationCable


class LoadSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[load]``: how components are judged, see :class:`flexcore.load.AssessSettings`.

    ``gap_percent``: while a current is not measured, it may have been up to so much of the rated one.
    """

    regime: Regime = "normal"
    near_percent: Annotated[float, Meta(ge=10.0, le=100.0)] = 90.0
    near_k: Annotated[float, Meta(ge=0.0, le=50.0)] = 10.0
    near_min: Annotated[float, Meta(ge=0.0, le=10_000.0)] = 60.0
    current_limit_percent: Annotated[float, Meta(ge=10.0, le=200.0)] = 100.0
    gap_percent: Annotated[float, Meta(ge=10.0, le=300.0)] = 150.0

    @property
    def assess(self) -> AssessSettings:
        """The same, as the library takes it."""
        from flexcore.load.verdict import AssessSettings  # NumPy: not for every reader of a station file

        return AssessSettings(
            near_percent=self.near_percent,
            near_k=self.near_k,
            near_min=self.near_min,
            current_limit_percent=self.current_limit_percent,
            regime=self.regime,
        )


def kind_of(component: StationComponent) -> Literal["transformer", "cable"]:
    """The word in the file."""
    return "transformer" if isinstance(component, StationTransformer) else "cable"


def check_entry(component: StationComponent, nominal_v: float, file: str, table: str) -> None:
    """Rules of one entry; ``nominal_v`` is the declared voltage of its field's busbar.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    check_component(component, file, table)
    if isinstance(component, StationTransformer):
        side = component.measured_side
        rated_v = component.hv_v if side == "hv" else component.lv_v
        if abs(rated_v / nominal_v - 1.0) > _VOLTAGE_TOLERANCE:
            expected = f"expected about the {nominal_v:g} V of the field's busbar, measured_side is '{side}'"
            refuse(file, f"{table}.{side}_v", f"{expected}, got {rated_v:g}")
    else:
        if component.voltage_v < nominal_v * 0.9:
            expected = f"expected a cable for the {nominal_v:g} V of the field's busbar"
            refuse(file, f"{table}.voltage_v", f"{expected}, got {component.voltage_v:g}")
        if component.tau_min is None:
            expected = "expected the conductor's time constant in minutes, to follow its temperature"
            refuse(file, f"{table}.tau_min", expected)
