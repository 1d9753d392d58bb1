"""The sample line of one element: late, missing, double and bad blocks become samples or gaps."""

from __future__ import annotations

import numpy as np

from flexcore.dsp._kernels import copy_finite
from flexcore.dsp.arrays import Float32
from flexcore.dsp.marks import Marks
from flexcore.model import Span


class Track:
    """The last samples of one element by sample number (since 1970), and which of them there are.

    ``settled`` is the sample number up to which all is decided: what came is data, what did not is a gap
    for ever. Memory is bounded: ``keep`` samples are there at least, twice as many are allotted.

    A hole is waited for until the element's own samples are ``patience`` further or the station's are
    ``limit`` further.

    A source whose time jumps back tells the same samples twice, differently: what it tells first is kept, and
    the first block after that is refused. Time does not run on there, so there must be a gap.
    ``marks`` are the samples that were saturated; those less than ``near`` apart are one.

    ``between`` are, of three voltages, the differences round (1-2, 2-3, 3-1) where they are wanted; no rows
    where not.
    """

    def __init__(
        self,
        channels: int,
        keep: int,
        patience: int,
        limit: int,
        near: int = 1,
        *,
        between_phases: bool = False,
    ) -> None:
        more = channels if between_phases else 0
        self._all: Float32 = np.zeros((channels + more, 2 * keep), np.float32)
        self.data: Float32 = self._all[:channels]
        self.between: Float32 = self._all[channels:]
        self.origin = 0
        self.settled: int | None = None
        self.gap_from: int | None = None
        self.late = 0
        self.bad = 0
        self._keep = keep
        self._patience = patience
        self._limit = limit
        self._runs: list[Span] = []
        self.marks = Marks(near)
        #: The sample after a block that was not what is there already.
        self._contradicted: int | None = None

    @property
    def end(self) -> int:
        """The number after the newest sample; 0 when there is none."""
        return self._runs[-1][1] if self._runs else 0

    def has(self, first: int, after: int) -> bool:
        """Whether the samples ``first`` up to ``after`` are all there."""
        return any(start <= first and after <= end for start, end in reversed(self._runs))

    def put(self, first: int, samples: Float32, saturated: tuple[Span, ...] = ()) -> bool:
        """Take a block; False when it is late, double, or has a sample that is not a number."""
        n = samples.shape[1]
        after = first + n
        if self._is_late(first, after):
            self.late += 1
            self._contradicted = None if self._is_known(first, samples) else after
            return False
        if first == self._contradicted and self._runs and self._runs[-1][1] == first:
            self.late += 1
            return False
        self._contradicted = None
        self._make_room(first, after)
        if not copy_finite(samples, self.data, first - self.origin):
            self.bad += 1
            return False
        here = slice(first - self.origin, after - self.origin)
        for row in range(len(self.between)):
            other = self.data[(row + 1) % len(self.data), here]
            np.subtract(self.data[row, here], other, out=self.between[row, here])
        if self._runs and self._runs[-1][1] == first:
            self._runs[-1] = (self._runs[-1][0], after)
        else:
            self._insert(first, after)
        if self.settled is None:
            self.settled = first
        for start, end in saturated:
            self.marks.add(first + start, first + end)
        return True

    def _is_late(self, first: int, after: int) -> bool:
        if after - first > self._keep or (self._runs and first < self.origin):
            return True
        if self.settled is not None and after <= self.settled:
            return True
        return bool(
            self._runs and first < self._runs[-1][1] and any(s < after and first < e for s, e in self._runs)
        )

    def _is_known(self, first: int, samples: Float32) -> bool:
        """Whether a block is there already, sample by sample."""
        after = first + samples.shape[1]
        at = first - self.origin
        return self.has(first, after) and np.array_equal(self.data[:, at : after - self.origin], samples)

    def settle(self, now: int) -> list[Span]:
        """Decide what can be decided when the station is at sample ``now``; the gaps that ended.

        While a gap lasts, ``gap_from`` is its first sample.
        """
        gaps: list[Span] = []
        if self._runs and self.gap_from is None and self.settled is not None:
            start, end = self._runs[-1]
            if start <= self.settled < end:  # nearly always
                self.settled = end
                return gaps
        while self.settled is not None:
            at = self.settled
            following = next(((start, end) for start, end in self._runs if end > at), None)
            if following is not None and following[0] <= at:
                if self.gap_from is not None:
                    gaps.append((self.gap_from, at))
                    self.gap_from = None
                self.settled = following[1]
            elif following is not None and (
                self.gap_from is not None or self.end - at >= self._patience or now - at >= self._limit
            ):
                gaps.append((at if self.gap_from is None else self.gap_from, following[0]))
                self.gap_from = None
                self.settled = following[1]
            elif following is None and now - at > self._limit:
                if self.gap_from is None:
                    self.gap_from = at
                self.settled = now - self._limit
                break
            else:
                break
        return gaps

    def clear(self) -> None:
        """Forget all samples: the time line has been torn."""
        self._runs.clear()
        self.settled = None
        self.gap_from = None
        self.marks.clear()
        self._contradicted = None

    def _make_room(self, first: int, after: int) -> None:
        if not self._runs:
            self.origin = first
            return
        if after - self.origin <= self.data.shape[1]:
            return
        origin = after - self._keep
        used = self.end
        if used > origin:
            rest = self._all[:, origin - self.origin : used - self.origin].copy()
            self._all[:, : rest.shape[1]] = rest
        self.origin = origin
        self._runs = [(max(start, origin), end) for start, end in self._runs if end > origin]

    def _insert(self, first: int, after: int) -> None:
        runs = sorted([*self._runs, (first, after)])
        merged = [runs[0]]
        for start, end in runs[1:]:
            if start == merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        self._runs = merged
