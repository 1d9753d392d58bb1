"""The kernels against mathematics and against their slow twins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from flexcore.dsp import _kernels, sync
from support import pq_twins as twins
from support.pq import Array, three_phase, times

RNG = np.random.default_rng(20260)


def noise(channels: int, n: int) -> Array:
    return RNG.normal(size=(channels, n)).astype(np.float32)


def settings(rate_hz: int = 20_000, nominal_hz: int = 50) -> dict[str, object]:
    step = max(1, rate_hz // sync.PHASORS_HZ)
    taps = sync.spline_taps(rate_hz / step, nominal_hz) * (np.sqrt(2.0) / step)
    return {
        "rate_hz": rate_hz, "nominal_hz": nominal_hz, "floor_v": 0.05, "step": step, "taps": taps,
        "table": sync.carrier_table(rate_hz, nominal_hz), "cycles": nominal_hz // 5,
        "slew_hz_s": 10.0, "gate_hz": 1.0, "patience_s": 0.1, "clip_hz": 0.3 * nominal_hz,
    }  # fmt: skip


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_copy_finite_sees_one_bad_sample_anywhere(bad: float) -> None:
    target = np.zeros((3, 50), np.float32)
    for at in range(0, 33):
        source = noise(3, 33)
        assert _kernels.copy_finite(source, target, 7)
        assert np.array_equal(target[:, 7:40], source)
        source[at % 3, at] = bad
        assert not _kernels.copy_finite(source, target, 7)
    largest = np.full((3, 33), -1e12, np.float32)
    assert _kernels.copy_finite(largest, target, 0)
    assert not _kernels.copy_finite(np.nextafter(largest, np.float32(-np.inf)), target, 0)


def test_copy_finite_refuses_what_does_not_fit() -> None:
    target = np.zeros((3, 50), np.float32)
    for at in (-1, 18):
        with pytest.raises(ValueError, match="room"):
            _kernels.copy_finite(noise(3, 33), target, at)
    with pytest.raises(ValueError, match="room"):
        _kernels.copy_finite(noise(4, 33), target, 0)


def test_rms_between_fractional_edges_is_exact_for_a_ramp() -> None:
    x = (np.arange(40) - 11.5).astype(np.float32)
    for start, end in RNG.uniform((1.0, 20.0), (15.0, 37.0), size=(200, 2)):
        a, b = start - 11.5, end - 11.5
        exact = np.sqrt((b**3 - a**3) / 3 / (b - a))
        assert _kernels.rms(x, start, end) == pytest.approx(exact, rel=1e-12)


def test_rms_agrees_with_its_twin_on_noise() -> None:
    x = noise(1, 500)[0]
    for start, end in RNG.uniform((1.0, 300.0), (200.0, 497.0), size=(200, 2)):
        assert _kernels.rms(x, start, end) == pytest.approx(twins.rms(x, start, end), rel=1e-11)


def test_rms_refuses_edges_without_samples_around() -> None:
    x = noise(1, 100)[0]
    for start, end in ((0.5, 50.0), (10.0, 97.5), (50.0, 50.0)):
        with pytest.raises(ValueError, match="edges"):
            _kernels.rms(x, start, end)


def test_windows_tile_without_a_seam() -> None:
    """What leaves one window enters the next: the parts' mean squares add up to the whole's (Parseval)."""
    x = noise(1, 5000)[0]
    cuts = np.sort(RNG.uniform(2, 4990, size=30))
    parts = sum(_kernels.rms(x, a, b) ** 2 * (b - a) for a, b in pairwise(cuts))
    whole = _kernels.rms(x, cuts[0], cuts[-1]) ** 2 * (cuts[-1] - cuts[0])
    assert parts == pytest.approx(whole, rel=1e-12)


def disturbed(rate_hz: int, seconds: float = 2.5) -> Array:
    """A dip with a jump of the angle, an interruption, one dead phase, a ramp of the frequency, noise."""
    t = times(seconds, rate_hz)
    u = three_phase(t, 49.2 + 0.5 * t, 1.0)
    u[:, (t > 0.5) & (t < 0.8)] = three_phase(t, 49.2 + 0.5 * t, 0.4, 50.0)[:, (t > 0.5) & (t < 0.8)]
    u[:, (t > 1.2) & (t < 1.5)] = 0.0
    u[1, t > 1.9] = 0.0
    return np.asarray(u + 0.002 * noise(3, t.size), np.float32)


@pytest.mark.parametrize(("rate_hz", "nominal_hz"), [(20_000, 50), (4_000, 60), (1_200, 50)])
def test_follower_agrees_with_its_twin(rate_hz: int, nominal_hz: int) -> None:
    data = disturbed(rate_hz)
    first = 1_700_000_000 * rate_hz // settings(rate_hz)["step"] * settings(rate_hz)["step"]
    follower = _kernels.Follower(**settings(rate_hz, nominal_hz))
    follower.restart(first)
    halves, windows, _ = follower.feed(data, first, first + data.shape[1])
    twin_halves, twin_edges = twins.Follower(**settings(rate_hz, nominal_hz)).follow(data, first)
    assert len(halves) == len(twin_halves) > 600
    assert np.allclose(halves, twin_halves, rtol=1e-7, atol=1e-6)
    assert np.allclose([w[0] for w in windows], [e[0] for e in twin_edges[:-1]], atol=1e-6)
    assert [w[1] for w in windows[:-1]] == [w[0] for w in windows[1:]]
    assert any(held for _, _, held, _, _ in windows)
    assert not all(held for _, _, held, _, _ in windows)


def test_follower_does_not_care_how_samples_are_fed() -> None:
    data = disturbed(20_000)
    whole = _kernels.Follower(**settings())
    whole.restart(7)
    expected = whole.feed(data, 7, 7 + data.shape[1])
    pieces = _kernels.Follower(**settings())
    pieces.restart(7)
    halves, windows, tens = [], [], []
    at = 7
    while at < 7 + data.shape[1]:
        at = min(at + int(RNG.integers(1, 3000)), 7 + data.shape[1])
        some = pieces.feed(data, 7, at)
        halves += some[0]
        windows += some[1]
        tens += some[2]
    assert (halves, windows, tens) == expected


def test_follower_refuses_samples_it_cannot_have() -> None:
    follower = _kernels.Follower(**settings())
    follower.restart(1000)
    data = disturbed(20_000, 1.0)
    with pytest.raises(ValueError, match="hold the samples"):
        follower.feed(data, 1000, 1001 + data.shape[1])
    with pytest.raises(ValueError, match="hold the samples"):
        follower.feed(data, 2000, 3000)
    follower.feed(data, 1000, 11_000)
    with pytest.raises(ValueError, match="before"):
        follower.feed(data, 11_000, 12_000)
