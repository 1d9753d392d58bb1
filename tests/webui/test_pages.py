"""What a person reads without any script: numbers with unit, time and mark, in both languages."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from flexcore.payloads import Alarm
from flexcore_webui.app import create_app
from flexcore_webui.settings import WebSettings
from support.web_scene import (
    NS,
    STATION,
    UDIN,
    Scene,
    busbar_values,
    field_values,
    make_paths,
    sign_in,
    token,
)

NARROW = "\u202f"


def text(html: str) -> str:
    """What is read: no tags, no scripts, single spaces."""
    html = re.sub(r"<(script|svg|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)).replace(NARROW, "")).strip()


def shown(html: str, element: str, quantity: str) -> str:
    found = re.search(rf'data-element="{element}" data-quantity="{quantity}"[^>]*>([^<]*)<', html)
    assert found, (element, quantity)
    return found[1]


def read(client: FlaskClient, language: str = "nl") -> str:
    return text(client.get("/", headers={"Accept-Language": language}).text)


def test_numbers_as_the_language_writes_them(client: FlaskClient, scene: Scene) -> None:
    scene.measure("bb1", busbar_values(5853.04, 5750.4, 5808.9, 50.0114))
    scene.measure("f1", field_values(1234.567, UDIN["bb1"], 175.0))
    nl = client.get("/", headers={"Accept-Language": "nl"}).text
    en = client.get("/", headers={"Accept-Language": "en"}).text
    assert shown(nl, "bb1", "u_l1_v") == "5,853"
    assert shown(en, "bb1", "u_l1_v") == "5.853"
    assert shown(nl, "bb1", "f_hz") == "50,011"
    assert shown(nl, "f1", "i_l1_a") == "1.234,57"
    assert shown(en, "f1", "i_l1_a") == "1,234.57"
    assert shown(nl, "f1", "p_w") == "−21.302,0"
    assert "5,853 kV" in text(nl)
    assert "naar de rail" in text(nl)
    assert "to the busbar" in text(en)


@pytest.mark.parametrize(
    ("header", "language"),
    [("nl-NL,nl;q=0.9", "nl"), ("en-GB", "en"), ("de-DE,en;q=0.4", "en"), ("fr", "nl"), ("", "nl")],
)
def test_language_of_the_browser_else_dutch(client: FlaskClient, header: str, language: str) -> None:
    html = client.get("/", headers={"Accept-Language": header}).text
    assert f'<html lang="{language}"' in html


def test_a_chosen_language_and_theme_win_and_last(client: FlaskClient) -> None:
    form = token(client, "/")
    answer = client.post("/preferences", data={"csrf": form, "lang": "en"})
    assert "Max-Age=31536000" in answer.headers["Set-Cookie"]
    client.post("/preferences", data={"csrf": form, "theme": "sun"})
    client.post("/preferences", data={"csrf": form, "theme": "<script>", "lang": "xx"})
    html = client.get("/", headers={"Accept-Language": "nl"}).text
    assert '<html lang="en" data-theme="sun">' in html


def test_before_the_first_value_there_are_dashes_and_words(client: FlaskClient) -> None:
    html = client.get("/").text
    assert shown(html, "bb1", "u_l1_v") == "–"
    assert "niet beoordeeld" in text(html)
    assert "Nog geen waarden" in text(html)


def test_without_scripts_the_page_says_it_is_a_snapshot(client: FlaskClient, scene: Scene) -> None:
    scene.all_values()
    page = read(client)
    assert "Momentopname" in page
    assert "Scripts staan uit" in page
    assert "Laatste waarde 02:02:02,800 CET" in page
    assert "Klok van de box 02:02:03 CET" in page


def test_old_numbers_are_said_to_be_old(client: FlaskClient, scene: Scene) -> None:
    scene.all_values()
    scene.clocks.forward(7.0)
    html = client.get("/").text
    assert "oud: 7 s" in text(html)
    assert "Er komen geen waarden binnen" in text(html)
    assert 'data-card="bb1" data-state="not-judged" data-stale' in html


def test_a_flag_is_a_word_beside_the_number(client: FlaskClient, scene: Scene) -> None:
    scene.all_values(flags=("gap", "dip"))
    page = read(client)
    assert "De waarde is gemarkeerd: gat" in page
    card = re.search(r'<article class="card busbar" data-card="bb1".*?</article>', client.get("/").text, re.S)
    assert card
    assert "gat dip" in text(card[0])


def test_the_judgement_has_icon_word_and_reason(client: FlaskClient, scene: Scene) -> None:
    u = UDIN["bb1"]
    scene.measure("bb1", busbar_values(u, u * 0.888, u))
    html = client.get("/").text
    assert '<use href="#i-over"/>' in html
    assert "over de grens L2 wijkt −11,2% af van nominaal (grens ±10%)" in text(html)
    assert "over the limit L2 deviates −11.2% from nominal (limit ±10%)" in read(client, "en")


def test_the_list_of_dips(client: FlaskClient, scene: Scene) -> None:
    at = 1_795_395_000 * NS + 123_456_000
    scene.event("dip", "bb1", at_ns=at, duration_s=0.1234, percent=41.26)
    scene.event("swell", "bb2", at_ns=at - NS, duration_s=2.5, percent=113.0, phases=("l3",))
    scene.event("interruption", "bb2", at_ns=scene.clocks.wall - NS, state="begin", percent=1.0)
    page = text(client.get("/parts/events").text)
    assert "23 nov 2026 01:50:00,123 CET 2026-11-23T00:50:00.123456Z Dip Rail A 41,3 % van U din" in page
    assert "2,382 kV 123 ms L1, L2" in page
    assert "Swell Rail B 113,0 % van U din 261,0 V 2,50 s L3" in page
    assert "Onderbreking Rail B 1,0 % van U din 2,3 V duurt nog" in page
    assert "Dip Rail A 41.3 % of U din 2.382 kV 123 ms" in text(
        client.get("/parts/events", headers={"Accept-Language": "en"}).text
    )


def test_summer_time_and_winter_time(client: FlaskClient, scene: Scene) -> None:
    scene.event("dip", at_ns=1_782_000_000 * NS)
    assert "21 jun 2026 02:00:00,000 CEST 2026-06-21T00:00:00.000000Z" in text(
        client.get("/parts/events").text
    )


def test_the_list_of_gaps(client: FlaskClient, scene: Scene) -> None:
    scene.event("gap", "f1", at_ns=1_795_395_000 * NS, duration_s=3.4)
    page = text(client.get("/parts/gaps").text)
    assert "01:50:00,000 CET 2026-11-23T00:50:00.000000Z 01:50:03,400 CET Veld 1 Trafo 630 kVA 3,40 s" in page


def test_many_events_are_folded_but_there(client: FlaskClient, scene: Scene) -> None:
    for n in range(70):
        scene.event("dip", at_ns=1_795_000_000 * NS + n * NS)
    html = client.get("/parts/events").text
    assert html.count('data-type="dip"') == 50
    assert "Toon 42 oudere" in text(html)


def test_messages_in_plain_words(client: FlaskClient, scene: Scene) -> None:
    scene.all_values()
    scene.all_health()
    assert "Alles werkt. Er zijn geen meldingen." in read(client)
    scene.health(
        "acquire",
        "degraded",
        (Alarm("frames_dropped", "2026-11-23T01:00:00Z", "crc 3"),),
        {"dropped_crc": 1190, "dropped_stream": 44},
    )
    scene.health("analyse", "degraded", (Alarm("brand_new_code", "2026-11-23T01:00:00Z", "x"),))
    page = read(client)
    assert "Let op · Meetpunten ontvangen: Onbekende of beschadigde frames: 1.234" in page
    assert "sinds 23 nov 2026 02:00:00 CET" in page
    assert "Frames niet gebruikt sinds de start: 1.234 beschadigd: 1.190 onbekende stroom: 44" in page
    assert "brand_new_code" in page, "a code without words is shown rather than hidden"


def test_no_station_wrong_station_no_bus_no_store(tmp_path: Path) -> None:
    for name, station, words in (
        ("missing", None, "Deze box kent zijn station nog niet"),
        ("wrong", STATION.replace("nominal_v = 400", "nominal_v = 4"), "busbar[1].nominal_v"),
    ):
        settings = WebSettings(
            paths=make_paths(tmp_path / name, station=station), secure=False, proxied=False
        )
        scene = Scene(settings)
        client = create_app(settings, scene.board).test_client()
        sign_in(client)
        assert words in read(client)
    settings = WebSettings(paths=make_paths(tmp_path / "away"), secure=False, proxied=False)
    app = create_app(settings)  # the real board: no broker, no store
    client = app.test_client()
    sign_in(client)
    page = read(client)
    assert "De meetbus is weg" in page
    assert "Bewaarde gebeurtenissen zijn niet te lezen" in page


def test_texts_from_the_bus_are_text(client: FlaskClient, scene: Scene) -> None:
    evil = "<script>alert(1)</script>"
    scene.health("acquire", "fault", (Alarm("stalled", evil, evil),), {evil: 1})
    scene.health("analyse", "fault", (Alarm(evil, "2026-11-23T01:00:00Z", ""),))
    html = client.get("/").text
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_about_names_the_image(client: FlaskClient) -> None:
    about = client.get("/api/v1/about").json
    assert about["station"] == "msr-042"
    assert about["flexcore_version"] == "0.1.0"
    assert [e["id"] for e in about["elements"]] == ["bb1", "bb2", "f1", "f2", "f3"]


def test_the_page_asks_for_nothing_outside(client: FlaskClient, scene: Scene) -> None:
    scene.all_values()
    html = client.get("/").text
    for address in re.findall(r'(?:href|src|action)="([^"]+)"', html):
        assert address.startswith(("/", "#")), address
    assert " style=" not in html
    assert " onclick=" not in html
    for script in re.findall(r"<script\b[^>]*>", html):
        assert "src=" in script or 'type="application/json"' in script
