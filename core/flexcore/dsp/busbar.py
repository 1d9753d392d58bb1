"""One busbar: from its samples to windows, voltages, frequency and events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from flexcore.dsp._kernels import measure_voltage
from flexcore.dsp.arrays import Float64, numbers
from flexcore.dsp.events import HalfCycle, PolyphaseEvents
from flexcore.dsp.line import GapEvents, Line, ordered
from flexcore.dsp.sync import WINDOW_CYCLES, follower
from flexcore.dsp.track import Track
from flexcore.dsp.values import NO_VOLTAGE, frequency, voltage_values
from flexcore.dsp.window import WINDOWS_IN_3S, Means, Window
from flexcore.model import Event, Flag, Measurement
from flexcore.station import Busbar, EventSettings

Results = list[Measurement | Event]


class BusbarStage:
    """Follows one busbar's ``track``. ``windows`` are the new ones, for the fields to take."""

    def __init__(
        self, busbar: Busbar, track: Track, line: Line, nominal_hz: int, settings: EventSettings
    ) -> None:
        self.id = busbar.id
        self.track = track
        self.windows: list[Window] = []
        self._line = line
        self._cycles = WINDOW_CYCLES[nominal_hz]
        self._follower = follower(line.rate_hz, nominal_hz, busbar.udin_v)
        self._events = PolyphaseEvents(busbar.id, busbar.udin_v, settings, line)
        self._gaps = GapEvents(busbar.id, line)
        self._following = False
        self._edge: float | None = None
        self._number = 0
        self._halves: deque[HalfCycle] = deque()
        self._means = Means()
        self._lows: list[float | None] = [None] * 3
        self._highs: list[float | None] = [None] * 3
        self._samples = 0.0

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
        return results

    def _restart(self, first: int) -> None:
        self._follower.restart(first)
        self._events.restart(self._follower.base)
        self._following = True
        self._edge = None
        self._number = 0
        self._halves.clear()

    def _feed(self, until: int) -> Results:
        if not self._following or until <= self._follower.position:
            return []
        halves, edges = self._follower.feed(self.track.data, self.track.origin, until)
        results: Results = []
        if not edges:
            results += self._events.take(halves)
            self._halves.extend(halves)
            return results
        done = 0
        for at, held in edges:
            after = done
            while after < len(halves) and halves[after][1] <= at:
                after += 1
            results += self._events.take(halves[done:after])
            self._halves.extend(halves[done:after])
            done = after
            if self._edge is not None:
                results += self._window(self._edge, at, held > 0.0)
            self._edge = at
        results += self._events.take(halves[done:])
        self._halves.extend(halves[done:])
        return results

    def _window(self, start: float, end: float, held: bool) -> Results:
        flags = self._events.flags(start, end)
        if self._number == 0:
            flags.add("start")
        if held:
            flags.add("sync")
        lows, highs = self._extremes(end)
        shift = self._follower.base - self.track.origin
        basis, means = measure_voltage(self.track.data, start + shift, end + shift, self._cycles)
        squares: Float64 = means[:, 0]
        self._number += 1
        window = Window(
            base=self._follower.base,
            start=start,
            end=end,
            flags=frozenset(flags),
            closes=self._number % WINDOWS_IN_3S == 0,
            basis=basis,
            voltage=means,
        )
        f_hz = frequency(self._cycles, end - start, self._line.rate_hz, flags)
        values = voltage_values(f_hz, numbers(squares), lows, highs)
        return self._tell(window, flags, values, squares, lows, highs)

    def _cut(self, at: int) -> Results:
        """The samples end at number ``at``: what is running is of no use."""
        if not self._following:
            return []
        self._following = False
        end = float(at - self._follower.base)
        results: Results = list(self._events.cut(end))
        if self._edge is None or end <= self._edge:
            return results
        flags: set[Flag] = {"gap"}
        window = Window(self._follower.base, self._edge, end, frozenset(flags), closes=True)
        return results + self._tell(window, flags, dict(NO_VOLTAGE), None, [None] * 3, [None] * 3)

    def _tell(
        self,
        window: Window,
        flags: set[Flag],
        values: dict[str, float | None],
        squares: Float64 | None,
        lows: list[float | None],
        highs: list[float | None],
    ) -> Results:
        self.windows.append(window)
        start_ns, duration_ns = window.start_ns(self._line), window.duration_ns(self._line)
        results: Results = [
            Measurement(self.id, "200ms", start_ns, duration_ns, values, ordered(flags)),
        ]
        self._means.add(window, flags, squares)
        if squares is not None:
            self._samples += window.end - window.start
        for n in range(3):
            self._lows[n] = _pick(min, self._lows[n], lows[n])
            self._highs[n] = _pick(max, self._highs[n], highs[n])
        if window.closes:
            results.append(self._aggregate(start_ns + duration_ns))
        return results

    def _aggregate(self, end_ns: int) -> Measurement:
        done = self._means
        means = done.means()
        values = dict(NO_VOLTAGE)
        if means is not None:
            f_hz = frequency(self._cycles * done.count, self._samples, self._line.rate_hz, done.flags)
            values = voltage_values(f_hz, numbers(means), self._lows, self._highs)
        start_ns = done.start_ns(self._line)
        self._means = Means()
        self._samples = 0.0
        self._lows = [None] * 3
        self._highs = [None] * 3
        return Measurement(self.id, "3s", start_ns, end_ns - start_ns, values, ordered(done.flags))

    def _extremes(self, end: float) -> tuple[list[float | None], list[float | None]]:
        """Lowest and highest half-cycle value per phase that ended until ``end``; they are used up."""
        lows: list[float | None] = [None] * 3
        highs: list[float | None] = [None] * 3
        later: list[HalfCycle] = []
        halves = self._halves
        while halves and halves[0][1] < end:
            row = halves.popleft()
            if row[2] > end:
                later.append(row)
                continue
            phase = int(row[0])
            lows[phase] = _pick(min, lows[phase], row[3])
            highs[phase] = _pick(max, highs[phase], row[3])
        halves.extendleft(reversed(later))
        return lows, highs


def _pick(better: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return better(a, b)
