"""Which of n values a percentile is.

The nearest rank: of n values in rising order the k-th, k = ceil(share * n / 100), counted from 1, never less
than the first. It is one of the measured values (nothing is interpolated), and it is at most a limit exactly
where at least ``share`` percent of the values are: the standards' rule is a count. For 1008 ten-minute values
and 95 % it is the 958th: 50 may lie outside. For fewer than 20 values it is the highest: none may. Equal
values need no rule, since any of them is the same number.
"""

from __future__ import annotations

import math

import numpy as np

from flexcore.limits.band import Band
from flexcore.limits.data import Values

#: What ``share * n / 100`` may be above a whole number by rounding alone (90.04 % of 10 000).
_ROUNDING = 1e-9


def rank(count: int, share_percent: float) -> int:
    """k of the nearest rank, 1 to ``count``; ``count`` at least 1."""
    return max(1, math.ceil(share_percent * count / 100.0 - _ROUNDING))


def allowed_outside(count: int, share_percent: float) -> int:
    """How many of ``count`` values may lie outside."""
    return count - rank(count, share_percent) if count else 0


def loads(band: Band, values: Values) -> Values:
    """:meth:`Band.load` of each of ``values``, shape (n,)."""
    load = np.full(values.shape, -np.inf)
    for limit in band.limits:
        np.maximum(load, (values - band.ideal) / (limit - band.ideal), out=load)
    return load


def index_at(load: Values, share_percent: float) -> int:
    """The index of the value whose load is the percentile; ``load`` holds at least one value."""
    k = rank(load.size, share_percent) - 1
    return int(np.argpartition(load, k)[k])
