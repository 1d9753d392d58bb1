"""The overview: everything live of the station on one page, and its parts for the browser to renew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, render_template
from werkzeug.exceptions import NotFound

from flexcore_webui import words
from flexcore_webui.access.roles import Role, needs
from flexcore_webui.live.alarms import drops
from flexcore_webui.live.snapshot import ElementNow
from flexcore_webui.pages.cells import GAUGE_SPAN_PERCENT, busbar_view, field_view, needle
from flexcore_webui.pages.sensors import sensor_view
from flexcore_webui.rooms import rooms

pages = Blueprint("overview", __name__)
HTML = "text/html; charset=utf-8"

#: Lists that change seldom: the browser fetches one again when its version in the stream rises.
PARTS = ("alarms", "events", "gaps", "health", "load", "sensors")


@pages.get("/")
@needs(Role.VIEWER)
def show() -> Response:
    """The whole page with the numbers of this moment."""
    board = rooms().board
    # Lists first: what went wrong while they were read belongs to the alarms of this very page.
    lists = _lists(*(name for name in PARTS if name != "alarms"))
    snapshot, alarms = board.look()
    site = board.hub.site
    page = render_template(
        "overview.html",
        snapshot=snapshot,
        site=site,
        busbars=[busbar_view(e) for e in site.busbars] if site else [],
        fields=[field_view(e) for e in site.fields] if site else [],
        latest=max((e.t for e in snapshot.elements.values() if e.t), default=None),
        versions=msgspec.structs.asdict(snapshot.versions),
        now=lambda element: snapshot.elements.get(element) or ElementNow(stale=True),
        needle=needle,
        gauge_span=GAUGE_SPAN_PERCENT,
        client_words=_client_words(),
        stale_after_s=rooms().settings.stale_after_s,
        trend_minutes=rooms().settings.trend_minutes,
        alarms=alarms,
        **lists,
    )
    return Response(page, content_type=HTML)


@pages.get("/parts/<name>")
@needs(Role.VIEWER, quiet=True)
def part(name: str) -> Response:
    """One list as the page holds it."""
    if name not in PARTS:
        raise NotFound
    return Response(render_template(f"parts/{name}.html", **_lists(name)), content_type=HTML)


def _lists(*names: str) -> dict[str, Any]:
    board = rooms().board
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "alarms": lambda: {"alarms": board.look()[1]},
        "events": lambda: {"events": board.events()},
        "gaps": lambda: {"gaps": board.gaps()},
        "load": lambda: {"loads": board.hub.loads()},
        "sensors": lambda: {"sensors": [sensor_view(row) for row in board.hub.sensors()]},
        "health": lambda: {"services": board.hub.services(), "about": rooms().about, "drops": drops},
    }
    found: dict[str, Any] = {}
    for name in names:
        found |= makers[name]()
    return found


def _client_words() -> dict[str, dict[str, str]]:
    """Translated texts for the scripts; the same tables the templates use."""
    tables = {
        "state": words.STATE,
        "reason": words.REASON,
        "flag": words.FLAG,
        "direction": words.DIRECTION,
        "character": words.CHARACTER,
        "client": words.CLIENT,
    }
    return {name: {k: words.word(table, k) for k in table} for name, table in tables.items()}
