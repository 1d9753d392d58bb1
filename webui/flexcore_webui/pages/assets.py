"""Static files under a digest of all of them: kept by browsers for ever, never stale after an update."""

from __future__ import annotations

from flask import Blueprint, Response, send_from_directory, url_for
from werkzeug.exceptions import NotFound

from flexcore_webui.access.roles import Role, needs
from flexcore_webui.rooms import rooms

pages = Blueprint("assets", __name__)


@pages.get("/static/<digest>/<path:name>")
@needs(Role.PUBLIC, quiet=True)
def file(digest: str, name: str) -> Response:
    """One file of ``static/``."""
    if digest != rooms().assets:
        raise NotFound
    response = send_from_directory(f"{pages.root_path}/../static", name)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@pages.get("/favicon.ico")
@needs(Role.PUBLIC, quiet=True)
def favicon() -> Response:
    """What browsers ask for unasked."""
    return send_from_directory(f"{pages.root_path}/../static", "icon.svg", mimetype="image/svg+xml")


def asset(name: str) -> str:
    """The URL of a static file."""
    return url_for("assets.file", digest=rooms().assets, name=name)
