"""station.toml: a good one is read whole, a bad one is refused in one line with file, key, expectation."""

from pathlib import Path

import pytest

from flexcore.cli import main
from flexcore.errors import SettingsError
from flexcore.sensors import SampledValuesSensor
from flexcore.station import MAX_FILE_BYTES, parse_station, read_station

GOOD = """
[station]
id = "msr-1"
name = "Station 1"

[[busbar]]
id = "bb1"
name = "Rail 1"
nominal_v = 10000
sensor = { stream = 1 }

[[field]]
id = "f01"
name = "Kabel 1"
busbar = "bb1"
neutral = true
sensor = { stream = 11 }
"""


def test_a_good_file_is_read_whole() -> None:
    station = parse_station(GOOD)
    assert station.busbar[0].earth_v == pytest.approx(10000 / 3**0.5)
    assert station.busbar[0].udin_v == 10000 and station.busbar[0].lines == ("l12", "l23", "l31")
    assert station.field[0].channels == ("i_l1", "i_l2", "i_l3", "i_n")
    assert [e.id for e in station.elements] == ["bb1", "f01"]
    assert station.acquire.block_ms == 20


COMPONENT = """
[[component]]
id = "k1"
field = "f01"
kind = "cable"
name = "Kabel"
source = "typical"
voltage_v = 10000
conductor = "al"
cross_section_mm2 = 95
rated_a = 215
max_conductor_c = 90
rated_ambient_c = 20
installation = "ground"
tau_min = 40
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        (
            'field = "f01"',
            'field = "bb1"',
            "component[0].field",
            "expected the id of a field (f01), got 'bb1'",
        ),
        ('id = "k1"', 'id = "f01"', "component[0].id", "expected a name used once"),
        ('kind = "cable"', 'kind = "pipe"', "component[0]", "pipe"),
        ("rated_a = 215", "rated_a = -215", "component[0].rated_a", "expected"),
        ("tau_min = 40\n", "", "component[0].tau_min", "expected the conductor's time constant"),
        ("voltage_v = 10000", "voltage_v = 400", "component[0].voltage_v", "10000 V of the field's busbar"),
        (
            "cross_section_mm2 = 95",
            "cross_section_mm2 = 96",
            "component[0].ohm_per_km",
            "expected with a section",
        ),
        ("tau_min = 40", "tau_min = 40\ncolour = 1", "component[0]", "unknown field colour"),
        ("tau_min = 40", "tau_min = 40\n[load]\nnear_percent = 5", "load.near_percent", ">= 10"),
    ],
)
def test_a_component_is_checked_with_its_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, key: str, expected: str
) -> None:
    assert old in COMPONENT
    file = tmp_path / "station.toml"
    file.write_text(GOOD + COMPONENT)
    assert main(["station", "check", str(file)]) == 0
    file.write_text(GOOD + COMPONENT.replace(old, new))
    assert main(["station", "check", str(file)]) == 2
    said = capsys.readouterr().err
    assert key in said and expected in said and said.count("\n") == 1


def test_thresholds_may_come_near_the_declared_voltage_but_not_touch_it() -> None:
    events = "[events]\ndip_percent = 97.9\nswell_percent = 102.1\nhysteresis_percent = 2.0\n"
    assert parse_station(events + GOOD).events.swell_percent == 102.1


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "10.255.0.12"])
def test_an_address_is_ipv4(address: str) -> None:
    assert parse_station(f"[acquire]\naddress = '{address}'\n{GOOD}").acquire.address == address


BAD = [
    ("nominal_v = 10000", 'nominal_v = "10 kV"', "busbar[0].nominal_v", "expected float"),
    ("nominal_v = 10000", "nominal_v = 10", "busbar[0].nominal_v", ">= 50"),
    ("nominal_v = 10000", "nominal_v = nan", "busbar[0].nominal_v", "expected"),
    ("nominal_v = 10000", "nominal_v = inf", "busbar[0].nominal_v", "<= 500000"),
    ("nominal_v = 10000", "", "busbar[0]", "nominal_v"),
    ("nominal_v = 10000", 'nominal_v = 1e4\nvoltages = "delta"', "busbar[0].voltages", "'delta'"),
    ("nominal_v = 10000", "nominal_v = 1e4\ncolour = 1", "busbar[0]", "unknown field colour"),
    ('busbar = "bb1"', 'busbar = "bb9"', "field[0].busbar", "expected the id of a busbar (bb1), got 'bb9'"),
    ('id = "f01"', 'id = "bb1"', "field[0].id", "used once"),
    ('id = "f01"', 'id = "../etc"', "field[0].id", "expected str matching"),
    ("stream = 11", "stream = 1", "field[0].sensor.stream", "used once, 1 is also busbar[0]"),
    ("stream = 11", "stream = 0", "field[0].sensor.stream", ">= 1"),
    ("stream = 11", 'stream = 11, driver = "hal9000"', "field[0].sensor.driver", "hal9000"),
    ("[station]", "[acquire]\nrate_hz = 1010\n[station]", "acquire.rate_hz", "whole number of samples"),
    *(
        (
            "[station]",
            f"[acquire]\naddress = '{bad}'\n[station]",
            "acquire.address",
            "expected an IPv4 address",
        )
        for bad in (
            "",
            "box",
            "::1",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.01",
            "10.0.0.1.",
            "10.0.0.1 ",
            "١.0.0.1",
        )
    ),
    *(
        (
            "[station]",
            f"[events]\n{bad}\n[station]",
            "events.hysteresis_percent",
            "below and a swell above 100",
        )
        for bad in ("dip_percent = 98", "dip_percent = 97\nhysteresis_percent = 3.5", "swell_percent = 102")
    ),
    ("[station]", "[station", "(file)", "expected TOML"),
    ("nominal_v = 10000", f"nominal_v = {'9' * 5000}", "(file)", "at most 4300 digits"),
    ("nominal_v = 10000", f"nominal_v = 0x{'f' * 5000}", "busbar[0].nominal_v", "expected"),
    ("stream = 11", f"stream = 0x{'f' * 5000}", "field[0].sensor.stream", "<= 4294967295"),
    ("nominal_v = 10000", f"nominal_v = {'[' * 5000}{']' * 5000}", "(file)", "not nested so deeply"),
    ("nominal_v = 10000", f"nominal_v = {'{a=' * 5000}1{'}' * 5000}", "(file)", "not nested so deeply"),
    ("nominal_v = 10000", f"nominal_v = 1e4\n{'a.' * 5000}a = 1", "busbar[0]", "unknown field a"),
]


@pytest.mark.parametrize(("old", "new", "key", "expected"), BAD, ids=lambda text: text[:32])
def test_a_bad_file_is_refused_in_one_line(
    old: str, new: str, key: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "station.toml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    assert main(["station", "check", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"{file}: {key}: " in err
    assert expected in err


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MAX_FILE_BYTES + 1)], ids=["bytes", "huge"])
def test_what_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="expected"):
        read_station(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected a readable file"):
        read_station(tmp_path / "none.toml")


def test_the_command_says_what_it_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "station.toml"
    file.write_text(GOOD, encoding="utf-8")
    assert main(["station", "check", str(file)]) == 0
    assert "1 busbar(s), 1 field(s), 7 channels at 20000 Hz" in capsys.readouterr().out


SAMPLED = """
[station]
id = "msr-1"
name = "Station 1"

[acquire]
rate_hz = 4800

[[busbar]]
id = "bb1"
name = "Rail 1"
nominal_v = 10000
sensor = { driver = "sampled_values", interface = "eth1", sv_id = "MU01", destination = "01-0C-CD-04-00-01" }

[[field]]
id = "f01"
name = "Kabel 1"
busbar = "bb1"
neutral = true
sensor = { driver = "sampled_values", interface = "eth1", sv_id = "MU01", destination = "01-0C-CD-04-00-01", channels = "currents" }

[[field]]
id = "f02"
name = "Kabel 2"
busbar = "bb1"
sensor = { driver = "sampled_values", interface = "eth1", sv_id = "MU02", appid = 0x4001, dataset = "I3U0" }

[[field]]
id = "f03"
name = "Kabel 3"
busbar = "bb1"
sensor = { stream = 3 }
"""  # noqa: E501 - an inline table is one line


def test_elements_share_a_stream_of_sampled_values() -> None:
    station = parse_station(SAMPLED)
    busbar, first, second, third = (e.sensor for e in station.elements)
    assert isinstance(busbar, SampledValuesSensor)
    assert isinstance(second, SampledValuesSensor)
    assert busbar.group == bytes.fromhex("010ccd040001")
    assert (busbar.currents, busbar.voltages, busbar.appid) == (4, 4, 0x4000)
    assert (second.currents, second.voltages, second.group) == (3, 0, None)
    assert [s.driver for s in (busbar, first, second, third)] == ["sampled_values"] * 3 + ["atolle"]


MU02 = 'sv_id = "MU02", appid = 0x4001, dataset = "I3U0"'
BAD_SAMPLED = [
    ("rate_hz = 4800", "rate_hz = 20000", "acquire.rate_hz", "4000, 4800, 5760, 12800, 14400, 15360"),
    (MU02, MU02 + ", stream = 4", "field[1].sensor", "unknown field stream"),
    ("stream = 3", 'stream = 3, sv_id = "MU03"', "field[2].sensor", "unknown field sv_id"),
    ("stream = 3", 'driver = "sampled_values"', "field[2].sensor", "interface"),
    (MU02, 'sv_id = ""', "field[1].sensor.sv_id", "matching"),
    (MU02, 'sv_id = "Ü"', "field[1].sensor.sv_id", "matching"),
    (MU02, 'sv_id = "MU02", appid = 0x3fff', "field[1].sensor.appid", ">= 16384"),
    (MU02, 'sv_id = "MU02", appid = 0x8000', "field[1].sensor.appid", "<= 32767"),
    (MU02, 'sv_id = "MU02", dataset = "U4I4"', "field[1].sensor.dataset", "matching"),
    (MU02, 'sv_id = "MU02", dataset = "I2U4"', "field[1].sensor.dataset", "3 currents or more, got I2U4"),
    (MU02, 'sv_id = "MU02", dataset = "I24U4"', "field[1].sensor.dataset", "1 to 24 channels, got I24U4"),
    (MU02, 'sv_id = "MU02", channels = "voltages"', "field[1].sensor.channels", "expected currents of such"),
    (MU02, 'sv_id = "MU02", channels = "power"', "field[1].sensor.channels", "'power'"),
    (MU02, 'sv_id = "MU02", destination = "01-0C-CD-01-00-00"', "field[1].sensor.destination", "matching"),
    (
        MU02,
        'sv_id = "MU01"',
        "field[1].sensor.sv_id",
        "currents of a stream used once, those of MU01 are also",
    ),
    (
        'channels = "currents"',
        "appid = 0x4001",
        "field[0].sensor.appid",
        "expected that of the same stream at busbar[0], 16384",
    ),
    ('"eth1", sv_id = "MU02"', '"../eth1", sv_id = "MU02"', "field[1].sensor.interface", "matching"),
    ("sensor = { stream = 3 }", "sensor = 3", "field[2].sensor", "expected object"),
]


@pytest.mark.parametrize(("old", "new", "key", "expected"), BAD_SAMPLED, ids=lambda text: text[:32])
def test_a_bad_stream_of_sampled_values_is_refused_in_one_line(
    old: str, new: str, key: str, expected: str
) -> None:
    assert old in SAMPLED
    with pytest.raises(SettingsError) as caught:
        parse_station(SAMPLED.replace(old, new, 1))
    said = str(caught.value)
    assert f"station.toml: {key}: " in said
    assert expected in said
    assert "\n" not in said
