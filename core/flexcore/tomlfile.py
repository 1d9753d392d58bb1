"""A TOML file into a typed structure; every error is one line that names file, key and expectation."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from flexcore.errors import SettingsError

MAX_FILE_BYTES = 256 * 1024

T = TypeVar("T")

_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>\$[^`]*)`)?$", re.DOTALL)


def refuse(file: str, key: str, expectation: str) -> NoReturn:
    """Raise :class:`SettingsError`; text from the file may hold line breaks, the message does not."""
    raise SettingsError(" ".join(f"{file}: {key or '(file)'}: {expectation}".split()))


def parse_toml(
    text: str, file: str, kind: type[T], prepare: Callable[[dict[str, Any]], None] | None = None
) -> T:
    """TOML ``text`` as ``kind``, a :class:`msgspec.Struct` or a union of tagged ones; errors name ``file``.

    ``prepare`` may fill in what the text leaves out, before it is typed.

    Raises:
        SettingsError: not TOML, or not of that structure.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        refuse(file, "", f"expected TOML: {_lower_first(str(error))}")
    except ValueError:  # a number too long for Python to read; tomllib has no word for it
        refuse(file, "", "expected numbers of at most 4300 digits")
    except RecursionError:
        refuse(file, "", "expected TOML that is not nested so deeply")
    if prepare is not None:
        prepare(raw)
    try:
        return msgspec.convert(raw, kind, strict=True)
    except (OverflowError, SystemError):
        # A whole number where a float is meant, beyond what one holds; in a union msgspec says the second.
        refuse(file, "", "expected numbers up to 1e308")
    except msgspec.ValidationError as error:
        match = _PATH.match(str(error))
        what, key = (match["what"], match["key"] or "") if match else (str(error), "")
        refuse(file, key.removeprefix("$").removeprefix("."), _lower_first(what).replace("`", ""))


def read_toml_text(file: Path | Traversable, most_bytes: int = MAX_FILE_BYTES) -> str:
    """The text of ``file``, at most ``most_bytes``; raises :class:`SettingsError` where it cannot be read."""
    try:
        with file.open("rb") as handle:
            data = handle.read(most_bytes + 1)
        if len(data) > most_bytes:
            refuse(str(file), "", f"expected at most {most_bytes} bytes")
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse(str(file), "", f"expected UTF-8 text: {error.reason} at byte {error.start}")
    except OSError as error:
        refuse(str(file), "", f"expected a readable file: {error.strerror}")


def shipped_names(folder: Traversable) -> Iterator[str]:
    """The names, without suffix, of the TOML files in a folder of this package."""
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            yield file.name.removesuffix(".toml")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
