"""What is loaded: a transformer or a cable, as described in a component's TOML file."""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=80)]
Volt = Annotated[float, Meta(ge=50.0, le=500_000.0, description="between phases, V")]
Ampere = Annotated[float, Meta(gt=0.0, le=100_000.0, description="A")]
Minutes = Annotated[float, Meta(gt=0.0, le=100_000.0, description="minutes")]
Kelvin = Annotated[float, Meta(gt=0.0, le=400.0, description="K")]
Celsius = Annotated[float, Meta(ge=-60.0, le=400.0, description="degrees Celsius")]
Percent = Annotated[float, Meta(ge=0.0, le=200.0, description="percent")]
Exponent = Annotated[float, Meta(ge=0.3, le=3.0)]
ModelFactor = Annotated[float, Meta(ge=0.1, le=10.0)]

#: Where the figures come from; shown with every verdict.
Source = Literal["typical", "nameplate", "test-report"]
Cooling = Literal["onan-distribution", "onan", "onaf", "an"]
InsulationClass = Literal[105, 120, 130, 155, 180, 200, 220]


class Losses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[losses]`` at rated sinusoidal current and reference temperature.

    ``eddy_percent`` (P_EC-R) and ``other_stray_percent`` (P_OSL-R) are means of the windings in percent of
    their I2R loss, as in IEEE C57.110. Either ``eddy_percent`` or ``k_rating`` (UL 1561) must be there.
    """

    load_w: Annotated[float, Meta(gt=0.0, le=1e7)]
    no_load_w: Annotated[float, Meta(gt=0.0, le=1e7)]
    eddy_percent: Percent | None = None
    other_stray_percent: Percent = 0.0
    k_rating: Annotated[float, Meta(ge=1.0, le=100.0)] | None = None


class ThermalOverrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[thermal]``: what is known better than the guide's row for this cooling (``data/cooling.toml``).

    ``enclosure_k`` is added to the top-oil rise at rated load: a kiosk or cellar (IEC 60076-7).
    """

    delta_theta_or_k: Kelvin | None = None
    delta_theta_hr_k: Kelvin | None = None
    oil_exponent: Exponent | None = None
    winding_exponent: Exponent | None = None
    tau_oil_min: Minutes | None = None
    tau_winding_min: Minutes | None = None
    k11: ModelFactor | None = None
    k21: Annotated[float, Meta(ge=1.0, le=10.0)] | None = None
    k22: ModelFactor | None = None
    loss_ratio: Annotated[float, Meta(gt=0.0, le=1000.0)] | None = None
    eddy_hot_spot_factor: Annotated[float, Meta(ge=1.0, le=10.0)] | None = None
    enclosure_k: Annotated[float, Meta(ge=0.0, le=50.0)] = 0.0
    assumed_ambient_c: Celsius | None = None


class LimitOverrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[limits]``: temperatures that replace those of the loading guide."""

    hot_spot_rated_c: Celsius | None = None
    hot_spot_normal_c: Celsius | None = None
    hot_spot_long_c: Celsius | None = None
    hot_spot_short_c: Celsius | None = None
    top_oil_normal_c: Celsius | None = None
    top_oil_long_c: Celsius | None = None
    top_oil_short_c: Celsius | None = None


class Transformer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="transformer"
):
    """``kind = "transformer"``: three phases, two windings, measured on one side.

    ``paper`` matters to liquid cooling, ``insulation_class`` (degrees Celsius) to dry (``an``). A neutral is
    judged only where ``neutral_a``, its rating, is given; it is the low-voltage side's.
    """

    name: Name
    source: Source
    rated_kva: Annotated[float, Meta(gt=0.0, le=1e6)]
    hv_v: Volt
    lv_v: Volt
    cooling: Cooling
    losses: Losses
    measured_side: Literal["hv", "lv"] = "lv"
    hv_a: Ampere | None = None
    lv_a: Ampere | None = None
    neutral_a: Ampere | None = None
    paper: Literal["kraft", "upgraded"] = "kraft"
    insulation_class: InsulationClass | None = None
    thermal: ThermalOverrides = ThermalOverrides()
    limits: LimitOverrides = LimitOverrides()

    @property
    def rated_a(self) -> float:
        """Rated current of the measured side: as given, else rated power over sqrt(3) times its voltage."""
        given, voltage = (self.hv_a, self.hv_v) if self.measured_side == "hv" else (self.lv_a, self.lv_v)
        return given if given is not None else nominal_a(self.rated_kva, voltage)

    @property
    def dry(self) -> bool:
        """Whether there is no oil."""
        return self.cooling == "an"


def nominal_a(rated_kva: float, voltage_v: float) -> float:
    """Current of ``rated_kva`` at ``voltage_v`` between phases, three phases."""
    return 1000.0 * rated_kva / (math.sqrt(3.0) * voltage_v)


class Cable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="cable"):
    """``kind = "cable"``: what it may carry as laid.

    ``rated_a`` is the ampacity with all reductions of the installation applied (grouping, soil, ambient
    ``rated_ambient_c``), at ``rated_hz``, for ``loaded_conductors``. ``neutral_mm2`` is the neutral inside
    the cable; absent where there is none. A neutral that differs from the phases needs its own
    ``neutral_rated_a``. ``diameter_mm`` and ``spacing_mm`` (between axes) turn on the proximity effect;
    ``circular`` says the cores are round. ``tau_min`` is the time constant of the conductor's temperature as
    laid.
    """

    name: Name
    source: Source
    rated_a: Ampere
    conductor: Literal["cu", "al"]
    cross_section_mm2: Annotated[float, Meta(ge=1.0, le=5000.0)]
    max_conductor_c: Annotated[float, Meta(ge=40.0, le=250.0)]
    rated_ambient_c: Annotated[float, Meta(ge=-20.0, le=80.0)]
    installation: Literal["ground", "duct", "air"]
    voltage_v: Volt
    rated_hz: Literal[50, 60] = 50
    loaded_conductors: Literal[3, 4] = 3
    neutral_mm2: Annotated[float, Meta(ge=1.0, le=5000.0)] | None = None
    neutral_rated_a: Ampere | None = None
    ohm_per_km: Annotated[float, Meta(gt=0.0, le=100.0)] | None = None
    diameter_mm: Annotated[float, Meta(gt=0.0, le=200.0)] | None = None
    spacing_mm: Annotated[float, Meta(gt=0.0, le=2000.0)] | None = None
    circular: bool = True
    tau_min: Minutes | None = None
    assumed_ambient_c: Celsius | None = None


Component: TypeAlias = Transformer | Cable
