"""Whether a set speaks of the voltage level at hand."""

from __future__ import annotations

from flexcore.limits.schema import LimitSet

#: EN 50160, 3: low voltage up to 1 kV, medium voltage up to 36 kV, between phases.
_LEVELS_V = {"lv": (0.0, 1000.0), "mv": (1000.0, 36_000.0)}


def level_doubt(limit_set: LimitSet, nominal_v: float) -> str | None:
    """A line for a person where ``nominal_v`` (between phases) is not of the set's level."""
    over_v, until_v = _LEVELS_V[limit_set.head.voltage]
    if over_v < nominal_v <= until_v:
        return None
    return (
        f"{limit_set.id} is for {over_v:g} to {until_v:g} V between phases, this busbar has {nominal_v:g} V"
    )
