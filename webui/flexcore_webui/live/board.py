"""The board: hub, alarms, history and streams of one page, put together and ticking."""

from __future__ import annotations

import threading
import time

from flexcore.model import Event
from flexcore_webui.live.alarms import collect
from flexcore_webui.live.feed import Feed
from flexcore_webui.live.history import StoreHistory
from flexcore_webui.live.hub import Hub
from flexcore_webui.live.journal import row
from flexcore_webui.live.snapshot import AlarmRow, EventRow, Snapshot
from flexcore_webui.live.streams import Streams
from flexcore_webui.settings import WebSettings

LOOK_AT_STATION_S = 2.0


class Board:
    """What the page shows. ``start`` connects and ticks; without it ``hub.take`` is the only way in."""

    def __init__(self, settings: WebSettings, history: StoreHistory, hub: Hub, feed: Feed | None) -> None:
        self.settings = settings
        self.hub = hub
        self.history = history
        self._feed = feed
        self._lock = threading.Lock()
        self._alarms: tuple[AlarmRow, ...] = ()
        self._alarms_version = 0
        self._looked_s = 0.0
        self.streams = Streams(
            lambda: self.look()[0],
            tick_s=settings.tick_s,
            lifetime_s=settings.stream_lifetime_s,
            limit=settings.max_streams,
            limit_per_viewer=settings.max_streams_per_viewer,
            chores=self._chores,
        )

    def start(self) -> None:
        """Connect to the bus and begin to tick."""
        if self._feed is not None:
            self._feed.follow(self.hub)
        self.streams.start()

    def close(self) -> None:
        """Stop ticking, take leave of the bus."""
        self.streams.close()
        if self._feed is not None:
            self._feed.close()

    @property
    def alive(self) -> bool:
        """Whether the page's own threads do their work. Blocks where the hub does: so it is hung."""
        self.hub.snapshot()
        return self.streams.alive and (self._feed is None or self._feed.alive)

    def look(self) -> tuple[Snapshot, tuple[AlarmRow, ...]]:
        """A snapshot and the alarms that go with it."""
        snapshot = self.hub.snapshot()
        alarms = collect(self.hub, snapshot, self.history.problem)
        with self._lock:
            if alarms != self._alarms:
                self._alarms = alarms
                self._alarms_version += 1
            version = self._alarms_version
        return self.hub.with_alarms(snapshot, version), alarms

    def events(self) -> list[EventRow]:
        """Dips, swells and interruptions, newest first."""
        return self._rows(self.hub.journal.events(self.settings.listed_events))

    def gaps(self) -> list[EventRow]:
        """Gaps, newest first."""
        return self._rows(self.hub.journal.gaps(self.settings.listed_events))

    def _rows(self, found: list[Event]) -> list[EventRow]:
        return [row(e, self.hub.site, running=self.hub.shows(e)) for e in found]

    def _chores(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_AT_STATION_S:
            self._looked_s = now_s
            self.hub.look_at_station()
            if self._feed is not None:
                self._feed.follow(self.hub)
