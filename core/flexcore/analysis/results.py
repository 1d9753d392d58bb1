"""What an analysis gives: typed, and as JSON by ``msgspec.json.encode``; not-a-number and None become null.

Seconds (``..._s``, ``at_s``) count from the recording's first sample. Names of quantities and their units:
:mod:`flexcore.quantities`. New keys may come; those that are there keep their meaning while ``schema`` stays.
"""

from __future__ import annotations

import msgspec

from flexcore.limits.outcome import Evaluation
from flexcore.limits.text import Clock
from flexcore.loading.payload import LoadPayload

SCHEMA = "flexcore-analysis-1"


class RecordingInfo(msgspec.Struct, frozen=True):
    """The file, of which ``from_s`` to ``to_s`` was analysed; ``notes`` say what was decided about it.

    ``start`` is ISO 8601 as the file's clock shows it, with its zone where that is known.
    """

    file: str
    form: str
    title: str
    channels: int
    samples: int
    rate_hz: float
    seconds: float
    start: str | None
    zone: str | None
    from_s: float
    to_s: float
    notes: tuple[str, ...] = ()


class ChannelUse(msgspec.Struct, frozen=True):
    """One channel of an element: what it is made of, as ``(number, name, factor to V or A)``."""

    channel: str
    sources: tuple[tuple[int, str, float], ...]
    step: float | None
    clipped: int


class Statistic(msgspec.Struct, frozen=True):
    """One quantity over all intervals that had a value; angles have a mean of directions."""

    unit: str
    count: int
    mean: float
    min: float
    min_at_s: float
    max: float
    max_at_s: float


class Spectrum(msgspec.Struct, frozen=True):
    """Mean and largest value per place (order); None above what the recording's rate gives."""

    mean: tuple[float | None, ...]
    max: tuple[float | None, ...]


class IntervalResult(msgspec.Struct, frozen=True):
    """All measurements of one interval (``200ms``, ``3s``, ...) of one element.

    ``flags`` counts how many of them carry each flag.
    """

    count: int
    flags: dict[str, int]
    quantities: dict[str, Statistic]
    spectra: dict[str, Spectrum] = {}


class ElementResult(msgspec.Struct, frozen=True):
    """A busbar (``nominal_v`` between phases, ``earth_v`` to earth, ``udin_v`` of the ``voltages`` that are
    judged) or a field (``busbar``)."""

    id: str
    kind: str
    name: str
    channels: tuple[ChannelUse, ...]
    intervals: dict[str, IntervalResult]
    busbar: str | None = None
    nominal_v: float | None = None
    earth_v: float | None = None
    udin_v: float | None = None
    voltages: str | None = None


class OriginResult(msgspec.Struct, frozen=True):
    """Where an event came from, as :class:`flexcore.model.EventOrigin`; ``directions`` by field."""

    place: str
    field: str | None
    confidence: float
    directions: dict[str, str]
    reason: str


class EventResult(msgspec.Struct, frozen=True):
    """An event; ``open`` where the recording ended before it did. ``extreme_percent`` is of Udin."""

    type: str
    element: str
    at_s: float
    start: str | None
    duration_s: float | None
    open: bool
    phases: tuple[str, ...]
    extreme_v: float | None
    extreme_percent: float | None
    flags: tuple[str, ...]
    detail: dict[str, float]
    origin: OriginResult | None = None


class Mapping(msgspec.Struct, frozen=True):
    """Where busbars and fields come from, and what a person should look at.

    ``side``: whether the values are primary, and how the file says so.
    """

    origin: str
    side: str
    nominal_v_from: str
    nominal_hz: int
    nominal_hz_from: str
    doubts: tuple[str, ...]
    unused: tuple[tuple[int, str], ...]


class Judged(msgspec.Struct, frozen=True):
    """A busbar against a limit set (``evaluation``, :mod:`flexcore.limits.outcome`).

    Its times are nanoseconds since 1970 on the file's own clock (``clock``: ``file``, or ``utc`` where the
    file says that it is), or since the first sample where the file tells no time (``start``). ``doubts`` are
    what a person should look at.
    """

    busbar: str
    clock: Clock
    doubts: tuple[str, ...]
    evaluation: Evaluation


class Analysis(msgspec.Struct, frozen=True):
    """All of it; ``limits`` only where a limit set was given, one for each busbar. ``loads``: of each
    transformer and cable of the station file its heaviest judgement, times on the file's own clock."""

    recording: RecordingInfo
    mapping: Mapping
    gives: tuple[str, ...]
    cannot: tuple[str, ...]
    warnings: tuple[str, ...]
    elements: tuple[ElementResult, ...]
    events: tuple[EventResult, ...]
    gaps: tuple[EventResult, ...]
    limits: tuple[Judged, ...] = ()
    loads: tuple[LoadPayload, ...] = ()
    schema: str = SCHEMA
    version: str = ""
