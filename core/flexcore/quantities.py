"""The names of what is measured: one table, the unit in the name, a Dutch and an English label.

Names follow IEC 61000-4-30 and IEEE 1459: ``u`` voltage of a phase to earth (``l1``, or neutral) or between
phases (``l12``), ``i`` current, ``p``,
``q``, ``s`` active, reactive (fundamental) and apparent power, ``pf`` power factor, ``phi`` the angle by
which the fundamental current lags the fundamental voltage (positive: inductive).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity; ``decimals`` is what the page shows."""

    name: str
    unit: str
    label_nl: str
    label_en: str
    decimals: int


PHASES = ("l1", "l2", "l3")
#: Voltages between phases: that of the first to the second, and so on round.
PAIRS = ("l12", "l23", "l31")
#: Which voltages of a busbar are judged.
Voltages = Literal["phase_to_phase", "phase_to_earth"]


def lines_of(voltages: Voltages) -> tuple[str, ...]:
    """Names of the three voltages of a busbar that are judged."""
    return PAIRS if voltages == "phase_to_phase" else PHASES


def declared_v(nominal_v: float, voltages: Voltages) -> float:
    """Declared input voltage Udin of those that are judged, V, from the one between phases (IEC 61000-4-30,
    3.2)."""
    return nominal_v if voltages == "phase_to_phase" else nominal_v / math.sqrt(3.0)


def line_label(name: str) -> str:
    """A phase or a pair of phases as people write it: ``L1``, ``L1-L2``; any other name in capitals."""
    return f"L{name[1]}-L{name[2]}" if name in PAIRS else name.upper()


def _per_phase(
    stem: str, suffix: str, unit: str, nl: str, en: str, decimals: int, lines: tuple[str, ...] = PHASES
) -> list[Quantity]:
    tail = f"_{suffix}" if suffix else ""
    return [
        Quantity(f"{stem}_{x}{tail}", unit, f"{nl} {line_label(x)}", f"{en} {line_label(x)}", decimals)
        for x in lines
    ]


#: Mains signalling frequencies that a station may watch.
SIGNALS = 4
#: Every interval over which values are told, shortest first.
INTERVALS = ("200ms", "3s", "10s", "10min", "2h")


def _busbar(lines: tuple[str, ...]) -> tuple[Quantity, ...]:
    """Of a busbar: RMS over the window, and the lowest and highest Urms(1/2) that ended inside it. Distortion
    is that of the harmonic subgroups 2 to 50; unbalance that of the fundamental (IEC 61000-4-30, 5.7). Where
    voltages between phases are judged, the RMS to earth is told beside them: it shows an earth fault."""
    return (
        Quantity("f_hz", "Hz", "Frequentie", "Frequency", 3),
        *_per_phase("u", "v", "V", "Spanning", "Voltage", 1, lines),
        *_per_phase("u_min", "v", "V", "Laagste halveperiodewaarde", "Lowest half-cycle value", 1, lines),
        *_per_phase("u_max", "v", "V", "Hoogste halveperiodewaarde", "Highest half-cycle value", 1, lines),
        *_per_phase("thd_u", "percent", "%", "THD spanning", "Voltage THD", 2, lines),
        Quantity("u2_percent", "%", "Asymmetrie, invers", "Unbalance, negative sequence", 2),
        Quantity("u0_percent", "%", "Asymmetrie, homopolair", "Unbalance, zero sequence", 2),
        *(() if lines == PHASES else _per_phase("u", "v", "V", "Spanning", "Voltage", 1)),
    )


def _busbar_long(lines: tuple[str, ...]) -> tuple[Quantity, ...]:
    """Of a busbar, from 3 s on."""
    return (
        *_per_phase("u1", "v", "V", "Grondgolf spanning", "Fundamental voltage", 1, lines),
        *_per_phase("u_under", "percent", "%", "Onderspanning", "Underdeviation", 2, lines),
        *_per_phase("u_over", "percent", "%", "Overspanning", "Overdeviation", 2, lines),
        *_per_phase(
            "thd40_u", "percent", "%", "THD spanning tot orde 40", "Voltage THD to order 40", 2, lines
        ),
        *_per_phase("pinst", "", "", "Hoogste momentane flicker", "Highest instantaneous flicker", 3, lines),
        *(
            quantity
            for n in range(1, SIGNALS + 1)
            for quantity in _per_phase(
                f"msv{n}", "v", "V", f"Stuursignaal {n}", f"Mains signal {n}", 2, lines
            )
        ),
    )


def _flicker(*names: tuple[str, str, str], lines: tuple[str, ...]) -> tuple[Quantity, ...]:
    return tuple(q for stem, nl, en in names for q in _per_phase(stem, "", "", nl, en, 2, lines))


_PST = ("pst", "Flicker Pst", "Flicker Pst")
_PLT = ("plt", "Flicker Plt", "Flicker Plt")
_PLT_SLIDING = ("plt_sliding", "Flicker Plt, glijdend", "Flicker Plt, sliding")
_TEN_S = (Quantity("f_10s_hz", "Hz", "Frequentie over 10 s", "Frequency over 10 s", 4),)

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
    *_per_phase("thd_i", "percent", "%", "THD stroom", "Current THD", 1),
)

#: Of a field, from 3 s on. ``tdd`` refers to the field's rated current; ``k`` is the K-factor of UL 1561;
#: ``dpf`` the displacement power factor, that of the fundamental.
FIELD_LONG: tuple[Quantity, ...] = (
    *_per_phase("i1", "a", "A", "Grondgolf stroom", "Fundamental current", 2),
    *_per_phase("p1", "w", "W", "Grondgolf werkzaam vermogen", "Fundamental active power", 0),
    *_per_phase("s1", "va", "VA", "Grondgolf schijnbaar vermogen", "Fundamental apparent power", 0),
    *_per_phase("dpf", "", "", "Cos phi", "Displacement power factor", 3),
    Quantity("p1_w", "W", "Grondgolf werkzaam vermogen totaal", "Fundamental active power, total", 0),
    Quantity("s1_va", "VA", "Grondgolf schijnbaar vermogen totaal", "Fundamental apparent power, total", 0),
    Quantity("dpf", "", "Cos phi totaal", "Displacement power factor, total", 3),
    Quantity("thd_i_n_percent", "%", "THD nulleiderstroom", "Neutral current THD", 1),
    *_per_phase("tdd", "percent", "%", "TDD stroom", "Current TDD", 2),
    *_per_phase("k", "", "", "K-factor", "K-factor", 2),
    Quantity("i2_percent", "%", "Stroomasymmetrie, invers", "Current unbalance, negative sequence", 1),
    Quantity("i0_percent", "%", "Stroomasymmetrie, homopolair", "Current unbalance, zero sequence", 1),
)

#: Of a field: energy of the interval; import is from the busbar into the field, quadrants as in IEC 62053-23.
FIELD_10MIN: tuple[Quantity, ...] = (
    Quantity("e_import_wh", "Wh", "Afgenomen energie", "Imported energy", 0),
    Quantity("e_export_wh", "Wh", "Teruggeleverde energie", "Exported energy", 0),
    *(
        Quantity(f"e_q{n}_varh", "varh", f"Blindenergie kwadrant {n}", f"Reactive energy, quadrant {n}", 0)
        for n in range(1, 5)
    ),
)

_BUSBAR_AT: dict[tuple[str, ...], dict[str, tuple[Quantity, ...]]] = {
    lines: {
        "200ms": _busbar(lines),
        "3s": _busbar(lines) + _busbar_long(lines),
        "10s": _TEN_S,
        "10min": _busbar(lines) + _busbar_long(lines) + _flicker(_PST, _PLT_SLIDING, lines=lines),
        "2h": _busbar(lines) + _busbar_long(lines) + _flicker(_PLT, lines=lines),
    }
    for lines in (PHASES, PAIRS)
}
_FIELD_AT: dict[str, tuple[Quantity, ...]] = {
    "200ms": FIELD,
    "3s": FIELD + FIELD_LONG,
    "10s": (),
    "10min": FIELD + FIELD_LONG + FIELD_10MIN,
    "2h": FIELD + FIELD_LONG + FIELD_10MIN,
}


def of_busbar(interval: str, lines: tuple[str, ...]) -> tuple[Quantity, ...]:
    """What is told over ``interval`` of a busbar whose voltages ``lines`` (:data:`PHASES` or :data:`PAIRS`)
    are judged."""
    return _BUSBAR_AT[lines][interval]


def of_field(interval: str) -> tuple[Quantity, ...]:
    """What is told of a field over ``interval``."""
    return _FIELD_AT[interval]


#: Of thermometers, contacts, gauges and supplies; what a meter tells has the names of elements.
DEVICE: tuple[Quantity, ...] = (
    Quantity("active", "", "Actief", "Active", 0),
    Quantity("closings", "", "Aantal keer actief", "Times active", 0),
    Quantity("temperature_c", "°C", "Temperatuur", "Temperature", 1),
    Quantity("ambient_c", "°C", "Omgeving", "Ambient", 1),
    Quantity("humidity_percent", "%", "Vochtigheid", "Humidity", 0),
    Quantity("voltage_v", "V", "Spanning", "Voltage", 2),
    Quantity("current_a", "A", "Stroom", "Current", 2),
    Quantity("power_w", "W", "Vermogen", "Power", 1),
    Quantity("charge_percent", "%", "Lading", "Charge", 0),
    Quantity("rate_percent_h", "%/h", "Verloop van de lading", "Rate of charge", 1),
    Quantity("health_percent", "%", "Gezondheid", "Health", 0),
    Quantity("remaining_ah", "Ah", "Resterende lading", "Remaining charge", 2),
    Quantity("full_ah", "Ah", "Volle lading", "Full charge", 2),
    Quantity("energy_wh", "Wh", "Energie", "Energy", 1),
    Quantity("full_wh", "Wh", "Energie vol", "Full energy", 1),
    Quantity("runtime_s", "s", "Resterende tijd", "Time left", 0),
    Quantity("load_percent", "%", "Belasting", "Load", 0),
    Quantity("capacitance_f", "F", "Capaciteit", "Capacitance", 2),
    Quantity("resistance_ohm", "Ω", "Inwendige weerstand", "Internal resistance", 3),
    Quantity("input_v", "V", "Ingangsspanning", "Input voltage", 1),
    Quantity("input_a", "A", "Ingangsstroom", "Input current", 2),
    Quantity("input_hz", "Hz", "Frequentie ingang", "Input frequency", 1),
    Quantity("output_v", "V", "Uitgangsspanning", "Output voltage", 1),
    Quantity("cycles", "", "Laadcycli", "Charge cycles", 0),
    Quantity("mains", "", "Netspanning aanwezig", "Mains present", 0),
    Quantity("mains_failed", "", "Netspanning weg", "Mains failed", 0),
    Quantity("on_battery", "", "Op batterij", "On battery", 0),
    Quantity("low_battery", "", "Batterij bijna leeg", "Battery low", 0),
    Quantity("replace_battery", "", "Batterij vervangen", "Replace battery", 0),
    Quantity("charging", "", "Laadt", "Charging", 0),
    Quantity("forced_shutdown", "", "Uitschakelen gelast", "Shutdown forced", 0),
)
#: Those that are 0 or 1.
SWITCHES = frozenset(
    (
        "active",
        "mains",
        "mains_failed",
        "on_battery",
        "low_battery",
        "replace_battery",
        "charging",
        "forced_shutdown",
    )
)

BY_NAME: dict[str, Quantity] = {
    **{q.name: q for q in DEVICE},
    **{q.name: q for tables in (*_BUSBAR_AT.values(), _FIELD_AT) for table in tables.values() for q in table},
}

#: Spectra by order, per channel: stem, what it is. Orders count from 0 (direct current).
SPECTRA: dict[str, str] = {
    "h": "harmonic subgroups (IEC 61000-4-7, 3.2.4), RMS",
    "ih": "interharmonic centred subgroups between an order and the next (3.4.4), RMS",
    "hg": "harmonic groups (3.2.3), RMS",
    "ihg": "interharmonic groups (3.4.3), RMS",
    "ha": "angle of the harmonic against the fundamental of the busbar's phase 1, times its order, degrees",
}
