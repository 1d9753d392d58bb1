"""Synchronisation with the fundamental of a busbar: angles, cycles, window edges.

Each phase voltage is demodulated at the nominal frequency, summed to some 1000 phasors a second and smoothed
by a filter three cycles long (three running means of one cycle in a row: a quadratic B-spline), which lets
42.5-57.5 Hz through and has threefold zeros at direct current, at the mirror frequency and near every
harmonic. From these phasors follow

- the busbar's angle: the turns of all three phases together, weighted by their power, so that it needs no
  phase order and survives the loss of one or two phases. Its every tenth (twelfth at 60 Hz) turn is the
  edge of a 200-ms window; the first one is at a rising zero crossing of phase 1;
- each phase's own angle, pulled to its phasor by at most 10 Hz, so that zero crossings stay in order
  whatever happens: the half-cycle values start there;
- the length of the cycle at that moment. It follows at most 3 Hz/s (grid codes: 2.5) and stays put while
  the momentary frequency is more than 0.3 Hz off for less than 100 ms: a jump of the angle at the begin or
  end of a dip is not a change of frequency and must not spoil the residual voltage.

When the voltage is below 5 % of Udin in the mean of the phases there is nothing to follow: the frequency of
3 to 13 cycles before is held and what is measured meanwhile is flagged ``sync``.
"""

from __future__ import annotations

import math

import numpy as np

from flexcore.dsp._kernels import Follower
from flexcore.dsp.arrays import Float64

#: Rate of the phasors: the sampling rate divided by a whole number, 1000 Hz or (up to twice) more.
PHASORS_HZ = 1000
#: Mean voltage of the phases below which there is nothing to synchronise on, relative to Udin.
DEAD_VOLTAGE = 0.05
#: Cycles in a 200-ms window (IEC 61000-4-30, 4.4).
WINDOW_CYCLES = {50: 10, 60: 12}


def spline_taps(phasors_hz: float, nominal_hz: float) -> Float64:
    """A quadratic B-spline over three nominal cycles, odd in length, summing to 1."""
    cycle = phasors_hz / nominal_hz
    half = math.ceil(1.5 * cycle) - 1
    x = np.abs(np.arange(-half, half + 1) / cycle)
    taps = np.where(x < 0.5, 0.75 - x * x, 0.5 * (1.5 - x) ** 2)
    return np.asarray(taps / taps.sum())


def carrier_table(rate_hz: int, nominal_hz: int) -> Float64:
    """(2, period) cosine and sine of the nominal frequency by sample number modulo period."""
    period = rate_hz // math.gcd(rate_hz, nominal_hz)
    turns = (np.arange(period) * nominal_hz % rate_hz) / rate_hz
    return np.stack((np.cos(2.0 * np.pi * turns), np.sin(2.0 * np.pi * turns)))


def follower(rate_hz: int, nominal_hz: int, udin_v: float) -> Follower:
    """A follower of three voltages sampled at ``rate_hz`` (at least 1 kHz), declared ``udin_v`` each."""
    step = max(1, rate_hz // PHASORS_HZ)
    taps = spline_taps(rate_hz / step, nominal_hz)
    return Follower(
        rate_hz=rate_hz,
        nominal_hz=nominal_hz,
        floor_v=DEAD_VOLTAGE * udin_v,
        step=step,
        table=carrier_table(rate_hz, nominal_hz),
        taps=taps * (math.sqrt(2.0) / step),  # a sine's phasor gets its RMS as magnitude
        cycles=WINDOW_CYCLES[nominal_hz],
        slew_hz_s=3.0,
        gate_hz=0.3,
        patience_s=0.1,
        clip_hz=0.3 * nominal_hz,
    )
