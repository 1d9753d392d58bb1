"""Meters asked in turn, line by line; each tells its own reading, or since when and why there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flexcore.drivers.modbus.frames import ModbusError
from flexcore.drivers.modbus.meter import Meter, NotThisMeterError
from flexcore.drivers.modbus.profile import read_profile
from flexcore.drivers.modbus.wire import SerialWire, TcpWire, Wire
from flexcore.meters import MeterSettings
from flexcore.payloads import MeterPayload, iso

#: A meter is stale after so many periods without a reading, and so many seconds at least.
STALE_PERIODS, STALE_S = 3, 3.0
#: While a meter does not answer it is asked less and less often, down to this: others share its line.
SLOWEST_S = 30.0

Tell = Callable[[MeterPayload], None]


def wire_of(settings: MeterSettings) -> Wire:
    """The wire that a meter is on; nothing is opened yet."""
    if settings.device is not None:
        return SerialWire(settings.device, settings.baud, settings.parity, settings.stop_bits)
    return TcpWire(settings.address or "", settings.port, settings.framing)


@dataclass(slots=True)
class Asked:
    """One meter: what was heard of it, and when it is due."""

    settings: MeterSettings
    meter: Meter
    due_s: float = 0.0
    failures: int = 0
    read_s: float | None = None
    read_t: str | None = None
    told: MeterPayload | None = None

    def ask(self, now_s: float, wall_ns: int) -> MeterPayload | None:
        """Read it; what is to be told, if anything."""
        period_s = self.settings.period_ms / 1000.0
        try:
            values = self.meter.read()
        except ModbusError as error:
            self.failures += 1
            pause_s = period_s * min(2.0**self.failures, 64.0)
            self.due_s = now_s + max(period_s, min(pause_s, SLOWEST_S))
            return self._failed(error, now_s)
        self.failures = 0
        self.due_s = max(self.due_s + period_s, now_s)
        self.read_s, self.read_t = now_s, iso(wall_ns)
        return MeterPayload(self.settings.id, "ok", self.read_t, self.settings.field, values)

    def _failed(self, error: ModbusError, now_s: float) -> MeterPayload | None:
        wrong = isinstance(error, NotThisMeterError)
        since_s = None if self.read_s is None else now_s - self.read_s
        patience_s = max(STALE_S, STALE_PERIODS * self.settings.period_ms / 1000.0)
        if not wrong and since_s is not None and since_s < patience_s:
            return None  # one lost answer is no news: the last reading still says how old it is
        state: Literal["stale", "wrong"] = "wrong" if wrong else "stale"
        return MeterPayload(
            self.settings.id, state, self.read_t, self.settings.field, {}, error.reason, error.message[:200]
        )


class Line:
    """The meters on one wire, asked one after the other by a thread of its own."""

    def __init__(self, asked: Sequence[Asked], tell: Tell, stopping: threading.Event) -> None:
        self._asked = tuple(asked)
        self._tell = tell
        self._stopping = stopping
        self._thread = threading.Thread(target=self._run, name="meters", daemon=True)
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
            # A reading is told whenever it was read, trouble once.
            if payload is not None and (payload.state == "ok" or payload != one.told):
                one.told = payload
                self._tell(payload)
        for one in self._asked:
            one.meter.close()


def lines_of(
    meters: Sequence[MeterSettings], profiles: Path, tell: Tell, stopping: threading.Event
) -> tuple[list[Line], list[Asked]]:
    """A line for each wire, and all meters.

    Raises:
        SettingsError: a profile is unknown or not right, or a scale is none of its own.
    """
    wires: dict[tuple[str, int], Wire] = {}
    groups: dict[tuple[str, int], list[Asked]] = {}
    everyone: list[Asked] = []
    for n, settings in enumerate(meters):
        profile = read_profile(settings.profile, profiles)
        profile.check_scales(settings.scales, f"meter[{n}].scales")
        wire = wires.setdefault(settings.line, wire_of(settings))
        meter = Meter(profile, wire, settings.unit, dict(settings.scales), settings.timeout_ms / 1000.0)
        groups.setdefault(settings.line, []).append(Asked(settings, meter))
        everyone.append(groups[settings.line][-1])
    return [Line(group, tell, stopping) for group in groups.values()], everyone
