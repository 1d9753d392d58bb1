"""The measurement bus: MQTT 5 over a unix socket inside the box, over TLS for readers outside it.

paho-mqtt speaks the protocol; the loop around it is ours, because paho's own one opens an internet socket
to wake itself (forbidden in our sandboxes), waits whole seconds before it reconnects and queues without
bound. All of paho is touched by one thread; :meth:`MeasurementBus.publish` only puts into bounded queues.
"""

from __future__ import annotations

import logging
import os
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from flexcore.buses._outbox import Message, Outbox

Handler = Callable[[str, bytes], None]

KEEPALIVE_S = 15
#: A broker that was killed is back within a second or two; values must flow again within 5 s.
RECONNECT_FIRST_S = 0.1
RECONNECT_LAST_S = 1.0
#: After a (re)connect the kept messages wait until the others, who retry every second, are back too;
#: a broker without the subscriber's session would take them and give them to nobody. On a slow machine under
#: load a service was seen to need more than two seconds.
SETTLE_S = 4.0
#: What a broker acknowledged so shortly before it died it may not have handed on: it is said again.
REPEAT_S = 5.0
_REPEAT_LIMIT = 2048
#: Messages under way without the broker's acknowledgement (mosquitto's max_inflight_messages).
WINDOW = 20
#: The largest packet that the broker may send us; larger ones it drops.
PACKET_LIMIT = 512 * 1024
_TOPICS_REMEMBERED = 2048

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The broker's socket on this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """The broker from outside, over TLS; ``certificate`` is the one box's own, pinned (PEM).

    A pinned certificate needs no name check: nobody else holds its key. Without one the connection is
    not encrypted, which is meant for a broker on loopback in a test.
    """

    host: str
    port: int = 8883
    certificate: Path | None = None


class MeasurementBus:
    """A connection that comes back by itself. Start it, publish from any thread, close it.

    QoS 0 is dropped while there is no broker. QoS 1 is kept up to ``queue_limit`` messages (and 16 MiB),
    oldest dropped first and counted; after an outage the last ones may come twice. Of a retained topic
    only the last payload is kept, and it is said again after every reconnect, since a broker that
    restarted may have forgotten it.

    ``session_s`` above zero asks the broker to keep what this client subscribed to at QoS 1 for so many
    seconds while the client is away; there may be one such client per ``service`` name.
    """

    def __init__(
        self,
        *,
        service: str,
        address: UnixAddress | TcpAddress,
        username: str,
        password: str,
        will: tuple[str, bytes] | None = None,
        queue_limit: int = 16_384,
        session_s: int = 0,
    ) -> None:
        self._address = address
        self._outbox = Outbox(queue_limit)
        self._handlers: list[tuple[str, Handler, int]] = []
        self._by_topic: dict[str, tuple[Handler, ...]] = {}
        self._connected = threading.Event()
        self._closing = threading.Event()
        self._new_subscriptions = False
        self._under_way: deque[tuple[paho.MQTTMessageInfo, Message]] = deque()
        self._acknowledged: deque[tuple[float, Message]] = deque(maxlen=_REPEAT_LIMIT)
        self._settled_at = 0.0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._reconnects = -1
        self._received = 0
        self._handler_errors = 0
        self._trouble = ""
        self._client_id = f"flexcore-{service}" if session_s else f"flexcore-{service}-{os.urandom(6).hex()}"
        self._login = (username, password)
        self._will = will
        self._session_s = session_s

    def __del__(self) -> None:
        # Not in close(): a late publish() must not write into a descriptor that is another file by then.
        os.close(self._wake)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and has not gone since."""
        return self._connected.is_set()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until connected; False when ``timeout_s`` passed first. For tests and tools."""
        return self._connected.wait(timeout_s)

    @property
    def counters(self) -> dict[str, int]:
        """What happened since the start, for health."""
        return {
            "bus_dropped": self._outbox.dropped,
            "bus_waiting": len(self._outbox) + len(self._under_way),
            "bus_received": self._received,
            "bus_reconnects": max(self._reconnects, 0),
            "bus_handler_errors": self._handler_errors,
        }

    def start(self) -> None:
        """Connect in the background and stay connected."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
            self._thread.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Give what is waiting ``timeout_s`` to leave, take leave of the broker, stop."""
        if self._thread is None or self._closing.is_set():
            return
        self._settled_at = 0.0
        self._wake_up()
        until = time.monotonic() + timeout_s
        while self.connected and time.monotonic() < until and (len(self._outbox) or self._under_way):
            time.sleep(0.01)
        self._closing.set()
        self._wake_up()
        self._thread.join(timeout_s + 6.0)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Hand a message over, at once, from any thread; False when it was dropped."""
        if qos == 0 and not retain and not self._connected.is_set():
            self._outbox.count_drop()
            return False
        taken = self._outbox.put(Message(topic, payload, qos, retain))
        self._wake_up()
        return taken

    def subscribe(self, pattern: str, handler: Handler, qos: int = 0) -> None:
        """Call ``handler(topic, payload)`` on the network thread for every message that fits.

        The handler must be quick and must not block; what it raises is counted and logged, not passed on.
        """
        self._handlers.append((pattern, handler, qos))
        self._by_topic = {}
        self._new_subscriptions = True
        self._wake_up()

    def _wake_up(self) -> None:
        try:
            os.eventfd_write(self._wake, 1)
        except BlockingIOError:
            return  # already awake for 2^64 - 2 other reasons

    # --- network thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        delay_s = RECONNECT_FIRST_S
        while not self._closing.is_set():
            try:
                self._serve(self._connect())
            except (OSError, ValueError) as error:
                self._complain(f"{error.__class__.__name__}: {error}")
            except Exception:
                _log.exception("measurement bus: unexpected error, connecting anew")
            delay_s = RECONNECT_FIRST_S if self._connected.is_set() else min(delay_s * 2, RECONNECT_LAST_S)
            self._connected.clear()
            self._take_back()
            self._closing.wait(delay_s)

    def _take_back(self) -> None:
        """What the broker may have lost is first in line for the next one."""
        since = time.monotonic() - REPEAT_S
        lost = [message for moment, message in self._acknowledged if moment >= since]
        self._outbox.take_back(lost + [message for _, message in self._under_way])
        self._acknowledged.clear()
        self._under_way.clear()

    def _connect(self) -> paho.Client:
        """A connection that the broker has not answered yet.

        Each has its own client: paho would say again what was under way at once, and we want it settled.
        """
        unix = isinstance(self._address, UnixAddress)
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=paho.MQTTv5,
            transport="unix" if unix else "tcp",
            reconnect_on_failure=False,
        )
        client.username_pw_set(*self._login)
        if self._will is not None:
            client.will_set(self._will[0], self._will[1], qos=1, retain=True)
        client.max_inflight_messages_set(WINDOW)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = PACKET_LIMIT
        if self._session_s:
            properties.SessionExpiryInterval = self._session_s
        if isinstance(self._address, UnixAddress):
            host, port = str(self._address.path), 1
        else:
            host, port = self._address.host, self._address.port
            if self._address.certificate is not None:
                client.tls_set_context(_pinned(self._address.certificate))
        client.connect(
            host, port, keepalive=KEEPALIVE_S, clean_start=not self._session_s, properties=properties
        )
        return client

    def _serve(self, client: paho.Client) -> None:
        """Move packets until the connection is lost or we close."""
        sock = client.socket()
        if sock is None:
            return
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        fd, wanted = sock.fileno(), select.POLLIN
        poll.register(fd, wanted)
        while client.socket() is sock:
            if self._connected.is_set():
                if self._closing.is_set():
                    client.disconnect()
                    return
                self._feed(client)
            elif self._closing.is_set():
                return
            now_wanted = select.POLLIN | (select.POLLOUT if client.want_write() else 0)
            if now_wanted != wanted:
                wanted = now_wanted
                poll.modify(fd, wanted)
            readable = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            for ready, what in poll.poll(0 if readable else self._patience_ms()):
                if ready == self._wake:
                    os.eventfd_read(self._wake)
                    continue
                readable = readable or bool(what & ~select.POLLOUT)
                if what & select.POLLOUT:
                    client.loop_write()
            if readable:
                client.loop_read()
            client.loop_misc()

    def _patience_ms(self) -> int:
        """How long to sleep when nothing happens: keepalive is checked once a second."""
        settling_s = self._settled_at - time.monotonic()
        return max(1, round(settling_s * 1000)) if 0 < settling_s < 1 else 1000

    def _feed(self, client: paho.Client) -> None:
        """Hand paho as much as the broker takes, so that what waits stays in our bounded outbox."""
        under_way = self._under_way
        if self._new_subscriptions:
            self._subscribe_all(client)
        while under_way and _arrived(under_way[0][0]):
            _, arrived = under_way.popleft()
            if not arrived.retain:
                self._acknowledged.append((time.monotonic(), arrived))
        settled = time.monotonic() >= self._settled_at
        while not client.want_write():
            message = self._outbox.take(kept=settled and len(under_way) < WINDOW)
            if message is None:
                return
            try:
                info = client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
            except ValueError as error:
                _log.error("measurement bus: topic %r: %s", message.topic, error)
                self._outbox.count_drop()
                continue
            if message.qos:
                under_way.append((info, message))

    def _subscribe_all(self, client: paho.Client) -> None:
        self._new_subscriptions = False
        highest: dict[str, int] = {}
        for pattern, _, qos in tuple(self._handlers):
            highest[pattern] = max(qos, highest.get(pattern, 0))
        if highest:
            client.subscribe([(pattern, SubscribeOptions(qos=qos)) for pattern, qos in highest.items()])

    def _on_connect(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._complain(f"the broker refused us: {reason}")
            return
        if self._trouble or self._reconnects >= 0:
            _log.info("measurement bus: connected")
        self._trouble = ""
        self._reconnects += 1
        self._new_subscriptions = True
        self._settled_at = time.monotonic() + SETTLE_S
        self._outbox.repeat_retained()
        self._connected.set()

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if self._connected.is_set() and not self._closing.is_set():
            self._complain(f"connection lost: {reason}")

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self._received += 1
        try:
            topic = message.topic
            handlers = self._by_topic.get(topic)
            if handlers is None:
                handlers = self._find(topic)
            for handler in handlers:
                handler(topic, message.payload)
        except Exception:
            self._handler_errors += 1
            if self._handler_errors.bit_count() == 1:  # 1, 2, 4, 8, ...: a flood must not fill the journal
                _log.exception("measurement bus: a handler failed (%d times)", self._handler_errors)

    def _find(self, topic: str) -> tuple[Handler, ...]:
        known = self._by_topic  # subscribe() puts another one in its place: never remember too little there
        handlers = tuple(h for pattern, h, _ in self._handlers if paho.topic_matches_sub(pattern, topic))
        if len(known) < _TOPICS_REMEMBERED:
            known[topic] = handlers
        return handlers

    def _complain(self, trouble: str) -> None:
        """Once per kind of trouble: a broker that is away for a day is one line, not a line a second."""
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("measurement bus: %s", trouble)


def _arrived(info: paho.MQTTMessageInfo) -> bool:
    """Whether the broker has acknowledged it; paho raises where the connection was lost on the way."""
    try:
        return info.is_published()
    except (RuntimeError, ValueError):
        return False


def _pinned(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=str(certificate))
    return context
