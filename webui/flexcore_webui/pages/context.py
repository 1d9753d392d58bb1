"""What every template may use: numbers, times, words, the form token, the way to static files."""

from __future__ import annotations

from typing import Any

from flask import Flask, session

from flexcore_webui import locale, words
from flexcore_webui.access.roles import Role
from flexcore_webui.access.sessions import csrf_token
from flexcore_webui.pages.assets import asset
from flexcore_webui.rooms import rooms


def install(app: Flask) -> None:
    """Give Jinja its globals and what depends on the request."""
    app.jinja_env.globals.update(
        asset=asset,
        number=locale.number,
        clock=locale.clock,
        day=locale.day,
        duration=locale.duration,
        word=words.word,
        sentence=words.sentence,
        words=words,
        csrf_token=lambda: csrf_token(session),
    )

    @app.context_processor
    def request_values() -> dict[str, Any]:
        site = rooms().board.hub.site
        return {
            "lang": locale.current(),
            "theme": locale.theme(),
            "station_name": site.name if site else "",
            "signed_in": rooms().sessions.role(session) > Role.PUBLIC,
        }
