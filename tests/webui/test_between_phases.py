"""A busbar above 1 kV on the page: voltages between phases, those to earth beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flexcore_webui.app import create_app
from flexcore_webui.settings import WebSettings
from support.web_scene import NS, STATION, Scene, make_paths, sign_in

from .test_pages import shown, text

BETWEEN = STATION.replace('voltages = "phase_to_earth"\n', "")
FAULT = {
    **{f"u_{x}_v": v for x, v in (("l12", 10_240.0), ("l23", 10_010.0), ("l31", 9_980.0))},
    **{f"u_{x}_v": v for x, v in (("l1", 12.0), ("l2", 10_000.0), ("l3", 10_003.0))},
    "f_hz": 50.0,
}


@pytest.fixture
def between(tmp_path: Path) -> Scene:
    return Scene(WebSettings(make_paths(tmp_path, BETWEEN)))


def test_the_card_shows_the_pairs_and_the_voltages_to_earth(between: Scene, tmp_path: Path) -> None:
    between.measure("bb1", FAULT)
    client = create_app(WebSettings(make_paths(tmp_path / "web", BETWEEN)), between.board).test_client()
    sign_in(client)
    html = client.get("/", headers={"Accept-Language": "nl"}).text
    assert shown(html, "bb1", "u_l12_v") == "10,240"
    assert shown(html, "bb1", "u_l1_v") == "0,012"
    page = text(html)
    assert "L1-L2" in page and "L3-L1" in page and "Naar aarde" in page
    assert "10,000 kV" in page  # Udin


def test_the_worst_pair_is_judged_and_an_earth_fault_is_within_limits(between: Scene) -> None:
    between.measure("bb1", FAULT)
    judgement = between.hub.snapshot().elements["bb1"].judgement
    assert judgement is not None
    assert (judgement.state, judgement.subject, judgement.deviation_percent) == ("acceptable", "L1-L2", 2.4)
    between.measure("bb1", {**FAULT, "u_l31_v": 8_900.0})
    judgement = between.hub.snapshot().elements["bb1"].judgement
    assert judgement is not None and (judgement.state, judgement.subject) == ("over", "L3-L1")
    between.measure("bb1", {k: v for k, v in FAULT.items() if k != "u_l23_v"})
    judgement = between.hub.snapshot().elements["bb1"].judgement
    assert judgement is not None and (judgement.reason, judgement.subject) == ("incomplete", "L2-L3")


def test_trend_and_events_speak_of_the_pairs(between: Scene) -> None:
    between.measure("bb1", FAULT, "3s", at_ns=1_795_000_000 * NS)
    row = between.hub.trend("bb1")
    assert row.lines == ("l12", "l23", "l31")
    assert row.u_v == ((10_240.0,), (10_010.0,), (9_980.0,))
    between.event(phases=("l12", "l31"))
    assert between.board.events()[0].phases == ("L1-L2", "L3-L1")
