"""Every interval of one element, undecimated: what an evaluation is made of.

Plain ``array``, so that a reader without NumPy pays nothing; NumPy takes them by ``np.frombuffer``.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from flexcore.store import averages, codec
from flexcore.store.averages import LENGTHS_S, ORDERS
from flexcore.store.tiers import FREQUENCY, HOUR_US, SLOT_US

US = 1000
_NAN = math.nan


@dataclass(frozen=True, slots=True)
class History:
    """Intervals in the order in which they lie in the store, which is nearly that of time.

    ``start_ns`` and ``duration_ns`` (int64) and ``flags`` (bits, :data:`flexcore.store.codec.FLAGS`) are as
    long as each of ``values`` (float32). ``spectra`` hold :data:`ORDERS` values per interval, one after
    another. Not-a-number is what was not measured.
    """

    start_ns: array[int] = field(default_factory=lambda: array("q"))
    duration_ns: array[int] = field(default_factory=lambda: array("q"))
    flags: array[int] = field(default_factory=lambda: array("H"))
    coverage: array[float] = field(default_factory=lambda: array("f"))
    values: dict[str, array[float]] = field(default_factory=dict)
    spectra: dict[str, array[float]] = field(default_factory=dict)


def names(db: sqlite3.Connection, element: int, interval: str) -> tuple[str, ...]:
    """Names of the values and spectra that there are of ``element`` over ``interval``."""
    if interval in LENGTHS_S:
        if not _has_averages(db):
            return ()
        rows = db.execute(
            "SELECT names FROM layout WHERE id IN"
            " (SELECT layout FROM average WHERE element = ?1 AND length_s = ?2"
            " UNION SELECT spectra_layout FROM average WHERE element = ?1 AND length_s = ?2)",
            (element, LENGTHS_S[interval]),
        )
    else:
        layouts = {
            number
            for (number,) in db.execute("SELECT DISTINCT layout FROM chunk WHERE element = ?", (element,))
        }
        for (blob,) in db.execute("SELECT records FROM recent"):
            layouts.update(r.layout for r in codec.unpack_records(blob) if r.element == element)
        rows = db.execute(
            "SELECT names FROM layout WHERE id IN (SELECT value FROM json_each(?))", (str(sorted(layouts)),)
        )
    found = [tuple(text.split(",")) for (text,) in rows]
    if interval not in LENGTHS_S:
        found = [text for text in found if (text == (FREQUENCY,)) == (interval == "10s")]
    return tuple(dict.fromkeys(name for text in found for name in text))


def read(
    db: sqlite3.Connection, element: int, interval: str, wanted: Sequence[str], start_us: int, end_us: int
) -> History:
    """``wanted`` values and spectra of the intervals that begin from ``start_us`` to before ``end_us``."""
    if interval in LENGTHS_S:
        return _averages(db, element, interval, wanted, start_us, end_us)
    history = History(values={name: array("f") for name in wanted})
    layouts = _layouts(db)
    mine = {n for n, text in layouts.items() if (text == (FREQUENCY,)) == (interval == "10s")}
    rows = db.execute(
        "SELECT start_us, layout, data FROM chunk WHERE element = ? AND start_us > ? AND start_us < ?"
        " ORDER BY start_us, id",
        (element, start_us - HOUR_US, end_us),
    )
    for begin_us, layout, data in rows:
        if layout in mine:
            chunk = codec.Chunk(data)
            columns = [
                chunk.floats(layouts[layout].index(name)) if name in layouts[layout] else None
                for name in wanted
            ]
            stretch = zip(chunk.offsets_us, chunk.durations_us, chunk.flags, strict=True)
            for n, (offset, duration, flags) in enumerate(stretch):
                if start_us <= begin_us + offset < end_us:
                    _append(history, begin_us + offset, duration, flags)
                    for name, column in zip(wanted, columns, strict=True):
                        history.values[name].append(_NAN if column is None else column[n])
    rows = db.execute(
        "SELECT slot, records FROM recent WHERE slot >= ? AND slot <= ? ORDER BY slot",
        (start_us // SLOT_US, end_us // SLOT_US),
    )
    for slot, blob in rows:
        for r in codec.unpack_records(blob):
            at_us = slot * SLOT_US + r.offset_us
            if r.element == element and r.layout in mine and start_us <= at_us < end_us:
                _append(history, at_us, r.duration_us, r.flags)
                row = dict(zip(layouts[r.layout], codec.unpack_values(r.values), strict=True))
                for name in wanted:
                    history.values[name].append(row.get(name, _NAN))
    return history


def oldest_us(db: sqlite3.Connection, element: int) -> int | None:
    """Where the values of ``element`` begin; None where there are none."""
    (oldest,) = db.execute("SELECT min(start_us) FROM chunk WHERE element = ?", (element,)).fetchone()
    if _has_averages(db):
        (average,) = db.execute(
            "SELECT min(start_us) FROM ("
            "SELECT min(start_us) AS start_us FROM average WHERE element = ?1 AND length_s = 600"
            " UNION ALL SELECT min(start_us) FROM average WHERE element = ?1 AND length_s = 7200)",
            (element,),
        ).fetchone()
        oldest = min((t for t in (oldest, average) if t is not None), default=None)
    if oldest is None:
        for slot, blob in db.execute("SELECT slot, records FROM recent ORDER BY slot"):
            if any(r.element == element for r in codec.unpack_records(blob)):
                return int(slot) * SLOT_US
    return None if oldest is None else int(oldest)


def _averages(
    db: sqlite3.Connection, element: int, interval: str, wanted: Sequence[str], start_us: int, end_us: int
) -> History:
    history = History()
    if not _has_averages(db):
        return history
    layouts = _layouts(db)
    spectral = {name for text in layouts.values() for name in averages.kept_spectra(text)}
    history.values.update((name, array("f")) for name in wanted if name not in spectral)
    history.spectra.update((name, array("f")) for name in wanted if name in spectral)
    no_spectrum = array("f", [_NAN] * ORDERS)
    # What is not asked for is not read: spectra lie on pages of their own.
    blob = "spectra" if history.spectra else "NULL"
    rows = db.execute(
        f"SELECT start_us, flags, coverage, layout, spectra_layout, data, {blob} FROM average"  # noqa: S608 - ours
        " WHERE element = ? AND length_s = ? AND start_us >= ? AND start_us < ? ORDER BY start_us",
        (element, LENGTHS_S[interval], start_us, end_us),
    )
    for at_us, flags, coverage, layout, spectra_layout, data, spectra in rows:
        _append(history, at_us, LENGTHS_S[interval] * 1_000_000, flags)
        history.coverage.append(coverage)
        row = dict(zip(layouts[layout], codec.unpack_row(data, len(layouts[layout])), strict=True))
        for name, column in history.values.items():
            column.append(row.get(name, _NAN))
        if not history.spectra:
            continue
        there = layouts[spectra_layout] if spectra is not None else ()
        orders = codec.unpack_row(spectra, ORDERS * len(there)) if there else array("f")
        for name, column in history.spectra.items():
            at = there.index(name) * ORDERS if name in there else None
            column.extend(no_spectrum if at is None else orders[at : at + ORDERS])
    return history


def _append(history: History, start_us: int, duration_us: int, flags: int) -> None:
    history.start_ns.append(start_us * US)
    history.duration_ns.append(duration_us * US)
    history.flags.append(flags)


def _layouts(db: sqlite3.Connection) -> dict[int, tuple[str, ...]]:
    return {n: tuple(text.split(",")) for n, text in db.execute("SELECT id, names FROM layout")}


def _has_averages(db: sqlite3.Connection) -> bool:
    """A store that an older version wrote has none."""
    return db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'average'").fetchone() is not None
