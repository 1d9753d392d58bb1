"""One busbar: from its samples to windows, voltages, frequency and events."""

from __future__ import annotations

from collections import deque

import numpy as np

from flexcore.dsp._spectrum import Plan, Spectrometer
from flexcore.dsp.aggregate import Aggregate, Aggregator, Extremes, PerPhase, pick
from flexcore.dsp.arrays import Float64
from flexcore.dsp.capture import Captures
from flexcore.dsp.events import HalfCycle, PolyphaseEvents
from flexcore.dsp.flickering import Flicker
from flexcore.dsp.guide import WAIT_S, Guide
from flexcore.dsp.line import NS, GapEvents, Line, ordered
from flexcore.dsp.rows import VoltageRow
from flexcore.dsp.suddenly import Suddenly
from flexcore.dsp.sync import WINDOW_CYCLES, follower
from flexcore.dsp.track import Track
from flexcore.dsp.values import (
    NO_VOLTAGE,
    Spectra,
    Values,
    earth_values,
    frequency,
    long_voltage_values,
    spectra,
    turned,
    voltage_values,
)
from flexcore.dsp.window import Window, tick_of
from flexcore.model import Event, Flag, Measurement
from flexcore.ports import Result
from flexcore.station import Busbar, EventSettings

Results = list[Result]

TEN_S = 10
_SYNC: frozenset[Flag] = frozenset({"sync"})


class BusbarStage:
    """Follows one busbar's ``track``. ``windows`` are the new ones, for the fields to take.

    Cycles, events, flicker and spectra are those of the judged voltages, to earth or between phases; the
    fields' powers and the unbalance always need those to earth.
    """

    def __init__(
        self,
        busbar: Busbar,
        track: Track,
        line: Line,
        nominal_hz: int,
        settings: EventSettings,
        spectrometer: Spectrometer,
        signals_hz: tuple[float, ...] = (),
    ) -> None:
        self.id = busbar.id
        self.track = track
        self.windows: list[Window] = []
        #: Set by who knows the fields.
        self.captures: Captures | None = None
        self.guide: Guide | None = None
        self._line = line
        self.earth_v = busbar.earth_v
        self._lines = busbar.lines
        self._judged = track.between if busbar.between_phases else track.data
        self._udin_v = busbar.udin_v
        self.cycles = WINDOW_CYCLES[nominal_hz]
        self._follower = follower(line.rate_hz, nominal_hz, busbar.udin_v)
        self._spectrometer = spectrometer
        self._signals_hz = signals_hz
        self._layout = VoltageRow(spectrometer.orders, len(signals_hz))
        #: That of the windows' ``voltage``.
        self.layout = VoltageRow(spectrometer.orders, 0) if busbar.between_phases else self._layout
        self._events = PolyphaseEvents(busbar.id, busbar.udin_v, settings, line, track.marks, busbar.lines)
        self._suddenly = Suddenly(
            busbar.id, busbar.udin_v, settings, line, nominal_hz, track.marks, busbar.lines
        )
        self._gaps = GapEvents(busbar.id, line)
        self._following = False
        self._second = 0  # the last whole second of the clock that was reached
        self._halves: deque[HalfCycle] = deque()
        self._aggregator = Aggregator(line, self.cycles)
        self._flicker = Flicker(line.rate_hz, nominal_hz, busbar.udin_v, busbar.lines)
        self._first_tick: dict[int, int] = {}
        self._tens: list[list[float]] = []
        self._ten_flags: set[Flag] = set()

    def advance(self, now: int) -> Results:
        """What can be said now that the station is at sample ``now``."""
        track = self.track
        if track.settled is None:
            return []
        if not self._following and track.gap_from is None:
            self._restart(track.settled)
        results: Results = []
        ended = track.settle(now)
        for first, after in ended:
            results += self._feed(first)
            results += self._cut(first)
            self._restart(after)
        results += self._feed(track.settled if track.gap_from is None else track.gap_from)
        if track.gap_from is not None:
            results += self._cut(track.gap_from)
        results += self._gaps.report(ended, track.gap_from)
        return results

    def tear(self) -> Results:
        """The time line has been torn: end everything, begin anew with what comes."""
        results = self._cut(self._follower.position) if self._following else []
        if self.track.gap_from is not None and self.track.settled is not None:
            results += self._gaps.report([(self.track.gap_from, self.track.settled)], None)
        self.track.clear()
        self._aggregator.tear()
        if self.captures is not None:
            self.captures.tear()
        return results

    def _restart(self, first: int) -> None:
        self._follower.restart(first)
        self._events.restart(self._follower.base)
        self._flicker.restart(first)
        self._suddenly.restart(first, self._follower.base)
        self._following = True
        self._second = 0
        self._halves.clear()
        self._first_tick.clear()

    def _feed(self, until: int) -> Results:
        """Follow the samples up to ``until``, second by second of the clock: with each a guide may speak."""
        if not self._following:
            return []
        results: Results = []
        rate = self._line.rate_hz
        second = (max(self._follower.position, self._second) // rate + 1) * rate
        while second <= until:
            results += self._follow(second)
            self._second = second
            if self.guide is not None and self._follower.dead_for >= WAIT_S * rate:
                self._follower.steer(self.guide.frequency(second, self._follower.f_hold))
            second += rate
        return results + self._follow(until)

    def _follow(self, until: int) -> Results:
        if until <= self._follower.position:
            return []
        halves, windows, tens = self._follower.feed(self._judged, self.track.origin, until)
        results: Results = []
        done = 0
        for start, end, held, chain, number in windows:
            after = done
            while after < len(halves) and halves[after][1] <= end:
                after += 1
            results += self._take(halves[done:after])
            done = after
            while tens and tens[0][0] + TEN_S * self._line.rate_hz < end:
                self._tens.append(tens.pop(0))
            results += self._window(start, end, held > 0.0, int(chain), int(number))
        self._tens += tens
        return results + self._take(halves[done:])

    def _take(self, halves: list[HalfCycle]) -> Results:
        self._halves.extend(halves)
        if self.captures is not None:
            self.captures.trail(self._follower.base, halves)
        events = self._events.take(halves)
        for event in events:
            self._suddenly.hear(event)
        return self._told([*events, *self._suddenly.halves(halves)])

    def _told(self, events: list[Event]) -> Results:
        if self.captures is not None:
            for event in events:
                self.captures.hear(event)
        return list(events)

    def _window(self, start: float, end: float, held: bool, chain: int, number: int) -> Results:
        flags = self._events.flags(start, end)
        earliest = min(start, self._halves[0][1]) if self._halves else start
        reach = self._spectrometer.reach
        base = self._follower.base
        if self.track.marks.touch(base + int(earliest) - reach, base + int(end) + reach):
            flags.add("saturated")
        if number == 0 and chain == 0:
            flags.add("start")
        if held:
            flags.add("sync")
        plan, voltage, row = self._spectra(start, end)
        if turned(self.layout, voltage, self.earth_v):
            flags.add("rotation")
        window = Window(
            base=self._follower.base,
            start=start,
            end=end,
            flags=frozenset(flags),
            chain=chain,
            number=number,
            extra=self._is_extra(start, chain),
            plan=plan,
            voltage=voltage,
        )
        pinst = self._flicker.feed(self._judged, self.track.origin, window.base_and(end))
        sudden = self._suddenly.window(
            self._judged, self.track.origin, window.base_and(end), (end - start) / self.cycles
        )
        results = self._told(sudden)
        if window.extra:
            return results + self._tell(window, flags, row, Extremes(pinst=pinst))
        lows, highs = self._half_cycle_extremes(end)
        return results + self._tell(window, flags, row, Extremes(lows, highs, pinst))

    def _spectra(self, start: float, end: float) -> tuple[Plan, Float64, Float64]:
        """A window's plan and row of the voltages to earth, and the row of the judged ones; where those are
        between phases, the means and sequences of the voltages to earth follow."""
        shift = self._follower.base - self.track.origin
        edges = start + shift, end + shift
        if self._judged is self.track.data:
            plan, row = self._spectrometer.plan(self._judged, *edges, self.earth_v, self._signals_hz)
            return plan, row, row
        plan, voltage = self._spectrometer.plan(self.track.data, *edges, self.earth_v, ())
        row = self._spectrometer.between(plan, self._judged, edges[0], self._udin_v, self._signals_hz)
        return plan, voltage, np.concatenate((row, voltage[: VoltageRow.means]))

    def _earth(self, row: Float64) -> Float64:
        """The part of a judged row that is of the voltages to earth."""
        return row if self.layout is self._layout else row[-VoltageRow.means :]

    def _is_extra(self, start: float, chain: int) -> bool:
        """Whether a window begins after the tick that ends its chain's 10-min interval."""
        tick = tick_of(self._follower.base + int(start), self._line)
        return self._first_tick.setdefault(chain, tick) != tick

    def _cut(self, at: int) -> Results:
        """The samples end at number ``at``: what is running is of no use."""
        if not self._following:
            return []
        self._following = False
        base = self._follower.base
        end = float(at - base)
        events = self._events.cut(end)
        for event in events:
            self._suddenly.hear(event)
        results = self._told([*events, *self._suddenly.cut(end)])
        flags: set[Flag] = {"gap"}
        for start, chain, number in self._follower.open_windows:
            if end > start:
                extra = self._is_extra(start, chain)
                window = Window(base, start, end, frozenset(flags), chain, number, extra, cut=True)
                results += self._tell(window, flags, None, Extremes())
        self._tens.clear()
        return results

    def _tell(self, window: Window, flags: set[Flag], row: Float64 | None, extremes: Extremes) -> Results:
        self.windows.append(window)
        results: Results = []
        if not window.extra:
            start_ns, duration_ns = window.start_ns(self._line), window.duration_ns(self._line)
            values = dict(NO_VOLTAGE[self._lines]["200ms"])
            if row is not None:
                f_hz = frequency(self.cycles, window.end - window.start, self._line.rate_hz, flags)
                values |= self._values(row, f_hz, extremes)
            measured = 0.0 if row is None else 1.0
            results.append(
                Measurement(self.id, "200ms", start_ns, duration_ns, values, ordered(flags), measured)
            )
            results += self._ten_seconds(window, flags)
        for aggregate in self._aggregator.add(window, flags, row, extremes):
            results.append(self._aggregated(aggregate))
        return results

    def _ten_seconds(self, window: Window, flags: set[Flag]) -> Results:
        """The 10-s frequencies whose end lies before the end of ``window`` (IEC 61000-4-30, 5.1.1)."""
        self._ten_flags |= flags
        results: Results = []
        for start, cycles, samples, held in self._tens:
            if not cycles:
                self._ten_flags = set(flags)
                continue
            told = self._ten_flags - _SYNC | (_SYNC if held else frozenset())
            f_hz = frequency(int(cycles), samples, self._line.rate_hz, told)
            start_ns = self._line.ns(window.base, start)
            results.append(
                Measurement(self.id, "10s", start_ns, TEN_S * NS, {"f_10s_hz": f_hz}, ordered(told))
            )
            self._ten_flags = set(flags)
        self._tens.clear()
        return results

    def _aggregated(self, done: Aggregate) -> Measurement:
        sums, means = done.sums, done.sums.means()
        values = dict(NO_VOLTAGE[self._lines][done.interval])
        found: Spectra = {}
        if means is not None:
            f_hz = frequency(done.cycles, sums.samples, self._line.rate_hz, sums.flags)
            values |= self._values(means, f_hz, sums.extremes)
            values |= long_voltage_values(self._layout, means, self._udin_v, self._lines)
            tables = self._layout.tables(means)
            found = spectra("u", "v", self._lines, tables, everything=done.interval != "3s")
        values |= {f"pinst_{x}": highest for x, highest in zip(self._lines, sums.extremes.pinst, strict=True)}
        if done.interval == "10min":
            values |= self._flicker.ten_minutes(done.start_ns // done.duration_ns)
        elif done.interval == "2h":
            values |= self._flicker.two_hours(done.start_ns // done.duration_ns)
        return done.measurement(self.id, values, found)

    def _values(self, row: Float64, f_hz: float | None, extremes: Extremes) -> Values:
        values = voltage_values(
            self._layout, row, f_hz, extremes.lows, extremes.highs, self._udin_v, self._lines
        )
        return values | earth_values(self.layout, self._earth(row), self.earth_v, self._lines)

    def _half_cycle_extremes(self, end: float) -> tuple[PerPhase, PerPhase]:
        """Lowest and highest half-cycle value per phase that ended until ``end``; they are used up."""
        lows: PerPhase = [None] * 3
        highs: PerPhase = [None] * 3
        later: list[HalfCycle] = []
        halves = self._halves
        while halves and halves[0][1] < end:
            row = halves.popleft()
            if row[2] > end:
                later.append(row)
                continue
            phase = int(row[0])
            lows[phase] = pick(min, lows[phase], row[3])
            highs[phase] = pick(max, highs[phase], row[3])
        halves.extendleft(reversed(later))
        return lows, highs
