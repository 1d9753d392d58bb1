"""A number is live or it is old; a station may appear, change and vanish while the page runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from flexcore.errors import StoreError
from flexcore.payloads import Alarm
from flexcore.store import StoredEvent, StoredGap
from flexcore_webui.settings import WebSettings
from support.web_scene import NS, STATION, UDIN, Scene, busbar_values, make_paths


def codes(scene: Scene) -> set[str]:
    return {a.code for a in scene.board.look()[1]}


def test_values_are_live_for_two_seconds_after_they_arrived(scene: Scene) -> None:
    scene.all_values()
    assert scene.hub.snapshot().live
    scene.clocks.forward(1.9)
    now = scene.hub.snapshot()
    assert not now.elements["bb1"].stale
    assert now.elements["bb1"].age_s == pytest.approx(1.9)
    scene.clocks.forward(0.2)
    now = scene.hub.snapshot()
    assert now.elements["bb1"].stale
    assert not now.live
    assert now.elements["bb1"].judgement is not None
    assert now.elements["bb1"].judgement.reason == "stale"
    assert "no_values" in codes(scene)


def test_age_counts_from_arrival_and_not_by_the_senders_clock(scene: Scene) -> None:
    scene.measure("bb1", busbar_values(1, 1, 1), at_ns=scene.clocks.wall - 30 * NS)
    now = scene.hub.snapshot()
    assert not now.elements["bb1"].stale
    assert now.lag_s == pytest.approx(29.8)
    assert "lag" in codes(scene)


def test_one_silent_element_does_not_make_the_others_old(scene: Scene) -> None:
    scene.all_values()
    scene.clocks.forward(2.5)
    scene.measure("bb1", busbar_values(1, 1, 1))
    now = scene.hub.snapshot()
    assert now.live
    assert [name for name, e in now.elements.items() if e.stale] == ["bb2", "f1", "f2", "f3"]
    alarm = next(a for a in scene.board.look()[1] if a.code == "some_silent")
    assert alarm.detail == "Rail B, Veld 1 Trafo 630 kVA, Veld 2 Zonnepark Zuid, Laadplein"


def test_without_a_bus_nothing_is_live(scene: Scene) -> None:
    scene.all_values()
    scene.connected = False
    now = scene.hub.snapshot()
    assert (now.bus, now.live) == ("disconnected", False)
    assert codes(scene) == {"bus_away"}


def test_no_station_file_is_said_and_the_station_may_come_later(tmp_path: Path) -> None:
    settings = WebSettings(paths=make_paths(tmp_path, station=None))
    scene = Scene(settings)
    assert scene.hub.snapshot().station_state == "missing"
    assert "station_missing" in codes(scene)
    scene.all_values()
    assert scene.hub.refusals.counts == {"station": 5}
    settings.paths.station_file.write_text(STATION)
    scene.hub.look_at_station()
    scene.all_values()
    assert scene.hub.snapshot().live


def test_a_wrong_station_file_is_said_in_one_line(tmp_path: Path) -> None:
    bad = STATION.replace("nominal_v = 400", "nominal_v = 4")
    scene = Scene(WebSettings(paths=make_paths(tmp_path, station=bad)))
    alarm = next(a for a in scene.board.look()[1] if a.code == "station_invalid")
    assert alarm.detail.startswith("station.toml: busbar[1].nominal_v: ")
    assert "\n" not in alarm.detail


def test_a_station_file_that_was_not_taken_is_said_until_it_is(
    scene: Scene, settings: WebSettings, client: FlaskClient
) -> None:
    scene.all_values()
    refusal = settings.paths.station_refused
    refusal.write_bytes(b"credential flexcore.station: station.id: expected <text>\xff\nsecond line\n")
    scene.hub.look_at_station()
    alarm = next(a for a in scene.board.look()[1] if a.code == "station_refused")
    assert alarm.detail == "credential flexcore.station: station.id: expected <text>\ufffd"
    page = client.get("/").text
    assert "Het aangeboden stationsbestand klopt niet" in page
    assert "expected &lt;text&gt;" in page
    refusal.write_bytes(b"x" * 1_000_000)
    scene.hub.look_at_station()
    assert len(scene.hub.station_file.refused) <= 300
    refusal.unlink()
    scene.hub.look_at_station()
    assert "station_refused" not in codes(scene)


def test_a_refused_message_is_an_alarm_for_a_minute_after_the_last_one(scene: Scene) -> None:
    assert "refused_messages" not in codes(scene)
    scene.hub.take("flexcore/v1/another/pq/3s/bb1", b"{}")
    scene.clocks.forward(59)
    assert "refused_messages" in codes(scene)
    scene.hub.take("flexcore/v1/another/pq/3s/bb1", b"{}")
    scene.clocks.forward(59)
    assert "refused_messages" in codes(scene)
    scene.clocks.forward(2)
    assert "refused_messages" not in codes(scene)
    assert scene.hub.refusals.total == 2, "they are still counted"
    scene.hub.take("flexcore/v1/another/pq/3s/bb1", b"{}")
    alarm = next(a for a in scene.board.look()[1] if a.code == "refused_messages")
    assert alarm.count == 3


def test_a_changed_station_file_forgets_what_is_no_longer_there(scene: Scene, settings: WebSettings) -> None:
    scene.all_values()
    before = scene.hub.snapshot().versions.site
    shorter = STATION[: STATION.index('[[field]]\nid = "f3"')]
    settings.paths.station_file.write_text(shorter)
    scene.hub.look_at_station()
    now = scene.hub.snapshot()
    assert "f3" not in now.elements
    assert now.versions.site > before


def test_a_service_that_stops_or_falls_silent_is_an_alarm(scene: Scene) -> None:
    scene.all_health()
    scene.all_values()
    assert codes(scene) == set()
    scene.health("analyse", "offline")
    scene.health("record", "fault", (Alarm("store_full", "2026-11-23T01:00:00Z", "0 MB"),))
    rows = scene.board.look()[1]
    assert [(a.severity, a.code, a.service) for a in rows] == [
        ("fault", "service_offline", "analyse"),
        ("fault", "store_full", "record"),
    ]
    scene.clocks.forward(11.0)
    silent = {a.service for a in scene.board.look()[1] if a.code == "service_silent"}
    assert silent == {"acquire", "record"}


def test_a_service_that_was_never_heard_is_an_alarm_after_a_while(scene: Scene) -> None:
    scene.health("acquire")
    assert "never_heard" not in codes(scene)
    scene.clocks.forward(11.0)
    assert {a.service for a in scene.board.look()[1] if a.code == "never_heard"} == {"analyse", "record"}


def test_frames_that_were_not_used_are_counted_by_reason(scene: Scene) -> None:
    scene.health(
        "acquire",
        "degraded",
        (Alarm("frames_dropped", "2026-11-23T01:00:00Z", "crc 3"),),
        {"dropped_crc": 119, "dropped_stream": 4, "dropped_late": 0, "frames": 9},
    )
    alarm = next(a for a in scene.board.look()[1] if a.code == "frames_dropped")
    assert alarm.count == 123


def test_an_end_replaces_its_begin_and_is_not_replaced_by_it(scene: Scene) -> None:
    at = scene.clocks.wall - NS
    scene.event("dip", state="begin", at_ns=at, percent=80)
    assert scene.board.events()[0].state == "begin"
    scene.event("dip", state="end", at_ns=at, percent=41.3)
    scene.event("dip", state="begin", at_ns=at, percent=80)
    (row,) = scene.board.events()
    assert (row.state, row.extreme_percent) == ("end", 41.3)
    assert row.duration_s == pytest.approx(0.12)
    assert row.phases == ("L1", "L2")
    assert row.reference_v == pytest.approx(UDIN["bb1"])


def test_an_event_whose_end_nobody_saw_does_not_go_on_for_ever(scene: Scene) -> None:
    scene.all_values(flags=("dip",))
    scene.event("dip", state="begin")
    scene.clocks.forward(6.0)
    scene.all_values(flags=("dip",))
    assert scene.board.events()[0].state == "begin"
    scene.all_values()
    assert scene.board.events()[0].state == "unknown"


def stored(n: int, duration_ns: int | None = NS) -> StoredEvent:
    start = 1_795_000_000 * NS + n * NS
    return StoredEvent(f"dip-bb1-{start}", "dip", "bb1", start, duration_ns, 10.0, 20.0, ("l1",), (), {})


def test_the_store_and_the_bus_make_one_list(scene: Scene) -> None:
    scene.memory.stored_events = [stored(2, None), stored(1)]
    scene.memory.stored_gaps = [StoredGap("gap-f1-1", "f1", 1_795_000_000 * NS, None, "missing")]
    scene.event("dip", at_ns=stored(2).start_ns, duration_s=2.0)
    newest = scene.event("swell", at_ns=stored(3).start_ns)
    rows = scene.board.events()
    assert [r.id for r in rows] == [newest.id, stored(2).id, stored(1).id]
    assert rows[1].duration_s == 2.0
    assert rows[2].extreme_percent == 50.0
    assert scene.board.gaps()[0].state == "begin", "nothing is measured, so the gap goes on"


def test_an_unreadable_store_is_an_alarm_and_the_live_list_remains(scene: Scene) -> None:
    scene.memory.broken = StoreError("flexcore.db: read: disk I/O error")
    scene.event("dip")
    assert len(scene.board.events()) == 1
    alarm = next(a for a in scene.board.look()[1] if a.code == "history")
    assert alarm.detail == "flexcore.db: read: disk I/O error"
    scene.memory.broken = None
    scene.clocks.forward(3.0)
    scene.board.events()
    assert "history" not in codes(scene)


def test_the_store_is_asked_seldom(scene: Scene) -> None:
    scene.board.events()
    scene.memory.stored_events = [stored(1)]
    assert scene.board.events() == []
    scene.clocks.forward(2.5)
    assert len(scene.board.events()) == 1


def test_trend_leaves_holes_for_gaps(scene: Scene) -> None:
    scene.measure("bb1", busbar_values(1, 2, 3), "3s", at_ns=1_795_000_000 * NS)
    scene.measure("bb1", busbar_values(4, 5, 6), "3s", ("gap",), at_ns=1_795_000_003 * NS)
    row = scene.hub.trend("bb1")
    assert row.t == (1_795_000_000.0, 1_795_000_003.0)
    assert row.lines == ("l1", "l2", "l3")
    assert row.u_v[1] == (2.0, None)
    assert scene.hub.trend("bb1", after_s=1_795_000_000.0).t == (1_795_000_003.0,)
