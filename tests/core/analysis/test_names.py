"""Which channel is what: names as recorders write them."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import numpy as np
import pytest

from flexcore.analysis import Options, guess_layout, station_layout
from flexcore.analysis.mapfile import write_map
from flexcore.analysis.names import role_of
from flexcore.errors import FlexcoreError, RecordingError
from flexcore.recordings import Channel, Recording, read_recording
from flexcore.recordings.channelmap import ChannelMap, MappedElement
from support.recording import waveform


@pytest.mark.parametrize(
    ("name", "unit", "phase", "expected"),
    [
        ("Ua", "kV", "", ("u", "l1", "", 1e3)),
        ("VB", "V", "", ("u", "l2", "", 1.0)),
        ("U L1", "V", "", ("u", "l1", "", 1.0)),
        ("UL3-E", "V", "", ("u", "l3", "E", 1.0)),
        ("VAN", "V", "", ("u", "l1", "", 1.0)),
        ("Vag", "kV", "", ("u", "l1", "", 1e3)),
        ("U12", "V", "", ("u", "l12", "", 1.0)),
        ("UBA", "V", "", ("u", "l12", "", -1.0)),
        ("U_L2L3", "V", "", ("u", "l23", "", 1.0)),
        ("IA", "A", "", ("i", "l1", "", 1.0)),
        ("F1-IA", "A", "A", ("i", "l1", "F1", 1.0)),
        ("I_S", "A", "", ("i", "l2", "", 1.0)),
        ("3I0", "A", "", ("i", "n", "", 1.0)),
        ("3Io_2СШ-110_ВЛ1", "A", "N", ("i", "n", "2СШ-110_ВЛ1", 1.0)),
        ("IN", "A", "", ("i", "n", "", 1.0)),
        ("Ia_110кВ_ОВМ", "кА", "A", ("i", "l1", "110кВ_ОВМ", 1e3)),
        ("Іа ВЛ-5", "А", "", ("i", "l1", "ВЛ-5", 1.0)),  # all of it Cyrillic
        ("Bus 2 Voltage B", "kV", "", ("u", "l2", "Bus 2", 1e3)),
        ("Strom L2", "A", "", ("i", "l2", "", 1.0)),
        ("Spannung L3", "V", "", ("u", "l3", "", 1.0)),
        ("bb1.u_l1_v", "v", "", ("u", "l1", "bb1", 1.0)),
        ("f1.i_n", "", "", ("i", "n", "f1", 1.0)),
        ("Feeder 7", "A", "L3", ("i", "l3", "Feeder 7", 1.0)),
        ("SRC 1  Vag Mag", "kV", "", None),
        ("SRC 1  Vag Angle", "deg", "", None),
        ("+ШУ_ЩПТ_2СШ_Батарея", "V", "", None),
        ("IA", "V", "", None),
        ("Frequency", "Hz", "", None),
        ("Trip", "", "", None),
    ],
)
def test_roles(name: str, unit: str, phase: str, expected: tuple[str, str, str, float] | None) -> None:
    role = role_of(Channel(1, name, phase, unit))
    found = None if role is None else (role.quantity, role.phase, role.key, role.factor)
    assert found == expected


def recording(*channels: tuple[str, str], peak: float = 8165.0, hz: float = 50.0) -> Recording:
    """Sines of 10 kV between phases."""
    t = np.arange(4000) / 4000
    values = np.array([peak * np.cos(2 * np.pi * (hz * t - n / 3)) for n in range(len(channels))])
    made = tuple(Channel(n + 1, name, unit=unit) for n, (name, unit) in enumerate(channels))
    return Recording("r.csv", "CSV", "", made, values, Fraction(4000))


def sources(layout_of: Recording) -> dict[str, list[int]]:
    layout = guess_layout(layout_of)
    return {e: [terms[0][0] + 1 for terms in channels.values()] for e, channels in layout.sources.items()}


def test_parts_of_the_plant_by_name_in_any_order() -> None:
    names = [f"{q}{p} {part}" for q, part in (("U", "B1"), ("I", "F1"), ("I", "F2")) for p in "ABC"]
    mixed = names[::-1]
    record = recording(*((name, "") for name in mixed))
    layout = guess_layout(record)
    for element, prefix in (("b1", "U"), ("f1", "I"), ("f2", "I")):
        rows = [terms[0][0] for terms in layout.sources[element].values()]
        assert [record.channels[row].name for row in rows] == [
            f"{prefix}{p} {element.upper()}" for p in "ABC"
        ]
    assert layout.doubts == ()


def test_without_parts_by_their_order() -> None:
    channels = [(name, "") for name in ("Ia", "Ib", "Ic", "In", "Ia", "Ib", "Ic", "Ua", "Ub", "Uc", "Un")]
    assert sources(recording(*channels)) == {"bb1": [8, 9, 10], "f1": [1, 2, 3, 4], "f2": [5, 6, 7]}


def test_single_channels_make_no_group() -> None:
    channels = [(name, "") for name in ("Ia", "Ua", "Ua", "Ub", "Uc", "Ib")]
    assert sources(recording(*channels)) == {"bb1": [3, 4, 5]}
    with pytest.raises(RecordingError, match=r"r.csv: channels: expected three phase voltages.*--map"):
        guess_layout(recording(("Ua", "V"), ("Ub", "V"), ("Ia", "A")))


def test_voltages_between_phases_make_those_to_the_star_point() -> None:
    record = recording(("Uab", "V"), ("Ubc", "V"), ("Uca", "V"))
    layout = guess_layout(record)
    t = np.arange(4000) / 4000
    for n, terms in enumerate(layout.sources["bb1"].values()):
        found = sum(factor * record.values[row] for row, factor in terms)
        # a phase voltage lags its voltage to the next phase by 30 degrees
        expected = 8165.0 / np.sqrt(3) * np.cos(2 * np.pi * (50 * t - n / 3 - 1 / 12))
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert layout.station.busbar[0].nominal_v == 10_000.0 / np.sqrt(3) or layout.doubts


@pytest.mark.parametrize(
    ("between", "level"), [(9_700.0, 10_000.0), (102_500.0, 110_000.0), (395.0, 400.0), (20_400.0, 20_000.0)]
)
def test_the_nominal_voltage_is_the_nearest_usual_level(between: float, level: float) -> None:
    record = recording(("Ua", "V"), ("Ub", "V"), ("Uc", "V"), peak=between * np.sqrt(2 / 3))
    record.values[:, 1000:3500] = 0.0  # most of it is an interruption
    layout = guess_layout(record)
    assert layout.station.busbar[0].nominal_v == level
    assert "estimated" in layout.nominal_from
    assert guess_layout(record, Options(nominal_v=10_500.0)).station.busbar[0].nominal_v == 10_500.0


@pytest.mark.parametrize("hz", [50, 60])
def test_the_nominal_frequency_is_seen_where_no_file_tells_it(hz: int) -> None:
    record = recording(("Ua", "V"), ("Ub", "V"), ("Uc", "V"), hz=hz * 1.01)
    layout = guess_layout(record)
    assert layout.station.station.nominal_frequency_hz == hz
    assert layout.frequency_from == "seen in the voltages"


def test_no_voltage_at_all_needs_to_be_told() -> None:
    record = recording(("Ua", "V"), ("Ub", "V"), ("Uc", "V"), peak=0.0)
    with pytest.raises(RecordingError, match="--nominal-hz"):
        guess_layout(record)
    with pytest.raises(RecordingError, match="--nominal-v"):
        guess_layout(record, Options(nominal_hz=50))


def test_the_real_station_is_guessed_as_people_mapped_it() -> None:
    record = read_recording(waveform("wisp2_110kV_2bus_11fields_50Hz"))
    layout = guess_layout(record)
    numbers = {
        e: [record.channels[terms[0][0]].number for terms in channels.values()]
        for e, channels in layout.sources.items()
    }
    assert numbers["bb1"] == [1, 2, 3]
    assert numbers["bb2"] == [5, 6, 7]
    assert [numbers[f"f{n + 1}"] for n in range(11)] == [
        list(range(13 + 4 * n, 17 + 4 * n)) for n in range(11)
    ]
    busbars = [field.busbar for field in layout.station.field]
    assert busbars[:9] == ["bb2", "bb2", "bb1", "bb2", "bb1", "bb2", "bb1", "bb1", "bb2"]
    assert [busbar.nominal_v for busbar in layout.station.busbar] == [110_000.0, 110_000.0]
    assert any("f10, f11" in doubt for doubt in layout.doubts)


def test_the_relay_is_guessed_by_order() -> None:
    record = read_recording(waveform("wisp3_interruption_50Hz"))
    layout = guess_layout(record)
    assert {e: [t[0][0] + 1 for t in c.values()] for e, c in layout.sources.items()} == {
        "bb1": [5, 6, 7],
        "f1": [1, 2, 3, 4],
    }
    assert layout.station.busbar[0].nominal_v == 330_000.0


def test_a_guess_as_a_map_gives_the_same_layout() -> None:
    record = read_recording(waveform("wisp2_110kV_2bus_11fields_50Hz"))
    guess = guess_layout(record)
    mapping = msgspec.toml.decode(write_map(record, guess), type=ChannelMap)
    told = station_layout(record, None, mapping)
    assert told.sources == guess.sources
    assert told.station == guess.station


def test_a_map_turns_a_sensor_with_a_station_file_or_alone_and_when_saved_again() -> None:
    record = recording(*((name, "V") for name in ("a", "b", "c")), *((name, "A") for name in ("d", "e", "f")))
    mapping = ChannelMap(
        (
            MappedElement("bb1", {"u_l1": 1, "u_l2": 2, "u_l3": 3}),
            MappedElement("f1", {"i_l1": 4, "i_l2": 5, "i_l3": 6}, reversed=("i_l2", "i_l3")),
        )
    )
    alone = station_layout(record, None, mapping)
    with_station = station_layout(record, alone.station, mapping)
    for layout in (alone, with_station):
        assert list(layout.sources["f1"].values()) == [((3, 1.0),), ((4, -1.0),), ((5, -1.0),)]
        assert [factor for ((_, factor),) in layout.sources["bb1"].values()] == [1.0] * 3
    saved = msgspec.toml.decode(write_map(record, alone), type=ChannelMap)
    assert station_layout(record, None, saved).sources == alone.sources


@pytest.mark.parametrize(
    ("elements", "names"),
    [
        ([MappedElement("f1", {"i_l1": 1, "i_l2": 2, "i_l3": 3})], "element: expected one to 8 with u_l1"),
        ([("bb1", "u"), ("bb2", "u"), ("f1", "i")], "f1.busbar: expected one of bb1, bb2"),
        ([("bb1", "u"), ("bb1", "u")], "expected a name used once, got 'bb1'"),
        ([("bb1", "u"), MappedElement("f1", {"i_l1": 1})], "f1.channels: expected u_l1 to u_l3, or"),
    ],
)
def test_a_map_that_stands_alone_must_say_enough(
    elements: list[MappedElement | tuple[str, str]], names: str
) -> None:
    record = recording(("a", ""), ("b", ""), ("c", ""))
    made = tuple(
        e
        if isinstance(e, MappedElement)
        else MappedElement(e[0], {f"{e[1]}_l1": 1, f"{e[1]}_l2": 2, f"{e[1]}_l3": 3})
        for e in elements
    )
    with pytest.raises(FlexcoreError) as caught:
        station_layout(record, None, ChannelMap(made), "map.toml")
    assert names in str(caught.value)
