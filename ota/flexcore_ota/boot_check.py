"""``flexcore-boot-check``: blesses a boot or not. Exit code 0: every condition holds; 1: one line each.

systemd-boot counts the tries of a slot; ``boot-complete.target`` needs this check and stops the counting. A
slot that never passes it is passed over at the next start once its three tries are used up; this check itself
restarts nothing, for as long as there is no other slot a restart would only make the box deaf.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from flexcore.paths import paths_from_environment
from flexcore_ota.checks import Check, checks

#: Services may need minutes on a slow board; systemd's own time-outs are longer than the healthy case.
WITHIN_S = 240.0
LOOK_EVERY_S = 2.0


def wait_healthy(
    conditions: Sequence[Check],
    within_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, str]:
    """Problems by condition that are left when all held at once (none) or ``within_s`` had passed."""
    until = clock() + within_s
    while True:
        problems = {c.name: problem for c in conditions if (problem := c.problem()) is not None}
        if not problems or clock() >= until:
            return problems
        sleep(LOOK_EVERY_S)


def main(within_s: float = WITHIN_S) -> int:
    """Ask until all is well or time is up."""
    problems = wait_healthy(checks(paths_from_environment()), within_s)
    for name, problem in problems.items():
        sys.stderr.write(f"<3>boot check: {name}: {problem}\n")
    if not problems:
        sys.stderr.write("<6>boot check: this slot is good\n")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
