"""The fuzzer: a slice of it over every decoder, and that it finds what is planted."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flexcore.desk.fuzz import __main__ as command
from flexcore.desk.fuzz import campaign, talkers
from flexcore.desk.fuzz.mutation import BINARY, TEXT, mutated
from flexcore.desk.fuzz.target import Target
from flexcore.desk.fuzz.targets import find, targets
from flexcore.desk.fuzz.worker import feed
from flexcore.errors import SettingsError
from support import fuzz_planted

NAMES = [target.name for target in targets()]
#: Of each; more where it costs little.
SLICE = {"frames": 20_000, "modbus-tcp": 20_000, "modbus-rtu": 10_000, "payloads": 5_000}


@pytest.mark.parametrize("name", NAMES)
def test_a_slice_of_every_decoder(name: str) -> None:
    answer = feed(find(name), 0, SLICE.get(name, 2_000))
    assert "finding" not in answer, f"input {answer['number']}: {answer['detail']}"
    assert answer["fed"] == SLICE.get(name, 2_000)
    assert int(str(answer["grown_bytes"])) < campaign.MOST_GROWN_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_the_seeds_are_good_ones(name: str) -> None:
    """Else all inputs would die at the first check."""
    target = find(name)
    good = 0
    for seed in target.seeds:
        one = target.make()
        try:
            one(seed)
        except target.allowed:
            continue
        good += 1
    assert good


def test_the_same_number_is_the_same_input() -> None:
    frames = find("frames")
    assert [frames.input(n) for n in range(50)] == [frames.input(n) for n in range(50)]
    assert len({frames.input(n) for n in range(500)}) > 400
    assert find("csv").input(7) != find("npz").input(7)


def test_inputs_stay_bounded_and_reach_every_kind_of_change() -> None:
    from random import Random

    random = Random(1)
    seeds = (b"a = 1\nb = 2.5\n" * 50, b"{}")
    made = [mutated(seeds, changes, random) for changes in (BINARY, TEXT) for _ in range(3_000)]
    assert max(map(len, made)) <= 64 * 1024
    joined = b"".join(made)
    assert all(piece in joined for piece in (b"1e999", b"[" * 300, b"\x00", b"nan"))


def planted(kind: str, inputs: int = 4_000) -> list[campaign.Finding]:
    target = fuzz_planted.PLANTED[kind]
    _, findings = campaign.run([target], inputs, module="support.fuzz_planted")
    return findings


def test_a_planted_error_is_found_and_can_be_fed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    found = planted("error")
    assert [f.kind for f in found] == ["ZeroDivisionError"]
    assert found[0].number == fuzz_planted.AT and "fuzz_planted" in found[0].detail
    with pytest.raises(ZeroDivisionError):
        campaign.replay(fuzz_planted.PLANTED["again"], Path(found[0].file))


def test_a_planted_crash_of_the_process_is_found_by_its_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    found = planted("crash")
    assert [(f.kind, f.number, f.detail) for f in found] == [("crash", fuzz_planted.AT, "SIGSEGV")]


def test_a_planted_hang_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    monkeypatch.setattr(campaign, "HANGS_S", 1.0)
    began = time.monotonic()
    found = planted("hang")
    assert [(f.kind, f.number) for f in found] == [("hang", fuzz_planted.AT)]
    assert time.monotonic() - began < 30.0


def test_planted_growth_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    assert [f.kind for f in planted("memory", 6_000)] == ["memory"]


def test_a_clean_target_has_a_tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    tallies, findings = campaign.run([find("chrony")], 3_000)
    assert not findings and tallies["chrony"].fed == 3_000
    assert "chrony" in campaign.table(tallies, findings) and '"fed": 3000' in campaign.as_json(
        tallies, findings
    )


def test_work_is_shared_by_weight_and_no_target_is_left_out() -> None:
    work = list(campaign.batches(targets(), 10_000_000, 0))
    fed = {name: sum(count for target, _, count in work if target.name == name) for name in NAMES}
    assert min(fed.values()) >= 200 and abs(sum(fed.values()) - 10_000_000) < 100
    starts = [(target.name, at) for target, at, _ in work]
    assert len(set(starts)) == len(starts)


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nobody"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "expected one of frames" in error
    with pytest.raises(SettingsError):
        find("nobody")
    for arguments in (["--inputs", "0"], ["--inputs", "many"], ["--replay", "/nowhere", "frames"]):
        call = [sys.executable, "-m", "flexcore.desk.fuzz", *arguments]
        done = subprocess.run(call, capture_output=True, check=False)
        assert done.returncode == 2, arguments


def test_a_whole_conversation_with_a_modem_is_among_the_seeds() -> None:
    talkers.rn2483()(talkers.RN2483_LINES[0])
    talkers.lora_e5()(talkers.LORA_E5_LINES[0])


def test_targets_are_of_their_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(isinstance(target, Target) and target.seeds for target in targets())
