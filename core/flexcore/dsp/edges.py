"""When an event really began and ended, to a small part of a cycle, from its half-cycle values.

The mean square over one cycle goes from the old level to the new one while the edge passes through the cycle:
at half-way the edge is in the cycle's middle. For a voltage that steps this is the moment of the step,
whatever the depth; for one that glides it is the middle of the glide over two cycles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

#: Start and end of a cycle (samples after the base) and the mean square over it.
Step = tuple[float, float, float]

#: Values of a phase that are kept on each side of an edge: two cycles and the value itself.
KEPT = 5
#: Half-cycles from a value to the next that shares nothing with it.
APART = 2


def start_edge(before: Sequence[Step], after: Sequence[Step]) -> float | None:
    """The begin: ``before`` ends with the first value beyond the threshold, ``after`` are those that follow.

    None where there are too few values on a side.
    """
    if len(before) <= APART or len(after) < APART:
        return None
    beyond = [before[-1][2], *(value[2] for value in after[:APART])]
    falls = before[-1][2] < before[-1 - APART][2]
    # The value before the first beyond may hold a part of the edge: the old level is the farthest one.
    old = max(before, key=_size) if falls else min(before, key=_size)
    level = min(beyond) if falls else max(beyond)
    return _crossing([*before[before.index(old) :], *after[:APART]], 0.5 * (old[2] + level))


def end_edge(trail: Sequence[Step]) -> float | None:
    """The end: ``trail`` ends with the first value that is back; None where there are too few values.

    That value may hold a part of the edge only, and what follows is not known yet. The new level is that of
    its own second half cycle: each value is the mean of two half cycles, of which it shares the first with
    the value before.
    """
    if len(trail) <= APART:
        return None
    last, shared = trail[-1][2], trail[-2][2]
    rises = last > trail[-1 - APART][2]
    old = (min if rises else max)(value[2] for value in trail[:-1])
    new = (max if rises else min)(last, 2.0 * (last - shared) + old)
    return _crossing(trail[::-1], 0.5 * (old + new))


def _size(value: Step) -> float:
    return value[2]


def _crossing(values: Sequence[Step], half: float) -> float | None:
    """Where the middles of the cycles first pass ``half``."""
    for (a0, a1, a), (b0, b1, b) in pairwise(values):
        if (a - half) * (b - half) <= 0.0 and a != b:
            part = (half - a) / (b - a)
            return 0.5 * ((a0 + a1) * (1.0 - part) + (b0 + b1) * part)
    return None
