"""What the page's tests share: compiled translations, a scene, a signed-in client."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from flexcore_webui.app import create_app
from flexcore_webui.settings import WebSettings
from support.broker import broker
from support.web_scene import Scene, make_paths, sign_in

__all__ = ["broker"]

TRANSLATIONS = Path(__file__).parents[2] / "webui/flexcore_webui/translations"


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """The Dutch catalogue as the build would compile it."""
    po = TRANSLATIONS / "nl/LC_MESSAGES/messages.po"
    out = io.BytesIO()
    with po.open("rb") as file:
        write_mo(out, read_po(file, locale="nl"))
    mo = po.with_suffix(".mo")
    if not mo.is_file() or mo.read_bytes() != out.getvalue():
        mo.write_bytes(out.getvalue())


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings(paths=make_paths(tmp_path), secure=False, proxied=False)


@pytest.fixture
def scene(settings: WebSettings) -> Scene:
    return Scene(settings)


@pytest.fixture
def app(settings: WebSettings, scene: Scene) -> Flask:
    return create_app(settings, scene.board)


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Somebody who has not signed in."""
    return app.test_client()


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """Somebody who has."""
    client = app.test_client()
    sign_in(client)
    yield client
