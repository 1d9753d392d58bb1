"""What happens before every request: role, cross-site check, token."""

from __future__ import annotations

from flask import Flask, redirect, request, session, url_for
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.wrappers import Response

from flexcore_webui.access.roles import Role, is_quiet, role_of
from flexcore_webui.access.sessions import Sessions, csrf_matches

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF = "csrf"


def viewer_address() -> str:
    """Whom limits are counted for; over a unix socket without proxy there is no address."""
    return request.remote_addr or "local"


def install(app: Flask, sessions: Sessions) -> None:
    """Check every request before its view."""

    @app.before_request
    def check() -> Response | None:
        if request.endpoint is None:
            return None  # no such page: Flask says so
        needed, quiet = role_of(app, request.endpoint), is_quiet(app, request.endpoint)
        role = sessions.role(session)
        if role < needed:
            if request.method in SAFE and not quiet:
                return redirect(url_for("sign_in.show"))
            raise Unauthorized
        if request.method not in SAFE:
            _check_origin()
            given = request.headers.get("X-CSRF-Token") or request.form.get(CSRF, "")
            if not csrf_matches(session, given):
                raise Forbidden(CSRF)
        if role > Role.PUBLIC and needed > Role.PUBLIC and not quiet:
            sessions.touch(session)
        return None


def _check_origin() -> None:
    """A browser says where a change comes from; another site's is refused before its token is looked at."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden(CSRF)
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Forbidden(CSRF)
