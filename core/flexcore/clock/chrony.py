"""chrony's own report (``chronyc -c tracking``), read and judged."""

from __future__ import annotations

import math
import subprocess
import time

from flexcore.clock.quality import TimeQuality
from flexcore.errors import FlexcoreError

#: The port on loopback where chronyd tells anybody how it is doing; setting anything is not possible there.
COMMAND_PORT = 323
_WITHIN_S = 5.0
_FIELDS = 14
_MAX_REPORT = 1000
#: A source that has been silent for so many of its update intervals, and at least so long, is lost: chrony
#: itself goes on calling the clock normal.
_LOST_INTERVALS = 4.0
_LOST_S = 300.0


class ClockError(FlexcoreError):
    """chrony's report is not what it should be."""

    code = "clock"


def parse_tracking(report: str, now_s: float) -> TimeQuality:
    """The quality of time in ``report``, one line of ``chronyc -c tracking``; ``now_s`` is UTC since 1970.

    Raises:
        ClockError: it is something else; the message says what was expected.
    """
    line = report[:_MAX_REPORT].strip()
    parts = line.split(",")
    if len(parts) != _FIELDS or "\n" in line:
        raise ClockError(f"chronyc tracking: expected {_FIELDS} fields, got {line[:60]!r}")
    try:
        stratum = int(parts[2])
        numbers = [float(text) for text in parts[3:13]]
    except ValueError as error:
        raise ClockError(f"chronyc tracking: expected numbers: {error}") from error
    if not all(map(math.isfinite, numbers)):
        raise ClockError(f"chronyc tracking: expected finite numbers, got {line[:100]!r}")
    told_s, slow_s, delay_s, dispersion_s, interval_s = (numbers[n] for n in (0, 1, 7, 8, 9))
    if parts[13] == "Not synchronised" or stratum == 0:
        return TimeQuality("unsynchronised")
    age_s = max(now_s - told_s, 0.0)
    lost = age_s > max(_LOST_INTERVALS * interval_s, _LOST_S)
    return TimeQuality(
        "holdover" if lost else "synchronised",
        error_s=abs(slow_s) + dispersion_s + delay_s / 2.0,
        offset_s=-slow_s,
        stratum=stratum,
        source=parts[1][:64],
        age_s=age_s,
    )


def ask(port: int = COMMAND_PORT) -> TimeQuality:
    """What chronyd on this machine says now; state ``unknown`` where it does not answer.

    Raises:
        ClockError: it answers something that cannot be read.
    """
    command = ["chronyc", "-h", "127.0.0.1", "-p", str(port), "-c", "-n", "tracking"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return TimeQuality("unknown")
    if done.returncode:
        return TimeQuality("unknown")
    return parse_tracking(done.stdout.decode("ascii", "replace"), time.time())
