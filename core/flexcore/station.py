"""``station.toml``: which busbars and fields there are, which sensor measures each, what the fields load.

One typed description, read once; every error is one line that names file, key and expectation.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flexcore.components import MAX_COMPONENTS, LoadSettings, StationComponent, check_entry
from flexcore.devices import MAX_DEVICES, DeviceSettings, check_device
from flexcore.meters import MAX_METERS, MeterSettings, check_lines, check_meter
from flexcore.naming import Identifier
from flexcore.quantities import SIGNALS, Voltages, declared_v, lines_of
from flexcore.sensors import Sensor, check_sensors, name_drivers
from flexcore.tomlfile import parse_toml, read_toml_text, refuse

Name = Annotated[str, Meta(min_length=1, max_length=80)]
VoltageChannel = Literal["u_l1", "u_l2", "u_l3"]
CurrentChannel = Literal["i_l1", "i_l2", "i_l3", "i_n"]

MAX_ELEMENTS = 64
#: Above this a voltage is judged between phases unless the file says otherwise (EN 50160, 3 and 5).
LOW_VOLTAGE_V = 1000.0
MAX_FILE_BYTES = 256 * 1024


class StationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[station]``."""

    id: Identifier
    name: Name
    nominal_frequency_hz: Literal[50, 60] = 50


class Busbar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[busbar]]``: three voltages to earth (or neutral); ``nominal_v`` is the declared one between phases.

    ``voltages`` says which are judged: between phases, the differences of the measured ones, so that an earth
    fault in a grid without a firmly earthed neutral is no dip; or to earth. Without it: between phases above
    1 kV, to earth (neutral) below.
    """

    id: Identifier
    name: Name
    nominal_v: Annotated[float, Meta(ge=50.0, le=500_000.0, description="declared voltage between phases, V")]
    sensor: Sensor
    voltages: Voltages | None = None

    @property
    def channels(self) -> tuple[VoltageChannel, ...]:
        """Channels of this element's blocks, in order."""
        return ("u_l1", "u_l2", "u_l3")

    @property
    def judged(self) -> Voltages:
        """Which voltages are judged."""
        if self.voltages is not None:
            return self.voltages
        return "phase_to_phase" if self.nominal_v > LOW_VOLTAGE_V else "phase_to_earth"

    @property
    def between_phases(self) -> bool:
        """Whether the voltages between phases are judged."""
        return self.judged == "phase_to_phase"

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the three voltages that are judged."""
        return lines_of(self.judged)

    @property
    def earth_v(self) -> float:
        """Declared voltage between phase and earth (neutral)."""
        return declared_v(self.nominal_v, "phase_to_earth")

    @property
    def udin_v(self) -> float:
        """Declared input voltage Udin of the voltages that are judged (IEC 61000-4-30, 3.2)."""
        return declared_v(self.nominal_v, self.judged)


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[field]]``: three phase currents and, where ``neutral`` is true, the neutral's."""

    id: Identifier
    name: Name
    busbar: Identifier
    sensor: Sensor
    neutral: bool = False
    #: Rated or contracted current, A: the reference of TDD (IEEE 519); without it TDD is not told.
    rated_a: Annotated[float, Meta(gt=0.0, le=100_000.0)] | None = None

    @property
    def channels(self) -> tuple[CurrentChannel, ...]:
        """Channels of this element's blocks, in order."""
        return ("i_l1", "i_l2", "i_l3", "i_n") if self.neutral else ("i_l1", "i_l2", "i_l3")


class EventSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[events]``: thresholds in percent of Udin (defaults: EN 50160)."""

    dip_percent: Annotated[float, Meta(gt=10.0, lt=100.0)] = 90.0
    swell_percent: Annotated[float, Meta(gt=100.0, le=200.0)] = 110.0
    interruption_percent: Annotated[float, Meta(ge=1.0, le=10.0)] = 5.0
    hysteresis_percent: Annotated[float, Meta(gt=0.0, le=5.0)] = 2.0
    rvc_percent: Annotated[float, Meta(ge=1.0, le=6.0, description="rapid voltage change, % of Udin")] = 3.0
    rvc_hysteresis_percent: Annotated[
        float, Meta(ge=0.0, lt=100.0, description="by how much less makes steady again, % of rvc_percent")
    ] = 50.0
    transient_percent: Annotated[
        float, Meta(ge=2.0, le=500.0, description="off the cycle before, % of Udin's peak")
    ] = 25.0
    pre_ms: Annotated[int, Meta(ge=0, le=500, description="waveform before an event, ms")] = 100
    post_ms: Annotated[int, Meta(ge=0, le=500, description="waveform after an event, ms")] = 100
    longest_ms: Annotated[
        int,
        Meta(ge=100, le=1000, description="of a longer event only its begin and its end are kept, ms each"),
    ] = 600


class SignallingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[signalling]``: frequencies of ripple control that are watched (IEC 61000-4-30, 5.10), Hz."""

    frequencies_hz: Annotated[
        tuple[Annotated[float, Meta(ge=100.0, le=3000.0)], ...], Meta(max_length=SIGNALS)
    ] = ()


class AcquireSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[acquire]``: where the sensors' frames arrive and how blocks are cut."""

    port: Annotated[int, Meta(ge=1024, le=65535)] = 20500
    address: str = "0.0.0.0"  # noqa: S104 - the sensors' network is the point
    rate_hz: Annotated[int, Meta(ge=1000, le=100_000)] = 20_000
    block_ms: Literal[10, 20, 50, 100, 200] = 20


TimeServer = Annotated[
    str,
    Meta(
        pattern=r"^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\Z|^[0-9a-fA-F:]{2,39}\Z",
        description="name or address of an NTP server",
    ),
]


class NtpServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of ``time.servers``."""

    address: TimeServer
    port: Annotated[int, Meta(ge=1, le=65535)] = 123


class TimeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[time]``: whom the box asks for the time, besides what its network offers (DHCP).

    ``max_error_ms`` is the largest distance to UTC at which values still count as class A (IEC 61000-4-30,
    4.6: 20 ms at 50 Hz).
    """

    servers: Annotated[tuple[NtpServer, ...], Meta(max_length=8)] = ()
    max_error_ms: Annotated[float, Meta(ge=0.1, le=10_000.0)] = 20.0


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[store]``: how much of the past the box keeps; the oldest goes first."""

    keep_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    max_mb: Annotated[int, Meta(ge=8, le=1_000_000)] = 512


class Station(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    station: StationSettings
    busbar: Annotated[tuple[Busbar, ...], Meta(min_length=1, max_length=8)]
    field: Annotated[tuple[Field, ...], Meta(max_length=MAX_ELEMENTS)] = ()
    acquire: AcquireSettings = AcquireSettings()
    events: EventSettings = EventSettings()
    signalling: SignallingSettings = SignallingSettings()
    store: StoreSettings = StoreSettings()
    time: TimeSettings = TimeSettings()
    component: Annotated[tuple[StationComponent, ...], Meta(max_length=MAX_COMPONENTS)] = ()
    load: LoadSettings = LoadSettings()
    meter: Annotated[tuple[MeterSettings, ...], Meta(max_length=MAX_METERS)] = ()
    device: Annotated[tuple[DeviceSettings, ...], Meta(max_length=MAX_DEVICES)] = ()

    @property
    def elements(self) -> tuple[Busbar | Field, ...]:
        """Busbars first, then fields, in the file's order."""
        return (*self.busbar, *self.field)

    @property
    def block_bytes(self) -> int:
        """Size of the largest block's samples: float32 of every channel."""
        samples = self.acquire.rate_hz * self.acquire.block_ms // 1000
        return 4 * samples * max(len(element.channels) for element in self.elements)


_OCTET = re.compile(r"^(?:0|[1-9][0-9]{0,2})\Z")


def parse_station(text: str, file: str = "station.toml") -> Station:
    """The station described by TOML ``text``; ``file`` is named in errors.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    station = parse_toml(text, file, Station, name_drivers)
    _check_references(station, file)
    return station


def _check_references(station: Station, file: str) -> None:
    """Rules that span keys: ids and streams are used once, fields hang on a busbar that exists."""
    ids: dict[str, str] = {}
    keys = [f"busbar[{n}]" for n in range(len(station.busbar))]
    keys += [f"field[{n}]" for n in range(len(station.field))]
    for key, element in zip(keys, station.elements, strict=True):
        _claim(ids, element.id, key, file)
    sensors = [(key, e.sensor, e.channels) for key, e in zip(keys, station.elements, strict=True)]
    check_sensors(sensors, station.acquire.rate_hz, file)
    busbars = {b.id for b in station.busbar}
    for n, field in enumerate(station.field):
        if field.busbar not in busbars:
            known = ", ".join(sorted(busbars))
            refuse(file, f"field[{n}].busbar", f"expected the id of a busbar ({known}), got {field.busbar!r}")
    _check_components(station, file, ids)
    _check_meters(station, file, ids)
    _check_devices(station, file, ids)
    a = station.acquire
    if (a.rate_hz * a.block_ms) % 1000:
        expected = f"expected a whole number of samples in {a.block_ms} ms"
        refuse(file, "acquire.rate_hz", f"{expected}, got {a.rate_hz}")
    if not _is_ipv4(a.address):
        refuse(file, "acquire.address", f"expected an IPv4 address, got {a.address[:40]!r}")
    events = station.events
    dip_ends, swell_ends = (
        events.dip_percent + events.hysteresis_percent,
        events.swell_percent - events.hysteresis_percent,
    )
    if not dip_ends < 100.0 < swell_ends:
        # otherwise the declared voltage itself would not end an event
        expected = "expected a dip to end below and a swell above 100 %"
        refuse(file, "events.hysteresis_percent", f"{expected}, got {dip_ends:g} and {swell_ends:g}")


def _claim(ids: dict[str, str], name: str, table: str, file: str) -> None:
    """Note that ``table`` of the file is called ``name``, which nothing else is."""
    other = ids.setdefault(name, table)
    if other != table:
        refuse(file, f"{table}.id", f"expected a name used once, {name!r} is also {other}")


def _check_field(name: str, fields: Collection[str], file: str, table: str) -> None:
    """``table`` hangs on a field of the station."""
    if name not in fields:
        known = ", ".join(sorted(fields)) or "there is none"
        refuse(file, f"{table}.field", f"expected the id of a field ({known}), got {name!r}")


def _check_components(station: Station, file: str, ids: dict[str, str]) -> None:
    """Components hang on a field that exists; ``ids`` are those in use."""
    nominal_v = {busbar.id: busbar.nominal_v for busbar in station.busbar}
    fields = {field.id: nominal_v[field.busbar] for field in station.field}
    for n, component in enumerate(station.component):
        table = f"component[{n}]"
        _claim(ids, component.id, table, file)
        _check_field(component.field, fields, file, table)
        check_entry(component, fields[component.field], file, table)


def _check_meters(station: Station, file: str, ids: dict[str, str]) -> None:
    """Meters have ids of their own and lines that they can share."""
    fields = {field.id for field in station.field}
    for n, meter in enumerate(station.meter):
        table = f"meter[{n}]"
        _claim(ids, meter.id, table, file)
        if meter.field is not None:
            _check_field(meter.field, fields, file, table)
        check_meter(meter, file, table)
    check_lines(station.meter, file)


def _check_devices(station: Station, file: str, ids: dict[str, str]) -> None:
    """Devices have ids of their own and may be about elements and components."""
    known = {element.id for element in station.elements} | {component.id for component in station.component}
    for n, device in enumerate(station.device):
        table = f"device[{n}]"
        _claim(ids, device.id, table, file)
        check_device(device, known, file, table)


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(_OCTET.match(part) and int(part) <= 255 for part in parts)


def read_station(file: Path) -> Station:
    """The station in ``file``; raises :class:`SettingsError` also where it cannot be read."""
    return parse_station(read_toml_text(file, MAX_FILE_BYTES), str(file))
