"""Load of transformers and cables on the page: words, staleness, and lies from the bus."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flexcore import topics
from flexcore.loading.payload import FindingPayload, LoadPayload
from flexcore.payloads import encode, iso
from flexcore_webui.app import create_app
from flexcore_webui.settings import WebSettings
from support.load import TRANSFORMER
from support.loaded import entry
from support.web_scene import NS, STATION, Scene, make_paths, sign_in

from .test_pages import text

TEXT = STATION + "\n" + entry("t1", "f3", TRANSFORMER) + "\n"


def payload(now_ns: int, **changes: object) -> LoadPayload:
    load = LoadPayload(
        id="t1",
        kind="transformer",
        name="T1",
        field="f3",
        t=iso(now_ns - 60 * NS),
        dt=60.0,
        cov=1.0,
        verdict="near",
        judged="near",
        followed_since=iso(now_ns - 3600 * NS),
        findings=(
            FindingPayload("hot_spot", "near", "soon", 112.4, 120.0, 92.4, "degC", None, 37.2),
            FindingPayload("rated_current", "acceptable", "limit", 519.3, 577.4, 89.9, "A", "l2"),
        ),
        figures={"hot_spot_c": 112.4, "hot_spot_low_c": 108.0},
    )
    return msgspec.structs.replace(load, **changes)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(WebSettings(make_paths(tmp_path, TEXT)))


def say(scene: Scene, load: LoadPayload, topic: str = "t1") -> None:
    scene.say(topics.load("msr-042", topic), encode(load))


def page(scene: Scene, tmp_path: Path, language: str = "nl") -> str:
    client = create_app(WebSettings(make_paths(tmp_path / "web", TEXT)), scene.board).test_client()
    sign_in(client)
    return text(client.get("/", headers={"Accept-Language": language}).text)


def test_before_anything_is_heard_there_is_no_judgement(scene: Scene, tmp_path: Path) -> None:
    assert "Belasting van transformatoren en kabels" in page(scene, tmp_path)
    assert "nog geen oordeel" in page(scene, tmp_path)


def test_verdict_reason_and_time_left_in_both_languages(scene: Scene, tmp_path: Path) -> None:
    say(scene, payload(scene.clocks.wall_ns()))
    dutch, english = page(scene, tmp_path), page(scene, tmp_path, "en")
    assert "hotspot: 112 van 120 °C, bij deze belasting binnen het uur bereikt" in dutch
    assert "90 %" in dutch.replace("\u202f", " ") or "90%" in dutch
    assert "108–112" in dutch and "37min" in dutch
    assert "hot spot: 112 of 120 °C, reached within the hour at this load" in english
    row = scene.hub.loads()[0]
    assert (row.id, row.field_name, row.stale) == ("t1", "Laadplein", False)


def test_an_old_judgement_says_so_also_when_the_broker_kept_it(scene: Scene, tmp_path: Path) -> None:
    say(scene, payload(scene.clocks.wall_ns() - 600 * NS))
    assert scene.hub.loads()[0].stale
    assert "niets gehoord" in page(scene, tmp_path)
    say(scene, payload(scene.clocks.wall_ns()))
    assert not scene.hub.loads()[0].stale
    scene.clocks.forward(200.0)
    assert scene.hub.loads()[0].stale


def test_its_version_rises_with_each_message(scene: Scene) -> None:
    before = scene.hub.snapshot().versions.load
    say(scene, payload(scene.clocks.wall_ns()))
    assert scene.hub.snapshot().versions.load == before + 1


@pytest.mark.parametrize(
    ("topic", "changes"),
    [
        ("t9", {}),
        ("t1", {"id": "t2"}),
        ("t1", {"t": "yesterday"}),
        ("t1", {"t": iso(0)}),
        ("t1", {"figures": {f"x{n}": 1.0 for n in range(100)}}),
        ("t1", {"findings": ()}),
        ("t1", {"name": "x" * 1000}),
        ("t1", {"verdict": "fine"}),
        ("t1", {"notes": ("n" * 500,)}),
    ],
)
def test_a_lie_is_refused_and_counted(scene: Scene, topic: str, changes: dict[str, object]) -> None:
    say(scene, payload(scene.clocks.wall_ns(), **changes), topic)
    assert scene.hub.loads()[0].load is None
    assert scene.hub.refusals.recent(scene.clocks.monotonic())


def test_a_name_from_the_bus_is_text(scene: Scene, tmp_path: Path) -> None:
    evil = FindingPayload("<script>alert(1)</script>", "over", "<b>", 1.0, 1.0, 1.0, "A", "<i>")
    say(scene, payload(scene.clocks.wall_ns(), findings=(evil,), verdict="over"))
    client = create_app(WebSettings(make_paths(tmp_path / "web", TEXT)), scene.board).test_client()
    sign_in(client)
    html = client.get("/").text
    assert "<script>alert" not in html and "<i>" not in html.lower().replace("<i class", "")
