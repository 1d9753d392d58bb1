"""Sensors asked in turn, wire by wire; each tells its own reading, or since when and why there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flexcore.drivers.errors import ReadError
from flexcore.payloads import ReadingPayload, iso
from flexcore.services.service import Service

#: A sensor is stale after so many periods without a reading, and so many seconds at least.
STALE_PERIODS, STALE_S = 3, 3.0
#: While a sensor does not answer it is asked less and less often, down to this: others share its wire.
SLOWEST_S = 30.0
#: How often alarms are looked after.
PERIOD_S = 0.5
#: A line that has not turned round for so long hangs: longer than all its sensors' time-outs together.
HANGS_S = 600.0

Tell = Callable[[ReadingPayload], None]


class Readable(Protocol):
    """What can be asked."""

    def read(self) -> dict[str, float | None]:
        """Values by name, whole; raises :class:`~flexcore.drivers.errors.ReadError`."""
        ...

    def close(self) -> None:
        """Give the wire up; a later reading opens it again."""
        ...


@dataclass(slots=True)
class Asked:
    """One sensor: what was heard of it, and when it is due.

    ``repeat_s``: a reading equal to the one before is told again after so long; 0: each one.
    """

    id: str
    about: str | None
    period_s: float
    sensor: Readable
    repeat_s: float = 0.0
    due_s: float = 0.0
    failures: int = 0
    read_s: float | None = None
    read_t: str | None = None
    told: ReadingPayload | None = None
    told_s: float = field(default=0.0)

    def ask(self, now_s: float, wall_ns: int) -> ReadingPayload | None:
        """Read it; what is to be told, if anything."""
        try:
            values = self.sensor.read()
        except ReadError as error:
            self.failures += 1
            pause_s = self.period_s * min(2.0**self.failures, 64.0)
            self.due_s = now_s + max(self.period_s, min(pause_s, SLOWEST_S))
            return self._news(self._failed(error, now_s), now_s)
        self.failures = 0
        self.due_s = max(self.due_s + self.period_s, now_s)
        self.read_s, self.read_t = now_s, iso(wall_ns)
        return self._news(ReadingPayload(self.id, "ok", self.read_t, self.about, values), now_s)

    def _failed(self, error: ReadError, now_s: float) -> ReadingPayload | None:
        since_s = None if self.read_s is None else now_s - self.read_s
        patience_s = max(STALE_S, STALE_PERIODS * self.period_s)
        if not error.wrong and since_s is not None and since_s < patience_s:
            return None  # one lost answer is no news: the last reading still says how old it is
        state: Literal["stale", "wrong"] = "wrong" if error.wrong else "stale"
        return ReadingPayload(self.id, state, self.read_t, self.about, {}, error.reason, error.message[:200])

    def _news(self, payload: ReadingPayload | None, now_s: float) -> ReadingPayload | None:
        """Trouble is told once, a reading whenever it was read or as often as ``repeat_s`` says."""
        before = self.told
        if payload is None:
            return None
        if before is not None and before.state == payload.state:
            if payload.state != "ok" and payload == before:
                return None
            if payload.state == "ok" and payload.v == before.v and now_s - self.told_s < self.repeat_s:
                return None
        self.told, self.told_s = payload, now_s
        return payload


class Line:
    """The sensors on one wire, asked one after the other by a thread of its own."""

    def __init__(self, asked: Sequence[Asked], tell: Tell, stopping: threading.Event) -> None:
        self._asked = tuple(asked)
        self._tell = tell
        self._stopping = stopping
        self._thread = threading.Thread(target=self._run, name="sensors", daemon=True)
        #: Monotonic time of the last time round.
        self.turned_s = time.monotonic()

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def join(self, within_s: float) -> None:
        """Wait for the end, after ``stopping`` was set."""
        self._thread.join(within_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            now_s = time.monotonic()
            self.turned_s = now_s
            one = min(self._asked, key=lambda asked: asked.due_s)
            if one.due_s > now_s:
                self._stopping.wait(min(one.due_s - now_s, 1.0))
                continue
            payload = one.ask(now_s, time.time_ns())
            if payload is not None:
                self._tell(payload)
        for one in self._asked:
            one.sensor.close()


def troubles(asked: Sequence[Asked], state: Literal["stale", "wrong"]) -> str:
    """Which sensors were told to be so, and why; empty where none was."""
    told = [one.told for one in asked if one.told is not None]
    return "; ".join(f"{payload.id}: {payload.detail}" for payload in told if payload.state == state)[:300]


def serve(
    service: Service,
    lines: Sequence[Line],
    asked: Sequence[Asked],
    what: str,
    alarms: Callable[[], dict[str, str]],
) -> None:
    """Ask until ``service`` is to stop; ``alarms`` says what is raised: code to detail, empty for none. Where
    there is nobody to ask it returns at once. ``what`` names the counters."""
    service.ready()
    for line in lines:
        line.start()
    try:
        while asked and not service.stopping.wait(PERIOD_S):
            now_s = time.monotonic()
            if all(now_s - line.turned_s < HANGS_S for line in lines):
                service.progress()
            service.counters[what] = len(asked)
            service.counters[f"{what}_read"] = sum(
                one.told is not None and one.told.state == "ok" for one in asked
            )
            for code, detail in alarms().items():
                if detail:
                    service.raise_alarm(code, detail)
                else:
                    service.clear_alarm(code)
    finally:
        service.stopping.set()
        for line in lines:
            line.join(5.0)
