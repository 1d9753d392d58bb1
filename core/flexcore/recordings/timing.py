"""Rates from time stamps, and moments as nanoseconds since 1970 on the file's own clock."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from flexcore.recordings.recording import Values

NS = 1_000_000_000


def even_rate(times_s: Values, step_s: float) -> Fraction | None:
    """The rate that evenly spaced ``times_s`` follow, None where they do not; ``step_s`` is their resolution.

    A whole number of hertz where the resolution allows that; otherwise what first and last stamp say.
    """
    if len(times_s) < 2 or not np.isfinite(times_s).all():
        return None
    since = times_s - times_s[0]
    span_s = float(since[-1])
    if span_s <= 0.0:
        return None
    rate = (len(since) - 1) / span_s
    if not 1e-3 < rate < 1e8:
        return None
    uneven_s = float(np.abs(since - np.arange(len(since)) / rate).max())
    if uneven_s >= 0.5 / rate + step_s:
        return None
    whole = round(rate)
    if whole and abs(span_s - (len(since) - 1) / whole) <= 2.0 * step_s:
        return Fraction(whole)
    return Fraction(rate).limit_denominator(1_000_000)


def rate_with_holes(times_s: Values, step_s: float) -> tuple[Fraction, npt.NDArray[np.int64]] | None:
    """The rate and each stamp's sample number where whole steps were left out; None for any other pattern."""
    since = times_s - times_s[0]
    usual = float(np.median(np.diff(since))) if len(since) > 2 else 0.0
    if not usual > 0.0 or not float(since[-1]) > 0.0:
        return None
    with np.errstate(over="ignore"):
        steps = since / usual
    if not (np.abs(steps) < 1e10).all():
        return None
    at = np.rint(steps).astype(np.int64)
    if not (np.diff(at) > 0).all():
        return None
    # the median is as coarse as the stamps; over the whole length the step is known better
    fine = float(since[-1]) / int(at[-1])
    if not 1e-8 < fine < 1e3 or float(np.abs(since - at * fine).max()) >= 0.25 * fine + step_s:
        return None
    whole = round(1.0 / fine)
    if whole and abs(int(at[-1]) * (fine - 1.0 / whole)) <= 2.0 * step_s:
        return Fraction(whole), at
    return Fraction(1.0 / fine).limit_denominator(1_000_000), at


def nanoseconds(moment: datetime, fraction_ns: int = 0) -> int:
    """A clock's reading (naive) as if it showed UTC; ``fraction_ns`` in place of its microseconds."""
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    return int(whole.timestamp()) * NS + (fraction_ns or moment.microsecond * 1000)
