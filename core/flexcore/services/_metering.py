"""The station's meters, to be asked: each on its wire, by its register profile."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from flexcore.drivers.modbus.meter import Meter
from flexcore.drivers.modbus.profile import read_profile
from flexcore.drivers.modbus.wire import SerialWire, TcpWire, Wire
from flexcore.meters import MeterSettings
from flexcore.services._asking import Asked, Line, Tell


def wire_of(settings: MeterSettings) -> Wire:
    """The wire that a meter is on; nothing is opened yet."""
    if settings.device is not None:
        return SerialWire(settings.device, settings.baud, settings.parity, settings.stop_bits)
    return TcpWire(settings.address or "", settings.port, settings.framing)


def lines_of(
    meters: Sequence[MeterSettings], profiles: Path, tell: Tell, stopping: threading.Event
) -> tuple[list[Line], list[Asked]]:
    """A line for each wire, and all meters.

    Raises:
        SettingsError: a profile is unknown or not right, or a scale is none of its own.
    """
    wires: dict[tuple[str, int], Wire] = {}
    groups: dict[tuple[str, int], list[Asked]] = {}
    everyone: list[Asked] = []
    for n, settings in enumerate(meters):
        profile = read_profile(settings.profile, profiles)
        profile.check_scales(settings.scales, f"meter[{n}].scales")
        wire = wires.setdefault(settings.line, wire_of(settings))
        meter = Meter(profile, wire, settings.unit, dict(settings.scales), settings.timeout_ms / 1000.0)
        asked = Asked(settings.id, settings.field, settings.period_ms / 1000.0, meter)
        groups.setdefault(settings.line, []).append(asked)
        everyone.append(asked)
    return [Line(group, tell, stopping) for group in groups.values()], everyone
