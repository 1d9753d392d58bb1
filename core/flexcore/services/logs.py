"""Lines for the journal, which adds time and unit itself."""

from __future__ import annotations

import logging
import sys


def set_up_logging() -> None:
    """Log to stderr, the level as ``<N>`` prefix; called by ``main()`` only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JournalFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class _JournalFormatter(logging.Formatter):
    """Prefixes lines with syslog levels (sd-daemon(3)); plain names on a terminal."""

    _LEVELS = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if sys.stderr.isatty():
            return f"{record.levelname.lower()}: {text}"
        level = next((number for least, number in self._LEVELS if record.levelno >= least), 7)
        return "\n".join(f"<{level}>{line}" for line in text.splitlines())
