"""A device on a wire of the box: opened, checked once, read; and after a failure all of that again."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from flexcore.devices import DeviceSettings
from flexcore.drivers.errors import ReadError, Reason
from flexcore.drivers.registry import Driver
from flexcore.machine import I2C, UART, Backend, Pin, ticks

#: A value that no sensor of a station can have: a wrong driver or resistor.
ABSURD = 1e12
MAX_VALUES = 64
#: What the kernel's numbers mean on a wire (see :mod:`flexcore.machine.ports`).
_REASONS: dict[int, Reason] = {
    errno.ENODEV: "silent",
    errno.ENXIO: "silent",
    errno.EREMOTEIO: "silent",
    errno.ETIMEDOUT: "broken",
    errno.EIO: "broken",
    errno.ENOENT: "unreachable",
    errno.EACCES: "unreachable",
    errno.EPERM: "unreachable",
    errno.ECONNREFUSED: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ECONNRESET: "closed",
    errno.EPIPE: "closed",
}


class NotThisDeviceError(ReadError):
    """Something answers, but not as the driver expects."""

    code = "read.identity"
    wrong = True

    def __init__(self, message: str) -> None:
        super().__init__("other_device", message)


class Device:
    """``settings`` by its ``driver``, on wires of ``backend``. Nothing is opened before the first reading."""

    def __init__(self, settings: DeviceSettings, driver: Driver, backend: Backend) -> None:
        self._settings, self._driver, self._backend = settings, driver, backend
        self._sensor: Any = None
        self._wire: Any = None

    def read(self) -> dict[str, float | None]:
        """All values by name.

        Raises:
            ReadError: nothing was read; ``reason`` says why.
            NotThisDeviceError: it is not the device of the station file.
        """
        try:
            if self._sensor is None:
                self._open()
            return self._values()
        except ReadError:
            self.close()
            raise

    def close(self) -> None:
        """Give the wire up."""
        sensor, wire, self._sensor, self._wire = self._sensor, self._wire, None, None
        for one in (sensor, wire):
            if callable(end := getattr(one, "deinit", None)):
                end()

    def _open(self) -> None:
        driver = self._driver
        arguments: dict[str, Any] = dict(self._settings.options)
        named = self._settings.wire
        if named is not None and driver.wire is not None:
            self._wire = self._try(lambda: self._open_wire(named[1]))
            arguments[driver.wire] = self._wire
        if driver.clock:
            arguments["time"] = ticks
        try:
            sensor = driver.make(**arguments)
            if callable(check := getattr(sensor, "check", None)):
                self._try(check)
        except ValueError as error:
            raise NotThisDeviceError(one_line(error)) from error
        self._sensor = sensor

    def _open_wire(self, wire: int | str) -> object:
        match self._driver.wire:
            case "i2c":
                return I2C(wire, backend=self._backend)
            case "uart":
                return UART(wire, backend=self._backend)
            case _:
                return Pin(wire, Pin.IN, backend=self._backend)

    def _values(self) -> dict[str, float | None]:
        try:
            found = self._try(self._sensor.read)
        except ValueError as error:
            raise ReadError("garbage", one_line(error)) from error
        values: dict[str, float | None] = {}
        for name, value in list(found.items())[:MAX_VALUES]:
            number = None if value is None else float(value)
            if number is not None and not abs(number) < ABSURD:
                raise ReadError("garbage", f"{name}: expected a number of a station, got {number:.3g}")
            values[name] = number
        return values

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except ReadError:
            raise
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, "broken")
            if isinstance(error, TimeoutError) and self._driver.wire is None:
                reason = "silent"  # a server; on a wire somebody holds it low
            raise ReadError(reason, one_line(error)) from error


def one_line(error: Exception) -> str:
    """What an error says, in one line that can be shown."""
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
