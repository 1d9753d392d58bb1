"""What hangs on a box's own wires, asked by every driver that might know it."""

from __future__ import annotations

from pathlib import Path

from flexcore.drivers.device import one_line
from flexcore.drivers.registry import Driver, find, names
from flexcore.errors import SettingsError
from flexcore.machine import I2C, Backend, ticks
from flexcore.probe.finding import Finding

#: In place of resistors and the like: whether a chip is there does not depend on them.
_ANY: dict[type, object] = {float: 1.0, int: 1, str: "", bool: True}


def i2c_buses(root: Path = Path("/")) -> list[int]:
    """Numbers of the buses that Linux offers."""
    found = [path.name.removeprefix("i2c-") for path in (root / "dev").glob("i2c-*")]
    return sorted(int(number) for number in found if number.isdigit())


def _i2c_drivers() -> list[Driver]:
    drivers = []
    for name in names():
        try:
            driver = find(name)
        except SettingsError:
            continue  # not one that is read, or one that cannot be loaded
        if driver.wire == "i2c" and "address" in driver.options:
            drivers.append(driver)
    return drivers


def _knows(driver: Driver, bus: I2C, address: int) -> bool:
    """Whether the driver takes what is at ``address`` for its own. It only reads, as its ``check`` does."""
    arguments: dict[str, object] = {
        name: _ANY[option.kind] for name, option in driver.options.items() if option.required
    }
    if driver.clock:
        arguments["time"] = ticks
    try:
        sensor = driver.make(i2c=bus, **{**arguments, "address": address})
        sensor.check()
        sensor.read()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def probe_i2c(backend: Backend, buses: list[int]) -> list[Finding]:
    """Every address that answers on ``buses``, and the drivers whose chip it may be at its usual address."""
    drivers = _i2c_drivers()
    findings = []
    for number in buses:
        bus = I2C(number, backend=backend)
        try:
            addresses = bus.scan()
        except OSError as error:
            findings.append(Finding(f"i2c {number}", "the bus", "trouble", one_line(error)))
            continue
        for address in addresses:
            usual = [driver for driver in drivers if driver.options["address"].default == address]
            known = [driver.name for driver in usual if _knows(driver, bus, address)]
            what = " or ".join(known) or "not known"
            findings.append(Finding(f"i2c {number}", f"0x{address:02x}", "found", what))
    return findings


def probe_files(root: Path = Path("/")) -> list[Finding]:
    """1-wire thermometers and supplies that the kernel knows, and serial lines."""
    findings = []
    for path in sorted((root / "sys/bus/w1/devices").glob("28-*")):
        findings.append(Finding("1-wire", path.name, "found", "w1_thermometer"))
    for path in sorted((root / "sys/class/power_supply").glob("*")):
        findings.append(Finding("power supply", path.name, "found", "power_supply"))
    for pattern in ("ttyUSB*", "ttyACM*"):
        for path in sorted((root / "dev").glob(pattern)):
            findings.append(Finding("serial line", f"/dev/{path.name}", "found", "not asked"))
    return findings
