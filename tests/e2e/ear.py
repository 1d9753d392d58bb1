"""Everything that the box says on its bus, kept for the tests to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flexcore import topics
from flexcore.buses.mqtt import MeasurementBus, TcpAddress
from flexcore.model import Event, Measurement
from flexcore.payloads import HealthPayload, decode_event, decode_health, decode_measurement


class Ear:
    """An outside reader of the measurement bus."""

    def __init__(self, station: str, port: int, password: str, certificate: Path) -> None:
        self.measurements: list[Measurement] = []
        self.events: list[Event] = []
        self.health: dict[str, HealthPayload] = {}
        self.heard = threading.Condition()
        address = TcpAddress("127.0.0.1", port, certificate)
        self.bus = MeasurementBus(service="ear", address=address, username="reader", password=password)
        self.bus.subscribe(topics.measurement(station, "+", "+"), self._measurement, qos=1)
        self.bus.subscribe(topics.event(station, "+"), self._event, qos=1)
        self.bus.subscribe(topics.health(station, "+"), self._health, qos=1)

    def _measurement(self, topic: str, raw: bytes) -> None:
        _, interval, element = topics.parts(topic)
        with self.heard:
            self.measurements.append(decode_measurement(element, interval, raw))
            self.heard.notify_all()

    def _event(self, _topic: str, raw: bytes) -> None:
        with self.heard:
            self.events.append(decode_event(raw))
            self.heard.notify_all()

    def _health(self, topic: str, raw: bytes) -> None:
        with self.heard:
            self.health[topics.parts(topic)[-1]] = decode_health(raw)
            self.heard.notify_all()

    def wait(self, condition: Callable[[], bool], within_s: float, what: str) -> float:
        """Seconds until ``condition`` holds; fails the test with ``what`` where it does not in time."""
        began = time.monotonic()
        with self.heard:
            while not condition():
                left_s = within_s - (time.monotonic() - began)
                assert left_s > 0, f"not within {within_s:.0f} s: {what}"
                self.heard.wait(min(left_s, 1.0))
        return time.monotonic() - began

    def live(self, element: str, *, after_ns: int, flag: str | None = None) -> list[Measurement]:
        """200-ms values of an element that began after a moment, with values; with ``flag`` only such."""
        return [
            m
            for m in list(self.measurements)
            if m.element == element
            and m.interval == "200ms"
            and m.start_ns >= after_ns
            and (flag in m.flags if flag else any(v is not None for v in m.values.values()))
        ]

    def alarms(self, service: str) -> set[str]:
        """Codes that a service raises now."""
        health = self.health.get(service)
        return {alarm.code for alarm in health.alarms} if health else set()


@contextmanager
def listening(station: str, port: int, password: str, certificate: Path) -> Iterator[Ear]:
    """An ear that is open."""
    ear = Ear(station, port, password, certificate)
    ear.bus.start()
    try:
        yield ear
    finally:
        ear.bus.close()
