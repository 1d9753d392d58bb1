"""One snapshot for all viewers, at once and then at every tick; places are few and given back."""

from __future__ import annotations

import json
import threading
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flexcore_webui.live.streams import Stream, Streams, TooManyStreamsError
from support.web_scene import Scene, sign_in, token


def streams(scene: Scene, **changes: float) -> Streams:
    values: dict[str, float] = {"tick_s": 0.02, "lifetime_s": 5.0, "limit": 3, "limit_per_viewer": 2}
    values |= changes
    return Streams(
        scene.hub.snapshot,
        tick_s=values["tick_s"],
        lifetime_s=values["lifetime_s"],
        limit=int(values["limit"]),
        limit_per_viewer=int(values["limit_per_viewer"]),
    )


def body(event: bytes) -> dict[str, object]:
    line = next(x for x in event.splitlines() if x.startswith(b"data: "))
    parsed = json.loads(line[6:])
    assert isinstance(parsed, dict)
    return parsed


def test_the_first_snapshot_comes_at_once(scene: Scene) -> None:
    scene.all_values()
    one = streams(scene)  # not ticking
    first = next(iter(one.subscribe("a")))
    assert first.endswith(b"\n\n")
    assert body(first)["live"] is True


def test_all_viewers_get_the_same_bytes_of_a_tick(scene: Scene) -> None:
    one = streams(scene)
    views = [one.subscribe("a"), one.subscribe("b")]
    for view in views:
        next(view)
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda v=v: got.append(next(v))) for v in views]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    one.tick()
    for thread in threads:
        thread.join(5)
    assert got[0] is got[1]


def test_places_are_few_and_given_back(scene: Scene) -> None:
    one = streams(scene)
    first = one.subscribe("a")
    one.subscribe("a")
    with pytest.raises(TooManyStreamsError):
        one.subscribe("a")
    one.subscribe("b")
    with pytest.raises(TooManyStreamsError):
        one.subscribe("c")
    assert one.open == 3
    first.close()
    first.close()
    assert one.open == 2
    one.subscribe("c")


def test_a_stream_ends_when_its_time_is_over(scene: Scene) -> None:
    one = streams(scene, lifetime_s=0.3)
    one.start()
    began = time.monotonic()
    count = sum(1 for _ in one.subscribe("a"))
    assert 0.2 < time.monotonic() - began < 2.0
    assert count >= 4
    one.close()


def test_nothing_is_encoded_while_nobody_looks(scene: Scene) -> None:
    made: list[int] = []

    def source() -> object:
        made.append(1)
        return scene.hub.snapshot()

    one = Streams(source, tick_s=0.01, lifetime_s=5, limit=2, limit_per_viewer=2)  # type: ignore[arg-type]
    one.start()
    time.sleep(0.1)
    assert made == []
    view = one.subscribe("a")
    next(view)
    next(view)
    assert len(made) >= 2
    assert one.alive
    one.close()


def test_the_end_of_a_session_ends_its_streams_at_once_and_no_others(scene: Scene) -> None:
    one = streams(scene, tick_s=5.0)  # not ticking: nothing else wakes them
    waiting, fresh, other = one.subscribe("a"), one.subscribe("a"), one.subscribe("b")
    next(waiting)
    next(other)
    rest: list[bytes] = []
    thread = threading.Thread(target=lambda: rest.extend(waiting))
    thread.start()
    time.sleep(0.1)
    began = time.monotonic()
    one.end_of("a")
    one.end_of("nobody")
    thread.join(4)
    assert not thread.is_alive()
    assert time.monotonic() - began < 2.0
    assert rest == []
    assert list(fresh) == []
    one.tick()
    assert next(other)
    waiting.close()
    fresh.close()
    assert one.open == 1
    assert next(one.subscribe("a")), "a viewer of that name may come again"


def test_signing_out_ends_the_live_stream(app: Flask, client: FlaskClient, scene: Scene) -> None:
    scene.all_values()
    answer = client.get("/api/v1/live")
    stream = iter(answer.response)
    assert b"data: " in next(stream)
    elsewhere = app.test_client()
    sign_in(elsewhere)
    other = iter(elsewhere.get("/api/v1/live").response)
    next(other)
    assert client.post("/sign-out", data={"csrf": token(client, "/")}).status_code == 303
    scene.board.streams.tick()
    assert list(stream) == []
    assert next(other), "another session's goes on"
    answer.close()


def test_a_session_that_ends_while_its_stream_begins_gets_none(
    client: FlaskClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe = Streams.subscribe

    def late(self: Streams, viewer: str) -> Stream:
        client.application.extensions["flexcore"].sessions.end({"sid": viewer})
        return subscribe(self, viewer)

    monkeypatch.setattr(Streams, "subscribe", late)
    assert client.get("/api/v1/live").status_code == 401
    assert scene.board.streams.open == 0


def test_a_program_may_ask_whether_there_is_a_place(client: FlaskClient, scene: Scene) -> None:
    assert client.head("/api/v1/live").status_code == 200
    assert scene.board.streams.open == 0, "asking takes no place"
    held = [scene.board.streams.subscribe("somebody") for _ in range(6)]
    held += [scene.board.streams.subscribe(f"viewer {n}") for n in range(18)]
    answer = client.head("/api/v1/live")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    for one in held:
        one.close()
    assert client.head("/api/v1/live").status_code == 200
