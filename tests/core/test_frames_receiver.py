"""Datagrams into blocks: the compiled receiver against loss, reordering, lies and noise."""

from __future__ import annotations

import random
import resource
import time
import zlib
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore.drivers import description, frame
from flexcore.drivers._atolle import REASONS, Receiver
from flexcore.drivers.description import ChannelDescription, Description
from flexcore.model import Samples, Span

RATE = 20_000
N = 1000
STREAM = 11
NAMES = ("u_l1", "u_l2", "u_l3")
GAINS = (0.01, -0.02, 0.03)
OFFSETS = (0.0, 5.0, -7.0)
DESCRIPTION = description.encode(
    Description(
        tuple(ChannelDescription(n, "V", g, o) for n, g, o in zip(NAMES, GAINS, OFFSETS, strict=True))
    )
)
#: A grid index at which a block begins.
START = 1_780_000_000 * RATE
COUNT = 100
#: The sensor's sample index at START.
INDEX = 1_000_000

Done = list[tuple[int, int, Samples, tuple[Span, ...]]]


def receiver(channels: int = 3, n: int = N) -> Receiver:
    names = NAMES[:channels]

    def describe(_position: int, json: bytes) -> tuple[list[float], list[float]] | None:
        try:
            known = description.decode(json, names)
        except ValueError:
            return None
        return [c.gain for c in known.channels], [c.offset for c in known.channels]

    return Receiver([(STREAM, channels), (99, 4)], n, RATE, describe)


def raw_samples(at: int, count: int = COUNT) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Integers that follow from the grid index, so that a sample in the wrong place is seen."""
    k = np.arange(at, at + count) - START
    return np.array([(k * (7 + c) + c) % (2**24) - 2**23 for c in range(3)], dtype=np.int32)


def scaled(at: int, count: int) -> Samples:
    values = raw_samples(at, count).astype(np.float64)
    samples: Samples = (values * np.array(GAINS)[:, None] + np.array(OFFSETS)[:, None]).astype(np.float32)
    return samples


def time_ns(at: int) -> int:
    return at * 1_000_000_000 // RATE


def datagram(at: int, count: int = COUNT, sample_format: int = 1, **change: int) -> bytes:
    numbers = {
        "kind": 1,
        "flags": 1,
        "stream": STREAM,
        "sample_index": at - START + INDEX,
        "t0_ns": time_ns(at),
        "rate_numerator": RATE,
        "rate_denominator": 1,
        "channels": 3,
        "format": sample_format,
        "count": count,
        "config_hash": zlib.crc32(DESCRIPTION),
        **change,
    }
    return frame.encode(frame.pack_samples(raw_samples(at, count), sample_format), **numbers)


def told() -> bytes:
    return frame.encode_description(STREAM, DESCRIPTION)


def ready(at: int = START) -> Receiver:
    """A receiver that knows the description and the time line, the next frame of which is ``at``."""
    r = receiver()
    r.feed(told())
    for k in range(5, 0, -1):
        r.feed(datagram(at - k * COUNT))
    return r


def feed(r: Receiver, frames: Iterable[bytes]) -> Done:
    return [done for f in frames for done in r.feed(f)]


def run(first: int, last: int, count: int = COUNT) -> list[bytes]:
    return [datagram(START + k, count) for k in range(first, last, count)]


def sequences(done: Done) -> list[int]:
    return [sequence - START // N for _, sequence, *_ in done]


def assert_true(done: Done) -> None:
    for _, sequence, samples, _ in done:
        np.testing.assert_allclose(samples, scaled(sequence * N, samples.shape[1]), rtol=3e-7, atol=1e-3)


def drops(r: Receiver) -> dict[str, int]:
    return {k[8:]: v for k, v in r.counters().items() if k.startswith("dropped_") and v}


@pytest.mark.parametrize("sample_format", [1, 2])
@pytest.mark.parametrize("count", [100, 112, 37, 1])
def test_samples_arrive_scaled_in_their_place(sample_format: int, count: int) -> None:
    if count > frame.max_count(3, sample_format):
        count = frame.max_count(3, sample_format)
    r = ready()
    stop = 3 * N + count
    done = feed(r, (datagram(START + k, count, sample_format) for k in range(0, stop, count)))
    assert sequences(done) == [0, 1, 2]
    assert done[0][2].dtype == np.float32
    assert_true(done)
    assert drops(r) == {}
    assert r.counters()["settling"] == 4
    assert r.counters()["blocks"] == 3
    assert r.counters()["samples_lost"] == 0


def test_a_stream_begins_with_its_first_whole_block() -> None:
    r = receiver()
    r.feed(told())
    done = feed(r, run(-300, 2000))
    assert sequences(done) == [1], "the frames that fixed the time line are missing in block 0"
    assert r.counters()["blocks_lost"] == 0


def test_a_lost_frame_costs_its_block_and_nothing_else() -> None:
    r = ready()
    frames = run(0, 8 * N)
    del frames[33]
    # block 3 keeps its place until it can no longer be a matter of reordering
    done = feed(r, frames)
    assert sequences(done) == [0, 1, 2, 4, 5, 6, 7]
    assert_true(done)
    assert r.counters()["samples_lost"] == N


def test_every_loss_is_exactly_a_hole_in_sequence() -> None:
    rng = random.Random(5)
    r = ready()
    frames = run(0, 400 * N)
    lost = {k for k in range(len(frames)) if rng.random() < 0.01}
    done = feed(r, (f for k, f in enumerate(frames) if k not in lost))
    whole = set(range(400)) - {k // 10 for k in lost}
    got = sequences(done)
    assert got == sorted(got)
    assert set(got) >= {b for b in whole if b < 395}
    assert set(got) <= whole
    assert_true(done)


def test_reordered_and_repeated_frames_change_nothing() -> None:
    rng = random.Random(6)
    r = ready()
    frames = run(0, 100 * N)
    order = sorted(range(len(frames)), key=lambda k: k + 12.0 * rng.random())
    sent = [frames[k] for k in order for _ in range(1 + (rng.random() < 0.1))]
    done = feed(r, sent)
    assert sequences(done) == list(range(100))
    assert_true(done)
    counters = r.counters()
    assert counters["duplicates"] == len(sent) - len(frames)
    assert drops(r) == {}


def test_overlapping_frames_fill_only_what_is_missing() -> None:
    r = ready()
    done = feed(r, [datagram(START + k, 130) for k in range(0, N, 100)])
    assert sequences(done) == [0]
    assert_true(done)


def test_a_frame_may_span_many_short_blocks() -> None:
    r = receiver(n=20)
    r.feed(told())
    done = feed(r, run(-500, 1000))
    assert [s for _, s, *_ in done] == list(range((START - 100) // 20, (START + 1000) // 20))
    for _, s, samples, _ in done:
        np.testing.assert_allclose(samples, scaled(s * 20, 20), rtol=3e-7, atol=1e-3)


def test_a_pause_is_a_hole_of_its_length() -> None:
    r = ready()
    feed(r, run(0, 2 * N))
    done = feed(r, run(50 * N, 60 * N))
    assert sequences(done) == list(range(51, 60)), "block 50 proved the jump"
    assert_true(done)
    assert r.counters()["blocks_lost"] == 49
    assert r.counters()["reanchored"] == 0


@pytest.mark.parametrize("shift", [-3 * RATE, -2, 2, 3 * RATE, 3600 * RATE])
def test_a_step_of_the_sensors_clock_is_followed(shift: int) -> None:
    r = ready()
    feed(r, run(0, 2 * N))
    stepped = [datagram(START + k + shift, sample_index=k + INDEX) for k in range(2 * N, 8 * N, COUNT)]
    done = feed(r, stepped)
    assert r.counters()["reanchored"] == 1
    assert len(done) >= 4
    assert_true(done)


def test_a_time_stamp_that_jitters_below_half_a_sample_moves_nothing() -> None:
    rng = random.Random(7)
    r = ready()
    frames = [
        datagram(START + k, t0_ns=time_ns(START + k) + rng.randrange(-24_000, 24_000))
        for k in range(0, 50 * N, COUNT)
    ]
    done = feed(r, frames)
    assert sequences(done) == list(range(50))
    assert r.counters()["reanchored"] == 0


HOSTILE_TIMES = [
    {"t0_ns": 0},
    {"t0_ns": time_ns(START) + 86_400_000_000_000},
    {"t0_ns": 2**63},
    {"t0_ns": 2**62 - 1},
    {"sample_index": 2**64 - 1},
    {"sample_index": 2**62 - 1},
    {"sample_index": 0},
    {"sample_index": INDEX + 10 * RATE, "t0_ns": time_ns(START + 10 * RATE)},
    {"sample_index": INDEX + 2**40, "t0_ns": time_ns(START + 2**40)},
]


@pytest.mark.parametrize("lie", HOSTILE_TIMES)
def test_one_forged_frame_cannot_move_a_streams_time(lie: dict[str, int]) -> None:
    r = ready()
    done: Done = []
    for f in run(0, 20 * N):
        done += r.feed(f)
        done += r.feed(datagram(START, **lie))
    assert sequences(done) == list(range(20))
    assert_true(done)
    assert r.counters()["samples_lost"] == 0


@pytest.mark.parametrize("blocks_ahead", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("offset", [0, N - COUNT // 2])
def test_one_forged_frame_ahead_gives_up_no_open_block(blocks_ahead: int, offset: int) -> None:
    r = ready()
    frames = run(0, 12 * N)
    done = feed(r, frames[:5])
    at = START + blocks_ahead * N + offset
    done += r.feed(datagram(at))
    done += feed(r, frames[5:])
    assert sequences(done) == list(range(12))
    assert r.counters()["blocks_lost"] == 0


def test_a_lost_block_and_more_is_given_up_as_the_stream_goes_on() -> None:
    """A frame missing, then a whole block: what came whole after it is kept."""
    r = ready()
    done = feed(r, [f for k, f in enumerate(run(0, 10 * N)) if k != 33 and not 40 <= k < 50])
    assert sequences(done) == [0, 1, 2, 5, 6, 7, 8, 9]
    assert_true(done)
    assert drops(r) == {}


def test_a_pause_just_longer_than_what_is_open_costs_the_proof_of_it() -> None:
    r = ready()
    done = feed(r, run(0, 2 * N) + run(6 * N, 12 * N))
    assert sequences(done) == [0, 1, 7, 8, 9, 10, 11]
    assert drops(r) == {"time": 4}
    assert r.counters()["blocks_lost"] == 5
    assert r.counters()["reanchored"] == 0


def test_forged_frames_alone_cannot_move_it_either_unless_they_agree() -> None:
    r = ready()
    rng = random.Random(8)
    feed(
        r,
        (datagram(START, t0_ns=rng.randrange(2**62), sample_index=rng.randrange(2**62)) for _ in range(500)),
    )
    assert sequences(feed(r, run(0, N))) == [0]


def broken(f: bytes, at: int, value: int) -> bytes:
    """A frame with one byte changed and its CRC set right again."""
    raw = bytearray(f)
    raw[at] = value
    frame.seal(memoryview(raw)[: frame.HEADER_BYTES], bytes(raw[frame.HEADER_BYTES :]))
    return bytes(raw)


GOOD = datagram(START)
CASES = {
    "oversized": [GOOD + bytes(1500), bytes(65_000)],
    "short": [b"", b"F", GOOD[:51]],
    "magic": [bytes(len(GOOD)), broken(GOOD, 0, 0)],
    "version": [broken(GOOD, 4, 2)],
    "header": [broken(GOOD, 5, 51), broken(GOOD, 5, 255)],
    "crc": [GOOD[:-1], GOOD[:-1] + bytes([GOOD[-1] ^ 1]), GOOD + b"x"],
    "stream": [datagram(START, stream=12), datagram(START, stream=0)],
    "kind": [datagram(START, kind=0), datagram(START, kind=255)],
    "channels": [datagram(START, channels=n) for n in (0, 2, 4, 255)],
    "format": [datagram(START, format=n) for n in (0, 3, 255)],
    "count": [datagram(START, count=100) if n == 100 else broken(GOOD, 42, n) for n in (0, 1, 99, 101, 255)],
    "rate": [
        datagram(START, rate_numerator=n, rate_denominator=d)
        for n, d in ((0, 0), (20_000, 0), (0, 1), (20_001, 1), (2**32 - 1, 2**32 - 1), (19_999, 1))
    ],
    "config": [datagram(START, config_hash=0)],
    "filled": [datagram(START, flags=3)],
    "time": [datagram(START, t0_ns=2**64 - 1)],
    "late": [datagram(START - 30 * N)],
    "description": [
        frame.encode_description(STREAM, b"{}"),
        frame.encode_description(STREAM, b"\x00" * 1348),
        frame.encode(DESCRIPTION, kind=2, stream=STREAM, count=len(DESCRIPTION), config_hash=1),
    ],
}


def test_every_reason_has_a_case() -> None:
    assert set(CASES) == set(REASONS)


@pytest.mark.parametrize(("reason", "n"), [(r, n) for r in CASES for n in range(len(CASES[r]))])
def test_a_bad_datagram_is_counted_by_its_reason_and_changes_nothing(reason: str, n: int) -> None:
    r = ready()
    before = drops(r)
    assert r.feed(CASES[reason][n]) == []
    after = {k: v - before.get(k, 0) for k, v in drops(r).items() if v != before.get(k, 0)}
    assert after == {reason: 1}
    done = feed(r, run(0, 2 * N))
    assert sequences(done) == [0, 1]
    assert_true(done)


def test_no_samples_before_a_description_and_a_new_one_is_taken_over() -> None:
    r = receiver()
    assert feed(r, run(-500, N)) == []
    assert drops(r) == {"config": 15}
    other = DESCRIPTION.replace(b"0.01", b"0.02")
    r.feed(told())
    feed(r, run(-500, 0))
    r.feed(frame.encode_description(STREAM, other))
    done = feed(r, run(0, N))
    assert_true(done)
    changed = [datagram(START + k, config_hash=zlib.crc32(other)) for k in range(N, 2 * N, COUNT)]
    (_, _, samples, _) = feed(r, changed)[0]
    np.testing.assert_allclose(samples[0], 2 * scaled(START + N, N)[0], rtol=3e-7, atol=1e-3)
    np.testing.assert_allclose(samples[1], scaled(START + N, N)[1], rtol=3e-7, atol=1e-3)


def test_a_flood_of_descriptions_does_not_push_out_the_one_in_use() -> None:
    r = ready()
    feed(r, (frame.encode_description(STREAM, DESCRIPTION.replace(b"0.01", b"%d.5" % k)) for k in range(100)))
    assert sequences(feed(r, run(0, N))) == [0]


def test_flags_of_good_frames_are_counted() -> None:
    r = ready()
    feed(r, [datagram(START, flags=0), datagram(START + 100, flags=4), datagram(START + 200, flags=9)])
    counters = r.counters()
    assert (counters["unsynchronised"], counters["saturated"], counters["holdover"]) == (2, 1, 1)
    assert r.stream_frames() == [counters["frames"], 0]
    assert r.stream_flags() == [(1, 3), (0, 0)]


@pytest.mark.parametrize("count", [50, 100, 37])
def test_saturated_frames_mark_their_own_samples_in_whatever_order(count: int) -> None:
    rng = random.Random(count)
    frames = [START + k for k in range(0, 3 * N, count)]
    loud = {at for at in frames if rng.random() < 0.3}
    sent = [datagram(at, count, flags=5 if at in loud else 1) for at in frames]
    sent[2], sent[4] = sent[4], sent[2]
    repeated = [f for f in sent for _ in range(2)]
    done = feed(ready(), repeated)
    assert len(done) >= 2
    marked = {at + k for at in loud for k in range(count)}
    for _, sequence, samples, spans in done:
        told = {sequence * N + k for first, after in spans for k in range(first, after)}
        assert told == marked & set(range(sequence * N, sequence * N + samples.shape[1]))
        assert list(spans) == sorted(spans)
        assert all(a[1] < b[0] for a, b in pairwise(spans)), "spans stand apart"


@pytest.mark.parametrize("back", [N // 5, N // 2, N - 1, N, N + COUNT, 2 * N, 5 * N + 3])
def test_after_a_step_back_no_two_blocks_of_different_lines_adjoin(back: int) -> None:
    """Either a number is left out, or numbers come again (which the instrument sees)."""
    for at in range(4 * N, 5 * N, COUNT):
        r = ready()
        done = feed(r, run(0, at))
        stepped = [datagram(START + k - back, sample_index=k + INDEX) for k in range(at, at + 9 * N, COUNT)]
        done_after = feed(r, stepped)
        last, first = sequences(done)[-1], sequences(done_after)[0]
        assert first != last + 1
        assert len(done_after) >= 4


def test_bad_settings_of_the_receiver() -> None:
    for arguments in (([(1, 17)], 10, 1000), ([(1, 3)], 0, 1000), ([(1, 3)], 10, 0)):
        with pytest.raises(ValueError):
            Receiver(*arguments, lambda _p, _j: None)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=1500), max_size=20))
def test_fuzz_any_bytes(datagrams: list[bytes]) -> None:
    r = receiver()
    assert feed(r, datagrams) == []
    assert sum(drops(r).values()) == len(datagrams)


field_values = st.fixed_dictionaries(
    {},
    optional={
        f.name: st.one_of(
            st.integers(0, 3), st.integers(0, 2 ** (8 * f.size) - 1), st.just(2 ** (8 * f.size) - 1)
        )
        for f in frame.HEADER
        if f.name not in ("magic", "version", "header_bytes", "crc32", "stream")
    },
)


def lying(at: int, count: int, lie: dict[str, int]) -> bytes:
    f = bytearray(datagram(at, count))
    for name, value in lie.items():
        offset, size = frame.OFFSETS[name]
        f[offset : offset + size] = value.to_bytes(size, "little")
    frame.seal(memoryview(f)[: frame.HEADER_BYTES], bytes(f[frame.HEADER_BYTES :]))
    return bytes(f)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(field_values, st.integers(-5000, 5000), st.integers(1, 149)), max_size=12))
def test_fuzz_well_formed_lies(frames: list[tuple[dict[str, int], int, int]]) -> None:
    """Frames with a right CRC and any numbers: a block that comes out is of the right shape, in order."""
    r = ready()
    done = feed(r, (lying(START + at, count, lie) for lie, at, count in frames))
    for position, _, samples, _ in done:
        assert position == 0
        assert samples.shape == (3, N)
    counters = r.counters()
    known = sum(counters[k] for k in ("frames", "duplicates", "descriptions", "settling"))
    assert known + sum(drops(r).values()) == counters["datagrams"]


def test_fuzz_two_hundred_thousand_mutations() -> None:
    rng = random.Random(9)
    seeds = [bytearray(f) for f in (*run(0, 5 * N), told(), datagram(START, 84, 2))]
    r = ready()
    header = frame.HEADER_BYTES
    offset, _ = frame.OFFSETS["crc32"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    shapes: set[tuple[int, ...]] = set()
    for n in range(200_000):
        f = bytearray(seeds[n % len(seeds)])
        for _ in range(1 + n % 3):
            f[rng.randrange(header if n % 4 else len(f))] = rng.randrange(256)
        if n % 7 == 0:
            del f[rng.randrange(len(f)) :]
        if n % 5 and len(f) >= header:  # most get a right CRC, to reach what lies behind that check
            f[offset : offset + 4] = zlib.crc32(f[header:], zlib.crc32(f[:offset])).to_bytes(4, "little")
        shapes.update(samples.shape for _, _, samples, _ in r.feed(f))
    assert time.monotonic() - started < 10.0
    assert shapes <= {(3, N)}
    counters = r.counters()
    known = sum(counters[k] for k in ("frames", "duplicates", "descriptions", "settling"))
    assert known + sum(drops(r).values()) == counters["datagrams"] == 200_000 + 6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 20_000, "kB"
    feed(r, run(-500, 0))
    feed(r, run(0, 5 * N))
    assert r.counters()["frames"] > 0
