"""Sampled values over true Ethernet ports, through the driver's socket and through the service."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from flexcore.buses.zeromq import BlockSubscriber
from flexcore.drivers.atolle import AtolleSource
from flexcore.drivers.packetport import PacketPort, PacketPortError
from flexcore.drivers.sampled_values import ETHERTYPE, SampledValuesSource
from flexcore.drivers.sources import StationSources, find
from flexcore.errors import SettingsError
from flexcore.model import Block
from flexcore.simulator.disturbances import Script
from flexcore.simulator.encoder import Encoder
from flexcore.simulator.generator import Generator
from flexcore.simulator.line import Impairments, Line
from flexcore.simulator.merging_unit import MergingUnits, hostile
from flexcore.simulator.player import Feed, Player
from flexcore.simulator.samples import Chunk
from flexcore.simulator.transports import EthernetPort, Udp
from flexcore.station import Station, parse_station
from support.broker import Broker
from support.cables import cable, ip

CORE = Path(__file__).parents[2] / "core"

TEXT = """
[station]
id = "s"
name = "S"
[acquire]
rate_hz = {rate}
port = {port}
address = "127.0.0.1"
[[busbar]]
id = "bb1"
name = "B"
nominal_v = 10000
sensor = {{ driver = "sampled_values", interface = "{interface}", sv_id = "MU01" }}
[[field]]
id = "f01"
name = "F"
busbar = "bb1"
neutral = true
sensor = {{ driver = "sampled_values", interface = "{interface}", sv_id = "MU01" }}
[[field]]
id = "f02"
name = "G"
busbar = "bb1"
sensor = {{ {third} }}
"""
#: Why frames are refused on a wire with somebody who lies.
HOSTILE = ("ber", "header", "appid", "simulated", "asdu")
MU02 = (
    'driver = "sampled_values", interface = "{interface}", sv_id = "MU02", destination = "01:0C:CD:04:00:02"'
)


@pytest.fixture
def ports() -> Iterator[tuple[str, str]]:
    with cable() as ends:
        yield ends


def station(interface: str, rate: int = 4800, third: str = MU02, port: int = 20500) -> Station:
    return parse_station(text(interface, rate, third, port))


def text(interface: str, rate: int = 4800, third: str = MU02, port: int = 20500) -> str:
    third = third.format(interface=interface)
    return TEXT.format(rate=rate, interface=interface, third=third, port=port)


class Play:
    """The virtual station in a thread."""

    def __init__(self, of: Station, far: str, impairments: Impairments, udp: int | None = None) -> None:
        self.rate = of.acquire.rate_hz
        self.signal = Generator(of, 1, Script((), None, self.rate))
        units = MergingUnits(of)
        feeds = [
            Feed(units.on(name), Line(EthernetPort(far), impairments, hostile)) for name in units.interfaces
        ]
        if udp is not None:
            line = Line(Udp(("127.0.0.1", udp)), impairments)
            feeds.append(Feed(Encoder(of, self.signal.peaks, "int32"), line))
        self.lines = [feed.line for feed in feeds]
        self.player = Player(self.signal, feeds, self.rate, lambda notice: None)
        self.start = self.player.start()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.player.play, args=(self.start, self.stopping, 60.0))
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(10.0)
        for line in self.lines:
            line.close()


def receive(source: SampledValuesSource | StationSources, seconds: float) -> list[Block]:
    end = time.monotonic() + seconds
    blocks: list[Block] = []
    while time.monotonic() < end:
        blocks += source.receive(0.1)
    return blocks


def until(source: SampledValuesSource | StationSources, done: Callable[[list[Block]], bool]) -> list[Block]:
    end = time.monotonic() + 15.0
    blocks: list[Block] = []
    while not done(blocks):
        assert time.monotonic() < end
        blocks += source.receive(0.1)
    return blocks


def assert_generated(of: Station, blocks: list[Block]) -> None:
    """Every sample is what the virtual station made at that place, within a step of the wire."""
    rate = of.acquire.rate_hz
    rows = {}
    at = 0
    for element in of.elements:
        rows[element.id] = slice(at, at + len(element.channels))
        at += len(element.channels)
    n, chunk = rate // 50, rate // 20
    generator = Generator(of, 1, Script((), None, rate))
    known: dict[int, Chunk] = {}

    def made(k: int) -> Chunk:
        if k not in known:
            one = next(iter(generator.chunks(k * chunk, chunk)))
            assert isinstance(one, Chunk)
            known[k] = one
        return known[k]

    for b in blocks:
        first = b.sequence * n // chunk
        pair = np.concatenate([made(first).values, made(first + 1).values], axis=1)
        wanted = pair[rows[b.source], b.sequence * n - first * chunk :][:, :n]
        assert np.abs(b.samples - wanted).max() < 0.02


@pytest.mark.parametrize("rate", [4000, 4800, 12_800, 14_400])
def test_blocks_are_what_was_sent(ports: tuple[str, str], rate: int) -> None:
    near, far = ports
    of = station(near, rate)
    source = SampledValuesSource(of)
    with source:
        play = Play(of, far, Impairments())
        try:
            until(source, lambda blocks: len(blocks) > 0)
            cpu_s = time.thread_time()
            blocks = receive(source, 1.5)
            cpu_s = time.thread_time() - cpu_s
        finally:
            play.stop()
        counters = source.counters()
    assert cpu_s / 1.5 < 0.25, "of a core, for two streams"
    assert_generated(of, blocks)
    for element in ("bb1", "f01", "f02"):
        sequences = [b.sequence for b in blocks if b.source == element]
        assert len(sequences) > 60
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert {k: n for k, n in counters.items() if k.startswith("dropped_") and n} == {}
    assert (counters["reanchored"], counters["unsynchronised"]) == (0, 0)


def test_a_bad_wire_costs_only_the_blocks_it_hits(ports: tuple[str, str]) -> None:
    near, far = ports
    of = station(near)
    source = SampledValuesSource(of)
    with source:
        play = Play(of, far, Impairments(0.002, 0.05, 0.01, 200.0))
        try:
            until(source, lambda blocks: len(blocks) > 0)
            seen = ("duplicates", "blocks_lost", *(f"dropped_{reason}" for reason in HOSTILE))
            blocks, counters = [], source.counters()
            while len(blocks) <= 200 or not all(counters[name] > 3 for name in seen):
                blocks += receive(source, 0.5)
                counters = source.counters()
                assert len(blocks) < 5000, counters
        finally:
            play.stop()
    assert_generated(of, blocks)
    assert counters["reanchored"] == 0


def test_a_vlan_tag_and_other_protocols_on_the_cable(ports: tuple[str, str]) -> None:
    near, far = ports
    of = station(near)
    source = SampledValuesSource(of)
    frames = [bytes(f) for _, f in MergingUnits(of).on(near).encode(chunk_at(of))]
    with source, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((far, 0))
        for f in frames[:100]:
            out.send(f[:12] + bytes.fromhex("81008064") + f[12:])
            out.send(f[:12] + b"\x08\x00" + f[14:])
        receive(source, 0.3)
        counters = source.counters()
    assert counters["datagrams"] == 100, "the kernel hands over nothing else"
    assert counters["frames"] + counters["settling"] == 100


def chunk_at(of: Station) -> Chunk:
    rate = of.acquire.rate_hz
    first = int(time.time() * 20) * (rate // 20)
    one = next(iter(Generator(of, 1, Script((), None, rate)).chunks(first, rate // 20)))
    assert isinstance(one, Chunk)
    return one


def test_a_port_that_goes_down_comes_back(ports: tuple[str, str]) -> None:
    near, far = ports
    of = station(near)
    source = SampledValuesSource(of)
    with source:
        play = Play(of, far, Impairments())
        try:
            until(source, lambda blocks: len(blocks) > 0)
            assert ip("link", "set", near, "down").returncode == 0
            receive(source, 0.5)
            assert source.counters()["port_gone"] >= 1
            assert ip("link", "set", near, "up").returncode == 0
            receive(source, 0.5)
            blocks = until(source, lambda blocks: len(blocks) > 30)
        finally:
            play.stop()
    assert_generated(of, blocks)


def test_both_drivers_at_once(ports: tuple[str, str]) -> None:
    near, far = ports
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port = int(udp.getsockname()[1])
    of = station(near, third="stream = 2", port=port)
    sources = StationSources(of, {"atolle": AtolleSource, "sampled_values": SampledValuesSource})
    with sources:
        assert len(sources.filenos()) == 2
        play = Play(of, far, Impairments(), port)
        try:
            until(sources, lambda blocks: {b.source for b in blocks} == {"bb1", "f01", "f02"})
            blocks = receive(sources, 1.0)
        finally:
            play.stop()
        counters = sources.counters()
        frames = sources.frames_by_element()
    assert_generated(of, blocks)
    for element in ("bb1", "f01", "f02"):
        sequences = [b.sequence for b in blocks if b.source == element]
        assert len(sequences) > 40
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert list(frames) == ["bb1", "f01", "f02"]
    assert counters["frames"] == frames["bb1"] + frames["f02"]


def test_the_service_publishes_sampled_values(ports: tuple[str, str], broker: Broker, tmp_path: Path) -> None:
    near, far = ports
    of = station(near)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "station.toml").write_text(text(near))
    run = Path(tempfile.mkdtemp(prefix="fc-sv-"))  # a socket's path must be short
    (run / "broker").symlink_to(broker.folder)
    (tmp_path / "mqtt").write_text(broker.passwords["acquire"])
    # the drivers as an installed package registers them
    package = tmp_path / "site" / "sv_test-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: sv-test\nVersion: 0\n")
    (package / "entry_points.txt").write_text(
        "[flexcore.drivers]\nsampled_values = flexcore.drivers.sampled_values:SampledValuesSource\n"
    )
    environment = {
        **os.environ,
        "FLEXCORE_STATE_DIR": str(tmp_path / "state"),
        "FLEXCORE_RUN_DIR": str(run),
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "PYTHONPATH": f"{CORE}:{tmp_path / 'site'}",
    }
    command = [sys.executable, "-m", "flexcore.services.acquire"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        play = Play(of, far, Impairments())
        listener = BlockSubscriber(run / "samples" / "blocks.ipc")
        try:
            blocks: list[Block] = []
            end = time.monotonic() + 15.0
            while len(blocks) < 150 and time.monotonic() < end:
                block = listener.receive(0.5)
                blocks += [] if block is None else [block]
        finally:
            play.stop()
            listener.close()
            process.terminate()
            _, said = process.communicate(timeout=10)
            shutil.rmtree(run)
    assert (process.returncode, "Traceback" in said) == (0, False), said
    assert len(blocks) == 150
    assert_generated(of, blocks)
    assert {b.source for b in blocks} == {"bb1", "f01", "f02"}


def test_the_simulator_sends_from_a_port(ports: tuple[str, str], tmp_path: Path) -> None:
    near, far = ports
    of = station(near)
    (tmp_path / "s.toml").write_text(text(near))
    command = [sys.executable, "-m", "flexcore.simulator", "--station", str(tmp_path / "s.toml")]
    environment = {**os.environ, "PYTHONPATH": str(CORE)}
    source = SampledValuesSource(of)
    with source:
        options = ["--interface", far, "--seconds", "3", "--sampled-values", "61869-9"]
        with subprocess.Popen(
            [*command, *options], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            blocks = until(source, lambda blocks: len(blocks) > 90)
            out, _ = process.communicate(timeout=15)
        assert source.counters()["dropped_kernel"] == 0
    assert process.returncode == 0
    started, stopped = (json.loads(line) for line in out.splitlines())
    assert (started["channels"], stopped["lost"]) == (10, 0)
    assert stopped["sent"] == 2 * 2400 * 3
    assert_generated(of, blocks)
    command += ["--interface", "fcnone"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("--interface: expected an Ethernet port, fcnone: ")


def test_a_port_that_is_not_there_is_one_line() -> None:
    with pytest.raises(
        PacketPortError, match=r"^station\.toml: sensor\.interface: expected an Ethernet port, fcnone: "
    ):
        PacketPort("fcnone", ETHERTYPE, {None}).open()


def test_a_driver_that_is_not_there_is_one_line() -> None:
    of = station("lo", third="stream = 2")
    with pytest.raises(SettingsError, match=r"^driver 'atolle': expected one of sampled_values$"):
        StationSources(of, {"sampled_values": SampledValuesSource})


def test_drivers_are_found_by_their_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint, EntryPoints

    from flexcore.drivers import registry

    table = EntryPoints(
        EntryPoint(name, value, registry.GROUP)
        for name, value in (
            ("sampled_values", "flexcore.drivers.sampled_values:SampledValuesSource"),
            ("gone", "flexcore.drivers.gone:Gone"),
            ("thing", "flexcore.drivers.frame:HeaderField"),
            ("twice", "a:B"),
            ("twice", "c:D"),
        )
    )
    monkeypatch.setattr(registry, "entry_points", lambda **wanted: table.select(**wanted))
    assert find("sampled_values") is SampledValuesSource
    for name, expected in (
        ("atolle", "expected one of gone, sampled_values, thing, twice"),
        ("gone", "expected one that can be loaded: No module named 'flexcore.drivers.gone'"),
        ("thing", "expected one that gives samples"),
        ("twice", "expected one of"),
    ):
        with pytest.raises(SettingsError, match=f"^driver '{name}': {expected}"):
            find(name)
