"""The sticker code, checked against its argon2 hash, one check at a time."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash

from flexcore import sticker

#: Each check costs argon2's memory; a crowd of guessers may not have it more than once.
PATIENCE_S = 5.0


class BusyError(RuntimeError):
    """Another check is still running."""


class CodeCheck:
    """Holds the hash; ``ready`` is false on a box that was not provisioned."""

    def __init__(self, argon2_hash: str | None) -> None:
        self._hash = argon2_hash or ""
        self._hasher = PasswordHasher()
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether there is a code at all."""
        return bool(self._hash)

    def matches(self, code: str) -> bool:
        """Whether ``code`` is the one on the sticker; raises :class:`BusyError` rather than queue up."""
        wanted = sticker.normal(code)
        if not self._hash or wanted is None:
            return False
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise BusyError
        try:
            return bool(self._hasher.verify(self._hash, wanted))
        except (Argon2Error, InvalidHash):
            return False
        finally:
            self._lock.release()
