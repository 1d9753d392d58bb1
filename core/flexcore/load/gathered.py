"""Currents of several intervals into one load: heat goes with the mean of the squares."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from flexcore.load.harmonics import ORDERS, Array, HarmonicLoad, LoadError

#: Below this part of rated current a spectrum is mostly noise and heats nothing: the current counts as
#: fundamental. With an eddy loss of 10 %, four times that at the hottest place, a harmonic loss factor of 20
#: would add less than 0.1 % of the rated heat.
SMALL_PU = 0.01

#: RMS (3,), spectrum (3, 51) and neutral, as :class:`HarmonicLoad` has them, A.
Currents: TypeAlias = tuple[Array, Array, float | None]


@dataclass(slots=True)
class Gathered:
    """Mean squares over the intervals of a step, weighed by time; ``unknown_ns`` of it was not measured."""

    start_ns: int
    end_ns: int
    known_ns: float = 0.0
    unknown_ns: float = 0.0
    rms: Array = field(default_factory=lambda: np.zeros(3))
    spectrum: Array = field(default_factory=lambda: np.zeros((3, ORDERS)))
    neutral: float | None = 0.0

    def add(self, currents: Currents, weight_ns: float) -> None:
        """One interval's currents."""
        rms_a, spectrum_a, neutral_a = currents
        self.known_ns += weight_ns
        self.rms += rms_a * rms_a * weight_ns
        self.spectrum += spectrum_a * spectrum_a * weight_ns
        if neutral_a is None or self.neutral is None:
            self.neutral = None
        else:
            self.neutral += neutral_a * neutral_a * weight_ns

    def load(self, rated_a: float, frequency_hz: float) -> HarmonicLoad | None:
        """The mean; None where there is none, or where a value is none of a current."""
        if self.known_ns <= 0.0:
            return None
        rms, spectrum = np.sqrt(self.rms / self.known_ns), np.sqrt(self.spectrum / self.known_ns)
        if np.all(rms < SMALL_PU * rated_a):
            spectrum = np.zeros((3, ORDERS))
            spectrum[:, 1] = rms
        neutral = None if self.neutral is None else math.sqrt(self.neutral / self.known_ns)
        try:
            return HarmonicLoad(rms, spectrum, neutral, frequency_hz)
        except LoadError:
            return None
