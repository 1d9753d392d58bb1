"""Which image and which version this box runs, from ``/etc/os-release``."""

from __future__ import annotations

from pathlib import Path

import msgspec

import flexcore


class About(msgspec.Struct, frozen=True):
    """Identity of the software; empty strings where the system is not a Flexcore image."""

    flexcore_version: str
    image_id: str
    image_version: str
    system: str


def read_about(file: Path = Path("/etc/os-release")) -> About:
    """Identity by os-release(5); a missing file is a developer's machine, not an error."""
    fields: dict[str, str] = {}
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, sep, value = line.partition("=")
        if sep and not key.startswith("#"):
            fields[key.strip()] = value.strip().strip("\"'")[:120]
    return About(
        flexcore_version=flexcore.__version__,
        image_id=fields.get("IMAGE_ID", ""),
        image_version=fields.get("IMAGE_VERSION", ""),
        system=fields.get("PRETTY_NAME", ""),
    )
