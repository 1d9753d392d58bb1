"""The back end of a real box: device files of Linux.

Which file is which wire is said in each module; pyserial and gpiod are asked for only where a serial line or
a pin is opened.
"""

from __future__ import annotations

from pathlib import Path

from flexcore.machine.linux.i2c import open_adapter
from flexcore.machine.linux.iio import IioInput, input_path
from flexcore.machine.linux.rtc import RtcDevice, SystemClock
from flexcore.machine.linux.spi import SpiDevice, spidev_path
from flexcore.machine.linux.watchdog import WatchdogDevice
from flexcore.machine.ports import (
    ADCPort,
    I2CPort,
    PinPort,
    RTCPort,
    SPIPort,
    UARTPort,
    UARTSettings,
    WatchdogPort,
    WireId,
)


class LinuxBackend:
    """Wires below ``/dev`` and ``/sys``; ``root`` stands before both."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._dev = root / "dev"
        self._iio = root / "sys/bus/iio/devices"
        self._pins: dict[tuple[str, int], PinPort] = {}
        self._watchdogs: dict[Path, WatchdogDevice] = {}

    def i2c(self, wire: WireId, freq_hz: int, timeout_us: int) -> I2CPort:
        """``/dev/i2c-N`` or a path; the adapter has its own frequency."""
        return open_adapter(self._path(wire, "i2c-{}"), timeout_us)

    def spi(self, wire: WireId) -> SPIPort:
        """``/dev/spidevB.C`` by (B, C), B alone for chip 0, or a path."""
        return SpiDevice(spidev_path(self._dev, wire))

    def uart(self, wire: WireId, settings: UARTSettings) -> UARTPort:
        """A path, or N of ``/dev/ttySN``."""
        from flexcore.machine.linux.serial import SerialLine  # needs pyserial

        return SerialLine(self._path(wire, "ttyS{}"), settings)

    def pin(self, wire: WireId) -> PinPort:
        """A line by name, (chip, offset), ``"gpiochipN:offset"`` or an offset of ``gpiochip0``."""
        from flexcore.machine.linux.gpio import GpioLine, find_line  # needs gpiod

        chip, offset = find_line(self._dev, wire)
        return self._pins.setdefault((str(chip), offset), GpioLine(chip, offset))

    def adc(self, wire: WireId) -> ADCPort:
        """(device, channel) of the industrial I/O subsystem, or a channel of device 0."""
        return IioInput(*input_path(self._iio, wire))

    def watchdog(self, wire: WireId, timeout_ms: int) -> WatchdogPort:
        """``/dev/watchdogN`` or a path; it stays open as long as the process lives."""
        path = self._path(wire, "watchdog{}")
        device = self._watchdogs.get(path)
        if device is None:
            device = self._watchdogs[path] = WatchdogDevice(path)
        device.set_timeout(timeout_ms)
        return device

    def rtc(self, wire: WireId) -> RTCPort:
        """``/dev/rtcN`` or a path; where a numbered one is missing, the system's time, which is only read."""
        path = self._path(wire, "rtc{}")
        if isinstance(wire, int) and not path.exists():
            return SystemClock()
        return RtcDevice(path)

    def _path(self, wire: WireId, pattern: str) -> Path:
        if isinstance(wire, int):
            return self._dev / pattern.format(wire)
        if isinstance(wire, str) and wire:
            return self._dev / wire  # a whole path stays as it is
        raise ValueError(f"{wire!r}: expected a number or a path")
