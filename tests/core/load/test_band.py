"""What is known after a gap: the truth stays inside the band, and the band closes again."""

import random

import numpy as np
import pytest

from flexcore.load.band import Band, exact, step_band, unknown, widen
from flexcore.load.cableload import cable_heat
from flexcore.load.component import Transformer
from flexcore.load.conductor import CableState, step_cable
from flexcore.load.harmonics import HarmonicLoad, LoadError
from flexcore.load.losses import EquivalentLoad
from flexcore.load.thermal import TransformerState, steady, step
from support.load import DRY, cable, harmonic_load, transformer

COOLINGS = ("onan-distribution", "onan", "onaf", "an")


def _of(cooling: str) -> Transformer:
    return transformer(text=DRY) if cooling == "an" else transformer(("onan-distribution", cooling))


def _inside(state: TransformerState, band: Band[TransformerState]) -> bool:
    slack = 1e-9
    return (
        band.low.top_oil_c - slack <= state.top_oil_c <= band.high.top_oil_c + slack
        and band.low.hot_spot_c - slack <= state.hot_spot_c <= band.high.hot_spot_c + slack
        and band.low.aged_h - slack <= state.aged_h <= band.high.aged_h * (1 + 1e-6) + slack
    )


@pytest.mark.parametrize("cooling", COOLINGS)
def test_the_truth_stays_inside_whatever_the_load_was(cooling: str) -> None:
    """Random loads up to the bound during a gap, then a known load; seeded."""
    t, rng = _of(cooling), random.Random(20)
    for _ in range(20):
        state = steady(t, EquivalentLoad.sinusoidal(rng.uniform(0.0, 1.5)), 20.0)
        band = exact(state)
        for _ in range(5):
            gap_s = rng.choice((10.0, 600.0, 7200.0))
            pieces = rng.randint(1, 6)
            for _ in range(pieces):
                load = EquivalentLoad.sinusoidal(rng.choice((0.0, 1.5, rng.uniform(0.0, 1.5))))
                state = step(t, state, load, 20.0, gap_s / pieces)
            band = widen(t, band, 20.0, gap_s)
            assert _inside(state, band)
            load = EquivalentLoad.sinusoidal(rng.uniform(0.0, 1.5))
            known = harmonic_load(load.total_pu * t.rated_a)
            state, band = step(t, state, known, 20.0, 900.0), step_band(t, band, known, 20.0, 900.0)
            assert _inside(state, band)


@pytest.mark.parametrize("cooling", COOLINGS)
def test_a_transformer_switched_off_is_inside_too(cooling: str) -> None:
    """No load and no excitation: everything goes to the ambient."""
    t = _of(cooling)
    band = widen(t, exact(steady(t, EquivalentLoad.sinusoidal(1.0), 20.0)), 20.0, 1e6)
    assert band.low.top_oil_c == pytest.approx(20.0)
    assert band.low.hot_spot_c <= 20.0 + 1e-6


@pytest.mark.parametrize("cooling", COOLINGS)
def test_a_known_load_closes_the_widest_band(cooling: str) -> None:
    t = _of(cooling)
    band = unknown(t, 20.0)
    widths = [band.high.hot_spot_c - band.low.hot_spot_c]
    for _ in range(48):
        band = step_band(t, band, harmonic_load(0.6 * t.rated_a), 20.0, 1800.0)
        widths.append(band.high.hot_spot_c - band.low.hot_spot_c)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 100.0
    assert widths[-1] < 0.1
    assert band.high.hot_spot_c == pytest.approx(
        steady(t, EquivalentLoad.sinusoidal(0.6), 20.0).hot_spot_c, abs=0.1
    )


def test_a_gap_of_nothing_changes_nothing_and_a_longer_one_widens_more() -> None:
    t = transformer()
    band = exact(steady(t, EquivalentLoad.sinusoidal(0.7), 20.0))
    assert widen(t, band, 20.0, 0.0) == band
    widths = []
    for gap_s in (1.0, 60.0, 600.0, 7200.0):
        wide = widen(t, band, 20.0, gap_s)
        widths.append(wide.high.hot_spot_c - wide.low.hot_spot_c)
    assert widths == sorted(widths)
    assert 0.0 < widths[0] < 0.2


def test_a_tighter_bound_on_the_load_gives_a_tighter_band() -> None:
    t = transformer()
    band = exact(steady(t, EquivalentLoad.sinusoidal(0.5), 20.0))
    tight, loose = widen(t, band, 20.0, 3600.0, 0.8), widen(t, band, 20.0, 3600.0)
    assert tight.high.hot_spot_c < loose.high.hot_spot_c
    assert tight.low == loose.low


def test_a_cable_has_a_band_too() -> None:
    c, rng = cable(), random.Random(3)
    state, band = CableState(40.0), exact(CableState(40.0))
    for _ in range(30):
        heat = rng.uniform(0.0, 1.5) ** 2
        state, band = step_cable(c, state, heat, 15.0, 300.0), widen(c, band, 15.0, 300.0)
        assert band.low.conductor_c <= state.conductor_c <= band.high.conductor_c
    load = harmonic_load(200.0, neutral_a=0.0)
    for _ in range(20):
        state = step_cable(c, state, cable_heat(c, load).heat_pu, 15.0, 3600.0)
        band = step_band(c, band, load, 15.0, 3600.0)
    assert band.high.conductor_c == pytest.approx(band.low.conductor_c, abs=1e-6)
    assert band.high.conductor_c == pytest.approx(state.conductor_c, abs=1e-6)
    start = unknown(c, 15.0, 1.0)
    assert (start.low.conductor_c, start.high.conductor_c) == (15.0, 90.0)


def test_a_band_of_something_else_is_refused() -> None:
    foreign = exact(CableState(20.0))
    with pytest.raises(LoadError, match="expected TransformerState"):
        widen(transformer(), foreign, 20.0, 1.0)  # type: ignore[call-overload]
    with pytest.raises(LoadError, match="expected CableState"):
        step_band(cable(), exact(TransformerState(20.0, 0.0, 0.0)), harmonic_load(1.0), 20.0, 1.0)  # type: ignore[call-overload]


def test_a_recording_with_fewer_orders_can_be_followed_if_one_says_so() -> None:
    full = harmonic_load(100.0, 0.0, h5=0.2)
    short = HarmonicLoad(full.rms_a, np.where(np.arange(51) > 10, np.nan, full.spectrum_a), 0.0)
    t = transformer()
    settled = steady(t, full, 20.0)
    band = step_band(t, exact(settled), short, 20.0, 60.0, 10)
    assert band.high.hot_spot_c == pytest.approx(settled.hot_spot_c)
    with pytest.raises(LoadError, match="missing_orders"):
        step_band(cable(), exact(CableState(20.0)), short, 20.0, 60.0)
    assert step_band(cable(), exact(CableState(20.0)), short, 20.0, 60.0, 10).high.conductor_c > 20.0


def test_a_load_that_cannot_be_weighed_moves_nothing() -> None:
    t = transformer()
    load = harmonic_load(100.0)
    holed = HarmonicLoad(np.array([100.0, 100.0, np.nan]), load.spectrum_a)
    with pytest.raises(LoadError, match="l3: expected a phase"):
        step_band(t, unknown(t, 20.0), holed, 20.0, 1.0)
