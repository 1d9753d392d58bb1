"""The two nouns: :class:`Block` before the DSP, :class:`Measurement` and :class:`Event` after it.

Nothing here does I/O. Times are UTC in nanoseconds since 1970; names carry their units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:  # services that only see measurements must not pay for NumPy (20 MB, seconds on a slow box)
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.float32]
    Rows: TypeAlias = npt.NDArray[np.float64]
else:
    Samples = Rows = object

#: Why a value must not be judged. ``gap``: samples are missing inside the interval. ``start``: the
#: instrument was still settling. ``dip``, ``swell``, ``interruption``: IEC 61000-4-30 flagging.
#: ``sync``: no voltage to synchronise on, the window length is held or follows a current. ``saturated``: the
#: sensor's range ended before the signal did. ``rotation``: the phases turn the other way round.
Flag = Literal["gap", "start", "dip", "swell", "interruption", "sync", "saturated", "rotation"]

#: First index and the index after the last one, of a run of samples.
Span: TypeAlias = tuple[int, int]

EventType = Literal["dip", "swell", "interruption", "rvc", "transient", "gap"]
EventState = Literal["begin", "end"]


#: A longer waveform comes in pieces, so that each fits into a message of the bus.
PIECE_SAMPLES = 8000


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of one element (a busbar's voltages or a field's currents), complete and contiguous.

    Blocks lie on a fixed grid: block ``sequence`` covers the samples ``sequence * n`` up to
    ``(sequence + 1) * n`` since 1970, where ``n = samples.shape[1]``. A block is complete or it is
    absent; a hole in ``sequence`` is a gap and is never bridged.

    ``samples`` is float32, shape (channels, n), in the channel's SI unit (V or A), primary side.
    ``saturated`` are the columns, in order and apart, at which a channel left the sensor's range.
    """

    source: str
    sequence: int
    start_ns: int
    rate_hz: float
    channels: tuple[str, ...]
    samples: Samples
    saturated: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """Values of one element over one interval.

    ``values`` maps a quantity's name (see :mod:`flexcore.quantities`) to its value in the unit that the
    name ends in, or to None where it could not be measured. ``interval`` is one of
    :data:`flexcore.quantities.INTERVALS`. ``coverage`` is the part of the interval that was measured.
    ``spectra`` maps the name of a spectrum, e.g. ``u_h_l1_v``, to its values by order
    (:data:`flexcore.quantities.SPECTRA`); from 3 s on.
    """

    element: str
    interval: str
    start_ns: int
    duration_ns: int
    values: dict[str, float | None]
    flags: tuple[Flag, ...] = ()
    coverage: float = 1.0
    spectra: dict[str, tuple[float, ...]] = field(default_factory=dict)


#: Seen from a field's meter: ``downstream`` is along its line, ``upstream`` towards the busbar.
Direction = Literal["downstream", "upstream", "unknown"]
#: What carries the cause: a field, the supply (also seen through a field), the busbar itself, a branch that
#: nobody measures.
Place = Literal["field", "supply", "busbar", "unmeasured", "unknown"]


@dataclass(frozen=True, slots=True)
class FieldDirection:
    """In which direction of a field's meter the cause lies; ``methods`` are those that said so."""

    field: str
    direction: Direction
    confidence: float
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """Where an event of a busbar came from (:mod:`flexcore.dsp.origin` says how it is found).

    ``field`` is the one in whose direction the cause lies, None where that is not known; ``reason`` why
    nothing is claimed.
    """

    place: Place
    field: str | None
    confidence: float
    fields: tuple[FieldDirection, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A dip, swell, interruption, rapid voltage change (rvc), transient or gap of one element.

    Told at its begin and again at its end, rvc and transient only then; on the bus once more when its
    ``origin`` is known. ``id`` is the same each time and depends on nothing but type, element and start.
    ``extreme_v`` is the residual voltage (dip, interruption), the highest Urms(1/2) (swell), dUmax (rvc) or
    the largest deviation from the cycle before, with its sign (transient); ``reference_v`` is the declared
    phase voltage Udin; both None for a gap. ``phases`` are those that crossed the threshold.
    """

    id: str
    type: EventType
    element: str
    state: EventState
    start_ns: int
    duration_ns: int | None = None
    extreme_v: float | None = None
    reference_v: float | None = None
    phases: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    detail: dict[str, float] = field(default_factory=dict)
    origin: EventOrigin | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """The origin of the ``events`` (ids) of a busbar has been found, or it is certain that it cannot be."""

    events: tuple[str, ...]
    element: str
    origin: EventOrigin


@dataclass(frozen=True, slots=True)
class Waveform:
    """Samples of one element around an event, at most :data:`PIECE_SAMPLES` a piece.

    ``events`` are the ids of the events in it. ``samples`` is float32, (channels, n), in V or A.
    """

    events: tuple[str, ...]
    element: str
    start_ns: int
    rate_hz: float
    channels: tuple[str, ...]
    samples: Samples


@dataclass(frozen=True, slots=True)
class Trace:
    """Half-cycle values of one element around an event, over the cycles of its busbar's phases.

    ``rows`` is float64, (n, 5): seconds from ``start_ns`` to the start of the cycle, its length in seconds,
    phase 0..2, the RMS (V or A), and for a field with a neutral the neutral's, else not-a-number.
    """

    events: tuple[str, ...]
    element: str
    start_ns: int
    rows: Rows


def event_id(kind: EventType, element: str, start_ns: int) -> str:
    """The name under which an event is known on every bus and in the store."""
    return f"{kind}-{element}-{start_ns}"
