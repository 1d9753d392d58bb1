"""The quality of this box's time: chrony's report, judged by the time-clock uncertainty of IEC 61000-4-30."""

from flexcore.clock.chrony import ask, parse_tracking
from flexcore.clock.quality import ClockState, TimeQuality

__all__ = ["ClockState", "TimeQuality", "ask", "parse_tracking"]
