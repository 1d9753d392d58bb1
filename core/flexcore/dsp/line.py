"""The sample line: sample numbers since 1970 to nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass

from flexcore.model import Event, Flag, event_id

NS = 1_000_000_000

#: Every flag, in the order in which flags are told.
FLAG_ORDER: tuple[Flag, ...] = (
    "gap",
    "start",
    "dip",
    "swell",
    "interruption",
    "sync",
    "saturated",
    "rotation",
)


@dataclass(frozen=True, slots=True)
class Line:
    """Sample number ``n`` was taken ``n / rate_hz`` seconds after 1970-01-01 UTC."""

    rate_hz: int

    def ns(self, base: int, samples: float = 0.0) -> int:
        """The moment ``samples`` (fractional) after sample number ``base``."""
        return base * NS // self.rate_hz + round(samples * NS / self.rate_hz)

    def number(self, time_ns: int) -> int:
        """The last sample number up to that moment."""
        return time_ns * self.rate_hz // NS


def ordered(flags: set[Flag]) -> tuple[Flag, ...]:
    """Flags in their canonical order."""
    return tuple(flag for flag in FLAG_ORDER if flag in flags)


class GapEvents:
    """Tells of gaps in one element's samples: begin when it is clear that they will not come, and end."""

    def __init__(self, element: str, line: Line) -> None:
        self._element = element
        self._line = line
        self._open: int | None = None

    def report(self, ended: list[tuple[int, int]], lasting: int | None) -> list[Event]:
        """``ended`` gaps (first sample, first sample after), and the first sample of one that lasts."""
        events: list[Event] = []
        for first, after in ended:
            if self._open is None:
                events.append(self._event(first))
            events.append(self._event(first if self._open is None else self._open, after))
            self._open = None
        if lasting is not None and self._open is None:
            self._open = lasting
            events.append(self._event(lasting))
        return events

    def _event(self, first: int, after: int | None = None) -> Event:
        start_ns = self._line.ns(first)
        return Event(
            id=event_id("gap", self._element, start_ns),
            type="gap",
            element=self._element,
            state="begin" if after is None else "end",
            start_ns=start_ns,
            duration_ns=None if after is None else self._line.ns(after) - start_ns,
            flags=("gap",),
        )
