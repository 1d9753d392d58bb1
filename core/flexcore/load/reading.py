"""Component files: read, checked, and refused in one line that names file, key and expectation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeAlias

from flexcore.load.component import Cable, Component, Transformer, nominal_a
from flexcore.load.tables import conductor_table, thermal_model
from flexcore.tomlfile import parse_toml, read_toml_text, refuse

MAX_FILE_BYTES = 64 * 1024

#: Rated currents are printed rounded; a given one further off than this is a slip of the pen.
_RATED_CURRENT_TOLERANCE = 0.05

#: Called with a key and what was expected there.
Refuse: TypeAlias = Callable[[str, str], NoReturn]


def parse_component(text: str, file: str = "component.toml") -> Component:
    """The transformer or cable described by TOML ``text``; ``file`` is named in errors.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    component: Component = parse_toml(text, file, Transformer | Cable)  # type: ignore[arg-type]
    check_component(component, file)
    return component


def check_component(component: Component, file: str, table: str = "") -> None:
    """Rules that span keys; ``table`` is where in ``file`` the description stands.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """

    def no(key: str, expectation: str) -> NoReturn:
        refuse(file, f"{table}.{key}" if table else key, expectation)

    if isinstance(component, Transformer):
        _check_transformer(component, no)
    else:
        _check_cable(component, no)


def _check_transformer(transformer: Transformer, no: Refuse) -> None:
    """Rules that span keys."""
    losses = transformer.losses
    if losses.eddy_percent is None and losses.k_rating is None:
        no("losses.eddy_percent", "expected the winding eddy loss in percent of I2R, or k_rating")
    if transformer.lv_v > transformer.hv_v:
        no("lv_v", f"expected at most hv_v, {transformer.hv_v:g} V, got {transformer.lv_v:g}")
    for key, given, voltage in (
        ("hv_a", transformer.hv_a, transformer.hv_v),
        ("lv_a", transformer.lv_a, transformer.lv_v),
    ):
        computed = nominal_a(transformer.rated_kva, voltage)
        if given is not None and abs(given / computed - 1.0) > _RATED_CURRENT_TOLERANCE:
            no(key, f"expected about {computed:.1f} A from rated_kva and voltage, got {given:g}")
    if transformer.neutral_a is not None and transformer.measured_side == "hv":
        no("neutral_a", "expected none where the high-voltage side is measured")
    if transformer.dry:
        _check_dry(transformer, no)
    elif transformer.insulation_class is not None:
        no("insulation_class", "expected only with cooling = 'an'")
    model = thermal_model(transformer)
    order = list(model.hot_spot_c.values())
    if order != sorted(order):
        no("limits", f"expected hot spots rated <= normal <= long <= short, got {order}")
    if model.assumed_ambient_c >= order[0]:
        no("thermal.assumed_ambient_c", f"expected less than the rated hot spot, {order[0]:g}")


def _check_dry(transformer: Transformer, no: Refuse) -> None:
    if transformer.insulation_class is None:
        no(
            "insulation_class",
            "expected the class in degrees Celsius (for example 155) with cooling = 'an'",
        )
    if transformer.thermal.tau_winding_min is None:
        no("thermal.tau_winding_min", "expected the winding's time constant with cooling = 'an'")
    thermal, limits = transformer.thermal, transformer.limits
    foreign = [
        f"thermal.{key}"
        for key in ("delta_theta_or_k", "oil_exponent", "tau_oil_min", "k11", "k21", "k22", "loss_ratio")
        if getattr(thermal, key) is not None
    ]
    foreign += [
        f"limits.{key}"
        for key in ("top_oil_normal_c", "top_oil_long_c", "top_oil_short_c")
        if getattr(limits, key) is not None
    ]
    foreign += ["thermal.enclosure_k"] if thermal.enclosure_k else []
    if foreign:
        no(foreign[0], "expected only where there is oil, not with cooling = 'an'")


def _check_cable(cable: Cable, no: Refuse) -> None:
    """Rules that span keys."""
    known = conductor_table()[cable.conductor].ohm_per_km
    if cable.ohm_per_km is None and f"{cable.cross_section_mm2:g}" not in known:
        sections = ", ".join(known)
        no("ohm_per_km", f"expected with a section that is none of {sections} mm2")
    if cable.max_conductor_c <= cable.rated_ambient_c:
        no("max_conductor_c", f"expected more than rated_ambient_c, {cable.rated_ambient_c:g}")
    if (cable.diameter_mm is None) != (cable.spacing_mm is None):
        missing = "diameter_mm" if cable.diameter_mm is None else "spacing_mm"
        no(missing, "expected diameter_mm and spacing_mm together, or neither")
    if (
        cable.diameter_mm is not None
        and cable.spacing_mm is not None
        and cable.spacing_mm < cable.diameter_mm
    ):
        no("spacing_mm", f"expected at least diameter_mm, {cable.diameter_mm:g}, between axes")
    if cable.neutral_mm2 is None:
        if cable.neutral_rated_a is not None:
            no("neutral_rated_a", "expected only with neutral_mm2")
        if cable.loaded_conductors == 4:
            no("loaded_conductors", "expected 3 in a cable without neutral_mm2")


def read_component(file: Path) -> Component:
    """The component in ``file``; raises :class:`SettingsError` also where it cannot be read."""
    return parse_component(read_toml_text(file, MAX_FILE_BYTES), str(file))
