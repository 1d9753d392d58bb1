"""``./build.sh bench acquire``: samples of the largest station received, decoded and published in real time.

83 channels (a busbar and 20 fields) at 20 kHz from the virtual station's own process over loopback, through
the real service, to a listener on the sample bus who compares blocks with what the generator must have sent.
Then the same over a bad wire: what is missing must be flagged by the instrument, and nothing else harmed.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flexcore.buses.zeromq import BlockSubscriber, high_water_mark
from flexcore.desk.bench.witness import Witness
from flexcore.desk.box import ROOT, DevBox, free_port
from flexcore.desk.children import Child
from flexcore.desk.scene import STATIONS
from flexcore.station import Station, parse_station

STATION = STATIONS / "bench-20.toml"
FOLDER = ROOT / "build/bench-acquire"
SECONDS = 600.0
BAD_SECONDS = 60.0
BAD_WIRE = ("--loss", "0.01", "--duplicate", "0.01", "--reorder", "0.01")
#: Time in which the processes start and streams are described; not part of the measurement.
WARM_UP_S = 6.0
MUST_PERCENT = 8.0


@dataclass(slots=True)
class Run:
    """One run; CPU in percent of one core."""

    seconds: float
    cpu_percent: float
    blocks: int
    missing: int
    frames_sent: int
    frames_lost: int
    compared: int
    wrong: int
    windows: int = 0
    flagged: int = 0
    unflagged: int = 0
    overflagged: int = 0


def _station() -> tuple[Station, str]:
    port = free_port(socket.SOCK_DGRAM)
    text = f"{STATION.read_text(encoding='utf-8')}\n[acquire]\nport = {port}\n"
    return parse_station(text, str(STATION)), text


def _simulator(box: DevBox, file: Path, arguments: tuple[str, ...]) -> Child:
    command = [sys.executable, "-m", "flexcore.simulator", "--target", box.sensors, "--station", str(file)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "core")}
    return Child("simulator", [*command, *arguments], environment, FOLDER / "simulator.log")


@contextlib.contextmanager
def _sending(simulator: Child) -> Iterator[None]:
    simulator.start()
    try:
        yield
    finally:
        simulator.stop()


def measure(seconds: float, arguments: tuple[str, ...] = (), *, keep: bool = False) -> Run:
    """Let it run for ``seconds`` after a warm-up; ``keep`` all blocks for the instrument to judge."""
    station, text = _station()
    with DevBox(text, station, web_port=free_port(), folder=FOLDER, services=("acquire",)) as box:
        file = FOLDER / "bench.toml"
        file.write_text(text, encoding="utf-8")
        witness = Witness(station, keep=keep)
        simulator = _simulator(box, file, arguments)
        waiting = high_water_mark(station.block_bytes)
        with BlockSubscriber(box.paths.sample_bus, waiting) as bus, _sending(simulator):
            _listen(bus, witness, WARM_UP_S, counting=False)
            service = box.family["acquire"]
            before_s, began_s = service.cpu_s(), time.monotonic()
            _listen(bus, witness, seconds, counting=True)
            took_s = time.monotonic() - began_s
            spent_s = service.cpu_s() - before_s
        notices = [json.loads(line) for line in simulator.log.read_text(encoding="utf-8").splitlines()]
        stopped = next(notice for notice in notices if notice["event"] == "stopped")
    verdict = witness.judge() if keep else None
    return Run(
        seconds=round(took_s, 1),
        cpu_percent=round(100.0 * spent_s / took_s, 2),
        blocks=witness.blocks,
        missing=witness.missing,
        frames_sent=stopped["sent"],
        frames_lost=stopped["lost"],
        compared=witness.compared,
        wrong=witness.wrong,
        windows=verdict.windows if verdict else 0,
        flagged=verdict.flagged if verdict else 0,
        unflagged=verdict.unflagged if verdict else 0,
        overflagged=verdict.overflagged if verdict else 0,
    )


def _listen(bus: BlockSubscriber, witness: Witness, seconds: float, *, counting: bool) -> None:
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0.0:
        block = bus.receive(min(left_s, 0.5))
        if block is not None and counting:
            witness.take(block)


def _table(good: Run, bad: Run) -> str:
    def row(name: str, first: object, second: object, must: str = "") -> str:
        return f"  {name:<44} {first!s:>12} {second!s:>12}  {must}".rstrip()

    lines = [
        f"acquire: 83 channels at 20 kHz over loopback, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "",
        row("", "good wire", "bad wire", "must"),
        row("seconds", good.seconds, bad.seconds),
        row("CPU of the service, % of a core", good.cpu_percent, bad.cpu_percent, f"<= {MUST_PERCENT:g}"),
        row("frames sent", good.frames_sent, bad.frames_sent),
        row("frames lost by the wire", good.frames_lost, bad.frames_lost),
        row("blocks published", good.blocks, bad.blocks),
        row("blocks missing", good.missing, bad.missing, "0 on the good wire"),
        row("blocks compared with what was sent", good.compared, bad.compared),
        row("of these with a wrong value", good.wrong, bad.wrong, "0"),
        row("windows of the instrument judged", "", bad.windows),
        row("of these with the flag gap", "", bad.flagged),
        row("with a missing sample and no flag", "", bad.unflagged, "0"),
        row("flagged without a missing sample near", "", bad.overflagged, "0"),
    ]
    return "\n".join(lines)


def missed(good: Run, bad: Run) -> list[str]:
    """The musts that were not kept, in words."""
    musts = {
        f"{good.cpu_percent} % of a core, expected at most 8": good.cpu_percent <= MUST_PERCENT,
        f"{good.missing} blocks missing on a good wire, expected 0": good.missing == 0 and good.blocks > 0,
        f"{good.wrong + bad.wrong} blocks with wrong values, expected 0": good.wrong + bad.wrong == 0,
        "no block was compared": good.compared > 0 and bad.compared > 0,
        "the bad wire lost nothing": bad.missing > 0,
        f"{bad.unflagged} windows with a gap and no flag, expected 0": bad.unflagged == 0 and bad.windows > 0,
        f"{bad.overflagged} windows flagged without a gap, expected 0": bad.overflagged == 0,
    }
    return [words for words, kept in musts.items() if not kept]


def run_bench(seconds: float | None, must: bool) -> int:
    """Measure, print, write ``dist/bench/acquire.json``; 1 where ``must`` and a must was missed."""
    good = measure(SECONDS if seconds is None else seconds)
    bad = measure(BAD_SECONDS if seconds is None else min(BAD_SECONDS, seconds), BAD_WIRE, keep=True)
    failed = missed(good, bad)
    target = ROOT / "dist/bench/acquire.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    names = Run.__slots__
    told = {name: {key: getattr(run, key) for key in names} for name, run in (("good", good), ("bad", bad))}
    target.write_text(json.dumps({**told, "missed": failed}, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_table(good, bad) + "\n")
    for words in failed:
        sys.stderr.write(f"bench acquire: {words}\n")
    return 1 if failed and must else 0
