"""Plays a signal into a line in real time, locked to the UTC grid."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flexcore.simulator.encoder import CHUNKS_PER_S
from flexcore.simulator.line import Line
from flexcore.simulator.samples import Chunk, Notice, Signal
from flexcore.simulator.transports import Datagram

NS = 1_000_000_000
#: How often due frames are sent.
TICK_S = 0.005
#: Further behind than this (the machine slept), chunks are left out, which the index shows as a gap.
_MAX_BEHIND_S = 2.0


@dataclass(frozen=True, slots=True)
class Played:
    """What a run sent."""

    chunks: int
    skipped: int


class Encodes(Protocol):
    """Makes datagrams, or frames, of chunks."""

    @property
    def descriptions(self) -> list[bytes]:
        """What is to be said once a second."""
        ...

    def encode(self, chunk: Chunk) -> list[tuple[int, memoryview]]:
        """Datagrams of a chunk with the grid index after their last sample, in that order."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """Some of the station's streams, and the line that they are sent on."""

    encoder: Encodes
    line: Line


class Player:
    """Sends ``signal`` through ``feeds``; ``tell`` gets what a watcher may want to know, when it happens."""

    def __init__(
        self,
        signal: Signal,
        feeds: Sequence[Feed],
        rate_hz: int,
        tell: Callable[[Notice], None],
    ) -> None:
        self._signal = signal
        self._feeds = tuple(feeds)
        self._chunk = rate_hz // CHUNKS_PER_S
        self._rate_hz = rate_hz
        self._tell = tell
        # UTC by the monotonic clock: a step of the wall clock does not tear the time line
        self._utc_offset_ns = time.time_ns() - time.monotonic_ns()
        self._next_description_s = 0
        self._ticked_s = time.monotonic()

    def _now(self) -> int:
        """The grid index that is being sampled now."""
        now_ns = time.monotonic_ns() + self._utc_offset_ns
        return now_ns // NS * self._rate_hz + now_ns % NS * self._rate_hz // NS

    def start(self) -> int:
        """The next grid index at which a chunk can begin."""
        chunk = self._chunk
        return (self._now() // chunk + 2) * chunk

    def play(self, start: int, stopping: threading.Event, seconds: float | None = None) -> Played:
        """Play from grid index ``start`` until the signal ends, ``stopping`` is set or ``seconds`` passed."""
        chunk = self._chunk
        end = None if seconds is None else start + round(seconds * CHUNKS_PER_S) * chunk
        played = skipped = 0
        for item in self._signal.chunks(start, chunk):
            if isinstance(item, Notice):
                self._tell(item)
                continue
            if stopping.is_set() or (end is not None and item.first >= end):
                break
            if self._now() - item.first - chunk > _MAX_BEHIND_S * self._rate_hz:
                skipped += 1
                continue
            self._send(item, stopping)
            played += 1
        return Played(played, skipped)

    def _send(self, item: Chunk, stopping: threading.Event) -> None:
        due = [
            (index, k, datagram)
            for k, feed in enumerate(self._feeds)
            for index, datagram in feed.encoder.encode(item)
        ]
        if len(self._feeds) > 1:
            due.sort(key=lambda one: one[0])
        at = 0
        while at < len(due):
            wait_s = (due[at][0] - self._now()) / self._rate_hz
            if wait_s > 0.0 and stopping.wait(max(wait_s, TICK_S)):
                return
            ready: list[list[Datagram]] = [[] for _ in self._feeds]
            second = due[at][0] // self._rate_hz
            if second >= self._next_description_s:
                self._next_description_s = second + 1
                for feed, own in zip(self._feeds, ready, strict=True):
                    own.extend(feed.encoder.descriptions)
            now = self._now()
            while at < len(due) and due[at][0] <= now:
                ready[due[at][1]].append(due[at][2])
                at += 1
            ticked_s = time.monotonic()
            for feed, own in zip(self._feeds, ready, strict=True):
                feed.line.send(own, ticked_s - self._ticked_s)
            self._ticked_s = ticked_s
