"""What a station consists of, as it is told on the bus and shown on the page."""

from __future__ import annotations

from flexcore.components import kind_of
from flexcore.payloads import ComponentMeta, ElementMeta, MetaPayload, SensorMeta
from flexcore.station import Busbar, Station


def meta_payload(station: Station) -> MetaPayload:
    """The station's elements, components and sensors, in its file's order."""
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
    sensors = (
        *(SensorMeta(m.id, "meter", m.name, m.period_ms / 1000.0, m.field) for m in station.meter),
        *(SensorMeta(d.id, "device", d.name, d.period_ms / 1000.0, d.about) for d in station.device),
    )
    return MetaPayload(
        settings.id,
        settings.name,
        float(settings.nominal_frequency_hz),
        tuple(elements),
        components,
        sensors,
    )
