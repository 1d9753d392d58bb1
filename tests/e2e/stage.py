"""A running box to test: the services on this machine, or the whole image in the emulator."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ear import Ear, listening

from flexcore.desk.appliance import Appliance
from flexcore.desk.box import DevBox, free_port
from flexcore.desk.scene import STATIONS, Play, Scene

STATION = STATIONS / "wisp2.toml"
MAP = STATIONS.parent / "maps/wisp2.toml"

#: Emulated, everything takes ten to twenty times as long; a boot takes minutes.
LIVE_WITHIN_S = {"dev": 60.0, "image": 900.0}


def unit(service: str) -> str:
    """A service's systemd unit."""
    return service if service in ("mosquitto", "nginx") else f"flexcore-{service}"


@dataclass
class Stage:
    """One box with its virtual station, and an ear on its bus. ``patience`` stretches time limits."""

    kind: str
    box: DevBox | Appliance
    scene: Scene
    ear: Ear
    patience: float

    def kill(self, service: str) -> None:
        """SIGKILL the service's main process."""
        if isinstance(self.box, DevBox):
            process = self.box.family[service].process
            assert process is not None
            os.kill(process.pid, signal.SIGKILL)
        else:
            self.sh(f"systemctl kill --kill-whom=main -s KILL {unit(service)}")

    def stop(self, service: str) -> None:
        """Take a service down and keep it down."""
        if isinstance(self.box, DevBox):
            self.box.family[service].restart = False
            self.box.family[service].stop()
        else:
            self.sh(f"systemctl stop {unit(service)}")

    def start(self, service: str) -> None:
        """Bring a stopped service up again."""
        if isinstance(self.box, DevBox):
            self.box.family[service].restart = True
            self.box.family[service].start()
        else:
            self.sh(f"systemctl start {unit(service)}")

    def running(self, service: str) -> int:
        """The pid of the service's main process, 0 where there is none."""
        if isinstance(self.box, DevBox):
            child = self.box.family[service]
            return child.process.pid if child.process is not None and child.alive else 0
        return int(self.sh(f"systemctl show -P MainPID {unit(service)}"))

    def sh(self, command: str, within_s: float = 120.0) -> str:
        """Output of a root shell's command in the image; fails where its exit code is not 0."""
        assert isinstance(self.box, Appliance)
        code, output = self.box.machine.shell.run(command, within_s)
        assert code == 0, f"{command}: exit code {code}: {output}"
        return output

    def notices(self, event: str) -> list[dict[str, int]]:
        """What the virtual station told about itself."""
        lines = self.scene.simulator.log.read_text(encoding="utf-8").splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [notice for notice in told if notice["event"] == event]

    def wait_notice(self, event: str, within_s: float, count: int = 1) -> dict[str, int]:
        """The ``count``-th such notice, when it has come."""
        until = time.monotonic() + within_s
        while len(self.notices(event)) < count:
            assert time.monotonic() < until, f"the virtual station did not say {event!r} {count} times"
            self.scene.look()
            time.sleep(0.2)
        return self.notices(event)[count - 1]


@contextmanager
def staged(kind: str, play: Play, folder: Path) -> Iterator[Stage]:
    """A box of ``kind`` (dev, image) that measures and shows what ``play`` sends."""
    box: DevBox | Appliance
    if kind == "dev":
        box = DevBox(play.station_text, play.station, web_port=free_port(), folder=folder)
    else:
        box = Appliance(play, folder=folder, shell=True)
    with box:
        scene = Scene(box, play)
        with scene.playing():
            scene.wait_live(LIVE_WITHIN_S[kind])
            if isinstance(box, Appliance):
                box.machine.shell.wait(60.0)
                # It has seen the page live. Feeding it costs an emulated box a third of a processor.
                assert scene.page is not None
                scene.page.stop()
            station = play.station.station.id
            with listening(station, box.mqtt_port, box.reader_password, scene.certificate) as ear:
                yield Stage(kind, box, scene, ear, 1.0 if kind == "dev" else 8.0)
