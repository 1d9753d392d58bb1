"""``./build.sh fuzz``: the campaign; exit code 1 where something was found, 2 for bad input."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from flexcore.desk.fuzz import campaign
from flexcore.desk.fuzz.targets import find, targets
from flexcore.errors import FlexcoreError

INPUTS = 10_000_000


def _count(text: str) -> int:
    value = int(text.replace("_", "")) if text.replace("_", "").isdecimal() else 0
    if not 1 <= value <= 10**12:
        raise argparse.ArgumentTypeError(f"expected a number of inputs above 0, got {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./build.sh fuzz", description=__doc__, allow_abbrev=False)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument("--inputs", type=_count, default=INPUTS, help="in all (default 10 million)")
    parser.add_argument("--first", type=_count, default=0, help="number of the first input (default 0)")
    parser.add_argument("--processes", type=_count, default=2)
    parser.add_argument("--replay", type=Path, metavar="FILE", help="feed one input that was kept to TARGET")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """See above."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        chosen = [find(name) for name in options.targets] or list(targets())
        if options.replay is not None:
            if len(options.targets) != 1 or not options.replay.is_file():
                parser.error("--replay: expected a file, and one TARGET")
            campaign.replay(chosen[0], options.replay)
            sys.stdout.write("nothing but what is documented\n")
            return 0
    except FlexcoreError as error:
        sys.stderr.write(f"./build.sh: {error}\n")
        return 2
    began_s = time.monotonic()
    tallies, findings = campaign.run(
        chosen, options.inputs, first=options.first, processes=options.processes, say=_say
    )
    sys.stdout.write(campaign.table(tallies, findings) + "\n")
    sys.stdout.write(f"  {time.monotonic() - began_s:.0f} s, {len(findings)} findings\n")
    campaign.FOLDER.mkdir(parents=True, exist_ok=True)
    (campaign.FOLDER / "fuzz.json").write_text(campaign.as_json(tallies, findings), encoding="utf-8")
    return 1 if findings else 0


def _say(text: str) -> None:
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
