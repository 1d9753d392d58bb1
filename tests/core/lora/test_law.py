"""Air time, bands, ledger, transmitter: whatever happens to box, disk and clocks, no hour holds too much."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore.errors import SettingsError
from flexcore.lora.airtime import Modulation, airtime_ns
from flexcore.lora.bands import HOUR_NS, Band, band_of, bands
from flexcore.lora.clocks import Clocks
from flexcore.lora.errors import AirtimeError, LedgerError, ModemError, StaleError, UnsynchronisedError
from flexcore.lora.ledger import Ledger
from flexcore.lora.transmitter import VALID_NS, Transmitter

#: Of the 76-byte message at 125 kHz, 4/5, preamble 8, CRC on: two independent calculators agree on these.
MILLISECONDS = {7: 138.5, 8: 246.3, 9: 451.6, 10: 821.2, 11: 1724.4, 12: 3285.0}
SECOND = 1_000_000_000
EVENTS = ("send", "send", "send", "wait", "restart", "boot", "clock", "spoil")


class World:
    """True time, and a box's clocks in it, which may be wrong, stop and start anew."""

    def __init__(self) -> None:
        self.true_ns = 1_700_000_000 * SECOND
        self.booted_ns = self.true_ns
        self.boot = 1
        self.utc_off_ns = 0
        self.synchronised = True

    def clocks(self) -> Clocks:
        return Clocks(
            f"b{self.boot}",
            lambda: self.true_ns + self.utc_off_ns,
            lambda: self.true_ns - self.booted_ns,
            lambda: self.synchronised,
        )

    def reboot(self, off_s: float) -> None:
        self.true_ns += round(off_s * SECOND)
        self.boot += 1
        self.booted_ns = self.true_ns


def band(name: str = "869.4") -> Band:
    return next(b for b in bands() if b.name == name)


@pytest.mark.parametrize("factor", MILLISECONDS)
def test_air_time_of_the_message(factor: int) -> None:
    assert airtime_ns(Modulation(factor), 76) / 1e6 == pytest.approx(MILLISECONDS[factor], abs=0.06)


def test_air_time_worked_by_hand() -> None:
    """SX1276 data sheet, 4.1.1.7: SF7 at 125 kHz, 1 byte: ceil((8 - 28 + 44) / 28) 5 + 8 = 13 symbols."""
    assert airtime_ns(Modulation(7), 1) == math.ceil((8 + 4.25 + 13) * 1_024_000)
    assert airtime_ns(Modulation(12), 255) > airtime_ns(Modulation(12), 254 - 4)
    for size in (-1, 256):
        with pytest.raises(ValueError, match="expected 0 to 255"):
            airtime_ns(Modulation(7), size)


@pytest.mark.parametrize("change", [{"spreading_factor": 6}, {"bandwidth_hz": 62_500}, {"coding": 9}])
def test_what_lora_has_not_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(Modulation(7), **change)


@pytest.mark.parametrize(
    ("hz", "name"),
    [(869_525_000, "869.4"), (868_300_000, "868.0"), (868_062_500, "868.0"), (863_062_500, "863")],
)
def test_a_channel_lies_whole_in_its_band(hz: int, name: str) -> None:
    assert band_of(hz, 125_000).name == name


@pytest.mark.parametrize("hz", [868_600_000, 869_400_000, 868_650_000, 433_000_000, 0])
def test_a_channel_across_an_edge_or_outside_is_refused(hz: int) -> None:
    with pytest.raises(SettingsError, match="expected it within one of"):
        band_of(hz, 125_000)


def test_the_hour_rolls(tmp_path: Path) -> None:
    world = World()
    ledger = Ledger(tmp_path / "air", world.clocks())
    air_ns = airtime_ns(Modulation(12), 76)
    sent = 0
    while not ledger.wait_ns(band(), air_ns):
        ledger.charge(band(), air_ns)
        world.true_ns += air_ns
        sent += 1
    assert sent == 109
    with pytest.raises(AirtimeError) as caught:
        ledger.charge(band(), air_ns)
    world.true_ns += round(caught.value.wait_s * SECOND)
    ledger.charge(band(), air_ns)
    assert ledger.wait_ns(band("868.0"), air_ns) == 0, "another band is another hour"
    with pytest.raises(AirtimeError):
        ledger.wait_ns(band("863"), 10 * SECOND)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_hour_holds_more_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Restarts, boots, spoilt lines, UTC that is wrong while it is not synchronised."""
    folder = tmp_path_factory.mktemp("air")
    world, file = World(), folder / "air"
    ledger = Ledger(file, world.clocks())
    chosen, on_air = band("868.0"), []
    for _ in range(data.draw(st.integers(5, 60))):
        event = data.draw(st.sampled_from(EVENTS))
        if event == "send":
            air_ns = airtime_ns(Modulation(data.draw(st.integers(7, 12))), data.draw(st.integers(1, 255)))
            try:
                ledger.charge(chosen, air_ns)
            except AirtimeError:
                continue
            on_air.append((world.true_ns, world.true_ns + air_ns))
            world.true_ns += air_ns
        elif event == "wait":
            world.true_ns += data.draw(st.integers(0, 2 * HOUR_NS))
        elif event == "clock":
            world.synchronised = not world.synchronised
            off = data.draw(st.integers(-10 * HOUR_NS, 10 * HOUR_NS))
            world.utc_off_ns = 0 if world.synchronised else off
        else:
            ledger.close()
            if event == "boot":
                world.reboot(data.draw(st.floats(0.0, 7200.0)))
                world.synchronised = False
            elif event == "spoil" and file.stat().st_size:
                raw = bytearray(file.read_bytes())
                raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
                file.write_bytes(raw)
            ledger = Ledger(file, world.clocks())
    ledger.close()
    for _, end in on_air:
        inside = sum(e - max(s, end - HOUR_NS) for s, e in on_air if e <= end and e > end - HOUR_NS)
        assert inside <= chosen.allowed_ns


def test_an_unfinished_last_line_was_not_sent(tmp_path: Path) -> None:
    world, file = World(), tmp_path / "air"
    ledger = Ledger(file, world.clocks())
    ledger.charge(band(), SECOND)
    ledger.charge(band(), SECOND)
    ledger.close()
    file.write_bytes(file.read_bytes()[:-3])
    assert Ledger(file, world.clocks()).used_ns(band()) == SECOND


@pytest.mark.parametrize(
    ("raw", "packets"),
    [(b"\0" * 20 + b"\n", 1), (b"1 869.4 b1 1 1 1 00000000\n", 1), (b"\xff\n", 1), (b"\xff\n\xfe\n", 2)],
)
def test_a_line_that_is_none_counts_as_the_longest_packet_in_every_band(
    tmp_path: Path, raw: bytes, packets: int
) -> None:
    world, file = World(), tmp_path / "air"
    file.write_bytes(raw)
    ledger = Ledger(file, world.clocks())
    longest_ns = airtime_ns(Modulation(12), 255)
    assert all(ledger.used_ns(one) == packets * longest_ns for one in bands())
    world.true_ns += HOUR_NS
    assert ledger.used_ns(band()) == 0


def test_lines_that_were_joined_count_as_at_least_as_many(tmp_path: Path) -> None:
    world, file = World(), tmp_path / "air"
    ledger = Ledger(file, world.clocks())
    longest_ns = airtime_ns(Modulation(12), 255)
    for _ in range(3):
        ledger.charge(band(), longest_ns)
    ledger.close()
    file.write_bytes(file.read_bytes().replace(b"\n", b"?", 2))
    assert Ledger(file, world.clocks()).used_ns(band()) >= 3 * longest_ns


def test_two_processes_never_hold_it(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "air", World().clocks())
    with pytest.raises(LedgerError, match="another process holds it"):
        Ledger(tmp_path / "air", World().clocks())
    first.close()
    Ledger(tmp_path / "air", World().clocks()).close()


def test_what_cannot_be_written_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LedgerError):
        Ledger(tmp_path / "none" / "air", World().clocks())
    world = World()
    modem, ledger = Modem(), Ledger(tmp_path / "air", world.clocks())
    sender = Transmitter(modem, ledger, band(), Modulation(9), world.clocks())
    os.close(ledger._fd)
    ledger._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(LedgerError, match="expected to write down"):
        sender.send(lambda _: bytes(76))
    assert modem.sent == []
    assert ledger.used_ns(band()) == 0


class Modem:
    """What was given to it; an error where one is set."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.error: Exception | None = None

    def send(self, data: bytes, within_ms: int = 0) -> None:
        self.sent.append(data)
        if self.error is not None:
            raise self.error


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def modem() -> Modem:
    return Modem()


@pytest.fixture
def sender(world: World, modem: Modem, tmp_path: Path) -> Transmitter:
    return Transmitter(
        modem, Ledger(tmp_path / "air", world.clocks()), band(), Modulation(12), world.clocks()
    )


def test_the_stamp_is_made_just_before(world: World, modem: Modem, sender: Transmitter) -> None:
    air_ns = sender.send(lambda utc_ns: utc_ns.to_bytes(8, "big") + bytes(68))
    assert air_ns == airtime_ns(Modulation(12), 76)
    assert int.from_bytes(modem.sent[0][:8], "big") == world.true_ns


def test_without_the_time_nothing_is_made_or_sent(world: World, modem: Modem, sender: Transmitter) -> None:
    world.synchronised = False
    with pytest.raises(UnsynchronisedError):
        sender.send(lambda _: pytest.fail("made"))
    assert modem.sent == []


def test_a_message_that_would_come_too_late_is_not_sent(
    world: World, modem: Modem, sender: Transmitter
) -> None:
    def slow(_: int) -> bytes:
        world.true_ns += VALID_NS - 3 * SECOND  # 3.3 s on air follow
        return bytes(76)

    with pytest.raises(StaleError):
        sender.send(slow)
    with pytest.raises(StaleError):
        sender.send_stamped(bytes(76), world.true_ns + SECOND)  # from the future
    assert modem.sent == []


def test_what_the_modem_does_not_confirm_counts_as_sent(
    world: World, modem: Modem, sender: Transmitter
) -> None:
    modem.error = TimeoutError(110, "RN2483: silent")
    with pytest.raises(ModemError, match="silent"):
        sender.send(lambda _: bytes(76))
    assert sender._ledger.used_ns(band()) == airtime_ns(Modulation(12), 76)
