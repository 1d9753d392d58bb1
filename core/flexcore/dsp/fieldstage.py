"""One field: currents and powers over its busbar's windows."""

from __future__ import annotations

from collections import deque

import numpy as np

from flexcore.dsp._spectrum import Spectrometer
from flexcore.dsp.aggregate import Aggregate, Aggregator
from flexcore.dsp.arrays import Float64, numbers
from flexcore.dsp.busbar import BusbarStage, Results
from flexcore.dsp.line import NS, GapEvents, Line, ordered
from flexcore.dsp.rows import CurrentRow
from flexcore.dsp.track import Track
from flexcore.dsp.values import (
    ANGLE_FLOOR,
    NO_CURRENT,
    Spectra,
    Values,
    current_values,
    energy_values,
    long_current_values,
    spectra,
)
from flexcore.dsp.window import Window
from flexcore.model import Flag, Measurement
from flexcore.station import Field


class FieldStage:
    """Measures one field's ``track`` against its busbar's voltages, window by window."""

    def __init__(
        self,
        field: Field,
        track: Track,
        busbar: BusbarStage,
        line: Line,
        spectrometer: Spectrometer,
        limit: int,
    ) -> None:
        self.id = field.id
        self.track = track
        self._voltages = busbar.track
        self._line = line
        self._spectrometer = spectrometer
        self._reach = spectrometer.reach + 1
        self._layout = CurrentRow(spectrometer.orders, len(field.channels))
        self._voltage_layout = busbar.layout
        self._names = tuple(channel.removeprefix("i_") for channel in field.channels)
        self._rated_a = field.rated_a
        self._floor_v2 = (ANGLE_FLOOR * busbar.earth_v) ** 2
        self._limit = limit
        self._gaps = GapEvents(field.id, line)
        self._pending: deque[Window] = deque()
        self._aggregator = Aggregator(line, busbar.cycles)

    def offer(self, windows: list[Window]) -> None:
        """The busbar's next windows."""
        self._pending.extend(windows)

    def advance(self, now: int) -> Results:
        """What can be said now that the station is at sample ``now``."""
        ended = self.track.settle(now)
        lasting = self.track.gap_from
        results: Results = []
        if ended or lasting is not None:
            results += self._gaps.report(ended, lasting)
        settled = self.track.settled
        while self._pending:
            window = self._pending[0]
            needed = window.base + int(window.end) + self._reach
            if (settled is None or settled < needed) and now - needed <= self._limit:
                break
            results += self._measure(self._pending.popleft())
        return results

    def tear(self) -> Results:
        """The time line has been torn: end everything, begin anew with what comes."""
        results: Results = []
        while self._pending:
            results += self._measure(self._pending.popleft())
        if self.track.gap_from is not None and self.track.settled is not None:
            results += self._gaps.report([(self.track.gap_from, self.track.settled)], None)
        self.track.clear()
        self._aggregator.tear()
        return results

    def _measure(self, window: Window) -> Results:
        flags: set[Flag] = set(window.flags)
        row = self._row(window)
        if row is None:
            flags.add("gap")
        if self.track.marks.touch(*self._reached(window)):
            flags.add("saturated")
        results: Results = []
        if not window.extra:
            start_ns, duration_ns = window.start_ns(self._line), window.duration_ns(self._line)
            values = dict(NO_CURRENT["200ms"])
            if row is not None:
                values = current_values(self._layout, row, self._floor_v2)
            measured = 0.0 if row is None else 1.0
            results.append(
                Measurement(self.id, "200ms", start_ns, duration_ns, values, ordered(flags), measured)
            )
        both = None if row is None or window.voltage is None else self._with_fundamental(row, window.voltage)
        for aggregate in self._aggregator.add(window, flags, both):
            results.append(self._aggregated(aggregate))
        return results

    def _with_fundamental(self, row: Float64, voltage: Float64) -> Float64:
        """The row, followed by the squares of the busbar's fundamental: the mean S1 needs both."""
        at = self._voltage_layout.fundamental
        return np.concatenate((row, voltage[at : at + 3]))

    def _reached(self, window: Window) -> tuple[int, int]:
        """First sample and sample after the last of those that the window's values are made of."""
        return (
            window.base + int(window.start) - self._reach,
            window.base + int(window.end) + self._reach,
        )

    def _row(self, window: Window) -> Float64 | None:
        """The field's row, or None where samples are missing."""
        if window.plan is None or not self.track.has(*self._reached(window)):
            return None
        shift = window.base - self.track.origin
        return self._spectrometer.current(window.plan, self.track.data, window.start + shift)

    def _aggregated(self, done: Aggregate) -> Measurement:
        sums, means = done.sums, done.sums.means()
        values: Values = dict(NO_CURRENT[done.interval])
        found: Spectra = {}
        if means is not None:
            row, u1_squares = means[:-3], numbers(means[-3:])
            values |= current_values(self._layout, row, self._floor_v2)
            values |= long_current_values(self._layout, row, u1_squares, self._floor_v2, self._rated_a)
            if "rotation" in sums.flags:
                values |= {"i2_percent": None, "i0_percent": None}
            if done.interval != "3s":
                measured_s = min(sums.samples / self._line.rate_hz, done.duration_ns / NS)
                values |= energy_values(self._layout, row, measured_s)
            tables = self._layout.tables(row)
            found = spectra("i", "a", self._names, tables, everything=done.interval != "3s")
        return done.measurement(self.id, values, found)
