"""Which samples of an element were saturated: their numbers are true, their values are not."""

from __future__ import annotations

from flexcore.model import Span

#: More spans than this are not kept apart: the two oldest become one.
MOST = 512


class Marks:
    """Spans of sample numbers, in order. Two that are less than ``near`` samples apart are one: nobody may
    ask about less than that, so it changes no answer, and memory is bounded by time.

    Beyond :data:`MOST` spans the oldest ones grow together: an event may have begun long ago.
    """

    def __init__(self, near: int) -> None:
        self._near = near
        self._spans: list[Span] = []

    def add(self, first: int, after: int) -> None:
        """Mark the samples ``first`` up to ``after``."""
        spans = self._spans
        at = len(spans)
        while at and spans[at - 1][1] + self._near > first:
            at -= 1
        joined = at
        while joined < len(spans) and spans[joined][0] < after + self._near:
            first, after = min(first, spans[joined][0]), max(after, spans[joined][1])
            joined += 1
        spans[at:joined] = [(first, after)]
        if len(spans) > MOST:
            spans[:2] = [(spans[0][0], spans[1][1])]

    def touch(self, first: int, after: int) -> bool:
        """Whether one of the samples ``first`` up to ``after`` is marked."""
        for start, end in reversed(self._spans):
            if end <= first:
                return False
            if start < after:
                return True
        return False

    def clear(self) -> None:
        """Forget all: the time line has been torn."""
        self._spans.clear()
