"""The half-cycle trace of a field around an event: Irms(1/2) over the edges that its busbar's voltages gave.

A field is measured over the very cycles of its busbar's half-cycle values, so that voltage and current of a
phase stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from flexcore.dsp._kernels import half_cycle_rms
from flexcore.dsp.arrays import Float32, Float64
from flexcore.dsp.events import HalfCycle


def trace(halves: Iterable[HalfCycle], data: Float32, base: int, origin: int) -> Float64:
    """Half-cycle values of three or four channels over the cycles of ``halves``.

    Args:
        halves: phase, start, end (samples after ``base``) and the busbar's RMS, in any order.
        data: (3 or 4, n) A (or V), float32; the fourth is the neutral's.
        base: sample number that the halves count from.
        origin: sample number of column 0 of ``data``.

    Returns:
        (rows, 5): phase 0..2, start and end as given, RMS of that phase's channel, and RMS of the fourth
        channel over the same cycle; not-a-number where samples are missing (outside ``data``, or not finite)
        and where there is no fourth channel.

    Raises:
        ValueError: ``data`` has neither three nor four channels.
    """
    if data.ndim != 2 or data.shape[0] not in (3, 4):
        raise ValueError(f"expected data of shape (3 or 4, n), got {data.shape}")
    known = np.array(list(halves), np.float64).reshape(-1, 4)
    inside = known[:, :3] + (0.0, float(base - origin), float(base - origin))
    return np.concatenate((known[:, :3], half_cycle_rms(data, inside)), axis=1)
