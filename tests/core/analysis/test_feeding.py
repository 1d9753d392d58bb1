"""Blocks on the engine's grid, and samples at other instants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcore.analysis.feeding import Signal, blocks, pieces
from flexcore.analysis.interpolation import HALF, interpolate


@given(first=st.integers(0, 10**14), count=st.integers(0, 5000), power=st.integers(0, 12))
def test_pieces_cover_a_stretch_on_the_grid(first: int, count: int, power: int) -> None:
    at = first
    for start, n in pieces(first, first + count, 1 << power):
        assert start == at
        assert 0 < n <= 1 << power
        assert start % n == 0
        at += n
    assert at == first + count


def test_blocks_hold_every_sound_sample_and_no_other() -> None:
    rate, first = 1200, 1_471_881_862 * 1200 + 577
    samples = np.arange(3000, dtype=np.float32).reshape(1, -1).repeat(3, axis=0)
    holes = samples.copy()
    holes[1, 100] = np.nan
    holes[2, 1500:1777] = np.nan
    names = ("u_l1", "u_l2", "u_l3")
    seen: dict[str, list[int]] = {"a": [], "b": []}
    for block in blocks({"a": Signal(names, samples), "b": Signal(names, holes)}, rate, first):
        n = block.samples.shape[1]
        at = block.sequence * n - first
        if at < 3000:
            assert block.samples[0].tolist() == list(range(at, at + n))
            seen[block.source] += range(at, at + n)
        else:
            assert at >= 3000 + 2 * rate
            assert not block.samples.any()
    assert seen["a"] == list(range(3000))
    assert seen["b"] == [k for k in range(3000) if k != 100 and not 1500 <= k < 1777]


@pytest.mark.parametrize("late", [0.0, 0.1, 0.5, 1.01, -0.3, 3.7])
@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("share", [0.02, 0.0625, 0.2, 0.4])
def test_interpolation_is_true_to_a_ten_thousandth(late: float, factor: int, share: float) -> None:
    k = np.arange(400)
    x = np.cos(2 * np.pi * share * (k + late) + 0.4)
    out = interpolate(x, late, factor)
    expected = np.cos(2 * np.pi * share * np.arange(400 * factor) / factor + 0.4)
    known = np.isfinite(out)
    assert np.abs(out - expected)[known].max() < 1e-4
    if late or factor > 1:
        edge = (HALF + 5) * factor
        assert known[edge:-edge].all()
        assert not known[:1].any()


def test_interpolation_invents_nothing() -> None:
    x = np.ones(200)
    x[100] = np.nan
    out = interpolate(x, 0.2, 2)
    assert np.isnan(out[2 * (100 - HALF + 1) : 2 * (100 + HALF - 1)]).all()
    assert np.isfinite(out[2 * (HALF + 1) : 2 * (100 - HALF - 1)]).all()
    assert np.isnan(interpolate(np.ones(20), 0.2, 1)).all()
