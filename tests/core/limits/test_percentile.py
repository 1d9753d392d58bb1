"""The percentile is a count: nearest rank, checked against counting for every small n."""

import numpy as np
import pytest

from flexcore.limits.band import Band
from flexcore.limits.percentile import allowed_outside, index_at, loads, rank


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (1, 95.0, 1),
        (19, 95.0, 19),  # 18.05: fewer than 20 values, none may lie outside
        (20, 95.0, 19),
        (21, 95.0, 20),
        (84, 95.0, 80),  # a week of Plt
        (1008, 95.0, 958),  # a week of ten minutes: 957.6
        (1008, 99.0, 998),
        (1008, 99.9, 1007),
        (1000, 99.9, 999),  # exact
        (60480, 99.5, 60178),  # a week of 10 s: 60177.6
        (1008, 100.0, 1008),
        (1008, 0.01, 1),
    ],
)
def test_the_rank(count: int, share: float, expected: int) -> None:
    assert rank(count, share) == expected


@pytest.mark.parametrize("thousandths", [500, 900, 950, 990, 995, 999, 1000])
def test_the_rank_is_the_least_count_that_makes_the_share(thousandths: int) -> None:
    for count in range(1, 2001):
        k = rank(count, thousandths / 10.0)
        assert 1000 * k >= thousandths * count  # whole numbers: k of n are at least the share
        assert k == 1 or 1000 * (k - 1) < thousandths * count
        assert allowed_outside(count, thousandths / 10.0) == count - k
    assert allowed_outside(0, 95.0) == 0


def test_rounding_adds_no_rank() -> None:
    for hundredths in range(1, 10_001):
        for count in (50, 144, 1008, 10_000, 60_480):
            assert rank(count, hundredths / 100.0) == -(-hundredths * count // 10_000)


def test_the_percentile_is_at_most_the_limit_exactly_where_the_share_lies_within() -> None:
    rng = np.random.default_rng(50160)
    band = Band(ideal=230.0, lower=207.0, upper=253.0)
    for count in (*range(1, 60), 1008):
        values = 230.0 + 12.0 * rng.standard_normal(count)
        load = loads(band, values)
        for share in (50.0, 80.0, 95.0, 99.0, 100.0):
            within = np.count_nonzero((values >= 207.0) & (values <= 253.0))
            assert (load[index_at(load, share)] <= 1.0) == (100.0 * within >= share * count - 1e-6)


def test_ties_do_not_matter() -> None:
    values = np.repeat([1.0, 2.0], [958, 50])
    for shift in (0, 500, 1007):
        rolled = np.roll(values, shift)
        load = loads(Band(ideal=0.0, lower=None, upper=2.0), rolled)
        assert rolled[index_at(load, 95.0)] == 1.0  # the 958th
        assert rolled[index_at(load, 95.1)] == 2.0  # the 959th


def test_the_load_of_a_band_with_two_unequal_sides() -> None:
    band = Band(ideal=230.0, lower=195.5, upper=253.0)
    assert band.load(253.0) == 1.0
    assert band.load(195.5) == 1.0
    assert band.load(230.0) == 0.0
    assert band.load(241.5) == pytest.approx(0.5)
    assert band.load(178.25) == pytest.approx(1.5)
    assert (band.limit_for(240.0), band.limit_for(220.0)) == (253.0, 195.5)
    values = np.linspace(150.0, 300.0, 1001)
    assert np.array_equal(loads(band, values), [band.load(float(v)) for v in values])


def test_a_band_with_one_side_lets_the_other_go() -> None:
    band = Band(ideal=230.0, lower=None, upper=253.0)
    assert band.load(100.0) < 0.0
    assert band.load(253.0) == 1.0
