"""From the recent tier to the older one: an hour of records becomes one chunk per element.

Values of 3 s and the 10-s frequency lie here side by side, each with its own layout.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator

from flexcore.store import codec
from flexcore.store.codec import Record

#: The layout of the 10-s frequency.
FREQUENCY = "f_10s_hz"
SLOT_US = 3_000_000
HOUR_US = 3_600_000_000
SLOTS_PER_HOUR = HOUR_US // SLOT_US
#: An hour is folded when values have gone on this far beyond its end: what waited out an outage of the
#: broker has come by then. What comes later still is folded into a chunk of its own.
SETTLED_SLOTS = 20 * 60 * 1_000_000 // SLOT_US


def fold_one_hour(db: sqlite3.Connection, now_us: int) -> bool:
    """Fold the oldest settled hour, inside the caller's transaction; True when another one waits.

    ``now_us`` is how far time has come: what was once stored from beyond it (a clock was ahead and was set
    back) settles nothing, or every late minute would be a chunk of its own from then on.
    """
    oldest, newest = db.execute("SELECT min(slot), max(slot) FROM recent").fetchone()
    if oldest is None:
        return False
    newest = min(newest, now_us // SLOT_US)
    hour = oldest // SLOTS_PER_HOUR
    first, after = hour * SLOTS_PER_HOUR, (hour + 1) * SLOTS_PER_HOUR
    if newest < after + SETTLED_SLOTS:
        return False
    rows = db.execute("SELECT slot, records FROM recent WHERE slot >= ? AND slot < ?", (first, after))
    records: dict[tuple[int, int], dict[int, Record]] = defaultdict(dict)
    for slot, blob in rows:
        for record in shifted(blob, (slot - first) * SLOT_US):
            # One interval may have been delivered twice; the last one counts.
            records[record.element, record.layout][record.offset_us] = record
    begin_us = first * SLOT_US
    for (element, layout), by_offset in records.items():
        ordered = [by_offset[offset] for offset in sorted(by_offset)]
        end_us = begin_us + ordered[-1].offset_us + ordered[-1].duration_us
        db.execute(
            "INSERT INTO chunk (element, layout, start_us, end_us, data) VALUES (?, ?, ?, ?, ?)",
            (element, layout, begin_us, end_us, codec.pack_chunk(ordered)),
        )
    db.execute("DELETE FROM recent WHERE slot >= ? AND slot < ?", (first, after))
    (waiting,) = db.execute("SELECT min(slot) FROM recent").fetchone()
    return waiting is not None and newest >= (waiting // SLOTS_PER_HOUR + 1) * SLOTS_PER_HOUR + SETTLED_SLOTS


def shifted(blob: bytes, by_us: int) -> Iterator[Record]:
    """Records of a slot, their offsets counted from the hour's begin."""
    for r in codec.unpack_records(blob):
        yield Record(r.element, r.layout, r.flags, r.offset_us + by_us, r.duration_us, r.values)
