"""The live stream: one encoded snapshot per tick, shared by every viewer; each viewer is one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from flexcore_webui.live.snapshot import Snapshot

_log = logging.getLogger(__name__)


class TooManyStreamsError(RuntimeError):
    """Every place at the live stream is taken."""


class Streams:
    """Makes snapshots while somebody watches; ``source`` builds one, ``chores`` runs at every tick."""

    def __init__(
        self,
        source: Callable[[], Snapshot],
        *,
        tick_s: float,
        lifetime_s: float,
        limit: int,
        limit_per_viewer: int,
        chores: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._chores = chores
        self._tick_s = tick_s
        self._lifetime_s = lifetime_s
        self._limit = limit
        self._limit_per_viewer = limit_per_viewer
        self._turn = threading.Condition()
        self._open: dict[str, set[Stream]] = {}
        self._number = 0
        self._bytes = b""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._ticked_s = time.monotonic()

    def start(self) -> None:
        """Begin to tick; also after a :meth:`close`."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="ticks", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Tell every stream to end, within a tick; takes no lock, so a signal handler may call it."""
        self._stop.set()

    def end_of(self, viewer: str) -> None:
        """End this viewer's open streams at once: the session is over."""
        with self._turn:
            for stream in self._open.get(viewer, ()):
                stream.over = True
            self._turn.notify_all()

    def close(self) -> None:
        """End the ticking and every stream."""
        self.end()
        with self._turn:
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join(5.0)

    @property
    def open(self) -> int:
        """Streams open now."""
        with self._turn:
            return self._count()

    def _count(self) -> int:
        return sum(len(streams) for streams in self._open.values())

    @property
    def alive(self) -> bool:
        """Whether ticks still happen."""
        return time.monotonic() - self._ticked_s < 5.0 + 4 * self._tick_s

    def _run(self) -> None:
        while not self._stop.wait(self._tick_s):
            self._ticked_s = time.monotonic()
            try:
                self._chores()
                if self.open:
                    self.tick()
            except Exception:
                _log.exception("live stream: a tick failed")

    def tick(self) -> None:
        """Encode one snapshot and wake the viewers."""
        encoded = encode_event(self._source())
        with self._turn:
            self._number += 1
            self._bytes = encoded
            self._turn.notify_all()

    def subscribe(self, viewer: str) -> Stream:
        """Server-sent events for one viewer; raises :class:`TooManyStreamsError` here, not when iterated."""
        with self._turn:
            if (
                self._count() >= self._limit
                or len(self._open.get(viewer, ())) >= self._limit_per_viewer
                or self._stop.is_set()
            ):
                raise TooManyStreamsError
            stream = Stream(self, viewer)
            self._open.setdefault(viewer, set()).add(stream)
            return stream

    def _release(self, stream: Stream, viewer: str) -> None:
        with self._turn:
            mine = self._open.get(viewer, set())
            mine.discard(stream)
            if not mine:
                self._open.pop(viewer, None)

    def _next(self, stream: Stream, number: int, until_s: float) -> tuple[int, bytes] | None:
        """The first snapshot after ``number``; None when the stream's time is over."""
        with self._turn:
            while self._number == number and not stream.over:
                if self._stop.is_set() or time.monotonic() >= until_s:
                    return None
                self._turn.wait(self._tick_s)
            return None if stream.over else (self._number, self._bytes)


class Stream:
    """One viewer's events. The place is given back by ``close``, which the server always calls."""

    def __init__(self, streams: Streams, viewer: str) -> None:
        self._streams = streams
        self._viewer = viewer
        self._until_s = time.monotonic() + streams._lifetime_s
        self._number = -1
        self._closed = False
        #: Set by :meth:`Streams.end_of`, under its lock: nothing more is said.
        self.over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._closed or self.over or time.monotonic() >= self._until_s:
            raise StopIteration
        if self._number < 0:
            # At once, so that the page never waits for the first numbers.
            self._number = self._streams._number
            return b"retry: 1000\n" + encode_event(self._streams._source())
        turn = self._streams._next(self, self._number, self._until_s)
        if turn is None:
            raise StopIteration
        self._number, encoded = turn
        return encoded

    def close(self) -> None:
        """Give the place back."""
        if not self._closed:
            self._closed = True
            self._streams._release(self, self._viewer)


def encode_event(snapshot: Snapshot) -> bytes:
    """One server-sent event; JSON never holds a bare line end."""
    return b"event: snapshot\ndata: " + msgspec.json.encode(snapshot) + b"\n\n"
