"""What an event adds to the voltages and currents that would have gone on without it.

By superposition, what a disturbance adds is what a source at its place would drive through a network whose
other sources are dead. That network rests before the onset, so that every passive part of it has taken up
energy at every moment after (:mod:`flexcore.dsp.evidence`); all that is asked of this module is the onset and
a faithful continuation of what was before.

The onset is found by the second difference over one cycle, u(t) - 2 u(t - T) + u(t - 2 T): a steady voltage
gives nothing, a power swing little and the same before as after, a sudden change all that it changes by.
The continuation is a Fourier series fitted to the cycles before the onset; where the record drifts (a swing,
a start-up), the fundamental's amplitudes may be linear in time, if that foretells the last cycle before the
onset better. How well it is foretold is what the added voltages and currents are good for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from flexcore.dsp.arrays import Float64

#: Why there is nothing to judge.
Reason = Literal["", "short", "gap", "no_voltage", "unsteady", "slow"]

#: Cycles needed before an event's begin, and after it.
CYCLES_BEFORE = 4.0
CYCLES_AFTER = 1.25
#: An onset lies at most so many cycles before and after the begin of the cycle that crossed a threshold.
_EARLY, _LATE = 1.0, 1.5
_FIT_CYCLES = 4.0
_HARMONICS = 15
#: A change of the voltage (root of the sum over the phases of its square) that can be an onset, of Udin.
_SMALLEST = 0.012
#: How wrong the continuation may be, of what was added.
_FAITHFUL = 0.35
#: A voltage that is foretold so badly (of Udin) may drift.
_DRIFTS = 2e-3
#: How far the second difference must stand out of what it was before.
_STANDS_OUT = 6.0


@dataclass(frozen=True, slots=True)
class Added:
    """One three-phase signal after the onset.

    ``added`` and ``before`` are (3, n): what came on top, and what would have gone on. ``error`` is by how
    much the cycle before the onset was foretold wrongly: RMS over the cycle, root sum square over the phases.
    ``bias`` is the part of it that a mean over a cycle does not take away: direct current and fundamental.
    """

    added: Float64
    before: Float64
    error: float
    bias: float


@dataclass(frozen=True, slots=True)
class Superimposed:
    """An event's onset (sample index), the length of a cycle in samples, and the added signals after it.

    ``currents`` has None where a field's samples are missing (not finite, or no array).
    """

    onset: int
    cycle: float
    voltage: Added
    currents: tuple[Added | None, ...]


def superimpose(  # noqa: PLR0911 - every reason is a return
    voltages: npt.NDArray[np.floating],
    currents: Sequence[npt.NDArray[np.floating] | None],
    *,
    rate_hz: float,
    nominal_hz: float,
    udin_v: float,
    begin: float,
    end: float | None = None,
) -> Superimposed | Reason:
    """The signals that an event added, or why there are none.

    ``voltages`` (3, n) and each of ``currents`` (at least 3 rows, n) on the same samples; ``begin`` the
    event's begin as a sample index, ``end`` its end (what comes later is not looked at).
    """
    cycle = rate_hz / nominal_hz
    n = voltages.shape[1]
    until = n if end is None else min(n, int(end + _LATE * cycle))
    first = int(max(0.0, begin - (_FIT_CYCLES + _EARLY + 1.0) * cycle))
    if begin < CYCLES_BEFORE * cycle or until - begin < CYCLES_AFTER * cycle:
        return "short"
    u = np.asarray(voltages[:3, first:until], np.float64)
    begin -= first
    whole = _sound(u, int(begin + CYCLES_AFTER * cycle))
    if whole is None:
        return "gap"
    u = u[:, :whole]
    cycle, alive = _cycle(u[:, : int(begin - _EARLY * cycle)], cycle, udin_v)
    if not alive:
        return "no_voltage"
    onset = _onset(u, cycle, udin_v, begin)
    if isinstance(onset, str):
        return onset
    after = min(u.shape[1], onset + round(2.25 * cycle))
    if after - onset < 0.75 * cycle:
        return "short"
    fit = _Fit(onset, after, cycle, u[:, :after], udin_v)
    voltage = fit.continued(u[:, :after])
    if voltage.error > _FAITHFUL * np.sqrt((voltage.added[:, : round(cycle)] ** 2).sum() / round(cycle)):
        return "unsteady"
    added: list[Added | None] = []
    for field in currents:
        x = None if field is None else np.asarray(field[:3, first : first + after], np.float64)
        usable = x is not None and x.shape == (3, after) and np.isfinite(x[:, fit.first :]).all()
        added.append(fit.continued(x) if usable and x is not None else None)
    return Superimposed(onset + first, cycle, voltage, tuple(added))


def _sound(u: Float64, needed: int) -> int | None:
    """How many samples there are before the first that is missing; None where one is missed."""
    bad = np.flatnonzero(~np.isfinite(u).all(axis=0))
    if bad.size == 0:
        return u.shape[1]
    return int(bad[0]) if bad[0] > needed else None


def _phasors(x: Float64, start: int, count: int, cycle: float) -> npt.NDArray[np.complex128]:
    """Complex amplitudes (RMS) of the fundamental, its angle counted from sample 0."""
    t = np.arange(start, start + count)
    window = np.hanning(count + 2)[1:-1]
    turn = window * np.exp(-2j * np.pi * t / cycle)
    return np.asarray(x[:, start : start + count] @ turn * (np.sqrt(2.0) / window.sum()))


def _cycle(u: Float64, nominal: float, udin_v: float) -> tuple[float, bool]:
    """Length of a cycle by the turn of the phasors between two windows of two cycles; is there a voltage?"""
    count = int(2 * nominal)
    gap = u.shape[1] - count
    if gap < 0.5 * nominal:
        return nominal, bool(np.abs(_phasors(u, 0, u.shape[1], nominal)).max() > 0.1 * udin_v)
    cycle = nominal
    for _ in range(3):
        a, b = _phasors(u, 0, count, cycle), _phasors(u, gap, count, cycle)
        if np.abs(b).max() < 0.1 * udin_v:
            return nominal, False
        turned = float(np.angle((b * a.conj()).sum())) / (2.0 * np.pi)
        cycle = min(max(1.0 / (1.0 / cycle + turned / gap), 0.8 * nominal), 1.25 * nominal)
    return cycle, True


def _at(x: Float64, back: float, start: int) -> Float64:
    """``x`` ``back`` samples earlier, from column ``start`` on; cubic between samples."""
    whole = int(np.ceil(back))
    d = whole - back
    weights = (
        -d * (d - 1.0) * (d - 2.0) / 6.0,
        (d * d - 1.0) * (d - 2.0) / 2.0,
        -d * (d + 1.0) * (d - 2.0) / 2.0,
        d * (d * d - 1.0) / 6.0,
    )
    n = x.shape[1] - start
    parts = [
        w * x[:, start - whole + k : start - whole + k + n]
        for k, w in zip((-1, 0, 1, 2), weights, strict=True)
    ]
    return np.asarray(sum(parts))


def _onset(u: Float64, cycle: float, udin_v: float, begin: float) -> int | Reason:
    start = int(np.ceil(2.0 * cycle)) + 2
    second = u[:, start:] - 2.0 * _at(u, cycle, start) + _at(u, 2.0 * cycle, start)
    smooth = max(1, round(cycle / 20.0))
    power = np.convolve((second**2).sum(axis=0), np.full(smooth, 1.0 / smooth), "valid")
    low = int(begin - _EARLY * cycle) - start
    high = int(begin + _LATE * cycle) - start
    before = power[max(0, low - int(1.5 * cycle)) : low]
    if before.size < 0.4 * cycle:
        return "short"
    calm = np.sqrt(before.mean())
    if calm > 0.25 * udin_v:
        return "unsteady"
    floor = max(_SMALLEST * udin_v, _STANDS_OUT * calm)
    found = np.flatnonzero(power[low:high] > floor * floor)
    return "slow" if found.size == 0 else low + int(found[0]) + start


class _Fit:
    """Continues signals beyond the onset from the cycles before it; one basis for all of them."""

    def __init__(self, onset: int, after: int, cycle: float, u: Float64, udin_v: float) -> None:
        last = onset - max(1, round(cycle / 40.0))
        self.first = max(0, last - round(_FIT_CYCLES * cycle))
        self._onset = onset
        self._count = last - self.first
        self._short = self._count - round(cycle)
        t = np.arange(self.first, after) - onset
        harmonics = min(_HARMONICS, int(0.4 * cycle))
        angles = 2.0 * np.pi / cycle * np.outer(np.arange(1, harmonics + 1), t)
        waves = np.concatenate((np.ones((1, t.size)), np.cos(angles), np.sin(angles)))
        self._use(waves)
        plain = self._foretold(u)[0]
        if plain > _DRIFTS * udin_v:
            self._use(np.concatenate((waves, (t / cycle) * waves[[1, 1 + harmonics]])))
            if self._foretold(u)[0] > 0.5 * plain:
                self._use(waves)

    def continued(self, x: Float64) -> Added:
        known = x[:, self.first : self.first + self._count]
        gains = known @ self._basis[:, : self._count].T @ self._whole
        before = gains @ self._basis[:, self._onset - self.first :]
        return Added(x[:, self._onset :] - before, before, *self._foretold(x))

    def _use(self, basis: Float64) -> None:
        self._basis = basis
        self._whole = _fitting(basis[:, : self._count])
        self._part = _fitting(basis[:, : self._short])

    def _foretold(self, x: Float64) -> tuple[float, float]:
        """How wrong the last cycle before the onset is foretold by those before it; see :class:`Added`."""
        known = x[:, self.first : self.first + self._count]
        gains = known[:, : self._short] @ self._basis[:, : self._short].T @ self._part
        wrong = known[:, self._short :] - gains @ self._basis[:, self._short : self._count]
        n = wrong.shape[1]
        error = float(np.sqrt((wrong**2).sum() / n))
        turn = np.exp(-2j * np.pi * np.arange(n) / n) / n
        parts = 2.0 * (np.abs(wrong @ turn) ** 2).sum() + (wrong.mean(axis=1) ** 2).sum()
        # noise leaves some of its power there, by chance sometimes little
        return error, max(float(np.sqrt(parts)), 2.0 * error / float(np.sqrt(n)))


def _fitting(basis: Float64) -> Float64:
    """What a signal's products with the basis must be multiplied with to give its least-squares weights.

    The waves are nearly orthogonal over whole cycles, so that the normal equations are as good as any
    decomposition, and cheap.
    """
    return np.asarray(np.linalg.inv(basis @ basis.T), np.float64)
