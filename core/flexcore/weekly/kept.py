"""A busbar's past in the store, as what a limit set judges."""

from __future__ import annotations

import numpy as np

from flexcore.limits.events import EventLog, SupplyEvent, supply_event
from flexcore.limits.measured import Intervals, Measured, Wanted
from flexcore.limits.vocabulary import Interval
from flexcore.store import History, StoredGap, StoreReader
from flexcore.store.averages import ORDERS

NS = 1_000_000_000


def intervals(
    reader: StoreReader, busbar: str, wanted: Wanted, start_ns: int, end_ns: int
) -> dict[Interval, Intervals]:
    """What is kept of the quantities that are ``wanted``, by interval; absent where nothing is."""
    found: dict[Interval, Intervals] = {}
    for interval in wanted.intervals:
        names = wanted.among(reader.names(busbar, interval), interval)
        history = reader.history(busbar, interval, names, start_ns, end_ns) if names else History()
        if history.start_ns:
            found[interval] = _intervals(history)
    return found


def measured(found: dict[Interval, Intervals], udin_v: float) -> Measured:
    """The same as what is judged."""
    return Measured(found, udin_v)


def _intervals(history: History) -> Intervals:
    """Any flag says that a value must not be judged (:data:`flexcore.model.Flag`)."""
    return Intervals(
        np.frombuffer(history.start_ns, np.int64),
        np.frombuffer(history.flags, np.uint16) != 0,
        {
            name: np.frombuffer(column, np.float32).astype(np.float64)
            for name, column in history.values.items()
        },
        {
            name: np.frombuffer(column, np.float32).astype(np.float64).reshape(-1, ORDERS)
            for name, column in history.spectra.items()
        },
    )


def event_log(
    reader: StoreReader, busbar: str, span: tuple[int, int], kept: tuple[int, int], udin_v: float
) -> EventLog:
    """Events that began in ``span``; ``kept`` is the time of which there are values.

    One that has not ended is as long as it is known to last.
    """
    counted: list[SupplyEvent] = []
    for e in reader.events_of(busbar, *span):
        lasted_ns = max(0, kept[1] - e.start_ns) if e.duration_ns is None else e.duration_ns
        found = supply_event(
            e.type, e.start_ns, lasted_ns / NS, e.extreme_v, e.reference_v or udin_v, e.detail
        )
        counted += [found] if found is not None else []
    return EventLog(counted, _watched_percent(reader.gaps_of(busbar, *span), span, kept))


def _watched_percent(gaps: list[StoredGap], span: tuple[int, int], kept: tuple[int, int]) -> float:
    """The share of ``span`` in which an event would have been seen: values were kept and no gap was."""
    begin, end = max(span[0], kept[0]), min(span[1], kept[1])
    seen = max(0, end - begin)
    at = begin
    for gap in gaps:  # oldest first; they may overlap
        first = max(at, gap.start_ns)
        last = min(end, end if gap.end_ns is None else gap.end_ns)
        if last > first:
            seen -= last - first
            at = last
    return 100.0 * seen / (span[1] - span[0])
