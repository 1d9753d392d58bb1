"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

E2E = Path(__file__).parent / "e2e"


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks for the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With workers in parallel (``-n``, ``--dist loadgroup``) a file stays on one, and one box is one box."""
    for item in items:
        group = "e2e" if E2E in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
