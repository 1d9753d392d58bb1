"""Where a busbar has no voltage, a current may tell the frequency: fuses of the voltage transformers blow.

Once a second the largest current among the busbar's fields is asked, a second and more after it was sampled:
by then the samples of every field have come, so that the answer does not depend on how they arrive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from flexcore.dsp.arrays import Float64
from flexcore.dsp.track import Track

#: So long there must be no voltage before a current is asked; before, the last frequency is the better one.
WAIT_S = 2
#: The newest samples used are that old, the oldest older by the length.
AGE_S = 1.25
#: Two windows of this length, half a length apart.
LENGTH_S = 0.2
#: What the fundamental must be of a current's mean square: noise and what a dead line picks up have less.
PURE = 0.5
#: A current whose fundamental changes more between the windows is being switched.
STEADY = 0.2
#: Further than this from what is held nothing is believed: half of what two windows can tell apart.
FARTHEST_HZ = 2.5
_MEANS_HZ = 1000


class Guide:
    """The currents of one busbar's fields as a witness of its frequency."""

    def __init__(self, fields: Sequence[Track], rate_hz: int) -> None:
        self._fields = tuple(fields)
        self._step = max(1, rate_hz // _MEANS_HZ)
        self._age = round(AGE_S * rate_hz)
        rate = rate_hz / self._step
        self._half = round(0.5 * LENGTH_S * rate)
        n = 2 * self._half
        hann = 1.0 - np.cos(2.0 * np.pi * (np.arange(n) + 0.5) / n)
        self._window: Float64 = hann / hann.sum()
        self._times_s: Float64 = np.arange(3 * self._half) / rate

    def frequency(self, now: int, held_hz: float) -> float:
        """The frequency a little before sample number ``now``; ``held_hz`` where no current tells it."""
        count = 3 * self._half * self._step
        first = now - self._age - count
        carrier = np.exp(-2j * np.pi * held_hz * self._times_s)
        best, found = 0.0, held_hz
        for track in self._fields:
            if not track.has(first, first + count) or track.marks.touch(first, first + count):
                continue
            at = first - track.origin
            taken = track.data[:3, at : at + count].reshape(3, -1, self._step)
            samples = taken.mean(axis=2, dtype=np.float64)
            shifted = samples * carrier
            n = 2 * self._half
            early = shifted[:, :n] @ self._window
            late = shifted[:, self._half :] @ self._window
            # A sine of amplitude a gives |phasor| a/2 and a mean square of a^2/2.
            power = float((np.abs(late) ** 2).sum())
            square = float((samples[:, self._half :] ** 2).mean(axis=1).sum())
            if power <= best or 2.0 * power < PURE * square:
                continue
            before = float((np.abs(early) ** 2).sum())
            if abs(math.sqrt(before / power) - 1.0) > STEADY:
                continue
            turn = np.angle((late * early.conj()).sum()) / (2.0 * np.pi)
            off_hz = turn / (self._half * (self._times_s[1] - self._times_s[0]))
            if abs(off_hz) <= FARTHEST_HZ:
                best, found = power, held_hz + float(off_hz)
        return found
