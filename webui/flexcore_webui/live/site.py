"""The station as the page knows it: its elements in order, from the station file or from the bus."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from flexcore.components import MAX_COMPONENTS
from flexcore.devices import MAX_DEVICES
from flexcore.errors import SettingsError
from flexcore.meta import meta_payload
from flexcore.meters import MAX_METERS
from flexcore.payloads import ComponentMeta, ElementMeta, MetaPayload, SensorMeta
from flexcore.station import read_station

MAX_ELEMENTS = 80
MAX_SENSORS = MAX_METERS + MAX_DEVICES
MAX_LINE = 300


@dataclass(frozen=True, slots=True)
class Site:
    """One station and its elements."""

    id: str
    name: str
    nominal_frequency_hz: float
    elements: tuple[ElementMeta, ...]
    components: tuple[ComponentMeta, ...] = ()
    sensors: tuple[SensorMeta, ...] = ()

    def sensor(self, kind: str, name: str) -> SensorMeta | None:
        """The meter or device called ``name``, if the station has it."""
        return next((s for s in self.sensors if s.kind == kind and s.id == name), None)

    def called(self, name: str | None) -> str:
        """How people call the element or component of that id; empty where there is none."""
        names = {e.id: e.name for e in self.elements} | {c.id: c.name for c in self.components}
        return names.get(name or "", "")

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


def site_of_meta(meta: MetaPayload) -> Site:
    """The site that a retained message describes (for a page that may not read the file), or the file."""
    return Site(
        meta.station,
        meta.name,
        meta.nominal_frequency_hz,
        meta.elements[:MAX_ELEMENTS],
        meta.components[:MAX_COMPONENTS],
        meta.sensors[:MAX_SENSORS],
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
            self.site, self.problem = site_of_meta(meta_payload(read_station(self.file))), ""
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
