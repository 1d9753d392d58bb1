"""What we measure ourselves against: pqopen-lib, and a bare C loop over FFTW.

Both live in the folder that ``FLEXCORE_PEERS`` names; where it is absent the comparison is left out and said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from flexcore.desk.box import ROOT, DeskError

PEER = "pqopen-lib==0.10.5"
FOLDER = Path(os.environ.get("FLEXCORE_PEERS", ROOT.parent / "shared/peers"))
PEER_BENCH = FOLDER / "bench_pqopen.py"
YARDSTICK = FOLDER / "ref_limit.c"
#: Work of a bench is done on one core, the last one: the first serves interrupts.
CORE = (os.cpu_count() or 1) - 1

_PEER_CODE = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("peer", sys.argv[1])
peer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(peer)
peer.CASES["ours"] = (int(sys.argv[2]), True, json.loads(sys.argv[3]))
peer.worker("ours", float(sys.argv[4]), int(sys.argv[5]))
"""


def call(command: list[str]) -> str:
    """Standard output of a program on one core; raises DeskError with its last line."""
    pinned = ["taskset", "-c", str(CORE), *command] if shutil.which("taskset") else command
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(pinned, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise DeskError(f"{command[0]} ended with exit code {done.returncode}: {last[0]}")
    return done.stdout


def _python() -> Path:
    venv = ROOT / "build/peer"
    python = venv / "bin/python"
    if not python.exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(venv)], check=True)
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    call([*install, "--require-hashes", "-r", str(ROOT / "requirements/peer.txt")])
    return python


def peer(fields: int, features: list[str], seconds: float, block: int) -> dict[str, float] | None:
    """The peer's CPU ms per channel-second and peak memory in MB, or None where it is not at hand."""
    if not PEER_BENCH.is_file():
        return None
    words = [str(PEER_BENCH), str(fields), json.dumps(features), str(seconds), str(block)]
    done = json.loads(call([str(_python()), "-c", _PEER_CODE, *words]).strip().splitlines()[-1])
    return {"ms_per_channel_second": 1000.0 * float(done["cpu_per_ch_s"]), "rss_mb": float(done["rss_mb"])}


def yardstick(channels: int, seconds: float) -> float | None:
    """CPU ms per channel-second of the C loop (float64, resampled), or None where it is not at hand."""
    if not YARDSTICK.is_file() or not shutil.which("gcc"):
        return None
    program = ROOT / "build/peer/yardstick"
    program.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-O3", "-march=native", "-ffast-math", "-DREAL=double", "-DIS_DOUBLE=1"]
    call(["gcc", *flags, str(YARDSTICK), "-o", str(program), "-lfftw3", "-lm"])
    line = call([str(program), str(channels), str(int(seconds)), "1"])
    return float(line.split("total ")[1].split()[0]) / 1000.0
