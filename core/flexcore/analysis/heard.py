"""What the engine said of a recording: in the recording's time, without what lies after its end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from flexcore.analysis.clock import NS, Clock, shown
from flexcore.analysis.results import EventResult, OriginResult
from flexcore.analysis.statistics import Statistics
from flexcore.model import Event, EventOrigin, Located, Measurement
from flexcore.ports import Result
from flexcore.recordings import Recording
from flexcore.station import Station

Listener = Callable[[Measurement], None]


class Heard:
    """What the engine says, in the recording's time; what concerns the silence after its end is left out."""

    def __init__(
        self,
        recording: Recording,
        station: Station,
        clock: Clock,
        begin: int,
        end: int,
        order: int,
        listeners: tuple[Listener, ...],
    ) -> None:
        self._recording = recording
        self._clock = clock
        self._order = order
        self._listeners = listeners
        self._zero_ns = clock.start_ns
        # the engine's own rounding is a nanosecond; half a sample tells the end from what is after it
        half_ns = round(NS / recording.rate_hz / 2)
        self._end_ns = self._zero_ns + round(end / recording.rate_hz * NS) - half_ns
        self._tail_ns = self._end_ns - 4 * half_ns
        self._statistics: dict[str, dict[str, Statistics]] = {e.id: {} for e in station.elements}
        self._events: dict[str, Event] = {}
        self._origins: dict[str, EventOrigin] = {}

    def _within_rate(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """Orders above what the recording's rate gives are not values, whatever the engine saw there."""
        known = values[: self._order + 1]
        return (*known, *([math.nan] * (len(values) - len(known))))

    def take(self, item: Result) -> None:
        """A measurement, event or origin in the engine's time; waveforms are in the recording itself."""
        if isinstance(item, Located):
            self._origins.update(dict.fromkeys(item.events, item.origin))
            return
        if isinstance(item, Event):
            event = self._clock.event(item)
            if event.start_ns < (self._tail_ns if item.type == "gap" else self._end_ns):
                self._events[item.id] = event
            return
        if not isinstance(item, Measurement):
            return
        m = self._clock.measurement(item)
        if m.start_ns >= self._end_ns or (m.start_ns + m.duration_ns >= self._tail_ns and "gap" in m.flags):
            return
        if m.spectra:
            m = replace(m, spectra={name: self._within_rate(values) for name, values in m.spectra.items()})
        self._statistics[m.element].setdefault(m.interval, Statistics()).add(m)
        for listener in self._listeners:
            listener(m)

    def statistics(self, element: str) -> dict[str, Statistics]:
        """Of one element, by interval."""
        return self._statistics[element]

    def events(self, *, gaps: bool) -> tuple[EventResult, ...]:
        """The gaps, or all other events, in the order of time."""
        chosen = [e for e in self._events.values() if (e.type == "gap") == gaps]
        chosen.sort(key=lambda e: (e.start_ns, e.element, e.type))
        return tuple(self._event(e) for e in chosen)

    def _event(self, e: Event) -> EventResult:
        end_ns = None if e.duration_ns is None else e.start_ns + e.duration_ns
        cut = end_ns is None or end_ns >= self._tail_ns
        percent = 100.0 * e.extreme_v / e.reference_v if e.extreme_v is not None and e.reference_v else None
        if end_ns is not None and cut:
            end_ns = min(end_ns, self._end_ns)
        return EventResult(
            type=e.type,
            element=e.element,
            at_s=(e.start_ns - self._zero_ns) / NS,
            start=None if self._recording.start_ns is None else shown(e.start_ns, self._recording.zone_s),
            duration_s=None if end_ns is None else (end_ns - e.start_ns) / NS,
            open=cut,
            phases=e.phases,
            extreme_v=e.extreme_v,
            extreme_percent=percent,
            flags=tuple(flag for flag in e.flags if not (cut and flag == "gap")),
            detail=e.detail,
            origin=_origin(self._origins.get(e.id)),
        )


def _origin(origin: EventOrigin | None) -> OriginResult | None:
    if origin is None:
        return None
    directions: dict[str, str] = {f.field: f.direction for f in origin.fields}
    return OriginResult(origin.place, origin.field, origin.confidence, directions, origin.reason)
