"""``./build.sh bench dsp``: the engine beside the peer and the C yardstick, on the same signal, on one core.

CPU and memory are measured in processes of their own; accuracy on signals that are known; the delay of events
on the developer's box, from sensor to broker.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from flexcore.desk.bench import dsp_accuracy as accuracy
from flexcore.desk.bench import path
from flexcore.desk.bench.peer import PEER, call, peer, yardstick
from flexcore.desk.box import ROOT

CHANNELS = (39, 83)
BLOCKS = {200: 4000, 50: 1000}
PEER_FEATURES = ["harm", "msv", "flicker", "uo", "events", "agg", "sync", "neutral"]
REPEATS = 3
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the limits that an issue sets (None: it is only told) and what the peer has."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    peer: float | None = None
    yardstick: float | None = None

    @property
    def missed(self) -> bool:
        """Whether a must is missed."""
        over = self.at_most is not None and not self.value <= self.at_most
        return over or (self.at_least is not None and not self.value >= self.at_least)


def _worker(channels: int, block: int, seconds: float, voltages: str = "phase_to_earth") -> dict[str, float]:
    words = [sys.executable, "-m", "flexcore.desk.bench.dsp_worker", str(channels), str(block), str(seconds)]
    words.append(voltages)
    done: dict[str, float] = json.loads(call(words).strip().splitlines()[-1])
    return done


def _cost(channels: int, block: int, seconds: float, voltages: str = "phase_to_earth") -> float:
    """CPU of a channel's second of samples, ms: the median of some runs."""
    runs = [_worker(channels, block, seconds, voltages)["ms_per_channel_second"] for _ in range(REPEATS)]
    return round(statistics.median(runs), 4)


def _speed(seconds: float) -> list[Figure]:
    figures = []
    for block_ms, block in BLOCKS.items():
        must = 0.25 if block_ms == 200 else 0.30
        other = peer(12, PEER_FEATURES, min(seconds, 20.0), block)
        for channels in CHANNELS:
            figures.append(
                Figure(
                    f"CPU, {channels} channels, {block_ms}-ms blocks",
                    _cost(channels, block, seconds),
                    "ms/channel-s",
                    at_most=must,
                    peer=None
                    if other is None or channels != 39
                    else round(other["ms_per_channel_second"], 3),
                    yardstick=yardstick(channels, seconds) if block_ms == 200 else None,
                )
            )
        pairs = _cost(39, block, seconds, "phase_to_phase")
        name = f"CPU, 39, between phases, {block_ms}-ms blocks"
        figures.append(Figure(name, pairs, "ms/channel-s", at_most=must))
    memory = _worker(83, 0, 20.0)["rss_mb"]
    figures.append(Figure("peak RSS, 83 channels", round(memory, 1), "MB", at_most=100.0))
    return figures


def _accuracy(say: Callable[[str], None]) -> list[Figure]:
    say("accuracy: harmonics, interharmonics, Urms(1/2), frequency, dips")
    residual, duration = accuracy.dips()
    say("accuracy: flicker, every point of the tables")
    pinst, pst = accuracy.flicker()
    return [
        Figure(
            "harmonics h2..h50, 42.5-57.5 Hz", accuracy.harmonics_percent_of_reading(), "% of reading", 0.1
        ),
        Figure("false interharmonic, 2.6-10 kHz", accuracy.false_interharmonic_percent(), "% Udin", 0.02),
        Figure("Urms(1/2), 42.5-57.5 Hz", accuracy.half_cycle_rms_percent(), "% of reading", 0.02),
        Figure("frequency, 10 s", accuracy.frequency_mhz(), "mHz", 1.0),
        *(
            Figure(f"{name} {which} of {len(values)} points", round(pick(values), 4), "", 1.01, 0.99)
            for name, values in (("Pinst", pinst), ("Pst", pst))
            for which, pick in (("lowest", min), ("highest", max))
        ),
        Figure("dip: residual", residual, "% Udin", 0.1),
        Figure("dip: duration", duration, "cycles", 0.5),
    ]


def _delay(seconds: float) -> Figure:
    # The witness of the bus lives in this process: garbage of the accuracy must not stop it while it looks.
    gc.collect()
    gc.freeze()
    figures = path.measure(seconds, dip_every_s=1.0)
    return Figure("event on MQTT after its last sample, p99", figures.event_delay_p99_ms, "ms", at_most=30.0)


def _table(figures: list[Figure]) -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [f"dsp: {machine}; peer {PEER}; yardstick: C, FFTW, float64", ""]
    lines.append(f"  {'figure':<42}{'ours':>10} {'unit':<14}{'must':>12}{'peer':>9}{'yardstick':>11}")
    for figure in figures:
        must = ""
        if figure.at_least is not None:
            must = f"{figure.at_least:g}..{figure.at_most:g}"
        elif figure.at_most is not None:
            must = f"<= {figure.at_most:g}"
        others = [
            "" if value is None else f"{value:.3f} ({value / figure.value:.1f}x)"
            for value in (figure.peer, figure.yardstick)
        ]
        missed = "  MISSED" if figure.missed else ""
        lines.append(
            f"  {figure.name:<42}{figure.value:>10.4g} {figure.unit:<14}{must:>12}"
            f"{others[0]:>16}{others[1]:>14}{missed}"
        )
    return "\n".join(lines)


def run_bench(seconds: float | None, must: bool) -> int:
    """Measure, print, write ``dist/bench/dsp.json``; 1 where ``must`` and a must was missed."""

    def say(text: str) -> None:
        sys.stderr.write(f"  {text}\n")
        sys.stderr.flush()

    say("speed and memory, ours, the peer's and the yardstick's")
    seconds = SECONDS if seconds is None else seconds
    figures = _speed(seconds)
    figures += _accuracy(say)
    say("delay of events on the developer's box")
    figures.append(_delay(max(60.0, seconds)))
    target = ROOT / "dist/bench/dsp.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    told = [{**asdict(figure), "missed": figure.missed} for figure in figures]
    target.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_table(figures) + "\n")
    missed = [figure.name for figure in figures if figure.missed]
    if must and missed:
        sys.stderr.write(f"bench dsp: missed: {'; '.join(missed)}\n")
        return 1
    return 0
