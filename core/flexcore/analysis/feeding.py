"""Blocks for the engine out of whole signals, on the engine's grid.

A block of n samples must begin at a multiple of n since 1970. A stretch that begins anywhere is cut into
blocks whose lengths are powers of two, each beginning at a multiple of its own length: no sample is dropped
or moved. A missing sample is in no block, which is how the engine knows a gap; the engine's results do not
depend on how samples are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from flexcore.model import Block, Span
from flexcore.recordings.clipping import NONE, runs_of
from flexcore.recordings.recording import Spans

Samples = npt.NDArray[np.float32]
NS = 1_000_000_000
#: So long after its end the recording goes on with silence, for the engine to close what is open.
SILENCE_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class Signal:
    """One element: its channels' names and samples, shape (channels, n), begun with all others.

    ``saturated`` are the columns, in order and apart, at which a channel left the recorder's range.
    """

    channels: tuple[str, ...]
    samples: Samples
    saturated: Spans = field(default_factory=lambda: NONE)

    def saturated_in(self, first: int, after: int) -> tuple[Span, ...]:
        """Those between two columns, counted from the first."""
        spans = self.saturated
        begin = np.searchsorted(spans[:, 1], first, side="right")
        end = np.searchsorted(spans[:, 0], after, side="left")
        inside = np.clip(spans[begin:end], first, after) - first
        return tuple(_pairs(inside))


def _pairs(spans: Spans) -> list[Span]:
    return [(int(a), int(b)) for a, b in spans]


def pieces(first: int, after: int, largest: int) -> Iterator[tuple[int, int]]:
    """Start and length of blocks from sample ``first`` up to ``after``; ``largest`` is a power of two."""
    at = first
    while at < after:
        n = min(at & -at, largest) if at else largest
        while at + n > after:
            n //= 2
        yield at, n
        at += n


def largest_piece(rate_hz: int) -> int:
    """The power of two that is nearest below 50 ms."""
    return 1 << max(4, (rate_hz // 20).bit_length() - 1)


def blocks(signals: Mapping[str, Signal], rate_hz: int, first: int) -> Iterator[Block]:
    """All blocks, about 50 ms of each element in turn; sample 0 of the signals has number ``first``.

    After them a block of silence for each element, two seconds later: the engine ends what runs as it does
    at any gap.
    """
    largest = largest_piece(rate_hz)
    count = next(iter(signals.values())).samples.shape[1]
    step = first // largest * largest
    while step < first + count:
        begin, end = max(step, first), min(step + largest, first + count)
        for name, signal in signals.items():
            part = signal.samples[:, begin - first : end - first]
            for a, b in _pairs(runs_of(np.asarray(np.isfinite(part).all(axis=0)))):
                for at, n in pieces(begin + a, begin + b, largest):
                    samples = signal.samples[:, at - first : at - first + n]
                    saturated = signal.saturated_in(at - first, at - first + n)
                    yield _block(name, signal.channels, at, rate_hz, samples, saturated)
        step += largest
    silence = -(-(first + count + SILENCE_AFTER_S * rate_hz) // largest) * largest
    for name, signal in signals.items():
        zeros = np.zeros((len(signal.channels), largest), np.float32)
        yield _block(name, signal.channels, silence, rate_hz, zeros)


def _block(
    name: str,
    channels: tuple[str, ...],
    at: int,
    rate_hz: int,
    samples: Samples,
    saturated: tuple[Span, ...] = (),
) -> Block:
    n = samples.shape[1]
    return Block(name, at // n, at * NS // rate_hz, float(rate_hz), channels, samples, saturated)
