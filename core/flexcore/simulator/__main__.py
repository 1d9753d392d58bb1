"""``python3 -m flexcore.simulator``: the virtual station on the command line.

Prints one line of JSON per notice: ``started``, ``disturbance``, ``replay_begin``, ``replay_end``,
``stopped``; ``zero_ns`` is the UTC of a recording's sample 0.
"""

from __future__ import annotations

import argparse
import json
import os
import signal as signals
import sys
import threading
from pathlib import Path
from types import FrameType

# one core is enough for small matrices, and the other one is the box's
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from flexcore.errors import FlexcoreError, SettingsError
from flexcore.sensors import AtolleSensor
from flexcore.simulator import disturbances, files
from flexcore.simulator.encoder import FORMATS, Encoder
from flexcore.simulator.generator import Generator
from flexcore.simulator.line import Impairments, Line
from flexcore.simulator.merging_unit import FORMS, MergingUnits
from flexcore.simulator.merging_unit import hostile as hostile_frame
from flexcore.simulator.player import Feed, Player
from flexcore.simulator.samples import Notice, Signal
from flexcore.simulator.transports import Cable, CableFrames, EthernetPort, Transport, Udp
from flexcore.station import Station, read_station

NS = 1_000_000_000
CABLE = "cable:"


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1, got {text}")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text}")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {text}")
    return value


TARGET_HELP = (
    "HOST:PORT (default: 127.0.0.1 and the station file's port), or cable:PATH, the socket of an emulator's "
    "network cable"
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m flexcore.simulator",
        description="A virtual station: sends the sensors' frames, over UDP or Ethernet, in real time.",
    )
    stations = ", ".join(files.shipped("stations"))
    parser.add_argument("--station", required=True, help=f"station file, or one of: {stations}")
    parser.add_argument("--target", help=TARGET_HELP)
    parser.add_argument("--seconds", type=_positive, help="end after this time")
    parser.add_argument("--seed", type=int, default=1, help="same seed and start, same samples")
    parser.add_argument("--format", choices=sorted(FORMATS), default="int24")
    sampled = parser.add_argument_group("sampled values (IEC 61850-9-2)")
    sampled.add_argument("--interface", help="send all of them here, not where the station file says")
    sampled.add_argument(
        "--sampled-values", choices=FORMS, help="default: 9-2LE at 80 or 256 samples a cycle"
    )
    generated = parser.add_argument_group("generated signals")
    generated.add_argument("--dip-every", type=_positive, metavar="SECONDS", help="a dip every so often")
    generated.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="KIND:START_S:DURATION_S[:PERCENT[:PHASES]]",
        help="dip, swell or interruption, e.g. dip:5:0.2:60:l1,l2; may be given more than once",
    )
    replay = parser.add_argument_group("a recording instead")
    replay.add_argument("--replay", type=Path, metavar="FILE.cfg", help="COMTRADE recording to play")
    maps = ", ".join(files.shipped("maps"))
    replay.add_argument("--map", metavar="FILE", help=f"its channels to the station's; or one of: {maps}")
    replay.add_argument(
        "--lead-in", type=_not_negative, default=5.0, metavar="SECONDS", help="steady, before"
    )
    replay.add_argument(
        "--lead-out", type=_not_negative, default=1.0, metavar="SECONDS", help="steady, after"
    )
    replay.add_argument("--loop", action="store_true", help="play it again and again")
    replay.add_argument("--pause", type=_not_negative, default=2.0, metavar="SECONDS", help="between plays")
    wire = parser.add_argument_group("a bad wire")
    wire.add_argument("--loss", type=_share, default=0.0, help="share of frames lost")
    wire.add_argument("--duplicate", type=_share, default=0.0, help="share of frames sent twice")
    wire.add_argument("--reorder", type=_share, default=0.0, help="share of frames overtaken by others")
    wire.add_argument(
        "--hostile", type=_not_negative, default=0.0, metavar="N", help="bad datagrams a second"
    )
    return parser


def _transport(target: str, station: Station) -> Transport:
    if target.startswith(CABLE) and target != CABLE:
        return Cable(Path(target.removeprefix(CABLE)), station.acquire.port)
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError(f"--target: expected HOST:PORT or cable:PATH, got {target!r}")
    return Udp((host, int(port)))


def _signal(options: argparse.Namespace, station: Station) -> Signal:
    if options.replay is None:
        scripted = tuple(disturbances.parse(text) for text in options.event)
        script = disturbances.Script(scripted, options.dip_every, station.acquire.rate_hz)
        return Generator(station, options.seed, script)
    # SciPy is needed here alone
    from flexcore.recordings import read_recording
    from flexcore.recordings.channelmap import read_map
    from flexcore.simulator.replay import Replay, ReplaySettings, rows

    if options.map is None:
        raise SettingsError("--map: expected the map of the recording's channels to the station's")
    file = files.find("maps", options.map)
    mapping = read_map(file)
    recording = read_recording(options.replay)
    values = rows(recording, station, mapping, str(file))
    pause_s = options.pause if options.loop else None
    return Replay(
        recording,
        values,
        station.acquire.rate_hz,
        station.station.nominal_frequency_hz,
        ReplaySettings(options.lead_in, options.lead_out, pause_s),
    )


def _feeds(
    options: argparse.Namespace, station: Station, target: str, signal: Signal, impairments: Impairments
) -> list[Feed]:
    """The station's streams by the lines that they are sent on: datagrams, and Ethernet frames by port."""
    units = MergingUnits(station, options.sampled_values)
    transport = _transport(target, station)
    feeds = []
    if any(isinstance(element.sensor, AtolleSensor) for element in station.elements):
        encoder = Encoder(station, signal.peaks, options.format)
        feeds.append(Feed(encoder, Line(transport, impairments)))
    for interface in units.interfaces:
        port: Transport
        if isinstance(transport, Cable):
            port = CableFrames(transport)
        else:
            port = EthernetPort(options.interface or interface)
        feeds.append(Feed(units.on(interface), Line(port, impairments, hostile_frame)))
    return feeds


def _tell(notice: Notice) -> None:
    print(json.dumps({"event": notice.event, **notice.about}), flush=True)


def _run(options: argparse.Namespace) -> None:
    station = read_station(files.find("stations", options.station))
    target = options.target or f"127.0.0.1:{station.acquire.port}"
    signal = _signal(options, station)
    impairments = Impairments(options.loss, options.duplicate, options.reorder, options.hostile, options.seed)
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signals.signal(signals.SIGTERM, stop)
    signals.signal(signals.SIGINT, stop)
    feeds = _feeds(options, station, target, signal, impairments)
    try:
        player = Player(signal, feeds, station.acquire.rate_hz, _tell)
        start = player.start()
        about: dict[str, object] = {
            "start_ns": start * NS // station.acquire.rate_hz,
            "station": station.station.id,
            "target": target,
            "streams": len(station.elements),
            "channels": sum(len(e.channels) for e in station.elements),
            "rate_hz": station.acquire.rate_hz,
        }
        _tell(Notice("started", about))
        played = player.play(start, stopping, options.seconds)
    finally:
        for feed in feeds:
            feed.line.close()
    counts: dict[str, object] = {
        "sent": sum(feed.line.sent for feed in feeds),
        "lost": sum(feed.line.lost for feed in feeds),
        "hostile": sum(feed.line.hostile for feed in feeds),
        "chunks": played.chunks,
        "skipped": played.skipped,
    }
    _tell(Notice("stopped", counts))


def main(arguments: list[str] | None = None) -> int:
    """Play until the end, SIGTERM or Ctrl-C; 0, or 2 where something was asked for that cannot be."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except FlexcoreError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
