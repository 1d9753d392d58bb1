"""The station's transformers and cables during a recording: the heaviest judgement of each."""

from __future__ import annotations

from flexcore.load.verdict import heaviness
from flexcore.loading.payload import LoadPayload
from flexcore.loading.stage import ComponentLoad, LoadStage
from flexcore.loading.telling import payload_of
from flexcore.model import Measurement
from flexcore.station import Station


class Loads:
    """Hears measurements. A recording is short against the time constants: where temperatures matter, what
    came before it is not known, and the judgement says so."""

    def __init__(self, station: Station) -> None:
        self._order = tuple(component.id for component in station.component)
        self._stage = LoadStage(station)
        self._heaviest: dict[str, ComponentLoad] = {}

    def hear(self, measurement: Measurement) -> None:
        """A measurement; an interval without any sample of the recording says nothing."""
        if measurement.coverage > 0.0:
            self._keep(self._stage.process(measurement))

    def result(self) -> tuple[LoadPayload, ...]:
        """In the station file's order; a component whose field gave no value of 3 s is not among them."""
        self._keep(self._stage.finish())
        return tuple(payload_of(self._heaviest[name]) for name in self._order if name in self._heaviest)

    def _keep(self, loads: list[ComponentLoad]) -> None:
        for load in loads:
            known = self._heaviest.get(load.component.id)
            mine = heaviness(load.judged.assessment)
            if known is None or mine >= heaviness(known.judged.assessment):
                self._heaviest[load.component.id] = load
