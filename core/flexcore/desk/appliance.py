"""The whole image in the emulator, provisioned with secrets drawn for this one box."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from types import TracebackType

from flexcore.desk.box import DeskError, draw_code
from flexcore.desk.scene import Play
from flexcore_vm import Machine, MachineError

#: Without KVM the emulator computes some thirty times slower than a box: fewer, larger blocks spare it, and
#: events come that much later. A station file that says how long its blocks are is left as it is.
EMULATED_BLOCK_MS = 200


def emulated(station_text: str) -> str:
    """The station file as an emulated box gets it."""
    if "block_ms" in station_text:
        return station_text
    setting = f"block_ms = {EMULATED_BLOCK_MS}"
    if "[acquire]" in station_text:
        return station_text.replace("[acquire]", f"[acquire]\n{setting}", 1)
    return f"{station_text}\n[acquire]\n{setting}\n"


class Appliance:
    """A context manager: the emulated box is on while it is open and shut down properly at its end."""

    def __init__(
        self, play: Play, *, folder: Path, https_port: int | None = None, shell: bool = False
    ) -> None:
        self.folder = folder
        self.code = draw_code()
        self.reader_password = secrets.token_urlsafe(18)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.machine = Machine(
            credentials={
                "flexcore.station": emulated(play.station_text),
                "flexcore.code": self.code,
                "flexcore.reader": self.reader_password,
            },
            shell=shell,
            console=folder / "console.log",
            https_port=https_port,
            samples_port=play.station.acquire.port,
        )

    def __enter__(self) -> Appliance:
        try:
            self.machine.__enter__()
        except MachineError as error:
            raise DeskError(str(error)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whatever comes between (a second Ctrl-C), the emulator never outlives its supervisor.
        try:
            if kind is None or kind is KeyboardInterrupt:
                self.machine.power_down()
        finally:
            self.machine.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """The page, through the box's own TLS."""
        return f"https://127.0.0.1:{self.machine.ports.page_https}"

    @property
    def udp(self) -> tuple[str, int]:
        """Where sensors send to."""
        return ("127.0.0.1", self.machine.ports.samples_udp)

    @property
    def sensors(self) -> str:
        """Where the virtual station sends to: the cable in the box's second port."""
        return f"cable:{self.machine.sensors_cable}"

    @property
    def mqtt_port(self) -> int:
        """The TLS port of the measurement bus."""
        return self.machine.ports.mqtt_tls

    def tend(self) -> None:
        """Raise where the emulator has ended."""
        try:
            self.machine.check()
        except MachineError as error:
            raise DeskError(str(error)) from error
