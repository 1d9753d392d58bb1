"""Chips on I2C: one file each, for CPython on Linux, for MicroPython on a board and for the simulation.

Such a file takes the bus (``machine.I2C``) as an argument and imports only what MicroPython has: no typing at
run time, no dataclasses, nothing of ours. A driver offers ``check()``, which raises where the chip is another
one, and ``read()``, which gives values by name, the unit last. ``OSError`` means that the chip did not
answer, ``ValueError`` that what it answered cannot be; either says so in one line, and the next call starts
afresh.
"""
