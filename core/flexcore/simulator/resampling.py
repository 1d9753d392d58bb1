"""From a recording's rate to the sensors', band-limited.

A polyphase low-pass (Kaiser window, 100 dB) passes everything up to 0.4 of the lower of the two rates within
0.01 % and stops everything from 0.5 of it. What is above the recording's own Nyquist frequency is absent.

Edges: the recording is continued on both sides by the steady state (offset, fundamental, harmonics) that its
first and its last two cycles start from and end in, so that the filter never sees a step there.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import signal

from flexcore.errors import RecordingError

Values = npt.NDArray[np.float64]

PASS = 0.4
STOP = 0.5
_STOP_DB = 100.0
_HIGHEST_HARMONIC = 9
_CYCLES = 2
_MAX_FACTOR = 100_000


class SteadyState:
    """The periodic signals that ``values`` (channels, samples) start from, at nominal frequency.

    Fitted by least squares to the first two cycles; amplitude and phase of the fundamental may drift within
    them, and what counts is their value at the first sample.
    """

    def __init__(self, values: Values, rate_hz: float, frequency_hz: float) -> None:
        self._omega = 2.0 * math.pi * frequency_hz
        count = math.ceil(_CYCLES * rate_hz / frequency_hz)
        if values.shape[1] < count:
            raise RecordingError(f"recording: expected at least {count} samples, got {values.shape[1]}")
        highest = min(_HIGHEST_HARMONIC, int(PASS * rate_hz / frequency_hz))
        self._harmonics = np.arange(highest + 1)
        time_s = np.arange(count) / rate_hz
        steady = self._columns(time_s)
        drift = steady[:, 1:3] * time_s[:, None]
        solved, *_ = np.linalg.lstsq(np.hstack([steady, drift]), values[:, :count].T, rcond=None)
        self._weights = solved[: steady.shape[1]]

    def _columns(self, time_s: Values) -> Values:
        """Columns 1, cos and sin of the fundamental, then of each harmonic."""
        angles = np.outer(time_s, self._omega * self._harmonics[1:])
        waves = np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(len(time_s), -1)
        return np.hstack([np.ones((len(time_s), 1)), waves])

    def at(self, time_s: Values) -> Values:
        """Values at ``time_s`` after the first sample (negative: before it), shape (channels, times)."""
        values: Values = (self._columns(time_s) @ self._weights).T
        return values


def resample(values: Values, rate_hz: Fraction, to_hz: int, frequency_hz: float) -> Values:
    """``values`` (channels, samples) at ``to_hz``: sample 0 stays sample 0, the last time is kept.

    Raises:
        RecordingError: the rates have no ratio of practical size, or the recording is too short.
    """
    ratio = Fraction(to_hz) / rate_hz
    up, down = ratio.numerator, ratio.denominator
    if max(up, down) > _MAX_FACTOR:
        raise RecordingError(f"samp: expected a rate of simple ratio to {to_hz} Hz, got {float(rate_hz)}")
    rate = float(rate_hz)
    lower = min(rate, float(to_hz))
    # Kaiser's formula, in units of the rate at which the filter runs
    width = 2.0 * math.pi * (STOP - PASS) * lower / (rate * up)
    half = math.ceil((_STOP_DB - 8.0) / (2.285 * width) / 2.0)
    window = ("kaiser", signal.kaiser_beta(_STOP_DB))
    taps = signal.firwin(2 * half + 1, (PASS + STOP) / 2.0 * lower, window=window, fs=rate * up)
    pad = -(-(half // up + 2) // down) * down  # whole steps, so that sample 0 stays on the grid
    padded = np.hstack(
        [before(values, rate, frequency_hz, pad), values, after(values, rate, frequency_hz, pad)]
    )
    out: Values = signal.resample_poly(padded, up, down, axis=1, window=taps)
    first = pad * up // down
    return out[:, first : first + (values.shape[1] - 1) * up // down + 1]


def before(values: Values, rate_hz: float, frequency_hz: float, count: int) -> Values:
    """The ``count`` samples that a steady state would have had before ``values``."""
    return SteadyState(values, rate_hz, frequency_hz).at(np.arange(-count, 0) / rate_hz)


def after(values: Values, rate_hz: float, frequency_hz: float, count: int) -> Values:
    """The ``count`` samples that a steady state would have after ``values``."""
    return before(values[:, ::-1], rate_hz, frequency_hz, count)[:, ::-1]
