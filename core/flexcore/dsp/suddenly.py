"""Rapid voltage changes and transients of one busbar as events.

What overlaps with a dip, swell or interruption belongs to that: its edges are steps for the envelope of the
waveform, and a rapid change that becomes one is none. Such an event is known only some cycles after a
transient, so a transient waits for it.
"""

from __future__ import annotations

from flexcore.dsp.arrays import Float32
from flexcore.dsp.events import HalfCycle
from flexcore.dsp.line import Line
from flexcore.dsp.marks import Marks
from flexcore.dsp.rvc import RapidChange, RapidChanges
from flexcore.dsp.transient import Transient, Transients
from flexcore.model import Event, Flag, event_id
from flexcore.station import EventSettings

#: Seconds after its end until which a transient waits for an event that it is part of.
PATIENCE_S = 0.25
#: Seconds before and after a dip or swell in which what the envelope sees are its edges.
MARGIN_S = 0.045
#: Spans of dips and swells are remembered so long.
_MEMORY_S = 5.0


class Suddenly:
    """Both detectors, fed with half-cycle values as they come and with samples window by window."""

    def __init__(
        self,
        element: str,
        udin_v: float,
        settings: EventSettings,
        line: Line,
        nominal_hz: int,
        marks: Marks,
        lines: tuple[str, ...],
    ) -> None:
        self._element = element
        self._udin_v = udin_v
        self._line = line
        self._marks = marks
        self._cycle = line.rate_hz // nominal_hz
        self._changes = RapidChanges(udin_v, settings, nominal_hz, lines)
        self._transients = Transients(udin_v, settings, lines)
        self._waiting: list[Transient] = []
        #: Start and end (None while it lasts) in sample numbers of each dip, swell and interruption, by id.
        self._spans: dict[str, tuple[int, int | None]] = {}
        self._base = 0

    def restart(self, first: int, base: int) -> None:
        """Samples begin (anew) at number ``first``; half-cycle values count from ``base``."""
        self._base = base
        self._changes.restart(base)
        self._transients.restart(first)

    def hear(self, event: Event) -> None:
        """A dip, swell or interruption has begun or ended."""
        start = self._line.number(event.start_ns)
        end = None if event.duration_ns is None else self._line.number(event.start_ns + event.duration_ns)
        known = self._spans.get(event.id)
        self._spans[event.id] = (start if known is None else min(start, known[0]), end)

    def halves(self, halves: list[HalfCycle]) -> list[Event]:
        """Rapid changes that are over."""
        return [self._change(change) for change in self._changes.take(halves)]

    def window(self, data: Float32, origin: int, until: int, cycle: float) -> list[Event]:
        """Transients that are certain, with the samples up to number ``until``; ``cycle`` in samples."""
        if until > self._transients.position:
            self._waiting += self._transients.take(data, origin, until, cycle)
        return self._decide(until - round(PATIENCE_S * self._line.rate_hz))

    def cut(self, at: float) -> list[Event]:
        """The samples end at ``at`` after the base."""
        self._waiting += self._transients.cut()
        changes = [self._change(change) for change in self._changes.cut(at)]
        return changes + self._decide(self._base + int(at))

    def _decide(self, before: int) -> list[Event]:
        """Tell what ended until sample number ``before`` and is not part of something larger."""
        told = [item for item in self._waiting if item.end <= before]
        self._waiting = [item for item in self._waiting if item.end > before]
        events = [self._transient(item) for item in told if not self._is_part(item)]
        oldest = before - round(_MEMORY_S * self._line.rate_hz)
        self._spans = {
            name: (start, end) for name, (start, end) in self._spans.items() if end is None or end > oldest
        }
        return events

    def _is_part(self, item: Transient) -> bool:
        margin = round(MARGIN_S * self._line.rate_hz)
        return any(
            item.end >= start - margin and (end is None or item.start <= end + margin)
            for start, end in self._spans.values()
        )

    def _change(self, change: RapidChange) -> Event:
        start_ns = self._line.ns(self._base, change.start)
        detail = {"dumax_percent": round(100.0 * change.dumax_v / self._udin_v, 4)}
        if change.duss_v is not None:
            detail["duss_percent"] = round(100.0 * change.duss_v / self._udin_v, 4)
        return Event(
            id=event_id("rvc", self._element, start_ns),
            type="rvc",
            element=self._element,
            state="end",
            start_ns=start_ns,
            duration_ns=self._line.ns(self._base, change.end) - start_ns,
            extreme_v=change.dumax_v,
            reference_v=self._udin_v,
            phases=change.phases,
            flags=change.flags
            + self._saturated(  # the steady second before it counts, and the one after
                self._base + int(change.start) - self._line.rate_hz, self._base + int(change.known)
            ),
            detail=detail,
        )

    def _saturated(self, first: int, after: int) -> tuple[Flag, ...]:
        return ("saturated",) if self._marks.touch(first, after) else ()

    def _transient(self, item: Transient) -> Event:
        start_ns = self._line.ns(item.start)
        return Event(
            id=event_id("transient", self._element, start_ns),
            type="transient",
            element=self._element,
            state="end",
            start_ns=start_ns,
            duration_ns=self._line.ns(item.end) - start_ns,
            extreme_v=item.peak_v,
            reference_v=self._udin_v,
            phases=item.phases,
            flags=item.flags + self._saturated(item.start - self._cycle, item.end),
            detail={"over_s": round(item.over / self._line.rate_hz, 6)},
        )
