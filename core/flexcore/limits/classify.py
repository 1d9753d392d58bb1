"""A live value against a limit set: acceptable, near, over, or not judged, and why.

No verdict: a rule lets some of the averaged values lie outside, and speaks of ten minutes where a live value
is one of 200 ms or 3 s. A person at a screen wants to know how far off the limit is now.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from flexcore.limits.band import ROUNDING, Band, band_of
from flexcore.limits.schema import LimitSet, Mark
from flexcore.limits.vocabulary import LIVE_NAMES, channels
from flexcore.quantities import PAIRS, PHASES

Level = Literal["acceptable", "near", "over", "not_judged"]
#: ``of_limit`` the value is at ``percent`` of ``limit``; ``no_limit`` the set says nothing of this quantity;
#: ``no_value`` there is no number.
Key = Literal["of_limit", "no_limit", "no_value"]


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """A level with its reason, for a page to put into words: "h5 at 92 % of 6 %".

    ``percent`` is the deviation from the undisturbed value in percent of the deviation that ``limit`` allows;
    ``limit`` is in the quantity's unit. ``clause`` names the clause whose limit is used most,
    ``share_percent`` how many of its values must be within (100: always).
    """

    level: Level
    key: Key
    quantity: str
    limit_set: str
    value: float | None = None
    limit: float | None = None
    percent: float | None = None
    clause: str | None = None
    share_percent: float | None = None
    mark: Mark | None = None


class Classifier:
    """A limit set made ready for many values of one busbar.

    ``near_percent`` replaces the set's own. Raises :class:`flexcore.limits.events.LimitDataError` where
    ``udin_v`` or ``nominal_hz`` is not a positive number.
    """

    def __init__(
        self,
        limit_set: LimitSet,
        *,
        udin_v: float,
        nominal_hz: float = 50.0,
        near_percent: float | None = None,
    ) -> None:
        self._name = limit_set.id
        self._near = limit_set.head.near_percent if near_percent is None else near_percent
        self._bands: dict[str, list[tuple[Band, str, float, Mark]]] = {}
        kinds: list[tuple[tuple[str, ...], float]] = [(PHASES, udin_v)]
        if limit_set.head.voltages == "phase_to_phase":
            kinds.append((PAIRS, math.sqrt(3.0) * udin_v))
        for clause in limit_set.clauses:
            for phases, declared_v in kinds if "{phase}" in clause.quantity else kinds[:1]:
                band = band_of(clause, declared_v, nominal_hz)
                for name, _ in channels(clause.quantity, phases):
                    entry = (band, clause.id, clause.share_percent, clause.mark)
                    self._bands.setdefault(name, []).append(entry)

    def classify(self, quantity: str, value: float | None) -> Classification:
        """The level of ``value`` of ``quantity`` (a name of one phase, ``f_hz`` too), in its unit."""
        bands = self._bands.get(LIVE_NAMES.get(quantity, quantity))
        if bands is None:
            return Classification(level="not_judged", key="no_limit", quantity=quantity, limit_set=self._name)
        if value is None or not math.isfinite(value):
            return Classification(level="not_judged", key="no_value", quantity=quantity, limit_set=self._name)
        band, clause, share, mark = max(bands, key=lambda entry: entry[0].load(value))
        load = band.load(value)
        level: Level = "acceptable"
        if load > 1.0 + ROUNDING:
            level = "over"
        elif load >= self._near / 100.0 - ROUNDING:
            level = "near"
        return Classification(
            level=level,
            key="of_limit",
            quantity=quantity,
            limit_set=self._name,
            value=value,
            limit=band.limit_for(value),
            percent=100.0 * load,
            clause=clause,
            share_percent=share,
            mark=mark,
        )


def classify(
    limit_set: LimitSet,
    quantity: str,
    value: float | None,
    *,
    udin_v: float,
    nominal_hz: float = 50.0,
    near_percent: float | None = None,
) -> Classification:
    """The level of one value; for many values of one busbar make a :class:`Classifier` once."""
    ready = Classifier(limit_set, udin_v=udin_v, nominal_hz=nominal_hz, near_percent=near_percent)
    return ready.classify(quantity, value)
