"""``flexcore station check FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flexcore.station import Station, read_station

if TYPE_CHECKING:
    Jobs = argparse._SubParsersAction[argparse.ArgumentParser]


def add(jobs: Jobs) -> None:
    """The job's arguments."""
    station = jobs.add_parser("station", help="the station's description, station.toml")
    station_jobs = station.add_subparsers(dest="station_job", required=True)
    check = station_jobs.add_parser("check", help="check a station file; explains the first error")
    check.add_argument("file", type=Path)
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """One line that describes the station; raises SettingsError."""
    return describe(read_station(options.file)) + "\n"


def describe(station: Station) -> str:
    """What the station consists of."""
    channels = sum(len(element.channels) for element in station.elements)
    return (
        f"{station.station.id}: {station.station.name}; {len(station.busbar)} busbar(s), "
        f"{len(station.field)} field(s), {channels} channels at {station.acquire.rate_hz} Hz"
    )
