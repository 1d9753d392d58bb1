"""Transients: impulses, steps, notches and what must not be taken for one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from flexcore.dsp._transient import Envelope
from flexcore.dsp.transient import Transient, Transients
from flexcore.station import EventSettings
from support import transient_twin as twin

Float32 = npt.NDArray[np.float32]
UDIN_V = 230.0
PEAK_V = UDIN_V * math.sqrt(2.0)
SETTINGS = EventSettings()


def mains(
    seconds: float, rate_hz: float = 20_000.0, f_hz: float = 50.0, *, harmonics: bool = True
) -> npt.NDArray[np.float64]:
    turns = f_hz * np.arange(int(seconds * rate_hz)) / rate_hz - np.arange(3)[:, None] / 3.0
    u = PEAK_V * np.sin(2 * np.pi * turns)
    if harmonics:
        for h, share in ((3, 0.05), (5, 0.06), (7, 0.05), (11, 0.035), (25, 0.015)):
            u += share * PEAK_V * np.sin(2 * np.pi * h * turns + h)
    return u


def detect(
    u: npt.NDArray[np.float64], cycle: float = 400.0, settings: EventSettings = SETTINGS
) -> list[Transient]:
    transients = Transients(UDIN_V, settings)
    transients.restart(0)
    return transients.take(u.astype(np.float32), 0, u.shape[1], cycle) + transients.cut()


def ring(
    u: npt.NDArray[np.float64],
    at: int,
    peak_v: float,
    *,
    phase: int = 0,
    rate_hz: float = 20_000.0,
    f_hz: float = 900.0,
    decay_s: float = 1e-3,
) -> None:
    """The oscillation of a switched capacitor."""
    t = np.arange(u.shape[1] - at) / rate_hz
    u[phase, at:] += peak_v * np.exp(-t / decay_s) * np.cos(2 * np.pi * f_hz * t)


@pytest.mark.parametrize("f_hz", [42.5, 47.3, 50.0, 52.9, 57.5, 60.0, 69.0])
@pytest.mark.parametrize("rate_hz", [1000.0, 4000.0, 20_000.0, 100_000.0])
def test_what_repeats_itself_is_no_transient(f_hz: float, rate_hz: float) -> None:
    """Harmonics at the limits of EN 50160, between samples; at 1 kHz only what that rate can show."""
    u = mains(0.3, rate_hz, f_hz, harmonics=rate_hz > 2000.0)
    tight = EventSettings(transient_percent=4.0)
    assert detect(u, rate_hz / f_hz, tight) == []


def test_a_small_error_of_the_cycle_is_borne() -> None:
    """A cycle that is 0.5 Hz wrong differs by 6 % of the peak."""
    assert detect(mains(0.3, f_hz=50.5), 400.0) == []


@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize("peak", [-2.0, -0.5, 0.3, 1.5])
def test_an_impulse_is_one_transient(phase: int, peak: float) -> None:
    u = mains(0.3)
    u[phase, 3017:3022] += peak * PEAK_V
    (found,) = detect(u)
    assert (found.start, found.end, found.over) == (3017, 3022, 5)
    assert found.phases == (f"l{phase + 1}",)
    assert found.peak_v == pytest.approx(peak * PEAK_V, rel=1e-4)
    assert found.flags == ()


def test_an_oscillation_is_one_transient_without_its_echo() -> None:
    u = mains(0.3)
    for phase, share in enumerate((1.0, -0.6, -0.4)):
        ring(u, 2500, share * PEAK_V, phase=phase)
    (found,) = detect(u)
    assert found.start == 2500
    assert found.phases == ("l1", "l2", "l3")
    assert found.peak_v == pytest.approx(PEAK_V, rel=0.01)
    # the envelope has fallen to a quarter after 1.39 ms
    assert found.end - found.start == pytest.approx(1.39e-3 * 20_000, abs=12)


def test_the_threshold_is_percent_of_the_peak() -> None:
    for percent in (5.0, 20.0, 150.0):
        settings = EventSettings(transient_percent=percent)
        for factor, expected in ((0.97, 0), (1.03, 1)):
            u = mains(0.2)
            u[1, 2000:2003] += factor * percent / 100 * PEAK_V
            assert len(detect(u, settings=settings)) == expected


@pytest.mark.parametrize("depth", [0.4, 0.7, 1.0])
def test_a_step_is_told_by_its_length(depth: float) -> None:
    """Both edges of a dip, each once and for a cycle at most; an impulse is off for much less."""
    u = mains(0.5, harmonics=False)
    u[:, 3000:7000] *= 1.0 - depth
    begin, end = detect(u)
    for found, at in ((begin, 3000), (end, 7000)):
        assert at <= found.start <= at + 100
        assert found.end <= at + 400 + 1
        assert found.over > 250
        assert len(found.phases) == 3


def test_a_jump_of_the_angle_is_a_step() -> None:
    u = mains(0.5, harmonics=False)
    u[:, 4000:] = np.roll(u, 40, axis=1)[:, 4000:]
    (found,) = detect(u)
    assert found.start - 4000 < 60
    assert found.over > 250


def test_hold_off_is_a_cycle() -> None:
    """What follows within a cycle is the same transient, what follows later is another."""
    near, apart = mains(0.3), mains(0.3)
    for u, second in ((near, 2350), (apart, 2700)):
        u[0, 2000:2004] += PEAK_V
        u[2, second : second + 4] -= PEAK_V
    (one,) = detect(near)
    assert (one.start, one.end, one.over) == (2000, 2354, 8)
    assert one.phases == ("l1", "l3")
    assert [(t.start, t.end) for t in detect(apart)] == [(2000, 2004), (2700, 2704)]


def test_what_repeats_every_cycle_is_seen_when_it_begins_and_when_it_ends() -> None:
    u = mains(0.5)
    for at in range(3000, 7000, 400):
        u[0, at : at + 6] -= 0.5 * PEAK_V
    assert [found.start for found in detect(u)] == [3000, 7000]


def test_the_first_cycle_is_passed_over() -> None:
    u = mains(0.2)
    u[0, 100:104] += 5 * PEAK_V
    found = detect(u)
    assert [t.start for t in found] == [500]  # only as what the next cycle is compared with
    u[0, 100:104] -= 5 * PEAK_V
    u[0, 402:405] += 5 * PEAK_V
    assert [t.start for t in detect(u)] == [402]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rate_hz", "cycle"), [(20_000.0, 399.73), (4000.0, 80.2), (1000.0, 20.0)])
def test_against_the_slow_twin(seed: int, rate_hz: float, cycle: float) -> None:
    rng = np.random.default_rng(seed)
    u = mains(1.0, rate_hz, rate_hz / cycle) + rng.normal(0, 2.0, (3, int(rate_hz)))
    for _ in range(12):
        ring(
            u,
            int(rng.integers(50, u.shape[1])),
            rng.normal(0, PEAK_V),
            phase=int(rng.integers(0, 3)),
            rate_hz=rate_hz,
        )
    data = u.astype(np.float32)
    envelope = Envelope(0.2 * PEAK_V)
    found = envelope.feed(data, 0, data.shape[1], cycle)
    last = envelope.cut()
    expected = twin.runs(data, cycle, 0.2 * PEAK_V)
    assert found + ([] if last is None else [last]) == expected
    assert len(expected) > 4


def test_cutting_never_changes_a_bit() -> None:
    """Any blocks, any place of the samples in memory, the cycle changing at its own samples."""
    rng = np.random.default_rng(9)
    u = mains(1.0, f_hz=49.7) + rng.normal(0, 3.0, (3, 20_000))
    for _ in range(25):
        ring(u, int(rng.integers(500, 19_900)), rng.normal(0, PEAK_V), phase=int(rng.integers(0, 3)))
    data = u.astype(np.float32)
    first = 1_700_000_000 * 20_000
    cycles = {0: 402.31, 7000: 402.57, 13_001: 401.9}
    edges = [*list(cycles)[1:], 20_000]

    def told(cuts: list[int], keep: int) -> list[Transient]:
        transients = Transients(UDIN_V, SETTINGS)
        transients.restart(first)
        found = []
        for until in sorted({*cuts, *edges}):
            cycle = cycles[max(at for at in cycles if at < until)]
            origin = max(0, transients.position - first - keep)
            part = np.ascontiguousarray(data[:, origin:until])
            found += transients.take(part, first + origin, first + until, cycle)
        return found + transients.cut()

    whole = told([], 20_000)
    assert len(whole) > 10
    assert told(list(range(1, 20_000, 7)), 450) == whole
    for seed in range(5):
        cuts = [int(cut) for cut in np.random.default_rng(seed).integers(1, 20_000, 40)]
        assert told(cuts, 404) == whole


def test_a_gap_ends_what_runs() -> None:
    u = mains(0.2).astype(np.float32)
    u[0, 1990:2000] += 2 * PEAK_V
    transients = Transients(UDIN_V, SETTINGS)
    transients.restart(0)
    assert transients.take(u, 0, 2000, 400.0) == []
    assert transients.running == 1990
    (found,) = transients.cut()
    assert (found.start, found.end, found.flags) == (1990, 2000, ("gap",))
    assert transients.running is None
    assert transients.cut() == []
    transients.restart(3000)
    assert transients.position == 3000
    assert transients.take(u, 0, 4000, 400.0) == []


def test_what_is_not_there_is_refused() -> None:
    u = np.zeros((3, 1000), np.float32)
    transients = Transients(UDIN_V, SETTINGS)
    transients.restart(0)
    for data, origin, until, cycle in (
        (u[:2], 0, 900, 400.0),
        (u, 0, 1001, 400.0),
        (u, 0, 900, 7.0),
        (u, 0, 900, math.nan),
    ):
        with pytest.raises(ValueError, match="expected"):
            transients.take(data, origin, until, cycle)
    transients.take(u, 0, 900, 400.0)
    with pytest.raises(ValueError, match="cycle before"):
        transients.take(np.zeros((3, 500), np.float32), 600, 1000, 400.0)
