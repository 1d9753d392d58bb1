"""What a source of signals gives to the sender: chunks of samples, and notices for whoever watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Samples of all channels of the station (elements in order, V and A) from grid index ``first`` on."""

    first: int
    values: Array


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a watcher may want to know, printed as one line of JSON."""

    event: str
    about: Mapping[str, object] = field(default_factory=dict)


class Signal(Protocol):
    """A source of chunks; a jump of ``first`` between two chunks is a gap."""

    @property
    def peaks(self) -> Array:
        """A magnitude that each channel does not exceed in normal service, V or A."""
        ...

    def chunks(self, start: int, count: int) -> Iterator[Chunk | Notice]:
        """Chunks of ``count`` samples from grid index ``start`` on."""
        ...
