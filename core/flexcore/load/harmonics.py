"""The current a component carries, with its harmonics, and the factors that weigh them.

Factors take a spectrum of RMS currents by order, shape (51,), A: index 0 is the direct current, 1 the
fundamental, NaN is not measured. They leave index 0 and NaN out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from flexcore.errors import FlexcoreError

Array: TypeAlias = npt.NDArray[np.float64]

PHASES = ("l1", "l2", "l3")
ORDERS = 51

#: Losses of winding eddy currents grow with the square of the order, other stray losses with the power 0.8
#: (IEEE C57.110).
EDDY_EXPONENT = 2.0
STRAY_EXPONENT = 0.8

#: A current beyond this is no current of a station but a broken sensor.
_MAX_A = 1e6
#: How far the spectrum's root sum of squares may stand above and below the RMS value.
_RSS_ABOVE, _RSS_BELOW = 1.02, 0.90

#: Why a phase cannot be judged with its harmonics.
Problem = Literal["missing_phase", "missing_spectrum", "missing_orders", "inconsistent_spectrum"]


class LoadError(FlexcoreError, ValueError):
    """A load, state or step that makes no sense; the message says what was expected."""

    code = "load"


@dataclass(frozen=True, slots=True, eq=False)
class HarmonicLoad:
    """Currents of three phases over one interval; float64, A, copied and read-only.

    ``rms_a`` shape (3,), ``spectrum_a`` shape (3, 51): RMS by order, index 0 direct current, 1 fundamental.
    NaN says not measured. ``neutral_a`` None: not measured. ``frequency_hz`` is the fundamental's.

    Raises:
        LoadError: for another shape, or a value that is negative, infinite or beyond 1 MA.
    """

    rms_a: Array
    spectrum_a: Array
    neutral_a: float | None = None
    frequency_hz: float = 50.0

    def __post_init__(self) -> None:
        rms, spectrum = (np.array(a, dtype=np.float64) for a in (self.rms_a, self.spectrum_a))
        if rms.shape != (3,):
            raise LoadError(f"load: rms_a: expected shape (3,), got {rms.shape}")
        if spectrum.shape != (3, ORDERS):
            raise LoadError(f"load: spectrum_a: expected shape (3, {ORDERS}), got {spectrum.shape}")
        for key, values in (("rms_a", rms), ("spectrum_a", spectrum)):
            if np.any((values < 0.0) | (values > _MAX_A)):
                raise LoadError(f"load: {key}: expected currents of 0 to {_MAX_A:g} A, or NaN")
        if self.neutral_a is not None and not 0.0 <= self.neutral_a <= _MAX_A:
            raise LoadError(f"load: neutral_a: expected 0 to {_MAX_A:g} A or None, got {self.neutral_a:g}")
        if not 40.0 <= self.frequency_hz <= 70.0:
            raise LoadError(f"load: frequency_hz: expected 40 to 70 Hz, got {self.frequency_hz:g}")
        for values in (rms, spectrum):
            values.flags.writeable = False
        object.__setattr__(self, "rms_a", rms)
        object.__setattr__(self, "spectrum_a", spectrum)
        if self.neutral_a is not None:
            object.__setattr__(self, "neutral_a", float(self.neutral_a))

    def problem(self, phase: int, required_order: int) -> Problem | None:
        """Why harmonics of ``phase`` (0..2) cannot be weighed, or None.

        Every order from 1 to ``required_order`` must be there. The spectrum must also explain the RMS value:
        its root sum of squares lies between 90 % and 102 % of it (what lies between is interharmonics and
        higher orders).
        """
        rms, spectrum = float(self.rms_a[phase]), self.spectrum_a[phase]
        if math.isnan(rms):
            return "missing_phase"
        if math.isnan(spectrum[1]):
            return "missing_spectrum"
        if np.isnan(spectrum[1 : required_order + 1]).any():
            return "missing_orders"
        rss = math.sqrt(float(_known_squares(spectrum).sum()))
        if not _RSS_BELOW * rms <= rss <= _RSS_ABOVE * rms:
            return "inconsistent_spectrum"
        return None


def _known_squares(spectrum_a: Array) -> Array:
    return np.where(np.isnan(spectrum_a), 0.0, spectrum_a * spectrum_a)


def _squares(spectrum_a: Array) -> Array:
    squares = _known_squares(spectrum_a)
    squares[0] = 0.0
    return squares


def harmonic_loss_factor(spectrum_a: Array, exponent: float = EDDY_EXPONENT) -> float:
    """F_HL of IEEE C57.110: sum of h^exponent I_h^2 over sum of I_h^2, h = 1..50; 1 without current.

    ``exponent`` 2 gives F_HL of winding eddy currents, 0.8 F_HL-STR of other stray losses.
    """
    squares = _squares(spectrum_a)
    total = float(squares.sum())
    if total <= 0.0:
        return 1.0
    orders = np.arange(ORDERS, dtype=np.float64)
    return float((orders**exponent) @ squares) / total


def k_factor(spectrum_a: Array, rated_a: float) -> float:
    """K-factor of UL 1561: sum of h^2 (I_h / I_rated)^2; equals F_HL at rated RMS current."""
    orders = np.arange(ORDERS, dtype=np.float64)
    return float((orders**2) @ _squares(spectrum_a)) / rated_a**2


def factor_k(spectrum_a: Array, eddy_pu: float, exponent: float = 1.7) -> float:
    """Factor K of EN 50464-3 [r]: by which a transformer's rated current is to be divided; at least 1.

    K^2 = 1 + e/(1+e) * sum over n >= 2 of n^q (I_n / I)^2, with e the eddy loss ``eddy_pu`` in parts of the
    I2R loss and q ``exponent``: 1.7 for round or rectangular conductors, 1.5 for a foil low-voltage winding.
    """
    squares = _squares(spectrum_a)
    total = float(squares.sum())
    if total <= 0.0:
        return 1.0
    orders = np.arange(ORDERS, dtype=np.float64)
    harmonics = float((orders[2:] ** exponent) @ squares[2:]) / total
    return math.sqrt(1.0 + eddy_pu / (1.0 + eddy_pu) * harmonics)
