"""A chip on an I2C bus of the kernel (its i2c-stub), read by the sandboxed service and told on the bus."""

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
id = "warm"
name = "Kop trafo"
driver = "tmp117"
i2c = "i2c-chip"
period_ms = 500
"""
#: TMP117: device id and configuration (data ready), then a temperature in steps of 7.8125 m degC.
REGISTERS = {0x0F: 0x0117, 0x01: 0x2220}


@pytest.fixture(scope="module")
def wired(station: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A box whose station has a thermometer that is not there yet."""
    folder: Path = tmp_path_factory.mktemp("wired")
    credentials = {"flexcore.station": station + DEVICE, "flexcore.code": "ABCDEFGHIJ"}
    with guest(folder, credentials=credentials) as running:
        yield running


def told(box: Guest) -> ReadingPayload:
    """What the bus keeps of the thermometer."""
    script = (
        "import paho.mqtt.subscribe as s,sys;print(s.simple(sys.argv[1],qos=1,transport='unix',"
        "hostname='/run/flexcore/broker/mqtt.sock',auth={'username':'reader','password':sys.argv[2]},"
        "port=1).payload.decode())"
    )
    password = "$(cat /data/flexcore/secrets/mqtt/reader)"
    lines = box.sh(f'python3 -c "{script}" flexcore/v1/wisp2/device/warm {password}').splitlines()
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
        f"bus.writeto_mem(0x48,{at},({value}).to_bytes(2,'big'))" for at, value in registers.items()
    )
    make = "from flexcore import machine;bus=machine.I2C('i2c-chip',backend=machine.load('linux'))"
    box.sh(f'python3 -c "{make};{writes}"')


def test_a_chip_that_comes_is_read_goes_and_comes_back(wired: Guest) -> None:
    missing = wait_state(wired, "stale")
    assert missing.reason == "unreachable" and missing.v == {} and missing.t is None
    wired.sh("modprobe i2c-stub chip_addr=0x48")
    bus = wired.sh("grep -l 'SMBus stub' /sys/bus/i2c/devices/i2c-*/name | head -1").strip().split("/")[-2]
    assert wired.sh(f"stat -c '%G %a' /dev/{bus}").strip() == "flexcore-wires 660"
    wired.sh(f"ln -s {bus} /dev/i2c-chip")
    write(wired, {**REGISTERS, 0x00: round(63.5 / 7.8125e-3)})
    reading = wait_state(wired, "ok")
    assert reading.v["temperature_c"] == pytest.approx(63.5, abs=0.01)
    write(wired, {0x0F: 0x0000})
    wired.sh("systemctl restart flexcore-device")  # a running one asks who it is only after a failure
    assert wait_state(wired, "wrong").reason == "other_device"
    write(wired, {0x0F: 0x0117, 0x00: round(-12.25 / 7.8125e-3) & 0xFFFF})
    assert wait_state(wired, "ok").v["temperature_c"] == pytest.approx(-12.25, abs=0.01)


def test_it_runs_fenced_in_as_its_own_user(wired: Guest) -> None:
    pid = wired.prop("flexcore-device", "MainPID")
    assert wired.sh(f"stat -c %U /proc/{pid}").strip() == "flexcore-device"
    said = wired.sh("systemd-analyze security --no-pager flexcore-device | tail -1")
    assert float(said.split(":")[1].split()[0]) < 3.0, said
    assert wired.run("systemctl --failed --no-legend --plain")[1] == ""


def test_probe_on_the_box_names_the_chip(wired: Guest) -> None:
    said = wired.sh("flexcore station probe")
    assert "0x48" in said and "tmp117" in said
    assert json.loads(wired.sh("flexcore station schema"))["title"] == "station.toml"
