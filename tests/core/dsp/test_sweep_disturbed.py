"""A jump of the angle or a dip inside a window: what it touches is flagged or bounded, the rest is as ever.

The busbar's angle is smoothed over three cycles: what happens within a cycle and a half of the edge between
two windows is shared by both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from flexcore.model import Measurement
from support.pq import UDIN_V, Array
from support.sweep import (
    BUSBARS,
    TICK_S,
    Play,
    Wave,
    balanced,
    check,
    latin,
    per_phase,
    rich,
    spectrum,
    values,
)

#: Reach of what happens beside an edge, in cycles, with half a cycle to spare.
SHARED = 2.0
THD = 0.07
RMS_V = UDIN_V * np.sqrt(1.0 + THD**2)
#: Class A: 0.1 % of Udin; 5 % of a harmonic; 0.15 % of unbalance. Steady: 0.1 % of harmonics.
CLASS_A = {"u": 1e-3, "thd": 0.05, "u2": 0.15}
STEADY = {"u": 2e-4, "thd": 1e-3, "u2": 0.01}


def errors(m: Measurement) -> dict[str, float]:
    """Of what is true of the signal before and after: RMS (of itself), THD (of itself), u2 (%)."""
    return {
        "u": float(np.abs(values(m, *per_phase("u", "v")) / RMS_V - 1.0).max()),
        "thd": float(np.abs(values(m, *per_phase("thd_u", "percent")) / 100.0 / THD - 1.0).max()),
        "u2": float(values(m, "u2_percent")[0]),
    }


@pytest.mark.parametrize("seed", range(6))
def test_a_jump_of_the_angle_inside_a_window(seed: int) -> None:
    """Up to 60 degrees, at any moment, at any frequency, beside all harmonics.

    No flag of the standard tells of a jump. The window that holds it says what is true over its own edges.
    """
    rng = np.random.default_rng(seed)
    points = latin(BUSBARS, seed, hz=(42.5, 57.5), degrees=(-60.0, 60.0), at_s=(1.0, 1.3))
    waves = [Wave(rich(rng, balanced()), q["hz"], jumps=((q["at_s"], q["degrees"]),)) for q in points]
    play = Play(waves, (), 2.2)
    for n, (wave, q) in enumerate(zip(waves, points, strict=True), start=1):
        clean = touched = 0
        for m in play.told(f"b{n}"):
            start, end = play.span(m)
            if start - SHARED / q["hz"] <= q["at_s"] <= end + SHARED / q["hz"]:
                touched += 1
                t = start + (np.arange(1 << 14) + 0.5) / (1 << 14) * (end - start)
                true = np.sqrt((wave.at(t) ** 2).mean(axis=1))
                check(
                    "U over a jump, of what is true there", values(m, *per_phase("u", "v")) / true - 1.0, 2e-4
                )
                turned = float(np.diff(wave.turns(np.array([start, end])))[0])
                off = abs(turned - 10.0) / (abs(q["degrees"]) / 360.0 + 1e-3)
                check("cycles in a window beside a jump, parts of the jump", off, 0.6)
                continue
            clean += 1
            for name, error in errors(m).items():
                check(f"{name} apart from a jump", error, STEADY[name])
            check("f apart from a jump, Hz", values(m, "f_hz")[0] - q["hz"], 1e-3)
        assert clean >= 5
        assert 1 <= touched <= 2


def dipped(at_s: float, end_s: float, level: float, hit: npt.NDArray[np.bool_]) -> Callable[[Array], Array]:
    """A gain: ``level`` from one moment to another in the phases that are hit."""

    def gain(t: Array) -> Array:
        inside = (t >= at_s) & (t < end_s)
        return np.where(inside[None] & hit[:, None], level, 1.0)

    return gain


@pytest.mark.parametrize("seed", range(8))
def test_a_dip_inside_a_window(seed: int) -> None:
    """Every window that it touches is flagged; the others are right."""
    rng = np.random.default_rng(seed)
    points = latin(
        BUSBARS, seed, hz=(42.5, 57.5), level=(0.0, 0.88), cycles=(1.0, 9.0), at_s=(1.0, 1.3), hit=(1.0, 7.99)
    )
    waves = []
    for q in points:
        hit = np.array([int(q["hit"]) >> c & 1 for c in range(3)], bool)
        gain = dipped(q["at_s"], q["at_s"] + q["cycles"] / q["hz"], q["level"], hit)
        waves.append(Wave(rich(rng, balanced()), q["hz"], gain=gain))
    play = Play(waves, (), 2.4)
    for n, q in enumerate(points, start=1):
        begin, over = q["at_s"], q["at_s"] + q["cycles"] / q["hz"]
        flagged = 0
        for m in play.told(f"b{n}"):
            start, end = play.span(m)
            if end > begin and start < over:
                assert "dip" in m.flags, (q, start)
            if m.flags:
                flagged += 1
                assert end + SHARED / q["hz"] > begin, (q, start)
                assert start - SHARED / q["hz"] < over, (q, start)
                continue
            beside = end + SHARED / q["hz"] > begin and start - SHARED / q["hz"] < over
            where, limits = ("beside", CLASS_A) if beside else ("apart from", STEADY)
            for name, error in errors(m).items():
                check(f"{name} {where} a dip", error, limits[name])
        assert 1 <= flagged <= 3


def test_the_next_three_seconds_are_clean() -> None:
    """A dip and a jump flag or spoil their own 3-s interval; every harmonic of the next is right."""
    rng = np.random.default_rng(9)
    waves = []
    for q in latin(BUSBARS, 9, hz=(42.5, 57.5), level=(0.0, 0.88), degrees=(-60.0, 60.0)):
        gain = dipped(0.2, 0.45, q["level"], np.array([True, True, False]))
        waves.append(Wave(rich(rng, balanced()), q["hz"], jumps=((0.32, q["degrees"]),), gain=gain))
    play = Play(waves, (), 4.6, epoch_s=TICK_S - 0.7)
    for n, wave in enumerate(waves, start=1):
        first, second = play.results.measurements(f"b{n}", "3s")[-2:]
        assert "dip" in first.flags
        assert second.flags == ()
        check("harmonics after a dip", spectrum(second, "h")[1:] / np.abs(wave.phasors.T[1:]) - 1.0, 1e-3)
        assert "dip" in play.results.measurements(f"b{n}", "10min")[0].flags
