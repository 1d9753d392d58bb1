"""Child processes: started, kept alive as systemd would, stopped by their id, measured."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

RESTART_AFTER_S = 1.0
STOP_WITHIN_S = 10.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Child:
    """One program and the log it writes to; ``restarts`` counts how often it had to be started again."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    restart: bool = True
    restarts: int = 0
    process: subprocess.Popen[bytes] | None = None
    ended_at: float = 0.0
    #: CPU seconds of this child's earlier lives.
    spent_s: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C reaches only the supervisor."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether the process runs now."""
        return self.process is not None and self.process.poll() is None

    def cpu_s(self) -> float:
        """CPU seconds (user and system) so far, its threads and waited-for children included."""
        if self.process is None or not self.alive:
            return self.spent_s
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return self.spent_s
        user, system, child_user, child_system = stat.rpartition(")")[2].split()[11:15]
        ticks = int(user) + int(system) + int(child_user) + int(child_system)
        # gunicorn's workers are children of its master and not yet waited for.
        return self.spent_s + ticks / TICKS_PER_S + sum(_cpu_s(pid) for pid in _children(self.process.pid))

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if self.process is None:
            return
        for sign, patience_s in ((signal.SIGTERM, STOP_WITHIN_S), (signal.SIGKILL, STOP_WITHIN_S)):
            if not self.alive:
                break
            self.process.send_signal(sign)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait(STOP_WITHIN_S)


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _cpu_s(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS_PER_S


class Family:
    """Children in the order of their start; they are stopped in the opposite order."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __getitem__(self, name: str) -> Child:
        return next(child for child in self._children if child.name == name)

    @property
    def members(self) -> tuple[Child, ...]:
        """All children, first started first."""
        return tuple(self._children)

    def add(self, child: Child) -> Child:
        """Start a child and keep it."""
        child.start()
        self._children.append(child)
        return child

    def tend(self) -> list[str]:
        """Start again what has ended, after a pause; the names of those that ended just now."""
        fallen = []
        for child in self._children:
            if child.alive or not child.restart:
                continue
            if not child.ended_at:
                child.ended_at = time.monotonic()
                fallen.append(child.name)
            elif time.monotonic() - child.ended_at >= RESTART_AFTER_S:
                child.ended_at = 0.0
                child.restarts += 1
                child.start()
        return fallen

    def stop(self) -> None:
        """Stop all, last started first; a child that cannot be waited for does not spare the others."""
        with contextlib.ExitStack() as stack:
            for child in self._children:
                stack.callback(child.stop)
