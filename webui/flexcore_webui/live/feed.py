"""The page's one connection to the measurement bus, and its own health on it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from flexcore.buses.mqtt import MeasurementBus, UnixAddress
from flexcore.paths import Paths
from flexcore.services.health import Health, will
from flexcore_webui.live.hub import PATTERNS, Hub

_log = logging.getLogger(__name__)
SERVICE = "web"


class Feed:
    """Connects to the broker, as the station's page once the station is known, and feeds the hub."""

    def __init__(self, paths: Paths, counters: Callable[[], Mapping[str, int | float]]) -> None:
        self._paths = paths
        self._counters = counters
        self._started_s = time.monotonic()
        self._lock = threading.Lock()
        self._bus: MeasurementBus | None = None
        self._health: Health | None = None
        self._station: str | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us."""
        bus = self._bus
        return bus is not None and bus.connected

    @property
    def alive(self) -> bool:
        """Whether the bus's network thread lives; the broker itself may be away."""
        return any(thread.name == "mqtt" for thread in threading.enumerate())

    def follow(self, hub: Hub) -> None:
        """Connect, and connect anew when the station got another id: the last will names it."""
        station = hub.site.id if hub.site else ""
        if self._bus is not None and station == self._station:
            return
        with self._lock:
            self._close()
            self._station = station
            bus = MeasurementBus(
                service=SERVICE,
                address=UnixAddress(self._paths.broker_socket),
                username=SERVICE,
                password=self._password(),
                will=will(station, SERVICE) if station else None,
                queue_limit=64,
            )
            for pattern, qos in PATTERNS:
                bus.subscribe(pattern, hub.take, qos)
            bus.start()
            self._bus = bus
            if station:
                self._health = Health(bus=bus, station=station, service=SERVICE, counters=self._all_counters)
                self._health.start()

    def close(self) -> None:
        """Take leave of the broker."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._health is not None:
            self._health.close()
        if self._bus is not None:
            self._bus.close()
        self._bus, self._health = None, None

    def _password(self) -> str:
        try:
            return self._paths.credential("mqtt") or ""
        except (OSError, UnicodeDecodeError) as error:
            _log.warning("credential mqtt: expected readable text: %s", error)
            return ""

    def _all_counters(self) -> dict[str, int | float]:
        bus = self._bus
        return {
            **self._counters(),
            **(bus.counters if bus else {}),
            "cpu_s": round(time.process_time(), 3),
            "up_s": round(time.monotonic() - self._started_s, 1),
        }
