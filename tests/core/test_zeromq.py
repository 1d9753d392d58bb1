"""The sample bus over a real socket: identical blocks, foreign messages, restarts, slow listeners."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq

from flexcore.buses.zeromq import (
    HIGH_WATER_MARK,
    MAX_SPANS,
    MESSAGE_BYTES,
    QUEUE_BYTES,
    BlockPublisher,
    BlockSubscriber,
    SampleBusError,
    decode_block,
    encode_block,
    high_water_mark,
)
from flexcore.model import Block
from flexcore.station import parse_station


def block(sequence: int, source: str = "bb1", channels: int = 3, n: int = 1000) -> Block:
    samples = np.random.default_rng(sequence).normal(size=(channels, n)).astype(np.float32)
    names = tuple(f"u_l{c + 1}" for c in range(channels))
    return Block(source, sequence, sequence * 50_000_000, 20_000.0, names, samples)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "samples" / "blocks.ipc"


def meet(publisher: BlockPublisher, subscriber: BlockSubscriber) -> None:
    """Publish until the subscriber is connected: a late joiner of PUB/SUB misses what came before."""
    for _ in range(200):
        publisher.publish(block(0, source="hello"))
        if subscriber.receive(0.02) is not None:
            break
    else:
        pytest.fail("the subscriber never heard the publisher")
    while subscriber.receive(0.05) is not None:
        pass


def received(subscriber: BlockSubscriber) -> Iterator[Block]:
    while (b := subscriber.receive(0.5)) is not None:
        yield b


def test_blocks_arrive_unchanged_and_in_order(path: Path) -> None:
    sent = [block(n, source=f"f{n % 13:02d}", channels=3 + n % 2) for n in range(100)]
    with BlockPublisher(path) as publisher, BlockSubscriber(path) as subscriber:
        meet(publisher, subscriber)
        for b in sent:
            publisher.publish(b)
        got = [b for b, _ in zip(received(subscriber), sent, strict=False)]
    assert len(got) == len(sent)
    for a, b in zip(sent, got, strict=True):
        assert (a.source, a.sequence, a.start_ns, a.rate_hz, a.channels) == (
            b.source,
            b.sequence,
            b.start_ns,
            b.rate_hz,
            b.channels,
        )
        assert b.samples.dtype == np.float32
        np.testing.assert_array_equal(a.samples, b.samples)


@pytest.mark.parametrize("spans", [(), ((0, 1),), ((0, 1000),), ((3, 5), (6, 7), (990, 1000))])
def test_what_was_saturated_travels_with_its_block(spans: tuple[tuple[int, int], ...]) -> None:
    sent = replace(block(3), saturated=spans)
    got = decode_block([bytes(part) for part in encode_block(sent)])
    assert got.saturated == spans
    assert len(encode_block(sent)[1]) < MESSAGE_BYTES // 2


def test_of_many_saturated_spans_the_whole_stretch_is_meant() -> None:
    spans = tuple((k, k + 1) for k in range(4, 400, 2))
    got = decode_block([bytes(part) for part in encode_block(replace(block(3), saturated=spans))])
    assert got.saturated == ((4, 399),)
    most = tuple((k, k + 1) for k in range(300, 300 + 4 * MAX_SPANS, 4))
    raw = encode_block(replace(block(3), saturated=most))
    assert decode_block([bytes(part) for part in raw]).saturated == most
    assert sum(len(part) for part in raw[:2]) < MESSAGE_BYTES


@pytest.mark.parametrize("spans", [((5, 5),), ((7, 3),), ((0, 1001),), ((4, 9), (9, 12)), ((9, 12), (1, 2))])
def test_saturated_spans_that_cannot_be_are_refused(spans: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="saturated"):
        decode_block([bytes(part) for part in encode_block(replace(block(3), saturated=spans))])


def test_memory_of_a_published_block_may_be_reused(path: Path) -> None:
    b = block(7)
    want = b.samples.copy()
    with BlockPublisher(path) as publisher, BlockSubscriber(path) as subscriber:
        meet(publisher, subscriber)
        publisher.publish(b)
        b.samples[:] = 0.0
        got = subscriber.receive(1.0)
    assert got is not None
    np.testing.assert_array_equal(got.samples, want)


def test_nobody_listening_and_nothing_sent_do_not_block(path: Path) -> None:
    started = time.monotonic()
    with BlockPublisher(path) as publisher, BlockSubscriber(path) as subscriber:
        for n in range(3 * HIGH_WATER_MARK):
            publisher.publish(block(n, n=20))
        while subscriber.receive(0.0) is not None:
            pass
        assert subscriber.receive(0.1) is None
    assert time.monotonic() - started < 5.0


def test_the_subscriber_survives_restarts_of_the_publisher(path: Path) -> None:
    with BlockSubscriber(path) as subscriber:
        assert subscriber.receive(0.05) is None  # there is no publisher yet
        for n in range(3):
            with BlockPublisher(path) as publisher:
                meet(publisher, subscriber)
                publisher.publish(block(n))
                got = subscriber.receive(2.0)
                assert got is not None
                assert got.sequence == n


def test_a_slow_subscriber_loses_blocks_but_never_stops_the_publisher(path: Path) -> None:
    count = 4 * HIGH_WATER_MARK
    with BlockPublisher(path) as publisher, BlockSubscriber(path) as subscriber:
        meet(publisher, subscriber)
        started = time.monotonic()
        for n in range(count):
            publisher.publish(block(n, channels=1, n=1000))
        assert time.monotonic() - started < 5.0
        got = [b.sequence for b in received(subscriber)]
    assert 0 < len(got) <= count
    assert got == sorted(got)


@pytest.mark.parametrize("rate_hz", [1_000, 20_000, 100_000])
@pytest.mark.parametrize("block_ms", [10, 50, 200])
@pytest.mark.parametrize("neutral", [False, True])
def test_no_legal_station_can_queue_more_than_its_share_of_memory(
    rate_hz: int, block_ms: int, neutral: bool
) -> None:
    station = parse_station(f"""
        station = {{ id = "s", name = "S" }}
        busbar = [{{ id = "b", name = "B", nominal_v = 10000, sensor = {{ stream = 1 }} }}]
        acquire = {{ rate_hz = {rate_hz}, block_ms = {block_ms} }}
        [[field]]
        id = "f"
        name = "F"
        busbar = "b"
        neutral = {str(neutral).lower()}
        sensor = {{ stream = 2 }}
    """)
    samples = rate_hz * block_ms // 1000
    assert station.block_bytes == samples * (16 if neutral else 12)
    waiting = high_water_mark(station.block_bytes)
    assert waiting >= 64
    assert waiting * sum(map(len, encode_parts(samples, 4 if neutral else 3))) <= QUEUE_BYTES


def encode_parts(samples: int, channels: int) -> list[bytes]:
    return [bytes(part) for part in encode_block(block(1, channels=channels, n=samples))]


def test_large_blocks_wait_in_smaller_numbers(path: Path) -> None:
    """A subscriber that does not listen holds no more than what the two queues and the socket may."""
    waiting = high_water_mark(4 * 20_000 * 4)
    assert waiting < HIGH_WATER_MARK // 10
    with BlockPublisher(path, waiting) as publisher, BlockSubscriber(path, waiting) as subscriber:
        meet(publisher, subscriber)
        one = block(1, channels=4, n=20_000)
        for _ in range(6 * waiting):
            publisher.publish(one)
        got = sum(1 for _ in received(subscriber))
    assert waiting // 2 <= got <= 3 * waiting


def test_only_owner_and_group_may_listen(path: Path) -> None:
    with BlockPublisher(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_foreign_messages_are_counted_and_skipped(path: Path) -> None:
    source, header, data = encode_block(block(1))
    foreign: list[list[bytes]] = [
        [b""],
        [source, header],
        [source, b"\xc1", bytes(data)],
        [source, header, bytes(data)[:-4]],
        [b"\xff\xfe", header, bytes(data)],
        [source, header, bytes(data), b"more"],
    ]
    for message in foreign:
        with pytest.raises(ValueError):
            decode_block(message)
    path.parent.mkdir()
    context = zmq.Context()
    try:
        other = context.socket(zmq.PUB)
        other.bind(f"ipc://{path}")
        with BlockSubscriber(path) as subscriber:
            time.sleep(0.3)
            for message in foreign:
                other.send_multipart(message)
            other.send_multipart([source, header, bytes(data)])
            got = subscriber.receive(2.0)
            assert got is not None
            assert got.sequence == 1
            assert subscriber.rejected == len(foreign)
    finally:
        context.destroy(linger=0)


def test_a_socket_that_cannot_be_bound_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SampleBusError, match="expected a socket to bind") as caught:
        BlockPublisher(tmp_path / "file" / "blocks.ipc")
    assert "\n" not in str(caught.value)
    with pytest.raises(SampleBusError, match="at most 107 bytes"):
        BlockPublisher(tmp_path / ("x" * 120) / "blocks.ipc")
