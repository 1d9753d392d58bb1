"""Sampled values into blocks: where they lie in time, what is lost, what is not believed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from flexcore.drivers.sampled_values import REASONS, SampledValuesSource
from flexcore.drivers.timeline import AGREE
from flexcore.errors import SettingsError
from flexcore.model import Block, Samples
from flexcore.sensors import SAMPLED_RATES_HZ
from flexcore.station import Station, parse_station
from support.sampled import INVALID, QUESTIONABLE, TEST, asdu, ethernet, frame, pdu, samples, tlv

NS = 1_000_000_000
#: A full second.
START_S = 1_780_000_000
#: From a sample to its arrival.
DELAY_NS = 1_200_000

TEXT = """
[station]
id = "s"
name = "S"
[acquire]
rate_hz = {rate}
[[busbar]]
id = "bb1"
name = "B"
nominal_v = 10000
sensor = {{ driver = "sampled_values", interface = "lo", sv_id = "MU01" }}
[[field]]
id = "f01"
name = "F"
busbar = "bb1"
neutral = true
sensor = {{ driver = "sampled_values", interface = "lo", sv_id = "MU01" }}
"""

SENSOR = 'driver = "sampled_values", interface = "lo", sv_id = "MU01"'


def station(rate: int = 4800, more: str = "") -> Station:
    return parse_station(TEXT.format(rate=rate) + more)


def source(rate: int = 4800) -> SampledValuesSource:
    return SampledValuesSource(station(rate))


def row(at: int) -> list[int]:
    """The channels at grid index ``at``: a number that is nowhere else."""
    base = at % 1_000_003
    return [base + 10_000_000 * c for c in range(8)]


def expected(first: int, n: int, channels: range, gain: float) -> Samples:
    rows = [[row(at)[c] * gain for at in range(first, first + n)] for c in channels]
    return np.array(rows, np.float64).astype(np.float32)


Sent = tuple[bytes, int]


def frames(
    start: int,
    stop: int,
    rate: int = 4800,
    asdus: int = 2,
    shift: int = 0,
    delay_ns: int = DELAY_NS,
    **more: object,
) -> Iterator[Sent]:
    """Frames of grid indices ``start`` to ``stop`` (from START_S on); ``shift`` is added to smpCnt."""
    for at in range(start, stop, asdus):
        grid = START_S * rate + at
        count = (at + shift) % rate
        yield (
            frame(count, [row(grid + k) for k in range(asdus)], **more)  # type: ignore[arg-type]
            if count + asdus <= rate
            else split(count, grid, asdus, rate),
            START_S * NS + (at + asdus - 1) * NS // rate + delay_ns,
        )


def split(count: int, grid: int, asdus: int, rate: int) -> bytes:
    return ethernet(pdu([asdu((count + k) % rate, samples(row(grid + k))) for k in range(asdus)]))


def feed(s: SampledValuesSource, sent: Iterable[Sent], gather: int = 10) -> list[Block]:
    done: list[Block] = []
    waiting: list[Sent] = []
    for one in sent:
        waiting.append(one)
        if len(waiting) == gather:
            done += s.feed(waiting)
            waiting = []
    return done + s.feed(waiting)


def of(blocks: Iterable[Block], element: str = "bb1") -> list[Block]:
    return [b for b in blocks if b.source == element]


def assert_true(blocks: Iterable[Block], rate: int = 4800) -> None:
    """Every sample is that of its place on the grid."""
    for b in blocks:
        n = b.samples.shape[1]
        channels, gain = (range(4, 7), 0.01) if b.source == "bb1" else (range(4), 0.001)
        assert (b.rate_hz, n, b.start_ns) == (rate, rate // 50, b.sequence * 20_000_000)
        assert b.samples.dtype == np.float32 and b.samples.flags.c_contiguous
        np.testing.assert_array_equal(b.samples, expected(b.sequence * n, n, channels, gain))


def drops(s: SampledValuesSource) -> dict[str, int]:
    return {k.removeprefix("dropped_"): n for k, n in s.counters().items() if k.startswith("dropped_") and n}


def proven(rate: int = 4800, asdus: int = 2) -> SampledValuesSource:
    """A source whose stream has been followed from before a full second up to it."""
    s = source(rate)
    before = rate // 10 // (asdus * 10) * asdus * 10
    feed(s, frames(-before, 0, rate, asdus))
    assert s.counters()["settling"] == before // asdus
    return s


@pytest.mark.parametrize(("rate", "asdus"), [(4000, 1), (4800, 2), (12_800, 8), (14_400, 6), (4800, 1)])
def test_what_was_sent_arrives_at_its_place(rate: int, asdus: int) -> None:
    s = proven(rate, asdus)
    blocks = feed(s, frames(0, rate // 2, rate, asdus))
    assert_true(blocks, rate)
    first = START_S * 50
    for element in ("bb1", "f01"):
        assert [b.sequence for b in of(blocks, element)] == list(range(first, first + 25))
    assert of(blocks)[0].channels == ("u_l1", "u_l2", "u_l3")
    assert of(blocks, "f01")[0].channels == ("i_l1", "i_l2", "i_l3", "i_n")
    assert drops(s) == {}
    counters = s.counters()
    assert (counters["blocks"], counters["blocks_lost"], counters["unsynchronised"]) == (50, 0, 0)
    assert s.frames_by_element() == {"bb1": rate // 2 // asdus, "f01": rate // 2 // asdus}


@pytest.mark.parametrize(("rate", "asdus"), [(5760, 1), (15_360, 8)])
def test_the_rates_of_sixty_hertz_need_longer_blocks(rate: int, asdus: int) -> None:
    with pytest.raises(SettingsError, match="whole number of samples in 20 ms"):
        station(rate)
    s = SampledValuesSource(parse_station(TEXT.format(rate=f"{rate}\nblock_ms = 50")))
    feed(s, frames(-rate // 10, 0, rate, asdus))
    blocks = of(feed(s, frames(0, rate // 2, rate, asdus)))
    assert [b.sequence - START_S * 20 for b in blocks] == list(range(10))
    for b in blocks:
        np.testing.assert_array_equal(
            b.samples, expected(b.sequence * rate // 20, rate // 20, range(4, 7), 0.01)
        )


@pytest.mark.parametrize("step_s", [-30, -3, -1, 1, 3, 30])
def test_a_step_of_the_boxs_clock_moves_the_stream_with_it(step_s: int) -> None:
    s = proven()
    after = [(f, at + step_s * NS) for f, at in frames(4800, 3 * 4800)]
    before = feed(s, frames(0, 4800))
    blocks = feed(s, after)
    assert len(of(before)) == 50
    sequences = [b.sequence for b in of(blocks)]
    first = sequences[0] - (START_S + 1 + step_s) * 50
    assert 0 <= first <= 51, "at once, or after proof where it was a silence"
    assert sequences == list(range(sequences[0], (START_S + 3 + step_s) * 50))
    assert sequences[0] != before[-1].sequence + 1


@pytest.mark.parametrize("fast", [1.01, 0.99])
def test_a_clock_of_its_own_drifts_and_is_put_anew(fast: float) -> None:
    s = source()
    sent = []
    for at in range(0, 40 * 4800, 2):
        arrival = START_S * NS + int(at / 4800 / fast * NS) + DELAY_NS
        sent.append((frame(at % 4800, [row(START_S * 4800 + at + k) for k in (0, 1)], sync=0), arrival))
    blocks = of(feed(s, sent))
    counters = s.counters()
    assert counters["reanchored"] in (1, 2, 3, 4)
    assert len(blocks) > 50 * 36
    last = blocks[-1]
    assert abs(last.start_ns - sent[-1][1]) < 0.4 * NS, "still where it arrives"


def test_the_rate_that_the_stream_tells_proves_itself_at_once() -> None:
    told = tlv(0x86, (4800).to_bytes(2, "big")) + tlv(0x88, b"\0\1")
    s = source()
    blocks = feed(s, frames(1000, 1500, after=told))
    assert_true(blocks)
    assert [b.sequence % 50 for b in of(blocks)] == [11, 12, 13, 14]


@pytest.mark.parametrize("delay_ms", [-150, -1, 0, 20, 400, 750])
def test_any_plausible_delay_gives_the_same_place(delay_ms: int) -> None:
    s = source()
    blocks = feed(s, frames(-400, 960, delay_ns=delay_ms * 1_000_000))
    assert_true(blocks)
    assert len(blocks) == 20


def test_a_delay_that_wanders_past_the_limit_moves_nothing() -> None:
    s = source()
    sent = list(frames(-400, 4800, delay_ns=0))
    wandering = [(f, at + 770_000_000 + (k % 50) * 1_000_000) for k, (f, at) in enumerate(sent)]
    blocks = feed(s, wandering)
    assert_true(blocks)
    assert [b.sequence - START_S * 50 for b in of(blocks)] == list(range(50))


@pytest.mark.parametrize("other", SAMPLED_RATES_HZ)
@pytest.mark.parametrize("rate", [4000, 4800, 12_800, 14_400])
def test_a_stream_of_another_rate_is_never_shown(rate: int, other: int) -> None:
    s = source(rate)
    blocks = feed(s, frames(other // 2 * -1, other * 2, other, 1))
    if rate == other:
        assert of(blocks)
        return
    assert blocks == []
    assert drops(s)["rate"] > 0
    assert sum(drops(s).values()) + s.counters()["settling"] == s.counters()["datagrams"]


@pytest.mark.parametrize("other", [4000, 5760, 14_400])
def test_a_stream_that_changes_its_rate_is_shown_no_more(other: int) -> None:
    s = proven()
    assert feed(s, frames(0, 4800))
    blocks = feed(s, frames(other, 4 * other, other, 1))
    for b in blocks:
        assert b.sequence < (START_S + 2) * 50, "the first second cannot be told from losses"
    assert drops(s)["rate"] > 0


def test_lost_frames_cost_their_blocks_and_no_others() -> None:
    s = proven()
    sent = list(frames(0, 4800))
    gone = {500, 1200, 1201, 2000}
    blocks = feed(s, [f for k, f in enumerate(sent) if k not in gone])
    assert_true(blocks)
    missing = {START_S * 50 + k * 2 // 96 for k in gone}
    whole = set(range(START_S * 50, START_S * 50 + 50)) - missing
    for element in ("bb1", "f01"):
        assert [b.sequence for b in of(blocks, element)] == sorted(whole)
    counters = s.counters()
    assert counters["blocks_lost"] == 2 * len(missing)
    assert counters["samples_lost"] == 2 * len(missing) * 96
    assert drops(s) == {}


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_and_overtaking_harm_nothing(seed: int) -> None:
    rng = random.Random(seed)
    s = proven()
    feed(s, frames(0, 96))
    sent = list(frames(96, 4800))
    sent += rng.sample(sent, 400)  # some twice
    order = sorted(range(len(sent)), key=lambda k: sent[k][1] + rng.randrange(20_000_000))
    blocks = feed(s, [sent[k] for k in order], gather=1 + seed * 7)
    assert_true(blocks)
    assert len(of(blocks)) >= 48
    assert s.counters()["duplicates"] > 300
    assert s.counters()["reanchored"] == 0


def test_two_networks_that_bring_everything_twice() -> None:
    """As with parallel redundancy (IEC 62439-3): the other one is 5 ms behind, in bursts."""
    s = proven()
    sent = list(frames(0, 4800))
    both = sent[:12]
    for k in range(12, len(sent), 12):
        both += sent[k : k + 12] + sent[k - 12 : k]
    blocks = feed(s, both, gather=5)
    assert_true(blocks)
    assert [b.sequence for b in of(blocks)] == list(range(START_S * 50, START_S * 50 + 50))
    assert (drops(s), s.counters()["reanchored"]) == ({}, 0)


def test_invalid_samples_are_a_gap_of_their_element_alone() -> None:
    s = proven()
    sent = list(frames(0, 480))
    for quality, at in ((INVALID, 100), (TEST, 300)):
        said = [0, 0, 0, 0, 0, quality, 0, 0]
        sent[at // 2] = (frame(at, [row(START_S * 4800 + at + k) for k in (0, 1)], said), sent[at // 2][1])
    blocks = feed(s, sent)
    assert_true(blocks)
    assert [b.sequence % 50 for b in of(blocks)] == [0, 2, 4]
    assert [b.sequence % 50 for b in of(blocks, "f01")] == [0, 1, 2, 3, 4]
    counters = s.counters()
    assert (counters["blocks_lost"], counters["blocks_invalid"]) == (2, 2)
    assert all(b.saturated == () for b in blocks)


def test_questionable_samples_are_marked_where_they_are() -> None:
    s = proven()
    sent = list(frames(0, 192))
    for at in (10, 12, 90, 94):
        said = [QUESTIONABLE, 0, 0, 0, 0, 0, 0, 0]
        sent[at // 2] = (frame(at, [row(START_S * 4800 + at + k) for k in (0, 1)], said), sent[at // 2][1])
    blocks = feed(s, sent)
    assert_true(blocks)
    assert [b.saturated for b in of(blocks, "f01")] == [((10, 14), (90, 92), (94, 96)), ()]
    assert [b.saturated for b in of(blocks)] == [(), ()]
    assert s.saturated_by_element()["bb1"] == 0
    assert s.saturated_by_element()["f01"] > 0


def test_a_stream_that_is_not_synchronised_is_shown_where_it_arrives_and_counted() -> None:
    s = source()
    # its own second is 0.37 s behind UTC's
    blocks = feed(s, frames(-400, 4800 * 2, shift=1776, sync=0))
    assert len(of(blocks)) > 40
    for b in of(blocks):
        late = b.samples[0, 0] / 0.01 - (row(b.sequence * 96)[4])
        assert abs(late) < 4800 * 0.005, "placed within the network's delay"
    pairs = zip(of(blocks), of(blocks)[1:], strict=False)
    assert all(b.sequence == a.sequence + 1 for a, b in pairs)
    counters = s.counters()
    assert counters["unsynchronised"] == counters["frames"] > 1000
    assert s.untimed_by_element() == {"bb1": counters["frames"], "f01": counters["frames"]}


def test_synchronism_that_is_lost_changes_nothing_but_the_count() -> None:
    s = proven()
    blocks = feed(s, [*frames(0, 1000), *frames(1000, 2000, sync=0), *frames(2000, 2880, sync=1)])
    assert_true(blocks)
    assert len(of(blocks)) == 30
    assert s.counters()["unsynchronised"] == 500
    assert s.counters()["reanchored"] == 0


def test_one_lying_counter_moves_nothing() -> None:
    s = proven()
    sent = list(frames(0, 960))
    rng = random.Random(3)
    for k in range(40, 400, 40):
        count = rng.randrange(1000, 4700)
        sent.insert(k, (frame(count, [row(7), row(8)]), sent[k][1]))
    blocks = feed(s, sent)
    assert_true(blocks)
    assert len(of(blocks)) == 10
    assert drops(s)["time"] + drops(s).get("late", 0) == 9
    assert s.counters()["reanchored"] == 0


def shifted(start: int, stop: int, by: int) -> Iterator[Sent]:
    """Frames whose counter is ``by`` more than their time says."""
    for at in range(start, stop, 2):
        grid = START_S * 4800 + at
        yield split((at + by) % 4800, grid, 2, 4800), START_S * NS + at * NS // 4800 + DELAY_NS


@pytest.mark.parametrize("by", [300, 2000, -2, -40, -95, -96, -97, -300, -2000])
def test_a_counter_that_jumps_is_followed_once_frames_agree(by: int) -> None:
    s = proven()
    blocks = feed(s, [*frames(0, 1000), *shifted(1000, 4000, by)])
    counters = s.counters()
    assert counters["reanchored"] == 1
    # no block holds samples of both lines, and where the lines meet a number is left out or comes again
    told = [b.samples[0].astype(np.float64) / 0.01 for b in of(blocks)]
    assert max(np.abs(np.diff(t)).max() for t in told) < 8, "steps of one, but for what float32 rounds"
    sequences = [b.sequence for b in of(blocks)]
    jumped = [
        k for k, (q, t) in enumerate(zip(sequences, told, strict=True)) if abs(t[0] - row(q * 96)[4]) > 8
    ]
    if by == -2:
        assert {b - a for a, b in pairwise(sequences)} == {1, 2}
        return
    first = jumped[0]
    assert jumped == list(range(first, len(sequences)))
    assert first >= 9
    assert sequences[first] != sequences[first - 1] + 1
    assert len(jumped) >= 27


def test_a_pause_is_a_hole_and_a_long_one_asks_for_proof_again() -> None:
    s = proven()
    blocks = feed(s, [*frames(0, 960), *frames(1440, 2400), *frames(3 * 4800 - 960, 3 * 4800 + 960)])
    assert_true(blocks)
    sequences = [b.sequence - START_S * 50 for b in of(blocks)]
    assert sequences == [*range(10), *range(15, 25), *range(150, 160)]
    assert s.counters()["settling"] == 48 * 5 + 480


def test_a_time_line_needs_frames_that_agree() -> None:
    told = tlv(0x86, (4800).to_bytes(2, "big"))
    s = source()
    feed(s, frames(0, 2 * (AGREE - 1), after=told), gather=1)
    assert s.counters()["settling"] == AGREE - 1
    feed(s, frames(2 * (AGREE - 1), 2 * AGREE, after=told), gather=1)
    assert s.counters()["frames"] == 1


def test_a_rate_that_no_stream_has_is_refused_at_the_start() -> None:
    text = TEXT.format(rate=4800).replace("rate_hz = 4800", "rate_hz = 20000")
    with pytest.raises(SettingsError, match=r"acquire\.rate_hz: expected a rate of sampled values"):
        parse_station(text)
    plain = parse_station(
        TEXT.format(rate=20_000).replace(SENSOR, "stream = 1", 1).replace(SENSOR, "stream = 2")
    )
    with pytest.raises(SettingsError, match=r"acquire\.rate_hz: expected a rate of sampled values"):
        SampledValuesSource(plain)


def test_noise_and_lies_never_make_a_block_that_was_not_sent() -> None:
    rng = random.Random(8)
    s = proven()
    sent = []
    for good in frames(0, 4800):
        sent.append(good)
        if rng.random() < 0.3:
            bad = bytearray(good[0])
            for _ in range(rng.randrange(1, 4)):
                bad[rng.randrange(12, 64)] = rng.randrange(256)
            # what differs in nothing but its samples cannot be told from a good one
            if bad[:58] != good[0][:58]:
                sent.append((bytes(bad), good[1]))
    blocks = feed(s, sent)
    assert_true(blocks)
    assert len(of(blocks)) > 10
    counters = s.counters()
    known = sum(counters[k] for k in ("frames", "duplicates", "settling", "foreign"))
    assert known + sum(drops(s).values()) == counters["datagrams"]
    assert set(drops(s)) <= set(REASONS)
