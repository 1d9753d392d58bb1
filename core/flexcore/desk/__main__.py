"""``./build.sh dev`` and ``./build.sh run``: a box, a virtual station, an address, and an honest end.

Exit codes: 0 when live values came out of the MQTT bus and of the page (or after Ctrl-C), 1 when they did
not, 2 for bad input.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from flexcore.desk.bench import acquire, dsp, path
from flexcore.desk.box import ROOT, DevBox, free_port, need_port, spell
from flexcore.desk.scene import LOOK_EVERY_S, Box, Play, Scene, read_play
from flexcore.errors import FlexcoreError, SettingsError

DEV_LIVE_WITHIN_S = 60.0
#: Emulated without KVM on a busy machine a boot takes minutes.
RUN_LIVE_WITHIN_S = 900.0
DEV_PORT, RUN_PORT = 8080, 8443
_BENCHES: dict[str, Callable[[float | None, bool], int]] = {
    "acquire": acquire.run_bench,
    "dsp": dsp.run_bench,
    "path": path.run_bench,
}


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text}")
    return value


def _port(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1024 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1024 to 65535, got {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./build.sh", description=__doc__, allow_abbrev=False)
    jobs = parser.add_subparsers(dest="job", required=True)
    for name, about in (
        ("dev", "the services on this machine, without image"),
        ("run", "the image in the emulator"),
        ("check-arguments", "only check what `run` would be given"),
    ):
        job = jobs.add_parser(name, help=about, allow_abbrev=False)
        job.add_argument(
            "--seconds", type=_positive, help="end by itself so long after the first live values"
        )
        job.add_argument("--station", type=Path, help="a station file in place of the demonstration's")
        job.add_argument("--replay", type=Path, help="play this COMTRADE recording (.cfg) in a loop")
        job.add_argument("--map", type=Path, help="which channel of the recording is what (TOML)")
        job.add_argument("--port", type=_port, help="the page's port on this machine")
        job.add_argument(
            "--dip-every", type=_positive, default=30.0, help="seconds between dips (default 30)"
        )
    bench = jobs.add_parser("bench", help="figures beside the peer's", allow_abbrev=False)
    bench.add_argument("what", choices=sorted(_BENCHES))
    bench.add_argument("--seconds", type=_positive, help="default: as long as its musts ask for")
    bench.add_argument("--assert", action="store_true", dest="must", help="exit 1 where a must is missed")
    return parser


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class _Progress:
    """One line a few times a minute that says what is being waited for."""

    EVERY_S = 10.0

    def __init__(self, scene: Scene) -> None:
        self._scene, self._began, self._said = scene, time.monotonic(), time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self._said >= self.EVERY_S:
            self._said = now
            _say(f"  {now - self._began:4.0f} s  waiting: {self._scene.missing()}")


def _banner(scene: Scene, after_s: float) -> None:
    box = scene.box
    browser_note = " (the browser warns: the box has its own certificate)" if "https" in box.url else ""
    _say(f"""
  Live after {after_s:.0f} s: {scene.play.station.station.name}

    page     {box.url}{browser_note}
    sign in  with the code on this box's sticker: {spell(box.code)}
    bus      MQTT over TLS, 127.0.0.1:{box.mqtt_port}, user reader, password {box.reader_password}
    logs     {box.folder}

  Ctrl-C stops everything.
""")


def _play(box: Box, play: Play, seconds: float | None, live_within_s: float) -> int:
    with Scene(box, play).playing() as scene:
        after_s = scene.wait_live(live_within_s, _Progress(scene))
        _banner(scene, after_s)
        if sys.stderr.isatty() and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(box.url)
        until = time.monotonic() + seconds if seconds else float("inf")
        while time.monotonic() < until:
            scene.look()
            time.sleep(LOOK_EVERY_S)
        return _verdict(scene)


def _verdict(scene: Scene) -> int:
    assert scene.bus and scene.page  # noqa: S101 - wait_live saw both
    bus, page = scene.bus.tally, scene.page.tally
    now = time.monotonic()
    _say(f"  {bus.live} live values on the bus ({bus.flagged} flagged), {bus.events} event messages")
    _say(f"  {page.live} live pictures on the page")
    still = all(now - tally.last_s < 10.0 for tally in (bus, page))
    if not still:
        _say("./build.sh: values stopped before the end; see the logs")
    return 0 if still else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _say("\n  stopping; a second Ctrl-C cuts the power")
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    # Also where a script had SIGINT ignored, and where the terminal goes away: nothing of ours stays behind.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _interrupt)
    try:
        if options.job == "bench":
            return _BENCHES[options.what](options.seconds, options.must)
        wanted = () if options.replay else ("--dip-every", str(options.dip_every))
        play = read_play(
            options.station, options.replay, options.map, (*wanted, *(["--loop"] if options.replay else []))
        )
        if options.job == "check-arguments":
            return 0
        if options.job == "dev":
            return _dev(play, options.port or DEV_PORT, options.seconds)
        return _run(play, options.port, options.seconds)
    except KeyboardInterrupt:
        _say("\n  stopped")
        return 0
    except FlexcoreError as error:
        _say(f"./build.sh: {error}")
        return 2 if isinstance(error, SettingsError | ValueError) else 1


def _folder(job: str) -> Path:
    """Logs and state of a job; tests that run beside a person's own put theirs elsewhere."""
    return Path(os.environ.get("FLEXCORE_DESK_FOLDER", ROOT / "build")) / job


def _dev(play: Play, port: int, seconds: float | None) -> int:
    folder = _folder("dev")
    with DevBox(play.station_text, play.station, web_port=port, folder=folder) as box:
        _say("  services started, waiting for live values")
        return _play(box, play, seconds, DEV_LIVE_WITHIN_S)


def _run(play: Play, port: int | None, seconds: float | None) -> int:
    # The emulator is a thing of the desk and of the image; a box's wheel is imported without it.
    from flexcore.desk.appliance import Appliance

    if port is None:
        port = RUN_PORT
        try:
            need_port(port, 1, "the page")
        except FlexcoreError:
            port = free_port()
    with Appliance(play, folder=_folder("run"), https_port=port) as box:
        kind = box.machine.emulator.accelerator
        _say(f"  box switched on ({kind}); its console is in {box.machine.console_file}")
        return _play(box, play, seconds, RUN_LIVE_WITHIN_S)


if __name__ == "__main__":
    raise SystemExit(main())
