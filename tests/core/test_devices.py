"""``flexcore-device``: thermometers, contacts and gauges over a real broker; each one's trouble its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flexcore.devices import DeviceSettings
from flexcore.drivers import registry
from flexcore.drivers.device import Device, NotThisDeviceError
from flexcore.drivers.errors import ReadError
from flexcore.drivers.nut import Nut
from flexcore.drivers.power_supply import PowerSupply
from flexcore.drivers.w1_thermometer import W1Thermometer
from flexcore.errors import SettingsError
from flexcore.payloads import ReadingPayload, decode_health, decode_reading
from flexcore.services import device as service_module
from flexcore.services.service import Service
from flexcore.simulator.backend import SimulatedBackend
from flexcore.simulator.chips.bus import Bus
from flexcore.simulator.chips.gauges import SimulatedMax17048
from flexcore.simulator.chips.thermometers import SimulatedSht4x, SimulatedTmp117
from flexcore.station import parse_station
from support.broker import Broker
from support.nut import NutServer
from support.waiting import eventually

HEAD = """
[station]
id = "s1"
name = "S"

[[busbar]]
id = "b1"
name = "B"
nominal_v = 400
sensor.stream = 1
"""

DEVICES = """
[[device]]
id = "warm"
name = "Trafo"
driver = "tmp117"
i2c = 1
period_ms = 100
about = "b1"

[[device]]
id = "air"
name = "Lucht"
driver = "sht4x"
i2c = 1
period_ms = 100

[[device]]
id = "cell"
name = "Accu"
driver = "max17048"
i2c = 2
period_ms = 100

[[device]]
id = "smoke"
name = "Rookmelder hal"
driver = "contact"
pin = "SMOKE"
period_ms = 50
alarm = "smoke"
"""


class Rig:
    """The wires of a box, and what hangs on them."""

    def __init__(self) -> None:
        self.box = SimulatedBackend()
        self.box.buses = {1: Bus(), 2: Bus()}
        self.thermometer, self.air, self.gauge = SimulatedTmp117(), SimulatedSht4x(), SimulatedMax17048()
        for bus, chip in ((1, self.thermometer), (1, self.air), (2, self.gauge)):
            self.box.buses[bus].attach(chip)


class Heard:
    """What the bus said of each device, newest last, and the service's alarms."""

    def __init__(self) -> None:
        self.readings: dict[str, list[ReadingPayload]] = {}
        self.alarms: dict[str, str] = {}

    def reading(self, topic: str, raw: bytes) -> None:
        payload = decode_reading(raw)
        assert topic == f"flexcore/v1/s1/device/{payload.id}"
        self.readings.setdefault(payload.id, []).append(payload)

    def health(self, _topic: str, raw: bytes) -> None:
        self.alarms = {alarm.code: alarm.detail for alarm in decode_health(raw).alarms}

    def state(self, ident: str) -> str:
        return self.readings[ident][-1].state if ident in self.readings else ""

    def value(self, ident: str, name: str) -> float | None:
        return self.readings[ident][-1].v.get(name)


@contextmanager
def running(broker: Broker, text: str, box: SimulatedBackend) -> Iterator[Heard]:
    heard = Heard()
    bus = broker.bus("reader")
    bus.subscribe("flexcore/v1/s1/device/+", heard.reading, qos=1)
    bus.subscribe("flexcore/v1/s1/health/device", heard.health, qos=1)
    bus.start()
    paths = broker.paths(broker.folder)
    service = Service("device", paths, parse_station(text), broker.passwords["device"])

    def work() -> None:
        with service:
            service_module.ask_devices(service, box)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield heard
    finally:
        service.stopping.set()
        thread.join(10.0)
        bus.close()
    assert not thread.is_alive()


def test_thermometers_a_gauge_and_a_contact_are_told(broker: Broker) -> None:
    rig = Rig()
    rig.thermometer.temperature_c = 63.5
    pin = rig.box.pin("SMOKE")
    with running(broker, HEAD + DEVICES, rig.box) as heard:
        names = ("warm", "air", "cell", "smoke")
        assert eventually(lambda: [heard.state(name) for name in names] == ["ok"] * 4)
        assert heard.value("warm", "temperature_c") == pytest.approx(63.5, abs=0.01)
        assert heard.readings["warm"][-1].about == "b1"
        assert heard.value("smoke", "active") == 0.0
        quiet = len(heard.readings["smoke"])
        rig.thermometer.temperature_c = 90.0
        assert eventually(lambda: heard.value("warm", "temperature_c") == pytest.approx(90.0, abs=0.01))
        assert len(heard.readings["smoke"]) <= quiet + 1, "what did not change is not said ten times a second"
        pin.drive(False)  # type: ignore[attr-defined]  # the relay closes to earth
        assert eventually(lambda: heard.alarms.get("smoke") == "Rookmelder hal")
        assert heard.value("smoke", "active") == 1.0
        pin.drive(True)  # type: ignore[attr-defined]
        assert eventually(lambda: "smoke" not in heard.alarms and heard.value("smoke", "active") == 0.0)


def test_a_contact_that_closes_between_two_readings_is_not_lost(broker: Broker) -> None:
    rig = Rig()
    pin = rig.box.pin("SMOKE")
    text = HEAD + DEVICES.replace("period_ms = 50\n", "period_ms = 1000\n")
    with running(broker, text, rig.box) as heard:
        assert eventually(lambda: heard.state("smoke") == "ok")
        pin.drive(False)  # type: ignore[attr-defined]
        pin.drive(True)  # type: ignore[attr-defined]
        assert eventually(lambda: any(r.v.get("active") == 1.0 for r in heard.readings["smoke"]))
        assert eventually(lambda: heard.value("smoke", "active") == 0.0)
        assert heard.value("smoke", "closings") == 1.0


def test_what_is_unplugged_or_talks_nonsense_turns_stale_says_why_and_comes_back(broker: Broker) -> None:
    rig = Rig()
    with running(broker, HEAD + DEVICES, rig.box) as heard:
        assert eventually(lambda: heard.state("warm") == heard.state("air") == "ok")
        rig.thermometer.unplugged = True
        rig.air.noise = 0x40
        assert eventually(lambda: (heard.state("warm"), heard.state("air")) == ("stale", "wrong"), 20.0)
        gone, mad = heard.readings["warm"][-1], heard.readings["air"][-1]
        assert gone.v == {} and gone.reason == "silent" and gone.t is not None
        assert mad.v == {} and "check byte" in mad.detail
        assert eventually(lambda: "warm: " in heard.alarms.get("device_silent", ""))
        assert heard.state("cell") == "ok", "others go on"
        rig.thermometer.unplugged = False
        rig.air.noise = 0
        assert eventually(lambda: heard.state("warm") == heard.state("air") == "ok", 40.0)
        assert eventually(lambda: not heard.alarms)


def test_another_chip_at_the_address_is_wrong_and_never_a_number(broker: Broker) -> None:
    rig = Rig()
    rig.thermometer.words[0x0F] = 0x1234
    with running(broker, HEAD + DEVICES, rig.box) as heard:
        assert eventually(lambda: heard.state("warm") == "wrong")
        assert heard.readings["warm"][-1].v == {}
        assert eventually(lambda: "warm: TMP117 at 0x48" in heard.alarms.get("device_wrong", ""))
        rig.thermometer.words[0x0F] = 0x0117
        assert eventually(lambda: heard.state("warm") == "ok", 40.0)


def test_a_bus_that_does_not_exist_or_is_held_low_costs_only_its_own_devices(broker: Broker) -> None:
    rig = Rig()
    del rig.box.buses[2]
    with running(broker, HEAD + DEVICES, rig.box) as heard:
        assert eventually(lambda: heard.state("cell") == "stale")
        assert heard.readings["cell"][-1].t is None, "it was never read"
        assert eventually(lambda: heard.state("warm") == "ok")
        rig.box.buses[1].stuck = True
        assert eventually(lambda: heard.state("warm") == "stale", 20.0)
        assert heard.readings["warm"][-1].reason == "broken"


def test_without_devices_it_ends(broker: Broker) -> None:
    with running(broker, HEAD, SimulatedBackend()) as heard:
        assert not heard.readings


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('driver = "tmp117"', 'driver = "tmp118"', "device[0].driver: driver 'tmp118': expected one of"),
        ("i2c = 1\nperiod_ms = 100\nabout", "period_ms = 100\nabout", "device[0].i2c: expected the wire of"),
        ("i2c = 1\n", "i2c = 1\npin = 4\n", "device[0].pin: expected one wire, i2c is named too"),
        ("i2c = 1\n", 'i2c = "../mem"\n', "device[0].i2c: expected a name without '..'"),
        ("i2c = 1\n", "pin = 1\n", "device[0].i2c: expected the wire of driver 'tmp117'"),
        (
            "i2c = 1\n",
            "i2c = 1\noptions = { adress = 72 }\n",
            "options.adress: expected an option of 'tmp117'",
        ),
        ("i2c = 1\n", 'i2c = 1\noptions = { address = "x" }\n', "options.address: expected int, got 'x'"),
        ("i2c = 1\n", "i2c = 1\noptions = { address = true }\n", "options.address: expected int, got True"),
        (
            '"max17048"\n',
            '"ina226"\n',
            "device[2].options.shunt_ohm: expected float, driver 'ina226' needs it",
        ),
        (
            'about = "b1"',
            'about = "b2"',
            "device[0].about: expected the id of a busbar, field or component (b1)",
        ),
        ('id = "air"', 'id = "warm"', "device[1].id: expected a name used once, 'warm' is also device[0]"),
        ("period_ms = 50\n", "period_ms = 5\n", "device[3].period_ms"),
        ('alarm = "smoke"', 'alarm = "loud"', "device[3].alarm"),
    ],
)
def test_a_device_that_is_not_right_is_one_line(old: str, new: str, expected: str) -> None:
    from flexcore.services._devices import lines_of

    text = HEAD + DEVICES
    assert old in text
    with pytest.raises(SettingsError) as caught:
        devices = parse_station(text.replace(old, new, 1)).device
        lines_of(devices, SimulatedBackend(), lambda _: None, threading.Event())
    assert expected in str(caught.value) and "\n" not in str(caught.value)


class Nonsense:
    """A driver that says what it is told to."""

    answer: object = {}

    def __init__(self, level: float = 1.0) -> None:
        self.level = level

    def read(self) -> object:
        return self.answer


@pytest.mark.parametrize("answer", [{"u_v": float("nan")}, {"u_v": float("inf")}, {"u_v": 1e15}])
def test_a_number_that_no_sensor_can_have_is_garbage(answer: dict[str, float]) -> None:
    settings = DeviceSettings(id="d", name="D", driver="nonsense")
    Nonsense.answer = answer
    device = Device(settings, registry.describe("nonsense", Nonsense), SimulatedBackend())
    with pytest.raises(ReadError, match="expected a number of a station") as caught:
        device.read()
    assert caught.value.reason == "garbage" and not caught.value.wrong


def test_a_class_that_wants_what_nobody_can_give_is_no_driver() -> None:
    class Wants:
        def __init__(self, database: list[str]) -> None:
            pass

    with pytest.raises(SettingsError, match="database: expected an option of type"):
        registry.describe("wants", Wants)


def test_a_wrong_option_of_a_driver_is_the_driver_s_own_line() -> None:
    settings = DeviceSettings(id="d", name="D", driver="nut", options={"ups": "a b"})
    device = Device(settings, registry.find("nut"), SimulatedBackend())
    with pytest.raises(NotThisDeviceError, match="expected a name of letters"):
        device.read()


# --- drivers over Linux' own files and over NUT ---------------------------------------------------


def test_a_one_wire_thermometer(tmp_path: Path) -> None:
    folder = tmp_path / "28-0316a2798bff"
    folder.mkdir()
    file = folder / "temperature"
    sensor = W1Thermometer(folder.name, str(tmp_path))
    file.write_text("-12937\n")
    assert sensor.read() == {"temperature_c": -12.937}
    for text, words in (
        ("85000\n", "lost its supply"),
        ("200000\n", "expected -55 to 125"),
        ("", "expected"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=words):
            sensor.read()
    file.unlink()
    with pytest.raises(FileNotFoundError):
        sensor.read()
    with pytest.raises(ValueError, match="expected a name"):
        W1Thermometer("../28-1", str(tmp_path))


def test_a_battery_that_the_kernel_knows(tmp_path: Path) -> None:
    folder = tmp_path / "BAT0"
    folder.mkdir()
    file = folder / "uevent"
    lines = (
        "STATUS=Discharging",
        "PRESENT=1",
        "VOLTAGE_NOW=12345000",
        "CURRENT_NOW=-1500000",
        "CAPACITY=81",
        "ENERGY_NOW=45600000",
        "TEMP=235",
    )
    file.write_text("".join(f"POWER_SUPPLY_{line}\n" for line in lines) + "DEVTYPE=power_supply\n")
    values = PowerSupply("BAT0", str(tmp_path)).read()
    assert values == pytest.approx(
        {
            "voltage_v": 12.345,
            "current_a": -1.5,
            "charge_percent": 81.0,
            "energy_wh": 45.6,
            "temperature_c": 23.5,
            "charging": 0.0,
        }
    )
    file.write_text("POWER_SUPPLY_PRESENT=0\nPOWER_SUPPLY_CAPACITY=0\n")
    with pytest.raises(ValueError, match="no battery is present"):
        PowerSupply("BAT0", str(tmp_path)).read()
    file.write_text("POWER_SUPPLY_CAPACITY=many\n")
    with pytest.raises(ValueError, match="CAPACITY: expected a number"):
        PowerSupply("BAT0", str(tmp_path)).read()


def test_a_supply_behind_a_real_upsd() -> None:
    with NutServer({"ups.status": "OL CHRG", "battery.charge": "97", "battery.runtime": "1800"}) as server:
        ups = Nut("msr", port=server.port)
        assert eventually(lambda: "runtime_s" in ups.read(), 15.0), "the driver has read its file"
        values = ups.read()
        assert values["charge_percent"] == 97.0 and values["runtime_s"] == 1800.0
        assert values["mains"] == 1.0 and values["charging"] == 1.0 and values["on_battery"] == 0.0
        server.set("ups.status", "FSD OB DISCHRG LB")
        assert eventually(lambda: ups.read()["on_battery"] == 1.0, 15.0)
        values = ups.read()
        assert values["low_battery"] == values["forced_shutdown"] == 1.0 and values["mains"] == 0.0
        with pytest.raises(ValueError, match="UNKNOWN-UPS"):
            Nut("other", port=server.port).read()
    with pytest.raises(ConnectionRefusedError):
        ups.read()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (b"ERR DATA-STALE\n", TimeoutError, "DATA-STALE"),
        (b"ERR ACCESS-DENIED\n", ValueError, "ACCESS-DENIED"),
        (b"ERR \n", ValueError, "the server says"),
        (b"", ConnectionResetError, "hung up"),
        (b'VAR msr battery.charge "x"\nEND LIST VAR msr\n', ValueError, "expected a number"),
        (b"\xff\xfe\x00END LIST VAR msr\n", ValueError, "expected ups.status"),
        (b"x" * 200_000, TimeoutError, "expected the list"),
    ],
)
def test_a_server_that_talks_nonsense_is_one_line(answer: bytes, error: type[Exception], words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(100)
                link.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(error, match=words) as caught:
            Nut("msr", port=listener.getsockname()[1]).read()
        assert "\n" not in str(caught.value)
        thread.join(5.0)
