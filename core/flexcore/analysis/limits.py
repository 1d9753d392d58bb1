"""What a recording's rate and length can give, and what they cannot."""

from __future__ import annotations

from fractions import Fraction

from flexcore.analysis.interpolation import PASS
from flexcore.dsp import spectrum

HARMONICS = 50
#: Below this, 8 samples a cycle, an RMS over a cycle is no longer a measurement.
LEAST_SAMPLES_PER_CYCLE = 8
LEAST_ENGINE_HZ = 1000
MOST_ENGINE_HZ = 100_000
#: Seconds that are needed, and for what.
_NEEDS = (
    (3.0, "3-s values"),
    (10.0, "10-s frequency"),
    (600.0, "10-min values and flicker Pst"),
    (7200.0, "2-h values and flicker Plt"),
)


def highest_order(rate_hz: Fraction, nominal_hz: int) -> int:
    """The highest harmonic that the engine gives at this rate, at most 50."""
    return spectrum.highest_order(int(rate_hz), nominal_hz)


def say_limits(rate_hz: Fraction, nominal_hz: int, length_s: float) -> tuple[list[str], list[str]]:
    """Lines on what this rate and length give, and on what they cannot."""
    rate = float(rate_hz)
    order, nyquist = highest_order(rate_hz, nominal_hz), rate / 2.0
    per_cycle = rate / nominal_hz
    gives = [
        f"half-cycle RMS, events, {'10' if nominal_hz == 50 else '12'}-cycle values: "
        f"{per_cycle:.4g} samples a cycle",
        f"harmonics to order {order} ({order * nominal_hz} Hz)"
        + ("" if order == HARMONICS else f"; half the rate is order {nyquist / nominal_hz:.3g}"),
    ]
    cannot = []
    if order < HARMONICS:
        need = int((HARMONICS + 0.5) * nominal_hz * spectrum.HIGHEST / spectrum.PASS) + 1
        cannot.append(
            f"harmonics of order {order + 1} to {HARMONICS} and THD to order 40 or 50 (from {need} Hz on)"
        )
    if PASS * rate < 9000.0:
        cannot.append(f"what is above {PASS * rate:.0f} Hz (2 to 9 kHz: from 22500 Hz on)")
    shortest_us = 2e6 / rate
    shortest = f"{shortest_us / 1000.0:.3g} ms" if shortest_us >= 1000.0 else f"{shortest_us:.3g} us"
    cannot.append(f"transients shorter than {shortest}")
    lacking = [what for seconds, what in _NEEDS if length_s < seconds]
    if lacking:
        cannot.append(f"{', '.join(lacking)}: what is analysed is {length_s:.4g} s long")
    return gives, cannot
