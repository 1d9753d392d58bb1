"""``./build.sh bench path``: what the way from sensor to page costs, beside the strongest open-source peer.

39 channels (a busbar and 12 fields) at 20 kHz in real time through the developer's box: CPU per service,
delay from the last sample of a window to its value on MQTT, samples lost. The peer (pqopen-lib) computes the
same signal kind in the same run: RMS, powers, harmonics, events, aggregates.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass

from flexcore.desk.bench.peer import PEER, peer
from flexcore.desk.box import ROOT, DevBox, free_port
from flexcore.desk.scene import LOOK_EVERY_S, Scene, read_play

WARM_UP_S = 8.0
#: What the instrument needs of the signal after a cycle to know how long that cycle was: half of its filter
#: (1.5 cycles) and half a cycle to either side of the moment (docs/decisions/020-dsp-synchronisation.md).
FILTER_MS = 30.0
PEER_SECONDS = 20
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PathFigures:
    """One run; CPU in percent of one core, times in ms."""

    channels: int
    seconds: float
    machine: str
    cpu_percent: dict[str, float]
    cpu_ms_per_channel_second: float
    peer_ms_per_channel_second: float | None
    values_per_second: float
    delay_p50_ms: float
    delay_p99_ms: float
    events: int
    event_delay_p50_ms: float
    event_delay_p99_ms: float
    lost_blocks: float
    flagged_by_gap: int


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")


def measure(seconds: float, dip_every_s: float = 20.0) -> PathFigures:
    """Run the box for ``seconds`` after a warm-up; raises DeskError where it does not come to life."""
    play = read_play(None, None, None, ("--dip-every", str(dip_every_s)))
    channels = sum(len(element.channels) for element in play.station.elements)
    folder = ROOT / "build/bench-path"
    with (
        DevBox(play.station_text, play.station, web_port=free_port(), folder=folder) as box,
        Scene(box, play).playing() as scene,
    ):
        scene.wait_live(60.0)
        _for(WARM_UP_S, scene)
        bus = scene.bus
        assert bus is not None  # noqa: S101 - wait_live saw it
        children = [*box.family.members, scene.simulator]
        before = {child.name: child.cpu_s() for child in children}
        lost_before = _lost(bus.counters)
        seen, begun = len(bus.tally.lag_ms), len(bus.tally.event_lag_ms)
        gaps = bus.tally.gaps
        began = time.monotonic()
        _for(seconds, scene)
        took_s = time.monotonic() - began
        cpu_s = {child.name: child.cpu_s() - before[child.name] for child in children}
        delays = bus.tally.lag_ms[seen:]
        needed_ms = 1000.0 / play.station.station.nominal_frequency_hz + FILTER_MS
        event_delays = [lag_ms - needed_ms for lag_ms in bus.tally.event_lag_ms[begun:]]
        return PathFigures(
            channels=channels,
            seconds=round(took_s, 1),
            machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
            cpu_percent={name: round(100 * spent / took_s, 2) for name, spent in cpu_s.items()},
            cpu_ms_per_channel_second=round(
                1000 * (cpu_s["acquire"] + cpu_s["analyse"]) / took_s / channels, 4
            ),
            peer_ms_per_channel_second=None,
            values_per_second=round(len(delays) / took_s, 1),
            delay_p50_ms=round(_percentile(delays, 50), 1),
            delay_p99_ms=round(_percentile(delays, 99), 1),
            events=len(event_delays),
            event_delay_p50_ms=round(_percentile(event_delays, 50), 1),
            event_delay_p99_ms=round(_percentile(event_delays, 99), 1),
            lost_blocks=_lost(bus.counters) - lost_before,
            flagged_by_gap=bus.tally.gaps - gaps,
        )


def _lost(counters: dict[str, dict[str, int | float]]) -> float:
    return sum(counters.get("acquire", {}).get(name, 0) for name in ("blocks_lost", "samples_lost"))


def _for(seconds: float, scene: Scene) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        scene.look()
        time.sleep(LOOK_EVERY_S)


def _table(figures: PathFigures) -> str:
    lines = [f"path: {figures.channels} channels at 20 kHz, {figures.seconds:.0f} s, {figures.machine}", ""]
    lines += [f"  {name:<12} {percent:6.2f} % of one core" for name, percent in figures.cpu_percent.items()]
    box = sum(percent for name, percent in figures.cpu_percent.items() if name != "simulator")
    lines += [f"  {'box':<12} {box:6.2f} % in all", ""]
    own, theirs = figures.cpu_ms_per_channel_second, figures.peer_ms_per_channel_second
    lines.append(f"  acquire + analyse   {own:.3f} ms CPU per channel-second")
    if theirs is None:
        lines.append("  peer                not measured: its benchmark is not at hand")
    else:
        lines.append(f"  peer ({PEER})  {theirs:.3f}: {theirs / own:.1f} times ours (its DSP alone, no bus)")
    lines.append(f"  values on MQTT      {figures.values_per_second:.1f} a second")
    lines.append(
        f"  last sample to MQTT p50 {figures.delay_p50_ms:.0f} ms, p99 {figures.delay_p99_ms:.0f} ms"
    )
    lines.append(
        f"  event on MQTT       p50 {figures.event_delay_p50_ms:.0f} ms, "
        f"p99 {figures.event_delay_p99_ms:.0f} ms after the last sample it needs ({figures.events} events)"
    )
    lines.append(
        f"  lost in acquire     {figures.lost_blocks:.0f}; values flagged by a gap: {figures.flagged_by_gap}"
    )
    return "\n".join(lines)


def run_bench(seconds: float | None, must: bool) -> int:
    """Measure, print, write ``dist/bench/path.json``; 1 where ``must`` and real time was missed."""
    figures = measure(SECONDS if seconds is None else seconds)
    other = peer(12, ["harm", "events", "agg"], PEER_SECONDS, 1000)
    told = other and round(other["ms_per_channel_second"], 4)
    figures = PathFigures(**{**asdict(figures), "peer_ms_per_channel_second": told})
    target = ROOT / "dist/bench/path.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(asdict(figures), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_table(figures) + "\n")
    real_time = figures.lost_blocks == 0 and figures.flagged_by_gap == 0 and figures.values_per_second > 0
    if must and not real_time:
        sys.stderr.write("bench path: 39 channels at 20 kHz in real time: missed\n")
        return 1
    return 0
