"""Rows of numbers as text: COMTRADE's ASCII data and CSV."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from flexcore.recordings.faults import fail, number, shown
from flexcore.recordings.recording import Values


def parse(
    rows: list[str], delimiter: str, width: int, where: Path | str, *, first_line: int, words: frozenset[str]
) -> Values:
    """Numbers by column, shape (width, rows); ``words`` (lower case) stand for a missing one.

    Raises:
        RecordingError: a row has another number of columns or a cell is no number; names line and column.
    """
    if rows and all(row.count(delimiter) == width - 1 for row in rows):
        try:
            # NumPy's own parser is some thirty times faster; whatever it does not like is looked at below
            table = np.loadtxt(rows, delimiter=delimiter, dtype=np.float64, ndmin=2, comments=None)
        except ValueError:
            table = np.empty((0, 0))
        if table.shape == (len(rows), width) and np.isfinite(table).all():
            return np.ascontiguousarray(table.T)
    values = np.empty((width, len(rows)))
    for n, row in enumerate(rows):
        parts = row.split(delimiter)
        if len(parts) != width:
            fail(where, f"line {first_line + n}", f"expected {width} columns, got {len(parts)}")
        for c, cell in enumerate(parts):
            text = cell.strip()
            value = math.nan if text.lower() in words else number(text)
            if value is None:
                fail(where, f"line {first_line + n}, column {c + 1}", f"expected a number, got {shown(text)}")
            values[c, n] = value
    return values
