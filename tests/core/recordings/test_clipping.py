"""What a recorder cut off is found; what only looks flat is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from flexcore.analysis.interpolation import HALF
from flexcore.analysis.run import analyse_recording
from flexcore.recordings import read_recording
from flexcore.recordings.clipping import LEAST, clipped_spans

Array = npt.NDArray[np.float64]
RATES = (800, 1200, 3200, 12_800, 50_000)


def angle(rate_hz: int, seconds: float = 1.0, hz: float = 50.03) -> Array:
    return 2.0 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 100, 2_000, 32_767, 8e6])
@pytest.mark.parametrize("third", [0.0, 1.0 / 9.0, -0.1, 0.05])
def test_the_crest_of_a_sound_signal_is_not_cut_however_coarse(
    rate_hz: int, steps: float, third: float
) -> None:
    """Also the flattest crest that there is: a third harmonic of a ninth against the fundamental."""
    a = angle(rate_hz)
    for phase in (0.0, 0.7, 2.0):
        x = np.rint(steps * (np.cos(a + phase) - third * np.cos(3.0 * (a + phase))))
        assert not len(clipped_spans(x))
        assert not len(clipped_spans(x, (x.min(), x.max()))), "a range that is just what was recorded"
        assert not len(clipped_spans(x, (-steps * 2.0, steps * 2.0)))


@pytest.mark.parametrize("rate_hz", [3200, 12_800, 50_000])
@pytest.mark.parametrize("level", [0.1, 0.3, 0.7, 0.9])
@pytest.mark.parametrize("steps", [200, 32_767, None])
def test_a_sine_that_was_cut_is_found_to_the_sample(rate_hz: int, level: float, steps: int | None) -> None:
    x = np.cos(angle(rate_hz))
    whole = x if steps is None else np.rint(steps * x)
    rail = level if steps is None else float(round(level * steps))
    cut = np.clip(whole, -rail, rail)
    marked = np.zeros(x.size, bool)
    for first, after in clipped_spans(cut, step=0.0 if steps is None else 1.0):
        assert after - first >= LEAST
        marked[first:after] = True
    inside = slice(rate_hz // 50, -rate_hz // 50)  # a run at the very end has no neighbours
    over = np.abs(whole) >= rail
    if 2.0 * np.arccos(level) * rate_hz / (2.0 * np.pi * 50.0) > LEAST + 1:
        np.testing.assert_array_equal(marked[inside], over[inside])
    assert not (marked & ~over).any()


def test_one_side_alone_is_cut() -> None:
    x = np.minimum(np.cos(angle(12_800)) + 0.2, 0.9)
    spans = clipped_spans(x)
    assert len(spans) == 50 or len(spans) == 51
    assert all((x[a:b] == 0.9).all() for a, b in spans)


def spoilt(kind: str) -> Array:
    a, rng = angle(12_800), np.random.default_rng(2)
    if kind == "nothing":
        return 0.0 * a
    if kind == "direct":
        return 0.0 * a + 5.0
    if kind == "rectifier":
        return np.maximum(np.cos(a), 0.0)
    if kind == "rectifier behind a transformer":
        return np.maximum(np.cos(a), 0.0) - 1.0 / np.pi
    if kind == "noise of a step":
        return rng.integers(0, 2, a.size).astype(float)
    if kind == "noise":
        return rng.normal(size=a.size)
    if kind == "no numbers":
        return a * np.nan
    if kind == "one number":
        return np.where(np.arange(a.size) == 7, 1.0, np.nan)
    return np.cos(a) * (a < 150.0)  # switched off


KINDS = (
    "nothing",
    "direct",
    "rectifier",
    "rectifier behind a transformer",
    "noise of a step",
    "noise",
    "no numbers",
    "one number",
    "switched off",
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_rests_or_is_no_sine_is_not_called_cut(kind: str) -> None:
    with np.errstate(invalid="ignore"):
        assert not len(clipped_spans(spoilt(kind)))


def write(path: Path, form: str, u: Array, i: Array, rate_hz: int) -> Path:
    names = [f"bb1.u_l{n}" for n in (1, 2, 3)] + [f"f1.i_l{n}" for n in (1, 2, 3)]
    values = np.concatenate((u, i))
    if form == "npz":
        file = path / "r.npz"
        np.savez(file, rate_hz=rate_hz, values=values, names=names, units=["V"] * 3 + ["A"] * 3)
        return file
    file = path / "r.csv"
    times = np.arange(values.shape[1]) / rate_hz
    header = "time [s];" + ";".join(f"{n} [{'V' if '.u' in n else 'A'}]" for n in names)
    table = np.column_stack((times, values.T))
    np.savetxt(file, table, fmt="%.9g", delimiter=";", header=header, comments="")
    return file


@pytest.mark.parametrize("form", ["csv", "npz"])
@pytest.mark.parametrize("rate_hz", [800, 3200])
def test_an_analysis_flags_the_windows_that_were_cut_and_no_others(
    tmp_path: Path, form: str, rate_hz: int
) -> None:
    """800 Hz is too slow for the engine and interpolated: the marks go along."""
    a = angle(rate_hz, 6.0) - 2.0 * np.pi / 3.0 * np.arange(3)[:, None]
    t = np.arange(a.shape[1]) / rate_hz
    u = 14_000.0 * np.cos(a)
    i = np.clip(np.where((t > 2.5) & (t < 3.5), 400.0, 150.0) * np.cos(a - 0.4), -180.0, 180.0)
    recording = read_recording(write(tmp_path, form, u, i, rate_hz))
    told: list[tuple[float, bool]] = []

    def listen(m) -> None:  # type: ignore[no-untyped-def]
        if m.element == "f1" and m.interval == "200ms":
            told.append((m.start_ns / 1e9, "saturated" in m.flags))
        assert m.element == "f1" or "saturated" not in m.flags

    analysis = analyse_recording(recording, listeners=(listen,))
    assert any(flagged for _, flagged in told)
    spread_s = (HALF + 2) / rate_hz if rate_hz < 1000 else 0.0
    for at_s, flagged in told:
        if 2.3 < at_s < 3.49:
            assert flagged, at_s
        elif not 2.3 - spread_s < at_s < 3.5 + spread_s:
            assert not flagged, at_s
    assert any("end of its range" in warning for warning in analysis.warnings)
