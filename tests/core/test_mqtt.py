"""The measurement bus against the real mosquitto."""

from __future__ import annotations

import threading
import time

import pytest

from flexcore.buses import mqtt
from flexcore.buses._outbox import BYTES_LIMIT, Message, Outbox
from flexcore.buses.mqtt import MeasurementBus
from support.broker import Broker
from support.waiting import eventually


class Inbox:
    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def __call__(self, topic: str, payload: bytes) -> None:
        self.messages.append((topic, payload))

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload in self.messages]


@pytest.fixture(autouse=True)
def settle_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "SETTLE_S", 0.3)
    monkeypatch.setattr(mqtt, "RECONNECT_LAST_S", 0.2)


def connected(bus: MeasurementBus) -> MeasurementBus:
    bus.start()
    assert bus.wait_connected(5.0)
    return bus


def test_messages_arrive_on_their_pattern_only(broker: Broker) -> None:
    pq, health = Inbox(), Inbox()
    reader = broker.bus("web")
    reader.subscribe("flexcore/v1/s/pq/#", pq)
    reader.subscribe("flexcore/v1/s/health/+", health, qos=1)
    connected(reader)
    writer = connected(broker.bus("analyse"))
    time.sleep(0.2)
    assert writer.publish("flexcore/v1/s/pq/200ms/bb1", b"1")
    assert writer.publish("flexcore/v1/s/health/analyse", b"2", qos=1)
    assert writer.publish("flexcore/v1/other/pq/200ms/bb1", b"3", qos=1)
    assert eventually(lambda: pq.messages and health.messages)
    time.sleep(0.5)
    assert pq.messages == [("flexcore/v1/s/pq/200ms/bb1", b"1")]
    assert health.messages == [("flexcore/v1/s/health/analyse", b"2")]
    writer.close()
    reader.close()


def test_nothing_kept_is_lost_when_the_broker_is_killed(broker: Broker) -> None:
    inbox = Inbox()
    reader = broker.bus("record", session_s=600)
    reader.subscribe("kept", inbox, qos=1)
    connected(reader)
    writer = connected(broker.bus("analyse"))
    sent = 0

    def send(count: int) -> None:
        nonlocal sent
        for _ in range(count):
            assert writer.publish("kept", b"%d" % sent, qos=1)
            sent += 1

    time.sleep(0.3)
    send(50)
    broker.kill()  # some of the 50 are under way
    send(500)
    time.sleep(0.3)
    started = time.monotonic()
    broker.start()
    assert eventually(lambda: len(set(inbox.payloads)) == sent), (len(set(inbox.payloads)), sent)
    assert time.monotonic() - started < 5.0
    assert set(inbox.payloads) == {b"%d" % n for n in range(sent)}
    assert writer.counters["bus_dropped"] == 0
    assert writer.counters["bus_reconnects"] == 1
    writer.close()
    reader.close()


def test_live_values_are_back_within_five_seconds_and_old_ones_are_not(broker: Broker) -> None:
    inbox = Inbox()
    reader = broker.bus("web")
    reader.subscribe("live", inbox)
    connected(reader)
    writer = connected(broker.bus("analyse"))
    broker.kill()
    assert eventually(lambda: not writer.connected)
    assert not writer.publish("live", b"old")
    broker.start()
    started = time.monotonic()
    assert eventually(lambda: writer.publish("live", b"new") and b"new" in inbox.payloads)
    assert time.monotonic() - started < 5.0
    assert b"old" not in inbox.payloads
    assert writer.counters["bus_dropped"] >= 1
    writer.close()
    reader.close()


def test_retained_topics_are_said_again_to_a_broker_that_forgot_them(broker: Broker) -> None:
    writer = connected(broker.bus("acquire"))
    writer.publish("meta", b"first", qos=1, retain=True)
    writer.publish("meta", b"last", qos=1, retain=True)
    broker.kill()
    broker.start()
    assert eventually(lambda: writer.connected)
    inbox = Inbox()
    reader = broker.bus("web")
    reader.subscribe("meta", inbox)
    reader.start()
    assert eventually(lambda: inbox.payloads == [b"last"])
    writer.close()
    reader.close()


def test_a_session_catches_what_was_sent_while_its_client_was_away(broker: Broker) -> None:
    first = Inbox()
    reader = broker.bus("record", session_s=600)
    reader.subscribe("kept", first, qos=1)
    connected(reader)
    time.sleep(0.2)
    reader.close()
    writer = connected(broker.bus("analyse"))
    writer.publish("kept", b"away", qos=1)
    writer.close()
    second = Inbox()
    reader = broker.bus("record", session_s=600)
    reader.subscribe("kept", second, qos=1)
    reader.start()
    assert eventually(lambda: second.payloads == [b"away"])
    assert first.payloads == []
    reader.close()


def test_the_last_will_speaks_when_we_vanish_but_not_when_we_leave(broker: Broker) -> None:
    inbox = Inbox()
    reader = broker.bus("web")
    reader.subscribe("will/+", inbox)
    connected(reader)
    polite = connected(broker.bus("analyse", will=("will/polite", b"offline")))
    polite.close()
    rude = connected(broker.bus("analyse", will=("will/rude", b"offline")))
    rude._closing.set()  # the loop ends without a word, as a killed process would
    rude._connected.clear()
    rude._wake_up()
    assert eventually(lambda: inbox.messages)
    assert inbox.messages == [("will/rude", b"offline")]
    reader.close()


def test_it_starts_without_a_broker_and_publishing_never_waits(broker: Broker) -> None:
    broker.stop()
    bus = broker.bus("analyse", queue_limit=100)
    bus.start()
    started = time.monotonic()
    for n in range(10_000):
        assert bus.publish("kept", b"%d" % n, qos=1)
    assert time.monotonic() - started < 2.0
    assert bus.counters["bus_waiting"] == 100
    assert bus.counters["bus_dropped"] == 9_900
    broker.start()
    inbox = Inbox()
    reader = broker.bus("record")
    reader.subscribe("kept", inbox, qos=1)
    reader.start()
    assert eventually(lambda: len(inbox.messages) == 100)
    assert inbox.payloads == [b"%d" % n for n in range(9_900, 10_000)], "the newest survive, in order"
    bus.close()
    reader.close()


def test_a_broker_that_hangs_does_not_hang_us(broker: Broker) -> None:
    bus = connected(broker.bus("analyse"))
    broker.freeze()
    try:
        started = time.monotonic()
        for _ in range(20_000):
            bus.publish("live", bytes(500))
        assert time.monotonic() - started < 3.0
        assert len(bus._outbox) <= 2048
        assert bus.counters["bus_dropped"] > 0
    finally:
        broker.thaw()
        bus.close()


def test_a_wrong_password_is_refused_and_said_once(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    bus = MeasurementBus(service="web", address=broker.address, username="web", password="guess")
    bus.start()
    time.sleep(1.0)
    assert not bus.connected
    refusals = [r for r in caplog.records if "refused" in r.getMessage()]
    assert len(refusals) == 1
    assert "guess" not in caplog.text
    bus.close()


def test_a_handler_that_fails_is_counted_and_the_next_message_arrives(broker: Broker) -> None:
    seen = threading.Event()

    def handler(_topic: str, payload: bytes) -> None:
        if payload == b"bad":
            raise RuntimeError("no")
        seen.set()

    bus = broker.bus("web")
    bus.subscribe("t", handler)
    connected(bus)
    time.sleep(0.2)
    bus.publish("t", b"bad")
    bus.publish("t", b"good")
    assert seen.wait(5.0)
    assert bus.counters["bus_handler_errors"] == 1
    bus.close()


def test_subscribing_later_works_too(broker: Broker) -> None:
    bus = connected(broker.bus("web"))
    inbox = Inbox()
    bus.subscribe("t", inbox)
    assert eventually(lambda: bus.publish("t", b"x") and inbox.messages)
    bus.close()
    assert not bus.publish("t", b"after the end")


def test_the_outbox_is_bounded_in_messages_and_bytes() -> None:
    outbox = Outbox(3)
    for n in range(5):
        outbox.put(Message("t", b"%d" % n, 1, False))
    assert outbox.dropped == 2
    taken = [outbox.take(kept=True) for _ in range(4)]
    assert [m.payload if m else None for m in taken] == [b"2", b"3", b"4", None]
    outbox = Outbox(1_000_000)
    for _ in range(100):
        outbox.put(Message("t", bytes(200_000), 1, False))
    assert outbox.dropped == 100 - BYTES_LIMIT // 200_000
    assert not outbox.put(Message("t", bytes(300_000), 1, False))
    held_back = Outbox(3)
    held_back.put(Message("t", b"kept", 1, False))
    assert held_back.take(kept=False) is None
