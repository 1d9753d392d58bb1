"""Units as recorders write them, to volt and ampere."""

from __future__ import annotations

from typing import Literal

Kind = Literal["V", "A"]

_PREFIX = {"": 1.0, "k": 1e3, "K": 1e3, "m": 1e-3, "M": 1e6, "u": 1e-6, "µ": 1e-6, "μ": 1e-6}
# Cyrillic letters that stand for the same
_LATIN = str.maketrans({"В": "V", "в": "V", "А": "A", "а": "A", "к": "k", "К": "K", "м": "m", "М": "M"})


def si(unit: str) -> tuple[Kind, float] | None:
    """Kind of unit and factor to volt or ampere (``kV`` -> V, 1000), or None for anything else.

    >>> si("kV"), si("кВ"), si("deg")
    (('V', 1000.0), ('V', 1000.0), None)
    """
    text = unit.strip().translate(_LATIN)
    for name in ("volts", "volt"):
        if text.lower() == name:
            text = "V"
    for name in ("amperes", "ampere", "amps", "amp"):
        if text.lower() == name:
            text = "A"
    factor = _PREFIX.get(text[:-1])
    if factor is None:
        return None
    if text[-1:] in ("V", "v"):
        return "V", factor
    if text[-1:] in ("A", "a"):
        return "A", factor
    return None
