"""MicroPython's ``machine`` on Linux: wires as small boards know them, so that one driver file serves both.

``Pin``, ``Signal``, ``I2C``, ``SPI``, ``UART``, ``ADC``, ``Timer``, ``WDT`` and ``RTC`` mean what
MicroPython's documentation says; what is behind them is a back end, named by :func:`use` before the first
object is made (or given to the object as ``backend=``). The back end ``linux``
(:mod:`flexcore.machine.linux`) speaks to device files; the virtual station brings another. Nothing is opened
by importing.

It knows errors and nothing else of ours. Where Linux cannot do what the documentation says, the call raises;
it never pretends.
"""

from flexcore.machine.adc import ADC
from flexcore.machine.backend import load, use
from flexcore.machine.i2c import I2C
from flexcore.machine.pin import Pin
from flexcore.machine.ports import Backend
from flexcore.machine.rtc import RTC
from flexcore.machine.signal import Signal
from flexcore.machine.spi import SPI
from flexcore.machine.ticks import ticks_add, ticks_diff, ticks_ms, ticks_us
from flexcore.machine.timer import Timer
from flexcore.machine.uart import UART
from flexcore.machine.wdt import WDT

__all__ = [
    "ADC",
    "I2C",
    "RTC",
    "SPI",
    "UART",
    "WDT",
    "Backend",
    "Pin",
    "Signal",
    "Timer",
    "load",
    "ticks_add",
    "ticks_diff",
    "ticks_ms",
    "ticks_us",
    "use",
]
