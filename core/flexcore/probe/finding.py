"""One line of a probe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: ``ok`` as the file says, ``found`` something that the file does not speak of, ``trouble`` else.
Verdict = Literal["ok", "found", "trouble"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something on ``wire`` (in words), and what it is or why it is not."""

    wire: str
    what: str
    verdict: Verdict
    detail: str = ""


def as_table(findings: Sequence[Finding]) -> str:
    """Columns for a terminal."""
    rows = [(f.verdict, f.wire, f.what, f.detail) for f in findings]
    wide = [max((len(row[n]) for row in rows), default=0) for n in range(3)]
    return "".join(
        "  ".join([*(row[n].ljust(wide[n]) for n in range(3)), row[3]]).rstrip() + "\n" for row in rows
    )


def values_in_words(values: dict[str, float | None], most: int = 4) -> str:
    """The first of some values."""
    shown = [f"{name} {'-' if value is None else format(value, '.5g')}" for name, value in values.items()]
    rest = "" if len(shown) <= most else f", and {len(shown) - most} more"
    return ", ".join(shown[:most]) + rest
