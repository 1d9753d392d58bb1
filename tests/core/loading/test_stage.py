"""A station's components through time: each against the library's own steps, gaps, restarts, clocks."""

from __future__ import annotations

import re

import pytest

from flexcore.load.band import unknown
from flexcore.load.component import Cable, Transformer
from flexcore.load.thermal import TransformerState, steady, step
from flexcore.loading.saved import SavedError, read_saved, write_saved
from flexcore.loading.stage import ComponentLoad, LoadStage
from support.load import harmonic_load
from support.loaded import NS, START_NS, STEP_NS, TEXT, is_close, station, value, values

STATION = station()
TRANSFORMER, CABLE = STATION.component
assert isinstance(TRANSFORMER, Transformer) and isinstance(CABLE, Cable)
RATED_A = TRANSFORMER.rated_a


def play(stage: LoadStage, *streams: object) -> list[ComponentLoad]:
    told = []
    for stream in streams:
        for measurement in stream:  # type: ignore[attr-defined]
            told += stage.process(measurement)
    return told


def hot_spots(load: ComponentLoad) -> tuple[float, float]:
    figures = load.judged.assessment.figures
    return figures["hot_spot_low_c"], figures["hot_spot_c"]


def test_each_end_of_the_band_is_the_guides_own_course() -> None:
    """Two loads of 90 and 45 min, told once a minute; the twin goes in two steps."""
    stage = LoadStage(STATION)
    half, full = 0.5 * RATED_A, 0.95 * RATED_A
    told = play(stage, values("f1", 90, half, h5=0.2), values("f1", 45, full, START_NS + 90 * 60 * NS))
    assert len(told) == 1 + 135  # at the first current, then each minute
    band = unknown(TRANSFORMER, 20.0, 1.5)
    for end, found in ((band.low, 0), (band.high, 1)):
        twin = step(TRANSFORMER, end, harmonic_load(half, h5=0.2), 20.0, 90 * 60.0)
        twin = step(TRANSFORMER, twin, harmonic_load(full), 20.0, 45 * 60.0)
        assert is_close(hot_spots(told[-1])[found], twin.hot_spot_c, 1e-3)
    assert told[-1].judged.assessment.figures["ambient_c"] == 20.0


def test_what_is_not_known_yet_is_not_judged_and_then_it_is() -> None:
    stage = LoadStage(STATION)
    told = play(stage, values("f1", 48 * 60, 0.5 * RATED_A))
    first, last = told[0].judged.assessment, told[-1].judged.assessment
    by = {f.criterion: f for f in first.findings}
    assert by["hot_spot"].verdict == "not_judged" and by["hot_spot"].reason.key == "unsettled"
    assert by["rated_current"].verdict == "acceptable"
    assert (first.verdict, first.judged) == ("not_judged", "acceptable")
    assert last.verdict == "acceptable"
    twin = steady(TRANSFORMER, harmonic_load(0.5 * RATED_A), 20.0)
    assert all(is_close(t, twin.hot_spot_c, 0.01) for t in hot_spots(told[-1]))
    (remaining,) = [f.remaining_min for f in last.findings if f.criterion == "hot_spot"]
    assert remaining == float("inf")


def test_an_overload_is_near_before_it_is_over() -> None:
    stage = LoadStage(STATION)
    play(stage, values("f1", 48 * 60, 0.4 * RATED_A))
    told = play(stage, values("f1", 600, 1.6 * RATED_A, START_NS + 48 * 3600 * NS))
    verdicts = [
        next(f.verdict for f in one.judged.assessment.findings if f.criterion == "hot_spot") for one in told
    ]
    courses = [verdict for n, verdict in enumerate(verdicts) if n == 0 or verdict != verdicts[n - 1]]
    assert courses in (["acceptable", "near", "over"], ["near", "over"])
    soon = next(one for one in told[1:] if one.judged.assessment.figures["hot_spot_c"] < 110.0)
    (finding,) = [f for f in soon.judged.assessment.findings if f.criterion == "hot_spot"]
    assert finding.remaining_min is not None
    at_min = told.index(soon) + 1
    reached = next(n for n, one in enumerate(told) if one.judged.assessment.figures["hot_spot_c"] > 120.0)
    assert at_min + finding.remaining_min == pytest.approx(reached, abs=2.0)


def test_how_intervals_are_cut_changes_no_temperature() -> None:
    """The tick of the clock cuts an interval short and lets the next overlap."""
    whole, cut = LoadStage(STATION), LoadStage(STATION)
    play(whole, values("f2", 30, 200.0))
    at = START_NS
    end = START_NS + 30 * 60 * NS
    while at < end:
        length = min(1_700_000_000 if (at // NS) % 2 else 3_400_000_000, end - at)
        play(cut, [value("f2", at, 200.0, duration_ns=length)])
        at += length
    a, b = whole.followed["k1"].band, cut.followed["k1"].band
    assert is_close(a.high.conductor_c, b.high.conductor_c) and is_close(a.low.conductor_c, b.low.conductor_c)


def test_a_lost_current_is_told_at_once_and_widens_what_is_known() -> None:
    stage = LoadStage(STATION)
    play(stage, values("f1", 48 * 60, 0.5 * RATED_A))
    at = START_NS + 48 * 3600 * NS
    lost = play(stage, [value("f1", at, None)])
    assert len(lost) == 1 and lost[0].judged.unknown_since_ns == at
    assert {f.reason.key for f in lost[0].judged.assessment.findings if f.criterion == "rated_current"} == {
        "no_load"
    }
    told = play(stage, values("f1", 60, None, at + STEP_NS))
    low, high = hot_spots(told[-1])
    assert high - low > 20.0
    back = play(stage, [value("f1", at + 3700 * NS, 0.5 * RATED_A)])
    assert back and back[0].judged.unknown_since_ns is None


def test_a_field_that_falls_silent_is_told_by_the_others_and_all_by_silence() -> None:
    stage = LoadStage(STATION)
    play(stage, values("f1", 5, 100.0), values("f2", 5, 100.0))
    told = play(stage, values("f2", 1, 100.0, START_NS + 300 * NS))
    assert "t1" in {one.component.id for one in told if one.judged.unknown_since_ns is not None}
    assert {one.component.id for one in stage.silence()} == {"k1"}
    assert stage.silence() == []


def test_a_restart_goes_on_where_it_was() -> None:
    whole, first = LoadStage(STATION), LoadStage(STATION)
    play(whole, values("f1", 200, 0.8 * RATED_A), values("f2", 200, 150.0))
    play(first, values("f1", 100, 0.8 * RATED_A), values("f2", 100, 150.0))
    text = write_saved(STATION, first.followed)
    again = LoadStage(STATION, read_saved(STATION, text))
    at = START_NS + 100 * 60 * NS
    play(again, values("f1", 100, 0.8 * RATED_A, at), values("f2", 100, 150.0, at))
    a, b = whole.followed["t1"].band.high, again.followed["t1"].band.high
    assert isinstance(a, TransformerState) and isinstance(b, TransformerState)
    assert is_close(a.hot_spot_c, b.hot_spot_c, 1e-3) and is_close(a.aged_h, b.aged_h, 1e-3)
    assert whole.followed["k1"].band.high == pytest.approx(again.followed["k1"].band.high) or is_close(
        whole.followed["k1"].band.high.conductor_c,  # type: ignore[union-attr]
        again.followed["k1"].band.high.conductor_c,  # type: ignore[union-attr]
        1e-3,
    )


def test_after_an_hour_off_the_band_holds_both_a_cold_and_a_loaded_hour() -> None:
    first = LoadStage(STATION)
    play(first, values("f1", 48 * 60, 0.8 * RATED_A))
    known = first.followed["t1"].band
    again = LoadStage(STATION, read_saved(STATION, write_saved(STATION, first.followed)))
    at = START_NS + 49 * 3600 * NS
    (told,) = again.process(value("f1", at, 0.8 * RATED_A))
    low, high = hot_spots(told)
    cold = step(TRANSFORMER, known.high, harmonic_load(0.0), 20.0, 3600.0)  # type: ignore[arg-type]
    loaded = step(TRANSFORMER, known.high, harmonic_load(1.5 * RATED_A), 20.0, 3600.0)  # type: ignore[arg-type]
    assert low <= cold.hot_spot_c and loaded.hot_spot_c - 0.5 <= high  # 3 s of load since


def test_a_component_described_anew_begins_unknown() -> None:
    stage = LoadStage(STATION)
    play(stage, values("f1", 60, 100.0), values("f2", 60, 100.0))
    other = station(TEXT.replace("no_load_w = 800", "no_load_w = 900"))
    assert set(read_saved(other, write_saved(STATION, stage.followed))) == {"k1"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b'{"format": "flexcore-load-9", "components": {}}',
        b"[" * 100_000,
        b'{"format": "flexcore-load-1", "components": {}, "more": 1}',
    ],
)
def test_a_spoilt_text_is_refused_in_one_line(text: bytes) -> None:
    with pytest.raises(SavedError) as caught:
        read_saved(STATION, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("low", ["[1e9,", "[NaN,", "[-2000.0,", "[1.0,1.0,", "[null,"])
def test_impossible_temperatures_are_refused(low: str) -> None:
    stage = LoadStage(STATION)
    play(stage, values("f1", 3, 0.0))
    text = write_saved(STATION, stage.followed)
    spoilt = re.sub(rb'"low":\[[^,]*,', b'"low":' + low.encode(), text)
    assert spoilt != text
    with pytest.raises(SavedError):
        read_saved(STATION, spoilt)


@pytest.mark.parametrize("back_s", [20.0, 3600.0, 1e8])
def test_a_clock_set_back_keeps_what_is_warm(back_s: float) -> None:
    stage = LoadStage(STATION)
    play(stage, values("f2", 600, 240.0))
    warm = stage.followed["k1"].band.low.conductor_c  # type: ignore[union-attr]
    at = START_NS + 600 * 60 * NS - round(back_s * NS)
    told = play(stage, values("f2", 3, 240.0, at))
    assert told
    assert is_close(stage.followed["k1"].band.low.conductor_c, warm, 1.0)  # type: ignore[union-attr]


def test_numbers_that_no_current_has_are_not_believed() -> None:
    stage = LoadStage(STATION)
    told = play(stage, values("f1", 3, 1e9))
    findings = told[-1].judged.assessment.findings
    assert all(f.verdict == "not_judged" for f in findings if f.criterion != "neutral")


def test_only_3_s_values_of_fields_with_a_component_are_looked_at() -> None:
    stage = LoadStage(station(TEXT))
    other = value("f9", START_NS, 100.0)
    assert stage.process(other) == []
    assert stage.followed == {}
