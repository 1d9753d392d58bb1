"""One emulated box: boots a copy-on-write overlay of the image, and is gone when its context ends."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from flexcore_vm.emulator import ROOT, Emulator, MachineError, find_emulator
from flexcore_vm.qmp import Qmp
from flexcore_vm.shell import KERNEL_ARGUMENTS, RootShell

IMAGE = ROOT / "build" / "image" / "flexcore.raw"
#: The box's disk is larger than the image: at its first boot it makes its data partition in the rest.
DISK_SIZE = "4G"
#: Where the box listens for sample frames, if its station file says nothing else.
SAMPLES_PORT = 20500
QMP_WITHIN_S = 20.0
POWER_DOWN_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the box's services are on this machine's loopback."""

    samples_udp: int
    page_https: int
    mqtt_tls: int


def _free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """A context manager: QEMU runs while it is open.

    ``credentials`` are systemd system credentials (name -> text); they travel in a file that only this user
    can read, never on a command line. ``kernel_arguments`` are added by the firmware. ``shell`` opens a root
    shell for tests. ``disk`` keeps the overlay between two machines (a reboot into the same data); without it
    every machine is factory-new.
    """

    def __init__(
        self,
        *,
        image: Path = IMAGE,
        credentials: Mapping[str, str] | None = None,
        shell: bool = False,
        processors: int = 2,
        memory_mib: int = 1024,
        disk: Path | None = None,
        console: Path | None = None,
        emulator: Emulator | None = None,
        https_port: int | None = None,
        samples_port: int = SAMPLES_PORT,
        kernel_arguments: str = "",
    ) -> None:
        self.ports = Ports(
            samples_udp=_free_port(socket.SOCK_DGRAM),
            page_https=https_port or _free_port(socket.SOCK_STREAM),
            mqtt_tls=_free_port(socket.SOCK_STREAM),
        )
        self.started_at = 0.0
        self._image, self._credentials, self._with_shell = image, dict(credentials or {}), shell
        self._processors, self._memory_mib, self._disk = processors, memory_mib, disk
        # Unix sockets need a short path, secrets a private folder.
        self._folder = Path(tempfile.mkdtemp(prefix="flexvm-"))
        self.console_file = console or self._folder / "console.log"
        self._emulator = emulator
        self._samples_port = samples_port
        self._kernel_arguments = " ".join(filter(None, [KERNEL_ARGUMENTS if shell else "", kernel_arguments]))
        self._process: subprocess.Popen[bytes] | None = None
        self._shell: RootShell | None = None

    def __enter__(self) -> Machine:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def emulator(self) -> Emulator:
        """The QEMU in use."""
        if self._emulator is None:
            self._emulator = find_emulator(self._image)
        return self._emulator

    @property
    def processors(self) -> int:
        """How many the box has."""
        return self._processors

    @property
    def alive(self) -> bool:
        """Whether the emulator still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The emulator's process id."""
        if self._process is None:
            raise MachineError("the machine was not started")
        return self._process.pid

    @property
    def shell(self) -> RootShell:
        """The root shell. Raises :class:`MachineError` where none was asked for."""
        if self._shell is None:
            raise MachineError("this machine was started without shell=True")
        return self._shell

    @property
    def sensors_cable(self) -> Path:
        """The Unix socket of the cable in the box's second Ethernet port, where its sensors are: Ethernet
        frames, each after its length (32 bits, big-endian)."""
        return self._folder / "sensors"

    def console(self) -> str:
        """Everything the box wrote to its console so far."""
        try:
            return self.console_file.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_for(self, text: str, within_s: float, *, after: int = 0) -> float:
        """Seconds since power-on when ``text`` stood on the console (from character ``after`` on)."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if text in self.console()[after:]:
                return time.monotonic() - self.started_at
            self.check()
            time.sleep(0.2)
        last = self.console().strip().splitlines()[-1:] or ["nothing"]
        raise MachineError(f"console: expected {text!r} within {within_s:.0f} s; last line: {last[0]}")

    def check(self) -> None:
        """Raise :class:`MachineError` where the emulator has ended or the guest's kernel has panicked."""
        if not self.alive:
            code = self._process.returncode if self._process else None
            said = self._folder / "qemu.log"
            why = said.read_text(errors="replace").strip()[-300:] if said.exists() else ""
            raise MachineError(f"the emulator ended with exit code {code}: {why}")

    def power_down(self, within_s: float = POWER_DOWN_WITHIN_S) -> bool:
        """Press the power button; whether the box was off in time."""
        if self._process is None or not self.alive:
            return True
        with contextlib.suppress(OSError, RuntimeError):
            qmp = Qmp(self._folder / "qmp", QMP_WITHIN_S)
            qmp.execute("system_powerdown")
            qmp.close()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Cut the power (call :meth:`power_down` first for a clean end) and remove what was temporary."""
        if self._shell is not None:
            self._shell.close()
            self._shell = None
        if self._process is not None:
            if self.alive:
                self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        if not self._image.exists():
            raise MachineError(f"{self._image}: expected the built image; ./build.sh image makes it")
        disk = self._disk or self._folder / "disk.qcow2"
        if not disk.exists():
            create = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(self._image.resolve()), str(disk)]
            create.append(DISK_SIZE)
            self._run_tool(create)
        variables = self._folder / "variables.fd"
        shutil.copyfile(self.emulator.variables, variables)
        # The emulator dies with us, also where we are killed and can tell nobody.
        command = ["setpriv", "--pdeathsig", "KILL", "--"]
        command += [*self.emulator.command, *self._arguments(disk, variables)]
        with (self._folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **self.emulator.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C is for the supervisor, which then shuts the box down properly.
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        # QEMU has started once its control socket answers; until then a fault is a wrong argument.
        try:
            Qmp(self._folder / "qmp", QMP_WITHIN_S).close()
            if self._with_shell:
                # At once: what the box says on a port that nobody listens to is lost, its prompt too.
                self._shell = RootShell(self._folder / "shell")
        except OSError:
            self.check()
            raise

    def _run_tool(self, arguments: list[str]) -> None:
        done = subprocess.run(
            [*self.emulator.image_tool, *arguments],
            env={**os.environ, **self.emulator.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise MachineError(f"qemu-img: {done.stderr.strip()}")

    def _arguments(self, disk: Path, variables: Path) -> list[str]:
        ports = self.ports
        forwards = (
            f"hostfwd=udp:127.0.0.1:{ports.samples_udp}-:{self._samples_port},"
            f"hostfwd=tcp:127.0.0.1:{ports.page_https}-:443,"
            f"hostfwd=tcp:127.0.0.1:{ports.mqtt_tls}-:8883"
        )
        tcg = f"tcg,thread={'multi' if self._processors > 1 else 'single'},tb-size=512"
        accelerated = self.emulator.accelerator == "kvm"
        arguments = ["-machine", "q35,smm=off", "-accel", "kvm" if accelerated else tcg]
        arguments += ["-cpu", "host" if accelerated else "max", "-smp", str(self._processors)]
        # A board's id, by which the box names itself; kept as long as its disk is.
        board = uuid.uuid5(uuid.NAMESPACE_URL, str(disk.resolve()))
        arguments += ["-uuid", str(board), "-m", str(self._memory_mib)]
        arguments += ["-display", "none", "-nodefaults", "-no-user-config"]
        arguments += ["-drive", f"if=pflash,format=raw,readonly=on,file={self.emulator.code}"]
        arguments += ["-drive", f"if=pflash,format=raw,file={variables}"]
        arguments += ["-drive", f"if=none,id=disk,format=qcow2,cache=unsafe,file={disk}"]
        # First in the boot order: else the firmware may try the network for minutes.
        arguments += ["-device", "virtio-blk-pci,drive=disk,bootindex=0"]
        # restrict=on: the box sees no network but what is forwarded to it.
        arguments += ["-netdev", f"user,id=net0,restrict=on,{forwards}"]
        arguments += ["-device", "virtio-net-pci,netdev=net0,romfile=,rx_queue_size=1024"]
        # The sensors' own port. Its frames wait in a stream until the box takes them: the emulator's UDP
        # forward has a buffer of a tenth of a second, and often computes for longer.
        cable = f"stream,id=net1,server=on,addr.type=unix,addr.path={self.sensors_cable}"
        arguments += ["-netdev", cable]
        arguments += ["-device", "virtio-net-pci,netdev=net1,romfile=,rx_queue_size=1024"]
        arguments += ["-device", "virtio-rng-pci"]
        arguments += ["-device", "i6300esb", "-action", "watchdog=reset"]
        arguments += ["-rtc", "base=utc,clock=host"]
        arguments += ["-serial", f"file:{self.console_file}"]
        if self._with_shell:
            arguments += ["-serial", f"unix:{self._folder / 'shell'},server=on,wait=off"]
        arguments += ["-qmp", f"unix:{self._folder / 'qmp'},server=on,wait=off"]
        for number, text in enumerate(self._smbios_strings()):
            file = self._folder / f"smbios-{number}"
            file.touch(mode=0o600)
            file.write_text(text, encoding="ascii")
            arguments += ["-smbios", f"type=11,path={file}"]
        return arguments

    def _smbios_strings(self) -> list[str]:
        strings = [
            f"io.systemd.credential.binary:{name}={base64.b64encode(text.encode()).decode('ascii')}"
            for name, text in self._credentials.items()
        ]
        if self._kernel_arguments:
            strings.append(f"io.systemd.stub.kernel-cmdline-extra={self._kernel_arguments}")
        return strings
