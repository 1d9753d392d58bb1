"""The peer's own signal as blocks of a station of ours, so that both compute the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flexcore.desk.bench.peer import PEER_BENCH
from flexcore.model import Block
from flexcore.station import Station, parse_station

if TYPE_CHECKING:
    from types import ModuleType

NS = 1_000_000_000
RATE_HZ = 20_000
#: The peer's start: three seconds before a 10-min tick of the clock.
START_S = 1_760_000_400 - 3
#: Channels of the two stations that are measured: 12 fields of three currents, 20 of four.
STATIONS = {39: (12, False), 83: (20, True)}

Samples = npt.NDArray[np.float32]


def station(channels: int, nominal_v: float = 398.4, voltages: str = "phase_to_earth") -> Station:
    """A busbar of 230 V between phase and neutral, and the fields."""
    fields, neutral = STATIONS[channels]
    text = [
        '[station]\nid = "bench"\nname = "Bench"',
        f'[[busbar]]\nid = "bb1"\nname = "Busbar"\nnominal_v = {nominal_v}\nsensor.stream = 1',
        f'voltages = "{voltages}"',
        "[signalling]\nfrequencies_hz = [383.33]",
    ]
    for n in range(fields):
        text.append(
            f'[[field]]\nid = "f{n:02d}"\nname = "Field {n}"\nbusbar = "bb1"\nrated_a = 250.0\n'
            f"neutral = {str(neutral).lower()}\nsensor.stream = {100 + n}"
        )
    return parse_station("\n".join(text))


def signals(channels: int, seconds: int) -> dict[str, Samples]:
    """The peer's pattern (10 s), or where the peer is not at hand the same kind of it, by element."""
    fields, neutral = STATIONS[channels]
    raw = _peer_module().make_signal(np, seconds, fields) if PEER_BENCH.is_file() else _pattern(fields)
    found = {"bb1": np.stack([raw[f"u{p}"] for p in (1, 2, 3)])}
    for n in range(fields):
        currents = [raw[f"i{p}_{n}"] for p in (1, 2, 3)]
        if neutral:
            currents.append(currents[0] + currents[1] + currents[2])
        found[f"f{n:02d}"] = np.stack(currents)
    return found


def blocks(described: Station, pattern: dict[str, Samples], block: int, seconds: float) -> Iterator[Block]:
    """The pattern over and over, element after element, in blocks of ``block`` samples."""
    length = next(iter(pattern.values())).shape[1]
    names = {element.id: tuple(element.channels) for element in described.elements}
    first = START_S * RATE_HZ // block
    for k in range(round(seconds * RATE_HZ) // block):
        at = k * block % length
        for element, samples in pattern.items():
            start_ns = (first + k) * block * NS // RATE_HZ
            piece = np.ascontiguousarray(samples[:, at : at + block])
            yield Block(element, first + k, start_ns, float(RATE_HZ), names[element], piece)


def _peer_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("peer_bench", PEER_BENCH)
    assert spec is not None  # noqa: S101 - the file is there
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pattern(fields: int) -> dict[str, Any]:
    t = np.arange(10 * RATE_HZ) / RATE_HZ
    rng = np.random.default_rng(1)
    envelope = np.where((t >= 4.0) & (t < 4.2), 0.6, 1.0)
    found: dict[str, Any] = {}
    for p in range(3):
        angle = 2 * np.pi * 50 * t - p * 2 * np.pi / 3
        u = np.sin(angle) + sum(a * np.sin(h * angle + h) for h, a in ((3, 0.02), (5, 0.04), (7, 0.03)))
        found[f"u{p + 1}"] = (230 * np.sqrt(2) * u * envelope + rng.normal(0, 0.05, t.size)).astype(
            np.float32
        )
        for n in range(fields):
            i = np.sin(angle - 0.3) + sum(
                a * np.sin(h * angle + h + n) for h, a in ((3, 0.1), (5, 0.2), (7, 0.12))
            )
            found[f"i{p + 1}_{n}"] = (100 * np.sqrt(2) * i + rng.normal(0, 0.02, t.size)).astype(np.float32)
    return found
