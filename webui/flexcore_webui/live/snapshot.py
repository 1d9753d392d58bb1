"""The published shape of ``/api/v1``: typed structs, encoded once per tick for all viewers."""

from __future__ import annotations

from typing import Literal

import msgspec

from flexcore.loading.payload import LoadPayload
from flexcore.payloads import ElementMeta
from flexcore_webui.live.judge import Judgement

BusState = Literal["connected", "disconnected"]
EventRowState = Literal["begin", "end", "unknown"]
Severity = Literal["fault", "warning"]
StationState = Literal["ready", "missing", "invalid"]


class ElementNow(msgspec.Struct, frozen=True):
    """Last 200-ms values of one element. ``t`` is the interval's start; ``age_s`` counts from arrival.

    Of a field: ``direction`` of the active power, ``character`` of the reactive power.
    """

    stale: bool
    t: str | None = None
    dt: float | None = None
    age_s: float | None = None
    flag: tuple[str, ...] = ()
    v: dict[str, float | None] = {}
    judgement: Judgement | None = None
    direction: Literal["to-field", "to-busbar", "none"] | None = None
    character: Literal["inductive", "capacitive"] | None = None


class Versions(msgspec.Struct, frozen=True):
    """Each rises when its list changes; a page fetches a list again when its number differs."""

    site: int
    alarms: int
    events: int
    health: int
    trend: int
    load: int
    sensors: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that is live. ``time`` is the box's clock; ``lag_s`` how far ``t`` is behind it.

    ``zone`` and ``utc_offset_s`` turn its UTC times into the station's wall clock.
    """

    time: str
    zone: str
    utc_offset_s: int
    station: str
    station_state: StationState
    bus: BusState
    live: bool
    lag_s: float | None
    versions: Versions
    elements: dict[str, ElementNow]


class StationNow(msgspec.Struct, frozen=True):
    """``/api/v1/about``: the station and the software."""

    station: str
    name: str
    station_state: StationState
    problem: str
    nominal_frequency_hz: float | None
    elements: tuple[ElementMeta, ...]
    flexcore_version: str
    image_id: str
    image_version: str
    system: str


class OriginRow(msgspec.Struct, frozen=True):
    """Where an event came from: ``place``, the field in whose direction, how probable it is."""

    place: str
    field_name: str | None
    percent: int


class EventRow(msgspec.Struct, frozen=True):
    """An event as the list shows it; ``extreme_percent`` is of ``reference_v``.

    ``state`` is ``begin`` while it lasts, ``end``, or ``unknown`` where its end was not seen.
    """

    id: str
    type: str
    element: str
    element_name: str
    state: EventRowState
    t: str
    t_end: str | None = None
    duration_s: float | None = None
    extreme_v: float | None = None
    reference_v: float | None = None
    extreme_percent: float | None = None
    phases: tuple[str, ...] = ()
    flag: tuple[str, ...] = ()
    origin: OriginRow | None = None


class LoadRow(msgspec.Struct, frozen=True):
    """What a transformer or cable bears, as the list shows it; ``load`` is what the bus said last.

    ``stale``: nothing has come for so long that it says nothing any more.
    """

    id: str
    kind: str
    name: str
    field_name: str
    stale: bool
    age_s: float | None = None
    load: LoadPayload | None = None


class SensorRow(msgspec.Struct, frozen=True):
    """What a meter or device tells, as the list shows it; ``about`` is the name of what it measures.

    ``state`` is the sensor's own, or ``silent`` where nothing has come for so long that it says nothing any
    more. Only an ``ok`` one has values.
    """

    id: str
    kind: str
    name: str
    about: str
    state: Literal["ok", "stale", "wrong", "silent"]
    age_s: float | None = None
    v: dict[str, float | None] = {}
    reason: str = ""
    detail: str = ""


class AlarmRow(msgspec.Struct, frozen=True):
    """Something a person should know; ``service`` is empty where the page itself noticed it."""

    severity: Severity
    code: str
    service: str = ""
    since: str | None = None
    detail: str = ""
    count: int | None = None


class ServiceRow(msgspec.Struct, frozen=True):
    """One service's own account of itself."""

    name: str
    state: str
    t: str | None
    age_s: float | None
    version: str
    counters: dict[str, int | float]


class TrendRow(msgspec.Struct, frozen=True):
    """3-s voltages of one busbar: times in s since 1970, names of the three ``lines``, and of each its
    voltages; None where a value is missing or flagged."""

    t: tuple[float, ...]
    lines: tuple[str, ...]
    u_v: tuple[tuple[float | None, ...], ...]
