"""The recording's own time against the engine's.

The engine counts whole hertz and numbers samples since 1970. A recording of another rate (800.214 Hz) is
given to it at the nearest whole one, and its first sample at the number nearest to its time: the results'
times and frequencies are then brought back exactly, so that neither costs accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from flexcore.model import Event, Measurement

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """``rate_hz`` is exact and the samples', ``engine_hz`` what the engine believes.

    ``start_ns`` is the file's time of the recording's sample 0 (0: unknown); ``first`` the engine's number of
    the first sample that it gets, which is ``offset`` samples after sample 0.
    """

    rate_hz: Fraction
    engine_hz: int
    start_ns: int
    offset: int
    first: int

    def since_start_ns(self, engine_ns: int) -> int:
        """The engine's time as nanoseconds after the recording's sample 0."""
        samples = Fraction((engine_ns * self.engine_hz - self.first * NS), NS) + self.offset
        return round(samples / self.rate_hz * NS)

    def _span_ns(self, engine_ns: int) -> int:
        return round(engine_ns * self.engine_hz / self.rate_hz)

    def measurement(self, m: Measurement) -> Measurement:
        """``m`` in the recording's time; frequencies are those of the samples' true rate."""
        if self.rate_hz == self.engine_hz:
            values = m.values
        else:
            scale = float(self.rate_hz / self.engine_hz)
            values = {
                name: value * scale if name.endswith("_hz") and value is not None else value
                for name, value in m.values.items()
            }
        return replace(
            m,
            start_ns=self.start_ns + self.since_start_ns(m.start_ns),
            duration_ns=self._span_ns(m.duration_ns),
            values=values,
        )

    def event(self, e: Event) -> Event:
        """``e`` in the recording's time."""
        duration_ns = None if e.duration_ns is None else self._span_ns(e.duration_ns)
        return replace(e, start_ns=self.start_ns + self.since_start_ns(e.start_ns), duration_ns=duration_ns)


def shown(time_ns: int, zone_s: int | None) -> str:
    """A file's time in ISO 8601 as its clock shows it, to the microsecond, and its zone where known."""
    seconds, rest = divmod(time_ns, NS)
    text = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}"
    if zone_s is None:
        return text
    sign = "-" if zone_s < 0 else "+"
    return f"{text}{sign}{abs(zone_s) // 3600:02d}:{abs(zone_s) % 3600 // 60:02d}"
