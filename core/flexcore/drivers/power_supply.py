"""A battery or supply that the kernel knows: ``/sys/class/power_supply`` (the kernel's ABI documentation)."""

from __future__ import annotations

from pathlib import Path

SUPPLIES = "/sys/class/power_supply"
MAX_BYTES = 4096
#: Property, our name, and the unit of the kernel's integers (microvolts, microamperes, tenths of a degree).
PROPERTIES: tuple[tuple[str, str, float], ...] = (
    ("VOLTAGE_NOW", "voltage_v", 1e-6),
    ("CURRENT_NOW", "current_a", 1e-6),
    ("POWER_NOW", "power_w", 1e-6),
    ("CAPACITY", "charge_percent", 1.0),
    ("ENERGY_NOW", "energy_wh", 1e-6),
    ("ENERGY_FULL", "full_wh", 1e-6),
    ("CHARGE_NOW", "remaining_ah", 1e-6),
    ("CHARGE_FULL", "full_ah", 1e-6),
    ("TEMP", "temperature_c", 0.1),
    ("TIME_TO_EMPTY_NOW", "runtime_s", 1.0),
    ("CYCLE_COUNT", "cycles", 1.0),
    ("ONLINE", "mains", 1.0),
)
CHARGING = {"Charging": 1.0, "Discharging": 0.0, "Not charging": 0.0, "Full": 0.0}


class PowerSupply:
    """``supply``: its folder's name, such as ``BAT0``. One file holds all, so that values belong together."""

    def __init__(self, supply: str, supplies: str = SUPPLIES) -> None:
        if not supply or "/" in supply or supply.startswith("."):
            raise ValueError(f"power supply {supply!r}: expected a name such as BAT0")
        self._supply = supply
        self._file = Path(supplies) / supply / "uevent"

    def read(self) -> dict[str, float | None]:
        """What this supply measures; ValueError where it says nothing that can be used."""
        with self._file.open(encoding="ascii", errors="replace") as file:
            text = file.read(MAX_BYTES)
        said = dict(
            line.removeprefix("POWER_SUPPLY_").split("=", 1) for line in text.splitlines() if "=" in line
        )
        if said.get("PRESENT") == "0":
            raise ValueError(f"{self._supply}: no battery is present")
        values: dict[str, float | None] = {}
        for key, name, unit in PROPERTIES:
            if key in said:
                values[name] = self._number(key, said[key]) * unit
        if said.get("STATUS") in CHARGING:
            values["charging"] = CHARGING[said["STATUS"]]
        if not values:
            raise ValueError(f"{self._supply}: expected a voltage, a charge or whether it is online")
        return values

    def _number(self, key: str, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{self._supply}: {key}: expected a number, got {text[:16]!r}") from None
