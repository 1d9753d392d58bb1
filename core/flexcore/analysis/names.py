"""What a channel's name says: voltage or current, of which phase, of which part of the plant.

Recorders write ``Ua``, ``VA``, ``U L1``, ``u_l1_v``, ``IL2``, ``F1-IA``, ``3I0``, ``Ia_2СШ-110_ВЛ1``,
``Spannung L1``... The quantity and the phase are taken out of the name; the rest is the part of the plant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from flexcore.recordings import Channel
from flexcore.recordings.units import si

Quantity = Literal["u", "i"]
#: Phases, neutral (or residual), and voltages between phases.
Phase = Literal["l1", "l2", "l3", "n", "l12", "l23", "l31"]

# Cyrillic letters that look like Latin ones; one for one, so that places in the text stay the same
_LATIN = str.maketrans("АВСавсІіоОНн", "ABCabcIioONn")
_QUANTITY = r"(?P<q>voltage|spannung|spanning|volts?|current|strom|stroom|amps?|[UVEIJ])"
_PHASE = r"(?P<p>L[123](?:[-/ ]?L[123]|[NE])?|[123][123N]?|[ABC](?:[ABC]|[NG])?|[RST](?:[RST]|N)?|N|G|E|O|0)"
_LETTER = r"A-Za-zЀ-ӿ"
_NAME = re.compile(
    rf"(?<![{_LETTER}])(?P<three>3[ _]?)?{_QUANTITY}[ _-]?{_PHASE}(?![{_LETTER}])(?!(?<=[0-9])[0-9])",
    re.IGNORECASE,
)
#: Values that some relay computed, and not samples of a wave.
_COMPUTED = re.compile(
    r"(?<![A-Za-z])(mag|magnitude|angle|ang|rms|eff|thd|freq|frequency|power|avg|mean|deg)(?![A-Za-z])",
    re.IGNORECASE,
)
_LETTERS: dict[str, str] = {
    "A": "1",
    "B": "2",
    "C": "3",
    "R": "1",
    "S": "2",
    "T": "3",
    "1": "1",
    "2": "2",
    "3": "3",
}
_PAIRS: dict[str, Phase] = {"12": "l12", "21": "l12", "23": "l23", "32": "l23", "31": "l31", "13": "l31"}
_REVERSED = ("21", "32", "13")
_VOLTAGE = ("u", "v", "e", "span")
_EDGES = " _-.:/\\,;"


@dataclass(frozen=True, slots=True)
class Role:
    """What a channel is; ``key`` names the part of the plant, ``factor`` makes V or A of its values."""

    quantity: Quantity
    phase: Phase
    key: str
    factor: float


def phase_of(text: str) -> tuple[Phase, bool] | None:
    """A phase from its letters, and whether a voltage between phases is written the other way round.

    >>> phase_of("L1N"), phase_of("AB"), phase_of("BA"), phase_of("0"), phase_of("x")
    (('l1', False), ('l12', False), ('l12', True), ('n', False), None)
    """
    plain = text.translate(_LATIN).upper()
    if len(plain) > 1:
        plain = re.sub(r"[-/ L]", "", plain)
    if plain in ("N", "G", "E", "O", "0"):
        return "n", False
    if len(plain) == 2 and plain[1] in "NGE":
        plain = plain[0]
    digits = "".join(_LETTERS.get(letter, "?") for letter in plain)
    if digits in ("1", "2", "3"):
        phases: dict[str, Phase] = {"1": "l1", "2": "l2", "3": "l3"}
        return phases[digits], False
    if digits in _PAIRS:
        return _PAIRS[digits], digits in _REVERSED
    return None


def role_of(channel: Channel) -> Role | None:
    """What ``channel`` is, or None where neither its name nor its phase and unit say so."""
    unit = si(channel.unit)
    if (channel.unit and unit is None) or _COMPUTED.search(channel.name):
        return None
    match = _NAME.search(channel.name.translate(_LATIN))
    found = phase_of(match["p"]) if match is not None else None
    if match is not None and found is not None:
        quantity: Quantity = "u" if match["q"].lower().startswith(_VOLTAGE) else "i"
        rest = channel.name[: match.start()] + " " + channel.name[match.end() :]
        rest = re.sub(r"[ _][kmM]?[VAva]\s*$", "", rest)  # a unit behind the name
    elif unit is not None and (found := phase_of(channel.phase)) is not None:
        quantity, rest = ("u" if unit[0] == "V" else "i"), channel.name
    else:
        return None
    if unit is not None and (unit[0] == "V") != (quantity == "u"):
        return None
    phase, reverse = found
    if quantity == "i" and phase in _PAIRS.values():
        return None
    factor = (unit[1] if unit is not None else 1.0) * (-1.0 if reverse else 1.0)
    key = " ".join((channel.component or rest).split()).strip(_EDGES)
    return Role(quantity, phase, key, factor)
