"""A decoder under fire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from flexcore.desk.fuzz.mutation import BINARY, Change, mutated
from flexcore.errors import FlexcoreError

Feed = Callable[[bytes], None]
#: Makes some inputs pass a first check (a CRC, a length), so that what lies behind it is reached too.
Finish = Callable[[bytes, Random], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """``make`` gives the function that is fed; it may raise ``allowed``, what the decoder documents.

    ``share``: of all inputs of a run, relative to the others'. ``fresh``: inputs after which what is fed is
    made anew, so that state does not pile up without end where it honestly may.
    """

    name: str
    seeds: Sequence[bytes]
    make: Callable[[], Feed]
    share: float
    changes: Sequence[Change] = BINARY
    allowed: tuple[type[Exception], ...] = (FlexcoreError,)
    finish: Finish | None = None
    fresh: int = 100_000

    def input(self, number: int) -> bytes:
        """Input ``number`` of this target: always the same bytes."""
        random = Random((hash_of(self.name) << 40) + number)  # noqa: S311 - noise, not a secret
        data = mutated(self.seeds, self.changes, random)
        return data if self.finish is None else self.finish(data, random)


def hash_of(name: str) -> int:
    """A number of a name that does not change between runs."""
    value = 0
    for letter in name.encode():
        value = (value * 131 + letter) % (1 << 20)
    return value
