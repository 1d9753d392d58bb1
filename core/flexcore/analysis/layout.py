"""The station that a recording shows, and which rows of it each channel is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from flexcore.analysis.grouping import Terms, busbar_of, find_groups
from flexcore.analysis.nominal import nearest_level, seen_frequency, usual_rms
from flexcore.analysis.options import Options
from flexcore.errors import RecordingError, SettingsError
from flexcore.quantities import Voltages
from flexcore.recordings import Recording
from flexcore.recordings.channelmap import ChannelMap, MappedElement, find_rows
from flexcore.recordings.recording import Values
from flexcore.sensors import AtolleSensor
from flexcore.station import AcquireSettings, Busbar, Field, Station, StationSettings

_VOLTAGES = ("u_l1", "u_l2", "u_l3")
_CURRENTS = ("i_l1", "i_l2", "i_l3")
MAX_BUSBARS = 8
MAX_ELEMENTS = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """``station`` as the engine takes it; ``sources``: element and channel to rows of the recording.

    ``origin`` says where it comes from; ``doubts`` are what a person should look at, one line each, and
    ``nominal_from`` where each busbar's nominal voltage comes from.
    """

    station: Station
    sources: dict[str, dict[str, Terms]]
    origin: str
    nominal_from: str
    frequency_from: str
    doubts: tuple[str, ...] = ()

    @property
    def rows(self) -> set[int]:
        """Rows of the recording that are used."""
        return {row for channels in self.sources.values() for terms in channels.values() for row, _ in terms}


def guess_layout(recording: Recording, options: Options | None = None) -> Layout:
    """Busbars and fields by the channels' names, units and phases.

    Raises:
        RecordingError: there are no three voltages, or no frequency or voltage to be seen in them.
    """
    options = options or Options()
    groups, currents = find_groups(recording)
    if not groups:
        raise RecordingError(
            f"{recording.source}: channels: expected three phase voltages, by name or by phase and unit",
            "a map tells them: --map",
        )
    groups, currents = groups[:MAX_BUSBARS], currents[: MAX_ELEMENTS - MAX_BUSBARS]
    doubts: list[str] = []
    elements: list[MappedElement] = []
    sources: dict[str, dict[str, Terms]] = {}
    used: set[str] = set()
    between: set[str] = set()
    for n, group in enumerate(groups):
        ident = _identifier(group.key, f"bb{n + 1}", used)
        sources[ident] = {f"u_{phase}": terms for phase, terms in group.phases.items()}
        elements.append(MappedElement(ident, {}, name=group.key or f"Busbar {n + 1}"))
        if group.between_phases:
            between.add(ident)
            doubts.append(
                f"{ident}: voltages between phases; taken to their star point, zero sequence unknown"
            )
    unsure: dict[str, list[str]] = {}
    for n, group in enumerate(currents):
        ident = _identifier(group.key, f"f{n + 1}", used)
        at, sure = busbar_of(group, groups)
        sources[ident] = {f"i_{phase}": terms for phase, terms in group.phases.items()}
        elements.append(MappedElement(ident, {}, busbar=elements[at].id, name=group.key or f"Field {n + 1}"))
        if not sure:
            unsure.setdefault(elements[at].id, []).append(ident)
    doubts += [
        f"{', '.join(fields)}: no name tells the busbar; {busbar} is a guess"
        for busbar, fields in unsure.items()
    ]
    by_order = [e.id for e, g in zip(elements, [*groups, *currents], strict=True) if not g.by_name]
    if by_order:
        doubts.append(f"{', '.join(by_order)}: grouped by the order in the file, not by name")
    return _layout(
        recording, options, elements, sources, "guessed from names, phases and units", doubts, between
    )


def station_layout(
    recording: Recording,
    station: Station | None,
    mapping: ChannelMap | None,
    file: str = "map",
    options: Options | None = None,
) -> Layout:
    """Busbars and fields as a station file and a map (``file`` in errors) tell them.

    Without a map the recording's channels must be called ``ELEMENT.CHANNEL`` (``bb1.u_l1``). Without a
    station the map's elements are the station, and what it does not tell is estimated.

    Raises:
        SettingsError: map and station do not fit each other or the recording.
        RecordingError: a channel is in another unit, or there is no voltage to be seen.
    """
    options = options or Options()
    if station is None:
        if mapping is None:
            return guess_layout(recording, options)
        elements = _elements(mapping, file)
        wanted = {element.id: tuple(element.channels) for element in elements}
        found = find_rows(recording, wanted, mapping, file)
        return _layout(recording, options, elements, _terms(found), f"map {file}", [])
    if mapping is None:
        mapping = ChannelMap(
            tuple(
                MappedElement(element.id, {name: f"{element.id}.{name}" for name in element.channels})
                for element in station.elements
            )
        )
        file = f"{recording.source} (without --map: channels called ELEMENT.CHANNEL)"
    wanted = {element.id: element.channels for element in station.elements}
    sources = _terms(find_rows(recording, wanted, mapping, file))
    nominal_hz, frequency_from = _frequency(recording, options, sources, station)
    busbars = station.busbar
    nominal_from = "station file"
    if options.nominal_v is not None:
        busbars = tuple(msgspec.structs.replace(b, nominal_v=options.nominal_v) for b in busbars)
        nominal_from = "--nominal-v"
    if options.voltages is not None:
        busbars = tuple(msgspec.structs.replace(b, voltages=options.voltages) for b in busbars)
    station = msgspec.structs.replace(
        station,
        station=msgspec.structs.replace(station.station, nominal_frequency_hz=nominal_hz),
        busbar=busbars,
    )
    return Layout(station, sources, "station file and map", nominal_from, frequency_from)


def _terms(found: dict[str, dict[str, tuple[int, float]]]) -> dict[str, dict[str, Terms]]:
    return {element: {name: (term,) for name, term in rows.items()} for element, rows in found.items()}


def _elements(mapping: ChannelMap, file: str) -> list[MappedElement]:
    """The elements of a map that stands alone, busbars first; raises SettingsError."""
    busbars = [element for element in mapping.element if set(element.channels) == set(_VOLTAGES)]
    fields = [element for element in mapping.element if element not in busbars]
    if not busbars or len(busbars) > MAX_BUSBARS or len(mapping.element) > MAX_ELEMENTS:
        raise SettingsError(f"{file}: element: expected one to {MAX_BUSBARS} with u_l1, u_l2 and u_l3")
    ids = [element.id for element in mapping.element]
    twice = next((ident for ident in ids if ids.count(ident) > 1), None)
    if twice is not None:
        raise SettingsError(f"{file}: element.id: expected a name used once, got {twice!r} again")
    known = [element.id for element in busbars]
    out = list(busbars)
    for element in fields:
        if set(element.channels) not in (set(_CURRENTS), {*_CURRENTS, "i_n"}):
            expected = "expected u_l1 to u_l3, or i_l1 to i_l3 and perhaps i_n"
            raise SettingsError(f"{file}: {element.id}.channels: {expected}")
        busbar = element.busbar or (known[0] if len(known) == 1 else None)
        if busbar not in known:
            raise SettingsError(f"{file}: {element.id}.busbar: expected one of {', '.join(known)}")
        out.append(msgspec.structs.replace(element, busbar=busbar))
    return out


def _layout(
    recording: Recording,
    options: Options,
    elements: list[MappedElement],
    sources: dict[str, dict[str, Terms]],
    origin: str,
    doubts: list[str],
    between: Collection[str] = (),
) -> Layout:
    """``between`` are busbars that were recorded between phases; others are judged as they were, to earth."""
    nominal_hz, frequency_from = _frequency(recording, options, sources, None)
    busbars, fields = [], []
    nominal_from = "--nominal-v"
    for n, element in enumerate(elements):
        name = (element.name or element.id)[:80]
        channels = sources[element.id]
        if element.busbar is not None:
            fields.append(Field(element.id, name, element.busbar, AtolleSensor(n + 1), "i_n" in channels))
            continue
        nominal_v = options.nominal_v
        if nominal_v is None:
            rms = usual_rms(
                [combine(recording, channels[x]) for x in _VOLTAGES], float(recording.rate_hz), nominal_hz
            )
            if not math.isfinite(rms):
                raise RecordingError(
                    f"{recording.source}: {element.id}: expected a voltage to estimate the nominal one from",
                    "or tell it: --nominal-v",
                )
            nominal_v, nominal_from = (
                nearest_level(rms),
                "estimated as the usual level nearest to what is there",
            )
        recorded: Voltages = "phase_to_phase" if element.id in between else "phase_to_earth"
        busbars.append(Busbar(element.id, name, nominal_v, AtolleSensor(n + 1), options.voltages or recorded))
    station = Station(
        StationSettings("recording", (recording.title or recording.source)[:80] or "recording", nominal_hz),
        tuple(busbars),
        tuple(fields),
        AcquireSettings(),
    )
    return Layout(station, sources, origin, nominal_from, frequency_from, tuple(doubts))


def combine(recording: Recording, terms: Terms) -> Values:
    """The sum of rows times their factors."""
    out: Values = np.zeros(recording.count)
    for row, factor in terms:
        out = out + factor * recording.values[row]
    return out


def _frequency(
    recording: Recording, options: Options, sources: dict[str, dict[str, Terms]], station: Station | None
) -> tuple[Literal[50, 60], str]:
    """50 or 60 Hz, and where that comes from."""
    if options.nominal_hz is not None:
        return options.nominal_hz, "--nominal-hz"
    if station is not None:
        return station.station.nominal_frequency_hz, "station file"
    told = recording.frequency_hz
    if told is not None:
        nearest: Literal[50, 60] = 50 if abs(told - 50) < abs(told - 60) else 60
        if abs(told - nearest) <= 5.0:
            return nearest, "as the file says"
    voltages = next(channels for channels in sources.values() if "u_l1" in channels)
    seen = seen_frequency(combine(recording, voltages["u_l1"]), float(recording.rate_hz))
    if not 40.0 <= seen <= 70.0:
        raise RecordingError(
            f"{recording.source}: lf: expected 50 or 60 Hz, or a voltage that shows it",
            "or tell it: --nominal-hz",
        )
    return (50 if seen < 55.0 else 60), "seen in the voltages"


def _identifier(key: str, otherwise: str, used: set[str]) -> str:
    """A short name in lower-case Latin letters from ``key``, or ``otherwise``."""
    plain = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:24].strip("-")
    short = plain if plain and key.isascii() and plain not in used else otherwise
    used.add(short)
    return short
