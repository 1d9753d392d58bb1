"""Cables: the third-harmonic rule at its bounds, skin effect against Bessel functions, heat and time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

from flexcore.load.cableload import (
    cable_heat,
    neutral_equivalent_a,
    neutral_from_triplens_a,
    phase_equivalents_a,
    third_harmonic_percent,
    third_harmonic_rule,
)
from flexcore.load.conductor import (
    CableState,
    ac_ratio,
    order_weights,
    proximity_effect,
    remaining_minutes_cable,
    resistance_ohm_per_m,
    skin_effect,
    steady_c,
    step_cable,
)
from flexcore.load.harmonics import HarmonicLoad, LoadError
from support.load import cable, harmonic_load, spectrum

PLAIN = cable(("neutral_mm2 = 150\n", ""))


@pytest.mark.parametrize(
    ("percent", "phase", "neutral"),
    [
        (0.0, 1.0, None),
        (15.0, 1.0, None),
        (math.nextafter(15.0, 99.0), 0.86, None),
        (33.0, 0.86, None),
        (math.nextafter(33.0, 99.0), None, 0.86),
        (45.0, None, 0.86),
        (math.nextafter(45.0, 99.0), None, 1.0),
        (300.0, None, 1.0),
        (math.inf, None, 1.0),
    ],
)
def test_the_third_harmonic_rule_at_every_bound(
    percent: float, phase: float | None, neutral: float | None
) -> None:
    rule = third_harmonic_rule(percent)
    assert (rule.phase, rule.neutral) == (phase, neutral)


def test_the_rule_wants_a_number() -> None:
    with pytest.raises(LoadError, match="third-harmonic content"):
        third_harmonic_rule(math.nan)


def test_third_harmonic_content_is_of_the_fundamental_and_of_the_worst_phase() -> None:
    spectra = np.array([spectrum(100.0), spectrum(100.0, h3=0.3, h9=0.4, h5=0.5), spectrum(100.0, h3=0.1)])
    load = HarmonicLoad(np.full(3, 100.0), spectra)
    assert third_harmonic_percent(load) == pytest.approx(50.0)  # root of 30^2 + 40^2
    assert third_harmonic_percent(harmonic_load(10.0, h5=0.5, h6=0.2)) == 0.0


def test_content_without_a_fundamental() -> None:
    only_third = np.zeros((3, 51))
    only_third[:, 3] = 5.0
    assert third_harmonic_percent(HarmonicLoad(np.full(3, 5.0), only_third)) == math.inf
    unknown = np.full((3, 51), np.nan)
    assert third_harmonic_percent(HarmonicLoad(np.full(3, 5.0), unknown)) == 0.0


def test_triplens_add_up_in_the_neutral() -> None:
    """IEC 60364-5-52, annex E, examples: 20, 40 and 50 % of 39 A."""
    for part, neutral_a in ((0.2, 23.4), (0.4, 46.8), (0.5, 58.5)):
        spectra = np.zeros((3, 51))
        spectra[:, 1], spectra[:, 3] = 39.0, 39.0 * part
        load = HarmonicLoad(np.sqrt((spectra**2).sum(axis=1)), spectra)
        assert neutral_from_triplens_a(load) == pytest.approx(neutral_a)
    waves = harmonic_load(100.0, h3=0.3, h9=0.2, h15=0.1, h5=0.4)
    t = np.arange(4000) / 4000
    one = waves.spectrum_a[0]
    total = sum(
        math.sqrt(2) * one[h] * np.sin(2 * math.pi * h * (t - k / 3)) for h in range(1, 51) for k in range(3)
    )
    assert neutral_from_triplens_a(waves) == pytest.approx(float(np.sqrt(np.mean(total**2))))


def _bessel_ratio(x_s: np.ndarray) -> np.ndarray:
    """AC over DC resistance of a round solid conductor, exact; x_s is the guide's argument.

    With R' = 1 / (sigma pi a^2) it is x_s = a sqrt(mu0 omega sigma).
    """
    z = x_s * np.exp(0.25j * math.pi)  # k a with k^2 = j mu omega sigma
    return np.real(z / 2.0 * ive(0, z) / ive(1, z))


def test_skin_effect_is_the_exact_solution_within_six_tenths_of_a_percent() -> None:
    x_s = np.linspace(0.01, 14.0, 2000)
    assert np.max(np.abs((1.0 + skin_effect(x_s)) / _bessel_ratio(x_s) - 1.0)) < 0.006


def test_skin_effect_of_the_example_written_out() -> None:
    c = PLAIN
    r = 0.206e-3 * (1 + 0.00403 * 70)
    assert resistance_ohm_per_m(c) == pytest.approx(r)
    fourth = (8 * math.pi * 250.0 / r * 1e-7) ** 2  # fifth harmonic
    assert float(ac_ratio(c, np.array(250.0))) == pytest.approx(1 + fourth / (192 + 0.8 * fourth))


def test_direct_current_meets_least_resistance() -> None:
    weights = order_weights(PLAIN, 50.0)
    assert weights[1] == pytest.approx(1.0)
    assert weights[0] < 1.0
    assert np.all(np.diff(weights) > 0.0)


def test_at_60_hz_harmonics_meet_more() -> None:
    assert np.all(order_weights(PLAIN, 60.0)[1:] > order_weights(PLAIN, 50.0)[1:])


def test_thicker_and_better_conductors_have_more_skin_effect() -> None:
    small, large = (
        cable(("neutral_mm2 = 150\n", ""), ("cross_section_mm2 = 150", f"cross_section_mm2 = {mm2}"))
        for mm2 in (50, 400)
    )
    copper = cable(("neutral_mm2 = 150\n", ""), ('"al"', '"cu"'))
    at = np.array(550.0)
    assert ac_ratio(small, at) < ac_ratio(PLAIN, at) < ac_ratio(large, at)
    assert ac_ratio(copper, at) > ac_ratio(PLAIN, at)


def test_neighbours_add_proximity() -> None:
    near, far = (
        cable(("neutral_mm2 = 150\n", ""), ("tau_min", f"diameter_mm = 14\nspacing_mm = {s}\ntau_min"))
        for s in (18, 200)
    )
    sector = cable(
        ("neutral_mm2 = 150\n", ""),
        ("tau_min", "circular = false\ndiameter_mm = 14\nspacing_mm = 18\ntau_min"),
    )
    at = np.array([50.0, 250.0, 2500.0])
    skin, close, wide, shaped = (ac_ratio(c, at) for c in (PLAIN, near, far, sector))
    assert np.all(close > wide)
    assert wide == pytest.approx(skin, rel=1e-2)
    assert shaped - skin == pytest.approx((close - skin) * 2 / 3)
    x = np.array(1.5)
    f, ratio = 1.5**4 / (192 + 0.8 * 1.5**4), (14 / 18) ** 2
    expected = f * ratio * (0.312 * ratio + 1.18 / (f + 0.27))
    assert float(proximity_effect(x, 14 / 18)) == pytest.approx(expected)


def test_equivalent_current_has_the_loss_of_the_sum() -> None:
    load = harmonic_load(200.0, h3=0.2, h5=0.4, h11=0.2)
    weights = order_weights(PLAIN, 50.0)
    expected = math.sqrt(sum(weights[h] * load.spectrum_a[0, h] ** 2 for h in range(51)))
    assert phase_equivalents_a(PLAIN, load) == pytest.approx((expected,) * 3)
    assert phase_equivalents_a(PLAIN, harmonic_load(200.0)) == pytest.approx((200.0,) * 3)
    assert phase_equivalents_a(PLAIN, harmonic_load(0.0)) == (0.0, 0.0, 0.0)


@settings(max_examples=40, deadline=None)
@given(order=st.integers(2, 49), part=st.floats(0.01, 1.0), rms=st.floats(1.0, 500.0))
def test_higher_orders_weigh_more(order: int, part: float, rms: float) -> None:
    lower, higher = (harmonic_load(rms, **{f"h{h}": part}) for h in (order, order + 1))
    plain = phase_equivalents_a(PLAIN, harmonic_load(rms))[0]
    assert plain < phase_equivalents_a(PLAIN, lower)[0] < phase_equivalents_a(PLAIN, higher)[0]


def test_the_neutrals_equivalent_lies_between_its_current_and_its_triplens() -> None:
    c = cable()
    load = harmonic_load(200.0, h3=0.3)
    triplens = neutral_from_triplens_a(load)
    weight = order_weights(c, 50.0)[3]
    assert neutral_equivalent_a(c, load, triplens) == pytest.approx(triplens * math.sqrt(weight))
    more = neutral_equivalent_a(c, load, 2 * triplens)
    assert 2 * triplens < more < 2 * triplens * math.sqrt(weight)
    assert neutral_equivalent_a(c, load, 0.0) == 0.0
    assert neutral_equivalent_a(c, load, 1e-300) == pytest.approx(0.0)
    assert neutral_equivalent_a(c, harmonic_load(200.0), 50.0) == 50.0


def test_heat_of_a_cable_written_out() -> None:
    c = cable()
    assert cable_heat(c, harmonic_load(250.0, 0.0)).heat_pu == pytest.approx(1.0)
    assert cable_heat(c, harmonic_load(125.0, 0.0)).heat_pu == pytest.approx(0.25)
    # three phases and as much in the neutral: four thirds of the heat
    assert cable_heat(c, harmonic_load(250.0, 250.0)).heat_pu == pytest.approx(4 / 3)
    four = cable(("rated_a", "loaded_conductors = 4\nrated_a"))
    assert cable_heat(four, harmonic_load(250.0, 250.0)).heat_pu == pytest.approx(1.0)
    half = cable(("neutral_mm2 = 150", "neutral_mm2 = 75\nneutral_rated_a = 160"))
    assert cable_heat(half, harmonic_load(250.0, 250.0)).heat_pu == pytest.approx(5 / 3)
    # one phase alone still heats itself
    rms = np.array([250.0, 0.0, 0.0])
    lone = HarmonicLoad(rms, np.array([spectrum(i) for i in rms]), 250.0)
    assert cable_heat(c, lone).heat_pu == pytest.approx(1.0)


def test_heat_without_a_neutral_sensor_is_incomplete() -> None:
    load = harmonic_load(200.0, h3=0.3)
    guessed = cable_heat(cable(), load)
    assert not guessed.complete
    measured = cable_heat(cable(), harmonic_load(200.0, neutral_from_triplens_a(load), h3=0.3))
    assert measured.complete
    assert guessed.heat_pu == pytest.approx(measured.heat_pu)
    assert cable_heat(PLAIN, load).complete


def test_heat_wants_every_phase() -> None:
    load = HarmonicLoad(np.array([1.0, np.nan, 1.0]), np.tile(spectrum(1.0), (3, 1)))
    with pytest.raises(LoadError, match="l2"):
        cable_heat(cable(), load)


def test_rated_current_gives_the_highest_temperature() -> None:
    assert steady_c(PLAIN, 1.0, 15.0) == 90.0
    assert steady_c(PLAIN, 0.0, 22.0) == 22.0


def test_temperature_is_an_exponential_however_time_is_cut() -> None:
    state = CableState(30.0)
    whole = step_cable(PLAIN, state, 0.8, 15.0, 3600.0)
    assert whole.conductor_c == pytest.approx(75.0 - 45.0 * math.exp(-60.0 / 40.0))
    for _ in range(100):
        state = step_cable(PLAIN, state, 0.8, 15.0, 36.0)
    assert state.conductor_c == pytest.approx(whole.conductor_c, abs=1e-9)


def test_remaining_minutes_end_at_the_limit() -> None:
    state = CableState(40.0)
    remaining = remaining_minutes_cable(PLAIN, state, 1.4, 15.0, 90.0)
    assert step_cable(PLAIN, state, 1.4, 15.0, 60.0 * remaining).conductor_c == pytest.approx(90.0)
    assert remaining_minutes_cable(PLAIN, state, 1.0, 15.0, 90.0) == math.inf
    assert remaining_minutes_cable(PLAIN, CableState(91.0), 0.5, 15.0, 90.0) == 0.0


def test_what_makes_no_sense_is_refused() -> None:
    state, unknown = CableState(30.0), cable(("tau_min = 40\n", ""))
    for c, heat, ambient, dt_s, match in (
        (unknown, 0.5, 15.0, 1.0, "tau_min: expected"),
        (PLAIN, -0.5, 15.0, 1.0, "heat >= 0"),
        (PLAIN, math.nan, 15.0, 1.0, "heat >= 0"),
        (PLAIN, 0.5, 99.0, 1.0, "ambient"),
        (PLAIN, 0.5, 15.0, -1.0, "dt_s"),
        (PLAIN, 0.5, 15.0, math.nan, "dt_s"),
    ):
        with pytest.raises(LoadError, match=match):
            step_cable(c, state, heat, ambient, dt_s)
