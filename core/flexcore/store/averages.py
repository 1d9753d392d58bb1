"""Values over 10 min and 2 h: one row per element and interval, with the spectra of 10 min.

Kept are the harmonic subgroups of voltages and currents and the interharmonic ones of voltages, each with
orders 0 to 50: what limits are about. They take the most room by far, so angles and groups are not kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from flexcore.model import Measurement
from flexcore.store import codec
from flexcore.store.tiers import FREQUENCY

US = 1000
#: Lengths that are kept here.
LENGTHS_S: dict[str, int] = {"10min": 600, "2h": 7200}
#: Values of one spectrum; what is shorter is filled with not-a-number.
ORDERS = 51
#: Whole groups are kept, so that the layouts in the file stay few.
_GROUPS: tuple[tuple[str, ...], ...] = (
    ("u_h_l1_v", "u_h_l2_v", "u_h_l3_v"),
    ("u_h_l12_v", "u_h_l23_v", "u_h_l31_v"),
    ("u_ih_l1_v", "u_ih_l2_v", "u_ih_l3_v"),
    ("u_ih_l12_v", "u_ih_l23_v", "u_ih_l31_v"),
    ("i_h_l1_a", "i_h_l2_a", "i_h_l3_a"),
    ("i_h_n_a",),
)
#: So much longer than the 3-s values these are kept, where there is no room for all.
OUTLIVE = 4
_STEP_US = 6 * 3_600_000_000

Row = tuple[object, ...]


def kept_spectra(names: Collection[str]) -> tuple[str, ...]:
    """What is kept where there are ``names``, in its one order."""
    return tuple(name for group in _GROUPS if any(member in names for member in group) for name in group)


def row_of(
    m: Measurement, element: int, layout: int, spectra_layout: int | None, spectra: Sequence[str]
) -> Row:
    """The row of ``m``, without its id."""
    packed = None
    if spectra_layout is not None:
        padded: list[float | None] = []
        for name in spectra:
            values = m.spectra.get(name, ())[:ORDERS]
            padded += [*values, *([None] * (ORDERS - len(values)))]
        packed = codec.pack_row(codec.pack_values(padded))
    return (
        element,
        LENGTHS_S[m.interval],
        m.start_ns // US,
        codec.flag_bits(m.flags),
        m.coverage,
        layout,
        spectra_layout,
        codec.pack_row(codec.pack_values(tuple(m.values.values()))),
        packed,
    )


def put(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write rows, inside the caller's transaction; one that is told twice replaces the first."""
    db.executemany(
        "INSERT INTO average (element, length_s, start_us, flags, coverage, layout, spectra_layout, data,"
        " spectra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (element, length_s, start_us) DO UPDATE SET"
        " flags = excluded.flags, coverage = excluded.coverage, layout = excluded.layout,"
        " spectra_layout = excluded.spectra_layout, data = excluded.data, spectra = excluded.spectra",
        rows,
    )


def forget_before(db: sqlite3.Connection, time_us: int) -> None:
    """What is older than that: averages, and the 10-s frequency, which is kept as long."""
    db.execute("DELETE FROM average WHERE start_us < ?", (time_us,))
    db.execute(
        "DELETE FROM chunk WHERE end_us < ?1 AND layout = (SELECT id FROM layout WHERE names = ?2)",
        (time_us, FREQUENCY),
    )


def make_room(db: sqlite3.Connection) -> bool:
    """Forget the oldest hour of 3-s values, or the oldest averages once they reach back much further.

    False where there was nothing.
    """
    frequency = db.execute("SELECT id FROM layout WHERE names = ?", (FREQUENCY,)).fetchone()
    number = -1 if frequency is None else frequency[0]
    (newest_us,) = db.execute("SELECT max(last_end_us) FROM element").fetchone()
    (short_us,) = db.execute("SELECT min(start_us) FROM chunk WHERE layout <> ?", (number,)).fetchone()
    (long_us,) = db.execute(
        "SELECT min(start_us) FROM (SELECT min(start_us) AS start_us FROM average"
        " UNION ALL SELECT min(start_us) FROM chunk WHERE layout = ?)",
        (number,),
    ).fetchone()
    if long_us is not None and (
        short_us is None or (newest_us or 0) - long_us > OUTLIVE * ((newest_us or 0) - short_us)
    ):
        forget_before(db, long_us + _STEP_US)
        return True
    if short_us is not None:
        db.execute("DELETE FROM chunk WHERE start_us = ? AND layout <> ?", (short_us, number))
        return True
    return False
