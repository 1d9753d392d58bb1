"""Values over time as CSV: one row a measurement and element."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from flexcore.analysis.clock import NS
from flexcore.errors import SettingsError
from flexcore.model import Measurement
from flexcore.quantities import BY_NAME


class CsvExport:
    """Writes measurements to ``file``: start in seconds after ``zero_ns``, duration, flags, quantities.

    A context manager; :meth:`write` is a listener for :func:`flexcore.analysis.analyse_recording`. Columns
    are the known quantities in their order; an empty cell is a value that could not be measured.

    Raises:
        SettingsError: the file cannot be written.
    """

    def __init__(self, file: Path, zero_ns: int, intervals: tuple[str, ...] = ("200ms", "3s")) -> None:
        self._file = file
        self._zero_ns = zero_ns
        self._intervals = intervals
        self._stream: IO[str] | None = None
        self._names = tuple(BY_NAME)

    def __enter__(self) -> Self:
        try:
            self._stream = self._file.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise SettingsError(f"{self._file}: --csv: expected a file to write: {error.strerror}") from error
        self._writer = csv.writer(self._stream)
        self._writer.writerow(["start_s", "duration_s", "interval", "element", "flags", *self._names])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def write(self, m: Measurement) -> None:
        """One row, where its interval is asked for."""
        if m.interval not in self._intervals:
            return
        cells = [m.values.get(name) for name in self._names]
        self._writer.writerow(
            [
                f"{(m.start_ns - self._zero_ns) / NS:.6f}",
                f"{m.duration_ns / NS:.6f}",
                m.interval,
                m.element,
                " ".join(m.flags),
                *("" if cell is None else f"{cell:.9g}" for cell in cells),
            ]
        )
