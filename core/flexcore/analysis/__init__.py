"""The instrument over a file: which channel is what, blocks of a recording, a summary of the results.

The engine is :class:`flexcore.dsp.StationAnalyser`, the one on the box; nothing is measured here. Below
``flexcore.commands`` this is a library: :func:`analyse_recording` returns typed results and prints nothing.
May import recordings, dsp, limits, station, quantities, model and errors; no services, buses or drivers.
"""

from flexcore.analysis.layout import Layout, guess_layout, station_layout
from flexcore.analysis.options import Options
from flexcore.analysis.results import Analysis
from flexcore.analysis.run import analyse_recording

__all__ = ["Analysis", "Layout", "Options", "analyse_recording", "guess_layout", "station_layout"]
