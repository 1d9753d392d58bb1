"""One process that feeds one target: ``python -m flexcore.desk.fuzz.worker TARGET FIRST COUNT NOTE``.

``NOTE`` is a file of 8 bytes in which the number of the input under way stands: what kills or hangs the
process is known by it. At the end, or at the first finding, one line of JSON is printed.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from flexcore.desk.fuzz.target import Target

_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Caches and pools are full after so many inputs; what grows from then on grows without end.
WARM_UP = 2_000


def rss_bytes() -> int:
    """Memory of this process that is in use."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def feed(target: Target, first: int, count: int, note: mmap.mmap | None = None) -> dict[str, object]:
    """Feed inputs ``first`` to ``first + count - 1``; what was found, speed and memory."""
    fed, refused = 0, 0
    base = peak = 0
    one = target.make()
    began_s = time.perf_counter()
    for number in range(first, first + count):
        if note is not None:
            struct.pack_into("<q", note, 0, number)
        data = target.input(number)
        if fed and fed % target.fresh == 0:
            one = target.make()
        try:
            one(data)
        except target.allowed:
            refused += 1
        except Exception as error:
            return {
                "finding": type(error).__name__,
                "number": number,
                "detail": "".join(traceback.format_exception(error))[-2000:],
            }
        fed += 1
        if fed == min(WARM_UP, count // 2):
            base = rss_bytes()
        if fed % 500 == 0:
            peak = max(peak, rss_bytes())
    return {
        "fed": fed,
        "refused": refused,
        "seconds": round(time.perf_counter() - began_s, 3),
        "grown_bytes": max(0, max(peak, rss_bytes()) - base),
    }


def main(arguments: Sequence[str]) -> int:
    """See above."""
    from flexcore.desk.fuzz.targets import find

    name, first, count, file = arguments
    with Path(file).open("r+b") as opened, mmap.mmap(opened.fileno(), 8) as note:
        sys.stdout.write(json.dumps(feed(find(name), int(first), int(count), note)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
