"""A board for the real box: the broker's socket, the store's file."""

from __future__ import annotations

from flexcore.store import StoreReader
from flexcore_webui.live.board import Board
from flexcore_webui.live.feed import Feed
from flexcore_webui.live.history import StoreHistory
from flexcore_webui.live.hub import Hub
from flexcore_webui.settings import WebSettings


def make_board(settings: WebSettings) -> Board:
    """Everything but started: no thread, no connection, no file open yet."""

    def counters() -> dict[str, int | float]:
        return {"streams_open": board.streams.open, "messages_refused": hub.refusals.total}

    history = StoreHistory(StoreReader(settings.paths.store))
    feed = Feed(settings.paths, counters)
    hub = Hub(settings, history, connected=lambda: feed.connected)
    board = Board(settings, history, hub, feed)
    return board  # noqa: RET504 - `counters` looks it up
