"""``flexcore station check|schema|probe``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from flexcore.errors import UnmetError
from flexcore.paths import paths_from_environment
from flexcore.station import Station, read_station

if TYPE_CHECKING:
    Jobs = argparse._SubParsersAction[argparse.ArgumentParser]

_PROBE = """\
With FILE: each device and meter is read once, and the sensors' streams are listened to. Without: what answers
on the I2C buses and which driver knows it, 1-wire thermometers, supplies, serial lines (which are not asked:
they may be somebody's). Stop the box's services first, or they hold what is probed. The exit code is 1 where
something of FILE is not there.
"""


def add(jobs: Jobs) -> None:
    """The job's arguments."""
    station = jobs.add_parser("station", help="the station's description, station.toml")
    station_jobs = station.add_subparsers(dest="station_job", required=True)
    check = station_jobs.add_parser("check", help="check a station file; explains the first error")
    check.add_argument("file", type=Path)
    check.set_defaults(run=run)
    schema = station_jobs.add_parser("schema", help="the JSON schema of a station file, for editors")
    schema.set_defaults(run=show_schema)
    probe = station_jobs.add_parser(
        "probe",
        help="what answers on the wires",
        epilog=_PROBE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    probe.add_argument("file", type=Path, nargs="?", metavar="FILE")
    probe.add_argument("--listen", type=_seconds, default=3.0, metavar="SECONDS", help="default 3")
    probe.add_argument("--machine", default="linux", metavar="NAME", help="back end of the wires")
    probe.set_defaults(run=probe_station)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 600.0:
        raise argparse.ArgumentTypeError(f"expected seconds above 0 and up to 600, got {text}")
    return value


def run(options: argparse.Namespace) -> str:
    """One line that describes the station; raises SettingsError."""
    from flexcore.probe.described import check_described  # drivers: not for every job

    station = read_station(options.file)
    check_described(station, str(options.file), paths_from_environment().meters)
    return describe(station) + "\n"


def describe(station: Station) -> str:
    """What the station consists of."""
    channels = sum(len(element.channels) for element in station.elements)
    more = [
        f"{len(things)} {name}(s)"
        for things, name in (
            (station.component, "component"),
            (station.meter, "meter"),
            (station.device, "device"),
        )
        if things
    ]
    parts = [f"{len(station.busbar)} busbar(s)", f"{len(station.field)} field(s)", *more]
    return (
        f"{station.station.id}: {station.station.name}; {', '.join(parts)}, "
        f"{channels} channels at {station.acquire.rate_hz} Hz"
    )


def show_schema(_options: argparse.Namespace) -> str:
    """The schema of every key with its limits and defaults (JSON Schema 2020-12)."""
    import msgspec

    made = msgspec.json.schema(Station)
    # A sensor that names no driver is an atolle (flexcore.sensors.name_drivers).
    made["$defs"]["AtolleSensor"]["required"].remove("driver")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "station.toml",
        **made,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def probe_station(options: argparse.Namespace) -> str:
    """A table of what answers.

    Raises:
        SettingsError: the file or the back end is wrong.
        UnmetError: something of the file is not there.
    """
    from flexcore import machine
    from flexcore.probe import described, wires
    from flexcore.probe.finding import as_table

    backend = machine.load(options.machine)
    if options.file is None:
        found = wires.probe_i2c(backend, wires.i2c_buses()) + wires.probe_files()
        return as_table(found) or "nothing was found\n"
    station, profiles = read_station(options.file), paths_from_environment().meters
    described.check_described(station, str(options.file), profiles)
    found = described.probe_devices(station, backend, str(options.file))
    found += described.probe_meters(station, profiles)
    found += described.probe_streams(station, options.listen)
    table = as_table(found)
    missing = [f.what for f in found if f.verdict == "trouble"]
    if missing:
        raise UnmetError(f"{options.file}: expected all of it to answer, not so: {', '.join(missing)}", table)
    return table
