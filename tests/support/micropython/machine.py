"""``machine`` for the real MicroPython of a desk, whose own has neither I2C nor UART; first on its path.

The bus is the one of the virtual station; the serial line is a true terminal. Only what drivers use.
"""

import select
import termios

from flexcore.simulator.chips.bus import Bus

buses = {}


class I2C:
    def __init__(self, id, *, freq=400000, timeout=50000):
        self._bus = buses.setdefault(id, Bus())

    def scan(self):
        return [address for address in range(0x08, 0x78) if self._bus.probe(address)]

    def readfrom(self, addr, nbytes, stop=True):
        data = bytearray(nbytes)
        self._bus.transfer([(addr, True, data)])
        return bytes(data)

    def writeto(self, addr, buf, stop=True):
        return self._bus.transfer([(addr, False, bytearray(buf))])

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        data = bytearray(nbytes)
        self._bus.transfer([(addr, False, bytearray([memaddr])), (addr, True, data)])
        return bytes(data)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._bus.transfer([(addr, False, bytearray([memaddr]) + buf)])


class Pin:
    """A pin with the world outside at its end, by ``drive``."""

    IN, OUT, PULL_UP, PULL_DOWN, IRQ_FALLING, IRQ_RISING = 0, 1, 1, 2, 4, 8

    def __init__(self, id, mode=-1, pull=-1):
        self._outside = None
        self._pull = None
        self._handler = None
        self._trigger = 0

    def init(self, mode=-1, pull=-1):
        if pull != -1:
            self._pull = pull

    def value(self):
        return int(self._pull == Pin.PULL_UP if self._outside is None else self._outside)

    def irq(self, handler=None, trigger=12):
        self._handler, self._trigger = handler, trigger

    def drive(self, level):
        before, self._outside = self.value(), level
        edge = Pin.IRQ_RISING if self.value() else Pin.IRQ_FALLING
        if self._handler and self.value() != before and edge & self._trigger:
            self._handler(self)


class UART:
    def __init__(self, id, baudrate=9600, *, timeout=0, timeout_char=5):
        self._file = open(id, "r+b", buffering=0)
        termios.setraw(self._file.fileno())
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)
        self._timeout = timeout
        self._char = timeout_char
        self._buffer = b""

    def readline(self):
        wait = self._char if self._buffer else self._timeout
        while b"\n" not in self._buffer and self._poll.poll(wait):
            self._buffer += self._file.read(1) or b""  # a read of more would wait for all of it
            wait = self._char
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line, self._buffer = self._buffer[:end], self._buffer[end:]
        return line or None

    def write(self, buf):
        return self._file.write(buf)
