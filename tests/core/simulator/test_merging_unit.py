"""The virtual merging units' frames: as the standard's tags say, the same for the same seed."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from flexcore.drivers.sampled_values import SampledValuesSource
from flexcore.errors import SettingsError
from flexcore.simulator.disturbances import Script
from flexcore.simulator.generator import Generator
from flexcore.simulator.merging_unit import MergingUnits, hostile
from flexcore.simulator.samples import Array, Chunk
from flexcore.station import Station, parse_station
from support.sampled import DERIVED, asdu, ethernet, pdu, samples, tlv

START_S = 1_780_000_000


def station(rate: int, dataset: str = "I4U4", neutral: bool = True) -> Station:
    sensor = (
        f'sensor = {{ driver = "sampled_values", interface = "eth1", sv_id = "MU01", dataset = "{dataset}",'
    )
    sensor += ' destination = "01-0C-CD-04-00-01" }'
    return parse_station(
        f'[station]\nid = "s"\nname = "S"\n[acquire]\nrate_hz = {rate}\n'
        f'[[busbar]]\nid = "bb1"\nname = "B"\nnominal_v = 10000\n{sensor}\n'
        f'[[field]]\nid = "f01"\nname = "F"\nbusbar = "bb1"\nneutral = {str(neutral).lower()}\n{sensor}\n'
        '[[field]]\nid = "f02"\nname = "G"\nbusbar = "bb1"\nsensor = { stream = 2 }\n'
    )


def chunks(of: Station, first: int, count: int, seed: int = 1) -> list[Chunk]:
    rate = of.acquire.rate_hz
    items = Generator(of, seed, Script((), None, rate)).chunks(first, rate // 20)
    return [item for item, _ in zip(items, range(count), strict=False) if isinstance(item, Chunk)]


def sent(
    of: Station, first: int, count: int, form: str | None = None, seed: int = 1
) -> list[tuple[int, bytes]]:
    frames = MergingUnits(of, form).on("eth1")
    return [(due, bytes(f)) for chunk in chunks(of, first, count, seed) for due, f in frames.encode(chunk)]


def integers(values: Array) -> list[int]:
    volts = np.rint(values[:3].astype(np.float64) * 100).astype(int)
    amperes = np.rint(values[3:7].astype(np.float64) * 1000).astype(int)
    neutral = int(np.rint(values[:3].sum().astype(np.float64) * 100))
    return [*map(int, amperes), *map(int, volts), neutral]


QUALITY = [0, 0, 0, 0, 0, 0, 0, DERIVED]


@pytest.mark.parametrize(("rate", "per_frame"), [(4000, 1), (12_800, 8)])
def test_9_2_le_by_the_tags(rate: int, per_frame: int) -> None:
    of = station(rate)
    first = START_S * rate + rate // 20 * 19
    frames = sent(of, first, 1)
    (chunk,) = chunks(of, first, 1)
    assert [due for due, _ in frames] == list(range(first + per_frame, first + rate // 20 + 1, per_frame))
    for n in (0, len(frames) - 1):
        rows = range(n * per_frame, (n + 1) * per_frame)
        wanted = [asdu((first + k) % rate, samples(integers(chunk.values[:, k]), QUALITY)) for k in rows]
        assert frames[n][1][14:] == ethernet(pdu(wanted))[14:]
        assert frames[n][1][:6] == bytes.fromhex("010ccd040001")


@pytest.mark.parametrize(("rate", "per_frame"), [(4800, 2), (14_400, 6)])
def test_61869_9_by_the_tags(rate: int, per_frame: int) -> None:
    of = station(rate)
    first = START_S * rate
    frames = sent(of, first, 1)
    (chunk,) = chunks(of, first, 1)
    wanted = [
        tlv(
            0x30,
            tlv(0x80, b"MU01")
            + tlv(0x82, struct.pack("!H", k))
            + tlv(0x83, b"\0\0\0\1")
            + tlv(0x85, b"\2")
            + tlv(0x86, struct.pack("!H", rate))
            + tlv(0x87, samples(integers(chunk.values[:, k]), QUALITY))
            + tlv(0x88, b"\0\1")
            + tlv(0x89, bytes(8)),
        )
        for k in range(per_frame)
    ]
    assert frames[0][1][14:] == ethernet(pdu(wanted))[14:]
    assert len(frames) == rate // 20 // per_frame


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    of = station(4800)
    assert sent(of, START_S * 4800, 3) == sent(of, START_S * 4800, 3)
    assert sent(of, START_S * 4800, 3) != sent(of, START_S * 4800, 3, seed=2)


@pytest.mark.parametrize("form", ["9-2LE", "61869-9"])
@pytest.mark.parametrize("rate", [4000, 12_800])
def test_what_is_sent_is_what_a_receiver_gets(rate: int, form: str) -> None:
    of = station(rate, neutral=False)
    source = SampledValuesSource(of)
    first = START_S * rate - rate // 20 * 2
    made = chunks(of, first, 12)
    frames = sent(of, first, 12, form)
    blocks = source.feed([(f, due * 10**9 // rate) for due, f in frames])
    n = rate // 50
    values = np.concatenate([chunk.values for chunk in made], axis=1)
    assert len({b.sequence for b in blocks}) >= 24
    for b in blocks:
        at = b.sequence * n - first
        rows, step = (slice(0, 3), 0.01) if b.source == "bb1" else (slice(3, 6), 0.001)
        assert np.abs(b.samples - values[rows, at : at + n]).max() <= step * 0.51 + 1e-3
        assert b.saturated == ()
    assert {b.source for b in blocks} == {"bb1", "f01"}


def test_other_data_sets() -> None:
    of = station(4800, "I3U3", neutral=False)
    source = SampledValuesSource(of)
    frames = sent(of, START_S * 4800, 4)
    assert len(source.feed([(f, due * 10**9 // 4800) for due, f in frames])) == 2 * 10
    of = station(4800, "I6U9", neutral=False)
    source = SampledValuesSource(of)
    frames = sent(of, START_S * 4800, 4)
    assert len(source.feed([(f, due * 10**9 // 4800) for due, f in frames])) == 2 * 10


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected 80 or 256 samples a cycle, got 96"):
        MergingUnits(station(4800), "9-2LE")


def test_hostile_frames_are_survived() -> None:
    of = station(4800)
    source = SampledValuesSource(of)
    rng = random.Random(5)
    first = START_S * 4800
    frames = [(f, due * 10**9 // 4800) for due, f in sent(of, first, 4)]
    bad = [(hostile(f, rng), at) for f, at in frames for _ in range(10)]
    source.feed(bad)
    counters = source.counters()
    refused = sum(n for name, n in counters.items() if name.startswith("dropped_"))
    assert refused > len(bad) // 2
    assert source.feed([(f, at + 10**9) for f, at in frames]) is not None
