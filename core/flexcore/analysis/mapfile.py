"""A layout as a map file: what was guessed, for a person to correct and give back by ``--map``."""

from __future__ import annotations

import json

from flexcore.analysis.layout import Layout
from flexcore.errors import SettingsError
from flexcore.recordings import Recording


def write_map(recording: Recording, layout: Layout) -> str:
    """TOML that :func:`flexcore.recordings.channelmap.read_map` reads.

    Raises:
        SettingsError: a channel is made of several of the recording's, which a map cannot say.
    """
    busbar_of = {field.id: field.busbar for field in layout.station.field}
    lines = [f"# Channel numbers of {recording.source}."]
    for element in layout.station.elements:
        lines += ["", "[[element]]", f"id = {json.dumps(element.id)}"]
        lines.append(f"name = {json.dumps(element.name, ensure_ascii=False)}")
        if element.id in busbar_of:
            lines.append(f"busbar = {json.dumps(busbar_of[element.id])}")
        cells, turned = [], []
        for name, terms in layout.sources[element.id].items():
            if len(terms) > 1:
                raise SettingsError(f"--save-map: {element.id}.{name}: expected a channel of its own")
            row, factor = terms[0]
            cells.append(f"{name} = {recording.channels[row].number}")
            if factor < 0.0:
                turned.append(json.dumps(name))
        lines.append(f"channels = {{ {', '.join(cells)} }}")
        if turned:
            lines.append(f"reversed = [{', '.join(turned)}]")
    return "\n".join(lines) + "\n"
