"""``flexcore analyse RECORDING``: the box's instrument over a file, at any desk."""

from __future__ import annotations

import argparse
import contextlib
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flexcore.errors import SettingsError

if TYPE_CHECKING:
    from flexcore.recordings import Recording

    Jobs = argparse._SubParsersAction[argparse.ArgumentParser]

_EPILOG = """\
RECORDING is COMTRADE 1991, 1999 or 2013 (.cfg with .dat, or .cff), CSV (.csv, .txt) or a NumPy archive
(.npz). Channels are recognised by name, unit and phase, or told by --map, alone or with --station.

  flexcore analyse record.cfg
  flexcore analyse record.cfg --save-map map.toml      the guess, to correct by hand
  flexcore analyse record.cfg --map map.toml --nominal-v 10500
  flexcore analyse record.cfg --limits en50160-mv --json | jq .limits
  flexcore analyse record.csv --rate 12800 --from 2.5 --to 8 --json | jq .events
"""
_CLOCK = re.compile(r"(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,9})?)\Z", re.ASCII)
_DAY_S = 86_400


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 1e9:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text}")
    return value


def add(jobs: Jobs) -> None:
    """The job's arguments."""
    parser = jobs.add_parser(
        "analyse",
        help="power quality of a recording: COMTRADE, CSV, .npz",
        description="Power quality of a recording, by the same engine that runs on the box.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recording", type=Path, metavar="RECORDING")
    parser.add_argument("--station", type=Path, metavar="FILE", help="station.toml that the recording is of")
    parser.add_argument("--map", type=Path, metavar="FILE", help="its channels by number or name (TOML)")
    parser.add_argument("--save-map", type=Path, metavar="FILE", help="write the channels as a map and end")
    parser.add_argument(
        "--nominal-v", type=_positive, metavar="V", help="nominal voltage between phases (default: estimated)"
    )
    parser.add_argument(
        "--voltages",
        choices=("phase_to_phase", "phase_to_earth"),
        help="judge these (default: as the station, else the limit set, says, or as recorded)",
    )
    parser.add_argument(
        "--nominal-hz", type=int, choices=(50, 60), help="default: what the file says or shows"
    )
    parser.add_argument(
        "--rate", type=_positive, metavar="HZ", help="sampling rate, before what the file says"
    )
    parser.add_argument(
        "--from", dest="begin", metavar="TIME", help="seconds from the start, or a time of the file"
    )
    parser.add_argument(
        "--to", dest="end", metavar="TIME", help="the same: 12.5, 16:04:30.5, 2016-08-22T16:04:30"
    )
    parser.add_argument("--no-skew", action="store_true", help="leave the channels' skew as it is")
    parser.add_argument("--full", action="store_true", help="every quantity of every element, all events")
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="results as JSON, to FILE or in place of the summary",
    )
    parser.add_argument(
        "--limits", metavar="SET", help="judge the busbars: en50160-mv, netcode-lv, ... or a TOML file"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="all 200-ms and 3-s values as CSV")
    parser.set_defaults(run=run)


def moment(text: str | None, recording: Recording, name: str) -> float | None:
    """Seconds after the recording's first sample; raises SettingsError."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        value = float(text)
        if abs(value) < 1e9:
            return value
    start_ns = recording.start_ns
    clock = _CLOCK.match(text)
    try:
        if start_ns is not None and clock is not None:
            of_day = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
            # a recording over midnight: the next such time after its start
            return (of_day - start_ns / 1e9) % _DAY_S if of_day < _DAY_S else None
        if start_ns is not None:
            from flexcore.recordings.timing import nanoseconds

            return (nanoseconds(datetime.fromisoformat(text).replace(tzinfo=None)) - start_ns) / 1e9
    except ValueError:
        pass
    told = "" if start_ns is not None else " (the recording tells no time of its own)"
    raise SettingsError(f"{name}: expected seconds or a time of the recording{told}, got {text!r}")


def run(options: argparse.Namespace) -> str:
    """The summary, or JSON; raises FlexcoreError."""
    # NumPy and the engine: not for every job
    import msgspec

    from flexcore.analysis import Options, analyse_recording, station_layout
    from flexcore.analysis.export import CsvExport
    from flexcore.analysis.judging import Collector
    from flexcore.analysis.mapfile import write_map
    from flexcore.analysis.report import render
    from flexcore.limits.files import read_limit_set
    from flexcore.recordings import read_recording
    from flexcore.recordings.channelmap import read_map
    from flexcore.station import read_station

    limit_set = None if options.limits is None else read_limit_set(options.limits)
    judge = None if limit_set is None else Collector(limit_set)
    voltages = options.voltages
    if voltages is None and options.station is None and limit_set is not None:
        voltages = "phase_to_phase" if limit_set.head.voltages == "phase_to_phase" else "phase_to_earth"
    recording = read_recording(options.recording, options.rate)
    settings = Options(
        nominal_v=options.nominal_v,
        nominal_hz=options.nominal_hz,
        voltages=voltages,
        from_s=moment(options.begin, recording, "--from"),
        to_s=moment(options.end, recording, "--to"),
        correct_skew=not options.no_skew,
    )
    station = None if options.station is None else read_station(options.station)
    mapping = None if options.map is None else read_map(options.map)
    layout = station_layout(recording, station, mapping, str(options.map), settings)
    if options.save_map is not None:
        _write(options.save_map, write_map(recording, layout), "--save-map")
        return f"{options.save_map}: {len(layout.sources)} elements\n"
    with contextlib.ExitStack() as stack:
        listeners = [] if judge is None else [judge.hear]
        if options.csv is not None:
            listeners.append(stack.enter_context(CsvExport(options.csv, recording.start_ns or 0)).write)
        analysis = analyse_recording(recording, layout, settings, tuple(listeners))
    if judge is not None:
        analysis = judge.judge(analysis, recording)
    if options.json is not None:
        text = msgspec.json.format(msgspec.json.encode(analysis), indent=1).decode() + "\n"
        if options.json == "-":
            return text
        _write(Path(options.json), text, "--json")
    return render(analysis, full=options.full)


def _write(file: Path, text: str, name: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: {name}: expected a file to write: {error.strerror}") from error
