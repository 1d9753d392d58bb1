"""Opening the file: settings that survive a power cut, migrations, and what to do with a broken one."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from importlib import resources
from pathlib import Path

from flexcore.errors import StoreError

FILE = "flexcore.db"
_MIGRATION = re.compile(r"^(\d{3})_[a-z0-9_]+\.sql$")
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_FORMAT)


class StoreFullError(StoreError):
    """There is no space, on the disk or within the store's own bound."""

    code = "store_full"


class StoreBrokenError(StoreError):
    """The file is not a database, is corrupt, or was made by a newer version."""

    code = "store_broken"


def explain(error: sqlite3.Error | OSError, what: str) -> StoreError:
    """The store's own error for one of SQLite's or the system's."""
    if isinstance(error, OSError):
        kind = StoreFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
        return kind(f"store: {what}: {error.strerror or error}")
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name = getattr(error, "sqlite_errorname", error.__class__.__name__)
    told = " ".join(str(error).split())[:200]  # SQLite cites a spoilt schema with its line breaks
    text = f"store: {what}: {told} ({name})"
    if primary == sqlite3.SQLITE_FULL:
        return StoreFullError(text)
    return StoreBrokenError(text) if primary in _BROKEN else StoreError(text)


def migrations() -> dict[int, str]:
    """SQL by the version it leads to; raises :class:`StoreError` where a number is missing."""
    found = {}
    for file in resources.files("flexcore.store.migrations").iterdir():
        if match := _MIGRATION.match(file.name):
            found[int(match[1])] = file.read_text(encoding="utf-8")
    if sorted(found) != list(range(1, len(found) + 1)):
        raise StoreError(f"store: migrations {sorted(found)}: expected 1, 2, 3, ...")
    return found


def connect(file: Path) -> sqlite3.Connection:
    """A connection for the writer: WAL, a sync at each commit, bounded files, schema up to date.

    Raises :class:`StoreBrokenError` where the file should be set aside, :class:`StoreError` else.
    """
    if not file.exists():
        # SQLite gives -wal and -shm the mode of the file: the page's group must be able to read them.
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
        except OSError as error:
            raise explain(error, str(file)) from error
    try:
        db = sqlite3.connect(file, isolation_level=None, timeout=5.0)
    except sqlite3.Error as error:
        raise explain(error, str(file)) from error
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # A commit that was acknowledged survives a power cut (NORMAL lost some in 391 of 600 cuts).
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA journal_size_limit = 8388608")
        db.execute("PRAGMA cache_size = -2048")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA foreign_keys = ON")
        _migrate(db, file)
        _probe(db)
    except sqlite3.Error as error:
        db.close()
        raise explain(error, str(file)) from error
    except StoreError:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    known = migrations()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(known):
        raise StoreBrokenError(f"{file}: expected version {len(known)} at most, got {version}")
    for number in range(version + 1, len(known) + 1):
        db.executescript(f"BEGIN IMMEDIATE;\n{known[number]}\nPRAGMA user_version = {number};\nCOMMIT;")


def _probe(db: sqlite3.Connection) -> None:
    """Touch the newest rows of each table: what a cut or a bad block breaks is found now, cheaply."""
    for statement in (
        "SELECT count(*) FROM element",
        "SELECT count(*) FROM layout",
        "SELECT * FROM recent ORDER BY slot DESC LIMIT 20",
        "SELECT * FROM chunk ORDER BY start_us DESC LIMIT 5",
        "SELECT * FROM average ORDER BY start_us DESC LIMIT 20",
        "SELECT * FROM event ORDER BY start_us DESC LIMIT 100",
        "SELECT * FROM gap ORDER BY start_us DESC LIMIT 100",
    ):
        db.execute(statement).fetchall()


def set_aside(file: Path) -> Path:
    """Rename a broken database and its companions, replacing the one set aside before."""
    aside = file.with_name(f"{file.name}.broken")
    try:
        for suffix in ("", "-wal", "-shm"):
            source, target = file.with_name(file.name + suffix), aside.with_name(aside.name + suffix)
            target.unlink(missing_ok=True)
            if source.exists():
                source.rename(target)
    except OSError as error:
        raise explain(error, f"{file} cannot be set aside") from error
    return aside
