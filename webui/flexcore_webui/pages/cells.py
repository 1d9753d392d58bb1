"""How a value is shown: its unit, scale and decimals, chosen once per element so that nothing jumps.

A cell is rendered by the server and kept alive by the browser with the same four numbers:
``(value - centre) / scale``, ``decimals`` and whether a sign is always shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from flexcore import quantities
from flexcore.payloads import ElementMeta

#: The small gauge beside a voltage spans this deviation to both sides; its limits stand at 10 %.
GAUGE_SPAN_PERCENT = 15.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One quantity of one element on the page."""

    element: str
    quantity: str
    label: str
    unit: str
    scale: float = 1.0
    decimals: int = 1
    centre: float = 0.0
    sign: bool = False

    def shown(self, values: dict[str, float | None]) -> float | None:
        """The number to print, still unrounded."""
        value = values.get(self.quantity)
        return None if value is None else (value - self.centre) / self.scale


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One voltage of a busbar and its deviation from the declared one; ``colour`` is that of its phase."""

    name: str
    colour: str
    voltage: Cell
    deviation: Cell


@dataclass(frozen=True, slots=True)
class BusbarView:
    """A busbar's card."""

    meta: ElementMeta
    nominal: tuple[float, str]
    udin: Cell
    phases: tuple[PhaseView, ...]
    frequency: Cell
    #: Its voltages have two digits before the point and three behind it.
    long: bool
    #: Beside voltages between phases, those to earth: they show an earth fault.
    earth: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field's row."""

    meta: ElementMeta
    currents: tuple[Cell, ...]
    powers: tuple[Cell, ...]
    factor: Cell
    angles: tuple[Cell, ...]


def needle(cell: Cell, values: dict[str, float | None]) -> float:
    """Where the gauge's needle stands, in percent, kept inside its scale; far outside where unknown."""
    shown = cell.shown(values)
    if shown is None:
        return -10.0 * GAUGE_SPAN_PERCENT
    return round(max(-GAUGE_SPAN_PERCENT, min(GAUGE_SPAN_PERCENT, shown)) - 0.55, 2)


def busbar_view(meta: ElementMeta) -> BusbarView:
    """Volts below 1 kV, else kilovolts with the volt still visible."""
    high = meta.nominal_v >= 1000.0
    unit, scale, decimals = ("kV", 1000.0, 3) if high else ("V", 1.0, 1)
    udin = meta.udin_v

    def phase(line: str, colour: str) -> PhaseView:
        quantity, name = f"u_{line}_v", quantities.line_label(line)
        return PhaseView(
            name,
            colour,
            Cell(meta.id, quantity, f"U {name}", unit, scale, decimals),
            Cell(meta.id, quantity, f"ΔU {name}", "%", udin / 100.0, 1, udin, sign=True),
        )

    return BusbarView(
        meta=meta,
        nominal=(meta.nominal_v / scale, unit),
        udin=Cell(meta.id, "", "Udin", unit, scale, decimals),
        phases=tuple(phase(*both) for both in zip(meta.lines, quantities.PHASES, strict=True)),
        frequency=Cell(meta.id, "f_hz", "f", "Hz", 1.0, quantities.BY_NAME["f_hz"].decimals),
        long=high and udin >= 10.0 * scale,
        earth=()
        if meta.lines == quantities.PHASES
        else tuple(
            Cell(meta.id, f"u_{x}_v", f"U {x.upper()}", unit, scale, decimals) for x in quantities.PHASES
        ),
    )


def field_view(meta: ElementMeta) -> FieldView:
    """Kilowatts up to 50 kV, megawatts above: the same unit whatever flows."""
    if meta.nominal_v < 1000.0:
        prefix, scale, decimals = "k", 1e3, 2
    elif meta.nominal_v < 50_000.0:
        prefix, scale, decimals = "k", 1e3, 1
    else:
        prefix, scale, decimals = "M", 1e6, 3
    phases = ("l1", "l2", "l3")
    currents = [Cell(meta.id, f"i_{p}_a", f"I {p.upper()}", "A", 1.0, 2) for p in phases]
    if "i_n" in meta.channels:
        currents.append(Cell(meta.id, "i_n_a", "I N", "A", 1.0, 2))
    return FieldView(
        meta=meta,
        currents=tuple(currents),
        powers=(
            Cell(meta.id, "p_w", "P", f"{prefix}W", scale, decimals),
            Cell(meta.id, "q_var", "Q", f"{prefix}var", scale, decimals),
            Cell(meta.id, "s_va", "S", f"{prefix}VA", scale, decimals),
        ),
        factor=Cell(meta.id, "pf", "λ", "", 1.0, 3),
        angles=tuple(Cell(meta.id, f"phi_{p}_deg", f"φ {p.upper()}", "°", 1.0, 1) for p in phases),
    )
