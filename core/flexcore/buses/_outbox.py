"""What waits to be published: three bounded queues, one per promise. Thread-safe."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

LIVE_LIMIT = 2048
RETAINED_LIMIT = 256
BYTES_LIMIT = 16 * 1024 * 1024
PAYLOAD_LIMIT = 256 * 1024


class Message(NamedTuple):
    """One publication."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Outbox:
    """``live`` (QoS 0), ``kept`` (QoS 1) and ``retained`` (the last payload per topic).

    When a queue is full its oldest message is dropped and counted: the newest value says most.
    """

    def __init__(self, kept_limit: int) -> None:
        self._lock = threading.Lock()
        self._live: deque[Message] = deque()
        self._kept: deque[Message] = deque()
        self._kept_limit = kept_limit
        self._kept_bytes = 0
        self._retained: dict[str, Message] = {}
        self._to_say: dict[str, None] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._live) + len(self._kept) + len(self._to_say)

    def count_drop(self) -> None:
        """A message was dropped before it came here."""
        with self._lock:
            self.dropped += 1

    def put(self, message: Message) -> bool:
        """Take a message; False when it is refused for its size or for the number of retained topics."""
        with self._lock:
            if len(message.payload) > PAYLOAD_LIMIT:
                self.dropped += 1
                return False
            if message.retain:
                if message.topic not in self._retained and len(self._retained) >= RETAINED_LIMIT:
                    self.dropped += 1
                    return False
                self._retained[message.topic] = message
                self._to_say[message.topic] = None
            elif message.qos == 0:
                self._live.append(message)
                if len(self._live) > LIVE_LIMIT:
                    self._live.popleft()
                    self.dropped += 1
            else:
                self._kept.append(message)
                self._kept_bytes += len(message.payload)
                while len(self._kept) > self._kept_limit or self._kept_bytes > BYTES_LIMIT:
                    self._kept_bytes -= len(self._kept.popleft().payload)
                    self.dropped += 1
            return True

    def take(self, *, kept: bool) -> Message | None:
        """The next message: retained first (health, meta), then live, then what is ``kept``, if allowed."""
        with self._lock:
            if self._to_say:
                topic = next(iter(self._to_say))
                del self._to_say[topic]
                return self._retained[topic]
            if kept and self._kept:
                message = self._kept.popleft()
                self._kept_bytes -= len(message.payload)
                return message
            return self._live.popleft() if self._live else None

    def take_back(self, messages: list[Message]) -> None:
        """Put what the broker did not acknowledge first in line; what is retained is repeated anyway."""
        with self._lock:
            for message in reversed(messages):
                if not message.retain:
                    self._kept.appendleft(message)
                    self._kept_bytes += len(message.payload)

    def repeat_retained(self) -> None:
        """Say every retained topic again."""
        with self._lock:
            self._to_say = dict.fromkeys(self._retained)
            self.dropped += len(self._live)
            self._live.clear()
