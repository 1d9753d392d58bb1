"""Runs one test body in MicroPython: ``run.py NAME [TERMINAL ...]``. What it says is compared
with CPython's.
"""

import sys
import time

import machine

from support.machine_bodies import BODIES, Bench
from support.modem_bodies import MODEM_BODIES

name, terminals = sys.argv[1], sys.argv[2:]
pin = machine.Pin(0)
bench = Bench(machine.I2C(0), machine.buses[0], time, print, pin, pin.drive)
if name in BODIES:
    BODIES[name](bench)
else:
    lines = [machine.UART(terminal, timeout=20) for terminal in terminals]
    MODEM_BODIES[name](bench, *lines)
