"""Test bodies of the chip drivers: the same lines run in CPython and in MicroPython.

Each hangs simulated chips on the bus, reads them, and breaks them. A value that is not near what the chip was
set to says FAIL; everything said is compared between the two Pythons.
"""

from flexcore.drivers.chips.bq27441 import BQ27441
from flexcore.drivers.chips.ina219 import INA219
from flexcore.drivers.chips.ina226 import INA226
from flexcore.drivers.chips.lm75 import LM75
from flexcore.drivers.chips.ltc3350 import LTC3350
from flexcore.drivers.chips.ltc4015 import LTC4015
from flexcore.drivers.chips.max17048 import MAX17048
from flexcore.drivers.chips.mlx90614 import MLX90614
from flexcore.drivers.chips.sht4x import SHT4x
from flexcore.drivers.chips.tmp117 import TMP117
from flexcore.drivers.contact import Contact
from flexcore.simulator.chips.chip import Chip
from flexcore.simulator.chips.gauges import (
    SimulatedBq27441,
    SimulatedIna219,
    SimulatedIna226,
    SimulatedLtc3350,
    SimulatedLtc4015,
    SimulatedMax17048,
)
from flexcore.simulator.chips.thermometers import (
    SimulatedLm75,
    SimulatedMlx90614,
    SimulatedSht4x,
    SimulatedTmp117,
)


class Bench:
    """A bus, its wires and a place to say what was seen."""

    def __init__(self, i2c, bus, time, say, pin=None, drive=None):
        self.i2c = i2c
        self.pin = pin
        self.drive = drive
        self.bus = bus
        self.time = time
        self.say = say

    def near(self, what, value, expected, within):
        ok = abs(value - expected) <= within
        self.say("{} {} = {:.5f}".format("ok" if ok else f"FAIL, expected {expected!r}:", what, value))

    def attempt(self, what, job):
        """What ``job`` raises, which the caller expects."""
        try:
            result = job()
        except OSError as error:
            self.say(f"{what}: OSError {error.args[0]}")
        except ValueError as error:
            text = str(error)
            self.say(
                "{}: ValueError {}".format(what, "FAIL, not one line" if "\n" in text or not text else text)
            )
        else:
            self.say(f"FAIL {what}: {result!r}, expected an error")

    def broken(self, driver, chip):
        """Every way a bus breaks: an error each time, and right values again at once afterwards."""
        for job in (driver.check, driver.read):
            chip.unplugged = True
            self.attempt("unplugged", job)
            chip.unplugged = False
            self.bus.stuck = True
            self.attempt("stuck", job)
            self.bus.stuck = False
            self.bus.glitches = 1
            self.attempt("glitch", job)
        driver.check()
        self.say(sorted(driver.read()))

    def foreign(self, driver, chip):
        """Another chip, or wires that only ever say 0 or 1, at its address: never a value."""
        self.bus.detach(chip.address)
        for byte in (0x00, 0xFF):
            other = Wires(chip.address, byte)
            self.bus.attach(other)
            self.attempt(f"foreign {byte:02x}", driver.check)
            self.bus.detach(chip.address)
        self.bus.attach(chip)
        driver.check()


class Wires(Chip):
    """Something that acknowledges and answers one byte for ever."""

    def __init__(self, address, byte):
        self.address = address
        self.byte = byte

    def take(self, data):
        return len(data)

    def answer(self, data):
        for place in range(len(data)):
            data[place] = self.byte


def max17048(bench):
    chip = SimulatedMax17048()
    bench.bus.attach(chip)
    gauge = MAX17048(bench.i2c)
    gauge.check()
    for voltage_v, charge_percent, rate in ((3.7, 55.5, -12.5), (4.2, 100.0, 40.0), (2.9, 0.0, 0.0)):
        chip.voltage_v, chip.charge_percent, chip.rate_percent_h = voltage_v, charge_percent, rate
        values = gauge.read()
        bench.near("voltage_v", values["voltage_v"], voltage_v, 40e-6)
        bench.near("charge_percent", values["charge_percent"], charge_percent, 0.002)
        bench.near("rate_percent_h", values["rate_percent_h"], rate, 0.105)
    gauge.quick_start()
    bench.say(f"quick starts {chip.quick_starts}")
    # two registers in one go: the chip's pointer goes on by bytes
    bench.say(
        bench.i2c.readfrom_mem(0x36, 0x02, 4)
        == bench.i2c.readfrom_mem(0x36, 0x02, 2) + bench.i2c.readfrom_mem(0x36, 0x04, 2)
    )
    chip.voltage_v = 0.0
    bench.attempt("no cell", gauge.read)
    chip.voltage_v = 3.7
    bench.broken(gauge, chip)
    bench.foreign(gauge, chip)


def bq27441(bench):
    chip = SimulatedBq27441()
    bench.bus.attach(chip)
    gauge = BQ27441(bench.i2c)
    gauge.check()
    chip.voltage_v, chip.current_a, chip.charge_percent = 3.812, -0.45, 62
    chip.temperature_c, chip.health_percent = -12.3, 91
    values = gauge.read()
    bench.near("voltage_v", values["voltage_v"], 3.812, 1e-9)
    bench.near("current_a", values["current_a"], -0.45, 1e-9)
    bench.near("power_w", values["power_w"], -0.45 * 3.812, 5e-4)
    bench.near("charge_percent", values["charge_percent"], 62, 0)
    bench.near("remaining_ah", values["remaining_ah"], 1.34 * 0.62, 5e-4)
    bench.near("temperature_c", values["temperature_c"], -12.3, 0.051)
    bench.near("health_percent", values["health_percent"], 91, 0)
    chip.present = False
    bench.attempt("no battery", gauge.read)
    chip.present = True
    chip.charge_percent = 130
    bench.attempt("too full", gauge.read)
    chip.charge_percent = 62
    bench.broken(gauge, chip)
    bench.foreign(gauge, chip)


def ina226(bench):
    chip = SimulatedIna226(0.005)
    bench.bus.attach(chip)
    monitor = INA226(bench.i2c, 0.005)
    monitor.check()
    monitor.start()
    bench.say(f"configuration {chip.words[0]:04x}")
    for voltage_v, current_a in ((12.0, 3.3), (24.5, -2.0), (0.0, 0.0), (36.0, 16.3)):
        chip.voltage_v, chip.current_a = voltage_v, current_a
        values = monitor.read()
        bench.near("voltage_v", values["voltage_v"], voltage_v, 0.63e-3)
        bench.near("current_a", values["current_a"], current_a, 0.26e-3)
        bench.near("power_w", values["power_w"], voltage_v * current_a, 0.02)
    # the chip's own arithmetic, once it is calibrated: 1 mA a step is 0.00512 / (0.001 * 0.005)
    chip.current_a = 5.0
    bench.i2c.writeto_mem(0x40, 0x05, bytes((1024 >> 8, 1024 & 0xFF)))
    raw = bench.i2c.readfrom_mem(0x40, 0x04, 2)
    bench.near("calibrated_a", (raw[0] << 8 | raw[1]) * 1e-3, 5.0, 2e-3)
    chip.current_a = 20.0
    bench.attempt("out of range", monitor.read)
    chip.current_a = 1.0
    bench.attempt("shunt", lambda: INA226(bench.i2c, 0))
    bench.i2c.writeto_mem(0x40, 0x00, b"\x80\x00")
    bench.say(f"after reset {chip.words[0]:04x}")
    bench.broken(monitor, chip)
    bench.foreign(monitor, chip)


def ina219(bench):
    chip = SimulatedIna219(0.1)
    bench.bus.attach(chip)
    monitor = INA219(bench.i2c, 0.1)
    monitor.check()
    monitor.start()
    monitor.check()
    for voltage_v, current_a in ((12.0, 0.5), (26.0, -3.1), (0.0, 0.0)):
        chip.voltage_v, chip.current_a = voltage_v, current_a
        values = monitor.read()
        bench.near("voltage_v", values["voltage_v"], voltage_v, 2.1e-3)
        bench.near("current_a", values["current_a"], current_a, 0.6e-4)
    chip.current_a = 3.3
    bench.attempt("out of range", monitor.read)
    chip.current_a = 1.0
    chip.words[0] = 0x1234
    bench.attempt("wrong configuration", monitor.check)
    monitor.start()
    bench.broken(monitor, chip)
    bench.foreign(monitor, chip)


def ltc3350(bench):
    chip = SimulatedLtc3350()
    bench.bus.attach(chip)
    supply = LTC3350(bench.i2c, 0.006, 0.016)
    supply.check()
    values = supply.read()
    bench.near("voltage_v", values["voltage_v"], 9.6, 0.74e-3)
    bench.near("cell_4_v", values["cell_4_v"], 2.4, 92e-6)
    bench.near("input_v", values["input_v"], 24.0, 1.2e-3)
    bench.near("input_a", values["input_a"], 0.5, 1e-4)
    bench.near("current_a", values["current_a"], 0.1, 2e-4)
    bench.near("temperature_c", values["temperature_c"], 35.0, 0.015)
    bench.near("capacitance_f", values["capacitance_f"], 6.25, 0.1)
    bench.near("esr_ohm", values["esr_ohm"], 0.064, 5e-5)
    bench.say(
        f"backup {int(values['backup'])} failed {int(values['mains_failed'])} full {int(values['full'])}"
    )
    # the fine scale of the capacitance
    bench.i2c.writeto_mem(0x09, 0x17, b"\x08\x00")
    chip.capacitance_f = 0.05
    bench.near("capacitance_f", supply.read()["capacitance_f"], 0.05, 1e-3)
    chip.failed, chip.input_v, chip.current_a, chip.cells_v = True, 0.2, -1.5, [2.1, 2.0]
    values = supply.read()
    bench.say(
        f"backup {int(values['backup'])} failed {int(values['mains_failed'])} full {int(values['full'])}"
    )
    bench.near("current_a", values["current_a"], -1.5, 2e-4)
    bench.near("voltage_v", values["voltage_v"], 4.1, 0.74e-3)
    bench.say("cell_3_v" in values)
    chip.measured = False
    bench.say("capacitance_f" in supply.read())
    bench.say(bench.i2c.readfrom_mem(0x09, 0x26, 4)[2:])
    bench.broken(supply, chip)
    bench.foreign(supply, chip)


def ltc4015(bench):
    for chemistry, voltage_v, step_v in ((0, 11.7, 3 * 192.264e-6), (7, 6.3, 3 * 128.176e-6)):
        chip = SimulatedLtc4015(chemistry=chemistry)
        chip.voltage_v = voltage_v
        bench.bus.attach(chip)
        charger = LTC4015(bench.i2c, 0.004, 0.002)
        charger.check()
        values = charger.read()
        bench.near("voltage_v", values["voltage_v"], voltage_v, step_v / 2 * 1.01)
        bench.near("input_v", values["input_v"], 24.0, 0.9e-3)
        bench.near("output_v", values["output_v"], 23.9, 0.9e-3)
        bench.near("current_a", values["current_a"], 0.5, 2e-4)
        bench.near("input_a", values["input_a"], 0.4, 4e-4)
        bench.near("temperature_c", values["temperature_c"], 40.0, 0.012)
        bench.near("resistance_ohm", values["resistance_ohm"], 0.09, 2e-5)
        bench.say(f"charging {int(values['charging'])} failed {int(values['mains_failed'])}")
        chip.failed = True
        values = charger.read()
        bench.say(f"charging {int(values['charging'])} failed {int(values['mains_failed'])}")
        chip.valid = False
        bench.attempt("not yet", charger.read)
        chip.valid = True
        bench.broken(charger, chip)
        bench.foreign(charger, chip)
        bench.bus.detach(chip.address)


def tmp117(bench):
    chip = SimulatedTmp117()
    bench.bus.attach(chip)
    thermometer = TMP117(bench.i2c)
    thermometer.check()
    for temperature_c in (-55.0, -0.01, 0.0, 21.37, 150.0):
        chip.temperature_c = temperature_c
        bench.near("temperature_c", thermometer.read()["temperature_c"], temperature_c, 3.91e-3)
    chip.converted = False
    bench.attempt("not yet", thermometer.read)
    chip.converted = True
    chip.temperature_c = 200.0
    bench.attempt("too hot", thermometer.read)
    chip.temperature_c = 20.0
    bench.broken(thermometer, chip)
    bench.foreign(thermometer, chip)


def lm75(bench):
    for bits, within in ((9, 0.2501), (11, 0.0626), (12, 0.0313)):
        chip = SimulatedLm75(bits)
        bench.bus.attach(chip)
        thermometer = LM75(bench.i2c)
        thermometer.check()
        for temperature_c in (-55.0, -0.4, 0.0, 21.37, 125.0):
            chip.temperature_c = temperature_c
            bench.near("temperature_c", thermometer.read()["temperature_c"], temperature_c, within)
        bench.broken(thermometer, chip)
        bench.bus.detach(chip.address)
    bench.bus.attach(chip)
    chip.words[2] = 90 << 8
    bench.attempt("limits", thermometer.check)
    chip.words[2] = 75 << 8
    chip.temperature_c = -100.0
    bench.attempt("too cold", thermometer.read)


def mlx90614(bench):
    chip = SimulatedMlx90614()
    bench.bus.attach(chip)
    thermometer = MLX90614(bench.i2c)
    thermometer.check()
    for temperature_c, ambient_c in ((-40.0, -10.0), (61.23, 30.0), (200.0, 85.0)):
        chip.temperature_c, chip.ambient_c = temperature_c, ambient_c
        values = thermometer.read()
        bench.near("temperature_c", values["temperature_c"], temperature_c, 0.0101)
        bench.near("ambient_c", values["ambient_c"], ambient_c, 0.0101)
    for bit in range(8):
        chip.noise = 1 << bit
        bench.attempt("check byte", thermometer.read)
    chip.noise = 0
    chip.faulty = True
    bench.attempt("fault", thermometer.read)
    chip.faulty = False
    chip.words[0x2E] = 0xBE33
    bench.attempt("address", thermometer.check)
    chip.words[0x2E] = 0xBE5A
    bench.broken(thermometer, chip)
    bench.foreign(thermometer, chip)


def sht4x(bench):
    chip = SimulatedSht4x()
    bench.bus.attach(chip)
    sensor = SHT4x(bench.i2c, bench.time)
    sensor.check()
    for temperature_c, humidity in ((-20.0, 5.0), (24.68, 55.5), (85.0, 100.0)):
        chip.temperature_c, chip.humidity_percent = temperature_c, humidity
        values = sensor.read()
        bench.near("temperature_c", values["temperature_c"], temperature_c, 0.0014)
        bench.near("humidity_percent", values["humidity_percent"], humidity, 0.001)
    chip.noise = 4
    bench.attempt("check byte", sensor.read)
    chip.noise = 0
    bench.attempt("unknown command", lambda: bench.i2c.writeto(0x44, b"\x55"))
    bench.broken(sensor, chip)
    bench.foreign(sensor, chip)


def scan(bench):
    for chip in (SimulatedMax17048(), SimulatedTmp117(), SimulatedMlx90614()):
        bench.bus.attach(chip)
    bench.say(bench.i2c.scan())
    bench.bus.chips[0x48].unplugged = True
    bench.say(bench.i2c.scan())
    bench.bus.stuck = True
    bench.attempt("stuck", bench.i2c.scan)
    bench.bus.stuck = False
    bench.attempt("taken", lambda: bench.bus.attach(SimulatedMax17048()))
    bench.say(bench.i2c.writeto(0x36, b"\x02"))
    bench.say(len(bench.i2c.readfrom(0x36, 2)))


def contact(bench):
    """``bench.drive`` is what the world does to the pin: True high, False low, None lets go."""
    bench.drive(True)
    door = Contact(bench.pin)
    bench.say(sorted(door.read().items()))
    bench.drive(False)
    bench.say(sorted(door.read().items()))
    bench.drive(None)
    bench.say(sorted(door.read().items()))  # the pull-up has it
    bench.drive(False)
    bench.drive(True)
    bench.say(sorted(door.read().items()))  # short, and not lost
    bench.say(sorted(door.read().items()))
    door.deinit()
    bench.drive(False)
    bench.say(sorted(door.read().items()))
    panel = Contact(bench.pin, active_low=False, pull_up=False)
    bench.drive(True)
    bench.say(sorted(panel.read().items()))
    panel.deinit()


BODIES = {
    "contact": contact,
    "max17048": max17048,
    "bq27441": bq27441,
    "ina226": ina226,
    "ina219": ina219,
    "ltc3350": ltc3350,
    "ltc4015": ltc4015,
    "tmp117": tmp117,
    "lm75": lm75,
    "mlx90614": mlx90614,
    "sht4x": sht4x,
    "scan": scan,
}
