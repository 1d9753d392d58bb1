"""A listener on the sample bus who knows what was sent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from flexcore.dsp import StationAnalyser
from flexcore.model import Block, Measurement
from flexcore.simulator.disturbances import Script
from flexcore.simulator.encoder import CHUNKS_PER_S
from flexcore.simulator.generator import Generator
from flexcore.simulator.samples import Array, Chunk
from flexcore.station import Station

NS = 1_000_000_000
SEED = 1
#: One second in so many is compared with what was sent; the generator costs more than the service.
COMPARE_EVERY_S = 10
#: A window's synchronisation looks so far beyond its edges (docs/decisions/020-dsp-synchronisation.md).
MARGIN_NS = 150_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """200-ms windows of the instrument against the blocks that it was given."""

    windows: int
    flagged: int
    unflagged: int
    overflagged: int


class Witness:
    """Counts blocks and holes of each source; ``keep`` all of them for :meth:`judge`."""

    def __init__(self, station: Station, *, keep: bool = False) -> None:
        self._station = station
        self._generator = Generator(station, SEED, Script((), None, station.acquire.rate_hz))
        self._rate = station.acquire.rate_hz
        self._rows: dict[str, tuple[int, int]] = {}
        row = 0
        for element in station.elements:
            self._rows[element.id] = row, row + len(element.channels)
            row += len(element.channels)
        # What the wire's 24 bits and a gain of six digits cannot carry.
        self._tolerance: Array = self._generator.peaks[:, None] * (1.25 / 2**23 + 2e-6)
        self._next: dict[str, int] = {}
        self._expected: tuple[int, Array] | None = None
        self._keep = keep
        self._kept: list[Block] = []
        self._holes: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.blocks = self.missing = self.compared = self.wrong = 0

    def take(self, block: Block) -> None:
        """One more block."""
        length_ns = block.samples.shape[1] * NS // self._rate
        following = self._next.get(block.source)
        if following is not None and block.sequence != following:
            self.missing += block.sequence - following
            self._holes[block.source].append((following * length_ns, block.sequence * length_ns))
        self._next[block.source] = block.sequence + 1
        self.blocks += 1
        if self._keep:
            self._kept.append(block)
        first = block.sequence * block.samples.shape[1]
        if first // self._rate % COMPARE_EVERY_S == 0:
            self._compare(block, first)

    def _compare(self, block: Block, first: int) -> None:
        """A block against the second that the generator makes of its place on the grid."""
        second = first // self._rate * self._rate
        if self._expected is None or self._expected[0] != second:
            parts = []
            for item in self._generator.chunks(second, self._rate // CHUNKS_PER_S):
                if isinstance(item, Chunk):
                    parts.append(item.values)
                if len(parts) == CHUNKS_PER_S:
                    break
            self._expected = second, np.hstack(parts)
        top, bottom = self._rows[block.source]
        at = first - second
        expected = self._expected[1][top:bottom, at : at + block.samples.shape[1]]
        self.compared += 1
        self.wrong += bool((np.abs(block.samples - expected) > self._tolerance[top:bottom]).any())

    def judge(self) -> Verdict:
        """Give the kept blocks to the instrument: a window has the flag ``gap`` where samples of it are
        missing, and only where some are missing near it."""
        analyser = StationAnalyser(self._station)
        told = [
            result
            for block in self._kept
            for result in analyser.process(block)
            if isinstance(result, Measurement) and result.interval == "200ms"
        ]
        busbar = {field.id: field.busbar for field in self._station.field}
        newest_ns = max((m.start_ns for m in told), default=0)
        windows = marked = unflagged = overflagged = 0
        for m in told:
            # At the very start and end of what was kept nothing is known of what lies beyond.
            if "start" in m.flags or m.start_ns > newest_ns - NS:
                continue
            windows += 1
            flagged = "gap" in m.flags
            marked += flagged
            end_ns = m.start_ns + m.duration_ns
            if self._torn(m.element, m.start_ns, end_ns):
                unflagged += not flagged
            elif flagged:
                near = (m.start_ns - MARGIN_NS, end_ns + MARGIN_NS)
                sources = {m.element, busbar.get(m.element, m.element)}
                overflagged += not any(self._torn(source, *near) for source in sources)
        return Verdict(windows, marked, unflagged, overflagged)

    def _torn(self, source: str, start_ns: int, end_ns: int) -> bool:
        return any(begin < end_ns and end > start_ns for begin, end in self._holes[source])
