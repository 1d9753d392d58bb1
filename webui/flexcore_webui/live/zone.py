"""The station's wall clock: UTC on every bus, Dutch time for people."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ZONE = "Europe/Amsterdam"


@lru_cache(maxsize=1)
def zone() -> tzinfo:
    """The station's time zone; UTC, and called so, on a system without zone data."""
    try:
        return ZoneInfo(ZONE)
    except (ZoneInfoNotFoundError, OSError):
        return UTC


def offset(time_ns: int) -> tuple[str, int]:
    """Name and offset in seconds of the zone at a moment, e.g. ``("CET", 3600)``."""
    local = datetime.fromtimestamp(time_ns // 1_000_000_000, zone())
    away = local.utcoffset()
    return local.tzname() or "UTC", int(away.total_seconds()) if away else 0
