"""``[[device]]`` of ``station.toml``: sensors on the box's own wires, each by a driver's name."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from flexcore.naming import Identifier
from flexcore.tomlfile import refuse

MAX_DEVICES = 64
Name = Annotated[str, Meta(min_length=1, max_length=80)]
DriverName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
OptionName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
#: A number as the kernel counts the wires, a name below ``/dev``, or the name of a line of a port.
Wire: TypeAlias = (
    Annotated[int, Meta(ge=0, le=255)] | Annotated[str, Meta(pattern=r"^[A-Za-z0-9:_./-]{1,80}\Z")]
)
WireKind = Literal["i2c", "pin", "uart"]
WIRES: tuple[WireKind, ...] = ("i2c", "pin", "uart")
#: What a contact that is active means for the people around it.
ContactAlarm = Literal["fire", "smoke", "door", "water"]


class DeviceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device: the ``driver``, the wire that it hangs on where the driver wants one, and the driver's own
    ``options`` (an address, a resistor).

    ``about``: the element or component that it measures. ``alarm``: while its ``active`` is not 0, this is
    raised.
    """

    id: Identifier
    name: Name
    driver: DriverName
    i2c: Wire | None = None
    pin: Wire | None = None
    uart: Wire | None = None
    options: Annotated[dict[OptionName, bool | int | float | str], Meta(max_length=16)] = {}
    period_ms: Annotated[int, Meta(ge=50, le=3_600_000)] = 1000
    about: Identifier | None = None
    alarm: ContactAlarm | None = None

    @property
    def wire(self) -> tuple[WireKind, int | str] | None:
        """Which wire, and its number or name; None where none is named."""
        for kind in WIRES:
            found: int | str | None = getattr(self, kind)
            if found is not None:
                return kind, found
        return None


def check_device(device: DeviceSettings, known: set[str], file: str, table: str) -> None:
    """Rules that span keys; ``known`` are the ids of elements and components.

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    named = [kind for kind in WIRES if getattr(device, kind) is not None]
    if len(named) > 1:
        refuse(file, f"{table}.{named[1]}", f"expected one wire, {named[0]} is named too")
    wire = device.wire
    if wire is not None and isinstance(wire[1], str) and ".." in wire[1]:
        refuse(file, f"{table}.{wire[0]}", f"expected a name without '..', got {wire[1]!r}")
    if device.about is not None and device.about not in known:
        listed = ", ".join(sorted(known))
        refuse(
            file,
            f"{table}.about",
            f"expected the id of a busbar, field or component ({listed}), got {device.about!r}",
        )
