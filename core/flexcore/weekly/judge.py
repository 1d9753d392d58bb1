"""The store's busbars over a week against a limit set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flexcore import __version__
from flexcore.errors import SettingsError, StoreError
from flexcore.limits.evaluate import evaluate
from flexcore.limits.level import level_doubt
from flexcore.limits.measured import Wanted
from flexcore.limits.schema import LimitSet
from flexcore.limits.vocabulary import INTERVAL_NS, PERIOD_NS
from flexcore.payloads import iso
from flexcore.station import Station
from flexcore.store import StoreReader
from flexcore.store.schema import FILE
from flexcore.weekly import kept
from flexcore.weekly.result import JudgedBusbar, Week

_TICK_NS = INTERVAL_NS["10min"]
_WEEK_NS = PERIOD_NS["week"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be judged; ``busbar`` None: all.

    A time that is None follows from the other one, a week away; with neither it is the newest week that the
    store has. ``nominal_v`` (between phases) goes before the station's.
    """

    limit_set: LimitSet
    station: Station | None = None
    busbar: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    nominal_v: float | None = None
    nominal_hz: int | None = None


@dataclass(frozen=True, slots=True)
class _Busbar:
    id: str
    name: str
    nominal_v: float


def open_store(place: Path, busy_s: float = 5.0) -> StoreReader:
    """The store in a folder, or the database itself; ``busy_s`` as for :class:`StoreReader`.

    Raises:
        StoreError: there is none, it cannot be read, or a newer version made it.
    """
    try:
        file = place / FILE if place.is_dir() else place
        there = file.is_file()
    except OSError as error:
        raise StoreError(f"{place}: expected a store of flexcore: {error.strerror}") from error
    if not there:
        raise StoreError(f"{file}: expected a store of flexcore ({FILE}, or the folder that it is in)")
    reader = StoreReader(file.parent, file.name, busy_s=busy_s)
    with _named(place):
        reader.version()
    return reader


@contextmanager
def _named(place: Path) -> Iterator[None]:
    """The store's own errors name no file."""
    try:
        yield
    except StoreError as error:
        if str(error).startswith(str(place)):
            raise
        raise type(error)(f"{place}: {error}") from error


def judge(place: Path, reader: StoreReader, question: Question) -> Week:
    """A verdict per busbar and clause.

    Raises:
        SettingsError: no such busbar, no declared voltage, or times that are none.
        StoreError: the store cannot be read or has nothing in that time.
    """
    limit_set = question.limit_set
    with _named(place):
        busbars = _busbars(place, reader, question)
        judged = tuple(_judge(place, reader, question, busbar) for busbar in busbars)
    return Week(str(place), limit_set.id, limit_set.head.version, judged, version=__version__)


def _busbars(place: Path, reader: StoreReader, question: Question) -> Sequence[_Busbar]:
    station, stored = question.station, reader.elements()
    if station is not None:
        known = [
            _Busbar(b.id, b.name, question.nominal_v or b.nominal_v) for b in station.busbar if b.id in stored
        ]
    else:
        found = [e for e in stored if any("u_l1_v" in reader.names(e, over) for over in ("10min", "3s"))]
        known = [_Busbar(e, e, question.nominal_v or 0.0) for e in found]
    if not known:
        raise StoreError(f"{place}: expected values of a busbar, got elements: {', '.join(stored) or 'none'}")
    if question.busbar is not None:
        names = ", ".join(b.id for b in known)
        known = [b for b in known if b.id == question.busbar]
        if not known:
            raise SettingsError(f"{place}: --busbar: expected one of {names}, got {question.busbar[:40]!r}")
    if not all(b.nominal_v for b in known):
        raise SettingsError(
            f"{place}: expected the declared voltage, which no store holds: --station FILE or --nominal-v V"
        )
    return known


def _judge(place: Path, reader: StoreReader, question: Question, busbar: _Busbar) -> JudgedBusbar:
    limit_set = question.limit_set
    there = reader.span_of(busbar.id)
    if there is None:
        raise StoreError(f"{place}: {busbar.id}: expected values, got none")
    span = _span(question, there)
    wanted = Wanted(limit_set)
    found = kept.intervals(reader, busbar.id, wanted, *span)
    udin_v = busbar.nominal_v / math.sqrt(3.0)
    log = kept.event_log(reader, busbar.id, span, there, udin_v)
    if not found and (wanted.intervals or not log.watched_percent):
        raise StoreError(
            f"{place}: {busbar.id}: expected values from {iso(span[0])} to {iso(span[1])}, got none of"
            f" {', '.join(wanted.intervals) or 'any length'}; there is {iso(there[0])} to {iso(there[1])}"
        )
    doubt = level_doubt(limit_set, busbar.nominal_v)
    hz = question.nominal_hz
    if hz is None:
        hz = 50 if question.station is None else question.station.station.nominal_frequency_hz
    evaluation = evaluate(
        limit_set,
        kept.measured(found, udin_v),
        start_ns=span[0],
        end_ns=span[1],
        udin_v=udin_v,
        nominal_hz=float(hz),
        events=log,
    )
    return JudgedBusbar(
        busbar=busbar.id,
        name=busbar.name,
        nominal_v=busbar.nominal_v,
        begin=iso(span[0]),
        end=iso(span[1]),
        doubts=() if doubt is None else (doubt,),
        evaluation=evaluation,
    )


def _span(question: Question, there: tuple[int, int]) -> tuple[int, int]:
    """From and to; raises SettingsError where that is no time."""
    start_ns, end_ns = question.start_ns, question.end_ns
    if end_ns is None:
        # The last tick: the 10 min that run are not there yet.
        end_ns = there[1] // _TICK_NS * _TICK_NS if start_ns is None else start_ns + _WEEK_NS
    if start_ns is None:
        start_ns = end_ns - _WEEK_NS
    if end_ns <= start_ns:
        raise SettingsError(f"--from, --to: expected a time, got {iso(start_ns)} to {iso(end_ns)}")
    return start_ns, end_ns
