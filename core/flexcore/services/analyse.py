"""``flexcore-analyse``: blocks from the sample bus become measurements and events on the measurement bus.

It never grows without bound: when it cannot keep up it throws whole blocks away until it has caught up; the
instrument sees the hole and flags what it touches. Alarms: ``no_samples`` (nothing comes at all),
``source_silent`` and ``source_astray`` (its time is far from the others'; detail: the elements),
``falling_behind``.
"""

from __future__ import annotations

import time
from dataclasses import replace

from flexcore import topics
from flexcore.buses.zeromq import BlockSubscriber, high_water_mark
from flexcore.dsp import StationAnalyser
from flexcore.meta import meta_payload
from flexcore.model import Block, Event, EventOrigin, Located, Measurement, Trace, Waveform
from flexcore.payloads import (
    encode,
    encode_event,
    encode_measurement,
    encode_trace,
    encode_waveform,
)
from flexcore.quantities import INTERVALS
from flexcore.services._loads import Loads
from flexcore.services.service import Service, run

NS = 1_000_000_000

#: A source without a block for so long is silent.
SILENT_S = 2.0
#: After the start a source has so long to be heard first.
GRACE_S = 5.0
#: Backlog at which blocks are thrown away, until there is none. A burst of events on a slow machine is made
#: up for afterwards: late is better than lost.
BACKLOG_S = 5.0
#: The alarm stands so long after the last block thrown away.
BEHIND_ALARM_S = 10.0
#: A source is astray after so many blocks in a row that were refused for their time; at a start it takes the
#: sources a moment to agree on one.
ASTRAY_BLOCKS = 5
#: How often alarms and figures are looked after.
PERIOD_S = 1.0
WAIT_S = 0.2
#: Events that can still be told again with their origin.
REMEMBERED = 64
#: Waveforms and traces on the bus: so many bytes at once, and so many a second in the long run. A grid that
#: swings for minutes makes an event every second; its values are told all the same.
AROUND_BURST_BYTES = 6_000_000
AROUND_BYTES_S = 50_000
TRACE_ROW_BYTES = 50


class Backlog:
    """Whether we are so far behind the samples that some must go.

    The age of a sample says little, since clocks differ, also between sources; but the first of a source
    since the queue was empty has the age there is without a backlog, and whatever a later one of the same
    source is older is backlog. Each source is judged against itself alone, so that a clock that is wrong or
    steps costs its own source at most what waits at that moment, and the others nothing.
    """

    def __init__(self, limit_s: float = BACKLOG_S) -> None:
        self._limit_ns = round(limit_s * NS)
        self._fresh_ns: dict[str, int] = {}
        self._since_empty: set[str] = set()
        self._dropping: set[str] = set()

    def drop(self, source: str, age_ns: int, queue_was_empty: bool) -> bool:
        """Whether a block of ``source`` and of age ``age_ns`` (on any steady clock) should be thrown away."""
        if queue_was_empty:
            for caught_up in self._dropping:
                del self._fresh_ns[caught_up]  # nothing waits, so what looked like backlog was another clock
            self._dropping.clear()
            self._since_empty.clear()
            self._fresh_ns[source] = age_ns
        fresh_ns = self._fresh_ns.get(source, age_ns)
        if source in self._dropping:
            return True
        if age_ns - fresh_ns > self._limit_ns:
            self._dropping.add(source)
            return True
        # Also the first of each source since the queue was empty: clocks drift apart without ever stepping.
        if age_ns <= fresh_ns or source not in self._since_empty:
            self._fresh_ns[source] = age_ns
        self._since_empty.add(source)
        return False


class Allowance:
    """How many bytes may go out now (a token bucket)."""

    def __init__(self, burst: int, rate_s: int, now_s: float) -> None:
        self._burst, self._rate_s = burst, rate_s
        self._left, self._now_s = float(burst), now_s

    def take(self, size: int, now_s: float) -> bool:
        """Whether ``size`` bytes may go out at ``now_s``."""
        self._left = min(self._burst, self._left + (now_s - self._now_s) * self._rate_s)
        self._now_s = now_s
        if size > self._left:
            return False
        self._left -= size
        return True


class Analysis:
    """The service's work, one block at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._station = service.station.station.id
        self._analyser = StationAnalyser(service.station)
        self._backlog = Backlog()
        self._topics = {
            (interval, element.id): topics.measurement(self._station, interval, element.id)
            for element in service.station.elements
            for interval in INTERVALS
        }
        self._started_s = time.monotonic()
        self._heard_s = {element.id: self._started_s - SILENT_S for element in service.station.elements}
        self._looked_s = self._started_s
        self._behind_s: float | None = None
        self._busy_s = 0.0
        self._busy_before_s = 0.0
        self._lag_ms = 0.0
        self._dropped = 0
        #: The newest events as they were told, and their origins.
        self._told: dict[str, Event] = {}
        self._origins: dict[str, EventOrigin] = {}
        self._allowance = Allowance(AROUND_BURST_BYTES, AROUND_BYTES_S, self._started_s)
        self._skipped = 0
        self._loads = Loads(service.station, service.paths.load, self._retain, service, self._started_s)
        self._counts = {"windows": 0, "gaps": 0, "events": 0}
        service.counters.update(self._figures(100.0))

    def run(self, subscriber: BlockSubscriber) -> None:
        """Work until the service is to stop."""
        service = self._service
        self._retain(topics.meta(self._station), encode(meta_payload(service.station)))
        service.ready()
        try:
            while not service.stopping.is_set():
                block = subscriber.receive(0.0)
                queue_was_empty = block is None
                if block is None:
                    block = subscriber.receive(WAIT_S)
                started_s = time.monotonic()
                if block is not None:
                    self.take(block, queue_was_empty)
                now_s = time.monotonic()
                self._busy_s += now_s - started_s
                if now_s - self._looked_s >= PERIOD_S:
                    self._look_after(now_s, subscriber.rejected)
        finally:
            self._loads.close()

    def take(self, block: Block, queue_was_empty: bool) -> None:
        """Analyse a block and publish what follows from it, or throw it away."""
        now_s = time.monotonic()
        known = block.source in self._heard_s  # the analyser counts what is not the station's
        if known:
            self._heard_s[block.source] = now_s
        end_ns = block.start_ns + round(block.samples.shape[1] * NS / block.rate_hz)
        self._lag_ms = (time.time_ns() - end_ns) / 1e6
        if known and self._backlog.drop(block.source, time.monotonic_ns() - end_ns, queue_was_empty):
            self._dropped += 1
            self._behind_s = now_s
            return
        for result in self._analyser.process(block):
            match result:
                case Measurement():
                    self._publish_measurement(result)
                    self._loads.take(result)
                case Event():
                    self._publish_event(result)
                case Located():
                    self._publish_origin(result)
                case Waveform():
                    if self._allowed(result.samples.nbytes * 4 // 3):
                        self._publish_around("waveform", result.element, encode_waveform(result))
                case Trace():
                    if self._allowed(len(result.rows) * TRACE_ROW_BYTES):
                        self._publish_around("trace", result.element, encode_trace(result))

    def _retain(self, topic: str, payload: bytes) -> None:
        self._service.bus.publish(topic, payload, qos=1, retain=True)

    def _publish_measurement(self, measurement: Measurement) -> None:
        topic = self._topics[measurement.interval, measurement.element]
        qos = 0 if measurement.interval == "200ms" else 1
        self._counts["windows"] += 1 - qos
        self._service.bus.publish(topic, encode_measurement(measurement), qos=qos)

    def _publish_event(self, event: Event) -> None:
        if event.state == "begin" or event.type in ("rvc", "transient"):
            self._counts["gaps" if event.type == "gap" else "events"] += 1
        if event.type != "gap":
            origin = self._origins.get(event.id)
            event = event if origin is None else replace(event, origin=origin)
            self._told[event.id] = event
            while len(self._told) > REMEMBERED:
                self._origins.pop(next(iter(self._told)), None)
                del self._told[next(iter(self._told))]
        self._say(event)

    def _publish_origin(self, located: Located) -> None:
        """Tell the events of which the origin is known now once more, with it."""
        for name in located.events:
            event = self._told.get(name)
            if event is not None:
                self._origins[name] = located.origin
                self._told[name] = replace(event, origin=located.origin)
                self._say(self._told[name])

    def _allowed(self, size: int) -> bool:
        allowed = self._allowance.take(size, time.monotonic())
        self._skipped += not allowed
        return allowed

    def _publish_around(self, what: str, element: str, payload: bytes) -> None:
        self._service.bus.publish(topics.around(self._station, what, element), payload, qos=1)

    def _say(self, event: Event) -> None:
        self._service.bus.publish(topics.event(self._station, event.type), encode_event(event), qos=1)

    def _look_after(self, now_s: float, rejected: int) -> None:
        """Once a second: progress, alarms, figures."""
        service = self._service
        service.progress()
        idle = 1.0 - (self._busy_s - self._busy_before_s) / (now_s - self._looked_s)
        self._busy_before_s = self._busy_s
        self._looked_s = now_s
        service.counters.update(self._figures(round(100.0 * min(max(idle, 0.0), 1.0), 1)))
        service.counters["foreign"] += rejected
        if self._behind_s is not None and now_s - self._behind_s < BEHIND_ALARM_S:
            service.raise_alarm("falling_behind", f"{self._dropped} blocks thrown away since the start")
        else:
            service.clear_alarm("falling_behind")
        self._look_for_astray(now_s)
        self._loads.look_after(now_s)
        if now_s - self._started_s < GRACE_S:
            return
        silent = [element for element, heard_s in self._heard_s.items() if now_s - heard_s > SILENT_S]
        if len(silent) == len(self._heard_s):
            self._loads.silence()
            service.clear_alarm("source_silent")
            service.raise_alarm("no_samples", f"no samples for more than {SILENT_S:.0f} s")
            return
        service.clear_alarm("no_samples")
        if silent:
            service.raise_alarm("source_silent", ", ".join(silent))
        else:
            service.clear_alarm("source_silent")

    def _look_for_astray(self, now_s: float) -> None:
        """Name the sources whose blocks are refused because their time is far from the others'."""
        astray = [
            element
            for element, in_a_row in self._analyser.astray.items()
            if in_a_row >= ASTRAY_BLOCKS and now_s - self._heard_s[element] <= SILENT_S
        ]
        if astray:
            self._service.raise_alarm("source_astray", ", ".join(astray))
        else:
            self._service.clear_alarm("source_astray")

    def _figures(self, headroom_percent: float) -> dict[str, int | float]:
        return {
            **self._analyser.counters,
            **self._counts,
            "dropped": self._dropped,
            "waveforms_skipped": self._skipped,
            "lag_ms": round(self._lag_ms, 1),
            "headroom_percent": headroom_percent,
        }


def analyse(service: Service) -> None:
    """The body of the service; starts also while there is no broker and nobody sends samples."""
    waiting = high_water_mark(service.station.block_bytes)
    with BlockSubscriber(service.paths.sample_bus, waiting) as subscriber:
        Analysis(service).run(subscriber)


def main() -> int:
    """Run until SIGTERM."""
    return run("analyse", analyse)


if __name__ == "__main__":
    raise SystemExit(main())
