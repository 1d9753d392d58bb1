"""Whether what the station file describes is there."""

from __future__ import annotations

import time
from pathlib import Path

from flexcore.drivers.atolle import SensorPortError
from flexcore.drivers.device import Device
from flexcore.drivers.errors import ReadError
from flexcore.drivers.modbus.meter import Meter
from flexcore.drivers.modbus.profile import read_profile
from flexcore.drivers.packetport import PacketPortError
from flexcore.drivers.registry import find_for
from flexcore.drivers.sources import StationSources
from flexcore.machine import Backend
from flexcore.probe.finding import Finding, values_in_words
from flexcore.services._metering import wire_of
from flexcore.station import Station


def check_described(station: Station, file: str, profiles: Path) -> None:
    """Whether every driver, option, profile and scale that a station file names exists.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    for n, device in enumerate(station.device):
        find_for(device, file, f"device[{n}]")
    for n, meter in enumerate(station.meter):
        read_profile(meter.profile, profiles).check_scales(meter.scales, f"meter[{n}].scales")


def probe_devices(station: Station, backend: Backend, file: str) -> list[Finding]:
    """Each device, read once."""
    findings = []
    for n, settings in enumerate(station.device):
        device = Device(settings, find_for(settings, file, f"device[{n}]"), backend)
        wire = settings.wire
        where = settings.driver if wire is None else f"{wire[0]} {wire[1]}"
        try:
            findings.append(Finding(where, settings.id, "ok", values_in_words(device.read())))
        except ReadError as error:
            findings.append(Finding(where, settings.id, "trouble", f"{error.reason}: {error.message}"))
        finally:
            device.close()
    return findings


def probe_meters(station: Station, profiles: Path) -> list[Finding]:
    """Each meter, checked by its profile and read once."""
    findings = []
    for settings in station.meter:
        profile = read_profile(settings.profile, profiles)
        timeout_s = settings.timeout_ms / 1000.0
        meter = Meter(profile, wire_of(settings), settings.unit, dict(settings.scales), timeout_s)
        where = settings.device or f"{settings.address}:{settings.port}"
        try:
            findings.append(Finding(where, settings.id, "ok", values_in_words(meter.read())))
        except ReadError as error:
            findings.append(Finding(where, settings.id, "trouble", f"{error.reason}: {error.message}"))
        finally:
            meter.close()
    return findings


def probe_streams(station: Station, listen_s: float) -> list[Finding]:
    """Which of the sensors that send samples are heard within ``listen_s``."""
    source = StationSources(station)
    where = {element.id: element.sensor.driver for element in station.elements}
    until_s = time.monotonic() + listen_s
    try:
        with source:
            while time.monotonic() < until_s:
                source.receive(0.2)
            frames, counters = source.frames_by_element(), source.counters()
    except (SensorPortError, PacketPortError) as error:
        return [Finding("streams", "the port", "trouble", f"{error.message}; the running box has it?")]
    findings = []
    for element, heard in frames.items():
        if heard:
            findings.append(Finding(where[element], element, "ok", f"{heard} frames in {listen_s:g} s"))
        else:
            silent = f"silent: nothing good in {listen_s:g} s"
            findings.append(Finding(where[element], element, "trouble", silent))
    dropped = {
        name.removeprefix("dropped_"): n for name, n in counters.items() if name.startswith("dropped_") and n
    }
    if dropped:
        said = ", ".join(f"{reason} {n}" for reason, n in dropped.items())
        said = f"{said}; {source.refusal}".rstrip("; ")
        findings.append(Finding("streams", "other frames", "found", said))
    return findings
