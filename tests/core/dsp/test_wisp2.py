"""A real power swing (two 110 kV busbars, eleven fields, 1200 Hz) at 20 kHz against plain NumPy.

The voltage swings between 5 and 116 % and the two busbars' angles and frequency with it; currents carry
direct current. What the instrument says of a window is computed here anew over the same moments, and its
dips and swells are found anew on a running cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from flexcore.dsp import StationAnalyser
from flexcore.model import Block, Measurement
from flexcore.station import Station, parse_station
from support.pq import EPOCH_S, NS, Array, Results, blocks
from support.pq_reference import cycle_rms, fundamental, polyphase, powers, rotation, window_rms
from support.recording import read_binary, resample, waveform

RATE_HZ = 20_000
UDIN_V = 110_000 / np.sqrt(3.0)
PHASES = ("l1", "l2", "l3")


@dataclass
class Played:
    station: Station
    signals: dict[str, Array]
    busbar_of: dict[str, str]
    results: Results


def describe(names: list[str]) -> tuple[Station, dict[str, list[int]]]:
    """The station of the recording, and which of its channels make up each element.

    All as recorded: what is compared here does not depend on a sensor's polarity (see test_polarity.py).
    """
    rows = {"bb1": [0, 1, 2], "bb2": [4, 5, 6]}
    text = ['[station]\nid = "wisp2"\nname = "Wisp 2"']
    for n in (1, 2):
        text.append(f'[[busbar]]\nid = "bb{n}"\nname = "{n}"\nnominal_v = 110000\nsensor.stream = {n}')
        text.append('voltages = "phase_to_earth"')
    currents = [n for n, name in enumerate(names) if name[:2] in ("Ia", "Ib", "Ic") or name[:3] == "3Io"]
    for k, first in enumerate(currents[::4], start=1):
        rows[f"f{k}"] = [first, first + 1, first + 2, first + 3]
        busbar = "bb1" if "_1СШ" in names[first] else "bb2"
        text.append(
            f'[[field]]\nid = "f{k}"\nname = "{k}"\nbusbar = "{busbar}"\nneutral = true\n'
            f"sensor.stream = {10 + k}"
        )
    return parse_station("\n".join(text)), rows


@pytest.fixture(scope="module")
def played() -> Played:
    channels, rate_hz = read_binary(waveform("wisp2_110kV_2bus_11fields_50Hz"))
    assert rate_hz == 1200.0
    station, rows = describe(list(channels))
    assert len(station.field) == 11
    fine = resample(np.array(list(channels.values())), 50, 3)
    fine[:8] *= 1000.0  # kV
    # single precision is what the instrument gets; the reference must not differ by that
    signals = {name: fine[row].astype(np.float32).astype(np.float64) for name, row in rows.items()}
    analyser = StationAnalyser(station)
    items = [item for block in blocks(station, signals) for item in analyser.process(block)]
    assert analyser.counters["blocks"] == 13 * 328
    assert not any(analyser.counters[name] for name in ("foreign", "astray", "late", "bad", "tears"))
    busbar_of = {field.id: field.busbar for field in station.field}
    return Played(station, signals, busbar_of, Results(items))


def edges(m: Measurement) -> tuple[float, float]:
    start = (m.start_ns - EPOCH_S * NS) * RATE_HZ / NS
    return start, start + m.duration_ns * RATE_HZ / NS


def test_windows_cover_the_record(played: Played) -> None:
    for element in played.signals:
        windows = played.results.measurements(element)
        assert 78 <= len(windows) <= 82
        assert not [m for m in windows if "gap" in m.flags]
        for before, after in pairwise(windows):
            assert abs(before.start_ns + before.duration_ns - after.start_ns) <= 1


@pytest.mark.parametrize("busbar", ["bb1", "bb2"])
def test_voltage_and_frequency(played: Played, busbar: str) -> None:
    u = played.signals[busbar]
    turns = rotation(u, RATE_HZ)
    measured = 0
    for m in played.results.measurements(busbar):
        start, end = edges(m)
        for phase, x in enumerate(PHASES):
            assert m.values[f"u_{x}_v"] == pytest.approx(window_rms(u[phase], start, end), rel=1e-3)
        if m.values["f_hz"] is not None and start > 1200 and end < u.shape[1] - 1200:
            turned = np.diff(np.interp([start, end], np.arange(turns.size), turns))[0]
            assert m.values["f_hz"] == pytest.approx(turned * RATE_HZ / (end - start), rel=1e-3)
            measured += 1
        assert (m.values["f_hz"] is None) == ("sync" in m.flags)
    assert measured > 70


def test_currents_powers_and_angles(played: Played) -> None:
    """Within 0.1 % of the value; powers within 0.1 % of the apparent power, angles within 0.06 degrees."""
    compared = 0
    for field, busbar in played.busbar_of.items():
        u, i = played.signals[busbar], played.signals[field]
        for m in played.results.measurements(field):
            start, end = edges(m)
            v = m.values
            totals = {"p": 0.0, "q": 0.0, "s": 0.0}
            for phase, x in enumerate(PHASES):
                expected = powers(u[phase], i[phase], start, end, 10)
                s = expected["s"]
                assert v[f"i_{x}_a"] == pytest.approx(window_rms(i[phase], start, end), rel=1e-3)
                assert v[f"p_{x}_w"] == pytest.approx(expected["p"], abs=1e-3 * s)
                assert v[f"q_{x}_var"] == pytest.approx(expected["q"], abs=1e-3 * s)
                assert v[f"s_{x}_va"] == pytest.approx(s, rel=1e-3)
                assert v[f"pf_{x}"] == pytest.approx(expected["pf"], abs=1e-3)
                u1, i1 = (fundamental(z[phase], start, end, 10) for z in (u, i))
                if abs(u1 * i1) > 0.5 * s:  # elsewhere the fundamental is not what the RMS is about
                    off = (v[f"phi_{x}_deg"] - expected["phi"] + 180.0) % 360.0 - 180.0
                    assert abs(off) < 0.12
                    compared += 1
                for name in totals:
                    totals[name] += expected[name]
            assert v["i_n_a"] == pytest.approx(window_rms(i[3], start, end), rel=1e-3)
            assert v["p_w"] == pytest.approx(totals["p"], abs=1e-3 * totals["s"])
            assert v["q_var"] == pytest.approx(totals["q"], abs=1e-3 * totals["s"])
            assert v["s_va"] == pytest.approx(totals["s"], rel=1e-3)
            assert v["pf"] == pytest.approx(totals["p"] / totals["s"], abs=1e-3)
    assert compared > 1500


@pytest.mark.parametrize("busbar", ["bb1", "bb2"])
def test_dips_and_swells(played: Played, busbar: str) -> None:
    """The same events; residual within 0.2 % of Udin; start and duration within a cycle."""
    starts, values = cycle_rms(played.signals[busbar], RATE_HZ, every=10)
    expected = [event for event in polyphase(starts, values, UDIN_V) if event.end is not None]
    ends = [e for e in played.results.events(state="end", element=busbar) if e.type in ("dip", "swell")]
    found = sorted(ends, key=lambda e: e.start_ns)
    assert [e.type for e in found] == [e.kind for e in expected]
    assert len(found) > 25
    cycle_ms = 20.0
    for event, reference in zip(found, expected, strict=True):
        start_ms = (event.start_ns - EPOCH_S * NS) / 1e6
        # the record begins inside a dip; the reference can look only from some cycles on
        early = cycle_ms if event.flags == ("start",) else 0.0
        assert start_ms == pytest.approx(reference.start * 1000 / RATE_HZ, abs=cycle_ms + early)
        duration_ms = (reference.end - reference.start) * 1000 / RATE_HZ
        assert event.duration_ns / 1e6 == pytest.approx(duration_ms, abs=cycle_ms + early)
        assert event.extreme_v == pytest.approx(reference.extreme_v, abs=2e-3 * UDIN_V)
        assert event.reference_v == pytest.approx(UDIN_V)
    assert min(e.extreme_v for e in found) < 0.06 * UDIN_V
    assert max(e.extreme_v for e in found) > 1.15 * UDIN_V


def test_a_lost_block_is_flagged_and_harms_nothing_else(played: Played) -> None:
    analyser = StationAnalyser(played.station)
    lost_s = EPOCH_S + 7.0
    items = []
    stream: list[Block] = list(blocks(played.station, played.signals))
    for block in stream:
        if not (block.source == "f3" and block.start_ns == round(lost_s * NS)):
            items += analyser.process(block)
    results = Results(items)
    gaps = [m for m in results.measurements("f3") if "gap" in m.flags]
    assert 1 <= len(gaps) <= 2
    others = [repr(item) for item in results.items if item.element != "f3"]
    before = [repr(item) for item in played.results.items if item.element != "f3"]
    assert sorted(others) == sorted(before)
