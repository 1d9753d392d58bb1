"""``[[meter]]`` of ``station.toml``: bought-in meters that are asked, each by a register profile."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flexcore.naming import Identifier
from flexcore.tomlfile import refuse

MAX_METERS = 32
Name = Annotated[str, Meta(min_length=1, max_length=80)]
ScaleName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]


class MeterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter: at an IP ``address`` (Modbus/TCP, or serial frames with ``framing = "rtu"``), or on a
    serial ``device``.

    ``profile`` is one that is shipped or a file of the box; ``scales`` are the site's for those that it
    names. ``field``: what it measures, where that is one of the station's.
    """

    id: Identifier
    name: Name
    profile: Identifier
    address: Annotated[str, Meta(max_length=45)] | None = None
    port: Annotated[int, Meta(ge=1, le=65535)] = 502
    device: Annotated[str, Meta(pattern=r"^/dev/[A-Za-z0-9._/-]{1,80}\Z")] | None = None
    framing: Literal["tcp", "rtu"] = "tcp"
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    period_ms: Annotated[int, Meta(ge=200, le=3_600_000)] = 1000
    timeout_ms: Annotated[int, Meta(ge=50, le=30_000)] = 1000
    field: Identifier | None = None
    scales: Annotated[dict[ScaleName, float], Meta(max_length=32)] = {}

    @property
    def line(self) -> tuple[str, int]:
        """What it shares with other meters: a serial device, or an address and port."""
        return (self.device, 0) if self.device is not None else (self.address or "", self.port)


def check_meter(meter: MeterSettings, file: str, table: str) -> None:
    """Rules that span keys.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    if (meter.address is None) == (meter.device is None):
        refuse(file, f"{table}.address", "expected either address or device")
    if meter.address is not None and not _is_address(meter.address):
        refuse(file, f"{table}.address", f"expected an IP address, got {meter.address[:45]!r}")
    if meter.device is not None and ".." in meter.device:
        refuse(file, f"{table}.device", f"expected a path without '..', got {meter.device[:80]!r}")


def check_lines(meters: tuple[MeterSettings, ...], file: str) -> None:
    """Meters on one line have one speed, one framing and numbers of their own.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    lines: dict[tuple[str, int], int] = {}
    for n, meter in enumerate(meters):
        first = lines.setdefault(meter.line, n)
        other = meters[first]
        for key in ("framing", "baud", "parity", "stop_bits"):
            if getattr(meter, key) != getattr(other, key):
                expected = f"expected that of meter[{first}] on the same line, {getattr(other, key)!r}"
                refuse(file, f"meter[{n}].{key}", f"{expected}, got {getattr(meter, key)!r}")
        same = [m for m in meters[:n] if m.line == meter.line and m.unit == meter.unit]
        if same:
            refuse(
                file, f"meter[{n}].unit", f"expected a number used once on its line, {same[0].id!r} has it"
            )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
