"""Events and gaps: what the bus said since the page started, joined with what the store remembers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from flexcore.model import Event, EventOrigin
from flexcore.payloads import iso
from flexcore.quantities import line_label
from flexcore_webui.live.site import Site
from flexcore_webui.live.snapshot import EventRow, EventRowState, OriginRow

KEPT = 400


class History(Protocol):
    """What the page asks of the store."""

    def events(self, limit: int) -> Sequence[Event]:
        """The newest dips, swells and interruptions."""
        ...

    def gaps(self, limit: int) -> Sequence[Event]:
        """The newest gaps."""
        ...


class Journal:
    """A bounded memory of events by id; an end replaces its begin, never the other way."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = threading.Lock()
        self._live: OrderedDict[str, Event] = OrderedDict()
        self.version = 0

    def take(self, event: Event) -> None:
        """Remember an event."""
        with self._lock:
            known = self._live.get(event.id)
            if known is not None and known.state == "end" and event.state == "begin":
                return
            self._live[event.id] = event
            while len(self._live) > KEPT:
                self._live.popitem(last=False)
            self.version += 1

    def events(self, limit: int) -> list[Event]:
        """Newest first: dips, swells, interruptions."""
        return self._join(self._history.events(limit), limit, gaps=False)

    def gaps(self, limit: int) -> list[Event]:
        """Newest first: gaps in the measurement."""
        return self._join(self._history.gaps(limit), limit, gaps=True)

    def _join(self, stored: Sequence[Event], limit: int, *, gaps: bool) -> list[Event]:
        known = {e.id: e for e in stored}
        with self._lock:
            for e in self._live.values():
                if (e.type == "gap") == gaps and (e.state == "end" or e.id not in known):
                    known[e.id] = e
        return sorted(known.values(), key=lambda e: e.start_ns, reverse=True)[:limit]


def row(event: Event, site: Site | None, *, running: bool) -> EventRow:
    """An event as the list and the API show it.

    ``running`` says whether the element still shows it: an event whose end nobody saw (a service was down)
    must not look as if it went on for ever.
    """
    element = site.element(event.element) if site else None
    percent = None
    if event.extreme_v is not None and event.reference_v:
        percent = round(100.0 * event.extreme_v / event.reference_v, 2)
    ended = event.state == "end" and event.duration_ns is not None
    state: EventRowState = "end" if ended else ("begin" if running else "unknown")
    return EventRow(
        id=event.id,
        type=event.type,
        element=event.element,
        element_name=element.name if element else event.element,
        state=state,
        t=iso(event.start_ns),
        t_end=iso(event.start_ns + (event.duration_ns or 0)) if ended else None,
        duration_s=None if event.duration_ns is None else event.duration_ns / 1e9,
        extreme_v=event.extreme_v,
        reference_v=event.reference_v,
        extreme_percent=percent,
        phases=tuple(line_label(p.lower()) for p in event.phases),
        flag=event.flags,
        origin=_origin(event.origin, site),
    )


def _origin(origin: EventOrigin | None, site: Site | None) -> OriginRow | None:
    if origin is None:
        return None
    field = None if origin.field is None or site is None else site.element(origin.field)
    name = origin.field if field is None else field.name
    return OriginRow(origin.place, name, round(100.0 * origin.confidence))
