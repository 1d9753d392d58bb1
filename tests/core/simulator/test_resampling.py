"""Resampling and lead-in: against sines known exactly, and the recording that it is for."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from flexcore.errors import RecordingError, SettingsError
from flexcore.recordings import Channel, Recording, read_recording
from flexcore.recordings.channelmap import ChannelMap, MappedElement, read_map
from flexcore.simulator import files
from flexcore.simulator.replay import Replay, ReplaySettings, rows
from flexcore.simulator.resampling import SteadyState, Values, resample
from flexcore.simulator.samples import Array, Chunk, Notice
from flexcore.station import read_station

RATE = 20_000


def sine(f_hz: float, rate_hz: float, count: int, phase: float = 0.4) -> Values:
    x: Values = np.sin(2 * np.pi * f_hz * np.arange(count) / rate_hz + phase)
    return x


@pytest.mark.parametrize("source_hz", [1200, 800, 4800, 6400, 12_800, 50_000, Fraction("1199.04")])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.2, 0.3, 0.399])
def test_passband_is_true_to_a_ten_thousandth(source_hz: Fraction | int, share: float) -> None:
    rate = Fraction(source_hz)
    f = share * min(float(rate), RATE)
    count = int(rate * 2)
    out = resample(sine(f, float(rate), count)[None, :], rate, RATE, 50.0)[0]
    assert len(out) == int((count - 1) * RATE / rate) + 1
    inside = slice(RATE // 4, -RATE // 4)  # away from the edges
    error = (out - sine(f, RATE, len(out)))[inside]
    assert np.abs(error).max() < 1e-4


def test_what_lies_above_the_lower_nyquist_is_stopped() -> None:
    x = sine(0.5 * RATE + 500, 50_000, 50_000)[None, :]
    out = resample(x, Fraction(50_000), RATE, 50.0)[0]
    assert np.abs(out[2000:-2000]).max() < 1e-4
    impulses = np.zeros((1, 2400))
    impulses[0, 1200] = 1.0
    spectrum = np.abs(np.fft.rfft(resample(impulses, Fraction(1200), RATE, 50.0)[0]))
    assert spectrum[int(len(spectrum) * 601 / (RATE / 2)) :].max() < 1e-4 * spectrum[0]


def test_edges_of_a_steady_signal_are_true() -> None:
    x = np.array([2.0 + 3 * sine(50, 1200, 600) + 0.2 * sine(250, 1200, 600, 1.0)])
    out = resample(x, Fraction(1200), RATE, 50.0)[0]
    want = 2.0 + 3 * sine(50, RATE, len(out)) + 0.2 * sine(250, RATE, len(out), 1.0)
    assert np.abs(out - want).max() < 1e-3


def test_the_steady_state_is_the_one_at_the_first_sample_of_a_drifting_signal() -> None:
    t = np.arange(600) / 1200
    x = (10.0 - 8.0 * t) * np.cos(2 * np.pi * 49.9 * t + 0.7)
    before = SteadyState(x[None, :], 1200.0, 50.0).at(np.arange(-240, 0) / 1200)[0]
    want = 10.0 * np.cos(2 * np.pi * 50 * np.arange(-240, 0) / 1200 + 0.7)
    assert np.abs(before - want).max() < 0.05


def test_bad_recordings_are_refused() -> None:
    with pytest.raises(RecordingError, match="samp"):
        resample(np.zeros((1, 5000)), Fraction("1199.0417"), RATE, 50.0)
    with pytest.raises(RecordingError, match="at least 48 samples"):
        resample(np.zeros((1, 10)), Fraction(1200), RATE, 50.0)


def recording() -> Recording:
    """A busbar and a field with neutral; the amplitude steps up half-way."""
    t = np.arange(1200) / 1200
    level = np.where(t < 0.5, 1.0, 1.2)
    turns = [2 * np.pi * n / 3 for n in range(3)]
    u = [level * 8.0 * np.cos(2 * np.pi * 50 * t - turn) for turn in turns]
    i = [level * 100.0 * np.cos(2 * np.pi * 50 * t - turn - 0.3) for turn in turns]
    channels = [Channel(n + 1, f"u{n + 1}", unit="kV") for n in range(3)]
    channels += [Channel(n + 4, f"i{n + 1}", unit="A") for n in range(4)]
    values = np.array([*u, *i, np.zeros(1200)])
    return Recording("s.cfg", "COMTRADE", "s", tuple(channels), values, Fraction(1200), 50.0)


TEXT = """
[station]
id = "s"
name = "S"
[[busbar]]
id = "bb1"
name = "B"
nominal_v = 10000.0
sensor = { stream = 1 }
[[field]]
id = "f1"
name = "F"
busbar = "bb1"
neutral = true
sensor = { stream = 2 }
"""
MAP = """
[[element]]
id = "bb1"
channels = { u_l1 = 1, u_l2 = "u2", u_l3 = 3 }
[[element]]
id = "f1"
channels = { i_l1 = 4, i_l2 = 5, i_l3 = 6, i_n = 7 }
"""


def mapped(tmp_path: Path, text: str = MAP) -> Array:
    (tmp_path / "station.toml").write_text(TEXT)
    (tmp_path / "map.toml").write_text(text)
    station = read_station(tmp_path / "station.toml")
    return rows(recording(), station, read_map(tmp_path / "map.toml"), str(tmp_path / "map.toml"))


def play(settings: ReplaySettings, plays: int, tmp_path: Path) -> tuple[list[Chunk], list[Notice]]:
    values = mapped(tmp_path)
    replay = Replay(recording(), values.astype(np.float64), RATE, 50.0, settings)
    chunks: list[Chunk] = []
    notices: list[Notice] = []
    for item in replay.chunks(1_780_000_000 * RATE, 1000):
        if isinstance(item, Notice):
            notices.append(item)
            if len([n for n in notices if n.event == "replay_begin"]) > plays:
                break
        else:
            chunks.append(item)
    return chunks, notices


def test_a_play_is_lead_in_recording_lead_out_without_a_step(tmp_path: Path) -> None:
    chunks, notices = play(ReplaySettings(0.5123, 0.25), 1, tmp_path)
    assert [n.event for n in notices] == ["replay_begin", "replay_end"]
    assert [c.first for c in chunks] == list(range(chunks[0].first, chunks[-1].first + 1, 1000))
    x = np.concatenate([c.values for c in chunks], axis=1)
    zero_ns = notices[0].about["zero_ns"]
    assert isinstance(zero_ns, int)
    zero = zero_ns * RATE // 1_000_000_000 - chunks[0].first
    assert zero == round(0.5123 * RATE)
    n = np.arange(x.shape[1]) - zero
    turn = np.array([0, 2 * np.pi / 3, 4 * np.pi / 3])[:, None]
    level = np.where(n < 0.5 * RATE, 1.0, 1.2)
    want = level * 8000.0 * np.cos(2 * np.pi * 50 * n / RATE - turn)
    away = np.abs(n - 0.5 * RATE) > 0.1 * RATE  # the step itself is band-limited
    assert np.abs(x[:3] - want)[:, away].max() < 8.0


def test_between_two_plays_the_index_jumps(tmp_path: Path) -> None:
    chunks, notices = play(ReplaySettings(0.1, 0.0, 2.0), 1, tmp_path)
    jumps = [b.first - a.first for a, b in pairwise(chunks) if b.first - a.first != 1000]
    assert jumps == [2 * RATE + 1000]
    begins = [n.about["zero_ns"] for n in notices if n.event == "replay_begin"]
    assert len(begins) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[[element", "map.toml"),
        ("", "element"),
        (MAP.replace('"bb1"', '"bb2"'), "expected one with id 'bb1'"),
        (MAP.replace("u_l1 = 1, ", ""), "bb1.channels.u_l1: expected a channel"),
        (MAP.replace('"u2"', '"u9"'), "bb1.channels.u_l2: expected a channel of the recording, got 'u9'"),
        (MAP.replace("u_l3 = 3", "u_l3 = 4"), "bb1.u_l3: channel 4: unit: expected V, got 'A'"),
        (MAP.replace("u_l3 = 3", "u_l3 = true"), "element"),
        (MAP + 'reversed = ["i_l1", "i_l4"]', "f1.reversed: expected names of its channels, got 'i_l4'"),
        (MAP + "reversed = true", "reversed"),
    ],
)
def test_a_bad_map_is_one_line_with_the_key(tmp_path: Path, text: str, names: str) -> None:
    with pytest.raises((SettingsError, RecordingError)) as caught:
        mapped(tmp_path, text)
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_map_turns_the_channels_it_names_and_no_other(tmp_path: Path) -> None:
    as_is, turned = mapped(tmp_path), mapped(tmp_path, MAP + 'reversed = ["i_l1", "i_l3"]')
    signs = np.array([1, 1, 1, -1, 1, -1, 1])[:, None]
    assert np.array_equal(turned, signs * as_is)
    assert as_is[3].any()


def test_missing_samples_are_not_played(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(TEXT)
    record = recording()
    record.values[0, 7] = np.nan
    busbar = MappedElement("bb1", {"u_l1": 1, "u_l2": 2, "u_l3": 3})
    mapping = ChannelMap((busbar, MappedElement("f1", {"i_l1": 4, "i_l2": 5, "i_l3": 6, "i_n": 7})))
    with pytest.raises(RecordingError, match="expected no missing samples"):
        rows(record, read_station(tmp_path / "station.toml"), mapping, "map")


def test_the_real_recording_keeps_its_samples(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    data = Path(os.environ.get("FLEXCORE_DATA", root.parent / "shared" / "data")) / "waveforms"
    file = data / "wisp2_110kV_2bus_11fields_50Hz.cfg"
    if not file.exists():
        pytest.skip(f"{file}: the recording is not here (FLEXCORE_DATA)")
    record = read_recording(file)
    station = read_station(files.find("stations", "wisp2"))
    values = rows(record, station, read_map(files.find("maps", "wisp2")), "wisp2")
    assert values.shape == (50, 19_679)
    # every 3rd sample of the recording lies on every 50th of the grid: below the stop band they agree
    out = resample(values[:3], Fraction(1200), RATE, 50.0)
    low = resample(out, Fraction(RATE), 1200, 50.0)
    spectrum = np.fft.rfft((values[:3, :19_200] - low[:, :19_200]) * np.hanning(19_200))
    reference = np.abs(np.fft.rfft(values[:3, :19_200] * np.hanning(19_200))).max()
    below = int(0.4 * 1200 * 16)
    assert np.abs(spectrum[:, :below]).max() < 1e-4 * reference
    rms_in = np.sqrt((values[:3, :19_200] ** 2).mean(axis=1))
    rms_out = np.sqrt((out[:, : 19_200 * 50 // 3] ** 2).mean(axis=1))
    assert rms_out == pytest.approx(rms_in, rel=1e-4)
