"""What a person may say about an analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """``nominal_v`` (between phases) and ``nominal_hz`` (50 or 60) go before what the recording or the
    station says. ``from_s`` and ``to_s`` are seconds after the recording's first sample."""

    nominal_v: float | None = None
    nominal_hz: Literal[50, 60] | None = None
    from_s: float | None = None
    to_s: float | None = None
    correct_skew: bool = True
