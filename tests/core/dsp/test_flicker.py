"""The flickermeter against the tables of IEC 61000-4-15 ed. 2, against theory and against its slow twin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from flexcore.desk.bench.flicker_points import (
    TICK_S,
    Run,
    Signal,
    modulated,
    rectangle,
    sine,
    tables,
    triples,
)
from flexcore.dsp import _flicker, lamp
from flexcore.dsp.flicker import INTERVAL_S, SETTLE_S, FlickerError, Flickermeter, ShortTerm, plt, severity
from support import flicker_twin as twin
from support.pq import Array

TABLES = tables()
KINDS = [(name, hz) for name in ("230v", "120v") for hz in (50, 60)]
RATES = (1_000, 1_200, 1_999, 3_200, 3_999, 4_000, 12_800, 20_000, 44_100, 48_000, 100_000)
PEAK_V = 230.0 * np.sqrt(2.0)


def column(values: list[float]) -> Array:
    return np.array(values, float)[:, None]


def pst_of(signal: Signal, rate_hz: int, nominal_hz: int, name: str) -> tuple[float, float, float]:
    run = Run(signal, rate_hz, nominal_hz, name, lead_s=20.0)
    run.until(INTERVAL_S)
    assert [item.first for item in run.ended] == [(TICK_S - INTERVAL_S) * rate_hz, TICK_S * rate_hz]
    assert run.ended[1].coverage == (1.0, 1.0, 1.0)
    return run.ended[1].pst


# --- the standard's tables


@pytest.mark.parametrize("wave", ["sine", "rectangular"])
@pytest.mark.parametrize(("name", "nominal_hz"), KINDS)
def test_highest_pinst_is_one_at_every_point_of_the_tables(name: str, nominal_hz: int, wave: str) -> None:
    table = TABLES[f"{name}-{nominal_hz}hz"][f"pinst_{wave}"]
    for hz, dv_pct in triples(table["hz"], table["dv_pct"]):

        def signal(t: Array, hz: Array = hz, dv_pct: Array = dv_pct) -> Array:
            return modulated(t, hz, dv_pct, wave, nominal_hz, 4_000)

        highest = Run(signal, 4_000, nominal_hz, name).highest(30.0, 40.0)
        assert highest == pytest.approx([1.0] * 3, abs=0.01), hz.ravel()


@pytest.mark.parametrize(("name", "nominal_hz"), KINDS)
def test_pst_is_one_at_every_point_of_the_table(name: str, nominal_hz: int) -> None:
    table = TABLES[f"{name}-{nominal_hz}hz"]["pst_rectangular"]
    for per_minute, dv_pct in triples(table["changes_per_minute"], table["dv_pct"]):

        def signal(t: Array, hz: Array = per_minute / 120.0, dv_pct: Array = dv_pct) -> Array:
            return modulated(t, hz, dv_pct, "rectangular", nominal_hz, 2_000)

        assert pst_of(signal, 2_000, nominal_hz, name) == pytest.approx([1.0] * 3, abs=0.01)


@pytest.mark.parametrize(("name", "nominal_hz"), KINDS)
def test_pst_of_bursts_is_one(name: str, nominal_hz: int) -> None:
    burst = TABLES[f"{name}-{nominal_hz}hz"]["pst_bursts"]

    def signal(t: Array) -> Array:
        on = (t % 60.0 < 12.0) & (t >= 0.0)
        one = sine(t, nominal_hz) * (1.0 + burst["dv_pct"] / 200.0 * on * rectangle(t, burst["hz"], 2_000))
        return np.stack([one] * 3)

    assert pst_of(signal, 2_000, nominal_hz, name) == pytest.approx([1.0] * 3, abs=0.01)


def test_pst_at_the_rate_of_the_instrument() -> None:
    def signal(t: Array) -> Array:
        hz, dv_pct = column([7.0, 39.0, 1620.0]) / 120.0, column([1.45, 0.894, 0.407])
        return modulated(t, hz, dv_pct, "rectangular", 50.0, 20_000)

    run = Run(signal, 20_000, lead_s=5.0)
    run.until(180.0)
    run.ended += run.meter.finish()
    assert run.ended[1].coverage == pytest.approx([0.3] * 3)
    assert run.ended[1].pst == pytest.approx([1.0] * 3, abs=0.01)


@pytest.mark.parametrize("rate_hz", RATES)
def test_every_rate_measures_the_same(rate_hz: int) -> None:
    """Sines that fill the table's range; 33.3 Hz is where a badly matched filter shows."""
    hz, dv_pct = column([3.0, 8.8, 100.0 / 3.0]), column([0.645, 0.250, 2.128])

    def signal(t: Array) -> Array:
        return modulated(t, hz, dv_pct, "sine", 50.0, rate_hz)

    run = Run(signal, rate_hz)
    run.until(8.0, 1.0)
    run.meter.take()
    run.until(11.0, 1.0)
    assert [pinst.highest for pinst in run.meter.take()] == pytest.approx([1.0] * 3, abs=0.01)


# --- filters


@pytest.mark.parametrize(("name", "nominal_hz"), KINDS)
@pytest.mark.parametrize("rate_hz", RATES)
def test_digital_filters_have_the_gain_of_the_standards(name: str, nominal_hz: int, rate_hz: int) -> None:
    decimation = max(1, rate_hz // 2_000)
    fs = rate_hz / decimation
    one = lamp.LAMPS[name]
    sections = lamp.digital_sections(one, nominal_hz, fs, decimation)
    for hz in (0.05, 0.5, 1.0, 3.0, 8.8, 15.0, 20.0, 25.0, 30.0, 100 / 3, 37.0, 40.0)[: nominal_hz // 5]:
        droop = np.sinc(hz / fs) / np.sinc(hz / rate_hz)
        gain = lamp.digital_gain(sections, fs, hz) * droop**2
        wanted = twin.analogue(name, nominal_hz, hz)[0] * np.sqrt(twin.scale(name, nominal_hz))
        assert gain == pytest.approx(wanted, rel=1.1e-3)
        assert lamp.analogue_gain(one, nominal_hz, hz) == pytest.approx(
            twin.analogue(name, nominal_hz, hz)[0]
        )


@pytest.mark.parametrize(
    ("rate_hz", "nominal_hz", "name"),
    [
        (20_000, 50, "230v"),
        (1_000, 50, "230v"),
        (12_800, 60, "120v"),
        (3_999, 60, "230v"),
        (44_100, 50, "120v"),
    ],
)
def test_meter_agrees_with_its_twin(rate_hz: int, nominal_hz: int, name: str) -> None:
    rng = np.random.default_rng(rate_hz)
    n = np.arange(8 * rate_hz)
    wander = np.repeat(rng.normal(scale=0.01, size=(3, 8 * 20)), -(-n.size // 160), axis=1)[:, : n.size]
    u = sine(n / rate_hz, nominal_hz) * (1.0 + wander) + rng.normal(scale=5.0, size=(3, n.size))
    data = np.asarray(u, np.float32)
    decimation = max(1, rate_hz // 2_000)
    per_group = int(rate_hz / decimation // 250)
    meter = Flickermeter(rate_hz, nominal_hz, 230.0, name)
    first = 1_000 * decimation * per_group
    meter.restart(first)
    rows = []
    for group in range(1, n.size // meter.group + 1):
        meter.feed(data, first, first + group * meter.group)
        rows.append(meter.pinst)
    for c in range(3):
        start, values = twin.pinst(data[c], rate_hz, nominal_hz, name, decimation, per_group)
        at_groups = values[per_group - 1 :: per_group]
        settled = [row[c] for row in rows if row[c] is not None]
        assert len(settled) > 4.5 * rate_hz / meter.group
        assert start // per_group + at_groups.size == len(rows)
        assert settled == pytest.approx(at_groups[-len(settled) :], rel=1e-6)


# --- scale, influence quantities


def test_pst_is_proportional_to_the_depth() -> None:
    """0.2 to 10, with Pinst over three and a half decades, and Pinst with the square of the depth."""
    for factors in ([0.2, 1.0, 2.0], [0.5, 5.0, 10.0]):
        factor = column(factors)
        run = Run(lambda t, f=factor: modulated(t, 3.25, 0.722 * 1.06 * f, "rectangular", 50.0, 4_000), 4_000)
        run.until(20.0)
        highest = run.highest(20.0, 40.0)
        (result,) = run.meter.finish()
        relative = np.array(result.pst) / np.array(factors)
        assert relative == pytest.approx([relative[0]] * 3, rel=3e-3)
        assert np.array(highest) / np.square(factors) == pytest.approx(
            [highest[0] / factors[0] ** 2] * 3, rel=0.01
        )


@pytest.mark.parametrize("nominal_hz", [50, 60])
def test_a_steady_voltage_does_not_flicker_off_nominal(nominal_hz: int) -> None:
    """What the low-pass filter of the standard leaves of twice the frequency: 0.034 at 15 % below nominal."""
    for low in (-0.15, -0.08, -0.02, 0.02, 0.08, 0.149):
        hz = nominal_hz * (1.0 + column([low, low / 1.5, low / 3.0]))
        for rate_hz in (1_200, 20_000):
            run = Run(lambda t, hz=hz: sine(t, hz), rate_hz, nominal_hz)
            run.until(8.0)
            (result,) = run.meter.finish()
            assert max(result.pst) < 0.036
            below = [value for value, f in zip(result.pst, hz.ravel(), strict=True) if f > 0.97 * nominal_hz]
            assert all(value < 0.013 for value in below)


def test_a_ramp_of_the_frequency_does_not_flicker() -> None:
    """2.5 Hz/s from 50 to 47 and to 53 Hz, and half a cycle per second of swing."""

    def signal(t: Array) -> Array:
        away = np.clip(t - 5.0, 0.0, 1.2)
        ramp = 2.5 * away**2 / 2 + 3.0 * np.clip(t - 6.2, 0.0, None)
        swing = np.sin(2 * np.pi * 0.5 * t) / (2 * np.pi * 0.5) / 2
        return np.stack([PEAK_V * np.sin(2 * np.pi * (50 * t + turns)) for turns in (-ramp, ramp, swing)])

    run = Run(signal, 4_000)
    assert max(run.highest(4.0, 12.0)) < 0.03


def test_modulation_off_nominal_is_measured_like_at_nominal() -> None:
    hz = column([42.5, 46.3, 57.5])
    run = Run(lambda t: modulated(t, 8.8, 0.25, "sine", hz, 4_000), 4_000)
    assert run.highest(10.0, 14.0) == pytest.approx([1.0] * 3, abs=0.015)


def distorted(t: Array, hz: float) -> Array:
    """The harmonics of EN 50160 all at their limits and opposed: a flat, wrinkled voltage."""
    parts = {3: 5, 5: 6, 7: 5, 9: 1.5, 11: 3.5, 13: 3, 15: 0.5, 17: 2, 19: 1.5, 23: 1.5, 25: 1.5}
    wave = np.sin(2 * np.pi * hz * t)
    for order, percent in parts.items():
        wave = wave - percent / 100 * np.sin(2 * np.pi * order * hz * t)
    return PEAK_V * wave


@pytest.mark.parametrize("hz", [50.0, 49.3, 44.0, 56.1])
def test_harmonics_neither_flicker_nor_change_flicker(hz: float) -> None:
    def signal(t: Array) -> Array:
        swing = 1.0 + np.array([[0.0], [0.25], [2.5]]) / 200 * np.sin(2 * np.pi * 8.8 * t)
        return distorted(t, hz) * swing

    highest = Run(signal, 20_000).highest(8.0, 11.0)
    assert highest[0] < 0.0025
    assert highest[1:] == pytest.approx([1.0, 100.0], rel=0.015)


@pytest.mark.parametrize("at_hz", [140.0, 450.0, 550.0, 1_250.0, 4_990.0, 9_900.0])
def test_pairs_of_interharmonics_flicker_at_their_difference(at_hz: float) -> None:
    """2 a b sin sin beats with 2 a b at the difference: as deep as a fluctuation of 2 a b."""
    f = column([5.0, 8.8, 15.0])
    share = np.sqrt(column([0.396, 0.25, 0.438]) / 200.0)

    def signal(t: Array) -> Array:
        pair = np.sin(2 * np.pi * at_hz * t) + np.sin(2 * np.pi * (at_hz + f) * t + 1.0)
        return sine(t) + PEAK_V * share * pair

    # the two are in the RMS voltage as well, which is the reference
    wanted = 1.0 / (1.0 + 2.0 * share.ravel() ** 2) ** 2
    assert Run(signal, 20_000).highest(8.0, 11.0) == pytest.approx(wanted, rel=0.01)


def test_one_interharmonic_flickers_like_half_a_modulation() -> None:
    side = column([50 + 8.8, 50 - 8.8, 50 - 20.0])
    share = column([0.25, 0.25, 0.704]) / 200.0
    run = Run(lambda t: sine(t) + PEAK_V * share * np.sin(2 * np.pi * side * t), 4_000)
    assert run.highest(8.0, 12.0) == pytest.approx([1.0] * 3, abs=0.01)


def test_white_noise_flickers_as_theory_says() -> None:
    """The mean of Pinst is the integral of the noise's density over the filter's squared gain.

    The square of a sine with noise n has 2 sqrt(2) sin n / U beside its own, white with four times the
    density of n / U.
    """
    rate_hz, share = 2_000, 0.01
    rng = np.random.default_rng(15)

    def signal(t: Array) -> Array:
        return sine(t) + rng.normal(scale=share * 230.0, size=(3, t.size))

    mean = Run(signal, rate_hz).mean(5.0, 400.0).mean()
    hz = np.linspace(0.01, 100.0, 20_001)
    density = 4.0 * share**2 / (rate_hz / 2)
    # two samples of the noise multiply as well: share^4 against share^2
    power = np.trapezoid(twin.analogue("230v", 50, hz) ** 2, hz) * density * twin.scale("230v", 50)
    assert mean == pytest.approx(power, rel=0.04)


# --- feeding, gaps, the clock


def wild(rate_hz: int, seconds: float, seed: int = 3) -> Array:
    """Noise, steps, an interruption and a channel that comes late."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    u = sine(t + column([0.0, 1.0, 2.0]) / 150.0) * (1.0 + 0.02 * rectangle(t, 1.7, rate_hz))
    u += rng.normal(scale=2.0, size=u.shape)
    u[0, (t > 6.0) & (t < 6.3)] = 0.0
    u[1, (t > 7.0) & (t < 9.0)] = 0.0
    u[2, t < 1.23] = 0.0
    return np.asarray(u, np.float32)


@pytest.mark.parametrize("rate_hz", [1_000, 3_999, 20_000])
def test_how_samples_are_fed_changes_nothing(rate_hz: int) -> None:
    data = wild(rate_hz, 16.0)
    origin = TICK_S * rate_hz - 8 * rate_hz + 5
    end = origin + data.shape[1]

    def told(meter: Flickermeter, cuts: list[int]) -> list[object]:
        said: list[object] = [meter.restart(origin + 17)]
        for at in cuts:
            said += meter.feed(data, origin, at)
            if at % 1_000 == 0:
                said.append((meter.pinst, meter.take()))
        return [*said, meter.pinst, meter.take(), meter.finish()]

    looks = list(range(-(-origin // 1_000) * 1_000 + 1_000, end, 1_000))
    expected = told(Flickermeter(rate_hz, 50, 230.0), [*looks, end])
    assert any(isinstance(item, ShortTerm) and None not in item.pst for item in expected)
    rng = np.random.default_rng(4)
    for count in (50, 3_000):
        cuts = sorted({*looks, *rng.integers(origin + 20, end, count).tolist(), end})
        assert told(Flickermeter(rate_hz, 50, 230.0), cuts) == expected


def test_samples_may_move_in_their_buffer() -> None:
    data = wild(20_000, 6.0)
    whole, pieces = Flickermeter(20_000, 50, 230.0), Flickermeter(20_000, 50, 230.0)
    whole.restart(160)
    whole.feed(data, 160, 160 + data.shape[1])
    pieces.restart(160)
    for start, after in pairwise([*range(0, data.shape[1], 700), data.shape[1]]):
        first = pieces.position - 160
        assert first <= start
        pieces.feed(np.ascontiguousarray(data[:, first:after]), 160 + first, 160 + after)
    assert pieces.pinst == whole.pinst
    assert pieces.take() == whole.take()


def test_intervals_hold_just_their_samples() -> None:
    """Flicker that ends with the tick is in the first interval alone."""
    rate_hz = 2_000

    def signal(t: Array) -> Array:
        return np.stack([sine(t) * (1.0 + 0.01 * (t < 0) * rectangle(t, 8.8, rate_hz))] * 3)

    run = Run(signal, rate_hz, lead_s=60.0)
    run.until(0.0)
    assert [item.first for item in run.ended] == [(TICK_S - INTERVAL_S) * rate_hz]
    run.until(INTERVAL_S)
    before, after = run.ended
    assert after.first == TICK_S * rate_hz
    assert before.coverage == pytest.approx([(60.0 - SETTLE_S) / INTERVAL_S] * 3, abs=1e-4)
    assert after.coverage == (1.0, 1.0, 1.0)
    assert before.pst[0] > 5.0
    assert after.pst[0] < 1.0  # the end of it fades with 0.3 s


@pytest.mark.parametrize("rate_hz", [1_999, 44_100])
def test_a_tick_within_a_group_loses_nothing(rate_hz: int) -> None:
    meter = Flickermeter(rate_hz, 50, 230.0)
    assert INTERVAL_S * rate_hz % meter.group
    run = Run(lambda t: np.stack([sine(t)] * 3), rate_hz, lead_s=4.0)
    run.until(INTERVAL_S + 0.1)
    assert len(run.ended) == 2
    assert run.ended[1].coverage == (1.0, 1.0, 1.0)
    (last,) = run.meter.finish()
    assert last.coverage[0] * INTERVAL_S == pytest.approx(0.1, abs=2 * meter.group / rate_hz)


def test_a_gap_is_left_out_and_settles_anew() -> None:
    rate_hz = 2_000
    run = Run(lambda t: modulated(t, column([8.8] * 3), 0.25, "sine", 50.0, rate_hz), rate_hz)
    run.until(20.0)
    assert run.meter.restart((TICK_S + 30) * rate_hz) == []
    assert run.meter.pinst == (None, None, None)
    run.at_s = 30.0
    run.until(32.9)
    assert run.meter.pinst == (None, None, None)
    run.meter.take()
    run.until(34.0)
    settled = [pinst.highest for pinst in run.meter.take()]
    assert settled == pytest.approx([1.0] * 3, abs=0.03)
    run.until(60.0)
    (result,) = run.meter.finish()
    assert np.array(result.coverage) * INTERVAL_S == pytest.approx([60.0 - 10.0 - 2 * SETTLE_S] * 3, abs=0.05)
    assert result.pst == pytest.approx([0.706] * 3, rel=0.02)  # sqrt(0.5096 x 0.98)


def test_a_long_gap_ends_its_interval() -> None:
    rate_hz = 2_000
    run = Run(lambda t: np.stack([sine(t)] * 3), rate_hz)
    run.until(20.0)
    (result,) = run.meter.restart((TICK_S + 3 * INTERVAL_S + 30) * rate_hz)
    assert result.first == TICK_S * rate_hz
    assert result.coverage[0] * INTERVAL_S == pytest.approx(20.0 - SETTLE_S, abs=0.01)
    (empty,) = run.meter.finish()
    assert empty == ShortTerm((TICK_S + 3 * INTERVAL_S) * rate_hz, (None,) * 3, (0.0,) * 3)
    assert run.meter.finish() == []


def test_time_that_jumps_back_ends_the_interval() -> None:
    run = Run(lambda t: np.stack([sine(t)] * 3), 2_000)
    run.until(20.0)
    (result,) = run.meter.restart((TICK_S + 10) * 2_000)
    assert result.coverage[0] > 0.02
    (empty,) = run.meter.finish()
    assert empty.coverage == (0.0, 0.0, 0.0)


# --- beginning, outages, nonsense


@pytest.mark.parametrize("hz", [42.5, 50.0, 57.5])
def test_the_beginning_leaves_no_trace_after_settling(hz: float) -> None:
    """At any moment of the cycle, Pinst of a steady voltage is at once what it stays."""
    for part in range(4):
        run = Run(lambda t, p=part: sine(t + (column([0, 1, 2]) + p / 4) / 3 / hz, hz), 4_000)
        run.until(SETTLE_S)
        early = np.array(run.highest(SETTLE_S, 6.0))
        late = np.array(run.highest(20.0, 21.0))
        assert early == pytest.approx(late, rel=0.02, abs=1e-5)


def test_outage_waits_for_voltage() -> None:
    def signal(t: Array) -> Array:
        u = np.stack([sine(t)] * 3)
        u[0, (t > 10.0) & (t < 10.5)] = 0.0  # counts in full
        u[1, (t > 10.0) & (t < 60.0)] *= 0.03  # an outage
        u[2, :] *= 0.04  # never was there
        return u

    run = Run(signal, 2_000)
    run.until(20.0)
    assert run.meter.pinst[0] is not None
    assert run.meter.pinst[1:] == (None, None)
    one, two, three = run.meter.take()
    assert min(one.highest, two.highest) > 5_000
    assert three is None
    run.until(70.0)
    assert run.meter.pinst[1] == pytest.approx(1.6e-4, rel=0.05)
    highest = run.meter.take()
    assert highest[1].highest < 2e-4  # the return is not a step
    (result,) = run.meter.finish()
    assert result.pst[2] is None
    assert np.array(result.coverage) * INTERVAL_S == pytest.approx([67.0, 8.0 + 7.0, 0.0], abs=0.6)
    assert all(np.isfinite(value) for value in result.pst[:2])


def test_the_reference_follows_the_voltage_within_a_minute() -> None:
    """Block 1: after a step of 10 %, 10 to 90 % of the way takes 60 s, seen in the depth of a modulation."""
    swing = 0.25
    level = column([0.9, 1.1, 1.0])

    def signal(t: Array) -> Array:
        return modulated(t, 8.8, swing, "sine", 50.0, 2_000) * np.where(t < 60.0, 1.0, level)

    run = Run(signal, 2_000)
    run.until(60.0)
    for after_s in (20.0, 60.0, 150.0):
        start = 60.0 + after_s
        got = run.mean(start - 0.5, start + 0.5)
        reference = level.ravel() + (1.0 - level.ravel()) * np.exp(-after_s / 27.3)
        wanted = got[2] * (level.ravel() / reference) ** 4
        assert got == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38, 1e9])
def test_what_is_no_voltage_stops_its_channel_alone(bad: float) -> None:
    rate_hz = 4_000
    good = np.asarray([sine(np.arange(20 * rate_hz) / rate_hz)] * 3, np.float32)
    spoilt = good.copy()
    spoilt[1, 8 * rate_hz + 3] = bad
    said = []
    for data in (good, spoilt):
        meter = Flickermeter(rate_hz, 50, 230.0)
        meter.restart(TICK_S * rate_hz)
        meter.feed(data, TICK_S * rate_hz, (TICK_S + 9) * rate_hz)
        during = meter.pinst
        meter.feed(data, TICK_S * rate_hz, (TICK_S + 20) * rate_hz)
        said.append((during, meter.pinst, meter.take(), meter.finish()[0]))
    (during, now, taken, result), (spoilt_during, spoilt_now, spoilt_taken, spoilt_result) = said
    assert spoilt_during == (during[0], None, during[2])
    assert spoilt_now == (now[0], pytest.approx(now[1], rel=0.01), now[2])
    assert spoilt_taken[1].highest == pytest.approx(taken[1].highest, rel=0.01)
    assert spoilt_result.pst == (result.pst[0], pytest.approx(result.pst[1], rel=0.01), result.pst[2])
    lost = (result.coverage[1] - spoilt_result.coverage[1]) * INTERVAL_S
    assert lost == pytest.approx(SETTLE_S, abs=0.02)


def test_random_abuse_gives_finite_numbers() -> None:
    rng = np.random.default_rng(8)
    meter = Flickermeter(2_000, 50, 230.0)
    meter.restart(0)
    results = []
    for at in range(0, 2_000_000, 20_000):
        data = rng.normal(scale=10.0 ** rng.uniform(-3, 7), size=(3, 20_000)).astype(np.float32)
        data[rng.integers(3), : rng.integers(20_000)] = rng.choice([0.0, 320.0, -1e30])
        results += meter.feed(data, at, at + 20_000)
        for pinst in meter.take():
            assert pinst is None or (np.isfinite(pinst.highest) and np.isfinite(pinst.mean))
    results += meter.finish()
    assert all(value is None or 0.0 <= value < np.inf for result in results for value in result.pst)


# --- classes and percentiles


def counted(values: Array) -> Array:
    edges = _flicker.class_edges()
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)
    return np.bincount(at, minlength=edges.size - 1).astype(float)


def test_classes_are_narrow_and_reach_far() -> None:
    edges = _flicker.class_edges()
    assert np.all(np.diff(edges) > 0)
    assert np.all(edges[2:] / edges[1:-1] < 1.002)
    assert edges[1] < 1e-4
    assert edges[-1] > 1e7


def test_severity_is_exact_to_a_thousandth() -> None:
    rng = np.random.default_rng(9)
    shapes = [rng.exponential(size=150_000), rng.lognormal(sigma=2.0, size=150_000), np.full(1_000, 0.7),
              np.sin(np.arange(150_000.0)) ** 2, rng.choice([0.02, 3.0, 400.0], 150_000)]  # fmt: skip
    for values in shapes:
        for factor in (0.05, 1.0, 77.7):
            wanted = twin.pst(values * factor)
            assert severity(counted(values * factor)) == pytest.approx(wanted, rel=1e-3)


def test_severity_of_little() -> None:
    none = np.zeros(_flicker.class_edges().size - 1)
    assert severity(none) is None
    assert severity(counted(np.zeros(100))) < 0.006
    assert severity(counted(np.array([2.0]))) == pytest.approx(np.sqrt(0.5096 * 2.0), rel=1e-3)
    assert severity(counted(np.array([1e12]))) > 2_000.0


def test_meter_counts_into_the_classes_that_it_says() -> None:
    """The kernel finds classes by a number's bits; here by search."""
    data = wild(2_000, 12.0)
    meter = Flickermeter(2_000, 50, 230.0)
    meter.restart(0)
    seen: list[tuple[float | None, ...]] = []
    for until in range(meter.group, data.shape[1] + 1, meter.group):
        meter.feed(data, 0, until)
        seen.append(meter.pinst)
    (result,) = meter.finish()
    for c in range(3):
        values = np.array([row[c] for row in seen if row[c] is not None])
        assert values.size > 100
        assert result.pst[c] == severity(counted(values))


# --- Plt and bad arguments


def test_plt_is_the_cubic_mean() -> None:
    assert plt([1.0] * 12) == pytest.approx(1.0)
    assert plt([0.0] * 11 + [12.0 ** (1 / 3)]) == pytest.approx(1.0)
    assert plt(tuple(np.arange(12.0))) == pytest.approx((66**2 / 12) ** (1 / 3))


@pytest.mark.parametrize("psts", [[1.0] * 11, [1.0] * 13, [], [1.0] * 11 + [np.nan], [1.0] * 11 + [-0.1],
                                  [1.0] * 11 + [np.inf]])  # fmt: skip
def test_plt_refuses_what_is_not_twelve_pst(psts: list[float]) -> None:
    with pytest.raises(FlickerError, match="expected 12"):
        plt(psts)


@pytest.mark.parametrize(
    ("rate_hz", "nominal_hz", "udin_v", "name", "match"),
    [
        (999, 50, 230.0, "230v", "999 samples"),
        (100_001, 50, 230.0, "230v", "expected 1000 to 100000"),
        (20_000, 16, 230.0, "230v", "16 Hz"),
        (20_000, 50, 0.0, "230v", "declared voltage"),
        (20_000, 50, np.nan, "230v", "declared voltage"),
        (20_000, 50, 230.0, "led", "expected 230v or 120v"),
    ],
)
def test_meter_refuses_what_it_is_not_defined_for(
    rate_hz: int, nominal_hz: int, udin_v: float, name: str, match: str
) -> None:
    with pytest.raises(FlickerError, match=match):
        Flickermeter(rate_hz, nominal_hz, udin_v, name)


def test_meter_refuses_samples_it_cannot_have() -> None:
    meter = Flickermeter(20_000, 50, 230.0)
    data = np.zeros((3, 1_000), np.float32)
    with pytest.raises(ValueError, match="restart"):
        meter.feed(data, 0, 1_000)
    meter.restart(1_000)
    for bad, origin, until in ((data, 1_000, 2_001), (data, 2_000, 2_500), (data[:2], 1_000, 2_000)):
        with pytest.raises(ValueError, match="hold the samples"):
            meter.feed(bad, origin, until)
