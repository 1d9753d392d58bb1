"""Guessing is slow: back-off per network and over all, in bounded memory."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_NETWORKS = 1024
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 300.0
#: One guess every so many seconds for all together who were wrong lately, once too many were.
WAIT_ALL_S = 2.0
FORGET_S = 900.0


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = 0.0


def network(address: str) -> str:
    """Whom an address stands for: one IPv6 host draws as many as it likes from its /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


class Throttle:
    """Counts wrong codes. After ``free`` of them a network waits 2, 4, 8 ... 300 s between attempts; after
    ``free_all`` of them by anybody all who were wrong lately share one attempt per :data:`WAIT_ALL_S`.

    Whoever has made no mistake lately does not wait for others: a guesser cannot lock the owner out.
    """

    def __init__(self, *, free: int, free_all: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._free = free
        self._free_all = free_all
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._by_network: OrderedDict[str, _Failures] = OrderedDict()
        self._all = _Failures()

    def attempt(self, address: str) -> float:
        """Seconds until the next attempt; 0 if it may be made now. It then counts as a wrong one until
        :meth:`succeeded` or :meth:`undo` takes it back, so that attempts side by side do not all pass.
        """
        with self._lock:
            wait_s = self._wait_s(network(address))
            if wait_s <= 0.0:
                self._count(network(address))
            return wait_s

    def wait_s(self, address: str) -> float:
        """Seconds this address has to wait before its next attempt; 0 if none."""
        with self._lock:
            return self._wait_s(network(address))

    def undo(self, address: str) -> None:
        """The attempt was not made after all: the code was never looked at."""
        with self._lock:
            mine = self._by_network.get(network(address))
            if mine is not None:
                mine.count -= 1
                if mine.count <= 0:
                    del self._by_network[network(address)]
            self._all.count = max(0, self._all.count - 1)

    def succeeded(self, address: str) -> None:
        """The attempt had the right code: this network may forget its mistakes."""
        with self._lock:
            self._by_network.pop(network(address), None)
            self._all.count = max(0, self._all.count - 1)

    def _wait_s(self, who: str) -> float:
        now_s = self._monotonic()
        mine = self._by_network.get(who)
        if mine is None or now_s - mine.last_s >= FORGET_S:
            return 0.0
        wait_s = 0.0
        over = mine.count - self._free
        if over >= 0:
            wait_s = min(FIRST_WAIT_S * 2.0 ** min(over, 16), LONGEST_WAIT_S) - (now_s - mine.last_s)
        if self._all.count >= self._free_all and now_s - self._all.last_s < FORGET_S:
            wait_s = max(wait_s, WAIT_ALL_S - (now_s - self._all.last_s))
        return max(0.0, wait_s)

    def _count(self, who: str) -> None:
        now_s = self._monotonic()
        mine = self._by_network.pop(who, None)
        if mine is None or now_s - mine.last_s >= FORGET_S:
            mine = _Failures()
        mine.count += 1
        mine.last_s = now_s
        self._by_network[who] = mine
        while len(self._by_network) > MAX_NETWORKS:
            self._by_network.popitem(last=False)
        if now_s - self._all.last_s >= FORGET_S:
            self._all.count = 0
        self._all.count += 1
        self._all.last_s = now_s
