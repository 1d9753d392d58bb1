"""A 1-wire thermometer (DS18B20 and kin) by the kernel's ``w1_therm``: millidegrees in a file per sensor."""

from __future__ import annotations

from pathlib import Path

DEVICES = "/sys/bus/w1/devices"
#: What the chip holds before it has ever converted: a sensor that lost its supply says so.
POWER_ON_MC = 85_000
LOWEST_MC, HIGHEST_MC = -55_000, 125_000


class W1Thermometer:
    """``serial``: the sensor's number as the kernel names its folder, ``28-0316a2798bff``."""

    def __init__(self, serial: str, devices: str = DEVICES) -> None:
        if not serial or "/" in serial or serial.startswith("."):
            raise ValueError(f"1-wire: serial {serial!r}, expected a name such as 28-0316a2798bff")
        self._file = Path(devices) / serial / "temperature"

    def read(self) -> dict[str, float]:
        """The temperature; ValueError where the sensor cannot have measured it, OSError where it is gone."""
        text = self._file.read_text(encoding="ascii", errors="replace")[:32].strip()
        try:
            millidegrees = int(text)
        except ValueError:
            raise ValueError(f"{self._file.parent.name}: expected millidegrees, got {text[:16]!r}") from None
        if millidegrees == POWER_ON_MC:
            raise ValueError(f"{self._file.parent.name}: 85 degC, the value of a sensor that lost its supply")
        if not LOWEST_MC <= millidegrees <= HIGHEST_MC:
            raise ValueError(f"{self._file.parent.name}: {millidegrees / 1000:.1f} degC, expected -55 to 125")
        return {"temperature_c": millidegrees / 1000.0}
