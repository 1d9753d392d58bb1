"""The application: ``create_app(settings)`` puts the rooms together and refuses undeclared endpoints."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flexcore.paths import Paths
from flexcore_webui import errors, locale
from flexcore_webui.about import read_about
from flexcore_webui.access import guard, headers
from flexcore_webui.access.code import CodeCheck
from flexcore_webui.access.roles import check_roles
from flexcore_webui.access.sessions import Sessions, signing_key
from flexcore_webui.access.throttle import Throttle
from flexcore_webui.api import v1
from flexcore_webui.live.board import Board
from flexcore_webui.live.making import make_board
from flexcore_webui.pages import assets, context, overview, preferences, sign_in
from flexcore_webui.rooms import Rooms, furnish
from flexcore_webui.settings import WebSettings

MAX_BODY_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


def create_app(settings: WebSettings, board: Board | None = None) -> Flask:
    """The page as a WSGI application; no thread runs until ``board.start()``.

    Raises:
        RoleError: an endpoint did not declare its role.
    """
    app = Flask("flexcore_webui", static_folder=None)
    code_hash = _credential(settings.paths, "web-code")
    app.config.update(
        SECRET_KEY=signing_key(_credential(settings.paths, "web-session"), code_hash),
        # "__Host-" binds the cookie to this very host and to TLS.
        SESSION_COOKIE_NAME="__Host-flexcore" if settings.secure else "flexcore",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        MAX_FORM_PARTS=16,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    board = board or make_board(settings)
    sessions = Sessions(settings, board.streams.end_of)
    rooms = Rooms(
        settings=settings,
        board=board,
        sessions=sessions,
        throttle=Throttle(free=settings.free_attempts, free_all=settings.free_attempts_all),
        code=CodeCheck(code_hash),
        about=read_about(),
        assets=_digest(Path(app.root_path) / "static"),
    )
    furnish(app, rooms)
    locale.install(app)
    guard.install(app, sessions)
    context.install(app)
    for blueprint in (assets.pages, overview.pages, preferences.pages, sign_in.pages, v1.api):
        app.register_blueprint(blueprint)
    errors.install(app)
    app.after_request(headers.fence)
    if settings.proxied:
        # nginx is the only one that reaches the socket, and it sets both headers itself.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    check_roles(app)
    return app


def _credential(paths: Paths, name: str) -> str | None:
    """A credential or None: without one the page still starts and says so."""
    try:
        return paths.credential(name)
    except (OSError, UnicodeDecodeError) as error:
        _log.warning("credential %s: expected readable text: %s", name, error)
        return None


def _digest(folder: Path) -> str:
    """Changes when any static file does, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
