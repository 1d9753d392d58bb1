"""``flexcore-acquire``: the sensors' frames become blocks on the sample bus, whichever drivers they need.

Its alarms: ``frames_dropped`` (datagrams that could not be used, by reason), ``stream_silent`` (elements that
send nothing good), ``samples_lost`` (blocks that did not come whole), ``samples_saturated`` and
``time_unsynchronised`` (elements whose sensor says so of its samples). They go when the cause has been absent
for a while. Its watchdog is fed when the loop has taken what there was, which may honestly be nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from flexcore.buses.zeromq import BlockPublisher, high_water_mark
from flexcore.drivers.sources import StationSources
from flexcore.services.health import Alarms
from flexcore.services.service import Service, run

#: How often counters are compared.
TICK_S = 1.0
#: An alarm goes this long after its cause was last seen.
HOLD_S = 10.0
#: An element that sent nothing good for so long is silent.
SILENT_S = 2.0
#: Reasons that a start or a pause of a sensor brings along for a moment: they alarm when they go on.
_PASSING = ("config", "time")
_PASSING_TICKS = 3
_DROPPED = "dropped_"


@dataclass(slots=True)
class Growth:
    """Which elements' counts grew within the last HOLD_S."""

    _counts: dict[str, int] = field(default_factory=dict)
    _grew_s: dict[str, float] = field(default_factory=dict)

    def tick(self, now_s: float, counts: Mapping[str, int]) -> list[str]:
        """Compare with the previous tick; the elements, in the order of ``counts``."""
        for element, n in counts.items():
            if n > self._counts.get(element, 0):
                self._grew_s[element] = now_s
            self._counts[element] = n
        return [e for e in counts if e in self._grew_s and now_s - self._grew_s[e] < HOLD_S]


@dataclass(slots=True)
class Watch:
    """Turns the driver's counters into alarms; ``now_s`` is any steady clock."""

    alarms: Alarms
    started_s: float
    _counts: dict[str, int] = field(default_factory=dict)
    _grown: dict[str, int] = field(default_factory=dict)
    _dropped: dict[str, tuple[float, int]] = field(default_factory=dict)
    _lost_s: float | None = None
    _frames: dict[str, tuple[int, float]] = field(default_factory=dict)
    _saturated: Growth = field(default_factory=Growth)
    _untimed: Growth = field(default_factory=Growth)

    def tick(self, now_s: float, counters: dict[str, int], frames: dict[str, int], hint: str = "") -> None:
        """Compare with the previous tick; ``hint`` explains refused descriptions."""
        growth = {name: n - self._counts.get(name, 0) for name, n in counters.items()}
        self._counts = counters
        self._drops(now_s, growth, hint)
        self._losses(now_s, growth.get("blocks_lost", 0), counters.get("blocks_lost", 0))
        self._silence(now_s, frames)

    def tick_flags(self, now_s: float, saturated: Mapping[str, int], untimed: Mapping[str, int]) -> None:
        """What sensors say of their samples: good frames by element that were saturated, or not on UTC."""
        if elements := self._saturated.tick(now_s, saturated):
            self.alarms.raise_alarm("samples_saturated", ", ".join(elements))
        else:
            self.alarms.clear_alarm("samples_saturated")
        if elements := self._untimed.tick(now_s, untimed):
            self.alarms.raise_alarm("time_unsynchronised", ", ".join(elements))
        else:
            self.alarms.clear_alarm("time_unsynchronised")

    def _drops(self, now_s: float, growth: dict[str, int], hint: str) -> None:
        for name, n in growth.items():
            if not name.startswith(_DROPPED):
                continue
            reason = name.removeprefix(_DROPPED)
            ticks = self._grown[reason] = self._grown.get(reason, 0) + 1 if n else 0
            if n and (reason not in _PASSING or ticks >= _PASSING_TICKS):
                _, before = self._dropped.get(reason, (0.0, 0))
                self._dropped[reason] = (now_s, before + n)
        self._dropped = {r: (at, n) for r, (at, n) in self._dropped.items() if now_s - at < HOLD_S}
        if not self._dropped:
            self.alarms.clear_alarm("frames_dropped")
            return
        detail = ", ".join(f"{reason} {n}" for reason, (_, n) in self._dropped.items())
        if hint and "description" in self._dropped:
            detail += f"; {hint}"
        self.alarms.raise_alarm("frames_dropped", detail)

    def _losses(self, now_s: float, lost: int, total: int) -> None:
        if lost:
            self._lost_s = now_s
            self.alarms.raise_alarm("samples_lost", f"{total} blocks since the start")
        elif self._lost_s is not None and now_s - self._lost_s >= HOLD_S:
            self._lost_s = None
            self.alarms.clear_alarm("samples_lost")

    def _silence(self, now_s: float, frames: dict[str, int]) -> None:
        silent = []
        for element, n in frames.items():
            before, since_s = self._frames.get(element, (0, self.started_s))
            if n != before:
                since_s = now_s
            self._frames[element] = (n, since_s)
            if now_s - since_s > SILENT_S:
                silent.append(element)
        if silent:
            self.alarms.raise_alarm("stream_silent", ", ".join(silent))
        else:
            self.alarms.clear_alarm("stream_silent")


def body(service: Service) -> None:
    """Receive, publish, watch, until the service is to stop."""
    source = StationSources(service.station)
    waiting = high_water_mark(service.station.block_bytes)
    with BlockPublisher(service.paths.sample_bus, waiting) as bus, source:
        service.ready()
        watch = Watch(service, time.monotonic())
        tick_s = time.monotonic() + TICK_S
        published = 0
        while not service.stopping.is_set():
            blocks = source.receive(timeout_s=0.2)
            for block in blocks:
                bus.publish(block)
            published += len(blocks)
            now_s = time.monotonic()
            if now_s >= tick_s:
                tick_s = now_s + TICK_S
                counters = source.counters()
                service.counters = {**counters, "published": published}
                watch.tick(now_s, counters, source.frames_by_element(), source.refusal)
                watch.tick_flags(now_s, source.saturated_by_element(), source.untimed_by_element())
                service.progress()


def main() -> int:
    """The service ``acquire``; see :func:`flexcore.services.service.run`."""
    return run("acquire", body)


if __name__ == "__main__":
    raise SystemExit(main())
