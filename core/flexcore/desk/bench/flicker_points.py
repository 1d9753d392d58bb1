"""The test points of a flickermeter (IEC 61000-4-15 ed. 2) and their signals, for the bench and the tests."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from flexcore.desk.box import ROOT
from flexcore.dsp.flicker import INTERVAL_S, Flickermeter, Pinst, ShortTerm
from flexcore.dsp.lamp import LampName

Array = npt.NDArray[np.float64]
#: Three voltages (3, n) at moments (n) in seconds after a tick of the clock.
Signal = Callable[[Array], Array]

VOLTAGE_V = 230.0
#: A tick of the clock, in seconds since 1970.
TICK_S = 1_700_000_000 // INTERVAL_S * INTERVAL_S
_TABLES = ROOT / "tests/data/flicker-iec61000-4-15-ed2.json"


def tables() -> dict[str, Any]:
    """By lamp and frequency (``230v-50hz``): tables of ``hz`` or ``changes_per_minute`` and ``dv_pct``."""
    read: dict[str, Any] = json.loads(_TABLES.read_text(encoding="utf-8"))
    return read


def triples(*lists: list[float]) -> Iterator[list[Array]]:
    """Three points of a table at once, (3, 1) for three channels; the last one again where they run out."""
    points = list(zip(*lists, strict=True))
    points += [points[-1]] * (-len(points) % 3)
    for n in range(0, len(points), 3):
        yield [np.array(values, float)[:, None] for values in zip(*points[n : n + 3], strict=True)]


def sine(t: Array, hz: float | Array = 50.0) -> Array:
    """A sine of :data:`VOLTAGE_V`."""
    return np.asarray(VOLTAGE_V * np.sqrt(2.0) * np.sin(2 * np.pi * hz * t))


def rectangle(t: Array, hz: float | Array, rate_hz: int) -> Array:
    """+1 and -1 in turn, with edges one sample long: where an edge is does not depend on the samples."""
    turn = (hz * t) % 1.0
    edge = np.where(turn < 0.5, np.minimum(turn, 0.5 - turn), -np.minimum(turn - 0.5, 1.0 - turn))
    return np.clip(edge * (2 * rate_hz / hz), -1.0, 1.0)


def modulated(t: Array, hz: Array, dv_pct: Array, wave: str, carrier_hz: float, rate_hz: int) -> Array:
    """A sine whose amplitude goes up and down by ``dv_pct`` percent in all, ``sine`` or ``rectangular``."""
    shape = np.sin(2 * np.pi * hz * t) if wave == "sine" else rectangle(t, hz, rate_hz)
    return np.asarray(sine(t, carrier_hz) * (1.0 + dv_pct / 200.0 * shape))


class Run:
    """A meter fed with a signal of the time since the tick, which begins ``lead_s`` before the tick."""

    def __init__(
        self, signal: Signal, rate_hz: int, nominal_hz: int = 50, name: LampName = "230v", lead_s: float = 0.0
    ) -> None:
        self.meter = Flickermeter(rate_hz, nominal_hz, VOLTAGE_V, name)
        self.signal, self.rate_hz = signal, rate_hz
        self.at_s = -lead_s
        self.ended: list[ShortTerm] = []
        self.meter.restart(TICK_S * rate_hz - round(lead_s * rate_hz))

    def until(self, end_s: float, step_s: float = 10.0) -> None:
        """Feed it up to a moment; :attr:`ended` gets the 10-min intervals that end."""
        origin = TICK_S * self.rate_hz
        while self.at_s < end_s:
            after = min(self.at_s + step_s, end_s)
            first = min(self.meter.position - origin, round(self.at_s * self.rate_hz))
            n = np.arange(first, round(after * self.rate_hz))
            samples = np.ascontiguousarray(self.signal(n / self.rate_hz), np.float32)
            self.ended += self.meter.feed(samples, origin + first, origin + int(n[-1]) + 1)
            self.at_s = after

    def highest(self, start_s: float, end_s: float) -> list[float]:
        """The highest Pinst of each channel between two moments; not-a-number where there is none."""
        return [math.nan if pinst is None else pinst.highest for pinst in self._between(start_s, end_s)]

    def mean(self, start_s: float, end_s: float) -> Array:
        """The mean Pinst of each channel between two moments; not-a-number where there is none."""
        means = (math.nan if pinst is None else pinst.mean for pinst in self._between(start_s, end_s))
        return np.array(list(means))

    def _between(self, start_s: float, end_s: float) -> tuple[Pinst | None, ...]:
        self.until(start_s)
        self.meter.take()
        self.until(end_s)
        return self.meter.take()
