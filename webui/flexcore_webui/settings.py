"""What the page can be told: one typed class; the environment decides only what differs per machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from flexcore.paths import Paths, paths_from_environment


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of the page; times in seconds.

    ``secure`` is false only for plain HTTP on a developer's loopback: cookies then travel without the
    ``Secure`` attribute. ``proxied`` trusts the one reverse proxy in front for the viewer's address.
    """

    paths: Paths
    secure: bool = True
    proxied: bool = True
    #: Between two snapshots on the live stream.
    tick_s: float = 0.5
    #: A value that arrived longer ago than this is not live.
    stale_after_s: float = 2.0
    #: A service that has said nothing for longer than this is silent.
    silent_after_s: float = 10.0
    #: Live streams at once; each holds one of gunicorn's 32 threads.
    max_streams: int = 24
    max_streams_per_viewer: int = 6
    #: A live stream ends after this and the browser opens the next: access is checked again.
    stream_lifetime_s: float = 600.0
    idle_timeout_s: float = 3600.0
    session_lifetime_s: float = 12 * 3600.0
    #: Wrong codes from one address before it has to wait, and from all addresses together.
    free_attempts: int = 5
    free_attempts_all: int = 30
    #: Events and gaps on the page.
    listed_events: int = 50
    #: Minutes of 3-s voltages behind the small charts.
    trend_minutes: int = 10


def settings_from_environment() -> WebSettings:
    """The box's settings, or a developer's where ``FLEXCORE_WEB_INSECURE=1`` (plain HTTP, no proxy)."""
    plain = os.environ.get("FLEXCORE_WEB_INSECURE") == "1"
    return WebSettings(paths=paths_from_environment(), secure=not plain, proxied=not plain)
