"""Drivers by name: what one wants to be told is what its constructor asks for.

A driver is a class, registered under the entry-point group ``flexcore.drivers``. A parameter ``i2c``, ``pin``
or ``uart`` is the wire of that kind from :mod:`flexcore.machine`, ``time`` its clock; all others are the
site's options, with the type that the annotation says. ``read()`` gives values by name; ``check()``, where
there is one, raises where something else answers. So a new sensor is one file and one line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from flexcore.devices import WIRES, DeviceSettings, WireKind
from flexcore.errors import SettingsError
from flexcore.tomlfile import refuse

GROUP = "flexcore.drivers"
_CLOCK = "time"
_TYPES: dict[str, type] = {"float": float, "int": int, "str": str, "bool": bool}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a driver."""

    kind: type
    required: bool
    default: object = None


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver: how it is made and what it wants."""

    name: str
    make: Callable[..., Any]
    wire: WireKind | None
    clock: bool
    options: Mapping[str, Option]

    def check(self, device: DeviceSettings, file: str, table: str) -> None:
        """Whether ``device`` of a station file says what this driver wants.

        Raises:
            SettingsError: with the file, the key and what was expected.
        """
        found = device.wire
        if self.wire is None and found is not None:
            refuse(file, f"{table}.{found[0]}", f"expected no wire, driver {self.name!r} has none")
        if self.wire is not None and (found is None or found[0] != self.wire):
            refuse(file, f"{table}.{self.wire}", f"expected the wire of driver {self.name!r}")
        for key, value in device.options.items():
            option = self.options.get(key)
            if option is None:
                known = ", ".join(sorted(self.options)) or "it has none"
                refuse(file, f"{table}.options.{key}", f"expected an option of {self.name!r} ({known})")
            if not _fits(value, option.kind):
                expected = f"expected {option.kind.__name__}"
                refuse(file, f"{table}.options.{key}", f"{expected}, got {value!r}")
        for key, option in self.options.items():
            if option.required and key not in device.options:
                expected = f"expected {option.kind.__name__}, driver {self.name!r} needs it"
                refuse(file, f"{table}.options.{key}", expected)


def _fits(value: object, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, kind) or (kind is float and isinstance(value, int))


def describe(name: str, make: Callable[..., Any]) -> Driver:
    """What a class wants, by its constructor; raises :class:`SettingsError` where it is no driver."""
    wire: WireKind | None = None
    clock = False
    options: dict[str, Option] = {}
    for parameter in inspect.signature(make).parameters.values():
        if parameter.name in WIRES:
            wire = next(kind for kind in WIRES if kind == parameter.name)
        elif parameter.name == _CLOCK:
            clock = True
        else:
            said = parameter.annotation
            kind = _TYPES.get(said if isinstance(said, str) else getattr(said, "__name__", ""))
            if kind is None:
                raise SettingsError(
                    f"driver {name!r}: {parameter.name}: expected an option of type {', '.join(_TYPES)}"
                )
            required = parameter.default is inspect.Parameter.empty
            options[parameter.name] = Option(kind, required, None if required else parameter.default)
    return Driver(name, make, wire, clock, options)


def names() -> list[str]:
    """Every driver that is installed."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load(name: str) -> Any:
    """What is registered as the driver ``name``; raises :class:`SettingsError` where there is none such, or
    two, or one that cannot be loaded."""
    found = entry_points(group=GROUP, name=name)
    if len({entry.value for entry in found}) != 1:
        raise SettingsError(f"driver {name!r}: expected one of {', '.join(names()) or '(none installed)'}")
    try:
        return next(iter(found)).load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"driver {name!r}: expected one that can be loaded: {error}") from error


def find(name: str) -> Driver:
    """The driver of that name; raises :class:`SettingsError` where there is none that is read."""
    made = load(name)
    if not callable(getattr(made, "read", None)):
        raise SettingsError(f"driver {name!r}: expected one that is read")
    return describe(name, made)


def find_for(device: DeviceSettings, file: str, table: str) -> Driver:
    """The driver of a device, which says all that it wants; raises :class:`SettingsError`."""
    try:
        driver = find(device.driver)
    except SettingsError as error:
        refuse(file, f"{table}.driver", error.message)
    driver.check(device, file, table)
    return driver
