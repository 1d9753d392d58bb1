"""Where a recorder's range ended before the signal did.

A channel that leaves its range stays at one value, its highest or lowest, and comes there and goes from
there steeply. The crest of a sound signal is flat too: a sine of few steps stays on its last step for a
while. But it comes there ever more slowly, so that its neighbours are one step away. A rail is also told by
the file (the ends of a channel's range); beyond them nothing is believed. A swing of less than some 24 steps
cannot be judged: at that it looks the same.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from flexcore.recordings.recording import Spans, Values

#: Equal samples in a row that make a crest suspect.
LEAST = 4
#: The crest of a sound sine that shows n equal samples has fallen by (1 + 2 d/n)^2 steps d samples beside
#: them, the flattest crest of a voltage with harmonics (a curve of the fourth power) by (1 + 2 d/n)^4. What
#: has fallen half as much again was cut.
STEEP = 1.5
#: A rail that the file does not tell is far from zero: this part of the largest value. What only flows one
#: way, behind a rectifier, rests at zero.
FAR = 0.6
#: Samples looked at to find the smallest step of a channel.
_LOOKED_AT = 1 << 20

NONE: Spans = np.empty((0, 2), np.int64)


def clipped_spans(x: Values, ends: tuple[float, float] | None = None, step: float = 0.0) -> Spans:
    """First sample and sample after the last of each stretch in which ``x`` was out of its recorder's range.

    ``x`` is one channel in any unit, not-a-number where a sample is missing; ``ends`` of its range and its
    smallest ``step`` in the same unit, where the file tells them. Shape (k, 2).
    """
    low, high = float(np.fmin.reduce(x)), float(np.fmax.reduce(x))
    if not low < high:
        return NONE
    step = step or _smallest_step(x)
    largest = max(abs(low), abs(high))
    found = []
    for side, reached, told in (
        (1.0, high, math.inf if ends is None else ends[1]),
        (-1.0, low, -math.inf if ends is None else ends[0]),
    ):
        beyond = side * reached >= side * told
        if beyond or abs(reached) >= FAR * largest:
            found.append(_at_rail(side * x, side * (told if beyond else reached), step))
    spans = np.concatenate(found) if found else NONE
    return spans[np.argsort(spans[:, 0], kind="stable")]


def _at_rail(x: Values, rail: float, step: float) -> Spans:
    """Runs of samples at the highest value of ``x`` (or above) that are long, and entered or left steeply."""
    runs = runs_of(x >= rail)
    runs = runs[runs[:, 1] - runs[:, 0] >= LEAST]
    if not len(runs):
        return NONE
    lengths = runs[:, 1] - runs[:, 0]
    beside = np.maximum(2, lengths // 2)
    fall = np.full((len(runs), 2), np.nan)
    for side, at in enumerate((runs[:, 0] - beside, runs[:, 1] - 1 + beside)):
        inside = (at >= 0) & (at < x.size)
        fall[inside, side] = rail - x[at[inside]]
    steep = STEEP * (1.0 + 2.0 * beside / lengths) ** 4
    cut: Spans = runs[np.fmax(fall[:, 0], fall[:, 1]) > steep * step]
    return cut


def runs_of(true: npt.NDArray[np.bool_]) -> Spans:
    """First index and index after the last of each run of True, (k, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], true, [False])).astype(np.int8)))
    return edges.reshape(-1, 2).astype(np.int64)


def _smallest_step(x: Values) -> float:
    """The smallest change from one sample to the next: the recorder's resolution, or its noise."""
    changes = np.abs(np.diff(x[:_LOOKED_AT]))
    changes = changes[changes > 0.0]
    return float(changes.min()) if changes.size else 0.0
