"""Decoders with a planted fault at one input; run as a worker as the fuzzer's own."""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import time
from pathlib import Path

from flexcore.desk.fuzz.target import Feed, Target
from flexcore.desk.fuzz.worker import feed

#: At this input the fault strikes.
AT = 1234
_kept: list[bytes] = []


class Counting:
    """Fails at the input number :data:`AT`."""

    def __init__(self, kind: str) -> None:
        self._kind, self._n = kind, -1

    def __call__(self, data: bytes) -> None:
        self._n += 1
        if self._kind == "memory":
            _kept.append(bytes(40_000))
        if self._kind == "again" or (self._n == AT and self._kind == "error"):
            raise ZeroDivisionError("planted")
        if self._n == AT and self._kind == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self._n == AT and self._kind == "hang":
            time.sleep(60.0)


def _maker(kind: str) -> Feed:
    return Counting(kind)


KINDS = ("error", "again", "crash", "hang", "memory")
PLANTED = {kind: Target(kind, [b"x" * 20], lambda kind=kind: _maker(kind), 1.0) for kind in KINDS}


def main(name: str, first: str, count: str, file: str) -> None:
    """As :mod:`flexcore.desk.fuzz.worker` does."""
    with Path(file).open("r+b") as opened, mmap.mmap(opened.fileno(), 8) as note:
        sys.stdout.write(json.dumps(feed(PLANTED[name], int(first), int(count), note)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
