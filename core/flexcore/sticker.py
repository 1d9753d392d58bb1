"""The code on a box's sticker: base32, read aloud and typed by people."""

from __future__ import annotations

import secrets

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
LENGTH = 10
SHORTEST = 8
LONGEST = 64


def draw_code() -> str:
    """A fresh code: ten characters, 50 random bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def spell(code: str) -> str:
    """The code as it stands on the sticker, in groups of five."""
    return "-".join(code[n : n + 5] for n in range(0, len(code), 5))


def normal(typed: str) -> str | None:
    """What was meant by what was typed: upper case, no spaces or dashes; None when it cannot be a code.

    This form is what is hashed.
    """
    if len(typed) > 2 * LONGEST:
        return None
    code = "".join(typed.split()).replace("-", "").upper()
    if SHORTEST <= len(code) <= LONGEST and set(code) <= set(ALPHABET):
        return code
    return None
