"""Where events come from: simulated networks whose truth is known, and a real power swing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from flexcore.dsp.origin import CERTAIN, Origin, locate
from flexcore.recordings import read_recording
from support.network import FEEDERS, Networks
from support.recording import read_binary, waveform
from support.scenarios import UDIN_V, Scenario, View, scenarios

Array = npt.NDArray[np.float64]


def judge(s: Scenario, nominal_hz: float = 50.0) -> Origin:
    return locate(
        s.voltages,
        s.currents,
        rate_hz=s.rate_hz,
        nominal_hz=nominal_hz,
        udin_v=UDIN_V,
        begin=s.begin,
        end=s.end,
    )


def places(s: Scenario) -> set[str]:
    """What is true of the scenario, as far as its fields are measured."""
    everywhere = all(current is not None for current in s.currents)
    if s.source < 0:
        return {"busbar"} if everywhere else {"busbar", "unmeasured"}
    if s.currents[s.source] is None:
        return {"unmeasured"}
    return {"supply"} if s.source == 0 else {"field"}


Judged = tuple[Scenario, Origin]


def judged(cases: Iterable[Scenario], nominal_hz: float = 50.0) -> list[Judged]:
    return [(s, judge(s, nominal_hz)) for s in cases]


def score(cases: Iterable[Judged]) -> Counter[str]:
    """How often the fields' directions and the place are right, unknown or wrong."""
    count: Counter[str] = Counter()
    for s, origin in cases:
        if all(current is None for current in s.currents):
            continue
        for number, (field, current) in enumerate(zip(origin.fields, s.currents, strict=True)):
            truth = "downstream" if number == s.source else "upstream"
            if current is None or field.direction == "unknown":
                assert field.direction == "unknown"
                assert field.reason
                count["direction unknown"] += current is not None
            else:
                assert field.confidence >= CERTAIN
                count["direction right" if field.direction == truth else "direction wrong"] += 1
        measured = s.source >= 0 and s.currents[s.source] is not None
        if origin.place == "unknown":
            assert origin.reason
            count["place unknown"] += 1
        else:
            right = origin.place in places(s) and origin.field == (s.source if measured else None)
            count["place right" if right else "place wrong"] += 1
    return count


def share(count: Counter[str], what: str) -> float:
    return count[what] / sum(count[name] for name in count if name.split()[0] == what.split()[0])


@pytest.fixture(scope="module")
def known() -> list[Judged]:
    """Every kind of disturbance, in every place, seen at 9600, 1200 and 800 Hz with 0.2 % noise."""
    return judged(scenarios(2401, 135, View(by=1), View(by=8), View(by=12)))


@pytest.mark.parametrize("rate_hz", [9600.0, 1200.0, 800.0])
def test_direction_and_place_on_known_networks(known: list[Judged], rate_hz: float) -> None:
    count = score(case for case in known if case[0].rate_hz == rate_hz)
    assert share(count, "direction right") >= 0.95
    assert share(count, "direction wrong") <= 0.01
    assert share(count, "place right") >= 0.9
    assert share(count, "place wrong") <= 0.03


def test_no_kind_of_disturbance_is_a_weak_spot(known: list[Judged]) -> None:
    for kind in {s.kind for s, _ in known}:
        count = score(case for case in known if case[0].kind == kind)
        assert share(count, "direction right") >= (0.85 if kind == "1ph" else 0.95), kind
        assert share(count, "direction wrong") <= 0.02, kind


def test_what_is_sure_is_right(known: list[Judged]) -> None:
    sure = [
        (field.direction == "downstream") == (number == s.source)
        for s, origin in known
        for number, field in enumerate(origin.fields)
        if field.direction != "unknown" and field.confidence > 0.95
    ]
    assert len(sure) > 1500
    assert np.mean(sure) > 0.998


@pytest.fixture(scope="module")
def wretched() -> list[Judged]:
    """Noise up to 3 %, rates down to 800 Hz, up to 80 % of the fields unmeasured, currents cut off."""
    return judged(scenarios(2402, 135, any_views=3))


def test_a_wretched_instrument_is_seldom_surely_wrong(wretched: list[Judged]) -> None:
    count = score(wretched)
    assert share(count, "direction wrong") <= 0.01
    assert share(count, "place wrong") <= 0.02
    assert share(count, "direction right") >= 0.8


def test_confidence_is_the_share_that_is_right(wretched: list[Judged]) -> None:
    claims = []
    for s, origin in wretched:
        claims += [
            (field.confidence, field.direction == ("downstream" if number == s.source else "upstream"))
            for number, field in enumerate(origin.fields)
            if field.direction != "unknown"
        ]
    confidence, right = np.array(claims, float).T
    for low, high in ((0.8, 0.95), (0.95, 0.99), (0.99, 1.0)):
        within = (confidence >= low) & (confidence < high)
        assert within.sum() > 20
        assert right[within].mean() >= confidence[within].mean() - 0.06


def test_at_20_khz_and_at_60_hz() -> None:
    count = score(judged(scenarios(2404, 18, View(), base_hz=20_000.0)))
    count += score(judged(scenarios(2405, 27, View(by=2), nominal_hz=60.0), 60.0))
    assert share(count, "direction right") >= 0.95
    assert not count["direction wrong"]


def test_four_cycles_before_and_two_after_are_enough(known: list[Judged]) -> None:
    def cut(s: Scenario) -> Scenario:
        cycle = s.rate_hz / 50.0
        first, after = int(s.begin - 4.1 * cycle), int(s.begin + 2.1 * cycle)
        currents = [None if i is None else i[:, first:after] for i in s.currents]
        voltages, begin, end = s.voltages[:, first:after], s.begin - first, s.end - first
        return replace(s, voltages=voltages, currents=currents, begin=begin, end=end)

    count = score(judged(cut(s) for s, _ in known if s.rate_hz == 1200.0))
    assert share(count, "direction right") >= 0.95
    assert share(count, "direction wrong") <= 0.01


def one(kind: str = "3ph", seed: int = 7, *, measured: bool = True) -> Scenario:
    """A clear disturbance in a feeder."""
    for s in scenarios(seed, 18, View(by=2, blind=0.0), kinds=(kind,)):
        if s.source > 0 and judge(s).place == "field":
            return s
    raise AssertionError("none")


def answers(s: Scenario, **changed: object) -> Origin:
    given: dict[str, object] = {
        "rate_hz": s.rate_hz, "nominal_hz": 50.0, "udin_v": UDIN_V, "begin": s.begin, "end": s.end,
        "voltages": s.voltages, "currents": s.currents,
    } | changed  # fmt: skip
    return locate(given.pop("voltages"), given.pop("currents"), **given)  # type: ignore[arg-type]


def test_order_phases_and_scale_do_not_matter() -> None:
    s = one()
    found = answers(s)
    order = [3, 0, 4, 2, 1]
    moved = answers(s, currents=[s.currents[k] for k in order])
    assert [moved.fields[order.index(k)].direction for k in range(5)] == [f.direction for f in found.fields]
    assert order[moved.field or 0] == found.field
    turned = [np.roll(current, 1, axis=0) for current in s.currents if current is not None]
    assert answers(s, voltages=np.roll(s.voltages, 1, axis=0), currents=turned).field == found.field
    larger = [4.0 * current for current in s.currents if current is not None]
    scaled = answers(s, voltages=11.0 * s.voltages, currents=larger, udin_v=11.0 * UDIN_V)
    assert (scaled.place, scaled.field) == (found.place, found.field)
    assert scaled.confidence == pytest.approx(found.confidence, abs=1e-3)


def test_a_neutral_current_changes_nothing() -> None:
    s = one()
    with_neutral = [np.vstack((i, i.sum(axis=0, keepdims=True))) for i in s.currents if i is not None]
    assert answers(s, currents=with_neutral) == answers(s)


def test_the_onset_is_found() -> None:
    off = []
    for s in scenarios(11, 36, View(by=2), kinds=("3ph", "2ph", "bank")):
        origin = judge(s)
        assert origin.onset is not None
        off.append(origin.onset / s.rate_hz - s.note["on_s"])
    assert np.median(np.abs(off)) < 1e-3
    assert np.max(np.abs(off)) < 4e-3


def test_gaps_are_told_and_not_bridged() -> None:
    s = one()
    torn = s.voltages.copy()
    torn[1, s.begin + 5] = np.nan
    origin = answers(s, voltages=torn)
    assert (origin.place, origin.reason) == ("unknown", "gap")
    assert all(field.reason == "gap" for field in origin.fields)
    others = list(s.currents)
    broken = np.array(others[s.source])
    broken[0, s.begin - 10] = np.inf
    others[s.source] = broken
    origin = answers(s, currents=others)
    assert origin.fields[s.source].reason == "gap"
    assert origin.place == "unmeasured"
    assert not any(f.direction == "downstream" for f in origin.fields)
    late = s.voltages.copy()
    late[:, -3:] = np.nan
    assert answers(s, voltages=late).field == s.source


def test_missing_and_dead_currents() -> None:
    s = one()
    nobody = answers(s, currents=[None] * 5)
    assert (nobody.place, nobody.reason) == ("unknown", "no_current")
    dead = [np.zeros_like(i) for i in s.currents if i is not None]
    assert answers(s, currents=dead).reason == "no_current"
    others = list(s.currents)
    others[s.source] = np.zeros_like(s.voltages)
    origin = answers(s, currents=others)
    assert origin.place in ("unmeasured", "busbar")
    assert origin.fields[s.source].direction == "unknown"
    assert origin.fields[s.source].reason == "no_current"
    assert answers(s, currents=[]).fields == ()


def test_too_little_around_the_event() -> None:
    s = one()
    assert answers(s, begin=int(3.5 * 96)).reason == "short"
    ends = s.begin + int(1.1 * 96)
    cut = [i[:, :ends] for i in s.currents if i is not None]
    assert answers(s, voltages=s.voltages[:, :ends], currents=cut).reason == "short"
    assert answers(s, voltages=np.zeros_like(s.voltages)).reason == "no_voltage"
    steady = np.tile(s.voltages[:, 96:288], 12)
    assert answers(s, voltages=steady[:, : s.voltages.shape[1]]).reason == "slow"


def test_shapes_are_checked() -> None:
    s = one()
    with pytest.raises(ValueError, match="voltages of shape"):
        answers(s, voltages=s.voltages[:2])
    with pytest.raises(ValueError, match=r"currents\[1\]"):
        answers(s, currents=[s.currents[0], s.voltages[:, :-1]])


@pytest.mark.parametrize("slip_hz", [0.5, 1.5, 3.0])
def test_a_power_swing_has_no_origin(slip_hz: float) -> None:
    """Two grids out of step: the voltage dips, and nobody may say that a field did it."""
    w = 2.0 * np.pi * 50.0
    net = Networks(1, np.array([50.0]))
    net.set("grid", 0, 0.02, 0.4 / w)
    net.set("incoming", 0, 0.02, 0.4 / w)
    net.set("grid_c", 0, 0.5, 0.0, 1e6)
    net.set("neutral", 0, 0.05)
    for k in range(FEEDERS):
        net.set(f"cable{k}", 0, 0.05, 0.1 / w)
        net.set(f"c{k}", 0, 0.5, 0.0, 1e6)
        net.set(f"load{k}", 0, 40.0, 15.0 / w)
    net.set("machine1", 0, 0.05, 0.8 / w)
    net.machine_va[0, 1] = 5e6
    net.slip_hz[0, 1] = slip_hz
    net.emf[0, 1:4] = UDIN_V * np.sqrt(2) * np.exp(-2j * np.pi * np.arange(3) / 3)
    voltages, currents = net.run(4800.0, 1.5)
    u, i = voltages[0], list(currents[0])
    squares = np.cumsum((u * u).mean(axis=0))
    rms = np.sqrt((squares[96:] - squares[:-96]) / 96) / UDIN_V
    assert rms.min() < 0.75
    begins = np.flatnonzero((rms[1:] < 0.9) & (rms[:-1] >= 0.9))
    begins = begins[begins > 480]
    assert begins.size
    for begin in begins:
        origin = locate(u, i, rate_hz=4800.0, nominal_hz=50.0, udin_v=UDIN_V, begin=float(begin))
        assert origin.place == "unknown"
        assert origin.reason in ("slow", "unsteady")


class TestWisp2:
    """A power swing at 110 kV; line 62's distance protection trips it at 1.47 s and, reclosed, at 5.96 s.

    The digital channels say so: stage 1 of line 62's distance protection at 1.471 s, its breaker's closed
    signal gone at 1.52 s, back at 5.49 s, gone for good at 5.99 s. There is no fault (the negative
    sequence stays below 3.2 %): the dips are the swing's, and have no place in this station. What has a
    place is the opening of line 62's breaker at 6.01 s, a tenth of the voltage and more within a cycle.
    """

    LINES = ("ВЛ1", "ВЛ2", "ВЛ3", "ВЛ4", "ВЛ5", "ВЛ62", "ВЛ7")

    @pytest.fixture(scope="class")
    def recording(self) -> dict[str, Array]:
        channels, rate_hz = read_binary(waveform("wisp2_110kV_2bus_11fields_50Hz"))
        assert rate_hz == 1200.0
        rows = list(channels)
        found = {"bb1": 1000.0 * np.array([channels[name] for name in rows[:3]])}
        found["bb2"] = 1000.0 * np.array([channels[name] for name in rows[4:7]])
        currents = [n for n, name in enumerate(rows) if name.startswith("Ia_")]
        for first in currents:
            name = rows[first].rsplit("_", 1)[1]
            found[name] = np.array([channels[rows[first + k]] for k in range(3)])
        return found

    def test_one_transformer_is_wired_the_other_way_round(self, recording: dict[str, Array]) -> None:
        """By Kirchhoff's law over both busbars: as it is, two thirds of the current are missing."""
        names = [*self.LINES, "АТ1", "АТ2"]
        total = sum(np.sqrt((recording[name] ** 2).mean()) for name in names)
        as_is = np.sqrt((np.sum([recording[name] for name in names], axis=0) ** 2).mean())
        turned = np.sqrt((np.sum(self.fields(recording)[1], axis=0) ** 2).mean())
        assert as_is > 0.6 * total
        assert turned < 0.05 * total

    def fields(self, recording: dict[str, Array]) -> tuple[list[str], list[Array]]:
        names = [*self.LINES, "АТ1", "АТ2"]
        return names, [recording[n] * (-1 if n == "АТ1" else 1) for n in names]

    @pytest.mark.parametrize("busbar", ["bb1", "bb2"])
    def test_the_opening_of_line_62_lies_in_line_62(self, recording: dict[str, Array], busbar: str) -> None:
        names, currents = self.fields(recording)
        u = recording[busbar]
        for begin_s in (5.995, 6.0, 6.005):
            origin = locate(
                u, currents, rate_hz=1200, nominal_hz=50, udin_v=110e3 / np.sqrt(3), begin=begin_s * 1200
            )
            assert origin.onset is not None
            assert 6.0 < origin.onset / 1200 < 6.02
            assert origin.field == names.index("ВЛ62")
            assert origin.fields[names.index("ВЛ62")].direction == "downstream"
            assert {f.direction for n, f in zip(names, origin.fields, strict=True) if n != "ВЛ62"} == {
                "upstream"
            }

    def test_the_other_busbar_sees_it_through_the_coupler(self, recording: dict[str, Array]) -> None:
        names = ["ВЛ3", "ВЛ5", "ВЛ7", "АТ1", "ШСВМ"]
        currents = [recording[n] * (-1 if n == "АТ1" else 1) for n in names]
        origin = locate(
            recording["bb1"], currents, rate_hz=1200, nominal_hz=50, udin_v=110e3 / np.sqrt(3), begin=7200.0
        )
        assert origin.fields[names.index("ШСВМ")].direction == "downstream"

    @pytest.mark.parametrize("busbar", ["bb1", "bb2"])
    def test_no_dip_or_swell_of_the_swing_is_blamed_on_a_field(
        self, recording: dict[str, Array], busbar: str
    ) -> None:
        _, currents = self.fields(recording)
        u, udin_v = recording[busbar], 110e3 / np.sqrt(3)
        squares = np.cumsum(np.concatenate((np.zeros((3, 1)), u**2), axis=1), axis=1)
        rms = np.sqrt((squares[:, 24::12] - squares[:, :-24:12]) / 24) / udin_v
        low, high = rms.min(axis=0), rms.max(axis=0)
        begins = [
            12 * k for k in range(1, low.size) if low[k] < 0.9 <= low[k - 1] or high[k] > 1.1 >= high[k - 1]
        ]
        assert len(begins) > 25
        for begin in begins:
            origin = locate(u, currents, rate_hz=1200, nominal_hz=50, udin_v=udin_v, begin=begin)
            assert origin.place == "unknown"
            assert origin.field is None
            assert origin.reason in ("slow", "unsteady", "weak")


def test_wisp3_a_fault_that_the_lines_own_breaker_cleared() -> None:
    """Phase B to earth at 330 kV, 800 Hz, one line measured; its relay opened pole B, later all three."""
    recording = read_recording(waveform("wisp3_interruption_50Hz"))
    i, u = recording.values[0:3], recording.values[4:7]
    assert recording.rate_hz == pytest.approx(800.214, abs=1e-3)
    origin = locate(u, [i], rate_hz=800, nominal_hz=50, udin_v=330e3 / np.sqrt(3), begin=0.46 * 800)
    assert origin.onset is not None
    assert 0.455 < origin.onset / 800 < 0.48
    assert origin.fields[0].direction == "downstream"
    assert origin.fields[0].confidence > 0.99
    turned = locate(u, [-i], rate_hz=800, nominal_hz=50, udin_v=330e3 / np.sqrt(3), begin=0.46 * 800)
    assert turned.fields[0].direction == "upstream"
