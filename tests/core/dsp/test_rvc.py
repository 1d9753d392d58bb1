"""Rapid voltage changes: what the standard's method says of known sequences of half-cycle values."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from flexcore.dsp.rvc import STEADY_VALUES, RapidChange, RapidChanges
from flexcore.station import EventSettings

Array = npt.NDArray[np.float64]
UDIN_V = 230.0
SETTINGS = EventSettings()
HALF = 200.0  # samples in half a cycle at 20 kHz


def rows(values: Array) -> list[list[float]]:
    """Half-cycle values (3, n) in the order of their starts; phases a third of a cycle apart."""
    found = []
    for n in range(values.shape[1]):
        for phase in range(3):
            start = n * HALF + phase * HALF / 3.0
            found.append([float(phase), start, start + 2 * HALF, float(values[phase, n])])
    return sorted(found, key=lambda row: row[1])


def detect(values: Array, settings: EventSettings = SETTINGS, hz: int = 50) -> list[RapidChange]:
    return RapidChanges(UDIN_V, settings, hz).take(rows(values))


def levels(*pieces: tuple[float, int], phases: tuple[int, ...] = (0, 1, 2)) -> Array:
    """Levels in percent of Udin and how many half cycles each, in ``phases``; the others keep the first."""
    line = np.concatenate([np.full(n, level) for level, n in pieces]) * UDIN_V / 100.0
    return np.array([line if phase in phases else np.full(line.size, line[0]) for phase in range(3)])


def reference(values: Array, settings: EventSettings, hz: int) -> list[tuple[float, float, float, float]]:
    """The method written down once more, slowly: all means and extremes taken anew for every value."""
    n = STEADY_VALUES[hz]
    band = UDIN_V * settings.rvc_percent / 100
    narrow = band * (1 - settings.rvc_hysteresis_percent / 100)
    seen: list[list[tuple[float, float]]] = [[], [], []]

    def steady(phase: int, within: float) -> bool:
        last = [v for _, v in seen[phase][-n:]]
        return len(last) == n and max(abs(v - math.fsum(last) / n) for v in last) <= within

    found, begin, ready, before, last_rms = [], None, False, [0.0] * 3, [math.nan] * 3
    dip = swell = void = False
    for phase_number, start, _, v in rows(values):
        phase = int(phase_number)
        if begin is None and ready:
            before = [math.fsum(v for _, v in seen[k][-n:]) / n for k in range(3)]
        seen[phase].append((start, v))
        last_rms[phase] = v
        low, high = np.nanmin(last_rms) / UDIN_V * 100, np.nanmax(last_rms) / UDIN_V * 100
        dip = low < settings.dip_percent + (settings.hysteresis_percent if dip else 0)
        swell = high > settings.swell_percent - (settings.hysteresis_percent if swell else 0)
        if begin is None:
            if not ready:
                ready = all(steady(k, band) for k in range(3))
            elif not steady(phase, band):
                begin, void = start, dip or swell
        else:
            void = void or dip or swell
            if all(steady(k, narrow) for k in range(3)):
                if not void:
                    end = max(begin, *(seen[k][-n][0] for k in range(3)))
                    far = max(abs(x - before[k]) for k in range(3) for s, x in seen[k] if begin <= s <= end)
                    after = [math.fsum(x for _, x in seen[k][-n:]) / n for k in range(3)]
                    stays = max(abs(a - b) for a, b in zip(after, before, strict=True))
                    found.append((begin, end, max(far, stays), stays))
                begin = None
    return found


@pytest.mark.parametrize("hz", [50, 60])
@pytest.mark.parametrize("step", [-6.0, -4.0, -3.1, 3.1, 5.0])
def test_a_step_is_one_change(hz: int, step: float) -> None:
    n = STEADY_VALUES[hz]
    found = detect(levels((100.0, 2 * n), (100.0 + step, 3 * n)), hz=hz)
    assert len(found) == 1
    change = found[0]
    assert change.start == 2 * n * HALF
    assert change.end - change.start <= HALF
    assert change.dumax_v == pytest.approx(abs(step) / 100 * UDIN_V)
    assert change.duss_v == pytest.approx(abs(step) / 100 * UDIN_V)
    assert change.phases == ("l1", "l2", "l3")
    assert change.flags == ()


@pytest.mark.parametrize("step", [-2.9, 2.9, 1.0])
def test_a_smaller_step_is_none(step: float) -> None:
    assert detect(levels((100.0, 200), (100.0 + step, 400))) == []


@pytest.mark.parametrize("percent", [1.0, 2.0, 4.5, 6.0])
def test_the_threshold_is_the_settings(percent: float) -> None:
    """The newest value is part of the mean: a step must be larger than the threshold by a hundredth."""
    settings = replace_events(rvc_percent=percent)
    assert detect(levels((100.0, 200), (100.0 - percent, 400)), settings) == []
    assert len(detect(levels((100.0, 200), (100.0 - 1.02 * percent, 400)), settings)) == 1


def replace_events(**changed: float) -> EventSettings:
    return EventSettings(**changed)  # type: ignore[arg-type]


def test_a_motor_start_has_a_larger_extreme_than_its_end() -> None:
    found = detect(levels((100.0, 200), (94.0, 30), (96.0, 20), (99.0, 300)))
    assert len(found) == 1
    change = found[0]
    assert change.dumax_v == pytest.approx(0.06 * UDIN_V)
    assert change.duss_v == pytest.approx(0.01 * UDIN_V)
    assert change.end - change.start == pytest.approx(50 * HALF, abs=HALF)


def test_it_returns_to_where_it_was() -> None:
    (change,) = detect(levels((100.0, 150), (95.0, 10), (100.0, 200)))
    assert change.duss_v == pytest.approx(0.0, abs=1e-9)
    assert change.dumax_v == pytest.approx(0.05 * UDIN_V)


def test_one_phase_alone_is_enough_and_named() -> None:
    (change,) = detect(levels((100.0, 150), (95.0, 200), phases=(1,)))
    assert change.phases == ("l2",)
    assert change.duss_v == pytest.approx(0.05 * UDIN_V)


@pytest.mark.parametrize("pieces", [
    ((100.0, 150), (85.0, 20), (100.0, 300)),
    ((100.0, 150), (95.0, 20), (88.0, 3), (97.0, 300)),
    ((100.0, 150), (112.0, 20), (100.0, 300)),
    ((100.0, 150), (88.0, 300), (91.0, 300)),
])  # fmt: skip
def test_what_is_a_dip_or_swell_is_none(pieces: tuple[tuple[float, int], ...]) -> None:
    assert detect(levels(*pieces, phases=(2,))) == []


def test_a_dip_before_the_first_steady_second_is_none_and_harms_nothing() -> None:
    (change,) = detect(levels((80.0, 30), (100.0, 150), (96.0, 200)))
    assert change.start == 180 * HALF


def test_two_changes_within_a_second_are_one_and_later_two() -> None:
    assert len(detect(levels((100.0, 150), (96.0, 60), (100.0, 200)))) == 1
    assert len(detect(levels((100.0, 150), (96.0, 150), (100.0, 200)))) == 2


def test_hysteresis_keeps_a_restless_voltage_one_change() -> None:
    """2 % up and down is within the threshold but not within what makes steady again."""
    calm = np.full((3, 150), UDIN_V)
    restless = UDIN_V * (0.96 + 0.02 * np.resize([1.0, -1.0], (3, 400)))
    after = np.full((3, 150), 0.96 * UDIN_V)
    (change,) = detect(np.concatenate((calm, restless, after), axis=1))
    assert change.end == pytest.approx(550 * HALF, abs=HALF)
    loose = replace_events(rvc_hysteresis_percent=0.0)
    (change,) = detect(np.concatenate((calm, restless, after), axis=1), loose)
    assert change.end < 160 * HALF


def test_a_slow_ramp_is_a_change_only_if_it_is_rapid() -> None:
    """Within a second, that is."""

    def ramp(values: int) -> Array:
        line = np.concatenate((np.full(150, 100.0), np.linspace(100.0, 92.0, values), np.full(250, 92.0)))
        return np.tile(line * UDIN_V / 100, (3, 1))

    assert len(detect(ramp(60))) == 1
    assert detect(ramp(600)) == []


@pytest.mark.parametrize("seed", range(4))
def test_against_the_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hz = 50 if seed % 2 else 60
    pieces = [
        (rng.uniform(93, 106) if rng.random() < 0.85 else rng.uniform(80, 115), int(rng.integers(3, 260)))
        for _ in range(8)
    ]
    values = levels((100.0, 150), *pieces) + rng.normal(0, 0.2, (3, 150 + sum(n for _, n in pieces)))
    values[1] += np.cumsum(rng.normal(0, 0.05, values.shape[1]))
    settings = replace_events(
        rvc_percent=float(rng.uniform(1.0, 4.0)), rvc_hysteresis_percent=float(rng.uniform(0, 70))
    )
    expected = reference(values, settings, hz)
    found = detect(values, settings, hz)
    assert [(c.start, c.end) for c in found] == [e[:2] for e in expected]
    for change, (_, _, far, after) in zip(found, expected, strict=True):
        assert change.dumax_v == pytest.approx(far, abs=1e-9)
        assert change.duss_v == pytest.approx(after, abs=1e-9)


def test_the_twin_has_something_to_say() -> None:
    rng = np.random.default_rng(1)
    values = levels((100.0, 150), *[(rng.uniform(93, 106), 130) for _ in range(14)])
    assert len(reference(values, SETTINGS, 50)) > 5


def test_cutting_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    values = levels((100.0, 150), *[(rng.uniform(93, 106), int(rng.integers(80, 200))) for _ in range(12)])
    values += rng.normal(0, 0.3, values.shape)
    whole = rows(values)
    expected = detect(values)
    for size in (1, 7, 64):
        changes = RapidChanges(UDIN_V, SETTINGS, 50)
        found = [c for n in range(0, len(whole), size) for c in changes.take(whole[n : n + size])]
        assert found == expected
    assert len(expected) > 3


def test_a_gap_ends_what_runs_and_all_begins_anew() -> None:
    changes = RapidChanges(UDIN_V, SETTINGS, 50)
    assert changes.take(rows(levels((100.0, 150), (95.0, 40)))) == []
    assert changes.running == 150 * HALF
    (change,) = changes.cut(191 * HALF)
    assert change == RapidChange(150 * HALF, 191 * HALF, change.dumax_v, None, ("l1", "l2", "l3"), ("gap",))
    assert change.dumax_v == pytest.approx(0.05 * UDIN_V)
    assert changes.cut(191 * HALF) == []
    changes.restart(10_000)
    assert changes.running is None
    assert changes.take(rows(levels((95.0, 99), (99.0, 50)))) == []
    assert changes.cut(1.0) == []


def test_a_dip_is_not_reported_at_a_gap_either() -> None:
    changes = RapidChanges(UDIN_V, SETTINGS, 50)
    changes.take(rows(levels((100.0, 150), (80.0, 40))))
    assert changes.running is None
    assert changes.cut(1e5) == []


def test_the_mean_does_not_drift() -> None:
    """A day's worth of values that a running sum alone would spoil."""
    changes = RapidChanges(UDIN_V, SETTINGS, 50)
    rng = np.random.default_rng(5)
    values = np.concatenate((np.full((3, 120), 1e9), UDIN_V + rng.normal(0, 0.1, (3, 3000))), axis=1)
    changes.take(rows(values))
    (change,) = changes.take(rows(levels((95.0, 200))))
    assert change.duss_v == pytest.approx(0.05 * UDIN_V, abs=0.03)
    assert replace(change, flags=()) == change
