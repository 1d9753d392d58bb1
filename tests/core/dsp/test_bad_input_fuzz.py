"""A minute of a station to which everything bad happens, by chance and again and again.

The voltages and currents never change in truth, so whatever the instrument says without a flag is known.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from flexcore.dsp import StationAnalyser
from flexcore.model import Block, Event, Measurement
from support.pq import EPOCH_S, UDIN_V, Array, make_station, three_phase, times

RATE = 2_000
N = RATE // 50
SECONDS = 60
HZ = 50.1
STATION = make_station(2, rate_hz=RATE)
CHANNELS = {e.id: tuple(e.channels) for e in STATION.elements}
TRUTH = {"f1": 10.0, "f2": 20.0}

#: What can happen, and whether it leaves the angles between elements alone.
FAULTS = {
    "nan": True,
    "infinite": True,
    "saturated": True,
    "direct": True,
    "missing phase": True,
    "swapped": True,
    "no voltage": True,
    "lost": True,
    "doubled": True,
    "other place": True,
    "channels": True,
    "all back, ms": True,
    "all back, hours": True,
    "all ahead": True,
    "silent": True,
    "one back, ms": False,
    "one in another time": True,
}


def clean() -> dict[str, Array]:
    t = times(SECONDS, RATE)
    return {
        "b1": three_phase(t, HZ),
        "f1": three_phase(t, HZ, TRUTH["f1"], 25.0),
        "f2": three_phase(t, HZ, TRUTH["f2"], -40.0),
    }


class Story:
    """One minute; ``angles`` False: also what moves one sensor's time against the others' a little."""

    def __init__(self, seed: int, *, angles: bool) -> None:
        self._rng = random.Random(seed)
        self._names = [name for name, keeps in FAULTS.items() if keeps or not angles]
        self.happened: set[str] = set()
        self._length = 0

    def blocks(self) -> Iterator[Block]:
        """The blocks in the order in which they come; faults follow each other with some sound seconds."""
        rng = self._rng
        data = clean()
        sequence = dict.fromkeys(data, EPOCH_S * RATE // N)
        kind, source, left, strength = "", "b1", rng.randint(20, 100), 0
        held: Block | None = None
        for k in range(SECONDS * RATE // N):
            left -= 1
            if left <= 0:
                if kind == "one in another time" or (kind == "one back, ms" and rng.random() < 0.5):
                    sequence[source] = max(sequence.values())
                if kind:
                    kind, left = "", rng.randint(20, 100)
                else:
                    kind, source = rng.choice(self._names), rng.choice(list(data))
                    left, strength = rng.randint(1, 60), rng.randint(1, 90)
                    self._length = left
                    self.happened.add(kind)
                    self._jump(kind, source, strength, sequence)
            for name in data:
                columns = data[name][:, k * N : (k + 1) * N]
                block = self._block(name, sequence[name], columns, kind, name == source, left, strength)
                sequence[name] += 1
                if block is None:
                    continue
                if kind == "other place" and name == source and held is None and rng.random() < 0.3:
                    held = block
                    continue
                yield block
                if kind == "doubled" and name == source:
                    yield block
                if held is not None and held.source == name:
                    yield held
                    held = None

    def _jump(self, kind: str, source: str, strength: int, sequence: dict[str, int]) -> None:
        shift = {
            "all back, ms": -strength,
            "all back, hours": -strength * 100_000,
            "all ahead": strength * 100_000,
        }.get(kind, 0)
        for name in sequence:
            sequence[name] += shift
        if kind == "one back, ms":
            sequence[source] -= strength
        if kind == "one in another time":
            sequence[source] += self._rng.choice((-1, 1)) * strength * 10_000

    def _block(
        self, name: str, sequence: int, columns: Array, kind: str, here: bool, left: int, strength: int
    ) -> Block | None:
        rng = self._rng
        samples = columns.astype(np.float32)
        channels = CHANNELS[name]
        spans: list[tuple[int, int]] = []
        at = rng.randrange(N)
        if kind in ("nan", "infinite") and here and rng.random() < 0.2:
            samples[rng.randrange(3), at] = np.nan if kind == "nan" else rng.choice((np.inf, -np.inf))
        elif kind == "saturated" and here:
            limit = 0.01 * strength * float(np.abs(columns).max())
            over = (np.abs(samples) > limit).any(axis=0)
            edges = np.flatnonzero(np.diff(np.concatenate(([False], over, [False])).astype(int)))
            spans = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
            samples = np.clip(samples, -limit, limit)
        elif kind == "direct" and name == "b1":
            samples += np.float32(0.03 * UDIN_V)
        elif kind == "missing phase" and name == "b1":
            samples[strength % 3] = 0.0
        elif kind == "no voltage" and name == "b1":
            samples *= 0.0
        elif kind == "swapped":
            if left in (1, self._length):  # nobody changes a terminal under voltage
                return None
            samples = samples[[0, 2, 1]]
        elif here and (kind == "silent" or (kind == "lost" and rng.random() < 0.3)):
            return None
        elif kind == "channels" and here:
            samples, channels = samples[: strength % 3 + 1], channels[: strength % 3 + 1]
            if len(channels) == 3:
                channels = (*channels[:2], "x")
        start_ns = sequence * 1_000_000_000 * N // RATE
        whole = np.ascontiguousarray(samples)
        return Block(name, sequence, start_ns, float(RATE), channels, whole, tuple(spans))


def off(value: float | None, truth: float) -> float:
    assert value is not None
    return abs(value / truth - 1.0)


def check(m: Measurement, *, angles: bool) -> None:
    """An interval without a flag says the truth."""
    if m.interval == "10s":
        assert off(m.values["f_10s_hz"], HZ) < 1e-4
        return
    if m.element == "b1":
        assert off(m.values["f_hz"], HZ) < 3e-4, m
        for x in ("l1", "l2", "l3"):
            assert off(m.values[f"u_{x}_v"], UDIN_V) < 2e-3, m
            assert off(m.values[f"u_min_{x}_v"], UDIN_V) < 2e-2, m
        u2 = m.values["u2_percent"]
        assert u2 is not None
        assert u2 < 0.5, m
        return
    for x in ("l1", "l2", "l3"):
        assert off(m.values[f"i_{x}_a"], TRUTH[m.element]) < 2e-3, m
    if angles:
        cos = np.cos(np.radians(25.0 if m.element == "f1" else -40.0))
        assert off(m.values["pf"], float(cos)) < 5e-3, m


@pytest.mark.parametrize("angles", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_without_a_flag_it_is_true(seed: int, angles: bool) -> None:
    analyser = StationAnalyser(STATION)
    sound = 0
    story = Story(seed, angles=angles)
    for block in story.blocks():
        for item in analyser.process(block):
            if isinstance(item, Measurement) and not item.flags:
                sound += 1
                check(item, angles=angles)
            elif isinstance(item, Event):
                assert item.duration_ns is None or item.duration_ns >= 0
                assert item.extreme_v is None or np.isfinite(item.extreme_v)
    assert sound > 100, "there was enough to be wrong about"
    assert len(story.happened) > 8


def test_everything_happens_in_one_seed_or_another() -> None:
    happened: set[str] = set()
    for seed in range(6):
        story = Story(seed, angles=False)
        for _ in story.blocks():
            pass
        happened |= story.happened
    assert happened == set(FAULTS)


def test_memory_does_not_grow_with_what_goes_wrong() -> None:
    analyser = StationAnalyser(STATION)
    sizes = []
    tracemalloc.start()
    shift = 0
    for seed in range(3):
        for block in Story(100 + seed, angles=False).blocks():
            analyser.process(replace(block, sequence=block.sequence + shift))
        sizes.append(tracemalloc.get_traced_memory()[0])
        shift += SECONDS * RATE // N
    tracemalloc.stop()
    assert sizes[-1] < sizes[0] + 500_000
