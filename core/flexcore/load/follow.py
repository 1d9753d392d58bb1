"""One component followed through time: currents in, interval by interval, its judgement out.

Currents are gathered and weighed once a minute of their own clock: each step moves the thermal state by the
minute's mean squares (heat goes with the square), exactly (see :mod:`flexcore.load.thermal`), and is judged.
A judgement comes sooner where something ends that it rested on: at the first current, when the current is
lost, and when it is back.

While nothing is measured the load may have been nothing or ``gap_pu`` times rated current: the state becomes
a band (:mod:`flexcore.load.band`), as it is at the start where no earlier state is given. A criterion on
which both ends of the band do not agree is ``not_judged`` (``unsettled``), so that what is assumed is told
for as long as it matters, and no longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from flexcore.load.assess import assess
from flexcore.load.band import DEFAULT_MAX_PU, Band, step_band, unknown, widen
from flexcore.load.component import Cable, Component, Transformer
from flexcore.load.conductor import CableState
from flexcore.load.gathered import Currents, Gathered
from flexcore.load.harmonics import HarmonicLoad, LoadError
from flexcore.load.tables import thermal_model
from flexcore.load.thermal import TransformerState
from flexcore.load.verdict import Assessment, AssessSettings

NS = 1_000_000_000
#: A step's length, on the currents' clock.
STEP_NS = 60 * NS
#: Intervals overlap by less than this at a tick of the clock; a clock that goes back by more was set.
BACK_NS = 10 * NS
#: More than rounding between the end of an interval and the start of the next.
HOLE_NS = NS // 10
#: A state older than this says nothing any more: ten of the longest usual time constants.
OLD_NS = 36 * 3600 * NS
#: Hot spots that close together have ageing rates within 41 % (kraft paper).
AGEING_K = 3.0

AnyBand: TypeAlias = Band[TransformerState] | Band[CableState]


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known of a component at ``time_ns``; enough to go on from. ``since_ns``: followed since."""

    time_ns: int
    since_ns: int
    band: AnyBand


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement over ``start_ns`` to ``end_ns``, of which ``coverage`` was measured.

    ``unknown_since_ns``: when the current was lost, None while it is measured. ``followed_since_ns``: from
    when ``aged_h`` counts.
    """

    start_ns: int
    end_ns: int
    coverage: float
    unknown_since_ns: int | None
    followed_since_ns: int
    assessment: Assessment


def assumed_ambient_c(component: Component) -> float:
    """What the ambient is taken for where nobody measures it."""
    if isinstance(component, Transformer):
        return thermal_model(component).assumed_ambient_c
    given = component.assumed_ambient_c
    return component.rated_ambient_c if given is None else given


class Follower:
    """Follows ``component``; pure: time comes with the currents.

    ``start`` is what was known of it before, if anything.

    Raises:
        LoadError: where ``start`` is of another kind of component, or the component cannot be followed.
    """

    def __init__(
        self,
        component: Component,
        settings: AssessSettings | None = None,
        start: Followed | None = None,
        *,
        gap_pu: float = DEFAULT_MAX_PU,
        frequency_hz: float = 50.0,
    ) -> None:
        if isinstance(component, Cable) and component.tau_min is None:
            raise LoadError(f"cable {component.name!r}: tau_min: expected a time constant to follow it")
        self._component = component
        self._settings = settings or AssessSettings()
        self._gap_pu = gap_pu
        self._frequency_hz = frequency_hz
        if start is not None:
            assess(component, start.band, None, None, self._settings)  # raises where it does not fit
        self._known = start
        self._gathered: Gathered | None = None
        self._unknown_since_ns: int | None = None if start is None else start.time_ns
        self._restored = start is not None
        self._silent = False
        self._first = False

    @property
    def followed(self) -> Followed | None:
        """What is known as of the last step; None before anything was heard."""
        return self._known

    def take(
        self,
        start_ns: int,
        end_ns: int,
        currents: Currents | None,
        coverage: float = 1.0,
        ambient_c: float | None = None,
    ) -> Judged | None:
        """One interval.

        ``currents`` None: nothing was measured; ``coverage`` is the part of the interval that was.
        ``ambient_c`` None or none of an ambient: the one assumed. An interval that was told already is passed
        over. Returns the judgement, where one is due.
        """
        known, now_ns = self._place(start_ns, end_ns, ambient_c)
        if end_ns <= now_ns:
            return None
        gathered = self._gathered or Gathered(now_ns, now_ns)
        begin_ns = max(start_ns, now_ns)
        length_ns = end_ns - begin_ns
        share = min(max(coverage, 0.0), 1.0) if currents is not None else 0.0
        if currents is not None and share > 0.0:
            gathered.add(currents, length_ns * share)
        gathered.unknown_ns += begin_ns - now_ns + length_ns * (1.0 - share)
        gathered.end_ns = end_ns
        lost = share <= 0.0
        sudden = (
            self._first
            or self._silent
            or begin_ns - now_ns > HOLE_NS
            or lost != (self._unknown_since_ns is not None)
        )
        if lost and self._unknown_since_ns is None:
            self._unknown_since_ns = now_ns
        elif not lost:
            self._unknown_since_ns = None
        self._first = self._silent = False
        self._gathered = gathered
        if sudden or end_ns // STEP_NS != gathered.start_ns // STEP_NS:
            return self._step(known, gathered, ambient_c)
        return None

    def silence(self, ambient_c: float | None = None) -> Judged | None:
        """Nothing is heard any more, and for how long is not known: the judgement, once."""
        known = self._known
        if known is None or self._silent:
            return None
        self._silent = True
        now_ns = self._now_ns(known)
        if self._unknown_since_ns is None:
            self._unknown_since_ns = now_ns
        return self._step(known, self._gathered or Gathered(now_ns, now_ns), ambient_c)

    def finish(self, ambient_c: float | None = None) -> Judged | None:
        """The judgement of what was gathered since the last one, where there is anything."""
        if self._known is None or self._gathered is None:
            return None
        return self._step(self._known, self._gathered, ambient_c)

    def _place(self, start_ns: int, end_ns: int, ambient_c: float | None) -> tuple[Followed, int]:
        """Where we are in time when an interval comes."""
        known, restored = self._known, self._restored
        self._restored = False
        if known is None:
            return self._begin(start_ns, ambient_c), start_ns
        now_ns = self._now_ns(known)
        back = end_ns <= now_ns - BACK_NS
        if start_ns - now_ns > OLD_NS or (restored and back):
            # What was known is of long ago, or of a clock that was wrong.
            return self._begin(start_ns, ambient_c), start_ns
        if back:
            # The clock was set back while we were running: what is warm stays warm.
            if self._gathered is not None:
                self._advance(known, self._gathered, ambient_c)
                known = self._known or known
                self._gathered = None
            known = Followed(start_ns, min(known.since_ns, start_ns), known.band)
            self._known = known
            return known, start_ns
        return known, now_ns

    def _now_ns(self, known: Followed) -> int:
        return known.time_ns if self._gathered is None else self._gathered.end_ns

    def _begin(self, start_ns: int, ambient_c: float | None) -> Followed:
        band: AnyBand = unknown(self._component, self._ambient(ambient_c), self._gap_pu)
        self._known = Followed(start_ns, start_ns, band)
        self._gathered, self._first = None, True
        return self._known

    def _ambient(self, ambient_c: float | None) -> float:
        usable = self._usable(ambient_c)
        return assumed_ambient_c(self._component) if usable is None else usable

    @staticmethod
    def _usable(ambient_c: float | None) -> float | None:
        return ambient_c if ambient_c is not None and -60.0 <= ambient_c <= 80.0 else None

    def _step(self, known: Followed, gathered: Gathered, ambient_c: float | None) -> Judged:
        after, load = self._advance(known, gathered, ambient_c)
        self._gathered = None
        lost = self._unknown_since_ns is not None
        length_ns = gathered.known_ns + gathered.unknown_ns
        return Judged(
            start_ns=gathered.start_ns,
            end_ns=gathered.end_ns,
            coverage=gathered.known_ns / length_ns if length_ns > 0.0 else 0.0,
            unknown_since_ns=self._unknown_since_ns,
            followed_since_ns=after.since_ns,
            assessment=assess(
                self._component,
                after.band,
                None if lost else load,
                self._usable(ambient_c),
                self._settings,
            ),
        )

    def _advance(
        self, known: Followed, gathered: Gathered, ambient_c: float | None
    ) -> tuple[Followed, HarmonicLoad | None]:
        """Move the state; a load that cannot be weighed counts as not measured."""
        load = gathered.load(self._component.rated_a, self._frequency_hz)
        ambient, band = self._ambient(ambient_c), known.band
        required = self._settings.required_order
        known_s, unknown_s = gathered.known_ns / NS, gathered.unknown_ns / NS
        if load is None or any(load.problem(phase, required) for phase in range(3)):
            known_s, unknown_s = 0.0, known_s + unknown_s
        # What was lost last stands last.
        lost = self._unknown_since_ns is not None
        for measured in (True, False) if lost else (False, True):
            if measured and load is not None and known_s > 0.0:
                band = _stepped(self._component, band, load, ambient, known_s, required)
            elif not measured and unknown_s > 0.0:
                band = _widened(self._component, band, ambient, unknown_s, self._gap_pu)
        since_ns, band = _ageing(known.since_ns, gathered.end_ns, band)
        self._known = Followed(gathered.end_ns, since_ns, band)
        return self._known, load


def _stepped(
    component: Component, band: Any, load: HarmonicLoad, ambient_c: float, dt_s: float, order: int
) -> AnyBand:
    stepped: AnyBand = step_band(component, band, load, ambient_c, dt_s, order)
    return stepped


def _widened(component: Component, band: Any, ambient_c: float, gap_s: float, max_pu: float) -> AnyBand:
    widened: AnyBand = widen(component, band, ambient_c, gap_s, max_pu)
    return widened


def _ageing(since_ns: int, now_ns: int, band: AnyBand) -> tuple[int, AnyBand]:
    """Count life used anew where a time of which little was known has made its bounds useless.

    Paper at the hottest that a band allows ages by months in an hour; once the band is narrow again, the sum
    would carry that for ever.
    """
    low, high = band.low, band.high
    if not isinstance(low, TransformerState) or not isinstance(high, TransformerState):
        return since_ns, band
    narrow = high.hot_spot_c - low.hot_spot_c <= AGEING_K
    if narrow and high.aged_h - low.aged_h > max(1.0, low.aged_h):
        return now_ns, Band(replace(low, aged_h=0.0), replace(high, aged_h=0.0))
    return since_ns, band
