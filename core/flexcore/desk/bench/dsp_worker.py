"""One run of the engine in a process of its own: ``CHANNELS BLOCK SECONDS VOLTAGES`` -> a line of JSON.

``BLOCK`` 0 measures memory: a second of plain sines over and over, so that the signal itself hardly counts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from flexcore.desk.bench.station import RATE_HZ, blocks, signals, station
from flexcore.dsp import StationAnalyser
from flexcore.model import Event


def _sines(channels: int) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    t = np.arange(RATE_HZ) / RATE_HZ
    found = {}
    for element in station(channels).elements:
        shape = [np.cos(2 * np.pi * (50 * t - c / 3)) for c in range(len(element.channels))]
        found[element.id] = np.stack(shape).astype(np.float32) * 325
    return found


def _peak_mb() -> float:
    """Peak resident memory of this program alone: getrusage would count what the process was before exec."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


def main() -> int:
    """Measure and print."""
    channels, block, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    described = station(channels, voltages=sys.argv[4])
    pattern = signals(channels, 10) if block else _sines(channels)
    analyser = StationAnalyser(described)
    spent = 0.0
    results = events = 0
    for piece in blocks(described, pattern, block or 1000, seconds):
        began = time.process_time()
        told = analyser.process(piece)
        spent += time.process_time() - began
        results += len(told)
        events += sum(isinstance(item, Event) for item in told)
    figures = {
        "ms_per_channel_second": 1000.0 * spent / seconds / channels,
        "rss_mb": _peak_mb(),
        "results": results,
        "events": events,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
