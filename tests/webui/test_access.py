"""Every endpoint has a role, and each door holds for whoever does not have it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from flexcore_webui.access.code import BusyError, CodeCheck
from flexcore_webui.access.roles import Role, RoleError, check_roles, is_quiet, needs, role_of
from flexcore_webui.access.throttle import MAX_NETWORKS, Throttle, network
from flexcore_webui.app import create_app
from flexcore_webui.settings import WebSettings
from support.web_scene import CODE, Scene, hashed, make_paths, sign_in, token

#: What a stranger may reach. A new public endpoint must be written down here too.
PUBLIC = {
    "assets.file",
    "assets.favicon",
    "preferences.choose",
    "sign_in.show",
    "sign_in.enter",
    "sign_in.leave",
    "v1.healthz",
}
SAFE = {"GET", "HEAD", "OPTIONS"}


def url(rule: Rule) -> str:
    path = rule.rule
    for name in rule.arguments:
        converter = {"path": f"<path:{name}>"}.get("path" if f"<path:{name}>" in path else "", f"<{name}>")
        path = path.replace(converter, {"name": "alarms", "element": "bb1"}.get(name, "x"))
    return path


def test_the_matrix_of_roles(app: Flask, stranger: FlaskClient) -> None:
    public = {e for e in app.view_functions if role_of(app, e) is Role.PUBLIC}
    assert public == PUBLIC
    walked = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        for method in (rule.methods or set()) - {"OPTIONS"}:
            answer = stranger.open(url(rule), method=method)
            if method in SAFE and not is_quiet(app, rule.endpoint):
                assert answer.status_code == 302, (rule, method)
                assert answer.headers["Location"] == "/sign-in"
            else:
                assert answer.status_code == 401, (rule, method)
                if method != "HEAD":
                    assert answer.json["error"]["code"] == "sign-in"
            walked += 1
    assert walked >= 20


def test_a_signed_in_person_reaches_every_page(app: Flask, client: FlaskClient, scene: Scene) -> None:
    scene.all_values()
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in PUBLIC | {"v1.live"}:
            answer = client.get(url(rule))
            assert answer.status_code == 200, rule


def test_an_endpoint_without_a_role_keeps_the_app_from_being_made(app: Flask) -> None:
    bare = Flask("bare", static_folder=None)
    bare.add_url_rule("/ok", "ok", needs(Role.VIEWER)(lambda: "ok"))
    check_roles(bare)
    bare.add_url_rule("/forgotten", "forgotten", lambda: "leak")
    with pytest.raises(RoleError, match="endpoint forgotten: expected a role"):
        check_roles(bare)


def test_every_change_needs_the_token_and_our_own_origin(app: Flask, client: FlaskClient) -> None:
    good = token(client, "/")
    changing = [r for r in app.url_map.iter_rules() if (r.methods or set()) - SAFE]
    assert len(changing) >= 4
    for rule in changing:
        for headers in (
            {},
            {"X-CSRF-Token": "wrong"},
            {"X-CSRF-Token": good, "Origin": "https://evil.example"},
            {"X-CSRF-Token": good, "Origin": "null"},
            {"X-CSRF-Token": good, "Sec-Fetch-Site": "cross-site"},
            {"X-CSRF-Token": good, "Sec-Fetch-Site": "same-site"},
        ):
            assert client.post(url(rule), headers=headers).status_code == 403, (rule, headers)
    fine = {"X-CSRF-Token": good, "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/v1/session", headers=fine).status_code == 204


def test_a_strangers_token_is_not_another_persons(app: Flask, client: FlaskClient) -> None:
    other = app.test_client()
    stolen = token(other)
    assert client.post("/sign-out", data={"csrf": stolen}).status_code == 403
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("typed", [CODE, "abcde23456", " abcde 23456 ", "AB-CD-E2-34-56"])
def test_the_code_is_read_as_people_type_it(app: Flask, typed: str) -> None:
    client = app.test_client()
    sign_in(client, typed)
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("typed", ["", "ABCDE-23457", "ABCDE", "A" * 5000, "ABCDE-2345\x00", "ÄBCDE23456"])
def test_a_wrong_code_stays_outside(stranger: FlaskClient, typed: str) -> None:
    answer = stranger.post("/sign-in", data={"csrf": token(stranger), "code": typed})
    assert answer.status_code == 403
    assert "Dit is niet de code van deze box" in answer.text
    assert stranger.get("/").status_code == 302


def test_no_code_on_the_box_means_nobody_gets_in(tmp_path: Path) -> None:
    settings = WebSettings(paths=make_paths(tmp_path, code=None), secure=False, proxied=False)
    client = create_app(settings, Scene(settings).board).test_client()
    page = client.get("/sign-in")
    assert "Deze box heeft nog geen code" in page.text
    for code in ("", "None", CODE):
        assert client.post("/sign-in", data={"csrf": token(client), "code": code}).status_code == 503


def test_a_broken_hash_lets_nobody_in() -> None:
    assert not CodeCheck("not a hash").matches(CODE)
    assert CodeCheck(hashed()).matches(CODE)


def test_guessing_is_slowed_down(stranger: FlaskClient) -> None:
    form = token(stranger)
    for _ in range(5):
        assert stranger.post("/sign-in", data={"csrf": form, "code": "AAAAABBBBB"}).status_code == 403
    answer = stranger.post("/sign-in", data={"csrf": form, "code": CODE})
    assert answer.status_code == 429, "even the right code has to wait now"
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert "Te vaak een verkeerde code" in answer.text


def guess(throttle: Throttle, address: str, now: list[float]) -> float:
    """One wrong guess as soon as it may be made; how long that took."""
    wait_s = throttle.wait_s(address)
    now[0] += wait_s
    assert throttle.attempt(address) == 0
    return wait_s


def test_back_off_doubles_is_bounded_and_forgets() -> None:
    now = [0.0]
    throttle = Throttle(free=3, free_all=1000, monotonic=lambda: now[0])
    waits = [guess(throttle, "a", now) for _ in range(16)]
    assert waits[:7] == [0, 0, 0, 2, 4, 8, 16]
    assert waits[-1] == 300
    assert throttle.attempt("a") == 300
    assert throttle.wait_s("b") == 0
    now[0] += 300
    assert throttle.wait_s("a") == 0
    now[0] += 2000
    guess(throttle, "a", now)
    assert throttle.wait_s("a") == 0, "after a long while an address starts anew"


def test_many_addresses_share_one_limit_and_little_memory() -> None:
    now = [0.0]
    throttle = Throttle(free=3, free_all=30, monotonic=lambda: now[0])
    for n in range(MAX_NETWORKS * 3):
        throttle.attempt(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    last = MAX_NETWORKS * 3 - 1
    guesser = f"10.{last >> 16}.{last >> 8 & 255}.{last & 255}"
    assert throttle.wait_s(guesser) == 2.0, "who was wrong shares one limit with all who were"
    assert len(throttle._by_network) == MAX_NETWORKS
    now[0] = 2.1
    assert throttle.wait_s(guesser) == 0


def test_a_guesser_with_fresh_addresses_is_one_and_locks_nobody_out() -> None:
    now = [0.0]
    throttle = Throttle(free=5, free_all=30, monotonic=lambda: now[0])
    passed = 0
    for n in range(3000):
        now[0] += 0.1
        passed += throttle.attempt(f"2001:db8:1:2:{n:x}::{n:x}") == 0
        assert throttle.wait_s("192.0.2.7") == 0, "the owner gets in all the while"
        assert throttle.wait_s("2001:db8:1:3::1") == 0
    assert passed <= 5 + 8, "five guesses, then 2, 4, 8 ... 300 s"
    assert len(throttle._by_network) == 1


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
    ],
)
def test_whom_an_address_stands_for(address: str, who: str) -> None:
    assert network(address) == who


def test_attempts_side_by_side_do_not_all_pass(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty requests at once while the first hash is still being computed."""
    hashing, go_on = threading.Semaphore(0), threading.Event()

    def slow(_self: CodeCheck, _code: str) -> bool:
        hashing.release()
        assert go_on.wait(10)
        return False

    monkeypatch.setattr(CodeCheck, "matches", slow)
    statuses: list[int] = []
    clients = [app.test_client() for _ in range(20)]
    forms = [token(c) for c in clients]

    def post(client: FlaskClient, form: str) -> None:
        statuses.append(client.post("/sign-in", data={"csrf": form, "code": CODE}).status_code)

    threads = [threading.Thread(target=post, args=pair) for pair in zip(clients, forms, strict=True)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert hashing.acquire(timeout=10)
    time.sleep(0.3)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(statuses) == [403] * 5 + [429] * 15


def test_an_attempt_that_was_too_busy_to_be_looked_at_does_not_count(
    stranger: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_self: CodeCheck, _code: str) -> bool:
        raise BusyError

    form = token(stranger)
    with monkeypatch.context() as patch:
        patch.setattr(CodeCheck, "matches", busy)
        for _ in range(20):
            assert stranger.post("/sign-in", data={"csrf": form, "code": CODE}).status_code == 429
    assert stranger.post("/sign-in", data={"csrf": form, "code": CODE}).status_code == 303


def test_success_forgives_mistakes() -> None:
    throttle = Throttle(free=2, free_all=100)
    throttle.attempt("a")
    throttle.attempt("a")
    assert throttle.wait_s("a") > 0
    throttle.succeeded("a")
    assert throttle.wait_s("a") == 0


def test_a_session_is_new_at_sign_in_and_dead_after_sign_out(app: Flask) -> None:
    client = app.test_client()
    form = token(client)
    before = client.get_cookie("flexcore")
    sign_in(client)
    inside = client.get_cookie("flexcore")
    assert before is not None
    assert inside is not None
    assert inside.value != before.value
    assert form not in client.get("/").text, "the old form token is not kept"
    client.post("/sign-out", data={"csrf": token(client, "/")})
    assert client.get("/").status_code == 302
    thief = app.test_client()
    thief.set_cookie("flexcore", inside.value)
    assert thief.get("/").status_code == 302, "a copy of the cookie is worth nothing after sign-out"


@pytest.mark.parametrize(("later_s", "status"), [(3500, 200), (3700, 302), (-120, 302)])
def test_idle_sessions_end(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, later_s: float, status: int
) -> None:
    now = time.time()
    monkeypatch.setattr("flexcore_webui.access.sessions.time.time", lambda: now + later_s)
    assert client.get("/").status_code == status


def test_scripts_do_not_keep_a_session_alive_but_people_do(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [time.time()]
    monkeypatch.setattr("flexcore_webui.access.sessions.time.time", lambda: now[0])
    form = token(client, "/")
    for _ in range(3):
        now[0] += 1500
        status = client.get("/api/v1/snapshot").status_code
    assert status == 401
    client.get("/sign-in")
    sign_in(client)
    form = token(client, "/")
    for _ in range(10):
        now[0] += 3000
        assert client.post("/api/v1/session", headers={"X-CSRF-Token": form}).status_code == 204
    for _ in range(10):
        now[0] += 3000
        last = client.post("/api/v1/session", headers={"X-CSRF-Token": form}).status_code
    assert last == 401, "no session lives longer than its longest life"


def test_a_new_code_ends_all_sessions(tmp_path: Path) -> None:
    paths = make_paths(tmp_path)
    settings = WebSettings(paths=paths, secure=False, proxied=False)
    first = create_app(settings, Scene(settings).board).test_client()
    sign_in(first)
    cookie = first.get_cookie("flexcore")
    assert cookie is not None
    again = create_app(settings, Scene(settings).board).test_client()
    again.set_cookie("flexcore", cookie.value)
    assert again.get("/").status_code == 200, "a restart of the page ends no session"
    make_paths(tmp_path, code="ZZZZZ77777")
    other = create_app(settings, Scene(settings).board).test_client()
    other.set_cookie("flexcore", cookie.value)
    assert other.get("/").status_code == 302


def test_a_forged_cookie_is_nobody(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("flexcore", "eyJyb2xlIjoxLCJzaWQiOiJ4In0.awOahw.H5AnwrraqB4_WTOvMreviDQzeQo")
    assert client.get("/").status_code == 302


def test_cookies_and_headers_on_the_box(tmp_path: Path) -> None:
    settings = WebSettings(paths=make_paths(tmp_path))
    client = create_app(settings, Scene(settings).board).test_client()
    answer = client.get("/sign-in", base_url="https://box", headers={"X-Forwarded-Proto": "https"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-flexcore=")
    for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers or "Python" not in answer.headers["Server"]


def test_limits_are_counted_by_the_viewers_address_behind_the_proxy(tmp_path: Path) -> None:
    settings = WebSettings(paths=make_paths(tmp_path), secure=False)
    client = create_app(settings, Scene(settings).board).test_client()
    form = token(client)

    def guess(address: str, code: str) -> int:
        return client.post(
            "/sign-in", data={"csrf": form, "code": code}, headers={"X-Forwarded-For": address}
        ).status_code

    for _ in range(5):
        assert guess("192.168.1.7", "AAAAABBBBB") == 403
    assert guess("192.168.1.7", CODE) == 429
    assert guess("192.168.1.8", CODE) == 303


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/x/page.css", "/static/%2e%2e/%2e%2e/app.py"])
def test_static_files_do_not_lead_elsewhere(stranger: FlaskClient, path: str) -> None:
    assert stranger.get(path).status_code == 404
    digest = stranger.get("/sign-in").text.split("/static/")[1].split("/")[0]
    assert stranger.get(f"/static/{digest}/page.css").status_code == 200
    assert stranger.get(f"/static/{digest}/../app.py").status_code == 404
    assert stranger.get(f"/static/{digest}/%2e%2e/app.py").status_code == 404


def test_a_large_body_is_refused(stranger: FlaskClient) -> None:
    form = token(stranger)
    assert stranger.post("/sign-in", data={"csrf": form, "code": "x" * 200_000}).status_code == 413


def test_unknown_pages_and_methods_in_one_shape(client: FlaskClient) -> None:
    assert client.get("/api/v1/nothing").json["error"]["code"] == "not-found"
    assert "Deze pagina bestaat niet" in client.get("/nothing").text
    answer = client.delete("/api/v1/snapshot")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
