"""``machine.Signal``: a pin in the words of what hangs on it, active or not."""

from __future__ import annotations

from typing import Any, Protocol


class _Pin(Protocol):
    def value(self, x: Any = None, /) -> int | None: ...


class Signal:
    """``Signal(pin, invert=False)``, or ``Signal(id, mode, ..., invert=False)`` as for a Pin."""

    def __init__(self, pin_obj: Any, /, *arguments: Any, invert: bool = False, **settings: Any) -> None:
        if hasattr(pin_obj, "value"):
            if len(arguments) > 1 or settings:
                raise TypeError("Signal: expected (pin, invert)")
            self._pin: _Pin = pin_obj
            self._invert = bool(arguments[0]) if arguments else invert
            return
        from flexcore.machine.pin import Pin  # only this form needs it

        if invert and settings.get("value") is not None:
            settings["value"] = not settings["value"]
        self._pin = Pin(pin_obj, *arguments, **settings)
        self._invert = invert

    def value(self, x: Any = None, /) -> int | None:
        """1 where active, or make it so."""
        if x is None:
            return int(bool(self._pin.value()) != self._invert)
        self._pin.value(int(bool(x) != self._invert))
        return None

    def __call__(self, x: Any = None, /) -> int | None:
        """As :meth:`value`."""
        return self.value(x)

    def on(self) -> None:
        """Make it active."""
        self.value(1)

    def off(self) -> None:
        """Make it inactive."""
        self.value(0)
