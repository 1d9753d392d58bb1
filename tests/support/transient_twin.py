"""Slow twin of ``flexcore.dsp._transient.Envelope``: the whole of a recording at once, one cycle length."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
FINE, NEAR = 160, 2


def deviation(data: Array, cycle: float) -> npt.NDArray[np.float32]:
    """Each sample less the waveform one cycle before; nothing (zero) where there is none."""
    behind = math.floor(cycle) + 1
    d = behind - cycle
    off = np.zeros_like(data)
    n = data.shape[1]
    first = behind + 1
    y = [data[:, first - behind - 1 + k : n - behind - 1 + k] for k in range(4)]
    if cycle >= FINE:
        before = np.float32(1 - d) * y[1] + np.float32(d) * y[2]
    else:
        left, right = -d * (d - 1) * (d - 2) / 6, d * (d * d - 1) / 6
        f = np.array([left, (d * d - 1) * (d - 2) / 2, -d * (d + 1) * (d - 2) / 2, right], np.float32)
        before = ((f[0] * y[0] + f[1] * y[1]) + f[2] * y[2]) + f[3] * y[3]
    off[:, first:] = data[:, first:] - before
    return off


def runs(data: Array, cycle: float, threshold_v: float) -> list[tuple[int, int, float, int, int]]:
    """(start, end, peak, phases, over) of all that ends in ``data``, and of what runs at its end."""
    off = deviation(data, cycle)
    squared = np.float32(threshold_v) * np.float32(threshold_v)
    large = off * off > squared
    counts = np.zeros_like(large)
    behind = math.floor(cycle) + 1
    for phase, n in np.argwhere(large):
        window = counts[phase, max(0, n - behind - NEAR) : max(0, n - behind + NEAR + 1)]
        counts[phase, n] = not window.any()
    at = np.flatnonzero(counts.any(axis=0))
    found = []
    for group in np.split(at, np.flatnonzero(np.diff(at) > math.floor(cycle + NEAR)) + 1) if at.size else []:
        a, b = int(group[0]), int(group[-1]) + 1
        inside = np.where(counts[:, a:b], np.abs(off[:, a:b]), 0)
        n = int(inside.max(axis=0).argmax())
        peak = float(off[int(inside[:, n].argmax()), a + n])
        phases = sum(1 << p for p in range(3) if counts[p, a:b].any())
        found.append((a, b, peak, phases, group.size))
    return found
