"""Where a field's power goes, in words. Positive power flows from the busbar into the field."""

from __future__ import annotations

from typing import Literal

#: Below this share of the apparent power a direction would be noise.
LEAST_SHARE = 0.005


def direction(values: dict[str, float | None]) -> Literal["to-field", "to-busbar", "none"] | None:
    """Of the active power; None where it is not known."""
    p, s = values.get("p_w"), values.get("s_va")
    if p is None or s is None:
        return None
    if abs(p) <= LEAST_SHARE * abs(s):
        return "none"
    return "to-field" if p > 0 else "to-busbar"


def character(values: dict[str, float | None]) -> Literal["inductive", "capacitive"] | None:
    """Of the reactive power; None where it is next to nothing or not known."""
    q, s = values.get("q_var"), values.get("s_va")
    if q is None or s is None or abs(q) <= LEAST_SHARE * abs(s):
        return None
    return "inductive" if q > 0 else "capacitive"
