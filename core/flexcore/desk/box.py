"""The box's services straight on this machine: the same programs and the same broker settings.

What systemd gives them on the box (credentials, directories, restart) a small supervisor gives here.
"""

from __future__ import annotations

import logging
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from flexcore.desk.children import Child, Family
from flexcore.errors import FlexcoreError
from flexcore.paths import Paths
from flexcore.station import Station

_log = logging.getLogger(__name__)

#: The repository's root: desk jobs are run from a checkout.
ROOT = Path(__file__).resolve().parents[3]
#: Which wires a box on the desk has (flexcore.services.device).
MACHINE = "FLEXCORE_MACHINE"
SERVICES = ("acquire", "analyse", "record")
#: Letters and digits of base32: nothing that a person reads wrongly on a sticker.
CODE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class DeskError(FlexcoreError, RuntimeError):
    """Something on this machine is not as the desk needs it."""

    code = "desk"


def draw_code() -> str:
    """A fresh sticker code: ten base32 characters, 50 bits."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(10))


def spell(code: str) -> str:
    """A sticker code as a person reads it."""
    return f"{code[:5]}-{code[5:]}"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port on the loopback that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def need_port(port: int, kind: int, what: str) -> None:
    """Raise :class:`DeskError` where ``port`` is taken."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DeskError(f"port {port}: expected a free port for {what}: {error.strerror}") from error


def program(name: str) -> str:
    """The full path of a program; Debian keeps daemons where a user's PATH may not look."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise DeskError(f"{name}: expected this program", "./build.sh setup")
    return found


def broker_settings(paths: Paths, tls_port: int) -> str:
    """The box's own broker settings, moved to this machine's folders and user."""
    text = (ROOT / "rootfs/etc/flexcore/mosquitto.conf").read_text(encoding="utf-8")
    text = re.sub(r"^(user|pid_file|log_dest)\b.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^listener 8883\b.*$", f"listener {tls_port} 127.0.0.1", text, flags=re.MULTILINE)
    text = text.replace("/etc/flexcore/", f"{ROOT}/rootfs/etc/flexcore/")
    text = text.replace("/data/flexcore/", f"{paths.state}/").replace("/run/flexcore/", f"{paths.run}/")
    return f"user {pwd.getpwuid(os.geteuid()).pw_name}\n{text}\nlog_dest stderr\n"


class DevBox:
    """A context manager: the services run while it is open; their logs stay in ``folder``.

    ``services``: those alone, in place of all that the station needs.
    """

    def __init__(
        self,
        station_text: str,
        station: Station,
        *,
        web_port: int,
        folder: Path,
        services: tuple[str, ...] | None = None,
    ) -> None:
        self.folder = folder
        self.code = draw_code()
        self.reader_password = secrets.token_urlsafe(18)
        self.web_port = web_port
        self.mqtt_port = free_port()
        self.family = Family()
        asking = [("meter", station.meter), ("device", station.device)]
        self._services = services or (*SERVICES, *(name for name, sensors in asking if sensors), "web")
        self._station_text = station_text
        self._station = station
        # A unix socket's path may have at most 107 bytes: not below the checkout.
        self._run = Path(tempfile.mkdtemp(prefix="flexcore-"))
        self.paths = Paths(state=folder / "state", run=self._run, credentials=None)

    @property
    def udp(self) -> tuple[str, int]:
        """Where the sensors' frames are to be sent."""
        return ("127.0.0.1", self._station.acquire.port)

    @property
    def sensors(self) -> str:
        """Where the virtual station sends to."""
        host, port = self.udp
        return f"{host}:{port}"

    @property
    def url(self) -> str:
        """The page."""
        return f"http://127.0.0.1:{self.web_port}"

    def __enter__(self) -> DevBox:
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

    def tend(self) -> None:
        """Start again what has ended, as systemd does on the box."""
        for name in self.family.tend():
            _log.warning("%s ended, starting it again; its log: %s", name, self.folder / f"{name}.log")

    def close(self) -> None:
        """Stop all services and forget this box's secrets."""
        self.family.stop()
        shutil.rmtree(self._run, ignore_errors=True)
        shutil.rmtree(self.paths.secrets, ignore_errors=True)

    def _start(self) -> None:
        need_port(self._station.acquire.port, socket.SOCK_DGRAM, "sample frames ([acquire] port)")
        need_port(self.web_port, socket.SOCK_STREAM, "the page (--port)")
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self.folder, self.paths.state, *(self._run / n for n in ("samples", "broker", "web"))):
            folder.mkdir(parents=True, mode=0o700)
        self._provision()
        settings = self._run / "mosquitto.conf"
        settings.write_text(broker_settings(self.paths, self.mqtt_port), encoding="utf-8")
        self._add("mosquitto", [program("mosquitto"), "-c", str(settings)], self._environment(None))
        for name in self._services:
            if name == "web":
                self._start_page()
                continue
            self._add(
                name,
                [sys.executable, "-m", f"flexcore.services.{name}"],
                self._environment(self._credentials(name, ("mqtt",))),
            )

    def _start_page(self) -> None:
        web = self._environment(self._credentials("web", ("mqtt", "web-code", "web-session")))
        web["FLEXCORE_WEB_INSECURE"] = "1"
        gunicorn = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1"]
        gunicorn += ["--threads", "32", "--bind", f"127.0.0.1:{self.web_port}", "flexcore_webui.wsgi:app"]
        self._add("web", gunicorn, web)

    def _add(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.family.add(Child(name, command, environment, self.folder / f"{name}.log"))

    def _environment(self, credentials: Path | None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLEXCORE_", "CREDENTIALS_"))}
        kept |= {k: v for k, v in os.environ.items() if k == MACHINE}
        kept["FLEXCORE_STATE_DIR"] = str(self.paths.state)
        kept["FLEXCORE_RUN_DIR"] = str(self.paths.run)
        # One thread per service is plenty, as on the box.
        kept["OPENBLAS_NUM_THREADS"] = "1"
        if credentials is not None:
            kept["CREDENTIALS_DIRECTORY"] = str(credentials)
        return kept

    def _credentials(self, service: str, names: tuple[str, ...]) -> Path:
        folder = self._run / "credentials" / service
        folder.mkdir(parents=True, mode=0o700)
        for name in names:
            source = self.paths.secrets / (f"mqtt/{service}" if name == "mqtt" else name)
            shutil.copyfile(source, folder / name)
        return folder

    def _provision(self) -> None:
        folder = self._run / "credentials" / "provision"
        folder.mkdir(parents=True, mode=0o700)
        given = {
            "flexcore.station": self._station_text,
            "flexcore.code": self.code,
            "flexcore.reader": self.reader_password,
        }
        for name, text in given.items():
            (folder / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "flexcore.services.provision"],
            env=self._environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DeskError(f"provision: {done.stderr.strip() or f'exit code {done.returncode}'}")
