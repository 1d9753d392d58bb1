"""A recording against a limit set: what the engine says of the busbars is kept and judged at the end."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec
import numpy as np

from flexcore.analysis.results import Analysis, ElementResult, EventResult, Judged
from flexcore.limits.data import Values
from flexcore.limits.evaluate import evaluate
from flexcore.limits.events import EventLog, supply_event
from flexcore.limits.level import level_doubt
from flexcore.limits.measured import Intervals, Measured, Wanted
from flexcore.limits.schema import LimitSet
from flexcore.limits.text import Clock
from flexcore.limits.vocabulary import INTERVAL_NS, Interval
from flexcore.model import Measurement
from flexcore.recordings import Recording

NS = 1_000_000_000


class _Rows:
    """Intervals of one length of one element, as they come."""

    def __init__(self) -> None:
        self._times = array("q")
        self._flagged = array("b")
        self._values: dict[str, array[float]] = {}
        self._spectra: dict[str, list[tuple[float, ...]]] = {}

    def add(self, m: Measurement, wanted: Wanted, interval: Interval) -> None:
        for name in wanted.among(m.values, interval):
            self._values.setdefault(name, array("d", [np.nan] * len(self._times)))
        for name in wanted.among(m.spectra, interval):
            self._spectra.setdefault(name, [()] * len(self._times))
        self._times.append(m.start_ns)
        self._flagged.append(bool(m.flags))
        for name, column in self._values.items():
            value = m.values.get(name)
            column.append(np.nan if value is None else value)
        for name, rows in self._spectra.items():
            rows.append(m.spectra.get(name, ()))

    def intervals(self) -> Intervals:
        return Intervals(
            np.array(self._times, dtype=np.int64),
            np.array(self._flagged, dtype=np.bool_),
            {name: np.array(column) for name, column in self._values.items()},
            {name: _matrix(rows) for name, rows in self._spectra.items()},
        )


class Collector:
    """A listener for :func:`flexcore.analysis.analyse_recording`: keeps what ``limit_set`` needs.

    Only values over 3 s and more are kept, and of these the quantities of its clauses.
    """

    def __init__(self, limit_set: LimitSet) -> None:
        self._limit_set = limit_set
        self._wanted = Wanted(limit_set)
        self._rows: dict[tuple[str, Interval], _Rows] = {}
        self._of: dict[str, Interval] = {name: name for name in INTERVAL_NS}

    def hear(self, m: Measurement) -> None:
        """One measurement, in the recording's time."""
        interval = self._of.get(m.interval)
        if interval is not None and interval in self._wanted.intervals:
            self._rows.setdefault((m.element, interval), _Rows()).add(m, self._wanted, interval)

    def judge(self, analysis: Analysis, recording: Recording) -> Analysis:
        """``analysis`` with its busbars judged over what was analysed of ``recording``."""
        zero_ns = recording.start_ns or 0
        clock: Clock = "file"
        if recording.start_ns is None:
            clock = "start"
        elif recording.zone_s == 0:
            clock = "utc"
        info = analysis.recording
        span = (zero_ns + round(info.from_s * NS), zero_ns + round(info.to_s * NS))
        judged = [
            self._judge(analysis, element, span, zero_ns, clock)
            for element in analysis.elements
            if element.kind == "busbar"
        ]
        return msgspec.structs.replace(analysis, limits=tuple(judged))

    def _judge(
        self, analysis: Analysis, element: ElementResult, span: tuple[int, int], zero_ns: int, clock: Clock
    ) -> Judged:
        earth_v, nominal_v = element.earth_v or 0.0, element.nominal_v or 0.0
        found = {name: rows.intervals() for (of, name), rows in self._rows.items() if of == element.id}
        doubt = level_doubt(self._limit_set, nominal_v)
        return Judged(
            busbar=element.id,
            clock=clock,
            doubts=() if doubt is None else (doubt,),
            evaluation=evaluate(
                self._limit_set,
                Measured(found, earth_v),
                start_ns=span[0],
                end_ns=span[1],
                udin_v=earth_v,
                nominal_hz=float(analysis.mapping.nominal_hz),
                events=_log(element, analysis.events, analysis.gaps, span, zero_ns),
            ),
        )


def _log(
    element: ElementResult,
    events: Sequence[EventResult],
    gaps: Sequence[EventResult],
    span: tuple[int, int],
    zero_ns: int,
) -> EventLog:
    length_s = (span[1] - span[0]) / NS
    end_s = (span[1] - zero_ns) / NS
    lost_s = sum(
        end_s - gap.at_s if gap.duration_s is None else gap.duration_s
        for gap in gaps
        if gap.element == element.id
    )
    counted = []
    for e in events:
        if e.element == element.id:
            lasted_s = end_s - e.at_s if e.duration_s is None else e.duration_s
            start_ns = zero_ns + round(e.at_s * NS)
            found = supply_event(e.type, start_ns, lasted_s, e.extreme_v, element.udin_v, e.detail)
            counted += [found] if found is not None else []
    return EventLog(counted, max(0.0, 100.0 * (1.0 - lost_s / length_s)))


def _matrix(rows: list[tuple[float, ...]]) -> Values:
    """Rows of equal length, shape (n, orders); what is not there is not a number."""
    orders = max((len(row) for row in rows), default=0)
    matrix = np.full((len(rows), orders), np.nan)
    for row, told in zip(matrix, rows, strict=True):
        row[: len(told)] = told
    return matrix
