"""Verdicts: each bound from both sides, the worst first, and no verdict where data is missing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore.load.assess import assess
from flexcore.load.band import Band, exact, step_band, unknown, widen
from flexcore.load.conductor import CableState
from flexcore.load.harmonics import HarmonicLoad, LoadError
from flexcore.load.losses import EquivalentLoad, permissible_pu
from flexcore.load.thermal import TransformerState, remaining_minutes, steady
from flexcore.load.verdict import Assessment, AssessSettings, Finding
from support.load import DRY, cable, harmonic_load, spectrum, transformer

T = transformer(("cooling =", "neutral_a = 500\ncooling ="))
RATED = T.rated_a
C = cable()
COOL, WARM = CableState(20.0), CableState(60.0)


def _state(hot_spot_c: float, oil_c: float = 60.0) -> TransformerState:
    return TransformerState(oil_c, hot_spot_c - oil_c, 0.0)


def _by(assessment: Assessment, criterion: str) -> Finding:
    return next(f for f in assessment.findings if f.criterion == criterion)


def _calm(load_pu: float = 0.5) -> HarmonicLoad:
    return harmonic_load(load_pu * RATED, 10.0)


@pytest.mark.parametrize(
    ("load_pu", "verdict"), [(0.0, "acceptable"), (0.899, "acceptable"), (0.901, "near"), (1.001, "over")]
)
def test_rated_current_at_its_bounds(load_pu: float, verdict: str) -> None:
    finding = _by(assess(T, _state(60.0), _calm(load_pu), 20.0), "rated_current")
    assert finding.verdict == verdict
    assert finding.reason.percent == pytest.approx(100 * load_pu)
    assert (finding.reason.limit, finding.reason.unit) == (pytest.approx(RATED), "A")


def test_the_worst_phase_is_named() -> None:
    rms = RATED * np.array([0.2, 0.95, 0.3])
    load = HarmonicLoad(rms, np.array([spectrum(i) for i in rms]), 0.0)
    reason = _by(assess(T, _state(60.0), load, 20.0), "rated_current").reason
    assert (reason.where, reason.key) == ("l2", "limit")


def test_harmonics_make_an_acceptable_current_too_much() -> None:
    plain, distorted = (
        harmonic_load(0.85 * RATED, 0.0),
        harmonic_load(0.85 * RATED, 0.0, h5=0.35, h7=0.25, h11=0.15),
    )
    assert assess(T, _state(60.0), plain, 20.0).verdict == "acceptable"
    bad = assess(T, _state(60.0), distorted, 20.0)
    assert bad.verdict == "over"
    assert bad.findings[0].criterion == "derated_current"
    assert bad.reason.limit == pytest.approx(RATED * bad.figures["permissible_pu"])
    assert bad.figures["permissible_pu"] == pytest.approx(
        permissible_pu(T, bad.figures["f_hl"], bad.figures["f_hl_stray"])
    )
    assert _by(bad, "rated_current").verdict == "acceptable"


@pytest.mark.parametrize(
    ("hot_spot", "verdict"), [(80.0, "acceptable"), (109.9, "acceptable"), (110.1, "near"), (120.1, "over")]
)
def test_hot_spot_at_its_bounds(hot_spot: float, verdict: str) -> None:
    finding = _by(assess(T, _state(hot_spot), _calm(), 20.0), "hot_spot")
    assert finding.verdict == verdict
    assert (finding.reason.value, finding.reason.limit) == (hot_spot, 120.0)
    assert finding.reason.percent == pytest.approx(hot_spot - 20.0)


@pytest.mark.parametrize(("regime", "limit"), [("rated", 98), ("normal", 120), ("long", 140), ("short", 160)])
def test_the_regime_picks_the_limit(regime: str, limit: float) -> None:
    chosen = AssessSettings(regime=regime)  # type: ignore[arg-type]
    for offset, verdict in ((-0.5, "near"), (0.5, "over")):
        finding = _by(assess(T, _state(limit + offset), _calm(), 20.0, chosen), "hot_spot")
        assert (finding.verdict, finding.reason.limit) == (verdict, limit)


@pytest.mark.parametrize(("oil", "verdict"), [(94.0, "acceptable"), (96.0, "near"), (105.5, "over")])
def test_top_oil_at_its_bounds(oil: float, verdict: str) -> None:
    assert _by(assess(T, _state(oil + 1.0, oil), _calm(), 20.0), "top_oil").verdict == verdict


def test_a_load_that_will_be_too_much_soon_is_near() -> None:
    state, load = _state(100.0, 80.0), harmonic_load(1.6 * RATED, 0.0)
    chosen = AssessSettings(current_limit_percent=200.0)
    assessment = assess(T, state, load, 20.0, chosen)
    finding = _by(assessment, "hot_spot")
    assert finding.remaining_min == pytest.approx(
        remaining_minutes(T, state, EquivalentLoad.sinusoidal(1.6), 20.0, 120.0)
    )
    assert finding.remaining_min is not None
    assert 1.0 < finding.remaining_min < 60.0
    assert (finding.verdict, finding.reason.key) == ("near", "soon")
    patient = replace(chosen, near_min=finding.remaining_min - 0.1)
    assert _by(assess(T, state, load, 20.0, patient), "hot_spot").verdict == "acceptable"


def test_a_load_that_is_fine_for_ever_says_so() -> None:
    assert _by(assess(T, _state(60.0), _calm(), 20.0), "hot_spot").remaining_min == math.inf


@pytest.mark.parametrize(("neutral", "verdict"), [(440.0, "acceptable"), (460.0, "near"), (501.0, "over")])
def test_a_transformers_neutral(neutral: float, verdict: str) -> None:
    load = harmonic_load(0.5 * RATED, neutral)
    finding = _by(assess(T, _state(60.0), load, 20.0), "neutral")
    assert (finding.verdict, finding.reason.where) == (verdict, "n")


def test_no_neutral_no_verdict_on_it() -> None:
    assert "neutral" not in [f.criterion for f in assess(transformer(), _state(60.0), _calm(), 20.0).findings]
    finding = _by(assess(T, _state(60.0), harmonic_load(100.0), 20.0), "neutral")
    assert (finding.verdict, finding.reason.key) == ("not_judged", "neutral_not_measured")


def test_a_dry_transformer_has_no_oil() -> None:
    dry = transformer(text=DRY)
    assessment = assess(dry, steady(dry, EquivalentLoad.sinusoidal(0.5), 20.0), _calm(), 20.0)
    assert {f.criterion for f in assessment.findings} == {"rated_current", "derated_current", "hot_spot"}
    assert assessment.verdict == "acceptable"
    assert "top_oil_c" not in assessment.figures


def test_nothing_measured_nothing_judged() -> None:
    for component, criteria in ((T, 5), (C, 4)):
        assessment = assess(component, None, None)
        assert len(assessment.findings) == criteria
        assert assessment.verdict == assessment.judged == "not_judged"
        assert {f.reason.key for f in assessment.findings} == {"no_load", "no_state"}


def test_without_a_load_the_temperature_still_counts() -> None:
    assessment = assess(T, _state(130.0), None, 20.0)
    assert assessment.verdict == "over"
    assert assessment.findings[0].criterion == "hot_spot"
    assert assessment.findings[0].remaining_min is None


def test_a_missing_phase_hides_good_news_but_not_bad() -> None:
    def with_hole(load_pu: float) -> HarmonicLoad:
        rms = RATED * np.array([load_pu, np.nan, 0.1])
        spectra = np.array([spectrum(load_pu * RATED), np.full(51, np.nan), spectrum(0.1 * RATED)])
        return HarmonicLoad(rms, spectra, 0.0)

    for load_pu, verdict in ((0.5, "not_judged"), (0.95, "not_judged"), (1.1, "over")):
        assessment = assess(T, _state(60.0), with_hole(load_pu), 20.0)
        for criterion in ("rated_current", "derated_current"):
            assert _by(assessment, criterion).verdict == verdict
    reason = _by(assess(T, _state(60.0), with_hole(0.5), 20.0), "derated_current").reason
    assert (reason.key, reason.where) == ("missing_phase", "l2")


def test_orders_that_were_not_measured_hide_good_news_but_not_bad() -> None:
    def up_to_ten(load_pu: float) -> HarmonicLoad:
        one = np.where(np.arange(51) > 10, np.nan, spectrum(load_pu * RATED, h5=0.5, h7=0.4))
        return HarmonicLoad(np.full(3, load_pu * RATED), np.tile(one, (3, 1)), 0.0)

    finding = _by(assess(T, _state(60.0), up_to_ten(0.3), 20.0), "derated_current")
    assert (finding.verdict, finding.reason.key) == ("not_judged", "missing_orders")
    assert _by(assess(T, _state(60.0), up_to_ten(0.9), 20.0), "derated_current").verdict == "over"
    content = AssessSettings(required_order=10)
    assert (
        _by(assess(T, _state(60.0), up_to_ten(0.3), 20.0, content), "derated_current").verdict == "acceptable"
    )


def test_a_spectrum_that_contradicts_the_rms_value_is_not_believed() -> None:
    spectra = np.tile(spectrum(0.5 * RATED, h25=0.5), (3, 1)) * 2.0
    load = HarmonicLoad(np.full(3, 0.5 * RATED), spectra, 0.0)
    finding = _by(assess(T, _state(60.0), load, 20.0), "derated_current")
    assert (finding.verdict, finding.reason.key) == ("not_judged", "inconsistent_spectrum")


def test_after_a_gap_there_is_no_verdict_until_the_band_agrees() -> None:
    load = _calm(0.6)
    band = exact(steady(T, load, 20.0))
    assert _by(assess(T, band, load, 20.0), "hot_spot").verdict == "acceptable"
    short = widen(T, band, 20.0, 120.0)
    assert _by(assess(T, short, load, 20.0), "hot_spot").verdict == "acceptable"
    band = widen(T, band, 20.0, 6 * 3600.0)
    finding = _by(assess(T, band, load, 20.0), "hot_spot")
    assert (finding.verdict, finding.reason.key, finding.remaining_min) == ("not_judged", "unsettled", None)
    verdicts = []
    for _ in range(24):
        band = step_band(T, band, load, 20.0, 1800.0)
        verdicts.append(_by(assess(T, band, load, 20.0), "hot_spot").verdict)
    assert verdicts[-1] == "acceptable"
    assert verdicts == sorted(verdicts, reverse=True)  # not judged first, then acceptable for good


def test_a_band_that_is_too_hot_at_both_ends_is_over() -> None:
    assert _by(assess(T, Band(_state(125.0), _state(150.0)), None, 20.0), "hot_spot").verdict == "over"


def test_the_worst_comes_first_and_not_judged_hides_acceptable() -> None:
    assessment = assess(T, None, _calm(), 20.0)
    assert (assessment.verdict, assessment.judged) == ("not_judged", "acceptable")
    near = assess(T, None, _calm(0.95), 20.0)
    assert (near.verdict, near.judged) == ("near", "near")
    over = assess(T, _state(150.0), harmonic_load(1.05 * RATED, 495.0), 20.0)
    rank = {"over": 0, "near": 1, "not_judged": 2, "acceptable": 3}
    ranks = [rank[f.verdict] for f in over.findings]
    assert ranks == sorted(ranks)
    percents = [f.reason.percent for f in over.findings if f.verdict == "over"]
    assert percents == sorted(percents, key=lambda p: -(p or 0.0))
    assert over.reason is over.findings[0].reason


def test_what_was_assumed_is_said() -> None:
    assert assess(T, None, None, 20.0).notes == ()
    assert assess(T, None, None).notes == ("ambient_assumed",)
    assert assess(T, None, None).figures["ambient_c"] == 20.0
    typical = transformer(('"nameplate"', '"typical"'), ("lv_v = 400", 'lv_v = 400\nmeasured_side = "hv"'))
    assert assess(typical, None, None, 20.0).notes == ("typical_data", "triplens_unseen")
    cold = cable(("tau_min", "assumed_ambient_c = 5\ntau_min"), ('"nameplate"', '"typical"'))
    assert assess(cold, None, None).figures["ambient_c"] == 5.0
    assert assess(cold, None, None).notes == ("ambient_assumed", "typical_data")


def test_ageing_comes_with_the_hot_spot() -> None:
    figures = assess(T, Band(_state(92.0), _state(104.0)), None, 20.0).figures
    assert (figures["ageing_rate_low"], figures["ageing_rate"]) == pytest.approx((0.5, 2.0))
    assert (figures["hot_spot_low_c"], figures["hot_spot_c"]) == (92.0, 104.0)


def _cable_load(rms_a: float, third: float, neutral_a: float | None) -> HarmonicLoad:
    return harmonic_load(rms_a, neutral_a, h3=third)


@pytest.mark.parametrize(
    ("third", "phase_factor", "neutral_factor"),
    [
        (0.10, 1.0, 1.0),
        (0.149, 1.0, 1.0),
        (0.151, 0.86, 0.86),
        (0.329, 0.86, 0.86),
        (0.331, 1.0, 0.86),
        (0.449, 1.0, 0.86),
        (0.451, 1.0, 1.0),
    ],
)
def test_third_harmonics_reduce_a_cables_ampacity(
    third: float, phase_factor: float, neutral_factor: float
) -> None:
    assessment = assess(C, COOL, _cable_load(100.0, third, 20.0), 15.0)
    assert _by(assessment, "derated_current").reason.limit == pytest.approx(250.0 * phase_factor)
    assert _by(assessment, "neutral").reason.limit == pytest.approx(250.0 * neutral_factor)


def test_an_ampacity_for_four_loaded_conductors_is_not_reduced_again() -> None:
    four = cable(("rated_a", "loaded_conductors = 4\nrated_a"))
    assert (
        _by(assess(four, COOL, _cable_load(100.0, 0.2, 20.0), 15.0), "derated_current").reason.limit == 250.0
    )


def test_a_neutral_beyond_its_ampacity_decides() -> None:
    load = _cable_load(200.0, 0.5, 3 * spectrum(200.0, h3=0.5)[3])
    assessment = assess(C, COOL, load, 15.0)
    assert assessment.verdict == "over"
    assert assessment.findings[0].criterion == "neutral"
    # seen from the phases' triplens alone it is over as well
    assert _by(assess(C, COOL, _cable_load(200.0, 0.5, None), 15.0), "neutral").verdict == "over"


def test_a_neutral_without_sensor_is_not_called_fine() -> None:
    finding = _by(assess(C, COOL, _cable_load(100.0, 0.1, None), 15.0), "neutral")
    assert (finding.verdict, finding.reason.key) == ("not_judged", "neutral_not_measured")
    conductor = _by(assess(C, COOL, _cable_load(100.0, 0.1, None), 15.0), "conductor")
    assert (conductor.verdict, conductor.reason.key) == ("not_judged", "neutral_not_measured")


def test_a_thin_neutral_needs_its_own_rating() -> None:
    thin = cable(("neutral_mm2 = 150", "neutral_mm2 = 70"))
    finding = _by(assess(thin, COOL, _cable_load(100.0, 0.1, 20.0), 15.0), "neutral")
    assert (finding.verdict, finding.reason.key) == ("not_judged", "neutral_rating_unknown")
    rated = cable(("neutral_mm2 = 150", "neutral_mm2 = 70\nneutral_rated_a = 150"))
    assert _by(assess(rated, COOL, _cable_load(100.0, 0.1, 20.0), 15.0), "neutral").reason.limit == 150.0


def test_a_cable_without_neutral_has_no_rule_for_it() -> None:
    three = cable(("neutral_mm2 = 150\n", ""))
    assessment = assess(three, COOL, _cable_load(100.0, 0.4, None), 15.0)
    assert {f.criterion for f in assessment.findings} == {"rated_current", "derated_current", "conductor"}
    assert assessment.verdict == "acceptable"
    assert _by(assessment, "derated_current").reason.limit == 250.0


@pytest.mark.parametrize(("celsius", "verdict"), [(70.0, "acceptable"), (81.0, "near"), (90.5, "over")])
def test_a_conductors_temperature_at_its_bounds(celsius: float, verdict: str) -> None:
    assert (
        _by(assess(C, CableState(celsius), harmonic_load(100.0, 0.0), 15.0), "conductor").verdict == verdict
    )


def test_a_cable_that_will_be_too_hot_soon_is_near() -> None:
    finding = _by(assess(C, WARM, harmonic_load(300.0, 0.0), 15.0), "conductor")
    assert (finding.verdict, finding.reason.key) == ("near", "soon")
    # 15 + 75 x 1.44 = 123 degrees in the end, time constant 40 min
    assert finding.remaining_min == pytest.approx(40.0 * math.log((123.0 - 60.0) / (123.0 - 90.0)))
    timeless = cable(("tau_min = 40\n", ""))
    known = _by(assess(timeless, WARM, harmonic_load(300.0, 0.0), 15.0), "conductor")
    assert (known.verdict, known.remaining_min) == ("acceptable", None)


def test_a_cable_with_a_hole_in_its_data() -> None:
    spectra = np.array([spectrum(100.0), np.full(51, np.nan), spectrum(100.0)])
    load = HarmonicLoad(np.full(3, 100.0), spectra, 20.0)
    assessment = assess(C, COOL, load, 15.0)
    for criterion in ("derated_current", "neutral"):
        finding = _by(assessment, criterion)
        assert (finding.verdict, finding.reason.key, finding.reason.where) == (
            "not_judged",
            "missing_spectrum",
            "l2",
        )
    assert _by(assessment, "rated_current").verdict == "acceptable"
    assert _by(assess(C, unknown(C, 15.0), load, 15.0), "conductor").reason.key == "unsettled"


@settings(max_examples=60, deadline=None)
@given(
    rms=st.floats(0.0, 1500.0),
    neutral=st.one_of(st.none(), st.floats(0.0, 1500.0)),
    parts=st.dictionaries(st.integers(2, 50), st.floats(0.0, 1.0), max_size=6),
    hot_spot=st.floats(-20.0, 200.0),
    more=st.floats(1.0, 2.0),
)
def test_more_current_never_judges_better(
    rms: float, neutral: float | None, parts: dict[int, float], hot_spot: float, more: float
) -> None:
    rank = {"over": 0, "near": 1, "not_judged": 2, "acceptable": 3}
    shape = {f"h{order}": part for order, part in parts.items()}
    less = harmonic_load(rms, neutral, **shape)
    greater = harmonic_load(rms * more, None if neutral is None else neutral * more, **shape)
    for component, state in ((T, _state(hot_spot)), (C, CableState(hot_spot))):
        before, after = (assess(component, state, load, 20.0) for load in (less, greater))
        assert rank[after.verdict] <= rank[before.verdict]
        for assessment in (before, after):
            assert all(math.isfinite(v) for v in assessment.figures.values())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"near_percent": 101.0}, "near_percent"),
        ({"near_percent": math.nan}, "near_percent"),
        ({"near_k": -1.0}, "near_k"),
        ({"near_min": math.inf}, "near_min"),
        ({"current_limit_percent": 0.0}, "current_limit_percent"),
        ({"required_order": 51}, "required_order"),
        ({"regime": "brave"}, "regime"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object], match: str) -> None:
    with pytest.raises(LoadError, match=f"settings: {match}: expected"):
        AssessSettings(**change)  # type: ignore[arg-type]


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(LoadError, match="expected TransformerState"):
        assess(T, COOL, None)
    with pytest.raises(LoadError, match="expected CableState"):
        assess(C, _state(20.0), None)
    with pytest.raises(LoadError, match="ambient"):
        assess(T, None, None, math.nan)
