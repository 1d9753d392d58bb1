"""``flexcore-meter``: meters over a real broker, several on one line, and each one's trouble its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flexcore.drivers.modbus.profile import read_profile
from flexcore.errors import SettingsError
from flexcore.payloads import ReadingPayload, decode_health, decode_reading
from flexcore.services import meter as service_module
from flexcore.services.service import Service
from flexcore.simulator.modbus import ModbusServer, SimulatedMeter, Trouble
from flexcore.station import parse_station
from support.broker import Broker
from support.modbus_truth import TRUE
from support.waiting import eventually

from .test_meter import OWN

HEAD = """
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
"""


def entry(ident: str, port: int, unit: int = 1, profile: str = "janitza-umg604", more: str = "") -> str:
    return (
        f'[[meter]]\nid = "{ident}"\nname = "M"\nprofile = "{profile}"\n'
        f'address = "127.0.0.1"\nport = {port}\n'
        f"unit = {unit}\nperiod_ms = 200\ntimeout_ms = 200\n{more}"
    )


class Heard:
    """What the bus said of each meter, newest last, and of the service."""

    def __init__(self) -> None:
        self.readings: dict[str, list[ReadingPayload]] = {}
        self.alarms: dict[str, str] = {}

    def reading(self, topic: str, raw: bytes) -> None:
        payload = decode_reading(raw)
        assert topic == f"flexcore/v1/s1/meter/{payload.id}"
        self.readings.setdefault(payload.id, []).append(payload)

    def health(self, _topic: str, raw: bytes) -> None:
        self.alarms = {alarm.code: alarm.detail for alarm in decode_health(raw).alarms}

    def last(self, ident: str) -> ReadingPayload:
        return self.readings[ident][-1]

    def state(self, ident: str) -> str:
        return self.readings[ident][-1].state if self.readings.get(ident) else ""


@contextmanager
def running(broker: Broker, text: str) -> Iterator[Heard]:
    paths = broker.paths(broker.folder)
    heard = Heard()
    bus = broker.bus("reader")
    bus.subscribe("flexcore/v1/s1/meter/+", heard.reading, qos=1)
    bus.subscribe("flexcore/v1/s1/health/meter", heard.health, qos=1)
    bus.start()
    service = Service("meter", paths, parse_station(text), broker.passwords["meter"])

    def work() -> None:
        with service:
            service_module.ask_meters(service)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield heard
    finally:
        service.stopping.set()
        thread.join(10.0)
        bus.close()
    assert not thread.is_alive()


def simulated(unit: int = 1) -> SimulatedMeter:
    return SimulatedMeter(read_profile("janitza-umg604"), dict(TRUE), unit)


def test_two_meters_on_one_line_and_one_that_was_added_by_a_file(broker: Broker) -> None:
    own_folder = broker.folder / "meters"
    own_folder.mkdir()
    (own_folder / "fritsje-m1.toml").write_text(OWN)
    first, second = simulated(1), simulated(2)
    third = SimulatedMeter(read_profile("fritsje-m1", own_folder), {"p_w": 1234.0, "u_l1_v": 231.0}, 9)
    second.values["p_w"] = sum(second.values[f"p_{x}_w"] for x in ("l1", "l2", "l3"))
    with ModbusServer(first, second) as line, ModbusServer(third) as other:
        text = HEAD + entry("m1", line.port, more='field = "f1"\n') + entry("m2", line.port, 2)
        text += entry("m3", other.port, 9, "fritsje-m1")
        with running(broker, text) as heard:
            assert eventually(lambda: [heard.state(m) for m in ("m1", "m2", "m3")] == ["ok"] * 3, 15.0)
            assert heard.last("m1").v["p_l1_w"] == pytest.approx(2500.0)
            assert heard.last("m1").about == "f1"
            assert heard.last("m3").v["p_w"] == 1234.0
            first.values["f_hz"] = 49.5
            assert eventually(lambda: heard.last("m1").v["f_hz"] == pytest.approx(49.5), 5.0)
            assert not heard.alarms


def test_a_meter_that_falls_silent_turns_stale_says_why_and_comes_back(broker: Broker) -> None:
    good, bad = simulated(1), simulated(2)
    with ModbusServer(good) as one, ModbusServer(bad) as two:
        text = HEAD + entry("m1", one.port) + entry("m2", two.port, 2)
        with running(broker, text) as heard:
            assert eventually(lambda: heard.state("m1") == heard.state("m2") == "ok", 15.0)
            read_t = heard.last("m2").t
            bad.trouble.silent = True
            assert eventually(lambda: heard.state("m2") == "stale", 15.0)
            stale = heard.last("m2")
            assert stale.v == {} and stale.reason == "silent"
            assert stale.t is not None and read_t is not None and stale.t >= read_t
            assert eventually(lambda: "m2: " in heard.alarms.get("meter_silent", ""), 10.0)
            before = len(heard.readings["m1"])
            assert eventually(lambda: len(heard.readings["m1"]) > before + 5, 10.0), "others go on"
            bad.trouble = Trouble()
            assert eventually(lambda: heard.state("m2") == "ok", 40.0)
            assert eventually(lambda: not heard.alarms, 10.0)


def test_another_meter_in_its_place_is_wrong_not_a_number(broker: Broker) -> None:
    meter = simulated()
    meter.values["p_l1_w"] = -2500.0  # a current transformer the wrong way round, or another meter
    with ModbusServer(meter) as server, running(broker, HEAD + entry("m1", server.port)) as heard:
        assert eventually(lambda: heard.state("m1") == "wrong", 15.0)
        assert heard.last("m1").v == {}
        assert "expected about p_w" in heard.last("m1").detail
        assert eventually(lambda: "meter_wrong" in heard.alarms, 10.0)


def test_without_meters_it_ends(broker: Broker) -> None:
    with running(broker, HEAD) as heard:
        time.sleep(0.5)
        assert not heard.readings


GOOD = HEAD + entry("m1", 502) + entry("m2", 502, 2)
SERIAL = 'device = "/dev/ttyUSB0"\n'


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('address = "127.0.0.1"\nport = 502\nunit = 1', "unit = 1", "meter[0].address: expected either"),
        ('address = "127.0.0.1"\nport = 502\nunit = 1', 'address = "meter.local"\nunit = 1', "an IP address"),
        (
            'address = "127.0.0.1"\nport = 502\nunit = 1',
            f'address = "::1"\n{SERIAL}unit = 1',
            "either address or",
        ),
        ("unit = 2", "unit = 1", "meter[1].unit: expected a number used once"),
        ("unit = 2", 'unit = 2\nframing = "rtu"', "meter[1].framing: expected that of meter[0]"),
        ('id = "m2"', 'id = "f1"', "meter[1].id: expected a name used once"),
        ("unit = 1\n", 'unit = 1\nfield = "b1"\n', "meter[0].field: expected the id of a field (f1)"),
        ("period_ms = 200", "period_ms = 10", "meter[0].period_ms"),
        ("unit = 1\n", 'unit = 1\npassword = "x"\n', "unknown field password"),
    ],
)
def test_a_meter_that_is_not_right_is_one_line(old: str, new: str, key: str) -> None:
    parse_station(GOOD)
    assert old in GOOD
    with pytest.raises(SettingsError) as caught:
        parse_station(GOOD.replace(old, new, 1))
    assert key in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        (entry("m1", 502, profile="nobody-m1"), "nobody-m1: profile: expected one of eastron-sdm630"),
        (entry("m1", 502, profile="satec-pm180", more="scales = { volts = 1.0 }\n"), "meter[0].scales.volts"),
        (entry("m1", 502, profile="satec-pm180", more="scales = { volt = 0.0 }\n"), "not zero"),
    ],
)
def test_a_profile_or_scale_that_is_none_stops_the_service_in_one_line(
    tmp_path: Path, changed: str, key: str
) -> None:
    from flexcore.services._metering import lines_of

    with pytest.raises(SettingsError) as caught:
        lines_of(parse_station(HEAD + changed).meter, tmp_path, lambda _: None, threading.Event())
    assert key in str(caught.value)
