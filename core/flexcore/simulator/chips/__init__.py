"""Simulated chips that behave like their data sheets, and the bus they hang on.

MicroPython runs these files too, as it runs the drivers: they import nothing of ours but each other. A chip
holds what it measures as attributes in plain units, to be set by a scenario at any time; what a driver then
reads has the chip's resolution, range and byte order.
"""
