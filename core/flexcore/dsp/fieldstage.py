"""One field: currents and powers over its busbar's windows."""

from __future__ import annotations

from collections import deque

from flexcore.dsp._kernels import measure_current
from flexcore.dsp.arrays import Float64, numbers
from flexcore.dsp.busbar import Results
from flexcore.dsp.line import GapEvents, Line, ordered
from flexcore.dsp.track import Track
from flexcore.dsp.values import ANGLE_FLOOR, NO_CURRENT, Values, current_values
from flexcore.dsp.window import Means, Window
from flexcore.model import Flag, Measurement
from flexcore.station import Field

#: Samples that a fractional edge needs around itself.
_BEFORE, _AFTER = 1, 3


class FieldStage:
    """Measures one field's ``track`` against the voltages in ``voltages``, window by window."""

    def __init__(
        self, field: Field, track: Track, voltages: Track, line: Line, udin_v: float, limit: int
    ) -> None:
        self.id = field.id
        self.track = track
        self._voltages = voltages
        self._line = line
        self._floor_v2 = (ANGLE_FLOOR * udin_v) ** 2
        self._limit = limit
        self._channels = len(field.channels)
        self._gaps = GapEvents(field.id, line)
        self._pending: deque[Window] = deque()
        self._means = Means()

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
            needed = window.base + int(window.end) + _AFTER
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
        return results

    def _measure(self, window: Window) -> Results:
        flags: set[Flag] = set(window.flags)
        row = self._row(window)
        if row is None:
            flags.add("gap")
        start_ns, duration_ns = window.start_ns(self._line), window.duration_ns(self._line)
        results: Results = [
            Measurement(self.id, "200ms", start_ns, duration_ns, self._values(row), ordered(flags))
        ]
        self._means.add(window, flags, row)
        if window.closes:
            done = self._means
            begin_ns = done.start_ns(self._line)
            values = self._values(done.means())
            self._means = Means()
            results.append(
                Measurement(
                    self.id, "3s", begin_ns, start_ns + duration_ns - begin_ns, values, ordered(done.flags)
                )
            )
        return results

    def _row(self, window: Window) -> Float64 | None:
        """What :func:`measure_current` gives, or None where samples are missing."""
        first = window.base + int(window.start) - _BEFORE
        after = window.base + int(window.end) + _AFTER
        if window.basis is None or window.voltage is None:
            return None
        if not (self.track.has(first, after) and self._voltages.has(first, after)):
            return None
        shift = window.base - self.track.origin
        return measure_current(
            self.track.data,
            window.start + shift,
            window.end + shift,
            window.basis,
            self._voltages.data,
            window.start + window.base - self._voltages.origin,
            window.voltage,
        )

    def _values(self, row: Float64 | None) -> Values:
        if row is None:
            return dict(NO_CURRENT)
        return current_values(numbers(row), self._channels, self._floor_v2)
