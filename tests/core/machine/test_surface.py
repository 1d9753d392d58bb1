"""MicroPython's surface over the simulated back end: what its documentation says, and what it refuses."""

from __future__ import annotations

import errno
import os
import pty
import threading
import time
import tty
from collections.abc import Iterator

import pytest

from flexcore import machine
from flexcore.errors import SettingsError
from flexcore.machine import ADC, I2C, RTC, SPI, UART, WDT, Pin, Signal, Timer, ticks
from flexcore.machine.linux import LinuxBackend
from flexcore.simulator.backend import SimulatedBackend, SimulatedLine
from flexcore.simulator.chips.bus import Bus
from support.waiting import eventually


@pytest.fixture
def box() -> Iterator[SimulatedBackend]:
    made = SimulatedBackend()
    machine.use(made)
    yield made
    machine.use(None)


def test_a_pin_drives_reads_and_floats(box: SimulatedBackend) -> None:
    pin = Pin("RELAY", Pin.OUT, value=1)
    assert (pin.value(), pin(), pin.mode()) == (1, 1, Pin.OUT)
    pin.off()
    pin.toggle()
    assert pin() == 1
    pin(0)
    box.pins["RELAY"].drive(True)
    assert pin() == 0, "an output wins"
    pin.init(Pin.IN, Pin.PULL_UP)
    box.pins["RELAY"].drive(None)
    assert (pin(), pin.pull()) == (1, Pin.PULL_UP)
    pin.init(pull=None)
    assert (pin(), pin.pull()) == (0, None)


def test_an_open_drain_pulls_low_and_lets_others(box: SimulatedBackend) -> None:
    one, other = Pin("SDA", Pin.OPEN_DRAIN, Pin.PULL_UP, value=1), Pin("SDA")
    assert other() == 1
    one(0)
    assert other() == 0
    one(1)
    box.pins["SDA"].drive(False)
    assert one() == 0


@pytest.mark.parametrize(
    "settings", [{"mode": 7}, {"mode": Pin.ALT}, {"pull": 9}, {"drive": 1}, {"alt": 3}, {"mode": "in"}]
)
def test_what_a_pin_cannot_is_refused(box: SimulatedBackend, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Pin("X", **settings)  # type: ignore[arg-type]


def test_edges_call_the_handler_and_its_faults_end_nothing(
    box: SimulatedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []

    def handler(pin: Pin) -> None:
        seen.append(pin())
        if len(seen) == 2:
            raise RuntimeError("once")

    door = Pin("DOOR", Pin.IN, Pin.PULL_UP)
    irq = door.irq(handler, Pin.IRQ_FALLING)
    for level in (False, True, False, False, True, False):
        box.pins["DOOR"].drive(level)
    assert seen == [0, 0, 0]
    assert irq.flags() == Pin.IRQ_FALLING
    assert "failed" in caplog.text
    irq.trigger(Pin.IRQ_RISING)
    box.pins["DOOR"].drive(True)
    assert seen == [0, 0, 0, 1]
    door.irq(None)
    box.pins["DOOR"].drive(False)
    box.pins["DOOR"].drive(True)
    assert len(seen) == 4
    for bad in ({"trigger": 0}, {"trigger": 16}, {"hard": True}, {"wake": 1}):
        with pytest.raises(ValueError, match="expected"):
            door.irq(handler, **bad)  # type: ignore[arg-type]


def test_a_signal_speaks_of_active(box: SimulatedBackend) -> None:
    lamp = Signal(Pin("LAMP", Pin.OUT, value=1), invert=True)
    assert lamp() == 0
    lamp.on()
    assert Pin("LAMP")() == 0
    made = Signal("FAN", Pin.OUT, value=1, invert=True)
    assert (made.value(), Pin("FAN")()) == (1, 0)


def test_missing_wires_are_missing(box: SimulatedBackend) -> None:
    for make in (lambda: I2C(9), lambda: SPI(9), lambda: UART("/dev/none"), lambda: ADC(9)):
        with pytest.raises(OSError) as caught:
            make()
        assert caught.value.errno == errno.ENODEV


def test_spi_moves_both_ways_at_once(box: SimulatedBackend) -> None:
    box.spis[0] = lambda out: bytes(byte ^ 0xFF for byte in out)
    spi = SPI(0, 500_000, polarity=1, phase=1)
    back = bytearray(3)
    spi.write_readinto(b"\x00\x0f\xff", back)
    assert back == b"\xff\xf0\x00"
    assert spi.read(2, 0xF0) == b"\x0f\x0f"
    with pytest.raises(ValueError, match="same length"):
        spi.write_readinto(b"12", bytearray(3))
    spi.deinit()
    with pytest.raises(OSError, match="open"):
        spi.read(1)
    box.spis[0] = lambda out: out[:-1]
    with pytest.raises(OSError, match="clocked"):
        SPI(0).write(b"12")


def test_an_analogue_input_in_both_units(box: SimulatedBackend) -> None:
    box.adcs[2] = 1.65
    adc = ADC(2)
    assert adc.read_u16() == pytest.approx(32768, abs=1)
    assert adc.read_uv() == 1_650_000
    for volts, raw in ((-1.0, 0), (9.0, 65535)):
        box.adcs[2] = volts
        assert adc.read_u16() == raw


def test_a_serial_line_ends_a_read_by_silence(box: SimulatedBackend) -> None:
    line = SimulatedLine(lambda data: data.upper())
    box.uarts[1] = line
    uart = UART(1, 115200, timeout=20)
    assert uart.write(b"ok\r\nmore") == 8
    assert uart.any() == 8
    assert uart.readline() == b"OK\r\n"
    assert uart.read(2) == b"MO"
    buffer = bytearray(8)
    assert uart.readinto(buffer) == 2 and buffer[:2] == b"RE"
    assert uart.read() is None and uart.readline() is None
    line.stuck = True
    assert uart.write(b"x") is None
    with pytest.raises(ValueError, match="expected"):
        UART(1, 9600, bits=9)
    with pytest.raises(ValueError, match="cannot be chosen"):
        UART(1, tx=4)


def test_a_flood_on_a_serial_line_is_bounded(box: SimulatedBackend) -> None:
    line = SimulatedLine(lambda data: b"")
    box.uarts[1] = line
    uart = UART(1, timeout=5)
    line.feed(b"x" * 1_000_000)
    whole = uart.readline()
    assert whole is not None and len(whole) <= 65_536


def test_a_serial_line_is_a_true_terminal() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    uart = UART(os.ttyname(slave), 115200, timeout=500, backend=LinuxBackend())
    try:
        threading.Timer(0.05, lambda: os.write(master, b"sys get ver\r\n")).start()
        assert uart.readline() == b"sys get ver\r\n"
        assert uart.write(b"\x00\xff\r\n") == 4
        assert os.read(master, 16) == b"\x00\xff\r\n", "raw: nothing is translated"
    finally:
        uart.deinit()
        os.close(master)
        os.close(slave)


def test_i2c_arguments_and_absent_chips(box: SimulatedBackend) -> None:
    box.buses[0] = Bus()
    bus = I2C(0)
    assert bus.scan() == []
    with pytest.raises(OSError) as caught:
        bus.readfrom(0x40, 1)
    assert caught.value.errno == errno.ENODEV
    for call in (
        lambda: bus.readfrom(0x80, 1),
        lambda: bus.readfrom_mem(0x40, 256, 1),
        lambda: bus.readfrom_mem(0x40, 0, 1, addrsize=12),
        lambda: bus.readfrom(0x40, 10_000),
        lambda: I2C(0, scl=1),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()
    with pytest.raises(OSError, match="not supported"):
        bus.start()


def test_a_timer_calls_and_ends() -> None:
    calls: list[int] = []
    timer = Timer(mode=Timer.PERIODIC, period=5, callback=lambda _: calls.append(1))
    assert eventually(lambda: len(calls) >= 3)
    timer.deinit()
    time.sleep(0.02)  # one that runs may end
    seen = len(calls)
    time.sleep(0.1)
    assert len(calls) == seen
    once: list[int] = []
    Timer(mode=Timer.ONE_SHOT, period=5, callback=lambda _: once.append(1))
    assert eventually(lambda: once)
    time.sleep(0.1)
    assert once == [1]
    with pytest.raises(ValueError, match="expected either freq or period"):
        Timer(period=0)


def test_a_watchdog_bites_who_does_not_feed(box: SimulatedBackend) -> None:
    watchdog = WDT(0, 50)
    watchdog.feed()
    assert not box.watchdogs[0].expired()
    time.sleep(0.08)
    assert box.watchdogs[0].expired()
    watchdog.feed()
    assert box.watchdogs[0].expired(), "too late is too late"
    with pytest.raises(ValueError, match="above 0"):
        WDT(0, 0)


def test_the_clock_is_set_without_touching_the_systems(box: SimulatedBackend) -> None:
    clock = RTC()
    assert clock.datetime((2028, 2, 29, 0, 23, 59, 58, 250_000))[:7] == (2028, 2, 29, 1, 23, 59, 58)
    assert abs(time.time() - 1_700_000_000) > 1e6, "the system's time is what it was"
    for bad in ((2027, 2, 29, 0, 0, 0, 0, 0), (2028, 2), (2028, 13, 1, 0, 0, 0, 0, 0)):
        with pytest.raises(ValueError, match=r"."):
            clock.datetime(bad)


def test_ticks_are_a_ring() -> None:
    assert ticks.ticks_diff(5, ticks.PERIOD - 5) == 10
    assert ticks.ticks_diff(ticks.PERIOD - 5, 5) == -10
    assert ticks.ticks_add(ticks.PERIOD - 1, 2) == 1
    with pytest.raises(OverflowError):
        ticks.ticks_add(0, ticks.PERIOD // 2)
    start = ticks.ticks_ms()
    ticks.sleep_ms(15)
    assert 14 <= ticks.ticks_diff(ticks.ticks_ms(), start) < 5000


def test_back_ends_are_plug_ins_by_name() -> None:
    assert isinstance(machine.load("simulated"), SimulatedBackend)
    assert isinstance(machine.load("linux"), LinuxBackend)
    with pytest.raises(SettingsError, match="expected one of linux, simulated") as caught:
        machine.load("windows")
    assert "\n" not in str(caught.value)
    with pytest.raises(RuntimeError, match="no back end was chosen"):
        Pin("X")
