"""A station with a transformer and a cable, and 3-s values of its fields."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flexcore.model import Measurement
from flexcore.station import Station, parse_station
from support.load import CABLE, TRANSFORMER, spectrum

NS = 1_000_000_000
START_NS = 1_700_000_040 * NS
STEP_NS = 3 * NS

STATION = """
[station]
id = "s1"
name = "S"

[[busbar]]
id = "b1"
name = "B"
nominal_v = 400.0
sensor.stream = 1

[[field]]
id = "f1"
name = "Trafo"
busbar = "b1"
neutral = true
sensor.stream = 11

[[field]]
id = "f2"
name = "Kabel"
busbar = "b1"
neutral = true
sensor.stream = 12
"""


def entry(ident: str, field: str, text: str) -> str:
    """A component's text as an entry of the station file."""
    head, *tables = text.strip().split("\n\n")
    lines = [f'[[component]]\nid = "{ident}"\nfield = "{field}"\n{head}']
    return "\n\n".join([*lines, *(table.replace("[", "[component.", 1) for table in tables)])


TEXT = "\n\n".join((STATION, entry("t1", "f1", TRANSFORMER), entry("k1", "f2", CABLE))) + "\n"


def station(text: str = TEXT) -> Station:
    """It, read."""
    return parse_station(text)


def value(
    field: str, at_ns: int, rms_a: float | None, coverage: float = 1.0, duration_ns: int = STEP_NS, **h: float
) -> Measurement:
    """What the engine tells of a field over 3 s: three equal phases; None: nothing was measured."""
    if rms_a is None:
        values: dict[str, float | None] = {f"i_{x}_a": None for x in ("l1", "l2", "l3", "n")}
        return Measurement(field, "3s", at_ns, duration_ns, values, ("gap",), 0.0)
    values = {**{f"i_{x}_a": rms_a for x in ("l1", "l2", "l3")}, "i_n_a": 1.0}
    orders = tuple(float(x) for x in spectrum(rms_a, **h))
    spectra = {f"i_h_{x}_a": orders for x in ("l1", "l2", "l3")}
    return Measurement(field, "3s", at_ns, duration_ns, values, (), coverage, spectra)


def values(
    field: str, minutes: float, rms_a: float | None, start_ns: int = START_NS, **h: float
) -> Iterator[Measurement]:
    """Values without a hole."""
    for n in range(round(minutes * 20)):
        yield value(field, start_ns + n * STEP_NS, rms_a, **h)


def is_close(a: float, b: float, tolerance: float = 1e-6) -> bool:
    """Of temperatures."""
    return bool(np.isclose(a, b, atol=tolerance, rtol=0.0))
