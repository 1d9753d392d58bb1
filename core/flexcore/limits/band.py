"""A band of allowed values, and how much of it a value uses."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flexcore.limits.events import LimitDataError
from flexcore.limits.schema import Clause
from flexcore.limits.vocabulary import measurand

#: A limit that is met exactly passes; what rounding adds to 0.9 * Udin must not fail it.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Band:
    """Limits in the unit of the quantity; ``ideal`` is the undisturbed value.

    The *load* of a value is its deviation from ideal as a share of the deviation the limit allows: 0 is
    undisturbed, 1 is at the limit. Of two limits the one that is used most counts. One number then orders
    all values, so that "95 % of the values lie within the band" and "the 95th percentile of the load is at
    most 1" say the same, for bands with one limit or two.
    """

    ideal: float
    lower: float | None
    upper: float | None

    @property
    def limits(self) -> tuple[float, ...]:
        """The limits there are, the lower first."""
        return tuple(limit for limit in (self.lower, self.upper) if limit is not None)

    def load(self, value: float) -> float:
        """The load of one value; negative on the side that has no limit."""
        return max((value - self.ideal) / (limit - self.ideal) for limit in self.limits)

    def limit_for(self, value: float) -> float:
        """The limit that ``value`` uses most."""
        return max(self.limits, key=lambda limit: (value - self.ideal) / (limit - self.ideal))


def band_of(clause: Clause, udin_v: float, nominal_hz: float) -> Band:
    """The band of ``clause`` for a declared input voltage ``udin_v`` and frequency ``nominal_hz``.

    Raises:
        LimitDataError: one of the two is not a positive number.
    """
    for name, number in (("udin_v", udin_v), ("nominal_hz", nominal_hz)):
        if not (math.isfinite(number) and number > 0.0):
            raise LimitDataError(f"{name}: expected a number above 0, got {number}")
    row = measurand(clause.quantity)
    if row is None:  # a set from read_limit_set() holds none of these
        raise LimitDataError(
            f"{clause.id}: quantity: expected a quantity of the instrument, got {clause.quantity}"
        )
    whole = {"udin": udin_v, "nominal_frequency": nominal_hz}.get(clause.reference, 100.0)
    lower, upper = (None if n is None else n * whole / 100.0 for n in (clause.lower, clause.upper))
    return Band(ideal=row.ideal * whole / 100.0, lower=lower, upper=upper)
