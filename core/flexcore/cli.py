"""``flexcore``: the command line for people at a desk or on the box.

Errors are one line on standard error; exit code 2 for bad input.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flexcore import __version__
from flexcore.errors import FlexcoreError
from flexcore.station import Station, read_station


def _describe(station: Station) -> str:
    channels = sum(len(element.channels) for element in station.elements)
    return (
        f"{station.station.id}: {station.station.name}; {len(station.busbar)} busbar(s), "
        f"{len(station.field)} field(s), {channels} channels at {station.acquire.rate_hz} Hz"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flexcore", description="The Flexcore appliance at the desk.")
    parser.add_argument("--version", action="version", version=f"flexcore {__version__}")
    jobs = parser.add_subparsers(dest="job", required=True)
    station = jobs.add_parser("station", help="the station's description, station.toml")
    station_jobs = station.add_subparsers(dest="station_job", required=True)
    check = station_jobs.add_parser("check", help="check a station file; explains the first error")
    check.add_argument("file", type=Path)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        print(_describe(read_station(options.file)))
    except FlexcoreError as error:
        print(f"flexcore: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
