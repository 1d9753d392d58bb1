"""Lamp, eye and brain of the flickermeter as digital filters (IEC 61000-4-15 ed. 2, blocks 3 and 4).

The lamp follows from the voltage of the country (230 V or 120 V), the low-pass filter that removes the
doubled mains frequency from the grid (50 or 60 Hz): tables 1, 2 and 5 of the standard know all four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from flexcore.dsp.arrays import Float64

LampName = Literal["230v", "120v"]

#: Cut-off of the sixth-order Butterworth low-pass filter, by nominal frequency of the grid.
LOW_PASS_HZ = {50: 35.0, 60: 42.0}
HIGH_PASS_HZ = 0.05
#: Time constant of the brain: the first-order filter after the second squaring.
MEMORY_S = 0.3
#: Where the calibration point of a lamp lies.
REFERENCE_HZ = 8.8
#: Where the digital filter's gain is made that of the analogue one: between the two the error is smallest.
_MATCH_HZ = 25.0


@dataclass(frozen=True, slots=True)
class Lamp:
    """Weighting filter k w1 s / (s^2 + 2 l s + w1^2) (1 + s / w2) / ((1 + s / w3) (1 + s / w4)).

    ``corners_hz`` are l, w1, w2, w3, w4 divided by 2 pi. A sine of ``reference`` (peak to peak, relative to
    the voltage) at 8.8 Hz gives a highest Pinst of 1.
    """

    gain: float
    corners_hz: tuple[float, float, float, float, float]
    reference: float


LAMPS: dict[LampName, Lamp] = {
    "230v": Lamp(1.74802, (4.05981, 9.15494, 2.27979, 1.22535, 21.9), 0.00250),
    "120v": Lamp(1.6357, (4.167375, 9.077169, 2.939902, 1.394468, 17.31512), 0.00321),
}


def analogue_sections(lamp: Lamp, nominal_hz: int) -> list[tuple[list[float], list[float]]]:
    """Numerators and denominators in s, highest power first: three low-pass, two weighting, one high-pass."""
    cut = 2.0 * np.pi * LOW_PASS_HZ[nominal_hz]
    damping = 2.0 * np.sin(np.pi * np.array([1.0, 3.0, 5.0]) / 12.0)
    l, w1, w2, w3, w4 = (2.0 * np.pi * hz for hz in lamp.corners_hz)  # noqa: E741
    return [
        *(([0.0, 0.0, cut * cut], [1.0, d * cut, cut * cut]) for d in damping.tolist()),
        ([0.0, lamp.gain * w1, 0.0], [1.0, 2.0 * l, w1 * w1]),
        ([0.0, w3 * w4 / w2, w3 * w4], [1.0, w3 + w4, w3 * w4]),
        ([0.0, 1.0, 0.0], [0.0, 1.0, 2.0 * np.pi * HIGH_PASS_HZ]),
    ]


def analogue_gain(lamp: Lamp, nominal_hz: int, hz: float) -> float:
    """Gain of all sections together for a sine of ``hz``."""
    s = 2j * np.pi * hz
    parts = [np.polyval(b, s) / np.polyval(a, s) for b, a in analogue_sections(lamp, nominal_hz)]
    return float(abs(np.prod(parts)))


def pinst_scale(lamp: Lamp, nominal_hz: int) -> float:
    """What the smoothed square must be multiplied with so that the reference sine has a maximum of 1.

    The square of a sine ripples at twice its frequency and the brain lets some of it through: the maximum
    lies 3 % above the mean.
    """
    amplitude = lamp.reference * analogue_gain(lamp, nominal_hz, REFERENCE_HZ)
    ripple = 1.0 / np.hypot(1.0, 4.0 * np.pi * REFERENCE_HZ * MEMORY_S)
    return float(2.0 / (amplitude * amplitude * (1.0 + ripple)))


def digital_sections(lamp: Lamp, nominal_hz: int, rate_hz: float, decimation: int) -> Float64:
    """(6, 5) coefficients b0, b1, b2, a1, a2 for the squared voltage at ``rate_hz``.

    Bilinear transforms, the low-pass filter's warped so that its cut-off stays. What is left of errors, and
    the droop of the triangular mean over ``decimation`` samples that came before, grows with the square of
    the frequency: two of the low-pass filter's zeros at half the rate are given up for zeros that undo it.
    Gain within 0.1 % of the analogue filter's up to 40 Hz at 1 kHz, within 0.03 % at 2 kHz. The scale of
    Pinst is in the weighting filter.
    """
    cut = LOW_PASS_HZ[nominal_hz]
    straight = 2.0 * rate_hz
    warped = 2.0 * np.pi * cut / np.tan(np.pi * cut / rate_hz)
    analogue = analogue_sections(lamp, nominal_hz)
    rows = np.array([_bilinear(b, a, warped if n < 3 else straight) for n, (b, a) in enumerate(analogue)])
    rows[3, :3] *= np.sqrt(pinst_scale(lamp, nominal_hz))
    target = analogue_gain(lamp, nominal_hz, _MATCH_HZ) * np.sqrt(pinst_scale(lamp, nominal_hz))
    level = rows[0, :3].sum()
    rows[0, :3] = 0.0, level, 0.0
    turn = 2.0 * np.pi * _MATCH_HZ / rate_hz
    droop = (np.sin(turn / 2.0) / (decimation * np.sin(turn / 2.0 / decimation))) ** 2
    lift = (target / (droop * digital_gain(rows, rate_hz, _MATCH_HZ)) - 1.0) / (2.0 - 2.0 * np.cos(turn))
    rows[0, :3] = -lift * level, (1.0 + 2.0 * lift) * level, -lift * level
    return rows


def digital_gain(sections: Float64, rate_hz: float, hz: float) -> float:
    """Gain of all ``sections`` together for a sine of ``hz``."""
    back = np.exp(-2j * np.pi * hz / rate_hz * np.arange(3))
    below = 1.0 + sections[:, 3:] @ back[1:]
    return float(abs(np.prod(sections[:, :3] @ back / below)))


def memory(rate_hz: float) -> tuple[float, float]:
    """Coefficients b, a of the brain: p = a p + b (q + the q before)."""
    k = 2.0 * rate_hz * MEMORY_S
    return 1.0 / (1.0 + k), (k - 1.0) / (k + 1.0)


def _bilinear(b: list[float], a: list[float], k: float) -> list[float]:
    """b0, b1, b2, a1, a2 with s = k (z - 1) / (z + 1)."""

    def at(p: list[float]) -> Float64:
        return np.array(
            [
                p[0] * k * k + p[1] * k + p[2],
                2.0 * (p[2] - p[0] * k * k),
                p[0] * k * k - p[1] * k + p[2],
            ]
        )

    over, under = at(b), at(a)
    return [*(over / under[0]).tolist(), *(under[1:] / under[0]).tolist()]
