"""Sign in with the sticker code; sign out."""

from __future__ import annotations

import logging
import math

from flask import Blueprint, Response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from flexcore_webui.access.code import BusyError
from flexcore_webui.access.guard import viewer_address
from flexcore_webui.access.roles import Role, needs
from flexcore_webui.rooms import rooms

pages = Blueprint("sign_in", __name__)
_log = logging.getLogger(__name__)


@pages.get("/sign-in")
@needs(Role.PUBLIC)
def show() -> ResponseReturnValue:
    """The form; whoever is signed in already goes on."""
    if rooms().sessions.role(session) > Role.PUBLIC:
        return redirect(url_for("overview.show"))
    return _form("", 200)


@pages.post("/sign-in")
@needs(Role.PUBLIC)
def enter() -> ResponseReturnValue:
    """Check the code, slowly for whoever guesses."""
    address = viewer_address()
    throttle = rooms().throttle
    if not rooms().code.ready:
        return _form("", 503)
    given = request.form.get("code", "")
    wait_s = throttle.attempt(address)
    if wait_s > 0.0:
        return _wait(wait_s)
    try:
        right = rooms().code.matches(given)
    except BusyError:
        throttle.undo(address)
        return _wait(2.0)
    if not right:
        _log.warning("sign-in: wrong code from %s", address)
        return _form(_("This is not the code of this box. Check the sticker and try again."), 403)
    throttle.succeeded(address)
    rooms().sessions.begin(session, Role.VIEWER)
    _log.info("sign-in: right code from %s", address)
    return redirect(url_for("overview.show"), 303)


@pages.post("/sign-out")
@needs(Role.PUBLIC)
def leave() -> ResponseReturnValue:
    """End the session, also for a copy of its cookie."""
    rooms().sessions.end(session)
    return redirect(url_for("sign_in.show"), 303)


def _wait(wait_s: float) -> Response:
    seconds = max(1, math.ceil(wait_s))
    response = _form(_("Too many wrong codes. Wait %(seconds)s s and try again.", seconds=seconds), 429)
    response.headers["Retry-After"] = str(seconds)
    return response


def _form(problem: str, status: int) -> Response:
    page = render_template("sign_in.html", problem=problem, ready=rooms().code.ready)
    return Response(page, status, content_type="text/html; charset=utf-8")
