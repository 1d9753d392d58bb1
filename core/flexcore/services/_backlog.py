"""What waits to be written: bounded, the oldest goes first and is counted. Thread-safe."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Backlog(Generic[T]):
    """Filled on one thread, emptied on another: look with :meth:`first`, then :meth:`forget` what is safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._items: deque[tuple[int, T]] = deque()
        self._number = 0
        self._dropped: list[T] = []
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add ``item``, at the cost of the oldest where there is no room."""
        with self._lock:
            self._number += 1
            self._items.append((self._number, item))
            if len(self._items) > self._limit:
                self._dropped.append(self._items.popleft()[1])
                del self._dropped[: -self._limit]
                self.dropped += 1

    def first(self, most: int) -> tuple[int, list[T]]:
        """Up to ``most`` of the oldest items, and the mark by which to forget them."""
        with self._lock:
            found = [self._items[n] for n in range(min(most, len(self._items)))]
        return (found[-1][0] if found else 0), [item for _, item in found]

    def forget(self, mark: int) -> None:
        """Let go of everything up to ``mark``."""
        with self._lock:
            while self._items and self._items[0][0] <= mark:
                self._items.popleft()

    def take_dropped(self) -> list[T]:
        """What was dropped since the last question (at most as much as the limit)."""
        with self._lock:
            dropped, self._dropped = self._dropped, []
        return dropped
