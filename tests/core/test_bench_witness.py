"""The witness of `bench acquire` sees what it is there to see: holes, wrong values, flags that lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from flexcore.desk.bench import witness as module
from flexcore.desk.bench.witness import SEED, Witness
from flexcore.model import Block
from flexcore.simulator.disturbances import Script
from flexcore.simulator.generator import Generator
from flexcore.simulator.samples import Chunk
from support.pq import make_station

STATION = make_station(2)
NS = 1_000_000_000
#: On the second that the witness compares.
START_S = 1_795_000_000


def sent(seconds: int) -> Iterator[Block]:
    """What the generator makes, in blocks of 50 ms."""
    rate = STATION.acquire.rate_hz
    generator = Generator(STATION, SEED, Script((), None, rate))
    for item in generator.chunks(START_S * rate, rate // 20):
        if not isinstance(item, Chunk):
            continue
        if item.first >= (START_S + seconds) * rate:
            return
        row = 0
        for element in STATION.elements:
            values = item.values[row : row + len(element.channels)]
            row += len(element.channels)
            yield Block(
                element.id,
                item.first // (rate // 20),
                item.first * NS // rate,
                float(rate),
                element.channels,
                values.astype(np.float32),
            )


def test_a_good_wire_has_no_hole_and_right_values() -> None:
    witness = Witness(STATION, keep=True)
    for block in sent(4):
        witness.take(block)
    assert (witness.blocks, witness.missing, witness.wrong) == (4 * 20 * 3, 0, 0)
    assert witness.compared == 20 * 3
    verdict = witness.judge()
    assert verdict.windows > 20 and (verdict.flagged, verdict.unflagged, verdict.overflagged) == (0, 0, 0)


def test_a_wrong_value_is_seen() -> None:
    witness = Witness(STATION)
    for n, block in enumerate(sent(1)):
        samples = block.samples.copy()
        if n == 7:
            samples[1, 500] += 0.001 * np.abs(samples).max()
        witness.take(replace(block, samples=samples))
    assert witness.wrong == 1


def test_a_lost_block_is_a_hole_that_must_be_flagged() -> None:
    witness = Witness(STATION, keep=True)
    for block in sent(5):
        if not (block.source == "f1" and block.sequence % 100 in (30, 31)):
            witness.take(block)
    assert witness.missing == 2
    verdict = witness.judge()
    assert verdict.flagged > 0 and (verdict.unflagged, verdict.overflagged) == (0, 0)


def test_flags_that_lie_are_told() -> None:
    silent, nervous = Witness(STATION, keep=True), Witness(STATION, keep=True)
    for block in sent(5):
        silent.take(block)
        if not (block.source == "b1" and block.sequence % 100 == 30):
            nervous.take(block)
    silent._holes["f1"].append(((START_S + 2) * NS, (START_S + 2) * NS + NS // 20))
    assert silent.judge().unflagged > 0, "a hole without a flag"
    nervous._holes.clear()
    assert nervous.judge().overflagged > 0, "a flag without a hole"
    assert module.COMPARE_EVERY_S == 10 and START_S % 10 == 0
