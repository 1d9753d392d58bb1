"""``flexcore station check|schema|probe``, as a person calls it."""

from __future__ import annotations

import json
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flexcore import cli, machine
from flexcore.drivers.modbus.profile import read_profile
from flexcore.probe.wires import i2c_buses, probe_files, probe_i2c
from flexcore.simulator import files
from flexcore.simulator.backend import SimulatedBackend
from flexcore.simulator.chips.bus import Bus
from flexcore.simulator.chips.chip import WordChip
from flexcore.simulator.chips.gauges import SimulatedIna226, SimulatedMax17048
from flexcore.simulator.chips.thermometers import SimulatedSht4x, SimulatedTmp117
from flexcore.simulator.modbus import ModbusServer, SimulatedMeter
from support.modbus_truth import TRUE

STATION = """
[station]
id = "s1"
name = "S"

[[busbar]]
id = "b1"
name = "B"
nominal_v = 400
sensor.stream = 1

[[field]]
id = "f1"
name = "Veld"
busbar = "b1"
sensor.stream = 2

[acquire]
port = {port}
{more}
"""

DEVICE = """
[[device]]
id = "warm"
name = "Trafo"
driver = "tmp117"
i2c = 1
"""


def box() -> SimulatedBackend:
    made = SimulatedBackend()
    made.buses = {1: Bus(), 3: Bus()}
    for chip in (SimulatedTmp117(), SimulatedSht4x(), SimulatedIna226(), SimulatedMax17048()):
        made.buses[1].attach(chip)
    return made


def udp_port() -> int:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["station", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


@contextmanager
def sending(file: Path) -> Iterator[None]:
    """The virtual station of ``file`` sends for some seconds."""
    thread = threading.Thread(target=simulate_quietly, args=(file,), daemon=True)
    thread.start()
    time.sleep(0.5)
    yield
    thread.join(10.0)


def simulate_quietly(file: Path) -> None:
    import subprocess
    import sys

    subprocess.run(
        [sys.executable, "-m", "flexcore.simulator", "--station", str(file), "--seconds", "4"],
        stdout=subprocess.DEVNULL,
        check=True,
    )


def test_check_describes_and_looks_for_drivers_and_profiles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "station.toml"
    file.write_text(STATION.format(port=20500, more=DEVICE))
    code, out, _ = call(capsys, "check", str(file))
    assert code == 0 and "1 busbar(s), 1 field(s), 1 device(s), 6 channels" in out
    file.write_text(STATION.format(port=20500, more=DEVICE.replace("tmp117", "tmp99")))
    code, _, err = call(capsys, "check", str(file))
    assert code == 2 and err.count("\n") == 1
    assert "device[0].driver: driver 'tmp99': expected one of atolle, bq27441" in err
    meter = '[[meter]]\nid = "m1"\nname = "M"\nprofile = "nobody"\naddress = "127.0.0.1"\n'
    file.write_text(STATION.format(port=20500, more=meter))
    code, _, err = call(capsys, "check", str(file))
    assert code == 2 and "nobody: profile: expected one of" in err


def keys_of(schema: dict[str, object], node: object) -> dict[str, object]:
    """The properties that a node of the schema allows, through references and unions."""
    assert isinstance(node, dict)
    if "$ref" in node:
        name = str(node["$ref"]).rsplit("/", 1)[1]
        definitions = schema["$defs"]
        assert isinstance(definitions, dict)
        return keys_of(schema, definitions[name])
    found: dict[str, object] = {}
    for part in node.get("anyOf", ()):
        found |= keys_of(schema, part)
    return found | node.get("properties", {})


def unknown(schema: dict[str, object], node: object, value: object, path: str) -> list[str]:
    """Keys of a file that its schema does not know."""
    assert isinstance(node, dict)
    if isinstance(value, list):
        return [
            bad
            for n, one in enumerate(value)
            for bad in unknown(schema, node.get("items", {}), one, f"{path}[{n}]")
        ]
    if not isinstance(value, dict) or ("additionalProperties" in node and "properties" not in node):
        return []
    allowed = keys_of(schema, node)
    bad = [f"{path}.{key}" for key in value if key not in allowed]
    for key in value:
        if key in allowed:
            bad += unknown(schema, allowed[key], value[key], f"{path}.{key}")
    return bad


def test_the_schema_knows_every_key_of_the_stations_that_are_shipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, "schema")
    schema = json.loads(out)
    assert code == 0
    for name in files.shipped("stations"):
        text = files.find("stations", name).read_text(encoding="utf-8")
        assert unknown(schema, schema, tomllib.loads(text), name) == []
    assert schema["$defs"]["AtolleSensor"]["required"] == ["stream"], "a sensor may leave out its driver"
    foreign = tomllib.loads(STATION.format(port=20500, more="colour = 1"))
    assert unknown(schema, schema, foreign, "x") == ["x.acquire.colour"], "a test that can fail"
    busbar = keys_of(schema, {"$ref": "#/$defs/Busbar"})
    assert isinstance(busbar["nominal_v"], dict)
    assert busbar["nominal_v"]["minimum"] == 50.0 and "description" in busbar["nominal_v"]


def test_probe_names_the_chips_on_a_bus_and_what_it_does_not_know() -> None:
    rig = box()
    stranger = WordChip()
    stranger.address = 0x21
    rig.buses[1].attach(stranger)
    rig.buses[3].stuck = True
    found = {(f.wire, f.what): f for f in probe_i2c(rig, [1, 3])}
    assert {what: found["i2c 1", what].detail for what in ("0x36", "0x40", "0x44", "0x48")} == {
        "0x36": "max17048",
        "0x40": "ina226",
        "0x44": "sht4x",
        "0x48": "tmp117",
    }
    assert found["i2c 1", "0x21"].detail == "not known"
    assert found["i2c 3", "the bus"].verdict == "trouble" and "held low" in found["i2c 3", "the bus"].detail


def test_probe_lists_what_linux_knows(tmp_path: Path) -> None:
    for path in ("dev/i2c-0", "dev/i2c-11", "dev/ttyUSB0", "sys/class/power_supply/BAT0"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "sys/bus/w1/devices/28-0316a2798bff").mkdir(parents=True)
    assert i2c_buses(tmp_path) == [0, 11]
    told = {(f.wire, f.what) for f in probe_files(tmp_path)}
    assert told == {
        ("1-wire", "28-0316a2798bff"),
        ("power supply", "BAT0"),
        ("serial line", "/dev/ttyUSB0"),
    }


def test_probe_of_a_file_says_what_answers_and_what_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = box()
    monkeypatch.setattr(machine, "load", lambda name: rig)
    meter = SimulatedMeter(read_profile("janitza-umg604"), dict(TRUE), 1)
    port = udp_port()
    file = tmp_path / "station.toml"
    with ModbusServer(meter) as server:
        entry = (
            '\n[[meter]]\nid = "m1"\nname = "M"\nprofile = "janitza-umg604"\naddress = "127.0.0.1"\n'
            f"port = {server.port}\n"
        )
        file.write_text(STATION.format(port=port, more=DEVICE + entry))
        with sending(file):
            code, out, err = call(capsys, "probe", str(file), "--listen", "2")
            assert (code, err) == (0, ""), out
            lines = {line.split()[2]: line for line in out.splitlines() if line.startswith("ok")}
        assert "temperature_c 21" in out and "m1" in out and "frames in 2 s" in out
        assert {"b1", "f1"} <= set(lines)
        rig.buses[1].detach(0x48)
        meter.trouble.silent = True
        code, out, err = call(capsys, "probe", str(file), "--listen", "0.2")
    assert code == 1 and err.count("\n") == 1
    assert "warm, m1, b1, f1" in err
    assert "silent: I2C 0x48: nothing acknowledged" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["probe", "nowhere.toml"], "nowhere.toml"),
        (["probe", "--machine", "none"], "machine back end 'none': expected one of"),
        (["check", "nowhere.toml"], "expected a readable file"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "") and words in err and err.count("\n") == 1
