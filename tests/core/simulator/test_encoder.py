"""The virtual station's frames through the real receiver; a bad wire is as bad as asked for."""

from __future__ import annotations

import random
import socket
from itertools import pairwise

import numpy as np
import pytest

from flexcore.drivers import description
from flexcore.drivers._atolle import Receiver
from flexcore.simulator import files
from flexcore.simulator.disturbances import Script
from flexcore.simulator.encoder import Encoder
from flexcore.simulator.generator import Generator
from flexcore.simulator.line import Impairments, Line, hostile
from flexcore.simulator.samples import Chunk
from flexcore.simulator.transports import Udp
from flexcore.station import Station, read_station

RATE = 20_000
START = 1_780_000_000 * RATE


def parts(name: str, form: str) -> tuple[Station, Generator, Encoder, Receiver]:
    station = read_station(files.find("stations", name))
    generator = Generator(station, 1, Script((), None, RATE))
    encoder = Encoder(station, generator.peaks, form)

    def describe(position: int, json: bytes) -> tuple[list[float], list[float]]:
        known = description.decode(json, station.elements[position].channels)
        return [c.gain for c in known.channels], [c.offset for c in known.channels]

    streams = [(e.sensor.stream, len(e.channels)) for e in station.elements]
    return station, generator, encoder, Receiver(streams, 1000, RATE, describe)


def chunks(generator: Generator, count: int) -> list[Chunk]:
    items = generator.chunks(START, 1000)
    return [item for item, _ in zip(items, range(count), strict=False) if isinstance(item, Chunk)]


@pytest.mark.parametrize("form", ["int24", "int32"])
@pytest.mark.parametrize("name", ["demo-12", "bench-20"])
def test_samples_survive_the_wire_to_a_hundred_thousandth_of_nominal(name: str, form: str) -> None:
    station, generator, encoder, receiver = parts(name, form)
    for d in encoder.descriptions:
        assert receiver.feed(d) == []
    sent = chunks(generator, 6)
    done = [b for chunk in sent for _, f in encoder.encode(chunk) for b in receiver.feed(f)]
    assert len(done) == 5 * len(station.elements), "all but the block in which the time line was found"
    first_row = np.cumsum([0, *(len(e.channels) for e in station.elements)])
    for position, sequence, samples, _ in done:
        chunk = sent[sequence - START // 1000]
        rows = slice(first_row[position], first_row[position] + samples.shape[0])
        nominal = station.busbar[0].udin_v if position == 0 else 100.0
        assert np.abs(samples - chunk.values[rows]).max() < 1e-5 * nominal


def test_what_exceeds_the_range_is_clipped_and_flagged() -> None:
    _, generator, encoder, receiver = parts("demo-12", "int24")
    for d in encoder.descriptions:
        receiver.feed(d)
    loud = [Chunk(c.first, c.values * 10.0) for c in chunks(generator, 2)]
    for chunk in loud:
        for _, f in encoder.encode(chunk):
            receiver.feed(f)
    assert receiver.counters()["saturated"] > 0
    assert receiver.counters()["blocks"] == 13


def test_no_hostile_datagram_is_used() -> None:
    _, generator, encoder, receiver = parts("demo-12", "int24")
    for d in encoder.descriptions:
        receiver.feed(d)
    source = random.Random(1)
    done = 0
    sent = 0
    for chunk in chunks(generator, 20):
        for _, f in encoder.encode(chunk):
            sent += 2
            done += len(receiver.feed(hostile(bytes(f), source)))
            done += len(receiver.feed(f))
    counters = receiver.counters()
    assert done == counters["blocks"] == 19 * 13
    assert counters["samples_lost"] == 0
    assert counters["frames"] == sent // 2 - 4 * 13
    assert len([k for k, n in counters.items() if k.startswith("dropped_") and n]) >= 10


def receive_all(udp: socket.socket) -> list[bytes]:
    got = []
    while True:
        try:
            got.append(udp.recv(2048))
        except BlockingIOError:
            return got


def test_a_bad_wire_loses_repeats_and_reorders_the_asked_share() -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    udp.setblocking(False)
    line = Line(Udp(udp.getsockname()), Impairments(loss=0.1, duplicate=0.2, reorder=0.05, seed=3))
    got: list[int] = []
    for n in range(0, 10_000, 50):
        line.send([k.to_bytes(4, "big") for k in range(n, n + 50)], 0.005)
        got += [int.from_bytes(f, "big") for f in receive_all(udp)]
    line.close()
    udp.close()
    late = sum(1 for a, b in pairwise(got) if b < a)
    assert 10_000 - len(set(got)) == pytest.approx(1000, abs=150)
    assert len(got) - len(set(got)) == pytest.approx(1700, abs=200)
    assert late == pytest.approx(450, abs=120)


def test_a_wire_to_nobody_does_not_stop_the_station() -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    target = udp.getsockname()
    udp.close()
    line = Line(Udp(target), Impairments())
    for _ in range(10):
        line.send([b"frame"], 0.005)
    line.close()
    assert line.sent + line.lost == 10
