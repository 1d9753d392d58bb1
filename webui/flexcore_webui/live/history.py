"""What the store remembers, read only and never in the way: without a store the page still lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from flexcore.errors import FlexcoreError
from flexcore.model import Event, EventType, Flag
from flexcore.store import StoredEvent, StoredGap

#: A list is asked of the store at most this often, however many people look.
KEPT_S = 2.0


class Reader(Protocol):
    """The part of the store's reader that the page uses."""

    def events(self, limit: int = ...) -> Sequence[StoredEvent]:
        """Newest first: dips, swells, interruptions."""
        ...

    def gaps(self, limit: int = ...) -> Sequence[StoredGap]:
        """Newest first: gaps."""
        ...


def event_of(stored: StoredEvent) -> Event:
    """An event as it went over the bus."""
    return Event(
        id=stored.id,
        type=cast(EventType, stored.type),
        element=stored.element,
        state="begin" if stored.duration_ns is None else "end",
        start_ns=stored.start_ns,
        duration_ns=stored.duration_ns,
        extreme_v=stored.extreme_v,
        reference_v=stored.reference_v,
        phases=stored.phases,
        flags=cast(tuple[Flag, ...], stored.flags),
        origin=stored.origin,
    )


def event_of_gap(stored: StoredGap) -> Event:
    """A gap as it went over the bus."""
    return Event(
        id=stored.id,
        type="gap",
        element=stored.element,
        state="begin" if stored.end_ns is None else "end",
        start_ns=stored.start_ns,
        duration_ns=None if stored.end_ns is None else stored.end_ns - stored.start_ns,
    )


class StoreHistory:
    """Events and gaps of the store; ``problem`` says in one line why there are none."""

    def __init__(self, reader: Reader, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], tuple[float, Sequence[Event]]] = {}
        self.problem = ""

    def events(self, limit: int) -> Sequence[Event]:
        """Newest first; empty where the store cannot be read."""
        return self._ask("events", limit)

    def gaps(self, limit: int) -> Sequence[Event]:
        """Newest first; empty where the store cannot be read."""
        return self._ask("gaps", limit)

    def _ask(self, what: str, limit: int) -> Sequence[Event]:
        with self._lock:
            kept = self._kept.get((what, limit))
            if kept is not None and self._monotonic() - kept[0] < KEPT_S:
                return kept[1]
            rows: Sequence[Event] = kept[1] if kept else ()
            try:
                if what == "gaps":
                    rows = [event_of_gap(g) for g in self._reader.gaps(limit)]
                else:
                    rows = [event_of(e) for e in self._reader.events(limit)]
                self.problem = ""
            except (FlexcoreError, OSError) as error:
                # What was read before stays on the page; the alarm says that it is old.
                self.problem = str(error)
            if len(self._kept) > 16:
                self._kept.clear()
            self._kept[what, limit] = (self._monotonic(), rows)
            return rows
