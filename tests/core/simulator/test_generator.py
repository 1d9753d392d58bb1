"""Generated signals: deterministic, plausible, and disturbed exactly where the script says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flexcore.errors import SettingsError
from flexcore.simulator import disturbances, files
from flexcore.simulator.disturbances import Disturbance, Script
from flexcore.simulator.generator import Generator
from flexcore.simulator.samples import Array, Chunk, Notice
from flexcore.station import Busbar, Station, read_station

RATE = 20_000
CHUNK = 1000
START = 1_780_000_000 * RATE


def station(name: str = "demo-12") -> Station:
    return read_station(files.find("stations", name))


def take(
    seconds: float, *scripted: Disturbance, seed: int = 1, start: int = START, name: str = "demo-12"
) -> tuple[Array, list[Notice]]:
    generator = Generator(station(name), seed, Script(scripted, None, RATE))
    values, notices = [], []
    for item in generator.chunks(start, CHUNK):
        if isinstance(item, Notice):
            notices.append(item)
            continue
        if item.first >= start + seconds * RATE:
            break
        values.append(item.values)
    return np.concatenate(values, axis=1).astype(np.float64), notices


def rms(x: Array) -> Array:
    result: Array = np.sqrt((x**2).mean(axis=-1))
    return result


def test_same_seed_and_start_same_samples_and_any_chunk_by_itself() -> None:
    a, _ = take(0.2)
    b, _ = take(0.2)
    np.testing.assert_array_equal(a, b)
    later, _ = take(0.1, start=START + 2 * CHUNK)
    np.testing.assert_array_equal(a[:, 2 * CHUNK :], later)
    other, _ = take(0.2, seed=2)
    assert not np.array_equal(a, other)


def test_chunks_join_without_a_step() -> None:
    x, _ = take(1.0)
    for edge in range(CHUNK, x.shape[1], CHUNK):
        second = np.abs(np.diff(x[:3, edge - 3 : edge + 3], 2, axis=1)).max()
        inside = np.abs(np.diff(x[:3, edge - 503 : edge - 3], 2, axis=1)).max()
        assert second < 1.5 * inside


def test_voltages_are_nominal_and_positive_sequence() -> None:
    x, _ = take(1.0)
    bus = station().busbar[0]
    assert rms(x[:3]) == pytest.approx(bus.earth_v, rel=0.015)
    n = np.arange(x.shape[1])
    phasor = (x[:3] * np.exp(-2j * np.pi * 50 * n / RATE)).mean(axis=1)
    a = np.exp(2j * np.pi / 3)
    positive = abs(phasor @ np.array([1, a, a * a]))
    negative = abs(phasor @ np.array([1, a * a, a]))
    assert negative < 0.02 * positive


def test_fields_take_power_and_the_last_one_gives_it() -> None:
    x, _ = take(1.0)
    power = np.array([(x[:3] * x[k : k + 3]).sum(axis=0).mean() for k in range(3, 39, 3)])
    assert (power[:-1] > 100e3).all()
    assert power[-1] < -500e3
    assert (power < 5e6).all()


def test_a_neutral_carries_the_sum_of_the_phases_also_in_a_dip() -> None:
    x, _ = take(0.3, Disturbance("dip", 0.1, 0.1, 40.0, ("l1",)), name="bench-20")
    for k in range(3, 83, 4):
        np.testing.assert_allclose(x[k + 3], x[k : k + 3].sum(axis=0), atol=1e-3)


def test_a_disturbance_is_where_and_as_deep_as_scripted() -> None:
    clean, _ = take(0.5)
    x, notices = take(0.5, Disturbance("dip", 0.1234, 0.1, 60.0, ("l1", "l3")))
    begin, end = round(0.1234 * RATE), round(0.2234 * RATE)
    want = clean.copy()
    for phase in (0, 2):
        want[phase::3, begin:end] *= 0.6
    np.testing.assert_allclose(x, want, rtol=1e-5, atol=1e-3)
    assert [n.event for n in notices] == ["disturbance"]
    assert notices[0].about["start_ns"] == (START + begin) * 1_000_000_000 // RATE
    assert notices[0].about["phases"] == ["l1", "l3"]


def test_periodic_dips_begin_after_the_first_period() -> None:
    script = Script((), 2.0, RATE)
    starts = set()
    for n in range(200):
        for d, first, _ in script.active(n * CHUNK, CHUNK):
            assert d.kind == "dip"
            starts.add(n * CHUNK + first)
    assert starts == {2 * RATE, 4 * RATE, 6 * RATE, 8 * RATE}


def test_frequency_wanders_a_little_around_nominal() -> None:
    generator = Generator(station(), 1, Script((), None, RATE))
    grid = START + np.arange(0, 120 * RATE, 100)
    f = np.diff(np.unwrap(generator._theta(grid))) * RATE / 100 / 2 / math.pi
    assert 0.005 < np.abs(f - 50.0).max() < 0.05


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dip",
        "dip:1",
        "sag:1:1",
        "dip:x:1",
        "dip:1:0",
        "dip:-1:1",
        "dip:1:1:400",
        "dip:1:1:50:l4",
        "dip:nan:1",
    ],
)
def test_a_bad_script_is_one_line(text: str) -> None:
    with pytest.raises(SettingsError, match="--event"):
        disturbances.parse(text)


def test_scripts_are_read() -> None:
    assert disturbances.parse("swell:1.5:0.2") == Disturbance("swell", 1.5, 0.2, 115.0)
    assert disturbances.parse("dip:0:1:30:l2").phases == ("l2",)


def test_full_scale_leaves_room_over_every_sample() -> None:
    for name in files.shipped("stations"):
        s = station(name)
        generator = Generator(s, 3, Script((), None, RATE))
        chunk = next(iter(generator.chunks(START, CHUNK)))
        assert isinstance(chunk, Chunk)
        assert len(generator.peaks) == sum(len(e.channels) for e in s.elements)
        assert (np.abs(chunk.values).max(axis=1) < generator.peaks / 2).all()
        assert isinstance(s.elements[0], Busbar)
