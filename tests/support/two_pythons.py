"""Starts the real MicroPython on a test body. Where it is missing the test fails: `./build.sh`
installs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SHIM = TESTS / "support" / "micropython"
INSTALLED = Path(sys.prefix) / "micropython"


def in_micropython(*arguments: str, timeout_s: float = 60.0) -> list[str]:
    """What ``run.py`` prints there, line by line; :class:`AssertionError` with its words where it fails."""
    path = os.pathsep.join(map(str, (SHIM, TESTS.parent / "core", TESTS, ".frozen")))
    done = subprocess.run(
        [sys.executable, str(INSTALLED / "bin" / "micropython"), str(SHIM / "run.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(INSTALLED), "MICROPYPATH": path},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()
