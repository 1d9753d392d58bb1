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
else:
    Samples = object

#: Why a value must not be judged. ``gap``: samples are missing inside the interval. ``start``: the
#: instrument was still settling. ``dip``, ``swell``, ``interruption``: IEC 61000-4-30 flagging.
#: ``sync``: no voltage to synchronise on, the window length is nominal or held.
Flag = Literal["gap", "start", "dip", "swell", "interruption", "sync"]

EventType = Literal["dip", "swell", "interruption", "gap"]
EventState = Literal["begin", "end"]


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of one element (a busbar's voltages or a field's currents), complete and contiguous.

    Blocks lie on a fixed grid: block ``sequence`` covers the samples ``sequence * n`` up to
    ``(sequence + 1) * n`` since 1970, where ``n = samples.shape[1]``. A block is complete or it is
    absent; a hole in ``sequence`` is a gap and is never bridged.

    ``samples`` is float32, shape (channels, n), in the channel's SI unit (V or A), primary side.
    """

    source: str
    sequence: int
    start_ns: int
    rate_hz: float
    channels: tuple[str, ...]
    samples: Samples


@dataclass(frozen=True, slots=True)
class Measurement:
    """Values of one element over one interval.

    ``values`` maps a quantity's name (see :mod:`flexcore.quantities`) to its value in the unit that the
    name ends in, or to None where it could not be measured. ``interval`` is ``200ms`` or ``3s``. ``spectra``
    maps a spectrum's name to its values by order, from 0 on.
    """

    element: str
    interval: str
    start_ns: int
    duration_ns: int
    values: dict[str, float | None]
    flags: tuple[Flag, ...] = ()
    spectra: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A dip, swell, interruption or gap of one element; published at its begin and again at its end.

    ``id`` is the same at both and depends on nothing but type, element and start. ``extreme_v`` is the
    residual voltage (dip, interruption) or the highest Urms(1/2) (swell), ``reference_v`` the declared
    phase voltage Udin, both None for a gap. ``phases`` are those that crossed the threshold.
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


def event_id(kind: EventType, element: str, start_ns: int) -> str:
    """The name under which an event is known on every bus and in the store."""
    return f"{kind}-{element}-{start_ns}"
