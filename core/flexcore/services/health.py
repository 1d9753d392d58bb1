"""A service's health on the measurement bus: alarms, counters and the last will."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from flexcore import __version__, topics
from flexcore.buses.mqtt import MeasurementBus
from flexcore.payloads import Alarm, HealthPayload, HealthState, encode, iso

PERIOD_S = 2.0
DETAIL_LIMIT = 300
Counters = Mapping[str, int | float]


class Alarms(Protocol):
    """Where trouble is told; a :class:`~flexcore.services.service.Service` is one."""

    def raise_alarm(self, code: str, detail: str = "") -> None:
        """Say that something is wrong."""
        ...

    def clear_alarm(self, code: str) -> None:
        """Say that it is right again."""
        ...


def will(station: str, service: str) -> tuple[str, bytes]:
    """What the broker says when ``service`` vanishes: topic and payload."""
    return topics.health(station, service), _offline()


def _offline() -> bytes:
    return encode(HealthPayload(t=iso(time.time_ns()), state="offline", version=__version__))


class Health:
    """Publishes ``.../health/NAME`` every 2 s, retained. Thread-safe.

    State is ``ok`` without alarms, ``fault`` when one of them was raised with ``fault=True``, else
    ``degraded``. ``counters`` is asked for at each publication.
    """

    def __init__(
        self, *, bus: MeasurementBus, station: str, service: str, counters: Callable[[], Counters]
    ) -> None:
        self._bus = bus
        self._topic = topics.health(station, service)
        self._counters = counters
        self._lock = threading.Lock()
        self._alarms: dict[str, tuple[Alarm, bool]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Publish now and every :data:`PERIOD_S` from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop publishing and say ``offline`` (the last will does so only when we vanish)."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PERIOD_S)
        self._bus.publish(self._topic, _offline(), qos=1, retain=True)

    def raise_alarm(self, code: str, detail: str = "", *, fault: bool = False) -> None:
        """Add an alarm; one that stands keeps its time and takes the new detail."""
        with self._lock:
            standing = self._alarms.get(code)
            since = standing[0].since if standing else iso(time.time_ns())
            self._alarms[code] = (Alarm(code, since, detail[:DETAIL_LIMIT]), fault)
        if standing is None:
            self.publish()

    def clear_alarm(self, code: str) -> None:
        """Take an alarm away; nothing happens when it does not stand."""
        with self._lock:
            standing = self._alarms.pop(code, None)
        if standing is not None:
            self.publish()

    @property
    def alarms(self) -> tuple[str, ...]:
        """Codes of the alarms that stand."""
        with self._lock:
            return tuple(self._alarms)

    def publish(self) -> None:
        """Publish the present state at once."""
        counters = dict(self._counters())  # before the alarms: it may raise or clear some
        with self._lock:
            standing = tuple(self._alarms.values())
        state: HealthState = "ok"
        if standing:
            state = "fault" if any(fault for _, fault in standing) else "degraded"
        payload = HealthPayload(
            t=iso(time.time_ns()),
            state=state,
            version=__version__,
            alarms=tuple(alarm for alarm, _ in standing),
            counters=counters,
        )
        self._bus.publish(self._topic, encode(payload), qos=1, retain=True)

    def _run(self) -> None:
        while True:
            self.publish()
            if self._stop.wait(PERIOD_S):
                return
