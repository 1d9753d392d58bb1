"""The station as the page knows it: its elements in order, from the station file or from the bus."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from flexcore.components import MAX_COMPONENTS, kind_of
from flexcore.errors import SettingsError
from flexcore.payloads import ComponentMeta, ElementMeta, MetaPayload
from flexcore.quantities import PAIRS, PHASES
from flexcore.station import Busbar, Field, Station, read_station

MAX_ELEMENTS = 80
MAX_LINE = 300


@dataclass(frozen=True, slots=True)
class Site:
    """One station and its elements."""

    id: str
    name: str
    nominal_frequency_hz: float
    elements: tuple[ElementMeta, ...]
    components: tuple[ComponentMeta, ...] = ()

    def component(self, name: str) -> ComponentMeta | None:
        """The transformer or cable called ``name``, if the station has it."""
        return next((c for c in self.components if c.id == name), None)

    def element(self, name: str) -> ElementMeta | None:
        """The element called ``name``, if the station has it."""
        return next((e for e in self.elements if e.id == name), None)

    @property
    def busbars(self) -> tuple[ElementMeta, ...]:
        """The busbars, in the file's order."""
        return tuple(e for e in self.elements if e.kind == "busbar")

    @property
    def fields(self) -> tuple[ElementMeta, ...]:
        """The fields, in the file's order."""
        return tuple(e for e in self.elements if e.kind == "field")


def lines(element: ElementMeta) -> tuple[str, ...]:
    """Names of the three voltages of a busbar that are judged."""
    return PAIRS if element.voltages == "phase_to_phase" else PHASES


def udin_v(element: ElementMeta) -> float:
    """Declared voltage of those that are judged, from the one between phases."""
    return element.nominal_v if lines(element) == PAIRS else element.nominal_v / math.sqrt(3.0)


def site_of_station(station: Station) -> Site:
    """The site a station file describes."""
    busbars = {b.id: b for b in station.busbar}
    elements = tuple(
        ElementMeta(e.id, "busbar", e.name, e.id, e.nominal_v, e.channels, e.judged)
        if isinstance(e, Busbar)
        else _field(e, busbars[e.busbar])
        for e in station.elements
    )
    s = station.station
    components = tuple(ComponentMeta(c.id, kind_of(c), c.name, c.field) for c in station.component)
    return Site(s.id, s.name, float(s.nominal_frequency_hz), elements, components)


def _field(field: Field, busbar: Busbar) -> ElementMeta:
    return ElementMeta(
        field.id, "field", field.name, busbar.id, busbar.nominal_v, field.channels, busbar.judged
    )


def site_of_meta(meta: MetaPayload) -> Site:
    """The site a retained message describes; for a page that may not read the file."""
    return Site(
        meta.station,
        meta.name,
        meta.nominal_frequency_hz,
        meta.elements[:MAX_ELEMENTS],
        meta.components[:MAX_COMPONENTS],
    )


class StationFile:
    """The station file, read again only after it changed; ``problem`` is the one line that is wrong.

    ``refused`` is provisioning's line about a file that was handed in and not taken; empty where none is.
    """

    def __init__(self, file: Path, refusal: Path) -> None:
        self.file = file
        self._refusal = refusal
        self.refused = ""
        self.site: Site | None = None
        self.problem = ""
        self.missing = True
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> bool:
        """True if what the file says is different from before."""
        self.refused = _first_line(self._refusal)
        try:
            stat = self.file.stat()
        except OSError:
            changed = self._seen is not None
            self._seen, self.site, self.problem, self.missing = None, None, "", True
            return changed
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen == self._seen:
            return False
        self._seen, self.missing = seen, False
        try:
            self.site, self.problem = site_of_station(read_station(self.file)), ""
        except SettingsError as error:
            self.site, self.problem = None, error.message.replace(f"{self.file.parent}{os.sep}", "")
        return True


def _first_line(file: Path) -> str:
    """At most :data:`MAX_LINE` characters of it; empty where there is no such file."""
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            return text.readline(MAX_LINE).strip()
    except OSError:
        return ""
