"""What a weekly evaluation gives; as JSON by ``msgspec.json.encode``."""

from __future__ import annotations

import msgspec

from flexcore.limits.outcome import Evaluation
from flexcore.limits.text import render

SCHEMA = "flexcore-week-1"


class JudgedBusbar(msgspec.Struct, frozen=True):
    """One busbar; ``begin`` and ``end`` of the span in ISO 8601, UTC, ``doubts`` for a person to look at."""

    busbar: str
    name: str
    nominal_v: float
    begin: str
    end: str
    doubts: tuple[str, ...]
    evaluation: Evaluation


class Week(msgspec.Struct, frozen=True):
    """All of it. New keys may come; those that are there keep their meaning while ``schema`` stays."""

    store: str
    limit_set: str
    limit_set_version: int
    busbars: tuple[JudgedBusbar, ...]
    schema: str = SCHEMA
    version: str = ""


def as_text(week: Week, *, phases: bool = False) -> str:
    """For a terminal."""
    blocks = []
    for one in week.busbars:
        lines = [f"Busbar {one.busbar}   {one.name}"]
        lines += [f"look at: {doubt}" for doubt in one.doubts]
        blocks.append("\n".join(lines) + "\n" + render(one.evaluation, "en", phases=phases))
    return "\n".join(blocks)
