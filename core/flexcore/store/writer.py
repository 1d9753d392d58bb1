"""The one writer of the store. Every method is one transaction: whole and on the disk, or not at all."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from flexcore.errors import StoreError
from flexcore.model import Event, Measurement
from flexcore.payloads import encode_origin
from flexcore.store import averages, codec, tiers
from flexcore.store.gaps import Change, Gap, Reason
from flexcore.store.schema import FILE, StoreBrokenError, StoreFullError, connect, explain, set_aside

US = 1000
SLOT_US = tiers.SLOT_US
#: A row of the recent tier may hold each of 72 elements a few times; more is not from our analyser.
_SLOT_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """``keep_days`` and ``max_bytes`` bound the values, the others are counts of rows.

    Of values the oldest go first; those over 10 s, 10 min and 2 h outlive the 3-s ones.

    Below ``reserve_bytes`` of free disk values are refused, so that events still find room.
    """

    keep_days: int = 90
    max_bytes: int = 512 * 1024 * 1024
    max_events: int = 100_000
    max_gaps: int = 100_000
    reserve_bytes: int = 16 * 1024 * 1024


class Store:
    """Open with :meth:`open`; every method raises :class:`StoreError` or one of its kinds."""

    def __init__(self, db: sqlite3.Connection, folder: Path, limits: Limits, reset: str) -> None:
        self._db = db
        self._folder = folder
        self._limits = limits
        #: Why an earlier file was set aside, or empty.
        self.reset = reset
        self._elements: dict[str, int] = {}
        self._layouts: dict[tuple[str, ...], int] = {}
        #: Where the values of the last write end: the sensors' time, where the box's own clock is behind.
        self._written_us = 0

    @classmethod
    def open(cls, folder: Path, limits: Limits | None = None) -> Store:
        """Open or make the store in ``folder``; a file that is beyond use is set aside first."""
        limits = limits or Limits()
        file = folder / FILE
        reset = ""
        try:
            db = connect(file)
        except StoreBrokenError as error:
            reset = f"{error}; kept as {set_aside(file).name}"
            db = connect(file)
        store = cls(db, folder, limits, reset)
        try:
            with store._guard("open"):
                store._load()
                store._bound()
        except StoreError:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the file; SQLite folds the log into it."""
        try:
            self._db.close()
        except sqlite3.Error:
            return  # what was acknowledged is in the log

    # --- what was -----------------------------------------------------------------------------------

    def last_ends_ns(self) -> dict[str, int]:
        """Where each element's values end."""
        with self._guard("last intervals"):
            rows = self._db.execute("SELECT name, last_end_us FROM element WHERE last_end_us > 0")
            return {name: end_us * US for name, end_us in rows}

    def recent_gaps(self) -> list[Gap]:
        """The newest gaps, to go on from after a start."""
        with self._guard("gaps"):
            rows = self._db.execute(
                "SELECT id, element, start_us, end_us, reason FROM gap ORDER BY start_us DESC LIMIT 1000"
            ).fetchall()
        return [
            Gap(name, element, start * US, None if end is None else end * US, _reason(reason))
            for name, element, start, end, reason in reversed(rows)
        ]

    # --- what comes -----------------------------------------------------------------------------------

    def add_values(self, measurements: Sequence[Measurement], changes: Iterable[Change] = ()) -> None:
        """Append intervals of 3 s and of 10 s, and the gaps that they revealed.

        Raises :class:`StoreFullError` when less than the reserve is free: the rest is for events.
        """
        with self._guard("values"):
            self._keep_reserve()
            with self._transaction():
                slots: dict[int, list[bytes]] = defaultdict(list)
                ends: dict[str, int] = {}
                for m in measurements:
                    slot, record = self._record(m)
                    slots[slot].append(record)
                    if m.interval != "3s":
                        continue
                    ends[m.element] = (m.start_ns + m.duration_ns) // US
                self._db.executemany(
                    "INSERT INTO recent (slot, records) VALUES (?1, ?2) ON CONFLICT (slot) DO UPDATE"
                    " SET records = CAST(records || excluded.records AS BLOB)"
                    " WHERE length(records) < ?3",
                    [(slot, b"".join(records), _SLOT_LIMIT) for slot, records in slots.items()],
                )
                self._db.executemany(
                    "UPDATE element SET last_end_us = ?2 WHERE name = ?1",
                    list(ends.items()),
                )
                self._put_gaps(changes)
            self._written_us = max(ends.values(), default=self._written_us)

    def add_averages(self, measurements: Sequence[Measurement]) -> None:
        """Add intervals of 10 min and 2 h; one that is told twice is kept as it was told last.

        Raises :class:`StoreFullError` when less than the reserve is free.
        """
        with self._guard("averages"):
            self._keep_reserve()
            with self._transaction():
                averages.put(self._db, [self._average(m) for m in measurements])

    def add_events(self, events: Sequence[Event], changes: Iterable[Change] = ()) -> None:
        """Add events, or what is newly known of them: begin and end of one id become one row."""
        with self._guard("events"), self._transaction():
            self._db.executemany(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " start_us = excluded.start_us, duration_us = excluded.duration_us,"
                " extreme_v = excluded.extreme_v, reference_v = excluded.reference_v,"
                " phases = excluded.phases, flags = excluded.flags, detail = excluded.detail,"
                " origin = CASE excluded.origin WHEN '' THEN origin ELSE excluded.origin END"
                # A begin that is delivered twice must not undo the end.
                " WHERE excluded.duration_us IS NOT NULL OR duration_us IS NULL",
                [_event_row(e) for e in events],
            )
            self._put_gaps(changes)

    def tidy(self, now_ns: int) -> bool:
        """A small piece of housekeeping: fold an old hour, forget what is too old or too much.

        True when there is more to do. Call it every minute or so.
        """
        with self._guard("housekeeping"):
            with self._transaction():
                more = tiers.fold_one_hour(self._db, max(now_ns // US, self._written_us))
            with self._transaction():
                self._forget(now_ns)
            return more

    # --- within -----------------------------------------------------------------------------------------

    @contextmanager
    def _guard(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, StoreError):
                raise
            # Numbers handed out in a transaction that was rolled back are not in the file.
            self._elements.clear()
            self._layouts.clear()
            raise explain(error, what) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _load(self) -> None:
        self._elements = dict(self._db.execute("SELECT name, id FROM element"))
        self._layouts = {
            tuple(names.split(",")): number
            for names, number in self._db.execute("SELECT names, id FROM layout")
        }

    def _bound(self) -> None:
        """SQLite's own bound, a little above ours: whatever happens, the file cannot eat the disk."""
        (page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
        room = max(1024 * 1024, self._limits.max_bytes // 16)
        self._pages = self._limits.max_bytes // page_bytes
        self._db.execute(f"PRAGMA max_page_count = {self._pages + room // page_bytes}")

    def _keep_reserve(self) -> None:
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize
        if free >= self._limits.reserve_bytes:
            return
        (free_pages,) = self._db.execute("PRAGMA freelist_count").fetchone()
        if free_pages < 256:
            raise StoreFullError(
                f"store: values: expected {self._limits.reserve_bytes} bytes free on the disk, got {free}"
            )

    def _record(self, m: Measurement) -> tuple[int, bytes]:
        start_us = m.start_ns // US
        slot, offset_us = divmod(start_us, SLOT_US)
        names = tuple(m.values)
        record = codec.Record(
            element=self._element(m.element),
            layout=self._layout(names),
            flags=codec.flag_bits(m.flags),
            offset_us=offset_us,
            duration_us=min(m.duration_ns // US, 0xFFFFFFFF),
            values=codec.pack_values(tuple(m.values.values())),
        )
        return slot, codec.pack_record(record)

    def _average(self, m: Measurement) -> averages.Row:
        spectra = averages.kept_spectra(m.spectra) if m.interval == "10min" else ()
        return averages.row_of(
            m,
            self._element(m.element),
            self._layout(tuple(m.values)),
            self._layout(spectra) if spectra else None,
            spectra,
        )

    def _element(self, name: str) -> int:
        number = self._elements.get(name)
        if number is None:
            self._db.execute("INSERT OR IGNORE INTO element (name, last_end_us) VALUES (?, 0)", (name,))
            (number,) = self._db.execute("SELECT id FROM element WHERE name = ?", (name,)).fetchone()
            self._elements[name] = number
        return number

    def _layout(self, names: tuple[str, ...]) -> int:
        number = self._layouts.get(names)
        if number is None:
            text = ",".join(names)
            self._db.execute("INSERT OR IGNORE INTO layout (names) VALUES (?)", (text,))
            (number,) = self._db.execute("SELECT id FROM layout WHERE names = ?", (text,)).fetchone()
            self._layouts[names] = number
        return number

    def _put_gaps(self, changes: Iterable[Change]) -> None:
        self._db.executemany(
            "INSERT INTO gap VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " start_us = excluded.start_us, end_us = excluded.end_us, reason = excluded.reason",
            [
                (g.id, g.element, g.start_ns // US, None if g.end_ns is None else g.end_ns // US, g.reason)
                for g in (change.gap for change in changes)
            ],
        )

    def _forget(self, now_ns: int) -> None:
        db, limits = self._db, self._limits
        # By the values' own time as well: a clock that jumped ahead must not wipe the past.
        (newest_us,) = db.execute("SELECT max(last_end_us) FROM element").fetchone()
        oldest_us = min(now_ns // US, newest_us or 0) - limits.keep_days * 86_400_000_000
        db.execute("DELETE FROM chunk WHERE end_us < ?", (oldest_us,))
        averages.forget_before(db, oldest_us)
        for table, most in (("event", limits.max_events), ("gap", limits.max_gaps)):
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our two names
            if count > most:
                oldest = f"SELECT id FROM {table} ORDER BY start_us LIMIT ?"  # noqa: S608
                db.execute(f"DELETE FROM {table} WHERE id IN ({oldest})", (count - most,))  # noqa: S608
        for _ in range(24):  # hours a call
            (pages,) = db.execute("PRAGMA page_count").fetchone()
            (free,) = db.execute("PRAGMA freelist_count").fetchone()
            if pages - free <= self._pages * 15 // 16:
                return
            gone: int | bool = averages.make_room(db)
            if not gone:
                gone = db.execute(
                    "DELETE FROM recent WHERE slot IN (SELECT slot FROM recent ORDER BY slot LIMIT 200)"
                ).rowcount
            if not gone:
                return


def _reason(text: str) -> Reason:
    return next((reason for reason in get_args(Reason) if reason == text), "samples")


def _event_row(e: Event) -> tuple[object, ...]:
    return (
        e.id,
        e.type,
        e.element,
        e.start_ns // US,
        None if e.duration_ns is None else e.duration_ns // US,
        e.extreme_v,
        e.reference_v,
        ",".join(e.phases),
        ",".join(e.flags),
        json.dumps(e.detail, separators=(",", ":")),
        "" if e.origin is None else encode_origin(e.origin).decode(),
    )
