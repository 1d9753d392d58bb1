"""What views need, found at the application they belong to."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from flexcore_webui.about import About
from flexcore_webui.access.code import CodeCheck
from flexcore_webui.access.sessions import Sessions
from flexcore_webui.access.throttle import Throttle
from flexcore_webui.live.board import Board
from flexcore_webui.settings import WebSettings

_EXTENSION = "flexcore"


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts of one page. ``assets`` is the digest under which static files are served."""

    settings: WebSettings
    board: Board
    sessions: Sessions
    throttle: Throttle
    code: CodeCheck
    about: About
    assets: str


def furnish(app: Flask, rooms: Rooms) -> None:
    """Give the application its rooms."""
    app.extensions[_EXTENSION] = rooms


def rooms() -> Rooms:
    """The rooms of the application that serves this request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Rooms)  # noqa: S101 - for the type checker
    return found
