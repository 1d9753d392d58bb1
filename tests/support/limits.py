"""Series of a week for tests of the limits: known values at known places."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from flexcore.limits.data import Recorded, Series, Values
from flexcore.limits.files import parse_limit_set
from flexcore.limits.schema import LimitSet
from flexcore.limits.vocabulary import DAY_NS, INTERVAL_NS, SECOND_NS, Interval

#: A Monday, 2026-03-23 00:00 UTC: on the Sunday after it, summer time begins in the Netherlands.
MONDAY_NS = 1_774_224_000 * SECOND_NS
WEEK_NS = 7 * DAY_NS
TEN_MINUTES_NS = INTERVAL_NS["10min"]


def series(
    values: Values | Iterable[float],
    interval: Interval = "10min",
    *,
    start_ns: int = MONDAY_NS,
    flagged: Iterable[int] = (),
) -> Series:
    """Values one after another from ``start_ns``; ``flagged`` are indices."""
    array = np.asarray(list(values) if not isinstance(values, np.ndarray) else values, dtype=np.float64)
    times = start_ns + np.arange(array.size, dtype=np.int64) * INTERVAL_NS[interval]
    flags = np.zeros(array.size, dtype=np.bool_)
    flags[list(flagged)] = True
    return Series(times, array, flags)


def recorded(values: Values | Iterable[float], **options: object) -> Recorded:
    """One series of u2, the quantity of the small sets below."""
    return Recorded({("u2_percent", "10min"): series(values, **options)})  # type: ignore[arg-type]


HEAD = """
[set]
id = "own"
version = 1
title_nl = "Eigen"
title_en = "Own"
standard = "none"
voltage = "mv"
"""

CLAUSE = """
[[clause]]
id = "{id}"
title_nl = "Bepaling"
title_en = "Clause"
clause = "1"
mark = "S"
quantity = "{quantity}"
interval = "{interval}"
period = "{period}"
share_percent = {share}
reference = "{reference}"
{limits}
"""


def clause(
    share: float = 95.0,
    limits: str = "upper = 2.0",
    *,
    name: str = "a",
    quantity: str = "u2_percent",
    interval: str = "10min",
    period: str = "week",
    reference: str = "positive_sequence",
) -> str:
    """The text of one clause."""
    return CLAUSE.format(
        id=name,
        share=share,
        limits=limits,
        quantity=quantity,
        interval=interval,
        period=period,
        reference=reference,
    )


def small_set(*clauses: str) -> LimitSet:
    """A set of these clauses."""
    return parse_limit_set(HEAD + "".join(clauses))
