"""A real mosquitto on a unix socket in a temporary folder.

    with Broker() as broker:
        bus = MeasurementBus(service="x", address=broker.address, username="record",
                             password=broker.passwords["record"])
        broker.kill(); broker.start()

Use the fixture ``broker`` (tests/conftest.py imports it) or the class. The folder survives ``kill`` and
``start``; it is below /tmp since a unix socket's path may have at most 107 bytes.
"""

from __future__ import annotations

import getpass
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from flexcore.buses.mqtt import MeasurementBus, UnixAddress
from flexcore.buses.passwords import password_file
from flexcore.paths import Paths

NAMES = ("acquire", "analyse", "clock", "device", "meter", "record", "web", "reader")
SETTINGS = """\
user {user}
persistence {persistence}
persistence_location {folder}/
autosave_interval 1
max_inflight_messages 20
max_queued_messages 20000
max_queued_bytes 33554432
allow_anonymous false
password_file {folder}/passwd
log_dest file {folder}/log
listener 0 {socket}
"""


def mosquitto() -> str | None:
    """The program, which Debian keeps where a user's PATH may not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Broker:
    """A broker that can be killed, frozen and started again."""

    def __init__(self, *, persistence: bool = False, extra: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fc-broker-"))
        self.socket = self.folder / "mqtt.sock"
        self.address = UnixAddress(self.socket)
        self.passwords = {name: secrets.token_urlsafe(12) for name in NAMES}
        (self.folder / "passwd").write_text(password_file(self.passwords))
        (self.folder / "passwd").chmod(0o600)
        self.settings = self.folder / "mosquitto.conf"
        self.settings.write_text(
            SETTINGS.format(
                user=getpass.getuser(),
                persistence="true" if persistence else "false",
                folder=self.folder,
                socket=self.socket,
            )
            + extra
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        program = mosquitto()
        assert program, "mosquitto is not installed"
        self._process = subprocess.Popen(
            [program, "-c", str(self.settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10.0
        while time.monotonic() < until:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self.socket))
                    return
                except OSError:
                    assert self._process.poll() is None, (self.folder / "log").read_text()
                    time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    @staticmethod
    def free_port() -> int:
        """A port on the loopback that nobody uses now."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def kill(self) -> None:
        """As SIGKILL or the kernel's memory killer would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As systemd would."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it hang."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def paths(self, folder: Path) -> Paths:
        """A box's folders below ``folder``, where its services find this broker."""
        (folder / "broker").mkdir()
        (folder / "broker" / "mqtt.sock").symlink_to(self.socket)
        return Paths(state=folder, run=folder, credentials=None)

    def bus(self, name: str, **more: object) -> MeasurementBus:
        """A bus signed in as ``name``, not started."""
        return MeasurementBus(
            service=name,
            address=self.address,
            username=name,
            password=self.passwords[name],
            **more,  # type: ignore[arg-type]
        )

    def _end(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            if sign is signal.SIGTERM:
                self._process.send_signal(signal.SIGCONT)
            self._process.wait(10.0)
            self._process = None


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A broker of one's own."""
    if mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    with Broker() as one:
        yield one
