"""The three protocols, each with one method, that the stages of the instrument are built from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol

from flexcore.model import Block, Event, Located, Measurement, Trace, Waveform

Result = Measurement | Event | Located | Waveform | Trace


class Source(Protocol):
    """A context manager that yields blocks until it is closed."""

    def __enter__(self) -> Iterator[Block]: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Stage(Protocol):
    """A computation free of clock and I/O; the size of the blocks must not change its results."""

    def process(self, block: Block) -> Sequence[Result]:
        """What can be said now that ``block`` is known."""
        ...


class Sink(Protocol):
    """Takes what a stage gives; it may drop, but it never blocks the source."""

    def offer(self, item: Result) -> None:
        """Take or drop ``item``, at once."""
        ...
