"""What every service of the instrument does the same way: start, signals, watchdog, health, end."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

from flexcore.buses.mqtt import MeasurementBus, UnixAddress
from flexcore.errors import FlexcoreError, SettingsError
from flexcore.paths import Paths, paths_from_environment
from flexcore.services.health import Health, will
from flexcore.services.logs import set_up_logging
from flexcore.services.notify import Notifier
from flexcore.station import Station, read_station

#: Without progress for so long a service calls itself stalled; its watchdog bites later.
STALLED_S = 10.0

_log = logging.getLogger(__name__)


class Service:
    """A running service: a context manager around its work.

    The broker may be down all the time: what is published waits or is dropped (see
    :class:`~flexcore.buses.mqtt.MeasurementBus`), and an absent broker is said in the journal.
    """

    def __init__(
        self, name: str, paths: Paths, station: Station, password: str, *, session_s: int = 0
    ) -> None:
        self.name = name
        self.paths = paths
        self.station = station
        self.stopping = threading.Event()
        self.counters: dict[str, int | float] = {}
        self.bus = MeasurementBus(
            service=name,
            address=UnixAddress(paths.broker_socket),
            username=name,
            password=password,
            will=will(station.station.id, name),
            session_s=session_s,
        )
        self._health = Health(
            bus=self.bus, station=station.station.id, service=name, counters=self._all_counters
        )
        self._notifier = Notifier()
        self._waits_for_handlers = bool(session_s)
        self._started_s = time.monotonic()
        self._progress_s: float | None = None

    def __enter__(self) -> Service:
        # What waits in a session arrives at once: its handlers must stand before we connect.
        if not self._waits_for_handlers:
            self.bus.start()
        self._health.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._notifier.stopping()
        self._health.close()
        self.bus.close()

    def ready(self) -> None:
        """Tell systemd that the work has begun; with a session, connect: all handlers are subscribed."""
        self.bus.start()
        self._notifier.ready()
        self.progress()

    def progress(self) -> None:
        """Feed the watchdog: real work got done, or there is honestly none. Cheap."""
        self._progress_s = time.monotonic()
        self._notifier.alive()

    def raise_alarm(self, code: str, detail: str = "", *, fault: bool = False) -> None:
        """Say on the bus that something is wrong; with ``fault`` the service cannot do its work."""
        self._health.raise_alarm(code, detail, fault=fault)

    def clear_alarm(self, code: str) -> None:
        """Say that it is right again."""
        self._health.clear_alarm(code)

    def _all_counters(self) -> dict[str, int | float]:
        """The service's own counters, the bus's and what it costs; checks for a stall on the way."""
        now_s = time.monotonic()
        if self._progress_s is not None:
            idle_s = now_s - self._progress_s
            if idle_s > STALLED_S:
                self._health.raise_alarm("stalled", f"no progress for {idle_s:.0f} s", fault=True)
            else:
                self._health.clear_alarm("stalled")
        return {
            **self.counters,
            **self.bus.counters,
            "cpu_s": round(time.process_time(), 3),
            "up_s": round(now_s - self._started_s, 1),
        }


def run(name: str, body: Callable[[Service], None], *, session_s: int = 0) -> int:
    """The whole of a service's ``main()``: 0 after SIGTERM, 1 after a bug, 2 where a person must act.

    Reads the paths from the environment, the station file and the credential ``mqtt``. ``body`` works
    until ``service.stopping`` is set.
    """
    set_up_logging()
    stopping: list[threading.Event] = []

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for event in stopping:
            event.set()
        if not stopping:
            raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        paths = paths_from_environment()
        station = read_station(paths.station_file)
        password = read_credential(paths, "mqtt")
        with Service(name, paths, station, password, session_s=session_s) as service:
            stopping.append(service.stopping)
            body(service)
    except FlexcoreError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 2
    except Exception:
        _log.exception("%s: unexpected error", name)
        return 1
    return 0


def read_credential(paths: Paths, name: str) -> str:
    """A credential that must be there; raises :class:`SettingsError` where it is not."""
    try:
        text = paths.credential(name)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"credential {name}: expected readable text: {error}") from error
    if not text:
        where = paths.credentials or "CREDENTIALS_DIRECTORY is not set"
        raise SettingsError(f"credential {name}: expected in the credentials directory ({where})")
    return text
