"""The 3-s values from fifteen windows each."""

from __future__ import annotations

import numpy as np
import pytest

from flexcore.model import Measurement
from flexcore.quantities import PHASES, of_busbar, of_field
from support.pq import Array, Results, analyse, blocks, make_station, three_phase, times


@pytest.fixture(scope="module")
def results() -> Results:
    made = make_station(1, neutral=True)
    t = times(10.0)
    rng = np.random.default_rng(9)
    swing = 1.0 + 0.06 * np.sin(2 * np.pi * 0.7 * t)
    u = swing * three_phase(t, 50.2 + 0.3 * np.sin(2 * np.pi * 0.3 * t))
    i = np.concatenate((three_phase(t, 50.2, 30.0 / swing, 40.0), rng.normal(size=(1, t.size))))
    return analyse(made, blocks(made, {"b1": u, "f1": i}))


def parts(results: Results, element: str) -> list[tuple[Measurement, list[Measurement]]]:
    windows = results.measurements(element)
    return [(m, windows[15 * k : 15 * k + 15]) for k, m in enumerate(results.measurements(element, "3s"))]


def column(windows: list[Measurement], name: str) -> Array:
    return np.array([m.values[name] for m in windows], dtype=float)


def test_names_are_exactly_those_of_the_table(results: Results) -> None:
    for interval in ("200ms", "3s"):
        for m in results.measurements("b1", interval):
            assert set(m.values) == {q.name for q in of_busbar(interval, PHASES)}
        for m in results.measurements("f1", interval):
            assert set(m.values) == {q.name for q in of_field(interval)}


def test_fifteen_windows_without_a_seam(results: Results) -> None:
    for element in ("b1", "f1"):
        pairs = parts(results, element)
        assert len(pairs) == 3
        for m, windows in pairs:
            assert m.start_ns == windows[0].start_ns
            assert m.start_ns + m.duration_ns == windows[-1].start_ns + windows[-1].duration_ns
            assert set(m.flags) == {flag for w in windows for flag in w.flags}
        assert pairs[0][0].flags == ("start",)
        assert pairs[1][0].flags == ()


def test_voltages(results: Results) -> None:
    for m, windows in parts(results, "b1"):
        for x in PHASES:
            squares = column(windows, f"u_{x}_v") ** 2
            assert m.values[f"u_{x}_v"] == pytest.approx(np.sqrt(squares.mean()), rel=1e-12)
            assert m.values[f"u_min_{x}_v"] == column(windows, f"u_min_{x}_v").min()
            assert m.values[f"u_max_{x}_v"] == column(windows, f"u_max_{x}_v").max()
        assert m.values["f_hz"] == pytest.approx(150 / (m.duration_ns / 1e9), rel=1e-8)


def test_currents_and_powers(results: Results) -> None:
    voltages = [m for m, _ in parts(results, "b1")]
    for (m, windows), busbar in zip(parts(results, "f1"), voltages, strict=True):
        v = m.values
        for x in (*PHASES, "n"):
            squares = column(windows, f"i_{x}_a") ** 2
            assert v[f"i_{x}_a"] == pytest.approx(np.sqrt(squares.mean()), rel=1e-12)
        for x in PHASES:
            assert v[f"p_{x}_w"] == pytest.approx(column(windows, f"p_{x}_w").mean(), rel=1e-9)
            assert v[f"q_{x}_var"] == pytest.approx(column(windows, f"q_{x}_var").mean(), rel=1e-9)
            s = busbar.values[f"u_{x}_v"] * v[f"i_{x}_a"]
            assert v[f"s_{x}_va"] == pytest.approx(s, rel=1e-12)
            assert v[f"pf_{x}"] == pytest.approx(v[f"p_{x}_w"] / s, rel=1e-12)
            q, phi = column(windows, f"q_{x}_var"), np.radians(column(windows, f"phi_{x}_deg"))
            mean = (q / np.sin(phi) * np.exp(1j * phi)).mean()
            assert v[f"phi_{x}_deg"] == pytest.approx(np.degrees(np.angle(mean)), abs=1e-6)
        assert v["p_w"] == pytest.approx(sum(v[f"p_{x}_w"] for x in PHASES), rel=1e-12)
        assert v["q_var"] == pytest.approx(sum(v[f"q_{x}_var"] for x in PHASES), rel=1e-12)
        assert v["s_va"] == pytest.approx(sum(v[f"s_{x}_va"] for x in PHASES), rel=1e-12)
        assert v["pf"] == pytest.approx(v["p_w"] / v["s_va"], rel=1e-12)
