"""Language and theme: two long-lived cookies that hold nothing else."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for

from flexcore_webui.access.roles import Role, needs
from flexcore_webui.locale import LANGUAGES, THEMES
from flexcore_webui.rooms import rooms

YEAR_S = 365 * 24 * 3600

pages = Blueprint("preferences", __name__)


@pages.post("/preferences")
@needs(Role.PUBLIC)
def choose() -> Response:
    """Set what the form names, if it is known; back to where the person was."""
    target = url_for("sign_in.show" if request.form.get("back") == "sign-in" else "overview.show")
    response = redirect(target, 303)
    assert isinstance(response, Response)  # noqa: S101 - for the type checker
    for name, allowed in (("lang", LANGUAGES), ("theme", THEMES)):
        value = request.form.get(name, "")
        if value in allowed:
            secure = rooms().settings.secure
            response.set_cookie(
                name, value, max_age=YEAR_S, secure=secure, httponly=True, samesite="Strict", path="/"
            )
    return response
