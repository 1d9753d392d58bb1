"""Messages from the bus become checked values, or a counted refusal. Whoever may publish may lie."""

from __future__ import annotations

import math
import re
from collections import Counter

from flexcore import quantities
from flexcore.loading.payload import LoadPayload, decode_load
from flexcore.model import Event, Measurement
from flexcore.payloads import (
    NS,
    Alarm,
    HealthPayload,
    MetaPayload,
    PayloadError,
    ReadingPayload,
    decode_event,
    decode_health,
    decode_measurement,
    decode_meta,
    decode_reading,
    from_iso,
)

MAX_PAYLOAD_BYTES = 64 * 1024
MAX_ALARMS = 32
MAX_COUNTERS = 128
MAX_TEXT = 300
#: A meter's profile may name many values.
MAX_VALUES = 256
#: How long a refused message is worth an alarm.
RECENT_S = 60.0
LINES = frozenset((*quantities.PHASES, *quantities.PAIRS))
#: A time outside 2000 to 2100 is a lie or a clock that was never set; neither can be shown as a date.
FIRST_NS, LAST_NS = 946_684_800 * NS, 4_102_444_800 * NS

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,31}$")
_VALUE = re.compile(r"^[a-z][a-z0-9_]{0,47}$")
_EVENT_ID = re.compile(r"^[A-Za-z0-9_.:-]{1,128}$")
_KNOWN = frozenset(quantities.BY_NAME)
#: What a decoder may raise on hostile numbers and nesting, besides its own error.
_BAD = (PayloadError, ValueError, OverflowError, RecursionError)


class RefusedError(ValueError):
    """A message that is not taken; the text is the name of a counter."""


def is_name(text: str) -> bool:
    """Whether ``text`` can be the name of a service or an element."""
    return _NAME.match(text) is not None


def _check_time(time_ns: int) -> None:
    if not FIRST_NS <= time_ns < LAST_NS:
        raise RefusedError("time")


def _finite(value: float | None) -> bool:
    return value is None or math.isfinite(value)


def measurement(element: str, interval: str, raw: bytes) -> Measurement:
    """A measurement with known quantities and finite numbers only."""
    try:
        m = decode_measurement(element, interval, raw)
    except _BAD as error:
        raise RefusedError("measurement") from error
    _check_time(m.start_ns)
    if not 0 < m.duration_ns <= 60 * NS:
        raise RefusedError("measurement")
    values = {k: v for k, v in m.values.items() if k in _KNOWN and _finite(v)}
    return Measurement(m.element, m.interval, m.start_ns, m.duration_ns, values, m.flags)


def event(kind: str, raw: bytes) -> Event:
    """An event whose type is its topic's."""
    try:
        e = decode_event(raw)
    except _BAD as error:
        raise RefusedError("event") from error
    _check_time(e.start_ns)
    numbers_ok = all(_finite(v) for v in (e.extreme_v, e.reference_v))
    duration_ok = e.duration_ns is None or 0 <= e.duration_ns < LAST_NS - FIRST_NS
    phases_ok = len(e.phases) <= 3 and all(p.lower() in LINES for p in e.phases)
    id_ok = _EVENT_ID.match(e.id) is not None
    if e.type != kind or not (numbers_ok and duration_ok and phases_ok and id_ok):
        raise RefusedError("event")
    return e


def health(raw: bytes) -> HealthPayload:
    """A service's state, its lists and texts cut to what a page can show."""
    try:
        h = decode_health(raw)
    except _BAD as error:
        raise RefusedError("health") from error
    alarms = tuple(
        Alarm(a.code[:64], a.since[:40], a.detail[:MAX_TEXT]) for a in h.alarms[:MAX_ALARMS] if a.code
    )
    counters = {k: v for k, v in list(h.counters.items())[:MAX_COUNTERS] if len(k) <= 64 and _finite(v)}
    return HealthPayload(h.t[:40], h.state, h.version[:40], alarms, counters)


def load(component: str, raw: bytes) -> LoadPayload:
    """The judgement of the component that its topic names."""
    try:
        found = decode_load(raw)
        start_ns = from_iso(found.t)
    except _BAD as error:
        raise RefusedError("load") from error
    _check_time(start_ns)
    numbers = [found.dt, *found.figures.values()]
    for finding in found.findings:
        remaining = None if finding.remaining_min == "never" else finding.remaining_min
        numbers += [n for n in (finding.value, finding.limit, finding.percent, remaining) if n is not None]
    if found.id != component or not all(_finite(n) for n in numbers):
        raise RefusedError("load")
    return found


def reading(sensor: str, raw: bytes) -> ReadingPayload:
    """The reading of the meter or device that its topic names."""
    try:
        found = decode_reading(raw)
        if found.t is not None:
            _check_time(from_iso(found.t))
    except _BAD as error:
        raise RefusedError("reading") from error
    values_ok = len(found.v) <= MAX_VALUES and all(
        _VALUE.match(name) and _finite(value) for name, value in found.v.items()
    )
    if found.id != sensor or not values_ok:
        raise RefusedError("reading")
    if found.state == "ok" and found.t is None:
        raise RefusedError("reading")
    return ReadingPayload(
        found.id, found.state, found.t, found.about, found.v, found.reason[:40], found.detail[:MAX_TEXT]
    )


def meta(station: str, raw: bytes) -> MetaPayload:
    """The description of ``station``; names are cut by the site that is made of it."""
    try:
        m = decode_meta(raw)
    except _BAD as error:
        raise RefusedError("meta") from error
    frequency_ok = m.nominal_frequency_hz in (50.0, 60.0)
    elements_ok = all(
        is_name(e.id) and is_name(e.busbar) and len(e.name) <= 80 and 50.0 <= e.nominal_v <= 500_000.0
        for e in m.elements
    )
    components_ok = all(is_name(c.id) and is_name(c.field) and len(c.name) <= 80 for c in m.components)
    sensors_ok = all(is_name(s.id) and len(s.name) <= 80 and 0.0 < s.period_s <= 3600.0 for s in m.sensors)
    parts_ok = elements_ok and components_ok and sensors_ok
    if m.station != station or len(m.name) > 80 or not (frequency_ok and parts_ok):
        raise RefusedError("meta")
    return m


class Refusals:
    """How many messages were refused, by kind; the set of kinds is fixed by the code above."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._last_s = -math.inf

    def count(self, kind: str, at_s: float) -> None:
        """One more, at this time of the monotonic clock."""
        self._counts[kind] += 1
        self._last_s = at_s

    def recent(self, now_s: float) -> bool:
        """Whether one came in the last :data:`RECENT_S`: what has passed is only counted."""
        return now_s - self._last_s < RECENT_S

    @property
    def counts(self) -> dict[str, int]:
        """Counts by kind."""
        return dict(self._counts)

    @property
    def total(self) -> int:
        """All kinds together."""
        return sum(self._counts.values())
