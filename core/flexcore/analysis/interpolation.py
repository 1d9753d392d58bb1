"""Samples at other instants: a channel's skew taken out, a slow recording brought to a rate the engine takes.

A windowed sinc (Kaiser, 90 dB) over 40 samples: true to 0.01 % up to 0.4 of the sampling rate. Where the
filter reaches over an end or a missing sample there is no value: nothing is invented.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

HALF = 20
_BETA = 0.1102 * (90.0 - 8.7)
#: The share of the sampling rate up to which amplitudes are true.
PASS = 0.4


def _taps(ahead: float) -> Values:
    """Weights of the samples from -HALF to HALF for the value ``ahead`` samples after sample 0."""
    x = np.arange(-HALF, HALF + 1) - ahead
    inside = np.clip(1.0 - (x / (HALF + 1)) ** 2, 0.0, None)
    taps = np.sinc(x) * np.i0(_BETA * np.sqrt(inside))
    return np.asarray(taps / taps.sum())


def interpolate(x: Values, late: float, factor: int) -> Values:
    """``x``, whose samples were taken ``late`` samples after their instants, at ``factor`` times its rate.

    Shape (n,) to (n * factor,); value m belongs to the instant m / factor. Not-a-number where it is unknown.
    """
    if late == 0.0 and factor == 1:
        return x
    out = np.full(x.size * factor, math.nan)
    for part in range(factor):
        ahead = part / factor - late
        # more than one sample late: whole samples are a matter of counting
        whole = math.floor(ahead + 0.5)
        taps = _taps(ahead - whole)
        if x.size <= 2 * HALF:
            continue
        sums = np.convolve(x, taps[::-1], mode="valid")  # centred at HALF, HALF + 1, ...
        at = np.arange(HALF, x.size - HALF) - whole
        inside = (at >= 0) & (at < x.size)
        out[at[inside] * factor + part] = sums[inside]
    return out
