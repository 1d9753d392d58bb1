"""Which spectrum a sampling rate can give, and the numbers of the grid that computes it.

Orders to 50 need the bins up to 50.5 times the fundamental, at every frequency that the instrument follows
(42.5-57.5 Hz, or the same part of 60 Hz). What lies above must be stopped before it folds into them: by the
grid (``points`` in a window) and, at low rates, by the sampling itself, whose images the kernel stops too.
"""

from __future__ import annotations

import math

from flexcore.dsp._spectrum import Spectrometer

#: Highest order (IEC 61000-4-30 class A).
ORDERS = 50
#: The fundamental that must be right, relative to nominal: 42.5 to 57.5 Hz.
LOWEST, HIGHEST = 0.85, 1.15
#: Bins above this part of the sampling rate are not given: the sensor's own filter begins there.
PASS = 0.44
#: Shape of the kernel (half its length in radians of the first stopped frequency): ten samples at 20 kHz,
#: which leave less than 0.001 % of a 2 % tone above and 0.01 % of error in a harmonic of 1 %.
DROP = 10.0
LEAST_TAPS = 8


def highest_order(rate_hz: int, nominal_hz: int) -> int:
    """The highest harmonic order that a sampling rate gives, at most 50."""
    return max(1, min(ORDERS, math.floor(PASS * rate_hz / (HIGHEST * nominal_hz) - 0.5)))


def spectrometer(rate_hz: int, nominal_hz: int) -> Spectrometer:
    """A spectrometer for windows of 10 (50 Hz) or 12 cycles (60 Hz), sampled at ``rate_hz``."""
    cycles = nominal_hz // 5
    orders = highest_order(rate_hz, nominal_hz)
    bins = orders * cycles + cycles // 2 + 1
    wanted_hz = (orders + 0.5) * nominal_hz * HIGHEST
    for points in (512, 2048):
        folds_hz = (points - bins) * nominal_hz / cycles * LOWEST
        stop_hz = min(rate_hz - wanted_hz, folds_hz)
        if points > 2 * bins and folds_hz > 1.5 * wanted_hz:
            break
    beta, taps = _kernel(stop_hz / rate_hz)
    return Spectrometer(
        rate_hz=float(rate_hz), cycles=cycles, orders=orders, points=points, taps=taps, beta=beta
    )


def _kernel(stop: float) -> tuple[float, int]:
    """Shape and even number of taps whose main lobe ends at ``stop`` (cycles per sample)."""
    taps = max(LEAST_TAPS, 2 * math.ceil(DROP / (2.0 * math.pi * stop)))
    return math.sqrt((math.pi * stop * taps) ** 2 - math.pi**2), taps
