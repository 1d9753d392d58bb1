"""A small station with a voice: what the services would put on the bus, one message at a time."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from flask.testing import FlaskClient

from flexcore import topics
from flexcore.model import Event, EventState, EventType, Flag, Measurement, event_id
from flexcore.paths import Paths
from flexcore.payloads import Alarm, HealthPayload, HealthState, encode, encode_event, encode_measurement, iso
from flexcore.store import StoredEvent, StoredGap
from flexcore_webui.live.board import Board
from flexcore_webui.live.history import StoreHistory
from flexcore_webui.live.hub import Hub
from flexcore_webui.settings import WebSettings

NS = 1_000_000_000
CODE = "ABCDE-23456"
STATION = """
[station]
id = "msr-042"
name = "MSR Waterlooplein 42"

[[busbar]]
id = "bb1"
name = "Rail A"
nominal_v = 10000
voltages = "phase_to_earth"
sensor = { stream = 1 }

[[busbar]]
id = "bb2"
name = "Rail B"
nominal_v = 400
sensor = { stream = 2 }

[[field]]
id = "f1"
name = "Veld 1 Trafo 630 kVA"
busbar = "bb1"
sensor = { stream = 11 }

[[field]]
id = "f2"
name = "Veld 2 Zonnepark Zuid"
busbar = "bb1"
sensor = { stream = 12 }

[[field]]
id = "f3"
name = "Laadplein"
busbar = "bb2"
neutral = true
sensor = { stream = 13 }
"""
UDIN = {"bb1": 10000 / math.sqrt(3), "bb2": 400 / math.sqrt(3)}


def hashed(code: str = "ABCDE23456") -> str:
    """A sticker code's hash, cheap to check."""
    from argon2 import PasswordHasher

    return str(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(code))


def make_paths(folder: Path, station: str | None = STATION, code: str | None = "ABCDE23456") -> Paths:
    """State, run and credentials folders of a page."""
    paths = Paths(folder / "state", folder / "run", folder / "credentials")
    for each in (paths.state, paths.run, folder / "credentials"):
        each.mkdir(parents=True, exist_ok=True)
    if station is not None:
        paths.station_file.write_text(station, encoding="utf-8")
    if code is not None:
        (folder / "credentials/web-code").write_text(hashed(code), encoding="utf-8")
    (folder / "credentials/web-session").write_text("a session key for tests\n", encoding="utf-8")
    return paths


@dataclass
class Memory:
    """A store's reader that remembers what a test tells it."""

    stored_events: list[StoredEvent] = field(default_factory=list)
    stored_gaps: list[StoredGap] = field(default_factory=list)
    broken: Exception | None = None

    def events(self, limit: int = 100) -> list[StoredEvent]:
        if self.broken:
            raise self.broken
        return self.stored_events[:limit]

    def gaps(self, limit: int = 100) -> list[StoredGap]:
        if self.broken:
            raise self.broken
        return self.stored_gaps[:limit]


@dataclass
class Clocks:
    """Clocks that a test turns by hand, or the real ones."""

    real: bool = False
    mono_s: float = 1000.0
    wall: int = 1_795_395_723 * NS

    def monotonic(self) -> float:
        return time.monotonic() if self.real else self.mono_s

    def wall_ns(self) -> int:
        return time.time_ns() if self.real else self.wall

    def forward(self, seconds: float) -> None:
        self.mono_s += seconds
        self.wall += round(seconds * NS)


class Scene:
    """A board whose bus is this object's methods."""

    station = "msr-042"

    def __init__(self, settings: WebSettings, *, real_time: bool = False) -> None:
        self.memory = Memory()
        self.clocks = Clocks(real=real_time)
        self.connected = True
        history = StoreHistory(self.memory, self.clocks.monotonic)
        self.hub = Hub(
            settings,
            history,
            connected=lambda: self.connected,
            monotonic=self.clocks.monotonic,
            wall_ns=self.clocks.wall_ns,
        )
        self.board = Board(settings, history, self.hub, None)

    def say(self, topic: str, payload: bytes) -> None:
        self.hub.take(topic, payload)

    def measure(
        self,
        element: str,
        values: dict[str, float | None],
        interval: str = "200ms",
        flags: tuple[Flag, ...] = (),
        at_ns: int | None = None,
    ) -> None:
        dt = 200_000_000 if interval == "200ms" else 3 * NS
        start = self.clocks.wall_ns() - dt if at_ns is None else at_ns
        m = Measurement(element, interval, start, dt, values, flags)
        self.say(topics.measurement(self.station, interval, element), encode_measurement(m))

    def all_values(self, step: float = 0.0, flags: tuple[Flag, ...] = (), interval: str = "200ms") -> None:
        """One interval of every element; ``step`` makes the numbers move."""
        for bb, udin in UDIN.items():
            u = [udin * (1 + k + 0.002 * math.sin(step + n)) for n, k in enumerate((0.012, -0.004, 0.006))]
            self.measure(bb, busbar_values(*u, 50.0 + 0.012 * math.sin(step)), interval, flags)
        if interval == "200ms":
            self.measure("f1", field_values(24.1 + math.sin(step), UDIN["bb1"], 18.0), interval, flags)
            self.measure("f2", field_values(41.7 + math.sin(step), UDIN["bb1"], 176.0), interval, flags)
            self.measure("f3", field_values(212.4 + math.sin(step), UDIN["bb2"], -8.0, 11.3), interval, flags)

    def event(
        self,
        kind: EventType = "dip",
        element: str = "bb1",
        state: EventState = "end",
        at_ns: int | None = None,
        duration_s: float = 0.12,
        percent: float = 41.3,
        phases: tuple[str, ...] = ("l1", "l2"),
    ) -> Event:
        start = self.clocks.wall_ns() - NS if at_ns is None else at_ns
        udin = UDIN.get(element, 0.0)
        gap = kind == "gap"
        e = Event(
            id=event_id(kind, element, start),
            type=kind,
            element=element,
            state=state,
            start_ns=start,
            duration_ns=None if state == "begin" else round(duration_s * NS),
            extreme_v=None if gap else udin * percent / 100,
            reference_v=None if gap else udin,
            phases=() if gap else phases,
        )
        self.say(topics.event(self.station, kind), encode_event(e))
        return e

    def health(
        self,
        service: str,
        state: HealthState = "ok",
        alarms: tuple[Alarm, ...] = (),
        counters: dict[str, int | float] | None = None,
    ) -> None:
        payload = HealthPayload(iso(self.clocks.wall_ns()), state, "0.1.0", alarms, counters or {})
        self.say(topics.health(self.station, service), encode(payload))

    def all_health(self) -> None:
        self.health("acquire", counters={"frames": 120_000, "blocks": 4812, "cpu_s": 31.22})
        self.health("analyse", counters={"blocks": 4812, "windows": 1203})
        self.health("record", counters={"rows": 4812, "store_bytes": 1_204_224})


def busbar_values(u1: float, u2: float, u3: float, f: float = 50.0) -> dict[str, float | None]:
    """Values of a busbar."""
    values: dict[str, float | None] = {"f_hz": f}
    for n, u in enumerate((u1, u2, u3), 1):
        values |= {f"u_l{n}_v": u, f"u_min_l{n}_v": u * 0.998, f"u_max_l{n}_v": u * 1.002}
    return values


def field_values(i: float, u: float, phi_deg: float, i_n: float | None = None) -> dict[str, float | None]:
    """Values of a symmetric field."""
    s, phi = i * u, math.radians(phi_deg)
    values: dict[str, float | None] = {} if i_n is None else {"i_n_a": i_n}
    for phase in ("l1", "l2", "l3"):
        values |= {
            f"i_{phase}_a": i,
            f"p_{phase}_w": s * math.cos(phi),
            f"q_{phase}_var": s * math.sin(phi),
            f"s_{phase}_va": s,
            f"pf_{phase}": math.cos(phi),
            f"phi_{phase}_deg": phi_deg,
        }
    total = {
        "p_w": 3 * s * math.cos(phi),
        "q_var": 3 * s * math.sin(phi),
        "s_va": 3 * s,
        "pf": math.cos(phi),
    }
    return values | total


def token(client: FlaskClient, path: str = "/sign-in") -> str:
    """The form token of a page."""
    found = re.search(r'name="csrf" (?:value|content)="([^"]+)"', client.get(path).text)
    assert found, f"{path} holds no form token"
    return found[1]


def sign_in(client: FlaskClient, code: str = CODE) -> None:
    """Type the sticker code."""
    answer = client.post("/sign-in", data={"csrf": token(client), "code": code})
    assert answer.status_code == 303, answer.text
