"""From means over an interval to the quantities of :mod:`flexcore.quantities`; the definitions.

Over an interval of whole fundamental cycles (one 200-ms window, or the 15 windows of a 3-s interval):

- ``u``, ``i``: square root of the mean of the squares, harmonics and direct current included.
- ``p``: mean of u times i, per phase (IEEE 1459, 3.1.2.3: total active power).
- fundamental phasors U1 and I1 of a 200-ms window: its Fourier coefficients at exactly ten (twelve) cycles
  per window, that is, at the window's own measured frequency.
- ``q``: imaginary part of U1 times conjugate I1, the fundamental reactive power Q1 (IEEE 1459, 3.1.2.4);
  positive when the current lags (inductive). Over 3 s: the mean of the windows' Q1.
- ``phi``: angle of U1 times conjugate I1 in degrees, -180 to 180, positive when the current lags. Over 3 s:
  the angle of the mean of these products.
- ``s``: u times i, from the interval's own u and i (also over 3 s); ``pf``: p divided by s.
- totals: sums over the phases, S as arithmetic sum, PF as total P divided by total S.
- ``f``: number of cycles divided by their duration; None when the frequency was held (flag ``sync``).

``pf`` and ``phi`` are None where the voltage is below 2 % of Udin or the current is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from flexcore.model import Flag
from flexcore.quantities import BUSBAR, FIELD, PHASES

Values = dict[str, float | None]

#: Voltage below which an angle between it and a current means nothing, relative to Udin.
ANGLE_FLOOR = 0.02

NO_VOLTAGE: Values = {quantity.name: None for quantity in BUSBAR}
NO_CURRENT: Values = {quantity.name: None for quantity in FIELD}

_U = tuple(f"u_{phase}_v" for phase in PHASES)
_U_MIN = tuple(f"u_min_{phase}_v" for phase in PHASES)
_U_MAX = tuple(f"u_max_{phase}_v" for phase in PHASES)
_FIELD = tuple((f"i_{x}_a", f"p_{x}_w", f"q_{x}_var", f"s_{x}_va", f"pf_{x}", f"phi_{x}_deg") for x in PHASES)


def frequency(cycles: int, duration_samples: float, rate_hz: float, flags: set[Flag]) -> float | None:
    """Cycles by duration, unless part of it was not measured but held."""
    return None if "sync" in flags else cycles * rate_hz / duration_samples


def voltage_values(
    f_hz: float | None,
    mean_squares: Sequence[float],
    lows: Sequence[float | None],
    highs: Sequence[float | None],
) -> Values:
    """A busbar's quantities: frequency, mean squares of u (V^2), lowest and highest Urms(1/2), per phase."""
    values: Values = {"f_hz": f_hz}
    for n in range(3):
        values[_U[n]] = math.sqrt(mean_squares[n])
    for n in range(3):
        values[_U_MIN[n]] = lows[n]
    for n in range(3):
        values[_U_MAX[n]] = highs[n]
    return values


def current_values(row: Sequence[float], channels: int, floor_v2: float) -> Values:
    """A field's quantities from a row of :func:`flexcore.dsp._kernels.measure_current`, or the mean of some.

    ``channels`` is three, or four with the neutral; ``floor_v2`` the mean square (V^2) of a voltage below
    which there is no angle.
    """
    values: Values = {}
    total_p = total_q = total_s = 0.0
    sound = True
    for n, (i_name, p_name, q_name, s_name, pf_name, phi_name) in enumerate(_FIELD):
        at = channels + n
        p, q, real, square = row[at], row[at + 3], row[at + 6], row[at + 9]
        s = math.sqrt(square * row[n])
        angle = square >= floor_v2 and s > 0.0
        sound = sound and square >= floor_v2
        values[i_name] = math.sqrt(row[n])
        values[p_name] = p
        values[q_name] = q
        values[s_name] = s
        values[pf_name] = p / s if angle else None
        values[phi_name] = math.degrees(math.atan2(q, real)) if angle else None
        total_p += p
        total_q += q
        total_s += s
    values["i_n_a"] = math.sqrt(row[3]) if channels > len(_FIELD) else None
    values["p_w"] = total_p
    values["q_var"] = total_q
    values["s_va"] = total_s
    values["pf"] = total_p / total_s if sound and total_s > 0.0 else None
    return values
