"""Meters and devices on the page: values with units, why there are none, and lies from the bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from flexcore import topics
from flexcore.payloads import Alarm, ReadingPayload, encode, iso
from flexcore_webui.app import create_app
from flexcore_webui.settings import WebSettings
from support.web_scene import NS, STATION, Scene, make_paths, sign_in

from .test_pages import text

TEXT = (
    STATION
    + """
[[meter]]
id = "m1"
name = "Hoofdmeter"
profile = "satec-pm180"
address = "192.168.1.20"
field = "f1"

[[device]]
id = "smoke"
name = "Rookmelder hal"
driver = "contact"
pin = 4
alarm = "smoke"

[[device]]
id = "warm"
name = "Kop trafo"
driver = "mlx90614"
i2c = 1
about = "f3"
"""
)


GOOD = b'{"id":"warm","state":"ok","t":"2026-01-01T00:00:00Z","v":{"a":1}}'


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(WebSettings(make_paths(tmp_path, TEXT)))


def say(scene: Scene, ident: str, kind: str = "device", **about: object) -> None:
    about.setdefault("t", iso(scene.clocks.wall_ns()))
    reading = ReadingPayload(ident, **{"state": "ok", **about})  # type: ignore[arg-type]
    topic = topics.meter if kind == "meter" else topics.device
    scene.say(topic("msr-042", ident), encode(reading))


def page(scene: Scene, tmp_path: Path, language: str = "nl") -> str:
    client = create_app(WebSettings(make_paths(tmp_path / "web", TEXT)), scene.board).test_client()
    sign_in(client)
    return text(client.get("/", headers={"Accept-Language": language}).text)


def test_values_have_names_and_units_in_both_languages(scene: Scene, tmp_path: Path) -> None:
    say(
        scene,
        "m1",
        "meter",
        v={"u_l1_v": 230.4, "p_w": 7800.0, "i_n_a": None, "f_hz": 50.02, "x_temp_c": 21.5},
    )
    say(scene, "smoke", v={"active": 0.0, "closings": 2.0})
    say(scene, "warm", v={"temperature_c": 63.51, "ambient_c": 21.0})
    dutch, english = page(scene, tmp_path), page(scene, tmp_path, "en")
    assert "Meters en sensoren" in dutch and "Meters and sensors" in english
    assert "Hoofdmeter meter · Veld 1 Trafo 630 kVA" in dutch
    assert "Spanning L1 230,4" in dutch and "Voltage L1 230.4" in english
    assert "Temperatuur 63,5" in dutch and "Laadplein" in dutch
    assert "Actief nee" in dutch and "Active no" in english
    assert "nog 1" in dutch and "1 more" in english
    assert "x temp" in dutch, "a site's own name is shown as it is, with the unit of its end"
    rows = {row.id: row for row in scene.hub.sensors()}
    assert (rows["warm"].state, rows["warm"].about, rows["m1"].kind) == ("ok", "Laadplein", "meter")


def test_a_sensor_without_a_reading_says_why_and_shows_no_number(scene: Scene, tmp_path: Path) -> None:
    assert [row.state for row in scene.hub.sensors()] == ["silent"] * 3
    assert "niet gehoord" in page(scene, tmp_path)
    then = iso(scene.clocks.wall_ns() - 90 * NS)
    say(scene, "warm", state="stale", t=then, reason="silent", detail="I2C 0x5a: nothing acknowledged")
    say(scene, "m1", "meter", state="wrong", t=None, reason="other_device", detail="expected PM180")
    dutch = page(scene, tmp_path)
    assert "geen meting geen antwoord · 90 s geleden voor het laatst gelezen" in dutch
    assert "I2C 0x5a: nothing acknowledged" in dutch
    assert "niet de juiste iets anders antwoordt" in dutch
    assert scene.hub.sensors()[2].v == {}


def test_an_old_reading_is_never_shown_as_live(scene: Scene, tmp_path: Path) -> None:
    say(scene, "warm", v={"temperature_c": 63.5})
    assert "63,5" in page(scene, tmp_path)
    scene.clocks.forward(31.0)
    row = scene.hub.sensors()[2]
    assert (row.state, row.v) == ("silent", {})
    assert "63,5" not in page(scene, tmp_path)
    say(scene, "warm", v={"temperature_c": 63.5}, t=iso(scene.clocks.wall_ns() - 600 * NS))
    assert scene.hub.sensors()[2].state == "silent", "kept by the broker since long ago"


def test_smoke_is_a_fault_in_words(scene: Scene, tmp_path: Path) -> None:
    alarm = Alarm("smoke", iso(scene.clocks.wall_ns()), "Rookmelder hal")
    scene.health("device", "degraded", (alarm,))
    row = next(row for row in scene.board.look()[1] if row.code == "smoke")
    assert (row.severity, row.detail) == ("fault", "Rookmelder hal")
    assert "ROOK gemeld." in page(scene, tmp_path)
    assert "SMOKE is reported." in page(scene, tmp_path, "en")


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (topics.device("msr-042", "nobody"), encode(ReadingPayload("nobody", "ok", iso(10**18)))),
        (topics.device("msr-042", "m1"), encode(ReadingPayload("m1", "ok", iso(10**18)))),
        (topics.device("msr-042", "warm"), encode(ReadingPayload("smoke", "ok", iso(10**18)))),
        (topics.device("msr-042", "warm"), encode(ReadingPayload("warm", "ok", None, None, {"a_c": 1.0}))),
        (topics.device("msr-042", "warm"), b'{"id": "warm", "state": "ok", "t": "yesterday"}'),
        (topics.device("msr-042", "warm"), b'{"id": "warm", "state": "fine", "t": "2026-01-01T00:00:00Z"}'),
        (
            topics.device("msr-042", "warm"),
            GOOD.replace(b'"a":1', b'"<b>":1'),
        ),
        (
            topics.device("msr-042", "warm"),
            GOOD.replace(b'"a":1', b'"a":1e999'),
        ),
        (topics.device("msr-042", "warm"), b"\xff" * 100),
    ],
)
def test_a_lie_is_refused_and_counted(scene: Scene, topic: str, payload: bytes) -> None:
    before = scene.hub.refusals.total
    scene.say(topic, payload)
    assert scene.hub.refusals.total == before + 1
    assert all(row.state == "silent" for row in scene.hub.sensors())


def test_the_message_that_the_lies_are_made_of_is_taken(scene: Scene) -> None:
    before = scene.hub.refusals.total
    scene.say(topics.device("msr-042", "warm"), GOOD)
    assert scene.hub.refusals.total == before


def test_the_api_tells_the_same(scene: Scene, tmp_path: Path) -> None:
    say(scene, "warm", v={"temperature_c": 63.5})
    client = create_app(WebSettings(make_paths(tmp_path / "web", TEXT)), scene.board).test_client()
    assert client.get("/api/v1/sensors").status_code == 401
    sign_in(client)
    rows = client.get("/api/v1/sensors").get_json()
    assert rows[2]["v"] == {"temperature_c": 63.5} and rows[2]["state"] == "ok"
    assert "63,5" in client.get("/parts/sensors").text.replace(".", ",")
