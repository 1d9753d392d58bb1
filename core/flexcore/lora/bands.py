"""The bands of Europe at 868 MHz, and how much of an hour each allows."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

import msgspec

from flexcore.errors import SettingsError
from flexcore.tomlfile import parse_toml, read_toml_text

HOUR_NS = 3_600_000_000_000


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One band; ``power_mw`` is effective radiated power."""

    name: str
    low_hz: int
    high_hz: int
    duty_per_mille: int
    power_mw: int

    @property
    def allowed_ns(self) -> int:
        """Time on air that any hour may hold."""
        return HOUR_NS // 1000 * self.duty_per_mille

    @property
    def power_dbm(self) -> float:
        """The limit of effective radiated power in dBm."""
        return 10 * math.log10(self.power_mw)


class _Bands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    band: tuple[Band, ...]


@cache
def bands() -> tuple[Band, ...]:
    """All of them, lowest first."""
    file = files("flexcore.lora") / "en300220.toml"
    return parse_toml(read_toml_text(file), str(file), _Bands).band


def band_of(frequency_hz: int, bandwidth_hz: int) -> Band:
    """The band that holds the whole channel; raises :class:`SettingsError` where none does."""
    low_hz, high_hz = frequency_hz - bandwidth_hz / 2, frequency_hz + bandwidth_hz / 2
    for band in bands():
        if band.low_hz <= low_hz and high_hz <= band.high_hz:
            return band
    known = ", ".join(f"{band.low_hz / 1e6:g}-{band.high_hz / 1e6:g}" for band in bands())
    raise SettingsError(
        f"LoRa channel of {bandwidth_hz / 1e3:g} kHz at {frequency_hz / 1e6:g} MHz: "
        f"expected it within one of {known} MHz"
    )
