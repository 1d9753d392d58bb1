"""How far this box's clock may be from UTC, and why we think so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ``synchronised``: a source is followed. ``holdover``: none answers any more, the clock runs on by what it
#: learned and the bound of its error grows. ``unsynchronised``: it never followed one since it started, or
#: lost it altogether. ``unknown``: the daemon that would know does not answer.
ClockState = Literal["synchronised", "holdover", "unsynchronised", "unknown"]


@dataclass(frozen=True, slots=True)
class TimeQuality:
    """One look at the clock.

    ``error_s`` bounds the distance to UTC: |offset| + root dispersion + root delay / 2 (RFC 5905, root
    distance); None where nothing bounds it. ``offset_s`` is the estimate itself, positive where the clock is
    ahead. ``source`` is the address that is followed, ``age_s`` how long ago it last told the time.
    """

    state: ClockState
    error_s: float | None = None
    offset_s: float | None = None
    stratum: int | None = None
    source: str = ""
    age_s: float | None = None

    def within(self, limit_s: float) -> bool:
        """Whether the clock is known to be within ``limit_s`` of UTC (class A: 20 ms at 50 Hz)."""
        return self.error_s is not None and self.error_s <= limit_s
