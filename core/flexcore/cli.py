"""``flexcore``: the command line for people at a desk or on the box.

Errors are one line on standard error; exit code 2 for bad input, 1 where what was looked at is not in order.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from flexcore import __version__
from flexcore.commands import analyse, station, week
from flexcore.errors import FlexcoreError, UnmetError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flexcore", description="The Flexcore appliance at the desk.")
    parser.add_argument("--version", action="version", version=f"flexcore {__version__}")
    jobs = parser.add_subparsers(dest="job", required=True)
    for job in (station, analyse, week):
        job.add(jobs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        print(options.run(options), end="")
        sys.stdout.flush()
    except UnmetError as error:
        print(error.output, end="", flush=True)
        print(f"flexcore: {error}", file=sys.stderr)
        return 1
    except FlexcoreError as error:
        print(f"flexcore: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # a pager that was closed; what Python still holds must not be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
