"""Meters by their profiles: read from another one's server, checked, and what goes wrong on the way."""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from flexcore.drivers.modbus.frames import ModbusError
from flexcore.drivers.modbus.meter import Meter, NotThisMeterError
from flexcore.drivers.modbus.profile import parse_profile, read_profile
from flexcore.drivers.modbus.wire import TcpWire
from flexcore.simulator.modbus import ModbusServer, SimulatedMeter, Trouble
from support.modbus_truth import TRUE, ForeignServer

SHIPPED = ("satec-pm180", "eastron-sdm630", "janitza-umg604")
#: A meter that nobody has thought of, added as data alone.
OWN = """
maker = "Fritsje"
model = "M1"
source = "made up"
low_word_first = true
function = 4

[[value]]
quantity = "u_l1_v"
at = 7
type = "u16"
scale = 0.1
absent = 65535

[[value]]
quantity = "p_w"
at = 100
type = "i32"

[[value]]
quantity = "e_import_total_wh"
at = 102
type = "u64"
scale = 10.0

[[value]]
quantity = "temperature_c"
at = 106
type = "f64"
"""


def simulated(name: str, unit: int = 1, **changes: float) -> SimulatedMeter:
    return SimulatedMeter(read_profile(name), {**TRUE, **changes}, unit)


def meter(of: SimulatedMeter, port: int, timeout_s: float = 2.0) -> Meter:
    return Meter(of.profile, TcpWire("127.0.0.1", port), of.unit, timeout_s=timeout_s)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_is_read_from_another_ones_server(name: str) -> None:
    one = simulated(name, unit=7)
    with ForeignServer(one) as server:
        values = meter(one, server.port).read()
    shown = [value for value in one.profile.value if not value.hidden]
    assert set(values) == {value.quantity for value in shown}
    for value in shown:
        expected = TRUE.get(value.quantity, 0.0)
        assert values[value.quantity] == pytest.approx(
            expected, abs=0.5 if value.type == "i32" else 0.2, rel=1e-6
        )


@pytest.mark.parametrize("name", SHIPPED)
def test_the_simulated_meter_says_the_same_as_another_ones_server(name: str) -> None:
    one = simulated(name)
    with ForeignServer(one) as foreign, ModbusServer(one) as ours:
        assert meter(one, foreign.port).read() == meter(one, ours.port).read()


def test_a_meter_is_added_by_a_file_alone(tmp_path: Path) -> None:
    (tmp_path / "fritsje-m1.toml").write_text(OWN)
    profile = read_profile("fritsje-m1", tmp_path)
    true = {"u_l1_v": 231.4, "p_w": -54_321.0, "e_import_total_wh": 9.87e12 * 10, "temperature_c": 21.53}
    true["e_import_total_wh"] = 98_765_432_100.0
    with ForeignServer(SimulatedMeter(profile, true, unit=3)) as server:
        values = Meter(profile, TcpWire("127.0.0.1", server.port), 3).read()
    assert values == pytest.approx(true)
    absent = SimulatedMeter(profile, {**true, "u_l1_v": 6553.5}, unit=3)
    with ForeignServer(absent) as server:
        assert Meter(profile, TcpWire("127.0.0.1", server.port), 3).read()["u_l1_v"] is None


def test_the_pm180_behind_voltage_transformers_and_with_other_full_scales() -> None:
    scales = {"volt": 1.0, "watt": 1000.0, "v_max": 12_000.0, "p_max": 4e6}
    true = {**TRUE, "u_l1_v": 5_801.0, "old_u_l1_v": 5_801.0, "p_w": 1_200_000.0, "old_p_w": 1_200_000.0}
    true |= {f"p_{x}_w": 400_000.0 for x in ("l1", "l2", "l3")}
    one = SimulatedMeter(read_profile("satec-pm180"), true, scales=scales)
    with ModbusServer(one) as server:
        values = Meter(one.profile, TcpWire("127.0.0.1", server.port), 1, scales).read()
        assert values["u_l1_v"] == 5_801.0 and values["p_w"] == 1_200_000.0
        with pytest.raises(NotThisMeterError, match="old_u_l1_v"):  # the site's file says no full scale
            Meter(one.profile, TcpWire("127.0.0.1", server.port), 1, {"volt": 1.0, "watt": 1000.0}).read()


@pytest.mark.parametrize("change", [{"p_l2_w": -2600.0}, {"old_u_l1_v": 398.0}, {"old_p_w": 0.0}])
def test_a_first_reading_that_contradicts_itself_is_refused(change: dict[str, float]) -> None:
    one = simulated("satec-pm180", **change)
    with ModbusServer(one) as server, pytest.raises(NotThisMeterError, match="expected about"):
        meter(one, server.port).read()


def test_a_wrong_word_order_or_profile_never_gives_a_number() -> None:
    """The SDM630's answers by a profile with its words turned: absurd, or against the check."""
    one = simulated("eastron-sdm630")
    text = (Path(parse_profile.__code__.co_filename).parent / "profiles/eastron-sdm630.toml").read_text()
    turned = parse_profile("low_word_first = true\n" + text, "turned.toml")
    with ModbusServer(one) as server, pytest.raises(ModbusError):
        Meter(turned, TcpWire("127.0.0.1", server.port), 1).read()


def test_identity_by_text_and_number(tmp_path: Path) -> None:
    text = (
        OWN + '[[identity]]\nat = 300\ntype = "text"\nregisters = 4\nswapped = true\nexpected = "PM18[0-9]"\n'
    )
    text += '[[identity]]\nat = 310\ntype = "u32"\nexpected = "70000|70001"\n'
    profile = parse_profile(text, "own.toml")
    low_first = struct.pack(">HH", 70_001 & 0xFFFF, 70_001 >> 16)
    good = SimulatedMeter(profile, {}, identity={300: b"MP810\0\0\0"[:8], 310: low_first})
    good.identity = {300: b"MP81\0" + b"0\0\0", 310: low_first}
    with ModbusServer(good) as server:
        assert meter(good, server.port).read()["p_w"] == 0.0
    other = SimulatedMeter(profile, {}, identity={300: b"QP81\0" + b"0\0\0", 310: low_first})
    with ModbusServer(other) as server, pytest.raises(NotThisMeterError, match="got 'PQ180'"):
        meter(other, server.port).read()


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ({"silent": True}, "silent"),
        ({"delay_s": 0.5}, "silent"),
        ({"exception": 6}, "exception"),
        ({"other_unit": 9}, "other_device"),
        ({"garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, "garbage"),
        ({"garbage": b"\0" * 7}, "garbage"),
        ({"garbage": b"\0\1\0\0\0\3\1\3"}, "garbage"),
    ],
)
def test_trouble_is_told_bounded_in_time_and_heals_by_itself(trouble: dict[str, object], reason: str) -> None:
    one = simulated("janitza-umg604")
    with ModbusServer(one) as server:
        asked = meter(one, server.port, timeout_s=0.3)
        assert asked.read()["f_hz"] == pytest.approx(50.02)
        for key, value in trouble.items():
            setattr(one.trouble, key, value)
        began = time.monotonic()
        with pytest.raises(ModbusError) as caught:
            asked.read()
        assert caught.value.reason == reason
        assert "\n" not in str(caught.value)
        assert time.monotonic() - began < 1.5
        one.trouble = Trouble()
        if reason == "silent":
            time.sleep(0.5)  # a late answer must not be taken for that to the next request
        one.values["f_hz"] = 49.98
        assert asked.read()["f_hz"] == pytest.approx(49.98)


def test_a_meter_that_is_not_there_and_comes_back_on_the_same_port() -> None:
    one = simulated("janitza-umg604")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = meter(one, port, timeout_s=0.5)
    with pytest.raises(ModbusError) as caught:
        asked.read()
    assert caught.value.reason == "unreachable"
    with ModbusServer(one, port=port):
        assert asked.read()["f_hz"] == pytest.approx(50.02)
    with pytest.raises(ModbusError):
        asked.read()


def test_a_flood_is_given_up_in_bounded_memory() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def flood() -> None:
            with listening.accept()[0] as peer:
                try:
                    while True:
                        peer.sendall(b"\x00\x01\x00\x00\x00\x06\x09\x03\x02\x00\x00\x00" * 1000)
                except OSError:
                    return

        threading.Thread(target=flood, daemon=True).start()
        one = simulated("janitza-umg604")
        with pytest.raises(ModbusError) as caught:
            meter(one, listening.getsockname()[1], timeout_s=0.5).read()
        assert caught.value.reason in ("garbage", "silent", "other_device")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('quantity = "p_w"', 'quantity = "u_l1_v"', "value[1].quantity"),
        ('quantity = "p_w"', 'quantity = "power"', "value[1].quantity"),
        ("at = 7", "at = 70000", "value[0].at"),
        ("at = 100", "at = 65535", "value[1].at"),
        ('type = "i32"', 'type = "i33"', "value[1].type"),
        ("scale = 0.1", "scale = 0.0", "value[0].scale"),
        ("scale = 0.1", 'scale = "volt"', "value[0].scale"),
        ("scale = 0.1", "span = [5.0, 1.0]", "value[0].span"),
        ("scale = 0.1", 'span = [0.0, "v_max"]', "value[0].span"),
        ("function = 4", "function = 6", "function"),
        ("function = 4", "function = 4\ncolour = 1", "unknown field colour"),
        (
            "function = 4",
            'function = 4\n[[check]]\nof = ["q_var"]\ntotal = "p_w"\npercent = 1.0\n',
            "check[0]",
        ),
        ("function = 4", 'function = 4\n[[identity]]\nat = 1\nexpected = "["\n', "identity[0].expected"),
    ],
)
def test_a_profile_that_is_not_right_is_one_line(tmp_path: Path, old: str, new: str, key: str) -> None:
    from flexcore.errors import SettingsError

    assert old in OWN
    (tmp_path / "own.toml").write_text(OWN.replace(old, new, 1))
    with pytest.raises(SettingsError) as caught:
        read_profile("own", tmp_path)
    said = str(caught.value)
    assert key in said and "own.toml" in said and "\n" not in said


def test_an_unknown_profile_names_those_there_are() -> None:
    from flexcore.errors import SettingsError

    with pytest.raises(SettingsError, match="expected one of eastron-sdm630, janitza-umg604, satec-pm180"):
        read_profile("none")
