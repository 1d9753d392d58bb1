"""Reading beside the writer, as another user who may not write: the page's view of the past.

A connection per question: answers come in milliseconds, threads need no lock, and a file that was set
aside or replaced is noticed at the next question.
"""

from __future__ import annotations

import json
import math
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flexcore.errors import StoreError
from flexcore.model import EventOrigin, Flag
from flexcore.payloads import decode_origin
from flexcore.store import codec, history
from flexcore.store.decimate import Buckets
from flexcore.store.history import History
from flexcore.store.schema import FILE, StoreBrokenError, explain, migrations
from flexcore.store.tiers import FREQUENCY, HOUR_US, SLOT_US

US = 1000
MOST_ROWS = 10_000
MOST_POINTS = 10_000
_EVENT = "id, type, element, start_us, duration_us, extreme_v, reference_v, phases, flags, detail, origin"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A dip, swell or interruption; ``duration_ns`` is None while it lasts (or its end never came)."""

    id: str
    type: str
    element: str
    start_ns: int
    duration_ns: int | None
    extreme_v: float | None
    reference_v: float | None
    phases: tuple[str, ...]
    flags: tuple[str, ...]
    detail: dict[str, float]
    origin: EventOrigin | None = None


@dataclass(frozen=True, slots=True)
class StoredGap:
    """A time in which values or samples of an element are missing; ``reason`` as in ``gaps.Reason``."""

    id: str
    element: str
    start_ns: int
    end_ns: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class StoredValues:
    """The newest 3-s values of an element."""

    element: str
    start_ns: int
    duration_ns: int
    values: dict[str, float | None]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity over time, at most ``max_points`` points; lists of equal length.

    ``start_ns`` and ``duration_ns`` are of what a point sums up, ``mean`` weighs each interval the same;
    all three values are None where there was none (a gap is never bridged). ``flags`` are those of any
    interval in the point.
    """

    start_ns: list[int]
    duration_ns: list[int]
    minimum: list[float | None]
    mean: list[float | None]
    maximum: list[float | None]
    flags: list[tuple[Flag, ...]]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What is kept: bytes on the disk, time span of the values, numbers of rows."""

    file_bytes: int
    oldest_ns: int | None
    newest_ns: int | None
    events: int
    gaps: int


class StoreReader:
    """Questions to the store in ``folder``, or in the ``file`` of another name there.

    All raise :class:`StoreError` where it cannot be read.
    """

    def __init__(self, folder: Path, file: str = FILE, *, busy_s: float = 5.0) -> None:
        """``busy_s``: how long a file is waited for that another program has locked as a whole."""
        self._file = folder / file
        self._busy_s = busy_s

    def events(
        self, limit: int = 100, *, before_ns: int | None = None, kind: str | None = None
    ) -> list[StoredEvent]:
        """Newest first; those that began before ``before_ns``, of type ``kind``."""
        with self._open() as db:
            rows = db.execute(
                f"SELECT {_EVENT} FROM event WHERE start_us < ?1 AND (?2 IS NULL OR type = ?2)"  # noqa: S608 - ours
                " ORDER BY start_us DESC, id LIMIT ?3",
                (_before_us(before_ns), kind, _bounded(limit)),
            ).fetchall()
            return [_event(r) for r in rows]

    def events_of(self, element: str, start_ns: int, end_ns: int) -> list[StoredEvent]:
        """All events of ``element`` that began from ``start_ns`` to before ``end_ns``, oldest first."""
        with self._open() as db:
            rows = db.execute(
                f"SELECT {_EVENT} FROM event WHERE element = ? AND start_us >= ? AND start_us < ?"  # noqa: S608 - ours
                " ORDER BY start_us, id",
                (element, start_ns // US, end_ns // US),
            ).fetchall()
            return [_event(r) for r in rows]

    def gaps(self, limit: int = 100, *, before_ns: int | None = None) -> list[StoredGap]:
        """Newest first; those that began before ``before_ns``."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, element, start_us, end_us, reason FROM gap WHERE start_us < ?"
                " ORDER BY start_us DESC, id LIMIT ?",
                (_before_us(before_ns), _bounded(limit)),
            ).fetchall()
        return [StoredGap(r[0], r[1], r[2] * US, None if r[3] is None else r[3] * US, r[4]) for r in rows]

    def gaps_of(self, element: str, start_ns: int, end_ns: int) -> list[StoredGap]:
        """All gaps of ``element`` that lie in part between the two times, oldest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, element, start_us, end_us, reason FROM gap WHERE element = ?"
                " AND start_us < ? AND (end_us IS NULL OR end_us > ?) ORDER BY start_us, id",
                (element, end_ns // US, start_ns // US),
            ).fetchall()
        return [StoredGap(r[0], r[1], r[2] * US, None if r[3] is None else r[3] * US, r[4]) for r in rows]

    def version(self) -> int:
        """The version of the file's form; raises :class:`StoreBrokenError` where it is unknown."""
        with self._open() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
        known = len(migrations())
        if not 0 < version <= known:
            what = "a store of flexcore" if version == 0 else f"version {known} at most"
            raise StoreBrokenError(f"{self._file}: expected {what}, got version {version}")
        return int(version)

    def elements(self) -> tuple[str, ...]:
        """The elements that ever had values."""
        with self._open() as db:
            found = tuple(name for (name,) in db.execute("SELECT name FROM element ORDER BY id"))
            if not all(isinstance(name, str) for name in found):
                raise TypeError("element names")
            return found

    def names(self, element: str, interval: str) -> tuple[str, ...]:
        """Names of the values and spectra that are kept over ``3s``, ``10s``, ``10min`` or ``2h``."""
        with self._open() as db:
            row = db.execute("SELECT id FROM element WHERE name = ?", (element,)).fetchone()
            return () if row is None else history.names(db, row[0], interval)

    def history(
        self, element: str, interval: str, names: Sequence[str], start_ns: int, end_ns: int
    ) -> History:
        """Every interval of ``element`` that begins from ``start_ns`` to before ``end_ns``."""
        with self._open() as db:
            row = db.execute("SELECT id FROM element WHERE name = ?", (element,)).fetchone()
            if row is None:
                return History()
            return history.read(db, row[0], interval, names, start_ns // US, end_ns // US)

    def span_of(self, element: str) -> tuple[int, int] | None:
        """Where the values of ``element`` begin and its 3-s values end, ns; None where there are none."""
        with self._open() as db:
            row = db.execute("SELECT id, last_end_us FROM element WHERE name = ?", (element,)).fetchone()
            if row is None or not row[1]:
                return None
            oldest_us = history.oldest_us(db, row[0])
        return None if oldest_us is None else (oldest_us * US, row[1] * US)

    def series(
        self, element: str, quantity: str, start_ns: int, end_ns: int, max_points: int = 1000
    ) -> Series:
        """One quantity of an element from ``start_ns`` to before ``end_ns``; empty where nothing is kept."""
        start_us, end_us = start_ns // US, end_ns // US
        buckets = Buckets(start_us, end_us, min(max(max_points, 1), MOST_POINTS))
        with self._open() as db:
            row = db.execute("SELECT id FROM element WHERE name = ?", (element,)).fetchone()
            if row is not None and end_us > start_us:
                layouts = {n: _words(names) for n, names in db.execute("SELECT id, names FROM layout")}
                column = {n: names.index(quantity) for n, names in layouts.items() if quantity in names}
                self._older(db, row[0], column, buckets)
                self._recent(db, row[0], column, buckets)
        return Series(*buckets.points())

    def last_values(self) -> dict[str, StoredValues]:
        """The newest interval of each element that had one in the last minutes of the store."""
        found: dict[str, StoredValues] = {}
        with self._open() as db:
            names = dict(db.execute("SELECT id, name FROM element"))
            layouts = {n: _words(text) for n, text in db.execute("SELECT id, names FROM layout")}
            for slot, blob in db.execute("SELECT slot, records FROM recent ORDER BY slot DESC LIMIT 40"):
                newest = {}
                for r in codec.unpack_records(blob):
                    if names[r.element] not in found and layouts[r.layout] != (FREQUENCY,):
                        newest[r.element] = r
                for number, r in newest.items():
                    numbers = codec.unpack_values(r.values)
                    found[names[number]] = StoredValues(
                        element=names[number],
                        start_ns=(slot * SLOT_US + r.offset_us) * US,
                        duration_ns=r.duration_us * US,
                        values={
                            q: None if math.isnan(v) else v
                            for q, v in zip(layouts[r.layout], numbers, strict=True)
                        },
                        flags=codec.flag_names(r.flags),
                    )
        return found

    def stats(self) -> StoreStats:
        """Size and span."""
        with self._open() as db:
            oldest, newest = db.execute(
                "SELECT (SELECT min(start_us) FROM chunk), (SELECT max(last_end_us) FROM element)"
            ).fetchone()
            (slot,) = db.execute("SELECT min(slot) FROM recent").fetchone()
            starts = [t for t in (oldest, None if slot is None else slot * SLOT_US) if t is not None]
            (events,) = db.execute("SELECT count(*) FROM event").fetchone()
            (gaps,) = db.execute("SELECT count(*) FROM gap").fetchone()
        return StoreStats(
            file_bytes=sum(
                f.stat().st_size
                for f in self._file.parent.glob(f"{self._file.name}*")
                if "broken" not in f.name
            ),
            oldest_ns=min(starts) * US if starts else None,
            newest_ns=newest * US if newest else None,
            events=events,
            gaps=gaps,
        )

    def _older(self, db: sqlite3.Connection, element: int, column: dict[int, int], buckets: Buckets) -> None:
        rows = db.execute(
            "SELECT start_us, layout, data FROM chunk WHERE element = ? AND start_us > ? AND start_us < ?"
            " ORDER BY start_us, id",
            (element, buckets.start_us - HOUR_US, buckets.end_us),
        )
        for begin_us, layout, data in rows:
            if layout in column:
                chunk = codec.Chunk(data)
                buckets.add(
                    begin_us, chunk.offsets_us, chunk.durations_us, chunk.flags, chunk.values(column[layout])
                )

    def _recent(self, db: sqlite3.Connection, element: int, column: dict[int, int], buckets: Buckets) -> None:
        rows = db.execute(
            "SELECT slot, records FROM recent WHERE slot >= ? AND slot <= ? ORDER BY slot",
            (buckets.start_us // SLOT_US, buckets.end_us // SLOT_US),
        )
        for slot, blob in rows:
            mine = {
                r.offset_us: r
                for r in codec.unpack_records(blob)
                if r.element == element and r.layout in column
            }
            for offset_us in sorted(mine):
                r = mine[offset_us]
                at = 4 * column[r.layout]
                value = codec.unpack_values(r.values[at : at + 4])
                buckets.add(slot * SLOT_US, [offset_us], [r.duration_us], [r.flags], value)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection in one consistent snapshot."""
        db: sqlite3.Connection | None = None
        try:
            db = self._connect()
            db.execute("BEGIN")
            yield db
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, StoreError):
                raise
            raise explain(error, "read") from error
        except (LookupError, ValueError, TypeError, AttributeError, OverflowError, struct.error) as error:
            # a bad block may hold anything in any place
            raise StoreError(f"store: read: expected consistent rows: {error!r}"[:200]) from error
        finally:
            if db is not None:
                db.close()

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self._file.absolute().as_uri()}?mode=ro"
        try:
            db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=self._busy_s)
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return db
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise  # somebody does write
            # The writer has closed: there is no log, and we may not make one. Then nobody writes either.
            if not self._file.is_file() or self._file.with_name(f"{self._file.name}-wal").exists():
                raise
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)


def _event(r: tuple[Any, ...]) -> StoredEvent:
    return StoredEvent(
        id=r[0],
        type=r[1],
        element=r[2],
        start_ns=r[3] * US,
        duration_ns=None if r[4] is None else r[4] * US,
        extreme_v=r[5],
        reference_v=r[6],
        phases=_words(r[7]),
        flags=_words(r[8]),
        detail=json.loads(r[9]),
        origin=decode_origin(r[10]) if r[10] else None,
    )


def _bounded(limit: int) -> int:
    return min(max(limit, 0), MOST_ROWS)


def _before_us(before_ns: int | None) -> int:
    """An event that began within the microsecond of ``before_ns`` did not begin before it."""
    return 2**62 if before_ns is None else before_ns // US


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
