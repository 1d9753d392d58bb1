"""The station's devices, to be asked: each by its driver, those on one wire in turn."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from flexcore.devices import DeviceSettings
from flexcore.drivers.device import Device
from flexcore.drivers.registry import find_for
from flexcore.machine import Backend
from flexcore.services._asking import Asked, Line, Tell

#: A reading that is as it was is told again after so long.
REPEAT_S = 10.0


def lines_of(
    devices: Sequence[DeviceSettings],
    backend: Backend,
    tell: Tell,
    stopping: threading.Event,
    file: str = "station.toml",
) -> tuple[list[Line], list[Asked]]:
    """A line for each wire, and all devices. A device without a wire of the box has a line of its own.

    Raises:
        SettingsError: a driver is unknown, or wants something else than the station file says.
    """
    groups: dict[object, list[Asked]] = {}
    everyone: list[Asked] = []
    for n, settings in enumerate(devices):
        driver = find_for(settings, file, f"device[{n}]")
        sensor = Device(settings, driver, backend)
        asked = Asked(settings.id, settings.about, settings.period_ms / 1000.0, sensor, REPEAT_S)
        groups.setdefault(settings.wire or settings.id, []).append(asked)
        everyone.append(asked)
    return [Line(group, tell, stopping) for group in groups.values()], everyone
