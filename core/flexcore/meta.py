"""What a station consists of, as it is told on the bus and shown on the page."""

from __future__ import annotations

from flexcore.components import kind_of
from flexcore.payloads import ComponentMeta, ElementMeta, MetaPayload
from flexcore.station import Busbar, Station


def meta_payload(station: Station) -> MetaPayload:
    """The station's elements and components, in its file's order."""
    busbars = {busbar.id: busbar for busbar in station.busbar}
    elements = []
    for element in station.elements:
        busbar = element if isinstance(element, Busbar) else busbars[element.busbar]
        elements.append(
            ElementMeta(
                id=element.id,
                kind="busbar" if isinstance(element, Busbar) else "field",
                name=element.name,
                busbar=busbar.id,
                nominal_v=busbar.nominal_v,
                channels=tuple(element.channels),
                voltages=busbar.judged,
            )
        )
    settings = station.station
    components = tuple(ComponentMeta(c.id, kind_of(c), c.name, c.field) for c in station.component)
    return MetaPayload(
        settings.id, settings.name, float(settings.nominal_frequency_hz), tuple(elements), components
    )
