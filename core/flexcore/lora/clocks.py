"""The clocks of a transmitter: UTC for messages, time since boot for what a step of UTC must not touch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Clocks:
    """``boot`` names this start of the system; ``since_boot_ns`` counts in it, also while asleep.

    ``synchronised`` says whether UTC is known now.
    """

    boot: str
    utc_ns: Callable[[], int]
    since_boot_ns: Callable[[], int]
    synchronised: Callable[[], bool]


def system_clocks(
    synchronised: Callable[[], bool], boot_id: Path = Path("/proc/sys/kernel/random/boot_id")
) -> Clocks:
    """Those of this machine; raises :class:`OSError` where it does not name its boot."""
    boot = boot_id.read_text("ascii").strip().replace("-", "")[:16]
    return Clocks(boot, time.time_ns, lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME), synchronised)
