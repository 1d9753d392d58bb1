"""Dips, swells and interruptions by the polyphase rule of IEC 61000-4-30, 5.4 and 5.5.

| event | begins when | ends when | extreme |
|---|---|---|---|
| dip | any phase < threshold | all phases >= threshold + hysteresis | lowest Urms(1/2) of any phase |
| swell | any phase > threshold | all phases <= threshold - hysteresis | highest of any phase |
| interruption | all phases < threshold | any phase >= threshold + hysteresis | lowest of any phase |

A value knows of a whole cycle; where in it the voltage changed it does not say, and the stamps of the values
alone make a deep dip a cycle longer than it was. So the end message carries the edges that
:mod:`flexcore.dsp.edges` finds, and in ``detail`` the duration by the stamps of the standard
(``iec_duration_s``: from the start of the cycle that began the event to the end of the one that ended it).
The begin message, which cannot know, starts with its cycle. An interruption lies inside a dip: both are told.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce

from flexcore.dsp.edges import KEPT, Step, end_edge, start_edge
from flexcore.dsp.line import Line
from flexcore.dsp.marks import Marks
from flexcore.model import Event, EventType, Flag, event_id
from flexcore.quantities import PHASES
from flexcore.station import EventSettings

#: Phase 0..2, start and end of its cycle in samples after the base, and the RMS over it.
HalfCycle = list[float]


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: EventType
    flag: Flag
    crosses: Callable[[float], bool]
    begins: Callable[[list[float]], bool]
    ends: Callable[[list[float]], bool]
    worst: Callable[[float, float], float]


def _rules(udin_v: float, settings: EventSettings) -> tuple[_Rule, ...]:
    def volts(percent: float) -> float:
        return udin_v * percent / 100.0

    dip, dip_end = volts(settings.dip_percent), volts(settings.dip_percent + settings.hysteresis_percent)
    swell = volts(settings.swell_percent)
    swell_end = volts(settings.swell_percent - settings.hysteresis_percent)
    gone = volts(settings.interruption_percent)
    gone_end = volts(settings.interruption_percent + settings.hysteresis_percent)
    return (
        _Rule("dip", "dip", lambda v: v < dip, lambda u: min(u) < dip, lambda u: min(u) >= dip_end, min),
        _Rule(
            "swell",
            "swell",
            lambda v: v > swell,
            lambda u: max(u) > swell,
            lambda u: max(u) <= swell_end,
            max,
        ),
        _Rule(
            "interruption",
            "interruption",
            lambda v: v < gone,
            lambda u: len(u) == len(PHASES) and max(u) < gone,
            lambda u: max(u) >= gone_end,
            min,
        ),
    )


@dataclass(slots=True)
class _Running:
    start: float
    extreme_v: float
    phases: set[int]
    flags: tuple[Flag, ...]
    #: The phase that began it; its values before and including that one, and those after.
    phase: int
    before: list[Step]
    #: End of the newest value that belongs to it.
    known: float
    after: list[Step] = field(default_factory=list)
    #: Where the last interruption in it ended.
    inside_until: float = -math.inf

    @property
    def first(self) -> float:
        """When it really began, as far as that is known."""
        edge = start_edge(self.before, self.after)
        return self.start if edge is None else edge


class PolyphaseEvents:
    """The events of one busbar from its half-cycle values, which come in the order of their starts."""

    def __init__(
        self,
        element: str,
        udin_v: float,
        settings: EventSettings,
        line: Line,
        marks: Marks,
        lines: tuple[str, ...] = PHASES,
    ) -> None:
        self._element = element
        self._lines = lines
        self._udin_v = udin_v
        self._line = line
        self._marks = marks
        self._rules = _rules(udin_v, settings)
        self._calm = (
            udin_v * (settings.dip_percent + settings.hysteresis_percent) / 100.0,
            udin_v * (settings.swell_percent - settings.hysteresis_percent) / 100.0,
        )
        self._latest: dict[int, float] = {}
        self._trail: tuple[deque[Step], ...] = tuple(deque(maxlen=KEPT) for _ in PHASES)
        self._running: dict[EventType, _Running] = {}
        self._past: list[tuple[Flag, float, float]] = []
        self._base = 0

    def restart(self, base: int) -> None:
        """Begin anew; starts and ends count from sample number ``base`` from now on."""
        self._latest.clear()
        for trail in self._trail:
            trail.clear()
        self._running.clear()
        self._past.clear()
        self._base = base

    def take(self, halves: list[HalfCycle]) -> list[Event]:
        """Begin and end of events in the next half-cycle values."""
        events: list[Event] = []
        low, high = self._calm
        for phase_number, start, end, rms_v in halves:
            phase = int(phase_number)
            first = phase not in self._latest
            self._latest[phase] = rms_v
            self._trail[phase].append((start, end, rms_v * rms_v))
            if low <= rms_v <= high and not self._running:
                continue
            present = list(self._latest.values())
            for rule in self._rules:
                running = self._running.get(rule.kind)
                if running is not None:
                    running.known = max(running.known, end)
                if running is not None and running.phase == phase and len(running.after) < KEPT:
                    running.after.append((start, end, rms_v * rms_v))
                if running is None:
                    if rule.begins(present):
                        flags: tuple[Flag, ...] = ("start",) if first else ()
                        worst = reduce(rule.worst, present)
                        before = list(self._trail[phase])
                        running = _Running(start, worst, self._crossing(rule), flags, phase, before, end)
                        self._running[rule.kind] = running
                        events.append(self._event(rule.kind, running))
                elif rule.ends(present):
                    del self._running[rule.kind]
                    # to the end of its last cycle: the lowest value of the window in which that ends is its
                    self._past.append((rule.flag, running.start, end))
                    events.append(self._ended(rule.kind, running, phase, end))
                else:
                    running.extreme_v = rule.worst(running.extreme_v, rms_v)
                    if rule.crosses(rms_v):
                        running.phases.add(phase)
        return events

    def cut(self, at: float) -> list[Event]:
        """End what is running because the samples end: nobody knows how long it really lasted."""
        events = []
        for kind, running in self._running.items():
            running.flags = ("gap", *running.flags)
            events.append(self._event(kind, running, max(at, running.start)))
        self._running.clear()
        return events

    def flags(self, start: float, end: float) -> set[Flag]:
        """Flags of a window from ``start`` to ``end``; windows must be asked for in order."""
        self._past = [span for span in self._past if span[2] > start]
        found = {flag for flag, since, until in self._past if since < end and until > start}
        found.update(
            rule.flag
            for rule in self._rules
            if (running := self._running.get(rule.kind)) is not None and running.start < end
        )
        return found

    def _crossing(self, rule: _Rule) -> set[int]:
        return {phase for phase, value in self._latest.items() if rule.crosses(value)}

    def _ended(self, kind: EventType, running: _Running, phase: int, end: float) -> Event:
        """The end message: edges as they were, and the duration by the standard's stamps."""
        found = end_edge(list(self._trail[phase]))
        first, last = running.first, end if found is None else found
        dip = self._running.get("dip")
        if kind == "interruption" and dip is not None:  # another phase's edge of the same fall
            first = max(first, dip.first)
            dip.inside_until = max(dip.inside_until, last)
        edges = (first, max(last, running.inside_until))
        if edges[1] <= edges[0]:  # shorter than the values can tell
            edges = (running.start, end)
        told = self._event(kind, running, edges[1], edges[0])
        told.detail["iec_duration_s"] = round((end - running.start) / self._line.rate_hz, 6)
        return told

    def _event(
        self, kind: EventType, running: _Running, end: float | None = None, start: float | None = None
    ) -> Event:
        name = event_id(kind, self._element, self._line.ns(self._base, running.start))
        start_ns = self._line.ns(self._base, running.start if start is None else start)
        flags = running.flags
        if self._marks.touch(self._base + int(running.before[0][0]), self._base + int(running.known)):
            flags = (*flags, "saturated")
        return Event(
            id=name,
            type=kind,
            element=self._element,
            state="begin" if end is None else "end",
            start_ns=start_ns,
            duration_ns=None if end is None else self._line.ns(self._base, end) - start_ns,
            extreme_v=running.extreme_v,
            reference_v=self._udin_v,
            phases=tuple(self._lines[phase] for phase in sorted(running.phases)),
            flags=flags,
        )
