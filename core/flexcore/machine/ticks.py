"""MicroPython's ``time.ticks_*`` and ``sleep_*``: an opaque ring of 2**30, as boards have it.

Only differences of at most half the ring mean something (149 hours of ms, 9 minutes of us). Drivers take this
module, or MicroPython's ``time``, as their argument ``time``.
"""

from __future__ import annotations

import time

PERIOD = 1 << 30
_HALF = PERIOD // 2


def ticks_ms() -> int:
    """Milliseconds on the ring."""
    return time.monotonic_ns() // 1_000_000 % PERIOD


def ticks_us() -> int:
    """Microseconds on the ring."""
    return time.monotonic_ns() // 1_000 % PERIOD


def ticks_add(ticks: int, delta: int) -> int:
    """``ticks`` moved by ``delta``; raises :class:`OverflowError` where ``delta`` is over half the ring."""
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) % PERIOD


def ticks_diff(later: int, earlier: int) -> int:
    """Signed distance from ``earlier`` to ``later``, within [-2**29, 2**29)."""
    return (later - earlier + _HALF) % PERIOD - _HALF


def sleep_ms(span_ms: int) -> None:
    """Wait; nothing for 0 and less."""
    if span_ms > 0:
        time.sleep(span_ms / 1_000)


def sleep_us(span_us: int) -> None:
    """Wait; nothing for 0 and less."""
    if span_us > 0:
        time.sleep(span_us / 1_000_000)
