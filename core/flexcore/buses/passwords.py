"""mosquitto's password file, without its program: no password is ever on a command line or in a pipe."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping

#: mosquitto_passwd's own count. Our passwords are 256 random bits, which no count makes harder to guess;
#: the box pays it at every connect.
ITERATIONS = 101


def password_line(name: str, password: str, salt: bytes | None = None) -> str:
    """One line of a password file: PBKDF2 with SHA-512, mosquitto's format 7."""
    salt = os.urandom(12) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"{name}:$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def fits(line: str, name: str, password: str) -> bool:
    """Whether ``line`` is what :func:`password_line` makes of this name and password."""
    try:
        salt = base64.b64decode(line.split("$")[3], validate=True)
    except (IndexError, ValueError):
        return False
    return line == password_line(name, password, salt)


def password_file(passwords: Mapping[str, str]) -> str:
    """The text of a password file."""
    return "".join(f"{password_line(name, password)}\n" for name, password in passwords.items())
