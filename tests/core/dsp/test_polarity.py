"""A sensor the wrong way round, turned by the map: autotransformer 1 of the recorded station.

What is true of that recording, by physics and not by the instrument: both rails are closed on each other,
they use nothing, and every line and transformer of the station is measured. So at every moment the currents
of these nine, positive from the rail into the field, add up to nothing, and so do their powers. Of all ways
to turn some of them, only the one that turns autotransformer 1 does that; line 4 and autotransformer 2 are at
rest (about one step of the recorder, 5 A), so that the recording cannot tell their polarity. The opening of
line 62's breaker at 6.01 s is the one event that has a place in the station: its origin must be line 62, for
rail 1 the coupler to rail 2, and seen from autotransformer 1 it lies upstream.
"""

from __future__ import annotations

from itertools import product

import msgspec
import numpy as np
import pytest

from flexcore.model import EventOrigin, Located
from flexcore.recordings import read_recording
from flexcore.recordings.channelmap import ChannelMap, read_map
from flexcore.simulator import files
from flexcore.simulator.replay import rows
from flexcore.station import Station, read_station
from support.pq import EPOCH_S, NS, Array, Results, analyse, blocks
from support.recording import waveform

COUPLERS = {"koppel", "hulp"}
AT_REST = {"l4", "at2"}


@pytest.fixture(scope="module")
def station() -> Station:
    """At the recording's own rate; a dip is deeper than what the swing has around that opening."""
    shipped = read_station(files.find("stations", "wisp2"))
    return msgspec.structs.replace(
        shipped,
        acquire=msgspec.structs.replace(shipped.acquire, rate_hz=1200),
        events=msgspec.structs.replace(shipped.events, dip_percent=84.0, swell_percent=150.0),
    )


@pytest.fixture(scope="module")
def shipped() -> ChannelMap:
    return read_map(files.find("maps", "wisp2"))


@pytest.fixture(scope="module")
def as_recorded(shipped: ChannelMap) -> ChannelMap:
    """The same without a turn."""
    return ChannelMap(tuple(msgspec.structs.replace(e, reversed=()) for e in shipped.element))


def signals(station: Station, mapping: ChannelMap) -> dict[str, Array]:
    recording = read_recording(waveform("wisp2_110kV_2bus_11fields_50Hz"))
    remaining = iter(rows(recording, station, mapping, "map"))
    return {e.id: np.array([next(remaining) for _ in e.channels]) for e in station.elements}


def feeders(station: Station) -> list[str]:
    return [field.id for field in station.field if field.id not in COUPLERS]


def test_only_one_way_to_turn_the_fields_obeys_kirchhoff(station: Station, as_recorded: ChannelMap) -> None:
    found = signals(station, as_recorded)
    names = [name for name in feeders(station) if name not in AT_REST]
    currents = np.array([found[name][:3].ravel() for name in names])
    products = currents @ currents.T
    whole = float(np.sqrt(np.diag(products)).sum())
    rest = {}
    for signs in product((1, -1), repeat=len(names) - 1):
        s = np.array((1, *signs))
        turned = tuple(n for n, sign in zip(names, s, strict=True) if sign < 0)
        rest[turned] = float(np.sqrt(s @ products @ s))
    best = min(rest, key=lambda turned: rest[turned])
    assert best == ("at1",)
    assert rest[best] < 0.05 * whole
    assert rest[()] > 0.6 * whole
    # Whether it or the other six are the wrong way round the sum does not say; the opening of line 62 does.
    odd = [size for turned, size in rest.items() if "at1" not in turned]
    assert min(odd) > 5 * rest[best]
    assert all(found[name][:3].std(axis=1).max() < 6.0 for name in AT_REST)


def test_the_map_turns_that_field_alone(
    station: Station, shipped: ChannelMap, as_recorded: ChannelMap
) -> None:
    turned, plain = signals(station, shipped), signals(station, as_recorded)
    for name in plain:
        assert np.array_equal(turned[name], -plain[name] if name == "at1" else plain[name])


def played(station: Station, mapping: ChannelMap) -> Results:
    found = {name: x[:, 5 * 1200 : 8 * 1200] for name, x in signals(station, mapping).items()}
    return analyse(station, blocks(station, found))


def rest_of_power(station: Station, results: Results) -> float:
    """Sum of the feeders' P against the sum of their sizes, window by window."""
    told = [[m.values["p_w"] for m in results.measurements(name)[1:]] for name in feeders(station)]
    p = np.array(told, float)
    return float(np.abs(p.sum(axis=0)).sum() / np.abs(p).sum())


def opening(results: Results, busbar: str) -> EventOrigin:
    """Of the dip that the opening makes, 1 s after the begin of what is played."""
    (begin,) = (
        e.id
        for e in results.events("dip", "begin", busbar)
        if abs((e.start_ns - EPOCH_S * NS) / NS - 1.0) < 0.03
    )
    (found,) = (item for item in results.items if isinstance(item, Located) and begin in item.events)
    return found.origin


def test_powers_and_directions_seen_through_it(
    station: Station, shipped: ChannelMap, as_recorded: ChannelMap
) -> None:
    right, wrong = played(station, shipped), played(station, as_recorded)
    assert rest_of_power(station, right) < 0.005
    assert rest_of_power(station, wrong) > 0.5
    for m, w in zip(right.measurements("at1"), wrong.measurements("at1"), strict=True):
        assert m.values["p_w"] == pytest.approx(-float(w.values["p_w"] or 0.0))
        assert m.values["i_l1_a"] == w.values["i_l1_a"]
    at_two = opening(right, "bb2")
    assert (at_two.place, at_two.field) == ("supply", "l62")
    origin = opening(right, "bb1")
    assert origin.field == "koppel"
    assert {f.field: f.direction for f in origin.fields} == {
        "l3": "upstream",
        "l5": "upstream",
        "l7": "upstream",
        "at1": "upstream",
        "koppel": "downstream",
        "hulp": "upstream",
    }
    assert origin.confidence > opening(wrong, "bb1").confidence
