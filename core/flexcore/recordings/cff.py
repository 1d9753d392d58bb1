"""COMTRADE 2013 in one file (.cff): the parts between lines such as ``--- file type: CFG ---``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flexcore.recordings.faults import fail

# Possessive: what one part has taken is not given back, or a line of blanks would cost its length cubed.
_MARK = re.compile(
    rb"^[ \t]*+---[ \t]*+file[ \t]*+type:[ \t]*+(CFG|INF|HDR|DAT)\b[ \t]*+([A-Z0-9]*+)[ \t]*+"
    rb"(?::[ \t]*+(\d{1,12}+)[ \t]*+)?---[ \t]*+\r?\n",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """Configuration and data of a combined file; ``form`` is the data's format as its mark says it, or ""."""

    cfg: bytes
    dat: bytes
    form: str


def split(raw: bytes, file: Path) -> Parts:
    """The two parts that matter; information and header text are left.

    Raises:
        RecordingError: a part is absent, comes twice, or is shorter than its mark says.
    """
    found: dict[str, bytes] = {}
    form = ""
    at = 0
    while (mark := _MARK.search(raw, at)) is not None:
        name = mark[1].decode("ascii").upper()
        if name in found:
            fail(file, f"file type {name}", "expected it once")
        following = _MARK.search(raw, mark.end())
        end = len(raw) if following is None else following.start()
        if name == "DAT":
            # samples may look like a mark: the data is last, or as long as its mark says
            form = mark[2].decode("ascii").upper()
            if mark[3] is not None:
                end = mark.end() + int(mark[3])
                if end > len(raw):
                    have = len(raw) - mark.end()
                    fail(file, "file type DAT", f"expected {int(mark[3])} bytes, got {have}: truncated")
            elif form != "ASCII":
                end = len(raw)
        found[name] = raw[mark.end() : end]
        at = end
    for name in ("CFG", "DAT"):
        if name not in found:
            fail(file, f"file type {name}", f"expected a line '--- file type: {name} ---'")
    return Parts(found["CFG"], found["DAT"], form)
