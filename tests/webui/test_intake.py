"""Whoever may publish may lie: what is not a value is refused and counted, and nothing grows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore_webui.live import intake
from flexcore_webui.live.hub import MAX_SERVICES
from flexcore_webui.settings import WebSettings
from support.web_scene import Scene, busbar_values

GOOD = {"t": "2026-11-23T01:02:03.200000Z", "dt": 0.2, "v": {"u_l1_v": 5773.0}, "flag": []}


def raw(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_a_good_measurement_is_taken() -> None:
    m = intake.measurement("bb1", "200ms", raw())
    assert m.values == {"u_l1_v": 5773.0}
    assert m.duration_ns == 200_000_000


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{" * 5000,
        b"[" * 5000,
        raw(v={"u_l1_v": "5773"}),
        raw(t="yesterday"),
        raw(t="2026-11-23T01:02:03"),
        raw(t="0001-01-01T00:00:00+23:59"),
        raw(t="9999-12-31T23:59:59Z"),
        raw(t="1970-01-01T00:00:00Z"),
        raw(dt=-0.2),
        raw(dt=0),
        raw(dt=1e300),
        raw(flag=["<script>"]),
        raw().replace(b"5773.0", b"NaN"),
    ],
)
def test_what_is_not_a_measurement_is_refused(payload: bytes) -> None:
    with pytest.raises(intake.RefusedError):
        intake.measurement("bb1", "200ms", payload)


def test_unknown_quantities_and_infinite_numbers_are_left_out() -> None:
    payload = raw(v={"u_l1_v": 1.0, "evil": 2.0}).replace(b"1.0", b"1e999")
    try:
        values = intake.measurement("bb1", "200ms", payload).values
    except intake.RefusedError:
        return  # the decoder already refuses a number beyond float
    assert values == {}


@given(payload=st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_or_taken_but_never_raise_anything_else(payload: bytes) -> None:
    for parse in (
        lambda: intake.measurement("bb1", "3s", payload),
        lambda: intake.event("dip", payload),
        lambda: intake.health(payload),
        lambda: intake.meta("s", payload),
    ):
        try:
            parse()
        except intake.RefusedError:
            continue


@pytest.mark.parametrize(
    ("topic", "payload", "counter"),
    [
        ("flexcore/v1/other/pq/200ms/bb1", raw(), "station"),
        ("flexcore/v1/msr-042/pq/200ms/nobody", raw(), "element"),
        ("flexcore/v1/msr-042/pq/10min/bb1", raw(), "topic"),
        ("flexcore/v1/msr-042/pq/200ms/bb1", b"x" * 70_000, "size"),
        ("flexcore/v1/msr-042/pq/200ms/bb1", b"{}", "measurement"),
        ("flexcore/v1/msr-042/event/dip", b"{}", "event"),
        ("flexcore/v1/msr-042/health/UPPER", b"{}", "health"),
        ("flexcore/v1/msr-042/meta", b"{}", "meta"),
        ("something/else", b"{}", "station"),
    ],
)
def test_the_hub_counts_what_it_refuses(scene: Scene, topic: str, payload: bytes, counter: str) -> None:
    scene.say(topic, payload)
    assert scene.hub.refusals.counts == {counter: 1}
    assert all(e.t is None for e in scene.hub.snapshot().elements.values())


def test_an_event_must_be_of_its_topic_and_of_an_element(scene: Scene) -> None:
    scene.event("dip", "bb1")
    body = json.dumps(
        {"id": "x", "type": "swell", "element": "bb1", "state": "end", "t": GOOD["t"]},
    ).encode()
    scene.say("flexcore/v1/msr-042/event/dip", body)
    scene.say("flexcore/v1/msr-042/event/swell", body.replace(b"bb1", b"bb9"))
    scene.say("flexcore/v1/msr-042/event/swell", body.replace(b'"x"', b'"<b>x</b>"'))
    assert scene.hub.refusals.counts == {"event": 2, "element": 1}
    assert len(scene.board.events()) == 1


def test_services_events_and_trend_are_bounded(settings: WebSettings) -> None:
    scene = Scene(settings)
    for n in range(MAX_SERVICES * 3):
        scene.health(f"service-{n}")
    assert len(scene.hub.health()) == MAX_SERVICES
    for n in range(2000):
        scene.event(at_ns=scene.clocks.wall - n * 1_000_000)
        scene.measure("bb1", busbar_values(1, 2, 3), "3s")
    assert len(scene.hub.journal.events(10_000)) <= 400
    assert len(scene.hub.trend("bb1").t) == settings.trend_minutes * 20


def test_texts_of_services_are_cut(scene: Scene) -> None:
    payload = json.dumps(
        {
            "t": GOOD["t"],
            "state": "fault",
            "version": "v" * 5000,
            "alarms": [{"code": "c" * 90, "since": "s" * 90, "detail": "d" * 400}] * 60,
            "counters": {f"n{k}": k for k in range(500)},
        }
    ).encode()
    scene.say("flexcore/v1/msr-042/health/acquire", payload)
    h = scene.hub.health()["acquire"].payload
    assert len(h.alarms) == intake.MAX_ALARMS
    assert len(h.alarms[0].detail) == intake.MAX_TEXT
    assert len(h.counters) == intake.MAX_COUNTERS
    assert len(h.version) == 40
