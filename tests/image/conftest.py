"""Boxes in the emulator: one that measures, kept for all the tests that only look.

It is gone when the last test of this folder is done: what is measured elsewhere has the machine for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Neighbours are imported by their own names.
sys.path.insert(0, str(Path(__file__).parent))

from guest import Guest, guest

from flexcore.desk.scene import STATIONS

# Emulated, a boot takes half a minute on an idle machine and minutes on a busy one.
LIMIT_S = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.image)
            item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.fixture(scope="package")
def station() -> str:
    """The station file handed in as credential; override it to test another."""
    return (STATIONS / "wisp2.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="package")
def box(station: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A box with a station, up; for tests that leave it as they found it."""
    credentials = {"flexcore.station": station, "flexcore.code": "ABCDEFGHIJ"}
    with guest(tmp_path_factory.mktemp("box"), credentials=credentials) as running:
        yield running
