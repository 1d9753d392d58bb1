"""A station's components, each followed with the 3-s values of its field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from flexcore.components import StationComponent
from flexcore.load.follow import Followed, Follower, Judged
from flexcore.load.gathered import Currents
from flexcore.load.harmonics import ORDERS, PHASES, Array
from flexcore.model import Measurement
from flexcore.station import Station

NS = 1_000_000_000
INTERVAL = "3s"
#: A field so far behind the others is silent.
SILENT_NS = 15 * NS
_NOTHING = (math.nan,) * ORDERS


@dataclass(frozen=True, slots=True)
class ComponentLoad:
    """The judgement of one component."""

    component: StationComponent
    judged: Judged


class LoadStage:
    """Follows every component of ``station``; ``known`` is what was known before, by component's id.

    One message per component and minute, and one more where a current is lost, comes back, or comes first.
    """

    def __init__(self, station: Station, known: Mapping[str, Followed] | None = None) -> None:
        settings = station.load.assess
        self._components = {component.id: component for component in station.component}
        self._followers = {
            component.id: Follower(
                component,
                settings,
                (known or {}).get(component.id),
                gap_pu=station.load.gap_percent / 100.0,
                frequency_hz=float(station.station.nominal_frequency_hz),
            )
            for component in station.component
        }
        self._of_field: dict[str, list[str]] = {}
        for component in station.component:
            self._of_field.setdefault(component.field, []).append(component.id)
        self._heard_ns: dict[str, int] = {}

    @property
    def followed(self) -> dict[str, Followed]:
        """What is known of each component, for a next start."""
        found = {name: follower.followed for name, follower in self._followers.items()}
        return {name: followed for name, followed in found.items() if followed is not None}

    def process(self, measurement: Measurement, ambient_c: float | None = None) -> list[ComponentLoad]:
        """What can be said now; other measurements than a field's 3-s values are passed over.

        ``ambient_c``: the ambient where it is measured, degrees Celsius; None: each component's assumed one.
        """
        if measurement.interval != INTERVAL or not self._followers:
            return []
        end_ns = measurement.start_ns + measurement.duration_ns
        results = []
        names = self._of_field.get(measurement.element, ())
        if names:
            currents = currents_of(measurement)
            for name in names:
                judged = self._followers[name].take(
                    measurement.start_ns, end_ns, currents, measurement.coverage, ambient_c
                )
                if judged is not None:
                    results.append(ComponentLoad(self._components[name], judged))
            self._heard_ns[measurement.element] = end_ns
        for field, heard_ns in self._heard_ns.items():
            if end_ns - heard_ns > SILENT_NS:
                results += self._silence(self._of_field[field], ambient_c)
        return results

    def silence(self, ambient_c: float | None = None) -> list[ComponentLoad]:
        """No field is heard any more: every component's current is unknown from its last value on."""
        return self._silence(self._followers, ambient_c)

    def finish(self, ambient_c: float | None = None) -> list[ComponentLoad]:
        """What can be said of the time since the last minute that was told: nothing more will come."""
        return self._loads((name, follower.finish(ambient_c)) for name, follower in self._followers.items())

    def _silence(self, names: Iterable[str], ambient_c: float | None) -> list[ComponentLoad]:
        return self._loads((name, self._followers[name].silence(ambient_c)) for name in names)

    def _loads(self, judged: Iterable[tuple[str, Judged | None]]) -> list[ComponentLoad]:
        return [ComponentLoad(self._components[name], one) for name, one in judged if one is not None]


def currents_of(measurement: Measurement) -> Currents | None:
    """A field's currents over the interval; None where it has none. Orders not measured are NaN."""
    values = measurement.values
    rms = [values.get(f"i_{phase}_a") for phase in PHASES]
    if all(value is None for value in rms):
        return None
    found = [measurement.spectra.get(f"i_h_{phase}_a", ())[:ORDERS] for phase in PHASES]
    spectra: Array = np.array([(*one, *_NOTHING[len(one) :]) for one in found])
    neutral = values.get("i_n_a")
    return np.array([np.nan if value is None else value for value in rms]), spectra, neutral
