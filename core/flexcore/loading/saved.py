"""What is known of the components' temperatures, as text that survives a restart."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import msgspec

from flexcore.components import StationComponent
from flexcore.errors import FlexcoreError
from flexcore.load.band import Band
from flexcore.load.component import Transformer
from flexcore.load.conductor import CableState
from flexcore.load.follow import AnyBand, Followed
from flexcore.load.thermal import TransformerState
from flexcore.station import Station

FORMAT = "flexcore-load-1"
#: Temperatures beyond this were not ours.
_MOST_C = 1000.0


class SavedError(FlexcoreError, ValueError):
    """The text is not what :func:`write_saved` wrote."""

    code = "load_state"


class SavedComponent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One component: ``description`` marks what it was described as; ``low`` and ``high`` are the band.

    A transformer's ends are top oil, both parts of the gradient and hours aged; a cable's the conductor.
    """

    description: str
    time_ns: int
    since_ns: int
    low: tuple[float, ...]
    high: tuple[float, ...]


class Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole text (JSON)."""

    format: str
    components: dict[str, SavedComponent]


def write_saved(station: Station, followed: Mapping[str, Followed]) -> bytes:
    """The text of ``followed`` (by component's id)."""
    components = {
        component.id: SavedComponent(
            _mark(component),
            followed[component.id].time_ns,
            followed[component.id].since_ns,
            _numbers(followed[component.id].band.low),
            _numbers(followed[component.id].band.high),
        )
        for component in station.component
        if component.id in followed
    }
    return msgspec.json.encode(Saved(FORMAT, components))


def read_saved(station: Station, text: bytes) -> dict[str, Followed]:
    """What ``text`` knows of ``station``'s components; those described otherwise since are left out.

    Raises:
        SavedError: where it is not such a text, or says what cannot be.
    """
    try:
        saved = msgspec.json.decode(text, type=Saved)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SavedError(f"load state: expected {FORMAT}: {error}") from error
    if saved.format != FORMAT:
        raise SavedError(f"load state: format: expected {FORMAT}, got {saved.format[:40]!r}")
    found = {}
    for component in station.component:
        one = saved.components.get(component.id)
        if one is not None and one.description == _mark(component):
            found[component.id] = Followed(one.time_ns, one.since_ns, _band(component, one))
    return found


def _mark(component: StationComponent) -> str:
    return hashlib.sha256(msgspec.json.encode(component)).hexdigest()[:16]


def _numbers(state: TransformerState | CableState) -> tuple[float, ...]:
    if isinstance(state, CableState):
        return (state.conductor_c,)
    return (state.top_oil_c, state.gradient_1_k, state.gradient_2_k, state.aged_h)


def _band(component: StationComponent, one: SavedComponent) -> AnyBand:
    count = 4 if isinstance(component, Transformer) else 1
    for name, end in (("low", one.low), ("high", one.high)):
        sound = len(end) == count and all(math.isfinite(x) for x in end)
        if not sound or max(abs(x) for x in end[:3]) > _MOST_C:
            raise SavedError(f"load state: {component.id}.{name}: expected {count} plausible number(s)")
    if isinstance(component, Transformer):
        return Band(TransformerState(*one.low), TransformerState(*one.high))
    return Band(CableState(*one.low), CableState(*one.high))
