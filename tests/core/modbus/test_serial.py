"""Meters on a serial line: true RTU frames over a pseudo-terminal, and a line that goes away."""

from __future__ import annotations

import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from flexcore.drivers.modbus.frames import ModbusError, crc16, rtu_frame
from flexcore.drivers.modbus.meter import Meter
from flexcore.drivers.modbus.profile import read_profile
from flexcore.drivers.modbus.wire import SerialWire
from flexcore.simulator.modbus import SimulatedMeter
from support.modbus_truth import TRUE

PROFILE = "eastron-sdm630"


class Bus:
    """The far end of a serial line: meters by their numbers, who answer requests with a right CRC.

    ``before`` and ``instead`` are what the line says before and in place of an answer.
    """

    def __init__(self, link: Path, *meters: SimulatedMeter) -> None:
        self.meters = {meter.unit: meter for meter in meters}
        self.before, self.instead = b"", None
        self.requests = 0
        self._link = link
        self._plug()

    def _plug(self) -> None:
        self._far, self._near = pty.openpty()
        tty.setraw(self._far)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(self._near))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """The adapter is pulled out."""
        self._ending.set()
        self._thread.join(5.0)
        self._link.unlink(missing_ok=True)
        os.close(self._near)
        os.close(self._far)

    def plug(self) -> None:
        """And put back."""
        self._plug()

    def _serve(self) -> None:
        buffer = b""
        while not self._ending.is_set():
            if not select.select([self._far], [], [], 0.05)[0]:
                continue
            try:
                buffer += os.read(self._far, 4096)
            except OSError:
                return
            while len(buffer) >= 8:
                request, buffer = buffer[:8], buffer[8:]
                assert crc16(request[:6]) == int.from_bytes(request[6:], "little")
                self.requests += 1
                meter = self.meters.get(request[0])
                if meter is None or meter.trouble.silent:
                    continue
                told = meter.unit if meter.trouble.other_unit is None else meter.trouble.other_unit
                answer = rtu_frame(told, meter.answer(request[1:6]))
                os.write(self._far, self.before + (answer if self.instead is None else self.instead))


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    one = Bus(tmp_path / "tty", simulated(1), simulated(2))
    yield one
    one.unplug()


def simulated(unit: int) -> SimulatedMeter:
    return SimulatedMeter(read_profile(PROFILE), {**TRUE, "f_hz": 50.0 + unit / 100.0}, unit)


def meter(bus: Bus, wire: SerialWire, unit: int, timeout_s: float = 3.0) -> Meter:
    return Meter(read_profile(PROFILE), wire, unit, timeout_s=timeout_s)


def wire_of(tmp_path: Path, baud: int = 38_400) -> SerialWire:
    return SerialWire(str(tmp_path / "tty"), baud)


def test_two_meters_share_a_line(bus: Bus, tmp_path: Path) -> None:
    wire = wire_of(tmp_path)
    first, second = meter(bus, wire, 1), meter(bus, wire, 2)
    for _ in range(3):
        assert first.read()["f_hz"] == pytest.approx(50.01, abs=1e-3)
        values = second.read()
        assert values["f_hz"] == pytest.approx(50.02, abs=1e-3)
    assert values["u_l1_v"] == pytest.approx(TRUE["u_l1_v"], rel=1e-6)
    assert values["p_w"] == pytest.approx(TRUE["p_w"], rel=1e-6)
    wire.close()


@pytest.mark.parametrize(
    ("baud", "parity", "stop_bits"), [(1200, "even", 1), (9600, "odd", 1), (115_200, "none", 2)]
)
def test_speeds_and_parities_are_set(
    bus: Bus, tmp_path: Path, baud: int, parity: str, stop_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told to the kernel: a pseudo-terminal itself knows no parity."""
    told: list[list[int]] = []
    monkeypatch.setattr(termios, "tcsetattr", lambda _fd, _when, settings: told.append(settings))
    SerialWire(str(tmp_path / "tty"), baud, parity, stop_bits).connect(1.0).close()  # type: ignore[arg-type]
    _, _, flags, local, speed_in, speed_out, _ = told[0]
    assert speed_in == speed_out == getattr(termios, f"B{baud}")
    assert bool(flags & termios.PARENB) == (parity != "none")
    assert bool(flags & termios.PARODD) == (parity == "odd")
    assert bool(flags & termios.CSTOPB) == (stop_bits == 2)
    assert flags & termios.CS8 == termios.CS8
    assert not local, "nothing is echoed or edited"


def test_noise_of_a_line_that_turns_round_is_skipped(bus: Bus, tmp_path: Path) -> None:
    bus.before = b"\x00\xff\x03"
    wire = wire_of(tmp_path)
    assert meter(bus, wire, 1).read()["f_hz"] == pytest.approx(50.01, abs=1e-3)
    wire.close()


def test_a_silent_meter_another_s_answer_and_garbage_are_told_apart(bus: Bus, tmp_path: Path) -> None:
    wire = wire_of(tmp_path)
    for change, reason in (("silent", "silent"), ("other", "other_device"), ("garbage", "garbage")):
        bus.meters[1].trouble.silent = change == "silent"
        bus.meters[1].trouble.other_unit = 9 if change == "other" else None
        bus.instead = b"\x55" * 40 if change == "garbage" else None
        with pytest.raises(ModbusError) as caught:
            meter(bus, wire, 1, 0.3).read()
        assert caught.value.reason == reason and "\n" not in str(caught.value)
    bus.instead = None
    assert meter(bus, wire, 1).read()["f_hz"] == pytest.approx(50.01, abs=1e-3), "and it comes back"
    assert meter(bus, wire, 2).read()["f_hz"] == pytest.approx(50.02, abs=1e-3), "others go on"
    wire.close()


def test_an_adapter_that_is_pulled_out_comes_back(bus: Bus, tmp_path: Path) -> None:
    wire = wire_of(tmp_path)
    one = meter(bus, wire, 1)
    assert one.read()
    bus.unplug()
    with pytest.raises(ModbusError) as caught:
        one.read()
    assert caught.value.reason in ("unreachable", "closed")
    bus.plug()
    assert one.read()["f_hz"] == pytest.approx(50.01, abs=1e-3)
    wire.close()


def test_what_is_no_serial_line_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tty").write_text("")
    with pytest.raises(ModbusError, match="not a serial line") as caught:
        wire_of(tmp_path).connect(1.0)
    assert caught.value.reason == "unreachable"
    with pytest.raises(ModbusError) as caught:
        meter(None, SerialWire(str(tmp_path / "none")), 1).read()  # type: ignore[arg-type]
    assert caught.value.reason == "unreachable"
