"""The hub: takes every message of the bus, keeps the last of each, answers with a snapshot."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from flexcore import topics
from flexcore.loading.payload import LoadPayload
from flexcore.model import Event, Measurement
from flexcore.payloads import NS, HealthPayload, ReadingPayload, SensorMeta, from_iso, iso
from flexcore.quantities import PHASES
from flexcore_webui.live import intake
from flexcore_webui.live.flow import character, direction
from flexcore_webui.live.intake import Refusals, RefusedError
from flexcore_webui.live.journal import History, Journal
from flexcore_webui.live.judge import Judgement, judge_busbar
from flexcore_webui.live.site import Site, StationFile, site_of_meta
from flexcore_webui.live.snapshot import (
    ElementNow,
    LoadRow,
    SensorRow,
    ServiceRow,
    Snapshot,
    StationState,
    TrendRow,
    Versions,
)
from flexcore_webui.live.zone import offset
from flexcore_webui.settings import WebSettings

MAX_SERVICES = 32
#: An event this young goes on until its end is heard: values that show it may be under way.
FRESH_NS = 5 * NS
#: A component is told every minute; what is older than three says nothing any more.
LOAD_STALE_S = 180.0
#: A sensor is told after so many of its periods at the latest, and after so many seconds.
SENSOR_PERIODS, SENSOR_S = 3, 30.0
PATTERNS: tuple[tuple[str, int], ...] = (
    (f"{topics.ROOT}/+/meta", 1),
    (f"{topics.ROOT}/+/pq/200ms/+", 0),
    (f"{topics.ROOT}/+/pq/3s/+", 0),
    (f"{topics.ROOT}/+/event/+", 1),
    (f"{topics.ROOT}/+/load/+", 1),
    (f"{topics.ROOT}/+/meter/+", 1),
    (f"{topics.ROOT}/+/device/+", 1),
    (f"{topics.ROOT}/+/health/+", 1),
)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A measurement and when it came, by the monotonic clock."""

    what: Measurement
    at_s: float


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """What a service said last and when it came."""

    payload: HealthPayload
    at_s: float


class Hub:
    """Bounded by the station's elements; safe to use from any thread.

    ``connected`` says whether the bus is there; ``monotonic`` and ``wall_ns`` are the clocks.
    """

    def __init__(
        self,
        settings: WebSettings,
        history: History,
        *,
        connected: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.settings = settings
        self.journal = Journal(history)
        self.refusals = Refusals()
        self.station_file = StationFile(settings.paths.station_file, settings.paths.station_refused)
        self.connected = connected
        self.monotonic = monotonic
        self.wall_ns = wall_ns
        self._lock = threading.Lock()
        self._meta_site: Site | None = None
        self._last: dict[str, _Arrived] = {}
        self._trend: dict[str, deque[Measurement]] = {}
        self._health: dict[str, ServiceHealth] = {}
        self._loads: dict[str, tuple[LoadPayload, float]] = {}
        self._readings: dict[tuple[str, str], tuple[ReadingPayload, float]] = {}
        self._versions = {"site": 0, "health": 0, "trend": 0, "load": 0, "sensors": 0}
        self.started_s = monotonic()
        self.look_at_station()

    # --- the station ------------------------------------------------------------------------------

    def look_at_station(self) -> None:
        """Read the station file again if it changed; what belongs to another station is forgotten."""
        if not self.station_file.look():
            return
        with self._lock:
            self._versions["site"] += 1
            site = self.station_file.site
            if site is not None:
                names = {e.id for e in site.elements}
                self._last = {k: v for k, v in self._last.items() if k in names}
                self._trend = {k: v for k, v in self._trend.items() if k in names}
                components = {c.id for c in site.components}
                self._loads = {k: v for k, v in self._loads.items() if k in components}
                sensors = {(s.kind, s.id) for s in site.sensors}
                self._readings = {k: v for k, v in self._readings.items() if k in sensors}

    @property
    def site(self) -> Site | None:
        """The station by its file; by the bus only where the file cannot be read at all."""
        if self.station_file.site is not None or not self.station_file.missing:
            return self.station_file.site
        return self._meta_site

    @property
    def station_state(self) -> StationState:
        """Whether there is a station to show."""
        if self.site is not None:
            return "ready"
        return "missing" if self.station_file.missing else "invalid"

    # --- messages ---------------------------------------------------------------------------------

    def take(self, topic: str, payload: bytes) -> None:
        """One message of the bus; never raises, whatever it holds."""
        try:
            if len(payload) > intake.MAX_PAYLOAD_BYTES:
                raise RefusedError("size")
            self._sort(topic, payload)
        except RefusedError as refused:
            self.refusals.count(str(refused), self.monotonic())

    def _sort(self, topic: str, payload: bytes) -> None:
        station = topic.removeprefix(f"{topics.ROOT}/").partition("/")[0]
        what = topics.parts(topic)
        site = self.site
        if site is None and what == ("meta",) and self.station_file.missing and intake.is_name(station):
            site = site_of_meta(intake.meta(station, payload))
            with self._lock:
                self._meta_site = site
                self._versions["site"] += 1
            return
        if site is None or station != site.id:
            raise RefusedError("station")
        match what:
            case ("pq", ("200ms" | "3s") as interval, element):
                self._take_measurement(site, interval, element, payload)
            case ("event", kind):
                event = intake.event(kind, payload)
                if site.element(event.element) is None:
                    raise RefusedError("element")
                self.journal.take(event)
            case ("load", component):
                self._take_load(site, component, payload)
            case ("meter" | "device" as kind, sensor):
                self._take_reading(site, kind, sensor, payload)
            case ("health", service):
                self._take_health(service, payload)
            case ("meta",):
                intake.meta(station, payload)
            case _:
                raise RefusedError("topic")

    def _take_measurement(self, site: Site, interval: str, element: str, payload: bytes) -> None:
        known = site.element(element)
        if known is None:
            raise RefusedError("element")
        m = intake.measurement(element, interval, payload)
        with self._lock:
            if interval == "200ms":
                self._last[element] = _Arrived(m, self.monotonic())
            elif known.kind == "busbar":
                kept = self.settings.trend_minutes * 20
                self._trend.setdefault(element, deque(maxlen=kept)).append(m)
                self._versions["trend"] += 1

    def _take_load(self, site: Site, component: str, payload: bytes) -> None:
        if site.component(component) is None:
            raise RefusedError("load")
        load = intake.load(component, payload)
        with self._lock:
            self._loads[component] = load, self.monotonic()
            self._versions["load"] += 1

    def _take_reading(self, site: Site, kind: str, sensor: str, payload: bytes) -> None:
        if site.sensor(kind, sensor) is None:
            raise RefusedError("reading")
        found = intake.reading(sensor, payload)
        with self._lock:
            self._readings[kind, sensor] = found, self.monotonic()
            self._versions["sensors"] += 1

    def _take_health(self, service: str, payload: bytes) -> None:
        if not intake.is_name(service):
            raise RefusedError("health")
        h = intake.health(payload)
        with self._lock:
            if service not in self._health and len(self._health) >= MAX_SERVICES:
                raise RefusedError("health")
            self._health[service] = ServiceHealth(h, self.monotonic())
            self._versions["health"] += 1

    # --- answers ----------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything that is live, judged, with its age."""
        site = self.site
        now_s, wall_ns = self.monotonic(), self.wall_ns()
        with self._lock:
            last = dict(self._last)
            versions = dict(self._versions)
        elements: dict[str, ElementNow] = {}
        newest_ns: int | None = None
        for e in site.elements if site else ():
            arrived = last.get(e.id)
            limits = None
            if site and e.kind == "busbar":
                limits = e.udin_v, site.nominal_frequency_hz, e.lines
            elements[e.id] = self._element(arrived, now_s, limits)
            if arrived is not None:
                end_ns = arrived.what.start_ns + arrived.what.duration_ns
                newest_ns = end_ns if newest_ns is None else max(newest_ns, end_ns)
        live = bool(elements) and self.connected() and any(not e.stale for e in elements.values())
        zone_name, utc_offset_s = offset(wall_ns)
        return Snapshot(
            time=iso(wall_ns),
            zone=zone_name,
            utc_offset_s=utc_offset_s,
            station=site.id if site else "",
            station_state=self.station_state,
            bus="connected" if self.connected() else "disconnected",
            live=live,
            lag_s=round((wall_ns - newest_ns) / NS, 2) if live and newest_ns is not None else None,
            versions=Versions(
                site=versions["site"],
                alarms=0,  # filled in by the board, which knows them
                events=self.journal.version,
                health=versions["health"],
                trend=versions["trend"],
                load=versions["load"],
                sensors=versions["sensors"],
            ),
            elements=elements,
        )

    @staticmethod
    def with_alarms(snapshot: Snapshot, version: int) -> Snapshot:
        """The same snapshot, with the version of the alarms that go with it."""
        versions = msgspec.structs.replace(snapshot.versions, alarms=version)
        return msgspec.structs.replace(snapshot, versions=versions)

    def _element(
        self, arrived: _Arrived | None, now_s: float, limits: tuple[float, float, tuple[str, ...]] | None
    ) -> ElementNow:
        if arrived is None:
            return ElementNow(stale=True, judgement=Judgement("not-judged", "no-data") if limits else None)
        m = arrived.what
        age_s = max(0.0, now_s - arrived.at_s)
        stale = age_s > self.settings.stale_after_s
        judgement = None
        if limits:
            judgement = (
                Judgement("not-judged", "stale") if stale else judge_busbar(m.values, m.flags, *limits)
            )
        return ElementNow(
            stale=stale,
            t=iso(m.start_ns),
            dt=m.duration_ns / NS,
            age_s=round(age_s, 2),
            flag=m.flags,
            v=m.values,
            judgement=judgement,
            direction=None if limits else direction(m.values),
            character=None if limits else character(m.values),
        )

    def shows(self, event: Event) -> bool:
        """Whether an event that was not seen to end is still going on, by its element's newest values."""
        if self.wall_ns() - event.start_ns < FRESH_NS:
            return True
        with self._lock:
            arrived = self._last.get(event.element)
        silent = arrived is None or self.monotonic() - arrived.at_s > self.settings.stale_after_s
        flags = () if arrived is None else arrived.what.flags
        if event.type == "gap":
            return silent or "gap" in flags
        same = ("swell",) if event.type == "swell" else ("dip", "interruption")
        return not silent and any(f in same for f in flags)

    def loads(self) -> list[LoadRow]:
        """What each transformer and cable bears, in the file's order."""
        site = self.site
        now_s = self.monotonic()
        with self._lock:
            known = dict(self._loads)
        rows = []
        for c in site.components if site else ():
            field = site.element(c.field) if site else None
            load, at_s = known.get(c.id, (None, now_s))
            age_s = None if load is None else self._load_age_s(load, now_s - at_s)
            stale = age_s is None or age_s > LOAD_STALE_S
            name = c.field if field is None else field.name
            rows.append(LoadRow(c.id, c.kind, c.name, name, stale, age_s, load))
        return rows

    def _load_age_s(self, load: LoadPayload, heard_s: float) -> float:
        """A retained message may be older than when it was heard."""
        said_s = (self.wall_ns() - from_iso(load.t)) / NS - load.dt
        return round(max(0.0, heard_s, said_s), 1)

    def sensors(self) -> list[SensorRow]:
        """What each meter and device tells, in the file's order."""
        site = self.site
        with self._lock:
            known = dict(self._readings)
        return [self._sensor(site, s, known.get((s.kind, s.id))) for s in site.sensors] if site else []

    def _sensor(self, site: Site, meta: SensorMeta, heard: tuple[ReadingPayload, float] | None) -> SensorRow:
        about = site.called(meta.about)
        if heard is None:
            return SensorRow(meta.id, meta.kind, meta.name, about, "silent")
        reading, at_s = heard
        heard_s = self.monotonic() - at_s
        # A retained message may be older than when it was heard.
        age_s = heard_s if reading.t is None else max(heard_s, (self.wall_ns() - from_iso(reading.t)) / NS)
        if reading.state == "ok" and age_s > max(SENSOR_S, SENSOR_PERIODS * meta.period_s):
            return SensorRow(meta.id, meta.kind, meta.name, about, "silent", round(age_s, 1))
        return SensorRow(
            meta.id,
            meta.kind,
            meta.name,
            about,
            reading.state,
            None if reading.t is None else round(max(0.0, age_s), 1),
            reading.v if reading.state == "ok" else {},
            reading.reason,
            reading.detail,
        )

    def health(self) -> dict[str, ServiceHealth]:
        """What each service said last."""
        with self._lock:
            return dict(self._health)

    def services(self) -> list[ServiceRow]:
        """Each service's account of itself, by name; one that says nothing is ``silent``."""
        now_s = self.monotonic()
        rows = []
        for name, h in sorted(self.health().items()):
            age_s = now_s - h.at_s
            silent = h.payload.state != "offline" and age_s > self.settings.silent_after_s
            state = "silent" if silent else h.payload.state
            p = h.payload
            rows.append(ServiceRow(name, state, p.t, round(age_s, 1), p.version, p.counters))
        return rows

    def trend(self, element: str, after_s: float = -math.inf) -> TrendRow:
        """3-s voltages of a busbar that begin after ``after_s``; one with a gap is a hole, never a point."""
        with self._lock:
            kept = [m for m in self._trend.get(element, ()) if m.start_ns / NS > after_s]

        def series(name: str) -> tuple[float | None, ...]:
            return tuple(None if "gap" in m.flags else m.values.get(name) for m in kept)

        times = tuple(m.start_ns / NS for m in kept)
        meta = self.site.element(element) if self.site else None
        names = PHASES if meta is None else meta.lines
        return TrendRow(times, names, tuple(series(f"u_{x}_v") for x in names))
