"""The recorder: from messages to rows, whatever the disk does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flexcore import topics
from flexcore.errors import StoreError
from flexcore.model import Event, Measurement
from flexcore.payloads import PayloadError, decode_event, decode_measurement
from flexcore.quantities import of_busbar, of_field
from flexcore.services._backlog import Backlog
from flexcore.services.health import Alarms
from flexcore.station import Busbar, Field, Station
from flexcore.store.averages import LENGTHS_S, ORDERS, kept_spectra
from flexcore.store.gaps import Change, GapTracker
from flexcore.store.schema import FILE, StoreBrokenError, StoreFullError, set_aside
from flexcore.store.writer import Limits, Store

#: Values are committed this often: what a kill may cost, against what a flash chip wears.
COMMIT_S = 5.0
RETRY_S = 5.0
TIDY_S = 60.0
#: How long a store that had to begin anew is an alarm.
RESET_TOLD_S = 3600.0
#: 13 elements fill this in 38 minutes; it takes some 30 MB.
VALUES_LIMIT = 10_000
EVENTS_LIMIT = 5_000
BATCH = 1_000
AVERAGES_BATCH = 100
#: 2000 to 2100: what lies outside is not a time of ours.
PLAUSIBLE_NS = range(946_684_800 * 10**9, 4_102_444_800 * 10**9)
#: Longest of each interval that is believed.
INTERVAL_LIMITS_NS = {"3s": 60 * 10**9, "10s": 60 * 10**9, "10min": 660 * 10**9, "2h": 7260 * 10**9}
#: Of 10 min and 2 h; 13 elements fill this in a day. With spectra it takes some 30 MB.
AVERAGES_LIMIT = 2_000
SPECTRA_LIMIT = 64
ID_LIMIT = 120
DETAIL_LIMIT = 32

_log = logging.getLogger(__name__)


def _told(element: Busbar | Field, interval: str) -> tuple[str, ...]:
    """Names of what is told of ``element`` over ``interval``."""
    told = of_busbar(interval, element.lines) if isinstance(element, Busbar) else of_field(interval)
    return tuple(quantity.name for quantity in told)


class Recorder:
    """``hear_*`` run on the bus's thread and only queue; :meth:`work` runs on the main thread and writes.

    While the store cannot be written, events and values wait in bounded queues; what is dropped from them
    is counted, and becomes a gap when values flow again. ``announce`` is given the gaps that were found
    here, once they are on the disk.
    """

    def __init__(
        self,
        *,
        station: Station,
        folder: Path,
        limits: Limits,
        alarms: Alarms,
        announce: Callable[[Event], None],
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._alarms = alarms
        self._announce = announce
        self._elements = frozenset(e.id for e in station.elements)
        #: By interval and element; what a field has nothing to say of (10 s) is not there.
        self._names = {
            (interval, e.id): names
            for interval in INTERVAL_LIMITS_NS
            for e in station.elements
            if (names := _told(e, interval))
        }
        self._known = {key: frozenset(names) for key, names in self._names.items()}
        self._store: Store | None = None
        self._tracker = GapTracker({}, ())
        self._values: Backlog[Measurement] = Backlog(VALUES_LIMIT)
        self._averages: Backlog[Measurement] = Backlog(AVERAGES_LIMIT)
        self._events: Backlog[Event] = Backlog(EVENTS_LIMIT)
        self._dropped_of: set[str] = set()
        self._trouble: dict[str, tuple[str, str]] = {}
        self._next_values_s = self._next_open_s = self._next_events_s = 0.0
        self._next_tidy_s: float | None = None
        self._now_s = 0.0
        self._reset_told_until_s: float | None = None
        self._foreign = self._rows = self._average_rows = self._event_rows = self._gap_rows = 0
        #: Set when an event waits, which is written at once.
        self.wake = threading.Event()

    @property
    def counters(self) -> dict[str, int | float]:
        """For health."""
        return {
            "rows": self._rows,
            "averages": self._average_rows,
            "events": self._event_rows,
            "gap_rows": self._gap_rows,
            "waiting": len(self._values) + len(self._averages) + len(self._events),
            "dropped": self._values.dropped + self._averages.dropped + self._events.dropped,
            "foreign": self._foreign,
        }

    # --- on the bus's thread --------------------------------------------------------------------------

    def hear_values(self, topic: str, payload: bytes) -> None:
        """A message of 3 s, 10 s, 10 min or 2 h; one that is not ours is counted and forgotten."""
        try:
            parts = topics.parts(topic)
            if len(parts) != 3 or parts[0] != "pq" or (parts[1], parts[2]) not in self._names:
                raise PayloadError(f"{topic}: expected a topic of an element of this station")
            interval, element = parts[1], parts[2]
            m = decode_measurement(element, interval, payload)
            if m.start_ns not in PLAUSIBLE_NS or not 0 < m.duration_ns <= INTERVAL_LIMITS_NS[interval]:
                raise PayloadError(f"{topic}: expected a time of this century")
            if not self._known[interval, element].issuperset(m.values):
                raise PayloadError(f"{topic}: expected quantities of this element")
            if len(m.spectra) > SPECTRA_LIMIT:
                raise PayloadError(f"{topic}: expected at most {SPECTRA_LIMIT} spectra")
        except PayloadError as error:
            self._refuse(error)
            return
        # All of the element's quantities in their one order: one layout in the store.
        values = {name: m.values.get(name) for name in self._names[interval, element]}
        if interval not in LENGTHS_S:
            self._values.put(Measurement(element, interval, m.start_ns, m.duration_ns, values, m.flags))
            return
        spectra = {name: m.spectra.get(name, ())[:ORDERS] for name in kept_spectra(m.spectra)}
        self._averages.put(
            Measurement(element, interval, m.start_ns, m.duration_ns, values, m.flags, m.coverage, spectra)
        )

    def hear_event(self, topic: str, payload: bytes) -> None:
        """An event message; one that is not ours is counted and forgotten."""
        try:
            event = decode_event(payload)
            if topics.parts(topic) != ("event", event.type) or event.element not in self._elements:
                raise PayloadError(f"{topic}: expected an event of an element of this station")
            if event.start_ns not in PLAUSIBLE_NS or not 0 < len(event.id) <= ID_LIMIT:
                raise PayloadError(
                    f"{topic}: expected a time of this century and an id of at most {ID_LIMIT}"
                )
            if len(event.detail) > DETAIL_LIMIT or sum(map(len, (*event.detail, *event.phases))) > 1024:
                raise PayloadError(f"{topic}: expected a few details")
        except PayloadError as error:
            self._refuse(error)
            return
        self._events.put(event)
        self.wake.set()

    def _refuse(self, error: PayloadError) -> None:
        self._foreign += 1
        if self._foreign.bit_count() == 1:  # 1, 2, 4, 8, ...: a flood must not fill the journal
            _log.warning("record: refused (%d so far): %s", self._foreign, str(error)[:300])

    # --- on the main thread ---------------------------------------------------------------------------

    def work(self, now_s: float, now_ns: int) -> None:
        """Write what is due: events first and at once, values every few seconds, then housekeeping."""
        self.wake.clear()
        self._now_s = now_s
        if self._reset_told_until_s is not None and now_s >= self._reset_told_until_s:
            self._reset_told_until_s = None
            self._alarms.clear_alarm("store_reset")
        if self._store is None and now_s >= self._next_open_s:
            self._next_open_s = now_s + RETRY_S
            self._attempt("open", self._open)
        if self._store is None:
            return
        if (
            len(self._events)
            and now_s >= self._next_events_s
            and not self._attempt("events", self._write_events)
        ):
            self._next_events_s = now_s + RETRY_S
        if self._store is not None and now_s >= self._next_values_s:
            self._next_values_s = now_s + COMMIT_S
            self._attempt("values", self._write_values)
            self._attempt("averages", self._write_averages)
        if self._next_tidy_s is None:
            self._next_tidy_s = now_s + TIDY_S / 2
        if self._store is not None and now_s >= self._next_tidy_s:
            self._next_tidy_s = now_s + TIDY_S
            self._attempt("housekeeping", lambda: self._tidy(now_ns))

    def close(self) -> None:
        """Write what waits, if it can be written, and close the store."""
        if self._store is not None:
            self._attempt("events", self._write_events)
        if self._store is not None:
            self._attempt("values", self._write_values)
        if self._store is not None:
            self._attempt("averages", self._write_averages)
        if self._store is not None:
            self._store.close()
            self._store = None

    def _attempt(self, what: str, step: Callable[[], None]) -> bool:
        """Do ``step``; keep the alarms in step with how it went. False where it could not be done."""
        try:
            step()
        except StoreFullError as error:
            self._trouble[what] = ("store_full", str(error))
        except StoreBrokenError as error:
            self._trouble[what] = ("store_error", str(error))
            self._reset(str(error))
        except StoreError as error:
            self._trouble[what] = ("store_error", str(error))
            self._shut()
            self._next_open_s = 0.0
        else:
            if self._trouble.pop(what, None):
                _log.info("record: %s: works again", what)
            self._tell()
            return True
        self._tell()
        return False

    def _tell(self) -> None:
        standing = dict(self._trouble.values())
        for code in ("store_full", "store_error"):
            if code in standing:
                self._alarms.raise_alarm(code, standing[code])
            else:
                self._alarms.clear_alarm(code)

    def _open(self) -> None:
        store = Store.open(self._folder, self._limits)
        try:
            tracker = GapTracker(store.last_ends_ns(), store.recent_gaps())
        except StoreError:
            store.close()
            raise
        self._store, self._tracker = store, tracker
        if store.reset:
            _log.error("record: %s", store.reset)
            self._tell_reset(store.reset)

    def _reset(self, why: str) -> None:
        """The file turned out to be broken under our hands: keep it, begin a new one."""
        self._shut()
        self._next_open_s = 0.0
        try:
            aside = set_aside(self._folder / FILE)
        except StoreError as error:
            _log.error("record: %s", error)
            return
        _log.error("record: %s; kept as %s", why, aside.name)
        self._tell_reset(f"{why}; kept as {aside.name}")

    def _tell_reset(self, detail: str) -> None:
        """It is over when it is told, so it does not stand for ever; the log keeps it."""
        self._alarms.raise_alarm("store_reset", detail)
        self._reset_told_until_s = self._now_s + RESET_TOLD_S

    def _shut(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _write_events(self) -> None:
        while self._store is not None:
            mark, events = self._events.first(BATCH)
            if not events:
                return
            tracker = self._tracker.copy()
            changes = [c for e in events if e.type == "gap" for c in tracker.hear(e)]
            others = [e for e in events if e.type != "gap"]
            with self._poison(self._events, mark):
                self._store.add_events(others, changes)
            self._events.forget(mark)
            self._tracker = tracker
            self._event_rows += len(others)
            self._gap_rows += len(changes)

    def _write_values(self) -> None:
        while self._store is not None:
            mark, values = self._values.first(BATCH)
            self._dropped_of.update(m.element for m in self._values.take_dropped() if m.interval == "3s")
            if not values:
                return
            tracker = self._tracker.copy()
            changes: list[Change] = []
            threes = [m for m in values if m.interval == "3s"]
            for m in threes:
                changes += tracker.follow(m, dropped=m.element in self._dropped_of)
            with self._poison(self._values, mark):
                self._store.add_values(values, changes)
            self._values.forget(mark)
            self._tracker = tracker
            self._dropped_of.difference_update(m.element for m in threes)
            self._rows += len(values)
            self._gap_rows += len(changes)
            for change in changes:
                if change.announce is not None:
                    self._announce(change.announce)

    def _write_averages(self) -> None:
        while self._store is not None:
            mark, averages = self._averages.first(AVERAGES_BATCH)
            self._averages.take_dropped()  # counted; the 3-s values tell where the gap is
            if not averages:
                return
            with self._poison(self._averages, mark):
                self._store.add_averages(averages)
            self._averages.forget(mark)
            self._average_rows += len(averages)

    @contextmanager
    def _poison(self, backlog: Backlog[Event] | Backlog[Measurement], mark: int) -> Iterator[None]:
        """What SQLite cannot take though it passed our checks is dropped: it must not come back for ever."""
        try:
            yield
        except (ValueError, TypeError, OverflowError) as error:
            backlog.forget(mark)
            raise StoreError(f"store: dropped what cannot be written: {error!r}"[:200]) from error

    def _tidy(self, now_ns: int) -> None:
        if self._store is not None:
            self._store.tidy(now_ns)
