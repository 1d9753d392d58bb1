"""Flicker of three voltages: Pinst, Pst per 10 minutes of the clock, Plt (IEC 61000-4-15 ed. 2, class F1).

The samples are squared at once, at their full rate, and the square is brought down to 2-4 kHz by a
triangular mean; what follows needs only what the square holds below 42 Hz. So no band limit of ours stands
between a pair of interharmonics and the flicker they make. Below 4 kHz nothing is decimated. What a low rate
costs: pairs of voltage components whose frequencies add up to the sampling rate, give or take 40 Hz, fold
into the flicker band when they are squared (at 1 kHz: two at 480 Hz), and what lies above half the rate is
not there at all. Sines are measured alike from 1 kHz on; rectangular fluctuations faster than 25 Hz, which
need those components, up to 2.8 % low in Pinst at 1 kHz and 1.7 % at 1.2 kHz.

Reference voltage (block 1): the RMS voltage, smoothed over 50 ms and then by a first-order filter of 27.3 s,
which is 1 minute from 10 % to 90 %. Everything behind it sees the square relative to the reference's, less
its mean of 1.

How a channel begins, after :meth:`Flickermeter.restart` and after an outage: its mean square is estimated
with a Hann window of 200 ms, twice, of which the first only shows that there is voltage. All filters begin
in the steady state of the second. What is left is the onset of the 100-Hz ripple and what the estimate is
wrong by; it leaves the weighting filter within 1 s, then the last filter (0.3 s) begins anew from zero. After
:data:`SETTLE_S` a channel counts; until then it has no Pinst and is left out of its Pst, whose ``coverage``
says so.

No voltage: below 5 % of Udin for more than 1 s a channel stops, and begins again when the voltage does.
Steps down and short interruptions count in full, like for any lamp; a dead voltage does not fill the classes
with zeros, and the return after an outage is not a step. The same holds for what cannot be a voltage (not a
number, or more than 1000 times Udin), at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexcore.dsp._flicker import Meter, class_edges
from flexcore.dsp.arrays import Float32, Float64
from flexcore.dsp.lamp import LAMPS, LOW_PASS_HZ, LampName, digital_sections, memory
from flexcore.errors import FlexcoreError

#: Length of a Pst interval; they begin at whole multiples of it since 1970.
INTERVAL_S = 600
#: Pst values in a Plt.
PLT_COUNT = 12
#: From the first sample of a steady voltage until a channel counts: two estimates of 0.2 s, 1 s for the
#: weighting filter and 1.6 s (five time constants) for the last one.
SETTLE_S = 3.0
RATE_HZ = (1_000, 100_000)

_DEMODULATED_HZ = 2_000
_GROUP_HZ = 250
_ESTIMATE_S = 0.2
_SKIP_S = 1.0
_PATIENCE_S = 1.0
_DEAD_VOLTAGE = 0.05
_ABSURD_VOLTAGE = 1_000.0
_QUICK_S = 0.05
_REFERENCE_S = 27.3

#: Weight and the percentages that are averaged, P0.1 to P50s (block 5).
_PERCENTILES = (
    (0.0314, (0.1,)),
    (0.0525, (0.7, 1.0, 1.5)),
    (0.0657, (2.2, 3.0, 4.0)),
    (0.28, (6.0, 8.0, 10.0, 13.0, 17.0)),
    (0.08, (30.0, 50.0, 80.0)),
)

Triple = tuple[float | None, float | None, float | None]


class FlickerError(FlexcoreError, ValueError):
    """A flickermeter or a Plt of something that it is not defined for."""

    code = "flicker"


@dataclass(frozen=True, slots=True)
class Pinst:
    """Instantaneous flicker of one channel over some time, in units of perceptibility."""

    highest: float
    mean: float


@dataclass(frozen=True, slots=True)
class ShortTerm:
    """Pst of one 10-minute interval that begins at sample number ``first``.

    ``coverage`` is the part of the interval, 0..1, that was classified, per channel: below 1 where samples
    were missing, a channel settled or had no voltage. Where it is 0, ``pst`` is None.
    """

    first: int
    pst: Triple
    coverage: tuple[float, float, float]


class Flickermeter:
    """Flicker of three voltages sampled at ``rate_hz`` (1 to 100 kHz), declared ``udin_v`` each.

    Results depend on the samples and their numbers (since 1970) alone, to the last bit: not on how they are
    fed. Samples are taken in groups of :attr:`group` (2 to 4 ms); one that a tick of the clock divides, where
    the rate is such that this happens, belongs to the interval in which it begins.

    Raises:
        FlickerError: a rate, grid or lamp that there is no definition for.
    """

    def __init__(self, rate_hz: int, nominal_hz: int, udin_v: float, lamp: LampName = "230v") -> None:
        if not RATE_HZ[0] <= rate_hz <= RATE_HZ[1]:
            raise FlickerError(
                f"flicker at {rate_hz} samples per second: expected {RATE_HZ[0]} to {RATE_HZ[1]}"
            )
        if nominal_hz not in LOW_PASS_HZ:
            raise FlickerError(f"flicker in a grid of {nominal_hz} Hz: expected 50 or 60")
        if lamp not in LAMPS:
            raise FlickerError(f"flicker of lamp {lamp!r}: expected {' or '.join(LAMPS)}")
        if not 0.0 < udin_v < math.inf:
            raise FlickerError(f"flicker at a declared voltage of {udin_v} V: expected a positive one")
        decimation = max(1, rate_hz // _DEMODULATED_HZ)
        inner_hz = rate_hz / decimation
        per_group = int(inner_hz // _GROUP_HZ)
        group_hz = inner_hz / per_group
        estimate = round(_ESTIMATE_S * group_hz)
        self._meter = Meter(
            decimation=decimation,
            per_group=per_group,
            sections=digital_sections(LAMPS[lamp], nominal_hz, inner_hz, decimation),
            smooth=memory(inner_hz),
            window=_hann(estimate * per_group),
            floor_v=_DEAD_VOLTAGE * udin_v,
            limit_v=_ABSURD_VOLTAGE * udin_v,
            quick=-math.expm1(-1.0 / (group_hz * _QUICK_S)),
            slow=-math.expm1(-1.0 / (group_hz * _REFERENCE_S)),
            skip=round(_SKIP_S * group_hz),
            settle=math.ceil(SETTLE_S * group_hz) - 2 * estimate,
            patience=round(_PATIENCE_S * group_hz),
        )
        self._length = INTERVAL_S * rate_hz
        self._interval: int | None = None

    @property
    def position(self) -> int:
        """Number of the first sample that has not been taken: it must still be there when more is fed."""
        return self._meter.position

    @property
    def group(self) -> int:
        """Samples that are taken together."""
        return self._meter.group

    @property
    def pinst(self) -> Triple:
        """Pinst now, per channel; None where it has not settled."""
        return self._meter.latest()

    def restart(self, first_sample: int) -> list[ShortTerm]:
        """Begin anew at ``first_sample``, after a gap or at first.

        An interval in which this happens goes on, with a hole. Returned is what a longer gap has ended, or a
        jump back in time.
        """
        ended: list[ShortTerm] = []
        before = self._meter.position
        self._meter.restart(first_sample)
        interval = self._meter.position // self._length
        if self._interval is not None and (interval != self._interval or first_sample < before):
            ended.append(self._close())
        self._interval = interval
        return ended

    def feed(self, data: Float32, origin: int, until: int) -> list[ShortTerm]:
        """Take the samples from :attr:`position` up to number ``until``; the intervals that they complete.

        Args:
            data: (3, n) volts, C order; column 0 is sample number ``origin``.

        Raises:
            ValueError: not three channels, or samples that are not in ``data``.
        """
        if self._interval is None:
            raise ValueError("expected restart() to say where the samples begin")
        ended: list[ShortTerm] = []
        while True:
            stop = self._first_group(self._interval + 1)
            self._meter.feed(data, origin, min(until, stop))
            if self._meter.position < stop:
                return ended
            ended.append(self._close())
            self._interval += 1

    def finish(self) -> list[ShortTerm]:
        """There are no more samples: the interval that was running. Only :meth:`restart` may follow."""
        if self._interval is None:
            return []
        ended = [self._close()]
        self._interval = None
        return ended

    def take(self) -> tuple[Pinst | None, Pinst | None, Pinst | None]:
        """Highest and mean Pinst since the last call; None for a channel that had not settled."""
        a, b, c = (Pinst(top, total / n) if n else None for top, total, n in self._meter.take())
        return a, b, c

    def _first_group(self, interval: int) -> int:
        """Number of the first sample of the first group that begins in ``interval``."""
        return -(-interval * self._length // self.group) * self.group

    def _close(self) -> ShortTerm:
        assert self._interval is not None  # noqa: S101 - for the type checker; all callers know
        groups = (self._first_group(self._interval + 1) - self._first_group(self._interval)) // self.group
        counts = self._meter.counts().astype(np.float64)
        a, b, c = (severity(row) for row in counts)
        x, y, z = (float(row.sum()) / groups for row in counts)
        self._meter.empty()
        return ShortTerm(self._interval * self._length, (a, b, c), (x, y, z))


def severity(counts: Float64) -> float | None:
    """Pst from how often Pinst was in each class of :func:`flexcore.dsp._flicker.class_edges`.

    Percentiles are interpolated within their class: a class is 0.1 to 0.2 % wide, so that Pst is right to
    0.1 %. None when nothing was counted.
    """
    exceeding = np.concatenate((np.cumsum(counts[::-1])[::-1], [0.0]))
    if exceeding[0] <= 0.0:
        return None
    edges = class_edges()
    total = 0.0
    for weight, percentages in _PERCENTILES:
        levels = [_level(exceeding, edges, percentage / 100.0) for percentage in percentages]
        total += weight * sum(levels) / len(levels)
    return math.sqrt(total)


def _level(exceeding: Float64, edges: Float64, part: float) -> float:
    """What Pinst exceeded during ``part`` of the time."""
    wanted = part * exceeding[0]
    n = int(np.flatnonzero(exceeding > wanted)[-1])
    inside = (exceeding[n] - wanted) / (exceeding[n] - exceeding[n + 1])
    return float(edges[n] + inside * (edges[n + 1] - edges[n]))


def plt(psts: Sequence[float]) -> float:
    """Long-term flicker of twelve Pst in a row: their cubic mean (IEC 61000-4-15).

    Raises:
        FlickerError: not twelve, or one that is not a Pst.
    """
    if len(psts) != PLT_COUNT or not all(0.0 <= pst < math.inf for pst in psts):
        raise FlickerError(f"Plt of {len(psts)} values: expected {PLT_COUNT} finite Pst, none negative")
    return math.cbrt(math.fsum(pst**3 for pst in psts) / PLT_COUNT)


def _hann(size: int) -> Float64:
    weights = 1.0 - np.cos(2.0 * np.pi * (np.arange(size) + 0.5) / size)
    return np.asarray(weights / weights.sum())
