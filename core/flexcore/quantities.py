"""The names of what is measured: one table, the unit in the name, a Dutch and an English label.

Names follow IEC 61000-4-30 and IEEE 1459: ``u`` voltage between phase and neutral, ``i`` current, ``p``,
``q``, ``s`` active, reactive (fundamental) and apparent power, ``pf`` power factor, ``phi`` the angle by
which the fundamental current lags the fundamental voltage (positive: inductive).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity; ``decimals`` is what the page shows."""

    name: str
    unit: str
    label_nl: str
    label_en: str
    decimals: int


PHASES = ("l1", "l2", "l3")


def _per_phase(stem: str, suffix: str, unit: str, nl: str, en: str, decimals: int) -> list[Quantity]:
    tail = f"_{suffix}" if suffix else ""
    return [
        Quantity(f"{stem}_{phase}{tail}", unit, f"{nl} {phase.upper()}", f"{en} {phase.upper()}", decimals)
        for phase in PHASES
    ]


#: Of a busbar: RMS over the window, and the lowest and highest Urms(1/2) that ended inside it.
BUSBAR: tuple[Quantity, ...] = (
    Quantity("f_hz", "Hz", "Frequentie", "Frequency", 3),
    *_per_phase("u", "v", "V", "Spanning", "Voltage", 1),
    *_per_phase("u_min", "v", "V", "Laagste halveperiodewaarde", "Lowest half-cycle value", 1),
    *_per_phase("u_max", "v", "V", "Hoogste halveperiodewaarde", "Highest half-cycle value", 1),
)

#: Of a field. Totals are sums over the phases; S total is their arithmetic sum.
FIELD: tuple[Quantity, ...] = (
    *_per_phase("i", "a", "A", "Stroom", "Current", 2),
    Quantity("i_n_a", "A", "Nulleiderstroom", "Neutral current", 2),
    *_per_phase("p", "w", "W", "Werkzaam vermogen", "Active power", 0),
    *_per_phase("q", "var", "var", "Blindvermogen", "Reactive power", 0),
    *_per_phase("s", "va", "VA", "Schijnbaar vermogen", "Apparent power", 0),
    *_per_phase("pf", "", "", "Arbeidsfactor", "Power factor", 3),
    *_per_phase("phi", "deg", "°", "Fasehoek", "Phase angle", 1),
    Quantity("p_w", "W", "Werkzaam vermogen totaal", "Active power, total", 0),
    Quantity("q_var", "var", "Blindvermogen totaal", "Reactive power, total", 0),
    Quantity("s_va", "VA", "Schijnbaar vermogen totaal", "Apparent power, total", 0),
    Quantity("pf", "", "Arbeidsfactor totaal", "Power factor, total", 3),
)

BY_NAME: dict[str, Quantity] = {q.name: q for q in (*BUSBAR, *FIELD)}
