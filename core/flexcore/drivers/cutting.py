"""Samples that come in runs, late, twice or in another order, cut into whole blocks on the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from flexcore.model import Samples, Span

#: Blocks that may be incomplete at once; frames may overtake each other by one less.
OPEN = 3
#: Blocks back whose fate is remembered.
_REMEMBERED = 64
#: Of a sample's flags: those that say it was not measured; the others, four bits up, that it is doubtful.
_DOUBTFUL = 4

Flags = npt.NDArray[np.uint8]
Outcome = Literal["new", "copy", "late", "other"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A whole block of the element in ``part``: its number, its samples and where they are saturated."""

    part: int
    sequence: int
    samples: Samples
    saturated: tuple[Span, ...]


@dataclass(slots=True)
class _Slot:
    samples: Samples
    have: npt.NDArray[np.bool_]
    flags: Flags | None = None
    filled: int = 0
    disputed: bool = False


def spans(marks: npt.NDArray[np.bool_]) -> tuple[Span, ...]:
    """The runs of True in ``marks``."""
    edges = np.flatnonzero(np.diff(marks, prepend=False, append=False))
    return tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


@dataclass(slots=True)
class Cutter:
    """Cuts a stream into blocks of ``n``; ``parts`` are the rows of its elements, which follow each other.

    An element's block comes out when all of its samples are there and were measured, and all blocks before
    it are whole or given up.
    """

    n: int
    parts: Sequence[slice]
    cuts: list[Cut] = field(default_factory=list)
    #: Blocks of each part that did not come whole; ``invalid`` of them for what the samples say.
    lost: list[int] = field(default_factory=list)
    invalid: list[int] = field(default_factory=list)
    _slots: dict[int, _Slot] = field(default_factory=dict)
    _base: int | None = None
    _begun: int = 0
    _whole: int = 0
    _last: tuple[int, Samples] | None = None

    def __post_init__(self) -> None:
        self.lost = [0] * len(self.parts)
        self.invalid = [0] * len(self.parts)

    def restart(self, at: int) -> None:
        """Begin a new line at grid index ``at``; what is open on the old one is lost.

        Where the new line would go on with the next number, one is left out: the two are not one signal, and
        a hole in the numbers is the one way to say so.
        """
        block = -(-at // self.n)
        if self._base is not None:
            block += block == self._base
            gone = block - self._base if block >= self._base else len(self._slots)
            self.lost = [lost + gone for lost in self.lost]
        self._slots.clear()
        self._base, self._begun = block, at // self.n
        self._whole = 0
        self._last = None

    def put(self, at: int, values: Samples, flags: Flags | None) -> Outcome:
        """Take the samples (rows, count) from grid index ``at`` on.

        ``new``: some were missing. ``copy``: all were there, and the same. ``late``: their block was given
        up, or is too old to compare. ``other``: other values were there. Nothing is taken then, and as nobody
        knows which are right, their block does not come out.
        """
        if self._base is None:
            return "late"
        pieces = list(self._pieces(at, values.shape[1]))
        differing = [block for block, there, here in pieces if self._differs(block, there, values[:, here])]
        if differing:
            for slot in (self._slots.get(block) for block in differing):
                if slot is not None:
                    slot.disputed = True
            return "other"
        fresh = late = False
        for block, there, here in pieces:
            if block < self._base:
                # what comes before the line's first block cannot become whole: nothing is missed there
                begins = block >= self._begun
                fresh, late = fresh or begins, late or not (begins or self._known(block))
                continue
            while block >= self._base + OPEN:
                self._close()
            part = None if flags is None else flags[here]
            fresh = self._fill(block, there, values[:, here], part) or fresh
            while self._slot_filled():
                self._close()
        return "new" if fresh else "late" if late else "copy"

    def _pieces(self, at: int, count: int) -> list[tuple[int, slice, slice]]:
        """Block, columns of the block and columns of the run."""
        found = []
        done = 0
        while done < count:
            block, offset = divmod(at + done, self.n)
            m = min(self.n - offset, count - done)
            found.append((block, slice(offset, offset + m), slice(done, done + m)))
            done += m
        return found

    def _known(self, block: int) -> bool:
        """Whether a closed block came whole, as far as that is remembered."""
        back = (self._base or 0) - 1 - block
        return back < _REMEMBERED and bool(self._whole >> back & 1)

    def _differs(self, block: int, there: slice, values: Samples) -> bool:
        """Whether the line holds other values at that place."""
        if self._last is not None and block == self._last[0]:
            return not np.array_equal(self._last[1][:, there], values)
        slot = self._slots.get(block)
        if slot is None or slot.filled == 0:
            return False
        have = slot.have[there]
        return bool(have.any()) and not np.array_equal(slot.samples[:, there][:, have], values[:, have])

    def _fill(self, block: int, there: slice, values: Samples, flags: Flags | None) -> bool:
        slot = self._slots.get(block)
        if slot is None:
            rows = values.shape[0]
            slot = _Slot(np.empty((rows, self.n), np.float32), np.zeros(self.n, np.bool_))
            self._slots[block] = slot
        have = slot.have[there]
        missing = have.size - int(np.count_nonzero(have))
        if missing == 0:
            return False
        # what is there already is the same, so all may be written
        slot.samples[:, there] = values
        if flags is not None:
            if slot.flags is None:
                slot.flags = np.zeros(self.n, np.uint8)
            slot.flags[there] |= flags
        have[:] = True
        slot.filled += missing
        return True

    def _slot_filled(self) -> bool:
        slot = self._slots.get(self._base or 0)
        return slot is not None and slot.filled == self.n

    def _close(self) -> None:
        """Hand out the oldest block, or give it up."""
        base = self._base or 0
        slot = self._slots.pop(base, None)
        whole = slot is not None and slot.filled == self.n
        self._base = base + 1
        self._whole = (self._whole << 1 | whole) & ((1 << _REMEMBERED) - 1)
        if slot is None or not whole or slot.disputed:
            self.lost = [lost + 1 for lost in self.lost]
            return
        self._last = (base, slot.samples)
        for k, rows in enumerate(self.parts):
            saturated: tuple[Span, ...] = ()
            if slot.flags is not None:
                if (slot.flags & (1 << k)).any():
                    self.lost[k] += 1
                    self.invalid[k] += 1
                    continue
                saturated = spans((slot.flags & (1 << _DOUBTFUL + k)) != 0)
            self.cuts.append(Cut(k, base, slot.samples[rows], saturated))
