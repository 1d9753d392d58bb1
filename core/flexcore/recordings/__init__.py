"""Recordings as files: COMTRADE (1991, 1999, 2013; also .cff), CSV and NumPy archives.

A room of readers: it turns a file into a :class:`Recording` or raises one line that names the file and the
field. It knows nothing of stations or of what the samples mean; it may import errors and NumPy, no more.
Nothing is allocated before it is known to be bounded (``MAX_VALUES``).
"""

from flexcore.recordings.reader import read_recording
from flexcore.recordings.recording import Channel, Recording

__all__ = ["Channel", "Recording", "read_recording"]
