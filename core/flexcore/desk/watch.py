"""Two witnesses that a box lives: a reader of its MQTT bus and a viewer of its page.

They come from outside, as a person's tools would: over TLS with the box's certificate pinned at first sight,
with the reader's password and the sticker code.
"""

from __future__ import annotations

import http.cookiejar
import json
import logging
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flexcore import topics
from flexcore.buses.mqtt import MeasurementBus, TcpAddress
from flexcore.errors import FlexcoreError
from flexcore.model import Flag
from flexcore.payloads import PayloadError, decode_event, decode_health, decode_measurement, from_iso

_log = logging.getLogger(__name__)
TRY_AGAIN_S = 1.0
ANSWER_WITHIN_S = 30.0
MAX_EVENT_BYTES = 1 << 20


class WatchError(FlexcoreError, RuntimeError):
    """The box's bus or page did not answer as it should."""

    code = "watch"


def fetch_certificate(port: int, file: Path) -> bool:
    """Write the certificate that ``port`` on the loopback shows into ``file``; False where nobody answers."""
    try:
        pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=ANSWER_WITHIN_S)
    except OSError:
        return False
    file.write_text(pem, encoding="ascii")
    return True


@dataclass(slots=True)
class Tally:
    """What a witness saw; ``first_s`` is the monotonic time of the first live value."""

    live: int = 0
    first_s: float | None = None
    last_s: float = 0.0
    newest_ns: int = 0
    flagged: int = 0
    gaps: int = 0
    events: int = 0
    lag_ms: list[float] = field(default_factory=list)
    #: From the start of the cycle that began an event to its message.
    event_lag_ms: list[float] = field(default_factory=list)

    def saw(self, start_ns: int, flags: tuple[Flag, ...] = ()) -> None:
        """Count one live value."""
        self.live += 1
        self.last_s = time.monotonic()
        self.first_s = self.first_s or self.last_s
        self.newest_ns = max(self.newest_ns, start_ns)
        self.flagged += bool(flags)
        self.gaps += "gap" in flags


class BusWitness:
    """Reads every 200-ms value that the box publishes; a context manager."""

    def __init__(self, station: str, port: int, password: str, certificate: Path | None) -> None:
        self.tally = Tally()
        self.counters: dict[str, dict[str, int | float]] = {}
        self.alarms: dict[str, tuple[str, ...]] = {}
        address = TcpAddress("127.0.0.1", port, certificate)
        self._bus = MeasurementBus(service="witness", address=address, username="reader", password=password)
        self._bus.subscribe(topics.measurement(station, "200ms", "+"), self._measurement)
        self._bus.subscribe(topics.event(station, "+"), self._event, qos=1)
        self._bus.subscribe(topics.health(station, "+"), self._health, qos=1)

    def __enter__(self) -> BusWitness:
        self._bus.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bus.close()

    def _measurement(self, topic: str, raw: bytes) -> None:
        try:
            m = decode_measurement(topics.parts(topic)[-1], "200ms", raw)
        except PayloadError as error:
            _log.warning("witness: %s", error)
            return
        if any(value is not None for value in m.values.values()):
            self.tally.saw(m.start_ns, m.flags)
            self.tally.lag_ms.append((time.time_ns() - m.start_ns - m.duration_ns) / 1e6)

    def _event(self, _topic: str, raw: bytes) -> None:
        event = decode_event(raw)
        self.tally.events += event.type != "gap"
        if event.type != "gap" and event.state == "begin":
            self.tally.event_lag_ms.append((time.time_ns() - event.start_ns) / 1e6)

    def _health(self, topic: str, raw: bytes) -> None:
        health, name = decode_health(raw), topics.parts(topic)[-1]
        self.counters[name] = dict(health.counters)
        self.alarms[name] = tuple(alarm.code for alarm in health.alarms)


class PageViewer:
    """A person at the page, without a browser: signs in and follows the live stream."""

    def __init__(self, url: str, code: str, certificate: Path | None) -> None:
        self.url = url
        self._code = code
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            urllib.request.ProxyHandler({}),
        ]
        if url.startswith("https:"):
            # The pinned certificate is the box's own: nobody else holds its key, so the name proves nothing.
            context = ssl.create_default_context(cafile=str(certificate))
            context.check_hostname = False
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def sign_in(self) -> None:
        """Type the code into the form; raises OSError or :class:`WatchError`."""
        form = self.get("/sign-in").decode()
        token = re.search(r'name="csrf" value="([^"]+)"', form)
        if token is None:
            raise WatchError(f"{self.url}/sign-in: expected a form with a token")
        fields = urllib.parse.urlencode({"code": self._code, "csrf": token[1]}).encode()
        request = urllib.request.Request(f"{self.url}/sign-in", data=fields)  # noqa: S310 - our own box
        with self._opener.open(request, timeout=ANSWER_WITHIN_S) as answer:
            if urllib.parse.urlsplit(answer.url).path != "/":
                raise WatchError(f"{self.url}/sign-in: expected the page after the code, got {answer.url}")

    def get(self, path: str) -> bytes:
        """A page's bytes; raises OSError."""
        with self._opener.open(self.url + path, timeout=ANSWER_WITHIN_S) as answer:
            return bytes(answer.read())

    def json(self, path: str) -> object:
        """An API answer."""
        return json.loads(self.get(path))

    def snapshots(self) -> Iterator[dict[str, object]]:
        """The live stream's snapshots, for ever; raises OSError when the stream breaks."""
        with self._opener.open(f"{self.url}/api/v1/live", timeout=ANSWER_WITHIN_S) as stream:
            while line := stream.readline(MAX_EVENT_BYTES):
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])


class PageWitness(threading.Thread):
    """Follows the page until told to stop; counts snapshots with live values that move on."""

    def __init__(self, viewer: PageViewer) -> None:
        super().__init__(name="page-witness", daemon=True)
        self.tally = Tally()
        self.problem = "not reached yet"
        self._viewer = viewer
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End it; a stream that is silent ends with its time-out."""
        self._stopping.set()

    def run(self) -> None:
        """Sign in, follow, and try again for as long as nobody says stop."""
        while not self._stopping.is_set():
            try:
                self._viewer.sign_in()
                for snapshot in self._viewer.snapshots():
                    self._look(snapshot)
                    if self._stopping.is_set():
                        return
            except (OSError, ValueError, WatchError, urllib.error.HTTPError) as error:
                self.problem = str(error)
            self._stopping.wait(TRY_AGAIN_S)

    def _look(self, snapshot: dict[str, object]) -> None:
        elements = snapshot.get("elements")
        if not snapshot.get("live") or not isinstance(elements, dict):
            return
        newest = 0
        for now in elements.values():
            if now["stale"] or not now["t"] or all(value is None for value in now["v"].values()):
                continue
            newest = max(newest, from_iso(now["t"]))
        if newest > self.tally.newest_ns:
            self.tally.saw(newest)
