"""JSON payloads of the measurement bus: typed, so that a foreign message is refused, not misread.

The structs are the published schema; :mod:`flexcore.model` is what the code works with.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar, cast

import msgspec
from msgspec import Meta

from flexcore.clock.quality import ClockState
from flexcore.errors import FlexcoreError
from flexcore.model import (
    Direction,
    Event,
    EventOrigin,
    EventState,
    EventType,
    FieldDirection,
    Flag,
    Measurement,
    Place,
    Trace,
    Waveform,
)
from flexcore.quantities import Voltages, declared_v, lines_of

NS = 1_000_000_000
#: Longest spectrum that is believed.
MAX_ORDERS = 256

#: Seconds; what is outside would not fit in nanoseconds, or is no interval.
Duration = Annotated[float, Meta(ge=0.0, le=1e9)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
MAX_FIELDS = 64
HealthState = Literal["ok", "degraded", "fault", "offline"]


T = TypeVar("T")


class PayloadError(FlexcoreError, ValueError):
    """A message on the bus is not what its topic promises."""

    code = "payload"


class MeasurementPayload(msgspec.Struct, frozen=True, omit_defaults=True):
    """``.../pq/INTERVAL/ELEMENT``; ``cov`` is the part of the interval that was measured, ``s`` are spectra
    by order (names as in :data:`flexcore.quantities.SPECTRA`)."""

    t: str
    dt: Duration
    v: dict[str, float | None]
    flag: tuple[Flag, ...] = ()
    cov: Annotated[float, Meta(ge=0.0, le=1.0)] = 1.0
    s: dict[str, Annotated[tuple[float, ...], Meta(max_length=MAX_ORDERS)]] = {}


class DirectionPayload(msgspec.Struct, frozen=True):
    """One field's part of an origin."""

    field: str
    direction: Direction
    confidence: Share
    methods: tuple[str, ...] = ()


class OriginPayload(msgspec.Struct, frozen=True):
    """Where an event came from."""

    place: Place
    field: str | None
    confidence: Share
    fields: Annotated[tuple[DirectionPayload, ...], Meta(max_length=MAX_FIELDS)] = ()
    reason: str = ""


class WaveformPayload(msgspec.Struct, frozen=True):
    """``.../waveform/ELEMENT``: ``samples`` are float32, little-endian, channel after channel (base64)."""

    events: tuple[str, ...]
    t: str
    rate_hz: float
    channels: tuple[str, ...]
    samples: bytes


class TracePayload(msgspec.Struct, frozen=True):
    """``.../trace/ELEMENT``: seconds after ``t``, seconds of the cycle, phase 0..2, RMS, neutral's."""

    events: tuple[str, ...]
    t: str
    rows: tuple[tuple[float, float, int, float, float | None], ...]


class EventPayload(msgspec.Struct, frozen=True):
    """``.../event/TYPE``."""

    id: str
    type: EventType
    element: str
    state: EventState
    t: str
    dt: Duration | None = None
    extreme_v: float | None = None
    reference_v: float | None = None
    phases: tuple[str, ...] = ()
    flag: tuple[Flag, ...] = ()
    detail: dict[str, float] = {}
    origin: OriginPayload | None = None


class TimePayload(msgspec.Struct, frozen=True, omit_defaults=True):
    """``.../time``: how far the box's clock may be from UTC (:class:`flexcore.clock.TimeQuality`)."""

    t: str
    state: ClockState
    within: bool
    error_s: float | None = None
    offset_s: float | None = None
    stratum: int | None = None
    source: str = ""
    age_s: float | None = None


class ReadingPayload(msgspec.Struct, frozen=True, omit_defaults=True):
    """``.../meter/M``, ``.../device/D``: one reading of a meter or a device, whole or not at all.

    ``state`` is ``ok``, ``stale`` (no reading for some periods; ``v`` is empty) or ``wrong`` (something
    answers that is not the one of the station file); ``reason`` is a key of
    :data:`flexcore.drivers.errors.Reason`, ``detail`` for experts. ``t`` is when it was read, of a stale one
    when it was read last. ``about``: the element or component that it measures.
    """

    id: str
    state: Literal["ok", "stale", "wrong"]
    t: str | None = None
    about: str | None = None
    v: dict[str, float | None] = {}
    reason: str = ""
    detail: str = ""


class Alarm(msgspec.Struct, frozen=True):
    """Something a person should know; ``code`` is translated by the page, ``detail`` is for experts."""

    code: str
    since: str
    detail: str = ""


class HealthPayload(msgspec.Struct, frozen=True):
    """``.../health/SERVICE``."""

    t: str
    state: HealthState
    version: str
    alarms: tuple[Alarm, ...] = ()
    counters: dict[str, int | float] = {}


class ElementMeta(msgspec.Struct, frozen=True):
    """One busbar or field in the station's description; ``nominal_v`` and the ``voltages`` that are judged
    are those of its busbar."""

    id: str
    kind: Literal["busbar", "field"]
    name: str
    busbar: str
    nominal_v: float
    channels: tuple[str, ...]
    voltages: Voltages = "phase_to_earth"

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the three voltages that are judged."""
        return lines_of(self.voltages)

    @property
    def udin_v(self) -> float:
        """Declared voltage of those that are judged."""
        return declared_v(self.nominal_v, self.voltages)


class ComponentMeta(msgspec.Struct, frozen=True):
    """One transformer or cable whose load is judged, and the field that measures it."""

    id: str
    kind: Literal["transformer", "cable"]
    name: str
    field: str


class SensorMeta(msgspec.Struct, frozen=True):
    """One meter or device, how often it is asked, and the element or component that it measures."""

    id: str
    kind: Literal["meter", "device"]
    name: str
    period_s: float
    about: str | None = None


class MetaPayload(msgspec.Struct, frozen=True):
    """``.../meta``: what the station consists of; the unit of a quantity is the suffix of its name."""

    station: str
    name: str
    nominal_frequency_hz: float
    elements: tuple[ElementMeta, ...]
    components: tuple[ComponentMeta, ...] = ()
    sensors: tuple[SensorMeta, ...] = ()


def iso(time_ns: int) -> str:
    """UTC in ISO 8601 with microseconds, e.g. ``2026-11-23T01:02:03.200000Z``."""
    seconds, rest = divmod(time_ns, NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def from_iso(text: str) -> int:
    """Nanoseconds since 1970 of what :func:`iso` wrote; raises :class:`PayloadError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PayloadError(f"time {text!r}: expected ISO 8601 in UTC") from error
    if moment.tzinfo is None:
        raise PayloadError(f"time {text!r}: expected a time zone")
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * NS + moment.microsecond * 1000


_encoder = msgspec.json.Encoder()
_measurement = msgspec.json.Decoder(MeasurementPayload)
_event = msgspec.json.Decoder(EventPayload)
_origins = msgspec.json.Decoder(OriginPayload)
_health = msgspec.json.Decoder(HealthPayload)
_meta = msgspec.json.Decoder(MetaPayload)
_reading = msgspec.json.Decoder(ReadingPayload)


def encode(payload: msgspec.Struct) -> bytes:
    """JSON bytes of any payload above; not-a-number becomes null."""
    return _encoder.encode(payload)


def encode_measurement(m: Measurement) -> bytes:
    """The payload of one measurement."""
    return encode(
        MeasurementPayload(
            t=iso(m.start_ns),
            dt=round(m.duration_ns / NS, 6),
            v=m.values,
            flag=m.flags,
            cov=m.coverage,
            s=m.spectra,
        )
    )


def encode_event(e: Event) -> bytes:
    """The payload of one event."""
    dt = None if e.duration_ns is None else round(e.duration_ns / NS, 6)
    return encode(
        EventPayload(
            id=e.id,
            type=e.type,
            element=e.element,
            state=e.state,
            t=iso(e.start_ns),
            dt=dt,
            extreme_v=e.extreme_v,
            reference_v=e.reference_v,
            phases=e.phases,
            flag=e.flags,
            detail=e.detail,
            origin=None if e.origin is None else _origin_payload(e.origin),
        )
    )


def encode_origin(origin: EventOrigin) -> bytes:
    """An origin alone, as it lies in an event."""
    return encode(_origin_payload(origin))


def decode_origin(raw: str | bytes) -> EventOrigin:
    """What :func:`encode_origin` wrote; raises :class:`PayloadError`."""
    return _origin(decoded(_origins, raw, "origin"))


def _origin_payload(o: EventOrigin) -> OriginPayload:
    fields = tuple(DirectionPayload(f.field, f.direction, f.confidence, f.methods) for f in o.fields)
    return OriginPayload(o.place, o.field, o.confidence, fields, o.reason)


def _origin(p: OriginPayload) -> EventOrigin:
    fields = tuple(FieldDirection(f.field, f.direction, f.confidence, f.methods) for f in p.fields)
    return EventOrigin(p.place, p.field, p.confidence, fields, p.reason)


def encode_waveform(w: Waveform) -> bytes:
    """The payload of a piece of a waveform."""
    raw = w.samples.astype("<f4", copy=False).tobytes()
    return encode(WaveformPayload(w.events, iso(w.start_ns), w.rate_hz, w.channels, raw))


def encode_trace(trace: Trace) -> bytes:
    """The payload of a half-cycle trace."""
    rows = tuple(
        (round(at_s, 6), round(length_s, 6), int(phase), rms, None if math.isnan(neutral) else neutral)
        for at_s, length_s, phase, rms, neutral in cast("list[list[float]]", trace.rows.tolist())
    )
    return encode(TracePayload(trace.events, iso(trace.start_ns), rows))


def decoded(decoder: msgspec.json.Decoder[T], raw: str | bytes, what: str) -> T:
    """JSON as ``decoder`` has it; raises :class:`PayloadError`, also where it is nested beyond all bounds."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"{what}: {error}") from error


def decode_measurement(element: str, interval: str, raw: bytes) -> Measurement:
    """A measurement from its payload; raises :class:`PayloadError`."""
    p = decoded(_measurement, raw, f"measurement of {element}")
    return Measurement(element, interval, from_iso(p.t), round(p.dt * NS), p.v, p.flag, p.cov, p.s)


def decode_event(raw: bytes) -> Event:
    """An event from its payload; raises :class:`PayloadError`."""
    p = decoded(_event, raw, "event")
    return Event(
        id=p.id,
        type=p.type,
        element=p.element,
        state=p.state,
        start_ns=from_iso(p.t),
        duration_ns=None if p.dt is None else round(p.dt * NS),
        extreme_v=p.extreme_v,
        reference_v=p.reference_v,
        phases=p.phases,
        flags=p.flag,
        detail=p.detail,
        origin=None if p.origin is None else _origin(p.origin),
    )


def decode_health(raw: bytes) -> HealthPayload:
    """A service's state; raises :class:`PayloadError`."""
    return decoded(_health, raw, "health")


def decode_meta(raw: bytes) -> MetaPayload:
    """The station's description; raises :class:`PayloadError`."""
    return decoded(_meta, raw, "meta")


def decode_reading(raw: bytes) -> ReadingPayload:
    """A meter's or a device's reading; raises :class:`PayloadError`."""
    return decoded(_reading, raw, "reading")
