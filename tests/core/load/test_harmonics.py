"""Harmonic factors and losses against their sums written out, and against published worked values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore.load.harmonics import HarmonicLoad, LoadError, factor_k, harmonic_loss_factor, k_factor
from flexcore.load.losses import EquivalentLoad, equivalent_load, permissible_pu
from support.load import DRY, harmonic_load, spectrum, transformer

#: The example of IEEE C57.110: a six-pulse load, in parts of the RMS current [r].
C57_110 = {1: 0.978, 5: 0.171, 7: 0.108, 11: 0.044, 13: 0.028, 17: 0.015, 19: 0.0098}


def _c57_110(rms_a: float = 1.0) -> np.ndarray:
    result = np.zeros(51)
    for order, part in C57_110.items():
        result[order] = part * rms_a
    return result


def test_the_guides_example() -> None:
    above = below = stray = 0.0
    for order, part in C57_110.items():
        above += order * order * part * part
        stray += order**0.8 * part * part
        below += part * part
    assert harmonic_loss_factor(_c57_110()) == pytest.approx(above / below, rel=1e-12)
    assert harmonic_loss_factor(_c57_110(), 0.8) == pytest.approx(stray / below, rel=1e-12)
    assert harmonic_loss_factor(_c57_110()) == pytest.approx(2.73, abs=0.01)  # as printed [r]
    assert k_factor(_c57_110(), 1.0) == pytest.approx(above, rel=1e-12)


def test_a_factor_of_one_order_is_its_power() -> None:
    for order in (1, 2, 3, 25, 50):
        one = np.zeros(51)
        one[order] = 7.0
        assert harmonic_loss_factor(one) == pytest.approx(order**2)
        assert harmonic_loss_factor(one, 0.8) == pytest.approx(order**0.8)


def test_direct_current_nothing_and_what_was_not_measured_do_not_count() -> None:
    with_dc, with_nan = spectrum(10.0, h5=0.2), spectrum(10.0, h5=0.2)
    with_dc[0] = 3.0
    with_nan[40:] = np.nan
    for other in (with_dc, with_nan):
        assert harmonic_loss_factor(other) == pytest.approx(harmonic_loss_factor(spectrum(10.0, h5=0.2)))
    assert harmonic_loss_factor(np.zeros(51)) == 1.0
    assert k_factor(np.zeros(51), 5.0) == 0.0
    assert factor_k(np.zeros(51), 0.1) == 1.0


def test_k_factor_grows_with_the_square_of_the_load() -> None:
    assert k_factor(spectrum(50.0, h7=0.3), 100.0) == pytest.approx(
        0.25 * k_factor(spectrum(100.0, h7=0.3), 100.0)
    )


def test_factor_k_written_out() -> None:
    s = spectrum(100.0, h3=0.3, h5=0.2, h7=0.1)
    inner = sum(n**1.7 * (s[n] / s[1]) ** 2 for n in range(2, 51))
    expected = (1 + 0.1 / 1.1 * (s[1] / 100.0) ** 2 * inner) ** 0.5
    assert factor_k(s, 0.1) == pytest.approx(expected, rel=1e-12)
    assert factor_k(spectrum(100.0), 0.1) == 1.0
    assert factor_k(s, 0.1, 1.5) < factor_k(s, 0.1)


def test_permissible_current_keeps_the_rated_loss() -> None:
    """Liquid: at the permissible current the losses, summed order by order, are those at rated current."""
    t = transformer()
    s = _c57_110()
    f, f_stray = harmonic_loss_factor(s), harmonic_loss_factor(s, 0.8)
    permitted = permissible_pu(t, f, f_stray)
    scaled = (s / np.sqrt((s**2).sum()) * permitted) ** 2
    loss = sum(scaled[h] * (1 + 0.10 * h**2 + 0.05 * h**0.8) for h in range(1, 51))
    assert loss == pytest.approx(1.15, rel=1e-12)
    assert permitted < 1.0


def test_a_dry_transformer_keeps_the_loss_at_its_hottest_place() -> None:
    t = transformer(text=DRY)
    s = _c57_110()
    f = harmonic_loss_factor(s)
    # IEEE C57.110: sqrt((1 + P_EC-R) / (1 + F_HL P_EC-R)), P_EC-R at the hottest place four times the mean
    assert permissible_pu(t, f, 99.0) == pytest.approx(((1 + 0.4) / (1 + f * 0.4)) ** 0.5)


def test_a_sinusoidal_load_is_itself() -> None:
    for t in (transformer(), transformer(text=DRY)):
        load = equivalent_load(t, harmonic_load(0.8 * t.rated_a))
        assert (load.total_pu, load.winding_pu) == pytest.approx((0.8, 0.8))
        assert permissible_pu(t, 1.0, 1.0) == 1.0


def test_unbalance_heats_oil_by_the_mean_and_winding_by_the_worst() -> None:
    t = transformer()
    rms = t.rated_a * np.array([0.3, 0.6, 1.2])
    load = equivalent_load(t, HarmonicLoad(rms, np.array([spectrum(i) for i in rms])))
    assert load.total_pu == pytest.approx(((0.09 + 0.36 + 1.44) / 3) ** 0.5)
    assert load.winding_pu == pytest.approx(1.2)


def test_the_part_between_the_harmonics_weighs_like_the_rest() -> None:
    t = transformer()
    s = spectrum(95.0, h5=0.3)
    whole = equivalent_load(t, HarmonicLoad(np.full(3, 100.0), np.tile(s, (3, 1))))
    alone = equivalent_load(t, HarmonicLoad(np.full(3, 95.0), np.tile(s, (3, 1))))
    assert whole.total_pu == pytest.approx(alone.total_pu * 100.0 / 95.0)


def test_a_k_rating_permits_its_own_factor() -> None:
    both = transformer(("eddy_percent = 10.0", "eddy_percent = 10.0\nk_rating = 4"))
    only = transformer(("eddy_percent = 10.0", "k_rating = 4"))
    for t in (both, only):
        assert permissible_pu(t, 1.0, 1.0) == permissible_pu(t, 3.9, 1.0) == 1.0
        assert permissible_pu(t, 8.0, 1.0) < 1.0
    assert permissible_pu(only, 16.0, 1.0) == pytest.approx(0.5)
    # what is known of the eddy loss can only permit more than knowing nothing
    assert permissible_pu(both, 16.0, 1.0) > permissible_pu(only, 16.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.floats(0.0, 0.5), min_size=49, max_size=49),
    order=st.integers(2, 50),
    more=st.floats(0.05, 0.5),
    eddy=st.floats(0.5, 30.0),
)
def test_more_of_the_highest_harmonic_permits_less(
    parts: list[float], order: int, more: float, eddy: float
) -> None:
    """Adding to the highest order present raises both factors and lowers the permissible current."""
    t = transformer(("eddy_percent = 10.0", f"eddy_percent = {eddy}"))
    s = np.zeros(51)
    s[1] = 1.0
    s[2 : order + 1] = parts[: order - 1]
    t_dry = transformer(text=DRY)

    def figures(one: np.ndarray) -> tuple[float, float, float, float]:
        f, f_stray = harmonic_loss_factor(one), harmonic_loss_factor(one, 0.8)
        return f, f_stray, -permissible_pu(t, f, f_stray), -permissible_pu(t_dry, f, f_stray)

    before = figures(s)
    s[order] += more
    after = figures(s)
    for b, a in zip(before, after, strict=True):
        assert a > b
    assert 0.0 < -after[2] < 1.0


@settings(max_examples=40, deadline=None)
@given(eddy=st.floats(0.1, 20.0), f=st.floats(1.5, 40.0))
def test_more_eddy_loss_permits_less(eddy: float, f: float) -> None:
    less, more = (transformer(("eddy_percent = 10.0", f"eddy_percent = {e}")) for e in (eddy, eddy * 1.5))
    assert permissible_pu(more, f, 1.0) < permissible_pu(less, f, 1.0)


BAD_LOADS = [
    ({"rms_a": np.zeros(2)}, "rms_a: expected shape"),
    ({"spectrum_a": np.zeros((3, 50))}, "spectrum_a: expected shape"),
    ({"rms_a": np.array([1.0, -1.0, 1.0])}, "rms_a: expected currents"),
    ({"rms_a": np.array([1.0, np.inf, 1.0])}, "rms_a: expected currents"),
    ({"spectrum_a": np.full((3, 51), 1e7)}, "spectrum_a: expected currents"),
    ({"neutral_a": -1.0}, "neutral_a: expected"),
    ({"neutral_a": float("nan")}, "neutral_a: expected"),
    ({"frequency_hz": 400.0}, "frequency_hz: expected"),
    ({"frequency_hz": float("nan")}, "frequency_hz: expected"),
]


@pytest.mark.parametrize(("change", "expected"), BAD_LOADS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_load_that_makes_no_sense_is_refused(change: dict[str, object], expected: str) -> None:
    arguments: dict[str, object] = {"rms_a": np.ones(3), "spectrum_a": np.zeros((3, 51)), **change}
    with pytest.raises(LoadError, match=expected):
        HarmonicLoad(**arguments)  # type: ignore[arg-type]


def test_a_load_is_a_copy_that_cannot_be_changed() -> None:
    rms = np.ones(3)
    load = HarmonicLoad(rms, np.tile(spectrum(1.0), (3, 1)))
    rms[:] = 5.0
    assert load.rms_a.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        load.rms_a[0] = 2.0


def test_what_is_missing_has_a_name() -> None:
    good = np.tile(spectrum(10.0, h5=0.2), (3, 1))
    rms = np.array([10.0, np.nan, 10.0])
    assert HarmonicLoad(rms, good).problem(1, 25) == "missing_phase"
    for row, problem in (
        (np.full(51, np.nan), "missing_spectrum"),
        (np.where(np.arange(51) > 24, np.nan, good[0]), "missing_orders"),
        (good[0] * 1.03, "inconsistent_spectrum"),
        (good[0] * 0.89, "inconsistent_spectrum"),
        (np.where(np.arange(51) > 25, np.nan, good[0]), None),
        (good[0], None),
    ):
        load = HarmonicLoad(np.full(3, 10.0), np.array([good[0], row, good[2]]))
        assert load.problem(1, 25) == problem
        assert load.problem(0, 25) is None
    with pytest.raises(LoadError, match="l2: expected a phase with its harmonics, got missing_phase"):
        equivalent_load(transformer(), HarmonicLoad(rms, good))


def test_an_equivalent_load_is_a_number() -> None:
    with pytest.raises(LoadError, match="expected 0 or more"):
        EquivalentLoad.sinusoidal(float("nan"))
