"""The thermal model against exponentials written out, the guide's difference equations and printed ageing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore.load.component import Transformer
from flexcore.load.harmonics import LoadError
from flexcore.load.losses import EquivalentLoad
from flexcore.load.tables import ThermalModel, thermal_model
from flexcore.load.thermal import TransformerState, ageing_rate, remaining_minutes, steady, step
from support.load import DRY, harmonic_load, transformer

COOLINGS = ("onan-distribution", "onan", "onaf")
PU = EquivalentLoad.sinusoidal


def _of(cooling: str) -> Transformer:
    return transformer(text=DRY) if cooling == "an" else transformer(("onan-distribution", cooling))


def _written_out(m: ThermalModel, k: float, ambient: float, minutes: float) -> tuple[float, float]:
    """Top oil and hot spot after a step from no load to ``k``: IEC 60076-7's exponential solution."""
    no_load = m.delta_theta_or_k * (1 / (1 + m.loss_ratio)) ** m.oil_exponent
    final = m.delta_theta_or_k * ((1 + m.loss_ratio * k * k) / (1 + m.loss_ratio)) ** m.oil_exponent
    oil = ambient + no_load + (final - no_load) * (1 - math.exp(-minutes / (m.k11 * m.tau_oil_min)))
    gradient = m.delta_theta_hr_k * k**m.winding_exponent
    f2 = m.k21 * (1 - math.exp(-minutes / (m.k22 * m.tau_winding_min)))
    f2 -= (m.k21 - 1) * (1 - math.exp(-minutes * m.k22 / m.tau_oil_min))
    return oil, oil + gradient * f2


@pytest.mark.parametrize("cooling", COOLINGS)
@pytest.mark.parametrize("k", [0.5, 1.0, 1.6])
def test_a_step_of_load_is_the_guides_exponential(cooling: str, k: float) -> None:
    t = _of(cooling)
    model, start = thermal_model(t), steady(t, PU(0.0), 25.0)
    for minutes in (1.0, 7.0, 30.0, 200.0, 2000.0):
        state = step(t, start, PU(k), 25.0, 60.0 * minutes)
        expected = _written_out(model, k, 25.0, minutes)
        assert (state.top_oil_c, state.hot_spot_c) == pytest.approx(expected, abs=1e-9)


def test_rated_load_at_20_degrees_gives_the_rated_hot_spot() -> None:
    assert steady(transformer(), PU(1.0), 20.0).hot_spot_c == pytest.approx(98.0)  # 20 + 55 + 23
    assert steady(_of("onan"), PU(1.0), 20.0).hot_spot_c == pytest.approx(98.0)  # 20 + 52 + 26
    assert steady(transformer(text=DRY), PU(1.0), 20.0).hot_spot_c == pytest.approx(145.0)


def test_steady_temperatures_written_out() -> None:
    t = transformer()
    state = steady(t, EquivalentLoad(0.7, 0.9), 10.0)
    assert state.top_oil_c == pytest.approx(10 + 55 * ((1 + 5 * 0.49) / 6) ** 0.8)
    assert state.hot_spot_c - state.top_oil_c == pytest.approx(23 * 0.9**1.6)


def test_a_gradient_that_overshoots_does_so() -> None:
    """With k21 = 2 the oil's inertia lets the hot spot pass its final gradient (IEC 60076-7)."""
    t = _of("onan")
    start, end = steady(t, PU(0.0), 20.0), steady(t, PU(1.0), 20.0)
    final = end.hot_spot_c - end.top_oil_c
    gradients = []
    for minutes in range(1, 400, 5):
        state = step(t, start, PU(1.0), 20.0, 60.0 * minutes)
        gradients.append(state.hot_spot_c - state.top_oil_c)
    assert 1.2 * final < max(gradients) < 2.0 * final
    assert gradients[-1] == pytest.approx(final, rel=0.05)


@pytest.mark.parametrize("cooling", COOLINGS)
def test_the_guides_difference_equations_tend_to_it(cooling: str) -> None:
    """Annex C by differences, load and ambient varying: the error shrinks in proportion to the step."""
    t = _of(cooling)
    m = thermal_model(t)
    course = [(0.4, 10.0), (1.3, 12.0), (0.9, 20.0), (0.0, 18.0), (1.1, 15.0)]  # each holds 45 min

    def differences(dt: float) -> float:
        start = steady(t, PU(0.2), 10.0)
        oil, h1, h2 = start.top_oil_c, start.gradient_1_k, start.gradient_2_k
        for k, ambient in course:
            for _ in range(round(45.0 / dt)):
                final = (
                    m.delta_theta_or_k * ((1 + k * k * m.loss_ratio) / (1 + m.loss_ratio)) ** m.oil_exponent
                )
                gradient = m.delta_theta_hr_k * k**m.winding_exponent
                oil += dt / (m.k11 * m.tau_oil_min) * (final - (oil - ambient))
                h1 += dt / (m.k22 * m.tau_winding_min) * (m.k21 * gradient - h1)
                h2 += dt / (m.tau_oil_min / m.k22) * ((m.k21 - 1) * gradient - h2)
        return oil + h1 - h2

    state = steady(t, PU(0.2), 10.0)
    for k, ambient in course:
        state = step(t, state, PU(k), ambient, 45 * 60.0)
    errors = [abs(differences(dt) - state.hot_spot_c) for dt in (1.0, 0.25, 0.0625)]
    assert errors[0] < 0.5
    assert errors[1] < 0.3 * errors[0]
    assert errors[2] < 0.3 * errors[1]


@pytest.mark.parametrize("cooling", [*COOLINGS, "an"])
def test_how_time_is_cut_changes_nothing(cooling: str) -> None:
    t = _of(cooling)
    start = steady(t, PU(0.3), 5.0)
    whole = step(t, start, PU(1.2), 25.0, 7200.0)
    for n in (2, 9, 240):
        state = start
        for _ in range(n):
            state = step(t, state, PU(1.2), 25.0, 7200.0 / n)
        assert state.hot_spot_c == pytest.approx(whole.hot_spot_c, abs=1e-8)
        assert state.top_oil_c == pytest.approx(whole.top_oil_c, abs=1e-8)
        assert state.aged_h == pytest.approx(whole.aged_h, rel=1e-4)


@pytest.mark.parametrize("cooling", [*COOLINGS, "an"])
def test_any_step_is_stable(cooling: str) -> None:
    t = _of(cooling)
    end = steady(t, PU(1.0), 20.0)
    for dt_s in (3600.0, 1e6, 1e9):
        state = step(t, steady(t, PU(1.5), 30.0), PU(1.0), 20.0, dt_s)
        assert state.top_oil_c <= steady(t, PU(1.5), 30.0).top_oil_c
        assert dt_s < 1e6 or state.hot_spot_c == pytest.approx(end.hot_spot_c)
    same = step(t, end, PU(2.0), 20.0, 0.0)
    assert same == end


@settings(max_examples=40, deadline=None)
@given(low=st.floats(0.0, 2.0), more=st.floats(0.01, 1.0), minutes=st.floats(0.1, 1000.0))
def test_more_load_is_hotter(low: float, more: float, minutes: float) -> None:
    t = transformer()
    start = steady(t, PU(0.5), 20.0)
    cooler = step(t, start, PU(low), 20.0, 60 * minutes)
    hotter = step(t, start, PU(low + more), 20.0, 60 * minutes)
    assert hotter.hot_spot_c > cooler.hot_spot_c
    assert hotter.aged_h > cooler.aged_h
    assert steady(t, PU(low + more), 20.0).hot_spot_c > steady(t, PU(low), 20.0).hot_spot_c


def test_harmonics_heat_like_more_current() -> None:
    t = transformer()
    plain, distorted = harmonic_load(500.0), harmonic_load(500.0, h5=0.3, h7=0.2, h11=0.1)
    assert steady(t, distorted, 20.0).top_oil_c > steady(t, plain, 20.0).top_oil_c + 1.0
    assert steady(t, distorted, 20.0).hot_spot_c > steady(t, plain, 20.0).hot_spot_c + 10.0


# IEC 60076-7, table of relative ageing rates: kraft and upgraded paper
AGEING = [
    (80, 0.125, 0.036),
    (86, 0.25, 0.073),
    (92, 0.5, 0.145),
    (98, 1.0, 0.282),
    (104, 2.0, 0.536),
    (110, 4.0, 1.0),
    (116, 8.0, 1.83),
    (122, 16.0, 3.29),
    (128, 32.0, 5.8),
    (134, 64.0, 10.1),
    (140, 128.0, 17.2),
]


@pytest.mark.parametrize(("hot_spot", "kraft", "upgraded"), AGEING)
def test_ageing_is_the_guides(hot_spot: float, kraft: float, upgraded: float) -> None:
    assert ageing_rate(transformer(), hot_spot) == pytest.approx(kraft, rel=1e-12)
    better = transformer(("cooling =", 'paper = "upgraded"\ncooling ='))
    assert ageing_rate(better, hot_spot) == pytest.approx(upgraded, rel=0.015)


def test_dry_insulation_ages_twice_as_fast_six_kelvin_above_its_rating() -> None:
    t = transformer(text=DRY)
    assert ageing_rate(t, 145.0) == pytest.approx(1.0)
    assert ageing_rate(t, 151.0) == pytest.approx(2.0)
    # IEC 60076-12's printed constant of class 155
    assert ageing_rate(t, 170.0) == pytest.approx(math.exp(20475 * (1 / 418 - 1 / 443)), rel=1e-3)


def test_life_at_rated_hot_spot_is_time() -> None:
    t = transformer()
    rated = steady(t, PU(1.0), 20.0)
    assert step(t, rated, PU(1.0), 20.0, 24 * 3600.0).aged_h == pytest.approx(24.0)
    hotter = steady(t, PU(1.0), 26.0)
    assert step(t, hotter, PU(1.0), 26.0, 3600.0).aged_h == pytest.approx(2.0)


def test_life_used_is_the_integral_of_the_ageing_rate() -> None:
    t = transformer()
    start = steady(t, PU(0.5), 20.0)
    seconds = np.linspace(0.0, 10 * 3600.0, 20_001)
    hot = [step(t, start, PU(1.3), 20.0, s).hot_spot_c for s in seconds[::20]]
    expected = np.trapezoid([ageing_rate(t, h) for h in hot], seconds[::20]) / 3600.0
    assert step(t, start, PU(1.3), 20.0, 36_000.0).aged_h == pytest.approx(expected, rel=1e-4)


def test_an_absurd_temperature_stays_a_number() -> None:
    t = transformer()
    state = step(t, steady(t, PU(1.0), 20.0), PU(1000.0), 20.0, 3600.0)
    assert math.isfinite(state.hot_spot_c)
    assert math.isfinite(ageing_rate(t, state.hot_spot_c))


@pytest.mark.parametrize("cooling", [*COOLINGS, "an"])
@pytest.mark.parametrize("k", [1.3, 1.6, 2.0])
def test_remaining_minutes_are_those_a_stepped_model_needs(cooling: str, k: float) -> None:
    t = _of(cooling)
    limit = thermal_model(t).hot_spot_c["normal"]
    state = start = steady(t, PU(0.6), 20.0)
    remaining = remaining_minutes(t, start, PU(k), 20.0, limit)
    assert math.isfinite(remaining)
    stepped = 0
    while state.hot_spot_c < limit:
        state = step(t, state, PU(k), 20.0, 60.0)
        stepped += 1
    assert stepped - 1 <= remaining <= stepped
    assert step(t, start, PU(k), 20.0, 60.0 * remaining).hot_spot_c == pytest.approx(limit, abs=0.01)


def test_remaining_minutes_of_a_first_order_winding_written_out() -> None:
    t = transformer(text=DRY)
    remaining = remaining_minutes(t, steady(t, PU(0.0), 20.0), PU(1.2), 20.0, 145.0)
    assert remaining == pytest.approx(-45.0 * math.log(1 - 125.0 / (125.0 * 1.2**1.6)), abs=2e-3)


def test_remaining_minutes_find_a_passing_peak() -> None:
    """An overshoot of the gradient reaches what the steady state does not."""
    t = _of("onan")
    end = steady(t, PU(1.5), 20.0)
    start, limit = replace(end, gradient_1_k=0.0, gradient_2_k=0.0), end.hot_spot_c + 1.0
    peak = max(step(t, start, PU(1.5), 20.0, 60.0 * n).hot_spot_c for n in range(1, 900))
    assert peak > limit
    assert math.isfinite(remaining_minutes(t, start, PU(1.5), 20.0, limit))
    assert remaining_minutes(t, start, PU(1.5), 20.0, peak + 0.1) == math.inf


def test_remaining_is_nothing_or_for_ever() -> None:
    t = transformer()
    assert remaining_minutes(t, steady(t, PU(1.5), 20.0), PU(0.1), 20.0, 120.0) == 0.0
    assert remaining_minutes(t, steady(t, PU(0.5), 20.0), PU(1.0), 20.0, 120.0) == math.inf
    # a limit that the steady state only just tends to is not reached
    limit = steady(t, PU(1.2), 20.0).hot_spot_c + 1e-6
    assert remaining_minutes(t, steady(t, PU(0.5), 20.0), PU(1.2), 20.0, limit) == math.inf


def test_remaining_minutes_of_top_oil() -> None:
    t = transformer()
    start, end = steady(t, PU(0.5), 20.0).top_oil_c, steady(t, PU(1.5), 20.0).top_oil_c
    remaining = remaining_minutes(t, steady(t, PU(0.5), 20.0), PU(1.5), 20.0, 105.0, "top_oil")
    assert remaining == pytest.approx(180.0 * math.log((end - start) / (end - 105.0)), abs=2e-3)


def test_more_load_leaves_less_time() -> None:
    t = transformer()
    start = steady(t, PU(0.6), 20.0)
    times = [remaining_minutes(t, start, PU(k), 20.0, 120.0) for k in (1.25, 1.4, 1.6, 2.0, 3.0)]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == len(times)


def test_what_makes_no_sense_is_refused() -> None:
    t = transformer()
    state = steady(t, PU(0.5), 20.0)
    for dt_s in (-1.0, math.nan, math.inf):
        with pytest.raises(LoadError, match="dt_s: expected"):
            step(t, state, PU(1.0), 20.0, dt_s)
    for ambient in (math.nan, 200.0):
        with pytest.raises(LoadError, match="ambient: expected"):
            step(t, state, PU(1.0), ambient, 1.0)
    load = harmonic_load(100.0)
    missing = replace(load, rms_a=np.array([100.0, np.nan, 100.0]))
    with pytest.raises(LoadError, match="missing_phase"):
        step(t, state, missing, 20.0, 1.0)


def test_a_state_is_its_parts() -> None:
    assert TransformerState(60.0, 46.0, 23.0).hot_spot_c == 83.0
