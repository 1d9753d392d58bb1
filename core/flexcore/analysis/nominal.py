"""Nominal voltage and frequency where nobody tells them: estimated from the samples, and said so."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

#: Usual voltages between phases, V: IEC 60038, and what is common beside it; 100 V and 110 V of transformers.
LEVELS_V = (
    *(100.0, 110.0, 208.0, 230.0, 400.0, 480.0, 690.0, 1000.0),
    *(3000.0, 3300.0, 4160.0, 6000.0, 6600.0, 10000.0, 11000.0, 12470.0, 13800.0, 15000.0, 20000.0, 22000.0),
    *(25000.0, 30000.0, 33000.0, 35000.0, 45000.0, 50000.0, 66000.0, 69000.0, 90000.0, 110000.0, 132000.0),
    *(150000.0, 220000.0, 230000.0, 275000.0, 330000.0, 345000.0, 380000.0, 400000.0, 500000.0),
)


def usual_rms(voltages: list[Values], rate_hz: float, nominal_hz: float) -> float:
    """The usual RMS of phase voltages over one cycle: the median of what is above half of the largest.

    So that neither a dip nor the time after a trip counts. Not-a-number where there is no voltage.
    """
    cycle = max(2, round(rate_hz / nominal_hz))
    found = []
    for x in voltages:
        n = x.size // cycle * cycle
        if n:
            blocks = x[:n].reshape(-1, cycle)
            found.append(np.sqrt(np.mean(blocks * blocks, axis=1)))
    rms = np.concatenate(found) if found else np.empty(0)
    rms = rms[np.isfinite(rms)]
    if not rms.size or not float(rms.max()) > 0.0:
        return math.nan
    return float(np.median(rms[rms > 0.5 * rms.max()]))


def nearest_level(rms_v: float) -> float:
    """The usual voltage between phases that is nearest to a phase voltage of ``rms_v``, by ratio."""
    between = rms_v * math.sqrt(3.0)
    return min(LEVELS_V, key=lambda level: abs(math.log(level / between)))


def seen_frequency(x: Values, rate_hz: float) -> float:
    """The strongest frequency from 30 to 80 Hz in ``x``; not-a-number where there is none.

    Good to some tenths of a hertz: it tells 50 from 60, it is no measurement.
    """
    sound = np.nan_to_num(x[: int(20 * rate_hz)])
    if sound.size < 4 or not np.any(sound):
        return math.nan
    length = max(sound.size, int(4 * rate_hz))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size), length))
    frequencies = np.fft.rfftfreq(length, 1.0 / rate_hz)
    inside = (frequencies >= 30.0) & (frequencies <= 80.0)
    if not inside.any():
        return math.nan
    return float(frequencies[inside][int(np.argmax(spectrum[inside]))])
