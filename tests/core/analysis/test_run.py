"""The engine over recordings of known signals: values, times, events and gaps in the recording's own time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore.analysis import Analysis, Options, analyse_recording
from flexcore.analysis.report import WIDTH, render
from flexcore.errors import FlexcoreError, RecordingError, SettingsError
from flexcore.model import Measurement
from flexcore.recordings import Channel, Recording
from support.pq import Array

UDIN_V = 10_000.0 / np.sqrt(3.0)
I_A = 120.0
LAG_DEG = 25.0
START_NS = 1_471_881_862_123_456_789


def made(
    rate: Fraction | float,
    hz: float = 50.0,
    seconds: float = 1.2,
    level: Array | float = 1.0,
    skews_us: tuple[float, ...] = (0.0,) * 6,
) -> Recording:
    """One busbar and one field; the samples of each channel are taken its skew late."""
    rate = Fraction(rate).limit_denominator(1_000_000)
    t = np.arange(round(seconds * float(rate))) / float(rate)
    values = []
    for n in range(3):
        at = t + skews_us[n] * 1e-6
        values.append(level * UDIN_V * np.sqrt(2) * np.cos(2 * np.pi * (hz * at - n / 3) + 0.3))
    for n in range(3):
        at = t + skews_us[3 + n] * 1e-6
        values.append(I_A * np.sqrt(2) * np.cos(2 * np.pi * (hz * at - n / 3) + 0.3 - np.radians(LAG_DEG)))
    names = ("Ua", "Ub", "Uc", "Ia", "Ib", "Ic")
    channels = tuple(
        Channel(n + 1, name, unit="V" if n < 3 else "A", skew_us=skews_us[n]) for n, name in enumerate(names)
    )
    nominal = 50.0 if abs(hz - 50) < 6 else 60.0
    return Recording("r.cfg", "COMTRADE", "", channels, np.array(values), rate, nominal, START_NS)


def means(analysis: Analysis, element: str, interval: str = "200ms") -> dict[str, float]:
    found = next(e for e in analysis.elements if e.id == element)
    return {name: one.mean for name, one in found.intervals[interval].quantities.items()}


def check_steady(analysis: Analysis, hz: float, within: float = 1e-3) -> None:
    u, i = means(analysis, "bb1"), means(analysis, "f1")
    assert u["f_hz"] == pytest.approx(hz, rel=2e-6)
    angle = np.radians(LAG_DEG)
    s = UDIN_V * I_A
    for x in ("l1", "l2", "l3"):
        for name in (f"u_{x}_v", f"u_min_{x}_v", f"u_max_{x}_v"):
            assert u[name] == pytest.approx(UDIN_V, rel=within)
        assert i[f"i_{x}_a"] == pytest.approx(I_A, rel=within)
        assert i[f"p_{x}_w"] == pytest.approx(s * np.cos(angle), abs=within * s)
        assert i[f"q_{x}_var"] == pytest.approx(s * np.sin(angle), abs=within * s)
        assert i[f"phi_{x}_deg"] == pytest.approx(LAG_DEG, abs=0.06)
    assert i["pf"] == pytest.approx(np.cos(angle), abs=within)
    assert analysis.events == ()
    assert analysis.gaps == ()
    assert analysis.warnings == ()


@pytest.mark.parametrize("hz", [50.0, 49.7, 60.0, 60.4])
@pytest.mark.parametrize("rate", [1000, 1200, 3200, 12_800, 48_000, 100_000])
def test_values_at_every_rate(rate: int, hz: float) -> None:
    analysis = analyse_recording(made(rate, hz, 0.8))
    check_steady(analysis, hz)
    assert analysis.mapping.nominal_hz == (50 if hz < 55 else 60)
    assert analysis.elements[0].intervals["200ms"].count >= 3


@pytest.mark.parametrize("rate", [1 / 0.0008333, 1023.7, 4799.52, 800.214, 640.0])
def test_values_at_rates_that_the_engine_does_not_know(rate: float) -> None:
    """Fractional rates keep frequency and times exact; slow ones are interpolated, and the result says so."""
    analysis = analyse_recording(made(rate, 50.1))
    check_steady(analysis, 50.1)
    assert any("interpolated" in note for note in analysis.recording.notes) == (rate < 1000)


def test_skew_is_taken_out_unless_it_is_to_stay() -> None:
    record = made(1200, skews_us=(0.0, 13.0, 26.0, 261.0, 570.0, 841.0))
    check_steady(analyse_recording(record), 50.0)
    left = means(analyse_recording(record, options=Options(correct_skew=False)), "f1")
    # the current is sampled late: it seems to lead
    assert left["phi_l3_deg"] == pytest.approx(LAG_DEG - 815e-6 * 50 * 360, abs=0.05)


def test_when_it_began_does_not_change_what_it_holds() -> None:
    """The same samples with two starts, so that the blocks are others: the values are the same."""
    seen: list[list[Measurement]] = []
    for start_ns in (0, 577 * 10**9 // 12_800):
        found: list[Measurement] = []
        analyse_recording(replace(made(12_800, 50.02), start_ns=start_ns), listeners=(found.append,))
        seen.append(found)
    shift_ns = seen[1][0].start_ns - seen[0][0].start_ns
    for a, b in zip(*seen, strict=True):
        assert b.start_ns - a.start_ns == pytest.approx(shift_ns, abs=2)
        for name, value in a.values.items():
            if value is not None:
                # what is next to nothing is the rounding of the spectrum's float32
                assert b.values[name] == pytest.approx(value, rel=1e-6, abs=1e-5)


DIP_S = (0.4137, 0.6273)


def dipped(rate: float, until_s: float = DIP_S[1]) -> Recording:
    t = np.arange(round(1.2 * rate)) / rate
    return made(rate, level=np.where((t >= DIP_S[0]) & (t < until_s), 0.6, 1.0))


@pytest.mark.parametrize("rate", [1200.0, 4799.52, 12_800.0])
def test_a_dip_in_the_recordings_time(rate: float) -> None:
    analysis = analyse_recording(dipped(rate))
    (event,) = analysis.events
    assert (event.type, event.element, event.open, event.flags) == ("dip", "bb1", False, ())
    assert event.at_s == pytest.approx(DIP_S[0], abs=0.02)
    assert event.duration_s == pytest.approx(DIP_S[1] - DIP_S[0], abs=0.02)
    assert event.extreme_percent == pytest.approx(60.0, abs=0.2)
    assert event.start is not None
    assert event.start.startswith("2016-08-22T16:04:22.5")
    second = 22.123456789 + event.at_s
    assert float(event.start[17:]) == pytest.approx(second, abs=1e-5)


def test_an_event_that_runs_on_at_the_end_is_open() -> None:
    # more than half of it is low: the usual level nearest to that would be another one
    analysis = analyse_recording(dipped(12_800.0, until_s=9.9), options=Options(nominal_v=10_000.0))
    (event,) = analysis.events
    assert event.open
    assert event.flags == ()
    assert event.at_s + (event.duration_s or 0.0) == pytest.approx(1.2, abs=1e-3)
    assert event.extreme_percent == pytest.approx(60.0, abs=0.2)
    assert analysis.gaps == ()


def test_missing_samples_are_gaps_with_their_length() -> None:
    record = made(12_800, seconds=2.0)
    record.values[4, 12_800:12_928] = np.nan
    analysis = analyse_recording(record)
    (gap,) = analysis.gaps
    assert (gap.element, gap.open) == ("f1", False)
    assert gap.at_s == pytest.approx(1.0, abs=1e-6)
    assert gap.duration_s == pytest.approx(0.01, abs=1e-6)
    field = next(e for e in analysis.elements if e.id == "f1")
    assert field.intervals["200ms"].flags["gap"] in (1, 2)
    busbar = analysis.elements[0]
    assert "gap" not in busbar.intervals["200ms"].flags
    assert means(analysis, "f1")["i_l2_a"] == pytest.approx(I_A, rel=1e-3)


def test_a_part_of_it() -> None:
    whole, seen = made(12_800, seconds=3.0), list[Measurement]()
    analysis = analyse_recording(whole, options=Options(from_s=1.0, to_s=2.0), listeners=(seen.append,))
    assert (analysis.recording.from_s, analysis.recording.to_s) == (1.0, 2.0)
    for m in seen:
        assert 1.0 <= (m.start_ns - START_NS) / 1e9 < 2.0
        assert (m.start_ns + m.duration_ns - START_NS) / 1e9 <= 2.0
    check_steady(analysis, 50.0)
    with pytest.raises(
        SettingsError, match="--from, --to: expected a part of the recording, which is 3 s long"
    ):
        analyse_recording(whole, options=Options(from_s=5.0))


def test_a_frequency_that_the_header_denies_is_said() -> None:
    analysis = analyse_recording(replace(made(12_800, 60.0), frequency_hz=50.0))
    assert "turns at about 60.0 Hz, the analysis is for 50 Hz" in analysis.warnings[0]


@pytest.mark.parametrize(
    ("rate", "names"), [(200_000, "expected at most 100000 Hz"), (360, "expected at least 400 Hz")]
)
def test_rates_beyond_the_instrument_are_refused(rate: int, names: str) -> None:
    with pytest.raises(RecordingError, match=names):
        analyse_recording(made(rate, seconds=0.3))


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.1, 0.35])
def test_short_recordings_give_little_and_no_fault(seconds: float) -> None:
    analysis = analyse_recording(made(12_800, seconds=seconds), options=Options(nominal_v=10_000.0))
    assert analysis.gaps == ()
    text = render(analysis, full=True)
    assert ("none: too short" in text) == (seconds < 0.3)


def test_what_the_rate_cannot_give_is_said() -> None:
    slow, fast = analyse_recording(made(1200)), analyse_recording(made(48_000))
    assert "harmonics to order 8 (400 Hz); half the rate is order 12" in slow.gives
    assert any(line.startswith("harmonics of order 9 to 50") for line in slow.cannot)
    assert "harmonics to order 50 (2500 Hz)" in fast.gives
    assert any("flicker Pst" in line and "1.2 s long" in line for line in fast.cannot)


@pytest.mark.parametrize("full", [False, True])
def test_the_summary_fits_a_terminal_and_says_what_was_measured(full: bool) -> None:
    record = dipped(12_800.0)
    text = render(analyse_recording(record), full=full)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    row = next(line.split() for line in text.splitlines() if line.startswith("  Voltage L1"))
    assert float(row[5]) == pytest.approx(UDIN_V / 1000.0, rel=1e-3)  # the largest
    assert row[7] == "kV"
    assert "dip" in text
    assert "Gaps       none" in text
    assert ("Active power, total" in text) == full


def test_the_results_as_json_have_no_word_but_numbers_and_null() -> None:
    analysis = analyse_recording(dipped(1200.0))
    raw = msgspec.json.encode(analysis)
    assert b"NaN" not in raw
    assert msgspec.json.decode(raw, type=Analysis) == analysis
    assert msgspec.json.decode(raw)["schema"] == "flexcore-analysis-1"


@settings(max_examples=40, deadline=None)
@given(
    holes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2000), st.integers(1, 700)), max_size=5),
    spikes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1999), st.floats(-1e15, 1e15)), max_size=5),
    start_ns=st.one_of(st.none(), st.integers(0, 7_200_000_000 * 10**9)),
    rate=st.sampled_from([430.0, 1000.0, 1666.6, 2000.0]),
)
def test_whatever_a_recording_holds_there_are_results_or_one_line(
    holes: list[tuple[int, int, int]],
    spikes: list[tuple[int, int, float]],
    start_ns: int | None,
    rate: float,
) -> None:
    record = replace(made(rate, seconds=2000 / rate), start_ns=start_ns)
    for row, at, value in spikes:
        record.values[row, at] = value
    for row, at, count in holes:
        record.values[row, at : at + count] = np.nan
    try:
        analysis = analyse_recording(record)
    except FlexcoreError as error:
        assert "\n" not in str(error)
        return
    assert max(len(line) for line in render(analysis, full=True).splitlines()) <= WIDTH
    for found in (*analysis.events, *analysis.gaps):
        assert -1e-6 <= found.at_s <= analysis.recording.to_s
        assert found.duration_s is not None
        assert found.at_s + found.duration_s <= analysis.recording.to_s + 1e-6
    for element in analysis.elements:
        for interval in element.intervals.values():
            for one in interval.quantities.values():
                assert one.min <= one.max
                assert np.isfinite(one.mean)
