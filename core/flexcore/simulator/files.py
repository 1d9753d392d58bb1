"""The virtual station's shipped files: stations and maps, found by name."""

from __future__ import annotations

from pathlib import Path

from flexcore.errors import SettingsError

_HERE = Path(__file__).parent


def shipped(kind: str) -> dict[str, Path]:
    """Files of one kind (``stations``, ``maps``) by their name."""
    return {file.stem: file for file in sorted((_HERE / kind).glob("*.toml"))}


def find(kind: str, name: str) -> Path:
    """A file by its path, or a shipped one by its name.

    Raises:
        SettingsError: there is neither.
    """
    path = Path(name)
    known = shipped(kind)
    if path.suffix or path.exists():
        return path
    if name not in known:
        raise SettingsError(f"{name}: (file): expected a file or one of {', '.join(known)}")
    return known[name]
