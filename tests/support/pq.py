"""What the tests of the instrument share: a station, signals, and blocks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flexcore.dsp import AnalyserSettings, StationAnalyser
from flexcore.model import Block, Event, Measurement
from flexcore.station import Station, parse_station

Array = npt.NDArray[np.float64]

NS = 1_000_000_000
#: Start of every test's samples, in seconds since 1970: the clock's 200-ms grid, and a round second.
EPOCH_S = 1_700_000_000
NOMINAL_V = 10_000.0
UDIN_V = NOMINAL_V / np.sqrt(3.0)


def make_station(
    fields: int = 1,
    busbars: int = 1,
    *,
    rate_hz: int = 20_000,
    nominal_hz: int = 50,
    neutral: bool = False,
    voltages: str = "phase_to_earth",
) -> Station:
    """Busbars ``b1``... of 10 kV and fields ``f1``..., dealt to the busbars in turn."""
    text = [f'[station]\nid = "s1"\nname = "S"\nnominal_frequency_hz = {nominal_hz}']
    for n in range(1, busbars + 1):
        text.append(f'[[busbar]]\nid = "b{n}"\nname = "B{n}"\nnominal_v = {NOMINAL_V}\nsensor.stream = {n}')
        text.append(f'voltages = "{voltages}"')
    for n in range(1, fields + 1):
        busbar = (n - 1) % busbars + 1
        text.append(
            f'[[field]]\nid = "f{n}"\nname = "F{n}"\nbusbar = "b{busbar}"\n'
            f"neutral = {str(neutral).lower()}\nsensor.stream = {100 + n}"
        )
    text.append(f"[acquire]\nrate_hz = {rate_hz}")
    return parse_station("\n".join(text))


def times(seconds: float, rate_hz: int = 20_000) -> Array:
    """Seconds since the epoch of the test."""
    return np.arange(round(seconds * rate_hz)) / rate_hz


def three_phase(
    t: Array, hz: float | Array = 50.0, rms: float | Array = UDIN_V, lag_deg: float = 0.0
) -> Array:
    """Balanced sines L1, L2, L3 (positive sequence); ``hz`` and ``rms`` may vary with time."""
    step = t[1] - t[0]
    turns = (np.cumsum(np.broadcast_to(hz, t.shape)) - np.broadcast_to(hz, t.shape)[0]) * step
    angle = 2 * np.pi * turns - np.radians(lag_deg)
    shifts = 2 * np.pi / 3 * np.arange(3)[:, None]
    return np.sqrt(2.0) * rms * np.cos(angle - shifts)


@dataclass
class Results:
    """What an analyser said, easy to look through."""

    items: list[Measurement | Event]

    def measurements(self, element: str, interval: str = "200ms") -> list[Measurement]:
        return [
            m
            for m in self.items
            if isinstance(m, Measurement) and m.element == element and m.interval == interval
        ]

    def events(self, kind: str | None = None, state: str | None = None, element: str = "b1") -> list[Event]:
        return [
            e
            for e in self.items
            if isinstance(e, Event)
            and e.element == element
            and kind in (None, e.type)
            and state in (None, e.state)
        ]


Keep = Callable[[Block], bool]


def blocks(
    station: Station, signals: Mapping[str, Array], block_ms: int = 50, epoch_s: float = EPOCH_S
) -> Iterator[Block]:
    """Blocks of all ``signals`` (channels, n), element after element, on the station's grid."""
    rate = station.acquire.rate_hz
    n = rate * block_ms // 1000
    first = round(epoch_s * rate) // n
    count = min(signal.shape[1] for signal in signals.values()) // n
    channels = {element.id: tuple(element.channels) for element in station.elements}
    samples = {name: signal.astype(np.float32) for name, signal in signals.items()}
    for k in range(count):
        for name, signal in samples.items():
            sequence = first + k
            yield Block(
                name,
                sequence,
                sequence * n * NS // rate,
                float(rate),
                channels[name],
                signal[:, k * n : (k + 1) * n],
            )


def analyse(
    station: Station,
    stream: Iterable[Block],
    analyser: StationAnalyser | None = None,
    settings: AnalyserSettings | None = None,
) -> Results:
    """All that an analyser says to a stream of blocks."""
    analyser = analyser or StationAnalyser(station, settings)
    return Results([item for block in stream for item in analyser.process(block)])


def since_epoch_s(ns: int) -> float:
    """Seconds since the epoch of the tests."""
    return (ns - EPOCH_S * NS) / NS
