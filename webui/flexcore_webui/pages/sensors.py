"""Meters and devices as the page shows them: each value with its name, unit and decimals."""

from __future__ import annotations

from dataclasses import dataclass

from flexcore import quantities
from flexcore_webui import locale
from flexcore_webui.live.snapshot import SensorRow

#: The page shows so many at once; the rest is behind a line that opens.
FIRST = 4
#: Units by the end of a name, for what a site's own profile or driver calls as it likes; longest first.
UNITS = (
    ("_percent", "%"),
    ("_var", "var"),
    ("_varh", "varh"),
    ("_deg", "°"),
    ("_ohm", "Ω"),
    ("_wh", "Wh"),
    ("_va", "VA"),
    ("_ah", "Ah"),
    ("_hz", "Hz"),
    ("_c", "°C"),
    ("_v", "V"),
    ("_a", "A"),
    ("_w", "W"),
    ("_s", "s"),
)


@dataclass(frozen=True, slots=True)
class ValueView:
    """One value: its label, and the text with the unit; ``switch``: it is yes or no."""

    name: str
    label: str
    unit: str
    decimals: int
    value: float | None
    switch: bool


@dataclass(frozen=True, slots=True)
class SensorView:
    """A row and its values."""

    row: SensorRow
    first: tuple[ValueView, ...]
    rest: tuple[ValueView, ...]


def sensor_view(row: SensorRow) -> SensorView:
    """The row's values in words of the request's language."""
    values = tuple(_value(name, value) for name, value in row.v.items())
    return SensorView(row, values[:FIRST], values[FIRST:])


def _value(name: str, value: float | None) -> ValueView:
    known = quantities.BY_NAME.get(name)
    if known is None:
        end, unit = next(((end, unit) for end, unit in UNITS if name.endswith(end)), ("", ""))
        label = name.removesuffix(end).replace("_", " ")
        return ValueView(name, label, unit, 2, value, False)
    label = known.label_nl if locale.current() == "nl" else known.label_en
    return ValueView(name, label, known.unit, known.decimals, value, name in quantities.SWITCHES)
