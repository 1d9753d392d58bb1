"""A box, a virtual station before it, two witnesses behind it: what ``dev``, ``run`` and tests play."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flexcore.desk.box import ROOT, DeskError
from flexcore.desk.children import Child
from flexcore.desk.watch import BusWitness, PageViewer, PageWitness, fetch_certificate
from flexcore.errors import SettingsError
from flexcore.recordings import read_recording
from flexcore.recordings.channelmap import read_map
from flexcore.simulator.replay import rows
from flexcore.station import Station, read_station

_log = logging.getLogger(__name__)

STATIONS = ROOT / "core/flexcore/simulator/stations"
DEFAULT_STATION = STATIONS / "demo-12.toml"
LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Play:
    """What is to be simulated: a station, and a recording in place of generated signals."""

    station_file: Path
    station_text: str
    station: Station
    replay: Path | None = None
    map_file: Path | None = None
    arguments: tuple[str, ...] = ()


def read_play(
    station: Path | None, replay: Path | None, map_file: Path | None, arguments: tuple[str, ...] = ()
) -> Play:
    """Check everything that a person named before anything starts.

    Raises:
        SettingsError: the station file or the map is wrong, or one of the two is missing.
        RecordingError: the recording is.
    """
    file = station or DEFAULT_STATION
    parsed = read_station(file)
    if (replay is None) != (map_file is None):
        raise SettingsError("--replay and --map: expected both or neither")
    if replay is not None and map_file is not None:
        # Read here and thrown away: what is wrong with it must be said before anything starts.
        rows(read_recording(replay), parsed, read_map(map_file), str(map_file))
    return Play(file, file.read_text(encoding="utf-8"), parsed, replay, map_file, arguments)


class Box(Protocol):
    """What a scene needs of a box, emulated or not."""

    code: str
    reader_password: str
    folder: Path

    @property
    def url(self) -> str:
        """The page."""
        ...

    @property
    def sensors(self) -> str:
        """Where the virtual station sends to: its simulator's ``--target``."""
        ...

    @property
    def mqtt_port(self) -> int:
        """The TLS port of the measurement bus on this machine."""
        ...

    def tend(self) -> None:
        """Keep it alive; raises DeskError where that is not possible."""
        ...


class Scene:
    """The virtual station and the witnesses around a running box."""

    def __init__(self, box: Box, play: Play) -> None:
        self.box, self.play = box, play
        self.certificate = box.folder / "box-certificate.pem"
        self.simulator = self._simulator()
        self.bus: BusWitness | None = None
        self.page: PageWitness | None = None
        self.viewer: PageViewer | None = None

    def _simulator(self) -> Child:
        command = [sys.executable, "-m", "flexcore.simulator", "--target", self.box.sensors]
        command += ["--station", str(self.play.station_file), *self.play.arguments]
        if self.play.replay is not None:
            command += ["--replay", str(self.play.replay), "--map", str(self.play.map_file)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "core")}
        return Child("simulator", command, environment, self.box.folder / "simulator.log")

    @contextlib.contextmanager
    def playing(self) -> Iterator[Scene]:
        """The station sends while this is open; witnesses join as soon as the box answers."""
        with contextlib.ExitStack() as stack:
            self.simulator.start()
            stack.callback(self.simulator.stop)
            stack.callback(self._dismiss)
            yield self

    def _dismiss(self) -> None:
        """Let the witnesses go."""
        if self.page is not None:
            self.page.stop()
        if self.bus is not None:
            self.bus.__exit__()

    def look(self) -> None:
        """One round: box and simulator alive, witnesses at their places."""
        self.box.tend()
        if not self.simulator.alive:
            lines = self.simulator.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise DeskError(f"the virtual station has ended: {lines[-1] if lines else 'it said nothing'}")
        if self.bus is None and fetch_certificate(self.box.mqtt_port, self.certificate):
            station = self.play.station.station.id
            self.bus = BusWitness(station, self.box.mqtt_port, self.box.reader_password, self.certificate)
            self.bus.__enter__()
            self.viewer = PageViewer(self.box.url, self.box.code, self.certificate)
            self.page = PageWitness(self.viewer)
            self.page.start()

    @property
    def live(self) -> bool:
        """Whether values came out of the bus and of the page."""
        return bool(self.bus and self.page and self.bus.tally.live and self.page.tally.live)

    def wait_live(self, within_s: float, each: Callable[[], None] = lambda: None) -> float:
        """Seconds until both witnesses saw live values; raises DeskError with what was missing."""
        began = time.monotonic()
        while not self.live:
            self.look()
            each()
            if time.monotonic() - began > within_s:
                raise DeskError(f"no live values within {within_s:.0f} s: {self.missing()}")
            time.sleep(LOOK_EVERY_S)
        return time.monotonic() - began

    def missing(self) -> str:
        """What stands between us and live values, in words."""
        if self.bus is None or self.page is None:
            return "the box's MQTT port does not answer"
        lacking = [] if self.bus.tally.live else ["nothing on the MQTT bus"]
        if not self.page.tally.live:
            lacking.append(f"the page shows nothing live ({self.page.problem})")
        return ", ".join(lacking) or "nothing"
