"""Pins by libgpiod 2: the library keeps up with the kernel's character device, and is Debian's."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import gpiod
from gpiod.line import Bias, Direction, Drive, Edge, Value

from flexcore.machine.ports import PinSettings, WireId

log = logging.getLogger(__name__)

_IN, _OUT, _OPEN_DRAIN = 0, 1, 2
_BIAS = {-1: Bias.AS_IS, 0: Bias.DISABLED, 1: Bias.PULL_UP, 2: Bias.PULL_DOWN}
_EDGE = {
    (False, False): Edge.NONE,
    (True, False): Edge.FALLING,
    (False, True): Edge.RISING,
    (True, True): Edge.BOTH,
}
_LOOK = timedelta(milliseconds=200)


def find_line(dev: Path, wire: WireId) -> tuple[Path, int]:
    """The chip's file and the line's offset; raises :class:`OSError` (ENODEV) where no line has that name."""
    if isinstance(wire, int):
        return dev / "gpiochip0", wire
    if isinstance(wire, tuple):
        chip, offset = wire
        return dev / (f"gpiochip{chip}" if isinstance(chip, int) else chip), offset
    chip_name, colon, number = wire.rpartition(":")
    if colon and number.isdecimal():
        return dev / chip_name, int(number)
    for path in sorted(dev.glob("gpiochip*")):
        with gpiod.Chip(str(path)) as opened:
            try:
                return path, opened.line_offset_from_id(wire)
            except OSError:
                continue  # this chip has no such line
    raise OSError(errno.ENODEV, f"no line of a chip in {dev} is named {wire!r}")


class GpioLine:
    """One requested line."""

    def __init__(self, chip: Path, offset: int) -> None:
        self._chip = chip
        self._offset = offset
        self.mode = -1
        self.pull = -1
        self._level = False
        self._edge = Edge.NONE
        self._request: gpiod.LineRequest | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._notify: Callable[[bool], None] | None = None

    def configure(self, settings: PinSettings) -> None:
        """Take over ``settings``; raises :class:`OSError` where the chip refuses or another
        holds the line.
        """
        if settings.value is not None:
            self._level = settings.value
        if settings.mode != -1:
            self.mode = settings.mode
        if settings.pull != -1:
            self.pull = settings.pull
        self._apply()

    def get(self) -> bool:
        """The level of the wire."""
        return self._held().get_value(self._offset) is Value.ACTIVE

    def set(self, value: bool) -> None:
        """Drive it, or remember it for when it is an output."""
        self._level = value
        if self.mode in {_OUT, _OPEN_DRAIN}:
            self._held().set_value(self._offset, Value.ACTIVE if value else Value.INACTIVE)

    def watch(self, falling: bool, rising: bool, notify: Callable[[bool], None] | None) -> None:
        """See :class:`flexcore.machine.ports.PinPort`."""
        self._notify = notify
        self._edge = _EDGE[falling, rising] if notify is not None else Edge.NONE
        self._apply()
        if notify is None:
            self._stop.set()
            self._thread = None
        elif self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop,), name=f"pin-{self._offset}", daemon=True
            )
            self._thread.start()

    def _held(self) -> gpiod.LineRequest:
        if self._request is None:
            self._apply()
        if self._request is None:
            raise OSError(errno.ENODEV, f"line {self._offset}: expected it held")
        return self._request

    def _apply(self) -> None:
        output = self.mode in {_OUT, _OPEN_DRAIN} and self._edge is Edge.NONE
        direction = Direction.OUTPUT if output else Direction.INPUT
        if self.mode == -1 and self._edge is Edge.NONE:
            direction = Direction.AS_IS
        settings = gpiod.LineSettings(
            direction=direction,
            edge_detection=self._edge,
            bias=_BIAS[self.pull],
            drive=Drive.OPEN_DRAIN if output and self.mode == _OPEN_DRAIN else Drive.PUSH_PULL,
            output_value=Value.ACTIVE if self._level else Value.INACTIVE,
        )
        if self._request is None:
            self._request = gpiod.request_lines(
                str(self._chip), consumer="flexcore", config={self._offset: settings}
            )
        else:
            self._request.reconfigure_lines({self._offset: settings})

    def _run(self, stop: threading.Event) -> None:
        request = self._held()
        while not stop.is_set():
            try:
                if not request.wait_edge_events(_LOOK):
                    continue
                events = request.read_edge_events()
            except OSError as error:
                log.error("%s line %d: edges are no longer seen: %s", self._chip, self._offset, error)
                return
            for event in events:
                notify = self._notify
                if notify is not None and not stop.is_set():
                    notify(event.event_type is gpiod.EdgeEvent.Type.RISING_EDGE)
