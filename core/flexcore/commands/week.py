"""``flexcore week STORE --limits SET``: what the box recorded against a limit set."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flexcore.errors import SettingsError

if TYPE_CHECKING:
    Jobs = argparse._SubParsersAction[argparse.ArgumentParser]

_EPILOG = """\
STORE is flexcore.db or its folder; it is only read, and may be in use. The declared voltage comes from
station.toml, which is looked for beside the store, or from --nominal-v. Without --from and --to the newest
seven days are judged. Times are UTC where they tell no zone. A limit that is not kept is no error: the exit
code is 0, and the verdicts are in the output.

  flexcore week /data/flexcore/store --limits en50160-mv
  flexcore week flexcore.db --nominal-v 10500 --limits own.toml --from 2026-03-23 --json
"""


def add(jobs: Jobs) -> None:
    """The job's arguments."""
    parser = jobs.add_parser(
        "week",
        help="a week of the box's store against a limit set (EN 50160, Netcode)",
        description="The verdict of every clause of a limit set over a week of what the box recorded.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE")
    parser.add_argument(
        "--limits", required=True, metavar="SET", help="en50160-mv, netcode-lv, ... or a TOML file"
    )
    parser.add_argument(
        "--station", type=Path, metavar="FILE", help="station.toml (default: beside the store)"
    )
    parser.add_argument("--busbar", metavar="ID", help="default: all")
    parser.add_argument("--from", dest="begin", metavar="ISO", help="2026-03-23 or 2026-03-23T06:00+01:00")
    parser.add_argument("--to", dest="end", metavar="ISO")
    parser.add_argument("--nominal-v", type=_volts, metavar="V", help="declared voltage between phases")
    parser.add_argument("--nominal-hz", type=int, choices=(50, 60))
    parser.add_argument("--phases", action="store_true", help="a line for each phase")
    parser.add_argument("--json", action="store_true", help="in place of the text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The verdicts as text or JSON; raises FlexcoreError."""
    # NumPy: not for every job
    import msgspec

    from flexcore.limits.files import read_limit_set
    from flexcore.station import read_station
    from flexcore.weekly.judge import Question, judge, open_store
    from flexcore.weekly.result import as_text

    limit_set = read_limit_set(options.limits)
    file = options.station or _station_beside(options.store)
    question = Question(
        limit_set=limit_set,
        station=None if file is None else read_station(file),
        busbar=options.busbar,
        start_ns=_moment(options.begin, "--from"),
        end_ns=_moment(options.end, "--to"),
        nominal_v=options.nominal_v,
        nominal_hz=options.nominal_hz,
    )
    week = judge(options.store, open_store(options.store), question)
    if options.json:
        return msgspec.json.format(msgspec.json.encode(week), indent=1).decode() + "\n"
    return as_text(week, phases=options.phases)


def _station_beside(store: Path) -> Path | None:
    """On the box it is one folder above the store's."""
    try:
        folder = (store if store.is_dir() else store.parent).absolute()
        return next(
            (f for f in (folder / "station.toml", folder.parent / "station.toml") if f.is_file()), None
        )
    except OSError:
        return None  # a store that is out of reach is told when it is opened


def _volts(text: str) -> float:
    value = float(text)
    if not 50.0 <= value <= 500_000.0:
        raise argparse.ArgumentTypeError(f"expected 50 to 500000 V, got {text}")
    return value


def _moment(text: str | None, name: str) -> int | None:
    """Nanoseconds since 1970; raises SettingsError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        whole = int(moment.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError):
        whole = -1
    # 1970 to 2200: what SQLite and nanoseconds in 64 bits can hold
    if not 0 <= whole < 7_258_118_400:
        raise SettingsError(
            f"{name}: expected a time in ISO 8601, 2026-03-23 or 2026-03-23T06:00, got {text[:40]!r}"
        )
    return whole * 1_000_000_000 + moment.microsecond * 1000
