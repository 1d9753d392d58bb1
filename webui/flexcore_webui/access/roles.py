"""Every endpoint declares who may use it; one that does not keeps the application from being made."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

from flask import Flask

from flexcore.errors import FlexcoreError

View = TypeVar("View", bound=Callable[..., Any])
_ROLE = "flexcore_role"
_QUIET = "flexcore_quiet"


class Role(IntEnum):
    """What a person may do; a higher role may all that a lower one may."""

    PUBLIC = 0
    VIEWER = 1


class RoleError(FlexcoreError, RuntimeError):
    """An endpoint without a declared role: a mistake of ours, found when the application is made."""

    code = "role"


def needs(role: Role, *, quiet: bool = False) -> Callable[[View], View]:
    """Declare the role of a view function.

    A ``quiet`` one is asked for by scripts and programs: it does not keep a session alive, and who may not
    use it gets an error instead of the sign-in page.
    """

    def mark(view: View) -> View:
        setattr(view, _ROLE, role)
        setattr(view, _QUIET, quiet)
        return view

    return mark


def role_of(app: Flask, endpoint: str) -> Role:
    """The declared role of an endpoint; raises :class:`RoleError` where there is none."""
    role = getattr(app.view_functions[endpoint], _ROLE, None)
    if not isinstance(role, Role):
        raise RoleError(f"endpoint {endpoint}: expected a role, declared with @needs(Role...)")
    return role


def is_quiet(app: Flask, endpoint: str) -> bool:
    """Whether scripts, not people, ask for this endpoint."""
    return bool(getattr(app.view_functions[endpoint], _QUIET, False))


def check_roles(app: Flask) -> None:
    """Raise :class:`RoleError` unless every endpoint has declared its role."""
    for endpoint in app.view_functions:
        role_of(app, endpoint)
