"""A run over all targets: processes that may die, hang or grow, and what came of each."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flexcore.desk.box import ROOT
from flexcore.desk.fuzz.target import Target

FOLDER = ROOT / "dist/fuzz"
#: An input that takes longer than this hangs the service that decodes it.
HANGS_S = 5.0
MOST_GROWN_BYTES = 64 * 1024 * 1024
#: Inputs per process: short enough for two processes to share the work.
BATCH = 250_000
_NOTHING = -1


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: ``kind`` is the error's name, ``crash``, ``hang`` or ``memory``."""

    target: str
    number: int
    kind: str
    detail: str
    file: str = ""


@dataclass(slots=True)
class Tally:
    """What a target was fed."""

    fed: int = 0
    refused: int = 0
    seconds: float = 0.0
    grown_bytes: int = 0


class Process:
    """A worker, watched by the number of the input that it is at."""

    def __init__(self, target: str, first: int, count: int, module: str) -> None:
        self.target = target
        self._note = tempfile.NamedTemporaryFile(prefix="fuzz-")  # noqa: SIM115 - lives as long as the worker
        self._note.write(struct.pack("<q", _NOTHING))
        self._note.flush()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, target, str(first), str(count), self._note.name],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "OPENBLAS_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        )
        self._at, self._since_s = _NOTHING, time.monotonic()

    def look(self) -> Finding | Tally | None:
        """None while it works."""
        code = self._process.poll()
        at = self._number()
        if code is None:
            return self._slow(at)
        if code < 0:
            return Finding(self.target, at, "crash", signal.Signals(-code).name)
        self._output.seek(0)
        said = self._output.read().decode().strip()
        if code or not said:
            return Finding(self.target, at, "crash", f"exit code {code}")
        return self._verdict(at, json.loads(said.splitlines()[-1]))

    def _slow(self, at: int) -> Finding | None:
        now_s = time.monotonic()
        if at != self._at:
            self._at, self._since_s = at, now_s
        # Until its first input it loads modules.
        if now_s - self._since_s <= (HANGS_S if at != _NOTHING else 60.0):
            return None
        self.kill()
        return Finding(self.target, at, "hang", f"longer than {HANGS_S:g} s")

    def _verdict(self, at: int, answer: dict[str, Any]) -> Finding | Tally:
        if "finding" in answer:
            return Finding(self.target, answer["number"], answer["finding"], answer["detail"])
        if answer["grown_bytes"] > MOST_GROWN_BYTES:
            return Finding(self.target, at, "memory", f"grown by {answer['grown_bytes']} bytes")
        return Tally(answer["fed"], answer["refused"], answer["seconds"], answer["grown_bytes"])

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()

    def _number(self) -> int:
        self._note.seek(0)
        return int(struct.unpack("<q", self._note.read(8))[0])


def batches(
    targets: Sequence[Target], inputs: int, first: int, most: int = BATCH
) -> Iterator[tuple[Target, int, int]]:
    """``inputs`` in all, by the targets' shares; each at least some."""
    whole = sum(target.share for target in targets)
    for target in targets:
        wanted = max(200, round(inputs * target.share / whole))
        for at in range(0, wanted, most):
            yield target, first + at, min(most, wanted - at)


def run(
    targets: Sequence[Target],
    inputs: int,
    *,
    first: int = 0,
    processes: int = 2,
    say: Callable[[str], None] = lambda _: None,
    module: str = "flexcore.desk.fuzz.worker",
) -> tuple[dict[str, Tally], list[Finding]]:
    """Feed ``inputs``; a target that has a finding is not fed further."""
    waiting = deque(batches(targets, inputs, first))
    tallies = {target.name: Tally() for target in targets}
    by_name = {target.name: target for target in targets}
    findings: list[Finding] = []
    working: list[Process] = []
    try:
        while waiting or working:
            while waiting and len(working) < processes:
                target, at, count = waiting.popleft()
                working.append(Process(target.name, at, count, module))
            time.sleep(0.05)
            for process in list(working):
                came = process.look()
                if came is None:
                    continue
                working.remove(process)
                if isinstance(came, Finding):
                    findings.append(_keep(came, by_name[came.target]))
                    waiting = deque(item for item in waiting if item[0].name != came.target)
                    say(f"{came.target}: {came.kind} at input {came.number}")
                else:
                    tally = tallies[process.target]
                    tally.fed += came.fed
                    tally.refused += came.refused
                    tally.seconds += came.seconds
                    tally.grown_bytes = max(tally.grown_bytes, came.grown_bytes)
    finally:
        for process in working:
            process.kill()
    return tallies, findings


def _keep(finding: Finding, target: Target) -> Finding:
    """Write the input down, where its number is known."""
    if finding.number < 0:
        return finding
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{finding.target}-{finding.number}.bin"
    file.write_bytes(target.input(finding.number))
    return Finding(finding.target, finding.number, finding.kind, finding.detail, str(file))


def table(tallies: dict[str, Tally], findings: Sequence[Finding]) -> str:
    """What was fed, how fast, how much of it was refused, how memory grew."""
    lines = [f"  {'target':<22} {'inputs':>10} {'refused':>8} {'a second':>9} {'grown, MB':>10}"]
    for name, tally in tallies.items():
        rate = tally.fed / tally.seconds if tally.seconds else 0.0
        refused = f"{100.0 * tally.refused / tally.fed:.0f} %" if tally.fed else "-"
        lines.append(
            f"  {name:<22} {tally.fed:>10} {refused:>8} {rate:>9.0f} {tally.grown_bytes / 1e6:>10.1f}"
        )
    lines.append(f"  {'in all':<22} {sum(t.fed for t in tallies.values()):>10}")
    for found in findings:
        lines += [f"\n  {found.target}: {found.kind}, input {found.number}: {found.file}", found.detail]
    return "\n".join(lines)


def as_json(tallies: dict[str, Tally], findings: Sequence[Finding]) -> str:
    """The same for a machine."""
    told = {
        "targets": {name: asdict(tally) for name, tally in tallies.items()},
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(told, indent=2) + "\n"


def replay(target: Target, file: Path) -> None:
    """Feed one input that was kept; what it raises comes out."""
    target.make()(file.read_bytes())
