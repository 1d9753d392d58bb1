"""``flexcore analyse`` as a program of its own: the shared recordings, known signals, files with faults."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flexcore.simulator import files
from support.comtrade_files import Written
from support.load import TRANSFORMER
from support.loaded import STATION, entry
from support.pq_reference import cycle_rms, polyphase, window_rms
from support.recording import read_binary, waveform

WISP2, WISP3 = "wisp2_110kV_2bus_11fields_50Hz", "wisp3_interruption_50Hz"
UDIN_V = 110_000.0 / np.sqrt(3.0)


def flexcore(*arguments: object, code: int = 0) -> str:
    """Standard output; where ``code`` is not 0, standard error."""
    command = [sys.executable, "-m", "flexcore.cli", "analyse", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == code, ended.stderr
    assert not (ended.stdout if code else ended.stderr)
    return ended.stderr if code else ended.stdout


@pytest.fixture(scope="module")
def wisp2(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], list[dict[str, str]]]:
    """The summary, the JSON and the rows of CSV, by station file and map; the skew is left in, as in the
    reference."""
    folder = tmp_path_factory.mktemp("wisp2")
    station, mapping = files.find("stations", "wisp2"), files.find("maps", "wisp2")
    text = flexcore(
        waveform(WISP2),
        *("--station", station, "--map", mapping, "--no-skew", "--full"),
        *("--json", folder / "out.json", "--csv", folder / "out.csv"),
    )
    rows = list(csv.DictReader((folder / "out.csv").open(encoding="utf-8")))
    return text, json.loads((folder / "out.json").read_text(encoding="utf-8")), rows


def test_the_summary_is_for_a_terminal(wisp2: tuple[str, Any, Any]) -> None:
    text, _, _ = wisp2
    assert max(len(line) for line in text.splitlines()) <= 100
    for words in (
        "55 channels, 19679 samples at 1200 Hz",
        "its time zone is not in",
        "harmonics to order 8 (400 Hz); half the rate is order 12",
        "Busbar bb1   Rail 1",
        "Railkoppeling",
        "Gaps       none",
    ):
        assert words in text


def test_values_are_those_of_the_recording(wisp2: tuple[Any, Any, list[dict[str, str]]]) -> None:
    """Every 200-ms voltage and current within 0.1 %, against plain NumPy over the file's own samples."""
    channels, rate_hz = read_binary(waveform(WISP2))
    signals = list(channels.values())
    compared = 0
    for row in wisp2[2]:
        if row["interval"] != "200ms" or row["element"] not in ("bb1", "bb2", "l7"):
            continue
        start = float(row["start_s"]) * rate_hz
        end = start + float(row["duration_s"]) * rate_hz
        first = {"bb1": 0, "bb2": 4, "l7": 35}[row["element"]]
        for n in range(3):
            name = f"i_l{n + 1}_a" if row["element"] == "l7" else f"u_l{n + 1}_v"
            scale = 1.0 if row["element"] == "l7" else 1000.0
            expected = scale * window_rms(signals[first + n], start, end)
            # at 24 samples a cycle and with noise up to its Nyquist, the reference's own edges cost something
            assert float(row[name]) == pytest.approx(expected, rel=2e-3)
            compared += 1
    assert compared > 3 * 3 * 75


def test_events_are_those_of_the_recording(wisp2: tuple[Any, dict[str, Any], Any]) -> None:
    channels, rate_hz = read_binary(waveform(WISP2))
    u = 1000.0 * np.array(list(channels.values())[:3])
    starts, values = cycle_rms(u, round(rate_hz), every=2)
    expected = [event for event in polyphase(starts, values, UDIN_V) if event.end is not None]
    found = [e for e in wisp2[1]["events"] if e["element"] == "bb1" and not e["open"]]
    assert [e["type"] for e in found] == [e.kind for e in expected]
    assert len(found) > 25
    for event, reference in zip(found, expected, strict=True):
        early = 0.02 if event["flags"] == ["start"] else 0.0
        assert event["at_s"] == pytest.approx(reference.start / rate_hz, abs=0.021 + early)
        duration_s = (reference.end - reference.start) / rate_hz
        assert event["duration_s"] == pytest.approx(duration_s, abs=0.021 + early)
        assert event["extreme_v"] == pytest.approx(reference.extreme_v, abs=5e-3 * UDIN_V)


def test_the_guess_and_a_saved_map_say_the_same(tmp_path: Path) -> None:
    file = waveform(WISP2)
    saved = flexcore(file, "--save-map", tmp_path / "map.toml")
    assert "13 elements" in saved
    guessed = json.loads(flexcore(file, "--json"))
    told = json.loads(flexcore(file, "--map", tmp_path / "map.toml", "--json"))
    assert told["elements"] == guessed["elements"]
    assert told["events"] == guessed["events"]


def test_a_relays_record_of_a_lost_voltage() -> None:
    text = flexcore(waveform(WISP3))
    assert "800.214 Hz is too slow for the engine" in text
    assert "330 kV" in text
    assert "secondary in the file, made primary by its ratios" in text
    result = json.loads(flexcore(waveform(WISP3), "--json"))
    kinds = [event["type"] for event in result["events"]]
    assert "interruption" in kinds
    gone = result["events"][kinds.index("interruption")]
    assert gone["open"]
    assert 1.1 < gone["at_s"] < 1.25
    before = result["elements"][0]["intervals"]["200ms"]["quantities"]
    assert before["f_hz"]["mean"] == pytest.approx(50.01, abs=0.02)
    assert before["u_l1_v"]["max"] == pytest.approx(194_000.0, rel=0.01)


CHANNELS = (("Ua", "A", "", "V"), ("Ub", "B", "", "V"), ("Uc", "C", "", "V"))


def sines(rate: float, hz: float, seconds: float = 1.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    t = np.arange(round(seconds * rate)) / rate
    return np.array([325.27 * np.cos(2 * np.pi * (hz * t - n / 3)) for n in range(3)])


def test_60_hz_in_primary_values_with_a_part_by_the_clock(tmp_path: Path) -> None:
    ratios = ((11_000.0, 110.0, "S"),) * 3
    file = Written(CHANNELS, sines(3840, 60.1), rate="3840", hz=60.0, ratios=ratios).write(tmp_path)
    times = ("--from", "16:04:22.2", "--to", "2016-08-22T16:04:22.9", "--nominal-v", 40_000)
    result = json.loads(flexcore(file, *times, "--json"))
    assert result["recording"]["from_s"] == pytest.approx(0.2, abs=1e-3)
    assert result["recording"]["to_s"] == pytest.approx(0.9, abs=1e-3)
    found = result["elements"][0]["intervals"]["200ms"]["quantities"]
    assert found["f_hz"]["mean"] == pytest.approx(60.1, abs=1e-3)
    assert found["u_l2_v"]["mean"] == pytest.approx(23_000.0, rel=1e-3)
    assert result["mapping"]["nominal_hz"] == 60


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_tables_and_archives(tmp_path: Path, suffix: str) -> None:
    file, x = tmp_path / f"record.{suffix}", sines(6400, 49.9)
    if suffix == "csv":
        np.savetxt(file, x.T, delimiter=";", header="Ua;Ub;Uc", comments="", fmt="%.4f")
    else:
        np.savez(file, **{"bb1.u_l1": x[0], "bb1.u_l2": x[1], "bb1.u_l3": x[2]})
    text = flexcore(file, "--rate", 6400)
    row = next(line.split() for line in text.splitlines() if line.startswith("  Voltage L3"))
    assert (float(row[2]), row[7]) == (pytest.approx(230.0, rel=1e-3), "V")
    assert "400 V" in text
    assert "49.900" in text


def test_voltages_between_phases_where_they_are_asked_for_or_recorded(tmp_path: Path) -> None:
    x = sines(6400, 50.0)
    x[0] *= 0.9
    pairs = x - np.roll(x, -1, axis=0)
    earth, between = tmp_path / "earth.csv", tmp_path / "between.csv"
    np.savetxt(earth, x.T, delimiter=";", header="Ua;Ub;Uc", comments="", fmt="%.4f")
    np.savetxt(between, pairs.T, delimiter=";", header="Uab;Ubc;Uca", comments="", fmt="%.4f")
    expected = np.sqrt((pairs**2).mean(axis=1))
    for file, arguments in ((earth, ("--voltages", "phase_to_phase")), (between, ())):
        found = json.loads(flexcore(file, "--rate", 6400, "--json", *arguments))["elements"][0]
        assert found["voltages"] == "phase_to_phase"
        values = found["intervals"]["200ms"]["quantities"]
        for name, volts in zip(("u_l12_v", "u_l23_v", "u_l31_v"), expected, strict=True):
            assert values[name]["mean"] == pytest.approx(volts, rel=1e-4)
    text = flexcore(earth, "--rate", 6400, "--voltages", "phase_to_phase")
    assert "judged between phases" in text and "Voltage L1-L2" in text
    found = json.loads(flexcore(earth, "--rate", 6400, "--json", "--limits", "en50160-mv"))
    assert found["elements"][0]["voltages"] == "phase_to_phase"


def test_the_load_of_a_transformer_in_the_station_file(tmp_path: Path) -> None:
    x = sines(6400, 50.0, 7.0)
    current = np.sqrt(2.0) * 577.0 * 1.05 * x / 325.27
    station, archive = tmp_path / "station.toml", tmp_path / "record.npz"
    head = STATION.replace("neutral = true\n", "")
    station.write_text("\n\n".join((head, entry("t1", "f1", TRANSFORMER))) + "\n")
    names = ("l1", "l2", "l3")
    channels = {f"b1.u_{name}": x[n] for n, name in enumerate(names)}
    for field, part in (("f1", 1.0), ("f2", 0.1)):
        channels |= {f"{field}.i_{name}": part * current[n] for n, name in enumerate(names)}
    np.savez(archive, rate_hz=6400, **channels)
    (load,) = json.loads(flexcore(archive, "--station", station, "--json"))["loads"]
    found = {finding["criterion"]: finding for finding in load["findings"]}
    assert found["rated_current"]["value"] == pytest.approx(577.0 * 1.05, rel=1e-3)
    assert (load["verdict"], found["rated_current"]["verdict"]) == ("over", "over")
    assert found["hot_spot"]["reason"] == "unsettled"
    text = flexcore(archive, "--station", station)
    assert "over" in next(line for line in text.splitlines() if line.strip().startswith("t1 "))


@pytest.mark.parametrize(
    ("change", "arguments", "names"),
    [
        (lambda raw: raw[:-3], (), "record.dat: (data): expected 12800 records of 16 bytes"),
        (
            lambda raw: raw,
            ("--from", "noon"),
            "--from: expected seconds or a time of the recording, got 'noon'",
        ),
        (
            lambda raw: raw,
            ("--from", "70"),
            "--from, --to: expected a part of the recording, which is 1 s long",
        ),
        (lambda raw: raw, ("--map", "none.toml"), "none.toml: (file): expected a readable file"),
        (lambda raw: raw, ("--json", "/proc/none"), "/proc/none: --json: expected a file to write"),
        (lambda raw: raw, ("--station", "none.toml"), "none.toml: (file): expected a readable file"),
        (lambda raw: raw, ("--rate", "100"), "rate: expected at least 400 Hz"),
    ],
    ids=range(7),
)
def test_a_fault_is_one_line_and_code_2(
    tmp_path: Path, change: Any, arguments: tuple[str, ...], names: str
) -> None:
    file = Written(CHANNELS, sines(12_800, 50.0)).write(tmp_path)
    data = file.with_suffix(".dat")
    data.write_bytes(change(data.read_bytes()))
    said = flexcore(file, *arguments, code=2)
    assert said.startswith("flexcore: ")
    assert names in said
    assert said.count("\n") == 1


def test_a_station_without_a_map_needs_channels_of_its_names(tmp_path: Path) -> None:
    station = tmp_path / "station.toml"
    station.write_text(
        '[station]\nid = "s"\nname = "S"\n'
        '[[busbar]]\nid = "bb1"\nname = "B"\nnominal_v = 400.0\nsensor.stream = 1\n'
    )
    file = Written(CHANNELS, sines(12_800, 50.0)).write(tmp_path)
    said = flexcore(file, "--station", station, code=2)
    assert "bb1.channels.u_l1: expected a channel of the recording, got 'bb1.u_l1'" in said
    x = sines(12_800, 50.0)
    archive = tmp_path / "record.npz"
    np.savez(archive, rate_hz=12_800, **{"bb1.u_l1": x[0], "bb1.u_l2": x[1], "bb1.u_l3": x[2]})
    assert "400 V between phases" in flexcore(archive, "--station", station)


@pytest.fixture(scope="module")
def half_an_hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """26 min at 3.2 kHz from 11:58:00 on, 50 Hz: h5 6.5 % on L2, h3 2.5 % on L1; 52.5 Hz for 40 s at the end;
    a dip of L3 to 60 % for 300 ms at 12:15:00."""
    rate = 3200
    t = np.arange(26 * 60 * rate) / rate
    hz = np.where((t >= 1500) & (t < 1540), 52.5, 50.0)
    turn = 2 * np.pi * np.cumsum(hz) / rate
    rows = []
    for n, (order, share) in enumerate(((3, 0.025), (5, 0.065), (7, 0.01))):
        angle = turn - 2 * np.pi * n / 3
        rows.append(230.0 * np.sqrt(2) * (np.cos(angle) + share * np.cos(order * angle)))
    rows[2][1020 * rate : 1020 * rate + 960] *= 0.6
    file = tmp_path_factory.mktemp("limits") / "half.npz"
    names = ("bb1.u_l1", "bb1.u_l2", "bb1.u_l3")
    start = "2026-03-23T11:58:00+00:00"
    np.savez(file, rate_hz=rate, start=start, **dict(zip(names, map(np.float32, rows), strict=True)))
    return file


def test_a_recording_against_a_limit_set(half_an_hour: Path, tmp_path: Path) -> None:
    json_file = tmp_path / "out.json"
    text = flexcore(half_an_hour, "--nominal-v", 400, "--limits", "en50160-lv", "--json", json_file)
    (judged,) = json.loads(json_file.read_text())["limits"]
    assert (judged["busbar"], judged["clock"], judged["doubts"]) == ("bb1", "utc", [])
    evaluation = judged["evaluation"]
    assert evaluation["limit_set"] == "en50160-lv-2010-a1-2015"
    rules = {c["id"]: c for c in evaluation["clauses"]}
    noon_s = 1_774_224_000 + 43_200
    # two whole intervals of 10 min, the second with the dip
    h5 = rules["harmonic-h05"]["channels"][1]
    assert (h5["verdict"], h5["expected"], h5["evaluated"], h5["flagged"]) == ("not_judged", 2, 1, 1)
    assert h5["percentile"] == pytest.approx(6.5, rel=1e-3)
    assert h5["worst_ns"] == noon_s * 10**9
    assert h5["reason"] == {"key": "short_period", "value": pytest.approx(26 / 60), "limit": 168.0}
    assert rules["harmonic-h03"]["channels"][0]["worst"] == pytest.approx(2.5, rel=1e-3)
    assert rules["harmonic-h20"]["channels"][0]["worst"] < 0.01
    for name in ("harmonic-h25", "thd-95"):  # the rate does not give these
        assert rules[name]["channels"][0]["reason"]["key"] == "no_series"
    # 3 or 4 of 10 s at 52.5 Hz: too much for always, not for 99.5 %
    always = rules["frequency-always"]["channels"][0]
    assert (rules["frequency-always"]["verdict"], always["outside"]) == ("fail", 4)
    assert always["worst"] == pytest.approx(52.5, abs=1e-3)
    assert noon_s + 1380 <= always["worst_ns"] / 1e9 < noon_s + 1420
    assert rules["frequency-99-5"]["verdict"] == "not_judged"
    assert rules["plt-95"]["channels"][0]["reason"]["key"] == "no_interval"
    dips = next(t for t in evaluation["tables"] if t["scheme"] == "en50160-dips")
    assert {c: n for c, n in zip(dips["cells"], dips["counts"], strict=True) if n} == {"C2": 1}
    assert ": 0.43333 h of 168 h" in text
    assert "2026-03-23 11:58:00 - 2026-03-23 12:24:00 UTC, 0.43333 h; Udin 230.94 V, 50 Hz" in text
    (line,) = [row for row in text.splitlines() if row.startswith("  FAIL")]
    assert "Frequency, always" in line
    assert "52.5" in line


def test_limits_of_a_recording_without_a_clock(half_an_hour: Path, tmp_path: Path) -> None:
    with np.load(half_an_hour) as archive:
        part = {name: archive[name][: 700 * 3200] for name in archive.files if name.startswith("bb1")}
    file = tmp_path / "part.npz"
    np.savez(file, rate_hz=3200, **part)
    text = flexcore(file, "--nominal-v", 10_000, "--limits", "en50160-mv-2010", "--from", 10)
    assert "0:00:10 - 0:11:40 after the first sample, 0.19167 h" in text
    assert "Judged to neutral" in text
    result = json.loads(flexcore(file, "--nominal-v", 400, "--limits", "netcode-mv", "--to", 30, "--json"))
    (judged,) = result["limits"]
    assert judged["clock"] == "start"
    assert "netcode-mv is for 1000 to 36000 V between phases" in judged["doubts"][0]
    assert json.loads(flexcore(file, "--nominal-v", 400, "--to", 30, "--json"))["limits"] == []


@pytest.mark.parametrize(
    ("limits", "expectation"),
    [
        ("en50160", "en50160: (name): expected one of en50160-lv-2010, en50160-lv-2010-a1-2015,"),
        ("absent.toml", "absent.toml: (file): expected a readable file"),
    ],
)
def test_a_limit_set_that_is_none_is_told_before_the_recording_is_read(limits: str, expectation: str) -> None:
    error = flexcore("no-such-recording.cfg", "--limits", limits, code=2)
    assert expectation in error
    assert error.count("\n") == 1
