"""The guides' tables, shipped as data, and a transformer's thermal constants completed from them."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeVar

import msgspec

from flexcore.load.component import LimitOverrides, ThermalOverrides, Transformer

_T = TypeVar("_T")

Regime = Literal["rated", "normal", "long", "short"]

_KELVIN_AT_0_C = 273.0  # as the ageing formulas of IEC 60076-7 and -12 round it


class Dry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dry type: IEC 60076-12."""

    winding_exponent: float
    highest_above_rated_k: float
    hot_spot_rated_c: dict[str, float]


class Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for both."""

    eddy_hot_spot_factor: float
    reference_ambient_c: float


class CoolingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``data/cooling.toml``."""

    liquid: dict[str, ThermalOverrides]
    liquid_limits: LimitOverrides
    common: Common
    dry: Dry


class Conductor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metal of ``data/conductors.toml``."""

    alpha_per_k: float
    ohm_per_km: dict[str, float]


def _data(file: str) -> dict[str, object]:
    return tomllib.loads((resources.files("flexcore.load") / "data" / file).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def cooling_table() -> CoolingTable:
    """The rows of ``data/cooling.toml``."""
    return msgspec.convert(_data("cooling.toml"), CoolingTable)


@lru_cache(maxsize=1)
def conductor_table() -> dict[str, Conductor]:
    """The rows of ``data/conductors.toml`` by metal, ``cu`` and ``al``."""
    return msgspec.convert(_data("conductors.toml"), dict[str, Conductor])


@dataclass(frozen=True, slots=True)
class ThermalModel:
    """Constants of IEC 60076-7 for one transformer, none missing; time constants in minutes, rises in K.

    A dry transformer is the same model without oil: top oil is the ambient, ``k21 = k22 = 1``.
    ``ageing_b_k`` None: ageing doubles every 6 K (kraft paper); else the constant of Arrhenius' law.
    """

    dry: bool
    delta_theta_or_k: float
    delta_theta_hr_k: float
    oil_exponent: float
    winding_exponent: float
    tau_oil_min: float
    tau_winding_min: float
    k11: float
    k21: float
    k22: float
    loss_ratio: float
    eddy_hot_spot_factor: float
    assumed_ambient_c: float
    hot_spot_c: dict[Regime, float]
    top_oil_c: dict[Regime, float]
    ageing_b_k: float | None

    @property
    def slowest_min(self) -> float:
        """The longest time constant."""
        if self.dry:
            return self.k22 * self.tau_winding_min
        return max(self.k11 * self.tau_oil_min, self.k22 * self.tau_winding_min, self.tau_oil_min / self.k22)


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _known(value: _T | None) -> _T:
    if value is None:  # the reader and the data files' test see to it
        raise ValueError("expected a complete row in cooling.toml")
    return value


@lru_cache(maxsize=64)
def thermal_model(transformer: Transformer) -> ThermalModel:
    """The constants of ``transformer``: its own where given, else its cooling's row."""
    return _dry_model(transformer) if transformer.dry else _liquid_model(transformer)


def _liquid_model(transformer: Transformer) -> ThermalModel:
    table = cooling_table()
    own, row = transformer.thermal, table.liquid[transformer.cooling]
    limits, usual = transformer.limits, table.liquid_limits
    upgraded = transformer.paper == "upgraded"
    return ThermalModel(
        dry=False,
        delta_theta_or_k=_known(_or(own.delta_theta_or_k, row.delta_theta_or_k)) + own.enclosure_k,
        delta_theta_hr_k=_known(_or(own.delta_theta_hr_k, row.delta_theta_hr_k)),
        oil_exponent=_known(_or(own.oil_exponent, row.oil_exponent)),
        winding_exponent=_known(_or(own.winding_exponent, row.winding_exponent)),
        tau_oil_min=_known(_or(own.tau_oil_min, row.tau_oil_min)),
        tau_winding_min=_known(_or(own.tau_winding_min, row.tau_winding_min)),
        k11=_known(_or(own.k11, row.k11)),
        k21=_known(_or(own.k21, row.k21)),
        k22=_known(_or(own.k22, row.k22)),
        loss_ratio=_or(own.loss_ratio, transformer.losses.load_w / transformer.losses.no_load_w),
        eddy_hot_spot_factor=_or(own.eddy_hot_spot_factor, table.common.eddy_hot_spot_factor),
        assumed_ambient_c=_or(own.assumed_ambient_c, table.common.reference_ambient_c),
        hot_spot_c={
            "rated": _or(limits.hot_spot_rated_c, 110.0 if upgraded else 98.0),
            "normal": _known(_or(limits.hot_spot_normal_c, usual.hot_spot_normal_c)),
            "long": _known(_or(limits.hot_spot_long_c, usual.hot_spot_long_c)),
            "short": _known(_or(limits.hot_spot_short_c, usual.hot_spot_short_c)),
        },
        top_oil_c={
            # rated: nothing above the normal cyclic limit is stated for top oil alone
            "rated": _known(_or(limits.top_oil_normal_c, usual.top_oil_normal_c)),
            "normal": _known(_or(limits.top_oil_normal_c, usual.top_oil_normal_c)),
            "long": _known(_or(limits.top_oil_long_c, usual.top_oil_long_c)),
            "short": _known(_or(limits.top_oil_short_c, usual.top_oil_short_c)),
        },
        ageing_b_k=15_000.0 if upgraded else None,
    )


def _dry_model(transformer: Transformer) -> ThermalModel:
    table = cooling_table()
    own, limits, dry = transformer.thermal, transformer.limits, table.dry
    ambient = table.common.reference_ambient_c
    rated = _or(limits.hot_spot_rated_c, dry.hot_spot_rated_c[str(_known(transformer.insulation_class))])
    highest = rated + dry.highest_above_rated_k
    half_life_k = 6.0
    kelvin = rated + _KELVIN_AT_0_C
    return ThermalModel(
        dry=True,
        delta_theta_or_k=0.0,
        delta_theta_hr_k=_or(own.delta_theta_hr_k, rated - ambient),
        oil_exponent=1.0,
        winding_exponent=_or(own.winding_exponent, dry.winding_exponent),
        tau_oil_min=1.0,
        tau_winding_min=_known(own.tau_winding_min),
        k11=1.0,
        k21=1.0,
        k22=1.0,
        loss_ratio=1.0,
        eddy_hot_spot_factor=_or(own.eddy_hot_spot_factor, table.common.eddy_hot_spot_factor),
        assumed_ambient_c=_or(own.assumed_ambient_c, ambient),
        hot_spot_c={
            "rated": rated,
            "normal": _or(limits.hot_spot_normal_c, rated),
            "long": _or(limits.hot_spot_long_c, highest),
            "short": _or(limits.hot_spot_short_c, highest),
        },
        top_oil_c={},
        ageing_b_k=math.log(2.0) / (1.0 / kelvin - 1.0 / (kelvin + half_life_k)),
    )
