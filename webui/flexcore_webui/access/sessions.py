"""Sessions: a signed cookie, an idle time, a longest life, and a sign-out that holds.

The signing key is made of the box's session key and the hash of its code: a new code ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import Any

from flexcore_webui.access.roles import Role
from flexcore_webui.settings import WebSettings

Cookie = MutableMapping[str, Any]
MAX_ENDED = 4096
_ROLES = frozenset(int(r) for r in Role)


def signing_key(session_key: str | None, code_hash: str | None) -> bytes:
    """The cookie's key; without a key of the box's own, sessions last until the page is started again."""
    base = session_key.encode() if session_key else secrets.token_bytes(32)
    return hmac.new(base, (code_hash or "").encode(), hashlib.sha256).digest()


class Sessions:
    """Reads and writes the session part of a cookie; remembers which sessions were ended early.

    ``ended`` is told the id of each session that ends early, so that what it still has open is closed.
    """

    def __init__(self, settings: WebSettings, ended: Callable[[str], None] = lambda _sid: None) -> None:
        self._tell = ended
        self._idle_s = settings.idle_timeout_s
        self._life_s = settings.session_lifetime_s
        self._lock = threading.Lock()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def begin(self, cookie: Cookie, role: Role) -> None:
        """A new session; nothing of the cookie before it is kept (session fixation)."""
        cookie.clear()
        now = time.time()
        cookie.update(sid=secrets.token_urlsafe(16), role=int(role), began=now, seen=now)

    def end(self, cookie: Cookie) -> None:
        """Sign out; a copy of the cookie is worth nothing from now on."""
        sid = cookie.get("sid")
        if isinstance(sid, str):
            with self._lock:
                self._ended[sid] = None
                while len(self._ended) > MAX_ENDED:
                    self._ended.popitem(last=False)
            self._tell(sid)
        cookie.clear()

    def role(self, cookie: Cookie) -> Role:
        """The role this cookie stands for now."""
        sid, role = cookie.get("sid"), cookie.get("role")
        began, seen = cookie.get("began"), cookie.get("seen")
        if not (isinstance(sid, str) and isinstance(role, int)):
            return Role.PUBLIC
        if not (isinstance(began, float) and isinstance(seen, float)):
            return Role.PUBLIC
        now = time.time()
        # A clock that was set back by more than a minute ends sessions rather than stretch them.
        fresh = -60.0 <= now - seen <= self._idle_s and now - began <= self._life_s
        with self._lock:
            ended = sid in self._ended
        if ended or not fresh or role not in _ROLES:
            return Role.PUBLIC
        return Role(role)

    def touch(self, cookie: Cookie) -> None:
        """A person did something: the idle time begins anew."""
        if time.time() - float(cookie.get("seen", 0.0)) > 30.0:
            cookie["seen"] = time.time()


def csrf_token(cookie: Cookie) -> str:
    """The token that every change must carry; made when first asked for."""
    token = cookie.get("csrf")
    if not isinstance(token, str):
        token = cookie["csrf"] = secrets.token_urlsafe(24)
    return token


def csrf_matches(cookie: Cookie, given: str) -> bool:
    """Whether ``given`` is this cookie's token."""
    token = cookie.get("csrf")
    return isinstance(token, str) and hmac.compare_digest(token.encode(), given.encode())
