"""An emulated box and what a test does with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flexcore_vm import Machine
from flexcore_vm.machine import IMAGE

UP_WITHIN_S = 400.0
SERVICES = ("acquire", "analyse", "clock", "record", "web")
RUNNING = (*(f"flexcore-{name}" for name in SERVICES), "mosquitto", "nginx")
UNITS = ("flexcore-provision", "flexcore-boot-check", *RUNNING)


@dataclass
class Guest:
    """A box with a root shell."""

    machine: Machine

    def run(self, command: str, within_s: float = 120.0) -> tuple[int, str]:
        """Exit code and output of a command."""
        return self.machine.shell.run(command, within_s)

    def sh(self, command: str, within_s: float = 120.0) -> str:
        """Output of a command that must succeed."""
        code, output = self.run(command, within_s)
        assert code == 0, f"{command}: exit code {code}: {output}"
        return output

    def wait_up(self) -> str:
        """Wait until the boot is done; what systemd calls the state."""
        self.machine.shell.wait(UP_WITHIN_S)
        until = time.monotonic() + UP_WITHIN_S
        while (state := self.run("systemctl is-system-running")[1]) not in ("running", "degraded"):
            assert time.monotonic() < until, f"the boot is not done within {UP_WITHIN_S:.0f} s: {state}"
            self.machine.check()
            time.sleep(1)
        return state

    def prop(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.sh(f"systemctl show -P {name} {unit}")

    def reboots(self, command: str, because: str) -> None:
        """Give a command that ends the system; wait for ``because`` on the console and the next boot."""
        seen = len(self.machine.console())
        # No answer is expected: it may die with the system.
        self.machine.shell.send(command)
        self.machine.wait_for(because, 120.0, after=seen)
        self.wait_up()


@contextmanager
def guest(
    folder: Path, *, credentials: Mapping[str, str] | None = None, image: Path = IMAGE
) -> Iterator[Guest]:
    """A factory-new box, up."""
    console = folder / "console.log"
    with Machine(image=image, shell=True, credentials=credentials, console=console) as machine:
        running = Guest(machine)
        running.wait_up()
        yield running
