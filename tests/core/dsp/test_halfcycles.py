"""The half-cycle trace of fields: the currents' RMS between the voltages' edges."""

from __future__ import annotations

import numpy as np
import pytest

from flexcore.dsp.halfcycles import trace

RATE_HZ = 20_000


def halves(base_to_first: float, count: int, cycle: float = 400.0) -> list[list[float]]:
    return [
        [float(n % 3), base_to_first + n * cycle / 6, base_to_first + n * cycle / 6 + cycle, 230.0]
        for n in range(count)
    ]


@pytest.mark.parametrize("f_hz", [42.5, 50.0, 57.5])
def test_a_sine_has_its_rms_between_fractional_edges(f_hz: float) -> None:
    t = np.arange(4000) / RATE_HZ
    i = np.array(
        [a * np.sqrt(2) * np.sin(2 * np.pi * f_hz * t - p) for a, p in ((10, 0), (20, 2), (30, 4), (5, 1))]
    )
    rows = trace(halves(3.3, 30, RATE_HZ / f_hz), i.astype(np.float32), 1000, 1000)
    assert rows.shape == (30, 5)
    for phase, expected in enumerate((10, 20, 30)):
        assert rows[rows[:, 0] == phase][:, 3] == pytest.approx(expected, rel=1e-5)
    assert rows[:, 4] == pytest.approx(5, rel=1e-5)


def test_edges_are_where_the_samples_are() -> None:
    """Base and origin differ; a step of the current is where it is."""
    i = np.ones((3, 3000), np.float32)
    i[:, 1500:] = 3.0
    rows = trace(halves(100.0, 30), i, base=5100, origin=5000)
    for _, start, end, value, neutral in rows:
        after = min(max(end + 100 - 1500, 0.0), 400.0)
        assert value == pytest.approx(np.sqrt((400 - after + 9 * after) / 400), rel=5e-3)
        assert np.isnan(neutral)
        assert end - start == pytest.approx(400)


def test_missing_samples_are_told() -> None:
    i = np.ones((4, 1000), np.float32)
    i[1, 700] = np.nan
    rows = trace(halves(-30.0, 20), i, base=0, origin=0)
    outside = (rows[:, 1] < 1) | (rows[:, 2] > 997)
    torn = (rows[:, 0] == 1) & (rows[:, 1] < 702) & (rows[:, 2] > 697)
    assert outside.any()
    assert torn.any()
    assert np.array_equal(np.isnan(rows[:, 3]), outside | torn)
    assert np.array_equal(np.isnan(rows[:, 4]), outside)


def test_nothing_gives_nothing_and_shapes_are_checked() -> None:
    assert trace([], np.ones((3, 10), np.float32), 0, 0).shape == (0, 5)
    with pytest.raises(ValueError, match="expected data of shape"):
        trace([], np.ones((2, 10), np.float32), 0, 0)
