"""A gauge on a real SMBus of the machine, read by the sandboxed service and told on the measurement bus.

The emulator's chipset has memories on its SMBus; one of them holds what a gauge's registers would.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest, guest

from flexcore.payloads import ReadingPayload, decode_reading

DEVICE = """
[[device]]
id = "cell"
name = "Accu"
driver = "max17048"
i2c = "i2c-chip"
options = { address = 0x50 }
period_ms = 500
"""
VERSION, VCELL, SOC, CRATE = 0x08, 0x02, 0x04, 0x16
#: MAX17048: its version, 3.9 V, 80 %, at rest.
REGISTERS = {VERSION: 0x0012, VCELL: round(3.9 / 78.125e-6), SOC: 80 * 256, CRATE: 0}


@pytest.fixture(scope="module")
def wired(station: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A box whose station has a gauge that is not there yet."""
    folder: Path = tmp_path_factory.mktemp("wired")
    credentials = {"flexcore.station": station + DEVICE, "flexcore.code": "ABCDEFGHIJ"}
    with guest(folder, credentials=credentials) as running:
        yield running


def told(box: Guest) -> ReadingPayload:
    """What the bus keeps of the gauge."""
    script = (
        "import paho.mqtt.subscribe as s,sys;print(s.simple(sys.argv[1],qos=1,transport='unix',"
        "hostname='/run/flexcore/broker/mqtt.sock',auth={'username':'reader','password':sys.argv[2]},"
        "port=1).payload.decode())"
    )
    password = "$(cat /data/flexcore/secrets/mqtt/reader)"
    lines = box.sh(f'python3 -c "{script}" flexcore/v1/wisp2/device/cell {password}').splitlines()
    return decode_reading(lines[-1].encode())


def wait_state(box: Guest, state: str, within_s: float = 120.0) -> ReadingPayload:
    until = time.monotonic() + within_s
    while (reading := told(box)).state != state:
        assert time.monotonic() < until, f"expected {state}, the bus says {reading}"
        time.sleep(1.0)
    return reading


def write(box: Guest, registers: dict[int, int]) -> None:
    """What the chip holds from now on."""
    writes = ";".join(
        f"bus.writeto_mem(0x50,{at},({value}).to_bytes(2,'big'))" for at, value in registers.items()
    )
    make = "from flexcore import machine;bus=machine.I2C('i2c-chip',backend=machine.load('linux'))"
    box.sh(f'python3 -c "{make};{writes}"')


def test_a_chip_that_comes_is_read_and_another_in_its_place_is_not(wired: Guest) -> None:
    missing = wait_state(wired, "stale")
    assert missing.reason == "unreachable" and missing.v == {} and missing.t is None
    bus = wired.sh("grep -l 'SMBus I801' /sys/bus/i2c/devices/i2c-*/name | head -1").strip().split("/")[-2]
    assert wired.sh(f"stat -c '%G %a' /dev/{bus}").strip() == "flexcore-wires 660"
    wired.sh(f"ln -s {bus} /dev/i2c-chip")
    write(wired, REGISTERS)
    reading = wait_state(wired, "ok")
    assert reading.v["voltage_v"] == pytest.approx(3.9, abs=1e-3)
    assert reading.v["charge_percent"] == pytest.approx(80.0)
    write(wired, {VERSION: 0x1234})
    wired.sh("systemctl restart flexcore-device")  # a running one asks who it is only after a failure
    assert wait_state(wired, "wrong").reason == "other_device"
    write(wired, {**REGISTERS, SOC: 20 * 256})
    assert wait_state(wired, "ok").v["charge_percent"] == pytest.approx(20.0)


def test_it_runs_fenced_in_as_its_own_user(wired: Guest) -> None:
    pid = wired.prop("flexcore-device", "MainPID")
    assert wired.sh(f"stat -c %U /proc/{pid}").strip() == "flexcore-device"
    said = wired.sh("systemd-analyze security --no-pager flexcore-device | tail -1")
    assert float(said.split(":")[1].split()[0]) < 3.0, said
    assert wired.run("systemctl --failed --no-legend --plain")[1] == ""


def test_probe_on_the_box_names_the_chip(wired: Guest) -> None:
    said = wired.sh("flexcore station probe")
    assert "0x50" in said and "not known" in said, "a gauge at another address than its usual one"
    assert json.loads(wired.sh("flexcore station schema"))["title"] == "station.toml"
