"""The instrument: from blocks of samples to measurements and events.

It knows nouns, ports and errors; it has no clock and does no I/O. Public is :class:`StationAnalyser`; the
loops over samples are in ``_kernels``. Nothing depends on how the samples were cut into blocks.
"""

from flexcore.dsp.analyser import AnalyserSettings, StationAnalyser

__all__ = ["AnalyserSettings", "StationAnalyser"]
