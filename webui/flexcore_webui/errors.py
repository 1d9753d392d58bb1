"""Every error in one shape: JSON for programs, one calm page for people."""

from __future__ import annotations

import logging

import msgspec
from flask import Flask, Response, current_app, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from flexcore.errors import FlexcoreError
from flexcore_webui.access.roles import is_quiet

_log = logging.getLogger(__name__)


class ErrorBody(msgspec.Struct, frozen=True):
    """What every failed API request answers, under the key ``error``."""

    code: str
    message: str
    hint: str | None = None


def _text(status: int) -> tuple[str, str]:
    """A stable code and a sentence for a status."""
    known = {
        400: ("bad-request", _("The box did not understand the request.")),
        401: ("sign-in", _("Sign in first.")),
        403: ("refused", _("The request was refused. Open the page again and retry.")),
        404: ("not-found", _("There is no such page.")),
        405: ("method", _("The page cannot be used this way.")),
        413: ("too-large", _("The request is too large.")),
        429: ("too-many", _("Too many at once. Wait a little and try again.")),
        503: ("unavailable", _("This is not available now.")),
    }
    return known.get(status, ("internal", _("Something went wrong in the page itself.")))


def answer(status: int, hint: str | None = None) -> Response:
    """An error response of ``status`` in the asker's form and language."""
    code, message = _text(status)
    programs = request.path.startswith("/api/")
    if request.endpoint is not None and is_quiet(current_app, request.endpoint):
        programs = True
    if programs:
        body = msgspec.json.encode({"error": ErrorBody(code, message, hint)})
        return Response(body, status, content_type="application/json")
    page = render_template("error.html", status=status, code=code, message=message, hint=hint)
    return Response(page, status, content_type="text/html; charset=utf-8")


def install(app: Flask) -> None:
    """Handle what views raise."""

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        response = answer(status)
        wait = getattr(error, "retry_after", None)
        if wait is not None:
            response.headers["Retry-After"] = str(wait)
        if status == 405 and (allowed := getattr(error, "valid_methods", None)):
            response.headers["Allow"] = ", ".join(allowed)
        return response

    @app.errorhandler(FlexcoreError)
    def known(error: FlexcoreError) -> Response:
        _log.warning("%s %s: %s", request.method, request.path, error)
        return answer(503, hint=error.message)

    @app.errorhandler(Exception)
    def unknown(error: Exception) -> Response:
        _log.exception("%s %s: unexpected error", request.method, request.path)
        return answer(500)
