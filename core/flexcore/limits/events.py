"""Dips, swells, interruptions and rapid voltage changes: what they are counted as."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import msgspec

from flexcore.errors import FlexcoreError
from flexcore.limits.schema import EventType
from flexcore.limits.schemes import Table, read_table


class LimitDataError(FlexcoreError, ValueError):
    """What is handed in for judgement is no measurement: wrong shape, order or number."""

    code = "limit-data"


class SupplyEvent(NamedTuple):
    """One event, the phases already taken together (IEC 61000-4-30, polyphase).

    ``residual_percent`` is the extreme in percent of Udin: the lowest Urms(1/2) of a dip or an interruption,
    the highest of a swell, the largest change of a rapid voltage change.
    """

    start_ns: int
    duration_s: float
    residual_percent: float
    type: EventType


def supply_event(
    kind: str,
    start_ns: int,
    duration_s: float,
    extreme_v: float | None,
    reference_v: float | None,
    detail: Mapping[str, float],
) -> SupplyEvent | None:
    """An event of the instrument as it is counted; None where it is none that a standard counts.

    Of the two durations that the instrument tells, counted is the one by the stamps of IEC 61000-4-30
    (``iec_duration_s``), where it is there: the tables are made of those.
    """
    found = next((known for known in get_args(EventType) if known == kind), None)
    if found is None or extreme_v is None or not reference_v:
        return None
    return SupplyEvent(
        start_ns, detail.get("iec_duration_s", duration_s), 100.0 * abs(extreme_v) / reference_v, found
    )


@dataclass(frozen=True, slots=True)
class EventLog:
    """All events of a time, and the share of that time in which events would have been seen."""

    events: Sequence[SupplyEvent]
    watched_percent: float = 100.0


class CellName(msgspec.Struct, frozen=True, kw_only=True):
    """A cell with the scheme that gives its name a meaning; None: the scheme has no cell for the event."""

    scheme: str
    cell: str | None


class TableCount(msgspec.Struct, frozen=True, kw_only=True):
    """Events counted in a table.

    ``counts`` and ``cell_titles`` follow ``cells``; where the table has ``rows`` and ``columns``, row by row.
    ``outside`` are events of the table's types that no cell is for.
    """

    scheme: str
    title_nl: str
    title_en: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_titles: tuple[str, ...]
    column_titles: tuple[str, ...]
    cells: tuple[str, ...]
    cell_titles: tuple[str, ...]
    counts: tuple[int, ...]
    outside: int


def check_events(events: Iterable[SupplyEvent]) -> None:
    """Raise :class:`LimitDataError` where an event has no true duration or extreme."""
    for n, event in enumerate(events):
        if not (math.isfinite(event.duration_s) and event.duration_s >= 0.0):
            raise LimitDataError(f"event {n}: duration_s: expected a number from 0, got {event.duration_s}")
        if not (math.isfinite(event.residual_percent) and event.residual_percent >= 0.0):
            raise LimitDataError(
                f"event {n}: residual_percent: expected a number from 0, got {event.residual_percent}"
            )


def count_in_table(table: Table, events: Sequence[SupplyEvent]) -> TableCount:
    """How many of ``events`` fall in each cell; raises :class:`LimitDataError`."""
    check_events(events)
    counts = dict.fromkeys((cell.label for cell in table.cells), 0)
    outside = 0
    for event in events:
        if event.type not in table.head.types:
            continue
        label = table.cell_of(event.duration_s, event.residual_percent)
        if label is None:
            outside += 1
        else:
            counts[label] += 1
    return TableCount(
        scheme=table.head.id,
        title_nl=table.head.title_nl,
        title_en=table.head.title_en,
        rows=tuple(row.label for row in table.rows),
        columns=tuple(column.label for column in table.columns),
        row_titles=tuple(_between(row.from_percent, row.below_percent, "%") for row in table.rows),
        column_titles=tuple(_between(c.from_s, c.to_s, "s") for c in table.columns),
        cells=tuple(counts),
        cell_titles=tuple(
            f"{_between(c.from_s, c.to_s, 's')}, {_between(c.from_percent, c.below_percent, '%')}"
            for c in table.cells
        ),
        counts=tuple(counts.values()),
        outside=outside,
    )


def en50160_dip_table(events: Sequence[SupplyEvent]) -> TableCount:
    """EN 50160's dip table of ``events``; other types than dips are left aside."""
    return count_in_table(read_table("en50160-dips"), events)


def cell_of(scheme: str, event: SupplyEvent) -> CellName:
    """The cell of one event in a scheme (``en50160-dips``, ``en50160-swells``, ``netcode-dips``).

    Raises:
        SettingsError: no such scheme.
        LimitDataError: the event has no true duration or extreme.
    """
    table = read_table(scheme)
    check_events([event])
    counted = event.type in table.head.types
    label = table.cell_of(event.duration_s, event.residual_percent) if counted else None
    return CellName(scheme=scheme, cell=label)


def netcode_class(event: SupplyEvent) -> CellName:
    """The Netcode's class of a dip: B1, B2, C or None."""
    return cell_of("netcode-dips", event)


def _between(low: float, high: float, unit: str) -> str:
    return f">= {low:g} {unit}" if math.isinf(high) else f"{low:g}-{high:g} {unit}"
