"""What a person may say about an analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flexcore.quantities import Voltages


@dataclass(frozen=True, slots=True)
class Options:
    """``nominal_v`` (between phases) and ``nominal_hz`` (50 or 60) go before what the recording or the
    station says. ``from_s`` and ``to_s`` are seconds after the recording's first sample.
    ``voltages`` that are judged; without it as the station says, or as they were recorded."""

    nominal_v: float | None = None
    nominal_hz: Literal[50, 60] | None = None
    voltages: Voltages | None = None
    from_s: float | None = None
    to_s: float | None = None
    correct_skew: bool = True
