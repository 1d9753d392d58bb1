"""``machine.Timer``: a callback after a time, once or again and again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Timer:
    """A virtual timer (``id`` -1 or left out); ``period`` in ms, ``freq`` in Hz.

    The callback runs on a thread of the timer. Periods are counted from the start, so that they do not drift;
    one that a slow callback overran is left out, never made up for. What a callback raises is logged.
    """

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(
        self,
        id: int = -1,
        /,
        *,
        mode: int = PERIODIC,
        freq: float | None = None,
        period: int | None = None,
        callback: Callable[[Timer], None] | None = None,
        hard: bool | None = None,
    ) -> None:
        if id != -1:
            raise ValueError(f"Timer {id}: expected -1, a virtual timer")
        self._stop = threading.Event()
        if freq is not None or period is not None:
            self.init(mode=mode, freq=freq, period=period, callback=callback, hard=hard)

    def init(
        self,
        *,
        mode: int = PERIODIC,
        freq: float | None = None,
        period: int | None = None,
        callback: Callable[[Timer], None] | None = None,
        hard: bool | None = None,
    ) -> None:
        """Start, ending what ran before; raises :class:`ValueError` for anything but one positive span."""
        given_s = 1 / freq if freq is not None and freq > 0 else (period or 0) / 1_000
        if given_s <= 0 or (freq is not None and period is not None):
            raise ValueError("Timer: expected either freq or period, above 0")
        if mode not in {self.ONE_SHOT, self.PERIODIC} or hard:
            raise ValueError("Timer: expected the mode ONE_SHOT or PERIODIC, and not hard")
        self.deinit()
        self._stop = threading.Event()
        arguments = (self._stop, given_s, mode == self.PERIODIC, callback)
        threading.Thread(target=self._run, args=arguments, name="machine-timer", daemon=True).start()

    def deinit(self) -> None:
        """Stop; a callback that runs may end later."""
        self._stop.set()

    def _run(
        self, stop: threading.Event, span_s: float, again: bool, callback: Callable[[Timer], None] | None
    ) -> None:
        due_s = time.monotonic() + span_s
        while not stop.wait(max(0.0, due_s - time.monotonic())):
            try:
                if callback is not None:
                    callback(self)
            except Exception:
                log.exception("the callback of a timer failed")
            if not again:
                return
            behind = max(0.0, time.monotonic() - due_s)
            due_s += span_s * (1 + behind // span_s)
