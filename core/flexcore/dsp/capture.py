"""What is kept of an event: the waveform before, in and after it, the half-cycle trace, and its origin.

Dips, swells and interruptions of a busbar that overlap are captured together, rapid changes and transients
alone. The origin is known a few cycles after the begin, the waveform when the event is over, or has lasted
:attr:`EventSettings.longest_ms`: then what there is so far is told, and once more the samples around the end.
Samples are read where they lie (``Track``); what is no longer or not there is left out.

What is captured together is decided by the events' own times, and only once all events of that time are known
(:data:`_MARGIN_CYCLES`): how samples arrived does not matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flexcore.dsp.arrays import Float32, Float64
from flexcore.dsp.events import HalfCycle
from flexcore.dsp.halfcycles import trace
from flexcore.dsp.line import Line
from flexcore.dsp.origin import Origin, locate
from flexcore.dsp.track import Track
from flexcore.model import PIECE_SAMPLES, Event, EventOrigin, FieldDirection, Located, Trace, Waveform
from flexcore.ports import Result
from flexcore.station import EventSettings

#: Cycles that the origin needs before the begin and after it.
_BEFORE_CYCLES, _AFTER_CYCLES = 5, 3
#: Cycles after which every dip, swell and interruption that began or ended until then has been told.
_MARGIN_CYCLES = 5
_LOCATE_HZ = 4000
#: Half-cycle values that are kept, in seconds.
_TRACE_S = 3.0
#: A grid that swings makes an event every half second, for minutes; each is told, but its samples are not
#: worth a box's breath: so many captures at once, and one more every so many seconds.
BURST, REFILL_S = 8, 15
#: Seconds since the begin of the capture before: what follows sooner has no steady state to be compared with.
STEADY_S = 0.5
_UNSTEADY = EventOrigin("unknown", None, 0.0, reason="unsteady")
_TOGETHER = frozenset({"dip", "swell", "interruption"})


@dataclass(frozen=True, slots=True)
class Branch:
    """An element of the busbar with its samples; of voltages ``between_phases`` are those half-cycle values
    that are traced, the samples that are told are always what was measured."""

    name: str
    channels: tuple[str, ...]
    track: Track
    between_phases: bool = False


@dataclass(slots=True)
class _Capture:
    """One that is being made; sample numbers. ``spans`` are start and end of its events, by id."""

    start: int
    together: bool
    spans: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    located: bool = False
    begin_told: bool = False
    until: int = 0

    @property
    def end(self) -> int | None:
        """When the last of its events ended; None while one lasts."""
        ends = [end for _, end in self.spans.values()]
        return None if None in ends else max(end for end in ends if end is not None)

    def names(self, before: int) -> tuple[str, ...]:
        """Ids of the events that began before a sample number, in the order of their begins."""
        return tuple(
            name
            for name, (start, _) in sorted(self.spans.items(), key=lambda i: (i[1][0], i[0]))
            if start < before
        )


class Captures:
    """The captures of one busbar with its ``fields``; :meth:`hear` events, then :meth:`advance`."""

    def __init__(
        self,
        busbar: Branch,
        fields: Sequence[Branch],
        settings: EventSettings,
        line: Line,
        nominal_hz: int,
        earth_v: float,
        limit: int,
    ) -> None:
        self._busbar = busbar
        self._fields = tuple(fields)
        self._line = line
        self._nominal_hz = nominal_hz
        self._earth_v = earth_v
        self._limit = limit
        rate = line.rate_hz
        self._pre = rate * settings.pre_ms // 1000
        self._post = rate * settings.post_ms // 1000
        self._longest = rate * settings.longest_ms // 1000
        self._cycle = rate / nominal_hz
        self._halves: deque[tuple[int, HalfCycle]] = deque(maxlen=round(_TRACE_S * 6 * nominal_hz))
        self._margin = round(_MARGIN_CYCLES * self._cycle)
        self._running: list[_Capture] = []
        self._last_start = -self._line.rate_hz
        self._spent_until = -BURST * REFILL_S * self._line.rate_hz

    def trail(self, base: int, halves: list[HalfCycle]) -> None:
        """Half-cycle values of the busbar, whose starts and ends count from ``base``."""
        self._halves.extend((base, half) for half in halves)

    def hear(self, event: Event) -> None:
        """An event begins or ends."""
        start = self._line.number(event.start_ns)
        end = None if event.duration_ns is None else self._line.number(event.start_ns + event.duration_ns)
        for capture in self._running:
            if event.id in capture.spans:
                # The end knows better when it began; what was decided by the begin stays.
                capture.spans[event.id] = (capture.spans[event.id][0], end)
                return
        if event.type in _TOGETHER:
            for capture in self._running:
                over = capture.end
                if capture.together and (over is None or start <= over + self._post):
                    capture.spans[event.id] = (start, end)
                    return
        if self._affords(start):
            self._running.append(_Capture(start, event.type in _TOGETHER, {event.id: (start, end)}))

    def _affords(self, start: int) -> bool:
        """Whether an event that began at ``start`` is captured: some at once, few in the long run."""
        rest = start - max(self._spent_until, start - BURST * REFILL_S * self._line.rate_hz)
        if rest < REFILL_S * self._line.rate_hz:
            return False
        self._spent_until = start - rest + REFILL_S * self._line.rate_hz
        return True

    def advance(self, now: int) -> list[Result]:
        """What is complete now that the station is at sample number ``now``."""
        if not self._running:
            return []
        results: list[Result] = []
        for capture in list(self._running):
            results += self._advance(capture, now)
        return results

    def _advance(self, capture: _Capture, now: int) -> list[Result]:
        results: list[Result] = []
        needed = capture.start + round(_AFTER_CYCLES * self._cycle)
        if capture.together and not capture.located and self._there(needed + self._margin, now):
            capture.located = True
            steady = capture.start - self._last_start >= self._line.rate_hz * STEADY_S
            self._last_start = capture.start
            origin = self._locate(capture, needed) if steady else _UNSTEADY
            results.append(Located(capture.names(needed), self._busbar.name, origin))
        end = capture.end
        over = None if end is None else end + self._post
        first = max(capture.start - self._pre, capture.until)
        last = capture.start + self._longest
        if not capture.begin_told and (over is None or over > last):
            if not self._there(last + self._margin, now):
                return results
            results += self._tell(capture, first, last)
            capture.begin_told = True
            capture.until = last
        if over is not None and self._there(over + self._margin, now):
            if capture.begin_told:
                first = max(over - self._post - self._pre, capture.until)
            results += self._tell(capture, first, over)
            self._running.remove(capture)
        return results

    def tear(self) -> None:
        """The time line has been torn: nothing of it can be captured any more."""
        self._running.clear()
        self._halves.clear()

    def _there(self, needed: int, now: int) -> bool:
        """Whether all has come up to sample number ``needed`` that will."""
        tracks = [self._busbar.track, *(branch.track for branch in self._fields)]
        return now - needed > self._limit or all(
            track.settled is not None and track.settled >= needed for track in tracks
        )

    def _samples(self, branch: Branch, first: int, after: int) -> Float32 | None:
        track = branch.track
        if not track.has(first, after):
            return None
        return track.data[:, first - track.origin : after - track.origin]

    def _locate(self, capture: _Capture, after: int) -> EventOrigin:
        first = capture.start - round(_BEFORE_CYCLES * self._cycle)
        voltages = self._samples(self._busbar, first, after)
        if voltages is None:
            return EventOrigin("unknown", None, 0.0, reason="gap")
        end = capture.end
        inside = end is not None and end < after
        # Origins are found at 800 Hz and up: means over a few samples spare a box that has many fields.
        step = max(1, self._line.rate_hz // _LOCATE_HZ)
        currents = [self._samples(branch, first, after) for branch in self._fields]
        found = locate(
            _means(voltages, step),
            [None if samples is None else _means(samples, step) for samples in currents],
            rate_hz=self._line.rate_hz / step,
            nominal_hz=float(self._nominal_hz),
            udin_v=self._earth_v,
            begin=(capture.start - first) / step,
            end=(end - first) / step if inside and end is not None else None,
        )
        return self._named(found)

    def _named(self, found: Origin) -> EventOrigin:
        directions = tuple(
            FieldDirection(
                branch.name,
                told.direction,
                round(told.confidence, 3),
                tuple(vote.method for vote in told.votes),
            )
            for branch, told in zip(self._fields, found.fields, strict=True)
        )
        name = None if found.field is None else self._fields[found.field].name
        return EventOrigin(found.place, name, round(found.confidence, 3), directions, found.reason)

    def _tell(self, capture: _Capture, first: int, after: int) -> list[Result]:
        names = capture.names(after)
        results: list[Result] = []
        for branch in (self._busbar, *self._fields):
            for at in range(first, after, PIECE_SAMPLES):
                samples = self._samples(branch, at, min(at + PIECE_SAMPLES, after))
                if samples is not None:
                    start_ns = self._line.ns(at)
                    rate_hz = float(self._line.rate_hz)
                    results.append(
                        Waveform(names, branch.name, start_ns, rate_hz, branch.channels, samples.copy())
                    )
        return results + self._traces(names, first, after)

    def _traces(self, names: tuple[str, ...], first: int, after: int) -> list[Result]:
        halves = [
            (base, half) for base, half in self._halves if first <= base + half[1] and base + half[2] <= after
        ]
        if not halves:
            return []
        start_ns = self._line.ns(first)
        results: list[Result] = []
        for branch in (self._busbar, *self._fields):
            parts = []
            for base in dict.fromkeys(base for base, _ in halves):
                mine = [half for its_base, half in halves if its_base == base]
                values = trace(mine, self._held(branch), base, branch.track.origin)
                rows = np.empty((len(mine), 5))
                rows[:, 0] = (values[:, 1] + (base - first)) / self._line.rate_hz
                rows[:, 1] = (values[:, 2] - values[:, 1]) / self._line.rate_hz
                rows[:, 2:] = values[:, (0, 3, 4)]
                parts.append(rows[np.isfinite(rows[:, 3])])
            results.append(Trace(names, branch.name, start_ns, np.concatenate(parts)))
        return results

    def _held(self, branch: Branch) -> Float32:
        """The samples that are there; what lies beyond the newest is not looked at."""
        track = branch.track
        data = track.between if branch.between_phases else track.data
        return data[:, : max(0, track.end - track.origin)]


def _means(samples: Float32, step: int) -> Float64:
    """Means over every ``step`` samples."""
    whole = samples.shape[1] // step * step
    return np.asarray(samples[:, :whole].reshape(samples.shape[0], -1, step).mean(axis=2, dtype=np.float64))
