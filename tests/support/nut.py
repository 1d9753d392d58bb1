"""A real ``upsd`` with its ``dummy-ups`` driver, in a folder of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

DRIVERS = Path("/lib/nut")


class NutServer:
    """One supply called ``msr`` whose variables are ``variables``; :meth:`set` changes one while it runs."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fc-nut-"))
        self.folder.chmod(0o700)
        self._variables = dict(variables)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> NutServer:
        (self.folder / "ups.conf").write_text(
            "[msr]\ndriver = dummy-ups\nport = msr.dev\nmode = dummy-loop\npollinterval = 1\n"
        )
        (self.folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {self.port}\n")
        (self.folder / "upsd.users").write_text("")
        (self.folder / "upsd.users").chmod(0o600)
        (self.folder / "upsd.conf").chmod(0o600)
        self._write()
        user = getpass.getuser()
        self._start(str(DRIVERS / "dummy-ups"), "-a", "msr", "-F", "-u", user)
        self._wait(lambda: any(self.folder.glob("dummy-ups-msr")), "the driver's socket")
        # Debian's /usr/sbin/upsd is a script that asks /etc whether it may.
        self._start(str(DRIVERS / "upsd"), "-F", "-u", user)
        self._wait(self._answers, "the server")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def set(self, variable: str, value: str) -> None:
        """Another value, which the driver takes over within its next rounds."""
        self._variables[variable] = value
        self._write()

    def _write(self) -> None:
        lines = "".join(f"{name}: {value}\n" for name, value in self._variables.items())
        (self.folder / "msr.dev").write_text(lines + "TIMER 1\n")

    def _start(self, *command: str) -> None:
        environment = {
            **os.environ,
            "NUT_CONFPATH": str(self.folder),
            "NUT_STATEPATH": str(self.folder),
            "NUT_ALTPIDPATH": str(self.folder),
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as link:
                link.sendall(b"GET VAR msr ups.status\n")
                return link.recv(200).startswith(b"VAR msr ups.status")
        except OSError:
            return False

    def _wait(self, condition: object, what: str) -> None:
        assert callable(condition)
        until = time.monotonic() + 15.0
        while not condition():
            assert time.monotonic() < until, f"{what} is missing: {(self.folder / 'log').read_text()[-800:]}"
            time.sleep(0.05)
