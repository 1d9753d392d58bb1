"""Health conditions of a booted slot: each asks one question and answers with a problem or with nothing.

They ask the software, never the station: a sensor cable that is unplugged does not make a release bad.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flexcore.paths import Paths

ANSWER_WITHIN_S = 10.0
#: What runs also on a box that has no station yet, and what runs only with one.
ALWAYS = ("mosquitto.service", "flexcore-web.service", "nginx.service")
WITH_STATION = ("flexcore-acquire.service", "flexcore-analyse.service", "flexcore-record.service")


class Check(Protocol):
    """One condition."""

    @property
    def name(self) -> str:
        """What is asked, for a log line."""
        ...

    def problem(self) -> str | None:
        """One line that says what is wrong; None where all is well. Raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class UnitRuns:
    """A systemd unit is active: a ``Type=notify`` service has said that its work began."""

    unit: str

    @property
    def name(self) -> str:
        """The unit."""
        return self.unit

    def problem(self) -> str | None:
        """The unit's state where it is not ``active``."""
        try:
            done = subprocess.run(
                ["systemctl", "is-active", self.unit],
                capture_output=True,
                text=True,
                timeout=ANSWER_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"systemctl does not answer: {error}"
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        state = said[0] if said else "unknown"
        return None if state == "active" else f"expected active, is {state}"


@dataclass(frozen=True, slots=True)
class BrokerAnswers:
    """The measurement bus takes connections."""

    path: Path
    name: str = "measurement bus"

    def problem(self) -> str | None:
        """Why the socket cannot be connected to."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(ANSWER_WITHIN_S)
                link.connect(str(self.path))
        except OSError as error:
            return f"{self.path}: {error.strerror or error}"
        return None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_WITHIN_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class PageAnswers:
    """The page says that it does its work."""

    path: Path
    name: str = "page"

    def problem(self) -> str | None:
        """Why ``/healthz`` is not 200."""
        connection = _UnixConnection(self.path)
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"{self.path}: {error}"
        finally:
            connection.close()
        return None if status == http.client.OK else f"/healthz: expected status 200, got {status}"


def checks(paths: Paths) -> tuple[Check, ...]:
    """What must hold on this box."""
    units = (*ALWAYS, *WITH_STATION) if paths.station_file.exists() else ALWAYS
    return (
        *(UnitRuns(unit) for unit in units),
        BrokerAnswers(paths.broker_socket),
        PageAnswers(paths.web_socket),
    )
