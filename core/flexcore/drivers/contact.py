"""A contact on a pin: a fire or smoke panel's relay, a door, a float. It runs under MicroPython too."""

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from flexcore.machine import Pin


class Contact:
    """``active_low``: it is active while the wire is low, as a contact to earth with a pull-up is.

    A short closing between two readings is not lost: edges are counted, and the next reading is active.
    """

    def __init__(self, pin: "Pin", active_low: bool = True, pull_up: bool = True) -> None:
        self._pin = pin
        self._active_low = active_low
        self._closings = 0
        self._told = 0
        pin.init(pin.IN, pin.PULL_UP if pull_up else None)
        pin.irq(self._edge, pin.IRQ_FALLING if active_low else pin.IRQ_RISING)

    def _edge(self, _pin: object) -> None:
        self._closings += 1

    def read(self) -> "dict[str, float]":
        """Whether it is active or was since the last reading, and how often it became so."""
        closings = self._closings
        active = bool(self._pin.value()) != self._active_low or closings != self._told
        self._told = closings
        return {"active": 1.0 if active else 0.0, "closings": float(closings)}

    def deinit(self) -> None:
        """Watch it no longer."""
        self._pin.irq(None)
