"""Where on the UTC grid the samples of a stream lie that only counts within the second.

``smpCnt`` gives the place in the second (IEC 61850-9-2, 8.5.2); which second it is follows from the time of
arrival. A stream that is not synchronised counts from a second of its own; it is put where it arrives, and
then counted on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

NS = 1_000_000_000
#: Frames in a row that must agree before a time line is believed.
AGREE = 5
#: Earliest and latest arrival after a sample's time, s: a clock that is a little off, and a network or an
#: emulator that is slow. Together one second, so that each smpCnt has one place.
EARLIEST_S, LATEST_S = -0.2, 0.8
#: By how much more a stream may stray that has been followed to there.
_SLACK_S = 0.1
#: A stream that is not synchronised drifts; farther off its arrival than this, it is put there anew.
_DRIFT_S = 0.3
#: After so long a silence the stream may be another one.
SILENCE_S = 1.0
#: From the last sample of a second to the first of the next, at most; shorter than what any rate of the
#: standard lasts longer than another.
_TURN_S = 0.03
#: How long a stream must insist on lying behind what was seen: longer than frames that overtook each other.
_BEHIND_S = 0.01

Verdict = Literal["here", "moved", "settling", "time", "rate"]


@dataclass(frozen=True, slots=True)
class Place:
    """Grid index ``at`` of a run's first sample, and whether the run may be used there."""

    at: int
    verdict: Verdict


@dataclass(slots=True)
class _Candidate:
    """A time line that has been claimed ``frames`` times; ``phase`` is that of its second on the grid."""

    phase: int
    next: int
    frames: int
    since_ns: int


class Timeline:
    """The time line of one stream of ``rate_hz``; ``window`` is how many samples may be lost or overtaken.

    ``rates_hz`` are those that a stream might have: the rate is proven by smpRate, or by a second that ends
    where it must. A stream of another rate would else be taken for one with losses.
    """

    def __init__(self, rate_hz: int, window: int, rates_hz: Collection[int]) -> None:
        self._rate = rate_hz
        self._window = window
        self._others = frozenset(rates_hz) - {rate_hz}
        self._phase: int | None = None
        self._expected = 0
        self._candidate: _Candidate | None = None
        self._proven = False
        self._wrong = False
        self._overruns = 0
        self._ended: tuple[int, int] | None = None
        self._heard_ns: int | None = None
        self.reanchored = 0

    def overrun(self, frames: int) -> None:
        """Frames have come with a smpCnt that the rate does not have; one lie proves nothing."""
        self._overruns += frames
        if self._overruns >= AGREE:
            self._doubt()

    def _doubt(self) -> None:
        """The stream may be another one: its rate must be proven again."""
        self._proven, self._phase, self._candidate, self._ended = False, None, None, None
        self._overruns = 0

    def place(self, first: int, count: int, frames: int, sync: int, told: bool, arrival_ns: int) -> Place:
        """Where a run of ``count`` samples from smpCnt ``first`` on lies that arrived at ``arrival_ns``."""
        if self._heard_ns is not None and arrival_ns - self._heard_ns > SILENCE_S * NS:
            self._doubt()
        self._heard_ns = arrival_ns
        self._prove(first, count, told, arrival_ns)
        arrived = arrival_ns // NS * self._rate + arrival_ns % NS * self._rate // NS
        synchronised = 0 < sync < 255 and sync not in (3, 4)
        phase = self._phase_of(synchronised, first, count // max(frames, 1), arrived)
        at = self._index(phase, first, arrived)
        if self._wrong:
            return Place(at, "rate")
        if (
            phase == self._phase
            and self._expected - self._rate // 2 <= at <= self._expected + self._window
            and self._proven
        ):
            return Place(at, "here")
        return self._claim(phase, at, count, frames, arrival_ns, ahead=True)

    def accept(self, at: int, count: int) -> None:
        """A run has been used: the line goes on there."""
        self._expected = max(self._expected, at + count)
        self._candidate = None

    def contradict(self, at: int, count: int, frames: int, arrival_ns: int, certain: bool) -> Place:
        """A run lies behind what was seen and is no copy of it; ``certain`` where it says other values."""
        phase = at % self._rate if self._phase is None else self._phase
        return self._claim(phase, at, count, frames, arrival_ns, ahead=certain)

    def _prove(self, first: int, count: int, told: bool, arrival_ns: int) -> None:
        """Whether the stream has the rate: one second is followed by the next where the rate says."""
        if told:
            self._proven, self._wrong = True, False
        elif first == 0 and self._ended is not None and arrival_ns - self._ended[1] < _TURN_S * NS:
            if self._ended[0] == self._rate:
                self._proven, self._wrong, self._overruns = True, False, 0
            elif self._ended[0] in self._others:
                self._doubt()
                self._wrong = True
        # as if all of the run had come at its usual pace after its first frame
        self._ended = (first + count, arrival_ns + count * NS // self._rate)

    def _phase_of(self, synchronised: bool, first: int, per_frame: int, arrived: int) -> int:
        if synchronised:
            return 0
        known = self._phase
        if known is None and self._candidate is not None:
            known = self._candidate.phase
        if known is not None:
            late = arrived - self._index(known, first, arrived)
            if -_SLACK_S * self._rate <= late <= _DRIFT_S * self._rate:
                return known
        return (arrived - per_frame - first) % self._rate

    def _index(self, phase: int, first: int, arrived: int) -> int:
        """The place of smpCnt ``first`` whose delay is plausible; near the limits the one that goes on."""
        early = round(-EARLIEST_S * self._rate)
        at = (arrived - first - phase + early) // self._rate * self._rate + first + phase
        if self._phase is None:
            return at
        slack = round(_SLACK_S * self._rate)
        for other in (at - self._rate, at + self._rate):
            late = arrived - other
            if (
                -early - slack <= late <= LATEST_S * self._rate + slack
                and abs(other - self._expected) <= self._rate // 4
            ):
                return other
        return at

    def _claim(self, phase: int, at: int, count: int, frames: int, arrival_ns: int, *, ahead: bool) -> Place:
        """Note a claim; the line moves there once enough frames in a row agree."""
        known = self._candidate
        if known is not None and known.phase == phase and 0 <= at - known.next <= self._window:
            known.frames += frames
        else:
            known = self._candidate = _Candidate(phase, at, frames, arrival_ns)
        known.next = at + count
        waited = ahead or arrival_ns - known.since_ns >= _BEHIND_S * NS
        if known.frames < AGREE or not waited or not self._proven:
            return Place(at, "settling" if self._phase is None else "time")
        if self._phase is not None:
            self.reanchored += 1
        self._phase, self._expected, self._candidate = phase, at, None
        return Place(at, "moved")
