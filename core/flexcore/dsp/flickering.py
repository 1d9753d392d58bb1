"""Flicker of one busbar: its meter fed window by window, Pst by 10-min interval, Plt from twelve of them."""

from __future__ import annotations

from flexcore.dsp.aggregate import TICKS_IN_2H
from flexcore.dsp.arrays import Float32
from flexcore.dsp.flicker import Flickermeter, ShortTerm, plt
from flexcore.dsp.values import Values
from flexcore.dsp.window import TICK_S
from flexcore.quantities import PHASES

#: A Pst over less of its interval than this is not told.
LEAST_COVERAGE = 0.5


class Flicker:
    """Feeds a meter to whole windows, so that what it says does not depend on how samples arrive."""

    def __init__(self, rate_hz: int, nominal_hz: int, udin_v: float, lines: tuple[str, ...] = PHASES) -> None:
        self._lines = lines
        self._meter = Flickermeter(rate_hz, nominal_hz, udin_v)
        self._tick_samples = TICK_S * rate_hz
        self._psts: dict[int, tuple[float | None, ...]] = {}

    def restart(self, first: int) -> None:
        """Samples begin (anew) at number ``first``."""
        self.keep(self._meter.restart(first))

    def feed(self, data: Float32, origin: int, until: int) -> list[float | None]:
        """Take the samples up to number ``until``; the highest Pinst of each phase since the last time."""
        if until > self._meter.position:
            self.keep(self._meter.feed(data, origin, until))
        return [None if taken is None else taken.highest for taken in self._meter.take()]

    def ten_minutes(self, tick: int) -> Values:
        """Pst of 10-min interval number ``tick`` (since 1970), and Plt over it and the eleven before."""
        values: Values = {}
        psts = self._psts.get(tick, (None,) * 3)
        for phase, x in enumerate(self._lines):
            values[f"pst_{x}"] = psts[phase]
            values[f"plt_sliding_{x}"] = self._plt(tick, phase)
        return values

    def two_hours(self, number: int) -> Values:
        """Plt of 2-h interval ``number`` (since 1970); None where a Pst is missing."""
        last = (number + 1) * TICKS_IN_2H - 1
        return {f"plt_{x}": self._plt(last, phase) for phase, x in enumerate(self._lines)}

    def _plt(self, last: int, phase: int) -> float | None:
        found = [
            pst
            for tick in range(last - TICKS_IN_2H + 1, last + 1)
            if (pst := self._psts.get(tick, (None,) * 3)[phase]) is not None
        ]
        return plt(found) if len(found) == TICKS_IN_2H else None

    def keep(self, terms: list[ShortTerm]) -> None:
        """Remember what the meter said of the last twelve intervals."""
        for term in terms:
            tick = term.first // self._tick_samples
            self._psts[tick] = tuple(
                pst if coverage >= LEAST_COVERAGE else None
                for pst, coverage in zip(term.pst, term.coverage, strict=True)
            )
            for old in [known for known in self._psts if not tick - TICKS_IN_2H < known <= tick]:
                del self._psts[old]
