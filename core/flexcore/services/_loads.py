"""The load of the station's components in a service: from measurements to the bus, over restarts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from flexcore import topics
from flexcore.atomic import atomic_write
from flexcore.errors import FlexcoreError
from flexcore.load.follow import Followed
from flexcore.loading.saved import read_saved, write_saved
from flexcore.loading.stage import ComponentLoad, LoadStage
from flexcore.loading.telling import payload_of
from flexcore.model import Measurement
from flexcore.payloads import encode
from flexcore.services.health import Alarms
from flexcore.station import Station

_log = logging.getLogger(__name__)

FILE = "thermal.json"
#: A restart loses at most so much of what was followed.
SAVE_S = 60.0
#: 64 components take some 20 kB.
MAX_BYTES = 256 * 1024

Publish = Callable[[str, bytes], None]


class Loads:
    """``publish`` takes topic and payload; ``folder`` is where temperatures are kept, one file.

    The file is written by a thread of its own: a disk takes its time, and an event may not wait for it.
    """

    def __init__(
        self, station: Station, folder: Path, publish: Publish, alarms: Alarms, now_s: float
    ) -> None:
        self._station = station
        self._file = folder / FILE
        self._publish = publish
        self._alarms = alarms
        self._saved_s = now_s
        self._stage = LoadStage(station, self._read()) if station.component else None
        self._written = b""
        self._writer = ThreadPoolExecutor(1, "load-state")
        self._writing: Future[None] | None = None

    def _read(self) -> dict[str, Followed]:
        """What was known before; a file that is none is forgotten, in words: bounds are wide then."""
        try:
            with self._file.open("rb") as file:
                return read_saved(self._station, file.read(MAX_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, FlexcoreError) as error:
            _log.warning("%s: %s; temperatures begin unknown", self._file.name, error)
            return {}

    def take(self, measurement: Measurement) -> None:
        """Follow a field's value; tell what can be said now."""
        if self._stage is not None:
            self._tell(self._stage.process(measurement))

    def silence(self) -> None:
        """No samples come at all any more."""
        if self._stage is not None:
            self._tell(self._stage.silence())

    def look_after(self, now_s: float) -> None:
        """Now and then: keep what is known, beside the work."""
        if now_s - self._saved_s >= SAVE_S and (self._writing is None or self._writing.done()):
            self._saved_s = now_s
            if text := self._text():
                self._writing = self._writer.submit(self._write, text)

    def close(self) -> None:
        """Keep what is known for a next start; on the disk when this returns."""
        if text := self._text():
            self._writer.submit(self._write, text)
        self._writer.shutdown()

    def _text(self) -> bytes:
        """What is known; empty where nothing is."""
        followed = {} if self._stage is None else self._stage.followed
        return write_saved(self._station, followed) if followed else b""

    def _write(self, text: bytes) -> None:
        if text == self._written:
            return
        try:
            self._file.parent.mkdir(mode=0o750, exist_ok=True)
            atomic_write(self._file, text, mode=0o640)
        except OSError as error:
            self._alarms.raise_alarm("load_not_kept", f"{self._file.name}: {error.strerror}")
        else:
            self._written = text
            self._alarms.clear_alarm("load_not_kept")

    def _tell(self, loads: list[ComponentLoad]) -> None:
        for load in loads:
            topic = topics.load(self._station.station.id, load.component.id)
            self._publish(topic, encode(payload_of(load)))
