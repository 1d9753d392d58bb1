"""Tables by which events are counted: cells of duration and residual voltage, read from ``tables/*.toml``.

The names of cells mean nothing without their table: Netcode's B1 and B2 are not EN 50160's. A cell is
therefore never handed out without its scheme.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated

import msgspec
from msgspec import Meta

from flexcore.limits.schema import EventType, Identifier, Mark, Note, Title
from flexcore.tomlfile import parse_toml, read_toml_text, refuse, shipped_names

_TABLES = resources.files("flexcore.limits") / "tables"
_Label = Annotated[str, Meta(min_length=1, max_length=8)]


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Durations longer than ``from_s`` and at most ``to_s``; ``from_s`` itself too in the first column."""

    label: _Label
    from_s: float
    to_s: float


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Extremes from ``from_percent`` of Udin up to, and not, ``below_percent``."""

    label: _Label
    from_percent: float
    below_percent: float


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row and a column in one. ``from_s`` itself belongs to it where ``includes_from`` is true."""

    label: _Label
    from_s: float
    to_s: float
    from_percent: float
    below_percent: float
    includes_from: bool = False

    def holds(self, duration_s: float, percent: float) -> bool:
        """Whether an event of this duration and extreme is counted here."""
        long_enough = duration_s > self.from_s or (self.includes_from and duration_s == self.from_s)
        return long_enough and duration_s <= self.to_s and self.from_percent <= percent < self.below_percent


class TableHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[table]``: ``types`` are the events that are counted in it."""

    id: Identifier
    title_nl: Title
    title_en: Title
    standard: Title
    mark: Mark
    types: Annotated[tuple[EventType, ...], Meta(min_length=1)]
    sources: tuple[Note, ...] = ()


class TableFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file: either rows and columns, or cells of their own."""

    table: TableHead
    column: tuple[Column, ...] = ()
    row: tuple[Row, ...] = ()
    cell: tuple[Cell, ...] = ()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A checked table. Without rows and columns (Netcode) the cells stand alone."""

    head: TableHead
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: tuple[Cell, ...]

    def cell_of(self, duration_s: float, percent: float) -> str | None:
        """The label of the cell of an event; None where the table has none for it."""
        for cell in self.cells:
            if cell.holds(duration_s, percent):
                return cell.label
        return None


@cache
def tables() -> tuple[str, ...]:
    """The names of the tables, sorted; the ITIC curve is none (see :mod:`flexcore.limits.itic`)."""
    return tuple(sorted(name for name in shipped_names(_TABLES) if name != "itic"))


@cache
def read_table(name: str) -> Table:
    """A shipped table by name; raises :class:`flexcore.errors.SettingsError` where there is none."""
    if name not in tables():
        refuse(name[:80], "(name)", f"expected one of {', '.join(tables())}")
    return parse_table(read_toml_text(_TABLES / f"{name}.toml"), f"{name}.toml")


def parse_table(text: str, file: str) -> Table:
    """The table in TOML ``text``; raises :class:`flexcore.errors.SettingsError` in one line."""
    raw = parse_toml(text, file, TableFile)
    if bool(raw.row and raw.column) == bool(raw.cell) or bool(raw.row) != bool(raw.column):
        refuse(file, "cell", "expected either rows and columns or cells")
    cells = raw.cell or tuple(
        Cell(
            label=row.label + column.label,
            from_s=column.from_s,
            to_s=column.to_s,
            from_percent=row.from_percent,
            below_percent=row.below_percent,
            includes_from=n == 0,
        )
        for row in raw.row
        for n, column in enumerate(raw.column)
    )
    for cell in cells:
        if not (0.0 <= cell.from_s < cell.to_s and 0.0 <= cell.from_percent < cell.below_percent):
            refuse(file, f"cell {cell.label}", "expected from_s < to_s and from_percent < below_percent")
    labels = [cell.label for cell in cells]
    for label in labels:
        if labels.count(label) > 1:
            refuse(file, f"cell {label}", "expected a label used once")
    return Table(head=raw.table, rows=raw.row, columns=raw.column, cells=cells)
