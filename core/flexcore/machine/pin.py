"""``machine.Pin``: one digital line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flexcore.machine.backend import backend as chosen
from flexcore.machine.ports import Backend, PinSettings, WireId

log = logging.getLogger(__name__)


class Pin:
    """``id`` is the name of a line (``"DOOR"``), ``(chip, offset)``, ``"gpiochip0:17"`` or an offset of chip
    0.

    Two objects of one id are the same line. ``mode`` and ``pull`` of -1 leave what is set.
    """

    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    ALT = 3
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 4
    IRQ_RISING = 8
    DRIVE_0 = 0

    def __init__(
        self,
        id: WireId,
        /,
        mode: int = -1,
        pull: int | None = -1,
        *,
        value: Any = None,
        drive: int = 0,
        alt: int = -1,
        backend: Backend | None = None,
    ) -> None:
        self._id = id
        self._port = chosen(backend).pin(id)
        self._irq: PinIrq | None = None
        self.init(mode, pull, value=value, drive=drive, alt=alt)

    def __repr__(self) -> str:
        return f"Pin({self._id!r})"

    def init(
        self, mode: int = -1, pull: int | None = -1, *, value: Any = None, drive: int = 0, alt: int = -1
    ) -> None:
        """Set what is given. Drive strengths and other functions of a pin raise :class:`ValueError`."""
        if mode not in {-1, self.IN, self.OUT, self.OPEN_DRAIN} or drive != self.DRIVE_0 or alt != -1:
            raise ValueError(f"{self!r}: expected mode IN, OUT or OPEN_DRAIN and neither drive nor alt")
        if pull not in {-1, None, self.PULL_UP, self.PULL_DOWN}:
            raise ValueError(f"{self!r}: expected pull None, PULL_UP or PULL_DOWN")
        self._port.configure(
            PinSettings(mode, 0 if pull is None else pull, None if value is None else bool(value))
        )

    def value(self, x: Any = None, /) -> int | None:
        """The level, or set it where ``x`` is given."""
        if x is None:
            return int(self._port.get())
        self._port.set(bool(x))
        return None

    def __call__(self, x: Any = None, /) -> int | None:
        """As :meth:`value`."""
        return self.value(x)

    def on(self) -> None:
        """Set to 1."""
        self._port.set(True)

    def off(self) -> None:
        """Set to 0."""
        self._port.set(False)

    high = on
    low = off

    def toggle(self) -> None:
        """Set to what it is not."""
        self._port.set(not self._port.get())

    def mode(self) -> int:
        """The mode that is set."""
        return self._port.mode

    def pull(self) -> int | None:
        """The pull that is set."""
        return self._port.pull or None

    def irq(
        self,
        /,
        handler: Callable[[Pin], None] | None = None,
        trigger: int = IRQ_FALLING | IRQ_RISING,
        *,
        priority: int = 1,
        wake: int | None = None,
        hard: bool = False,
    ) -> PinIrq:
        """Call ``handler(pin)`` at each such edge, on a thread of its own; None ends it.

        Levels, ``wake`` and ``hard`` raise :class:`ValueError`: Linux gives a program edges only, and no hard
        interrupts. What the handler raises is logged, and the next edge calls it again.
        """
        if trigger & ~(self.IRQ_FALLING | self.IRQ_RISING) or not trigger:
            raise ValueError(f"{self!r}: expected the trigger IRQ_FALLING, IRQ_RISING or both")
        if wake is not None or hard:
            raise ValueError(f"{self!r}: expected neither wake nor hard")
        if self._irq is None:
            self._irq = PinIrq(self)
        self._irq.set(handler, trigger)
        return self._irq

    def _watch(self, falling: bool, rising: bool, notify: Callable[[bool], None] | None) -> None:
        self._port.watch(falling, rising, notify)


class PinIrq:
    """What :meth:`Pin.irq` gives: the edge that called last, and the trigger."""

    def __init__(self, pin: Pin) -> None:
        self._pin = pin
        self._handler: Callable[[Pin], None] | None = None
        self._trigger = 0
        self._flags = 0

    def flags(self) -> int:
        """The edge that called the handler last: IRQ_RISING, IRQ_FALLING or 0."""
        return self._flags

    def trigger(self, trigger: int | None = None) -> int:
        """The trigger, or set it."""
        before = self._trigger
        if trigger is not None:
            self.set(self._handler, trigger)
        return before

    def set(self, handler: Callable[[Pin], None] | None, trigger: int) -> None:
        """Start, change or end the watching."""
        self._handler, self._trigger = handler, trigger
        notify = None if handler is None else self._called
        self._pin._watch(bool(trigger & Pin.IRQ_FALLING), bool(trigger & Pin.IRQ_RISING), notify)

    def _called(self, rose: bool) -> None:
        self._flags = Pin.IRQ_RISING if rose else Pin.IRQ_FALLING
        handler = self._handler
        if handler is None:
            return
        try:
            handler(self._pin)
        except Exception:
            log.exception("the handler of %r failed", self._pin)
