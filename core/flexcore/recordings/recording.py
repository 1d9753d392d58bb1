"""The noun of this room: one stretch of samples at one rate, with what the file says about it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
#: First index and index after the last of stretches of samples, (k, 2).
Spans = npt.NDArray[np.int64]

#: What a channel's values stand for after reading. ``primary`` where the file says so or gives the ratio.
Side = Literal["primary", "scaled", "unknown"]


@dataclass(frozen=True, slots=True)
class Channel:
    """One analogue channel.

    ``component`` is what the file calls the part of the plant (COMTRADE's ccbm). ``skew_us``: its samples
    were taken so much after the recording's instants; it is told and not applied. ``side`` is ``scaled``
    where the file holds secondary values and ``ratio`` was applied. ``step`` is the smallest step that the
    file can tell, in ``unit`` (0: not known); ``ends`` those of its range, where the file tells them;
    ``clipped`` the number of samples in :attr:`Recording.saturated`.
    """

    number: int
    name: str
    phase: str = ""
    unit: str = ""
    component: str = ""
    skew_us: float = 0.0
    side: Side = "unknown"
    ratio: float = 1.0
    step: float = 0.0
    ends: tuple[float, float] | None = None
    clipped: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording: ``values`` has shape (channels, samples), primary, in each channel's unit.

    What is missing in the data is not-a-number. ``rate_hz`` is exact. ``start_ns`` is the file's own clock
    at sample 0, in nanoseconds since 1970 as if that clock showed UTC (None: the file does not say);
    ``zone_s`` is how much that clock is ahead of UTC (None: not said). ``notes`` are what the reader had to
    decide, one line each. ``saturated`` are, per channel, the samples at which the signal left the recorder's
    range (:mod:`flexcore.recordings.clipping`); empty where nobody has looked.
    """

    source: str
    form: str
    title: str
    channels: tuple[Channel, ...]
    values: Values
    rate_hz: Fraction
    frequency_hz: float | None = None
    start_ns: int | None = None
    zone_s: int | None = None
    notes: tuple[str, ...] = ()
    saturated: tuple[Spans, ...] = ()

    @property
    def count(self) -> int:
        """Samples per channel."""
        return int(self.values.shape[1])

    def row(self, key: int | str) -> int:
        """The row in ``values`` of a channel, by its number or its name; raises KeyError."""
        for row, channel in enumerate(self.channels):
            if key in (channel.number, channel.name):
                return row
        raise KeyError(key)

    def channel(self, key: int | str) -> tuple[Channel, Values]:
        """A channel and its values, by its number or its name; raises KeyError."""
        row = self.row(key)
        return self.channels[row], self.values[row]
