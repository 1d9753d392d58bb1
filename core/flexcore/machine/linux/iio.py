"""Analogue inputs by the industrial I/O subsystem (Documentation/ABI/testing/sysfs-bus-iio)."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from flexcore.machine.ports import WireId

_TYPE = re.compile(r"^(?:le|be):(?P<sign>[su])(?P<bits>\d{1,2})/\d{1,2}(?:X\d+)?(?:>>\d+)?$")


def input_path(devices: Path, wire: WireId) -> tuple[Path, int]:
    """The device's folder and the channel; the device by number or by the name it gives itself."""
    device, channel = wire if isinstance(wire, tuple) else (0, wire)
    if not isinstance(channel, int):
        raise ValueError(f"ADC {wire!r}: expected a channel or (device, channel)")
    if isinstance(device, int):
        return devices / f"iio:device{device}", channel
    for folder in sorted(devices.glob("iio:device*")):
        if _text(folder / "name") == device:
            return folder, channel
    raise OSError(errno.ENODEV, f"no converter in {devices} is named {device!r}")


class IioInput:
    """``in_voltageN`` of one converter; each call is one conversion."""

    def __init__(self, folder: Path, channel: int) -> None:
        self._folder = folder
        self._channel = f"in_voltage{channel}"
        if not (folder / f"{self._channel}_raw").exists():
            raise OSError(errno.ENODEV, f"{folder}: no channel {channel}")

    def read_fraction(self) -> float:
        """Of full scale, which the channel's storage type tells; raises EOPNOTSUPP where it tells none."""
        text = _text(self._folder / "scan_elements" / f"{self._channel}_type")
        match = _TYPE.match(text or "")
        if match is None:
            raise OSError(
                errno.EOPNOTSUPP, f"{self._folder}: {self._channel} does not say its number of bits"
            )
        bits = int(match["bits"]) - (match["sign"] == "s")
        return self._number("raw") / ((1 << bits) - 1)

    def read_volt(self) -> float:
        """(raw + offset) * scale, which is in mV."""
        return (self._number("raw") + self._number("offset", 0.0)) * self._number("scale") / 1_000

    def _number(self, what: str, default: float | None = None) -> float:
        # A chip gives scale and offset per channel, or once for all of them.
        for name in (f"{self._channel}_{what}", f"in_voltage_{what}"):
            text = _text(self._folder / name)
            if text is not None:
                try:
                    return float(text)
                except ValueError:
                    raise OSError(errno.EIO, f"{self._folder / name}: {text!r}, expected a number") from None
        if default is None:
            raise OSError(errno.ENODEV, f"{self._folder}: no {self._channel}_{what}")
        return default


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(128).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
