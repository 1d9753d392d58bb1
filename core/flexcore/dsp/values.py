"""From rows over an interval to the quantities of :mod:`flexcore.quantities`; the definitions.

Over an interval of whole fundamental cycles (one 200-ms window, or the windows of a longer interval):

- ``u``, ``i``: square root of the mean of the squares, harmonics and direct current included.
- ``p``: mean of u times i, per phase (IEEE 1459, 3.1.2.3: total active power).
- fundamental phasors U1 and I1 of a 200-ms window: its Fourier coefficients at exactly ten (twelve) cycles
  per window, that is, at the window's own measured frequency.
- ``q``: imaginary part of U1 times conjugate I1, the fundamental reactive power Q1 (IEEE 1459, 3.1.2.4);
  positive when the current lags (inductive). ``p1``: its real part. Longer: the mean of the windows'.
- ``phi``: angle of U1 times conjugate I1 in degrees, -180 to 180, positive when the current lags. Longer:
  the angle of the mean of these products. ``dpf``: its cosine, P1 divided by the magnitude of P1 + j Q1.
- ``s``: u times i, from the interval's own u and i; ``pf``: p divided by s. ``s1``: the same of U1 and I1.
- totals: sums over the phases, S as arithmetic sum, PF as total P divided by total S.
- ``f``: number of cycles divided by their duration; None when the frequency was held (flag ``sync``).
- ``thd``: root of the sum of the squares of subgroups 2 to 50 (or the highest the sampling rate gives)
  against the fundamental's (IEC 61000-4-7, THDS); ``tdd``: the same against the rated current.
- ``u2``, ``u0``: negative and zero against positive sequence of the fundamental of the voltages to earth;
  ``i2``, ``i0`` likewise.
- ``u_under``, ``u_over``: IEC 61000-4-30, 5.12, from the windows' RMS, in percent of Udin.
- ``k``: sum of the squares of the harmonics weighted by their order squared, against the sum of the squares.
- energies: mean power per direction and quadrant times the measured time.

``pf``, ``phi``, ``dpf`` are None where the voltage is below 2 % of Udin or the current is zero; ratios to a
fundamental are None where that is below 1 % of what the instrument is declared for, or zero. ``u2``, ``u0``
and ``i2``, ``i0`` are None where the voltages turn the other way round (flag ``rotation``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from flexcore.dsp.arrays import Float64, numbers
from flexcore.dsp.rows import CurrentRow, VoltageRow
from flexcore.model import Flag
from flexcore.quantities import PAIRS, PHASES, of_busbar, of_field

Values = dict[str, float | None]
Spectra = dict[str, tuple[float, ...]]

#: Voltage below which an angle between it and a current means nothing, relative to Udin.
ANGLE_FLOOR = 0.02
#: Fundamental voltage below which nothing is related to it, relative to Udin.
RATIO_FLOOR = 0.01

#: Square of the negative against the positive sequence above which no grid is that unbalanced (a short
#: between two phases makes them equal): the phases are in another order.
TURNED = 4.0

_OF_WINDOWS = ("200ms", "3s", "10min", "2h")
NO_VOLTAGE: dict[tuple[str, ...], dict[str, Values]] = {
    lines: {interval: {q.name: None for q in of_busbar(interval, lines)} for interval in _OF_WINDOWS}
    for lines in (PHASES, PAIRS)
}
NO_CURRENT: dict[str, Values] = {
    interval: {quantity.name: None for quantity in of_field(interval)} for interval in _OF_WINDOWS
}

_U = {x: (f"u_{x}_v", f"u_min_{x}_v", f"u_max_{x}_v", f"thd_u_{x}_percent") for x in (*PHASES, *PAIRS)}
_FIELD = tuple((f"i_{x}_a", f"p_{x}_w", f"q_{x}_var", f"s_{x}_va", f"pf_{x}", f"phi_{x}_deg") for x in PHASES)
_THD_I = tuple(f"thd_i_{x}_percent" for x in PHASES)
_DIGITS = 6


def frequency(cycles: int, duration_samples: float, rate_hz: float, flags: set[Flag]) -> float | None:
    """Cycles by duration, unless part of it was not measured but held."""
    return None if "sync" in flags else cycles * rate_hz / duration_samples


def _percent(square: float, of_square: float, floor: float = 0.0) -> float | None:
    return 100.0 * math.sqrt(square / of_square) if of_square > floor else None


def voltage_values(
    layout: VoltageRow,
    row: Float64,
    f_hz: float | None,
    lows: Sequence[float | None],
    highs: Sequence[float | None],
    udin_v: float,
    lines: Sequence[str],
) -> Values:
    """A busbar's quantities of every interval; ``lows`` and ``highs`` are of Urms(1/2), per line, V."""
    base = numbers(row[: layout.fundamental + 3])
    floor = (RATIO_FLOOR * udin_v) ** 2
    values: Values = {"f_hz": f_hz}
    for n, x in enumerate(lines):
        u, lowest, highest, thd = _U[x]
        values[u] = math.sqrt(base[n])
        values[lowest] = lows[n]
        values[highest] = highs[n]
        values[thd] = _percent(base[layout.distortion + n], base[layout.fundamental + n], floor)
    return values


def earth_values(layout: VoltageRow, row: Float64, earth_v: float, lines: Sequence[str]) -> Values:
    """What only the voltages to earth tell: unbalance; and their RMS, where ``lines`` are between phases."""
    base = numbers(row[: layout.sequences + 3])
    positive, negative, zero = base[layout.sequences :]
    floor = (RATIO_FLOOR * earth_v) ** 2
    right = negative <= TURNED * positive
    values: Values = {
        "u2_percent": _percent(negative, positive, floor) if right else None,
        "u0_percent": _percent(zero, positive, floor) if right else None,
    }
    if lines is not PHASES:
        for n, x in enumerate(PHASES):
            values[_U[x][0]] = math.sqrt(base[n])
    return values


def turned(layout: VoltageRow, row: Float64, earth_v: float) -> bool:
    """Whether the phases of a busbar turn the other way round than they should."""
    positive, negative = float(row[layout.sequences]), float(row[layout.sequences + 1])
    return negative > max(TURNED * positive, (RATIO_FLOOR * earth_v) ** 2)


def long_voltage_values(layout: VoltageRow, row: Float64, udin_v: float, lines: Sequence[str]) -> Values:
    """A busbar's quantities that are told from 3 s on, flicker not among them."""
    base = numbers(row[: layout.fundamental + 3])
    floor = (RATIO_FLOOR * udin_v) ** 2
    values: Values = {}
    for n, x in enumerate(lines):
        values[f"u1_{x}_v"] = math.sqrt(base[layout.fundamental + n])
        under, over = math.sqrt(base[layout.under + n]), math.sqrt(base[layout.over + n])
        values[f"u_under_{x}_percent"] = max(0.0, 100.0 * (udin_v - under) / udin_v)
        values[f"u_over_{x}_percent"] = max(0.0, 100.0 * (over - udin_v) / udin_v)
        # A sampling rate that does not give order 40 does not give this value either.
        values[f"thd40_u_{x}_percent"] = (
            _percent(base[layout.distortion_40 + n], base[layout.fundamental + n], floor)
            if layout.orders >= 40
            else None
        )
        for k in range(layout.signals):
            square = base[layout.signal + 3 * k + n]  # not a number above what the mains' frequency gives
            values[f"msv{k + 1}_{x}_v"] = None if math.isnan(square) else math.sqrt(square)
    return values


def current_values(layout: CurrentRow, row: Float64, floor_v2: float) -> Values:
    """A field's quantities of every interval; ``floor_v2`` is the mean square (V^2) of a voltage below which
    there is no angle."""
    base = numbers(row[: layout.fundamental + layout.channels])
    channels, powers = layout.channels, layout.powers
    values: Values = {}
    total_p = total_q = total_s = 0.0
    sound = True
    for n, (i_name, p_name, q_name, s_name, pf_name, phi_name) in enumerate(_FIELD):
        at = powers + n
        p, q, real, square = base[at], base[at + 3], base[at + 6], base[at + 9]
        s = math.sqrt(square * base[n])
        angle = square >= floor_v2 and s > 0.0
        sound = sound and square >= floor_v2
        values[i_name] = math.sqrt(base[n])
        values[p_name] = p
        values[q_name] = q
        values[s_name] = s
        values[pf_name] = p / s if angle else None
        values[phi_name] = math.degrees(math.atan2(q, real)) if angle else None
        values[_THD_I[n]] = _percent(base[layout.distortion + n], base[layout.fundamental + n])
        total_p += p
        total_q += q
        total_s += s
    values["i_n_a"] = math.sqrt(base[3]) if channels > len(_FIELD) else None
    values["p_w"] = total_p
    values["q_var"] = total_q
    values["s_va"] = total_s
    values["pf"] = total_p / total_s if sound and total_s > 0.0 else None
    return values


def long_current_values(
    layout: CurrentRow, row: Float64, u1_squares: Sequence[float], floor_v2: float, rated_a: float | None
) -> Values:
    """A field's quantities that are told from 3 s on; ``u1_squares`` of the busbar's fundamental, V^2."""
    base = numbers(row[: layout.fundamental + layout.channels])
    values: Values = {}
    total_p1 = total_q1 = total_s1 = 0.0
    for n, x in enumerate(PHASES):
        at = layout.powers + n
        q1, p1, square = base[at + 3], base[at + 6], base[at + 9]
        fundamental, distortion = base[layout.fundamental + n], base[layout.distortion + n]
        apparent = math.hypot(p1, q1)
        values[f"i1_{x}_a"] = math.sqrt(fundamental)
        values[f"p1_{x}_w"] = p1
        values[f"s1_{x}_va"] = math.sqrt(fundamental * u1_squares[n])
        values[f"dpf_{x}"] = p1 / apparent if square >= floor_v2 and apparent > 0.0 else None
        values[f"tdd_{x}_percent"] = None if rated_a is None else 100.0 * math.sqrt(distortion) / rated_a
        all_orders = fundamental + distortion
        values[f"k_{x}"] = base[layout.heat + n] / all_orders if all_orders > 0.0 else None
        total_p1 += p1
        total_q1 += q1
        total_s1 += math.sqrt(fundamental * u1_squares[n])
    apparent = math.hypot(total_p1, total_q1)
    sound = min(base[layout.powers + 9 : layout.powers + 12]) >= floor_v2 and apparent > 0.0
    values["p1_w"] = total_p1
    values["s1_va"] = total_s1
    values["dpf"] = total_p1 / apparent if sound else None
    values["thd_i_n_percent"] = (
        _percent(base[layout.distortion + 3], base[layout.fundamental + 3]) if layout.channels > 3 else None
    )
    positive, negative, zero = base[layout.sequences : layout.sequences + 3]
    values["i2_percent"] = _percent(negative, positive)
    values["i0_percent"] = _percent(zero, positive)
    return values


def energy_values(layout: CurrentRow, row: Float64, measured_s: float) -> Values:
    """Energy of the measured part of an interval, by direction and quadrant."""
    names = ("e_import_wh", "e_export_wh", *(f"e_q{n}_varh" for n in range(1, 5)))
    hours = measured_s / 3600.0
    return {name: power * hours for name, power in zip(names, numbers(row[layout.energy :][:6]), strict=True)}


def spectra(stem: str, unit: str, channels: Sequence[str], tables: Float64, *, everything: bool) -> Spectra:
    """Spectra from mean ``tables`` (6, orders + 1, channels): subgroups, and with ``everything`` also groups
    and angles. Names are ``{stem}_{kind}_{channel}_{unit}``; six digits are kept."""
    kinds = {"h": 0, "hg": 1, "ih": 2, "ihg": 3} if everything else {"h": 0, "ih": 2}
    found: Spectra = {}
    roots = significant(np.sqrt(tables[:4]))
    for kind, n in kinds.items():
        between = -1 if n >= 2 else None  # there is no interharmonic above the highest order
        for c, channel in enumerate(channels):
            found[f"{stem}_{kind}_{channel}_{unit}"] = tuple(numbers(roots[n, :between, c]))
    if everything:
        angles = np.round(np.degrees(np.arctan2(tables[5], tables[4])), 2)
        for c, channel in enumerate(channels):
            found[f"{stem}_ha_{channel}_deg"] = tuple(numbers(angles[:, c]))
    return found


def significant(x: Float64) -> Float64:
    """``x`` (not negative) rounded to six significant digits, so that it is short on the bus."""
    with np.errstate(divide="ignore"):
        scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(np.where(x > 0.0, x, 1.0))))
    return np.asarray(np.round(x * scale) / scale)
