"""The ITIC curve: whether equipment should ride through a dip or swell. The curve is ``tables/itic.toml``."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flexcore.limits.schema import Mark, Title
from flexcore.tomlfile import parse_toml, read_toml_text, refuse

Position = Literal["inside", "above", "below", "undefined"]


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The curve for durations longer than ``from_s`` and at most ``to_s``."""

    from_s: float
    to_s: float
    from_percent: float
    to_percent: float

    def at(self, duration_s: float) -> float:
        """The voltage of the curve, in percent of nominal: straight over log(time)."""
        if self.from_percent == self.to_percent:
            return self.from_percent
        way = math.log(duration_s / self.from_s) / math.log(self.to_s / self.from_s)
        return self.from_percent + way * (self.to_percent - self.from_percent)


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    id: str
    title_nl: Title
    title_en: Title
    mark: Mark
    upper: Annotated[tuple[Segment, ...], Meta(min_length=1)]
    lower: Annotated[tuple[Segment, ...], Meta(min_length=1)]


class ItiResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event lies, and the two voltages of the curve at its duration (None: the curve has none)."""

    scheme: str
    position: Position
    upper_percent: float | None
    lower_percent: float | None


@cache
def itic_curve() -> Curve:
    """The shipped curve."""
    file = resources.files("flexcore.limits") / "tables" / "itic.toml"
    return parse_curve(read_toml_text(file), file.name)


def parse_curve(text: str, file: str) -> Curve:
    """The curve in TOML ``text``; raises :class:`flexcore.errors.SettingsError` in one line."""
    curve = parse_toml(text, file, Curve)
    for name, segments in (("upper", curve.upper), ("lower", curve.lower)):
        for n, segment in enumerate(segments):
            follows = n == 0 or segment.from_s == segments[n - 1].to_s
            if not (0.0 < segment.from_s < segment.to_s and follows):
                refuse(
                    file,
                    f"{name}[{n}].from_s",
                    "expected the end of the segment before it, and less than to_s",
                )
            sloped = segment.from_percent != segment.to_percent
            if sloped and math.isinf(segment.to_s):
                refuse(file, f"{name}[{n}].to_percent", "expected a level last segment")
    return curve


def itic(duration_s: float, percent: float) -> ItiResult:
    """Where an event of ``duration_s`` with an extreme of ``percent`` of nominal lies.

    On the curve is inside. ``undefined``: shorter than the curve begins (0.01 cycle of 60 Hz), or no number.
    """
    curve = itic_curve()
    upper, lower = _at(curve.upper, duration_s), _at(curve.lower, duration_s)
    position: Position = "inside"
    if upper is None or lower is None or math.isnan(percent):
        position = "undefined"
    elif percent > upper:
        position = "above"
    elif percent < lower:
        position = "below"
    return ItiResult(scheme=curve.id, position=position, upper_percent=upper, lower_percent=lower)


def _at(segments: tuple[Segment, ...], duration_s: float) -> float | None:
    if duration_s == segments[0].from_s:
        return segments[0].from_percent
    for segment in segments:
        if segment.from_s < duration_s <= segment.to_s:
            return segment.at(duration_s)
    return None
