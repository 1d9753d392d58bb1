"""The process's entry for gunicorn (``flexcore_webui.wsgi:app``): one worker, many threads.

Unlike every other module this one acts when imported: in gunicorn's worker, after the fork.
"""

from __future__ import annotations

import atexit
import signal
import threading
from types import FrameType

from flexcore.services.logs import set_up_logging
from flexcore_webui.app import create_app
from flexcore_webui.live.making import make_board
from flexcore_webui.settings import settings_from_environment
from flexcore_webui.watchdog import Watchdog

set_up_logging()
_settings = settings_from_environment()
_board = make_board(_settings)
app = create_app(_settings, _board)
_board.start()
_watchdog = Watchdog(_settings.paths.web_socket)
_watchdog.start()
atexit.register(_board.close)


def _end_streams_first() -> None:
    """Live streams never end by themselves; gunicorn would wait half a minute for them at every stop."""
    if threading.current_thread() is not threading.main_thread():
        return
    gunicorns = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        _board.streams.end()
        if callable(gunicorns):
            gunicorns(number, frame)

    signal.signal(signal.SIGTERM, stop)


_end_streams_first()
