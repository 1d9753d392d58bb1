"""``machine.WDT``: resets the box unless it is fed."""

from __future__ import annotations

from flexcore.machine.backend import backend as chosen
from flexcore.machine.ports import Backend, WireId


class WDT:
    """Once started it cannot be stopped: not by this object's end, nor by the end of the program.

    ``timeout`` is in ms; hardware that counts seconds rounds it up. Making it again sets a new time-out.
    """

    def __init__(self, id: WireId = 0, timeout: int = 5000, *, backend: Backend | None = None) -> None:
        if timeout <= 0:
            raise ValueError(f"WDT: timeout {timeout} ms, expected above 0")
        self._port = chosen(backend).watchdog(id, timeout)

    def feed(self) -> None:
        """Put the reset off by one time-out."""
        self._port.feed()
