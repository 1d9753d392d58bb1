"""The whole station's instrument: blocks in, measurements and events out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flexcore.dsp.busbar import BusbarStage, Results
from flexcore.dsp.capture import Branch, Captures
from flexcore.dsp.consensus import Consensus
from flexcore.dsp.fieldstage import FieldStage
from flexcore.dsp.guide import Guide
from flexcore.dsp.line import Line
from flexcore.dsp.spectrum import spectrometer
from flexcore.dsp.track import Track
from flexcore.model import Block
from flexcore.station import Busbar, Station

#: Samples later than this are not believed: the end of the year 2199.
_LATEST_S = 7_258_118_400


@dataclass(frozen=True, slots=True)
class AnalyserSettings:
    """How patient the instrument is, in seconds of sample time.

    ``lag_s``: a source so far behind the station counts as missing. ``reorder_s``: a block counts as lost
    when its own source is so far past it. ``horizon_s``: a source so far from the others is not believed.
    """

    lag_s: float = 1.0
    reorder_s: float = 0.2
    horizon_s: float = 5.0


class StationAnalyser:
    """Half-cycle RMS, 200-ms and 3-s values, dips, swells, interruptions and gaps of a whole station.

    Pure: no clock, no I/O; what it says depends on the blocks alone, and not on how long they are.
    ``counters`` says what came in: ``blocks`` taken; refused as ``foreign`` (an element, rate or shape that
    is not the station's), ``astray`` (time far from the others'), ``late`` (too late or double), ``bad``
    (a sample is not a number); ``tears``: how often time jumped back. ``astray`` says of each element how
    many of its blocks in a row, up to its last, were refused as astray.
    """

    def __init__(self, station: Station, settings: AnalyserSettings | None = None) -> None:
        settings = settings or AnalyserSettings()
        rate = station.acquire.rate_hz
        self._line = Line(rate)
        self._rate = rate
        self._latest = _LATEST_S * rate
        self._sweep_every = rate // 10
        self._horizon = int(settings.horizon_s * rate)
        self._consensus = Consensus(self._horizon)
        self._now = 0
        self._swept = 0
        self.counters = {"blocks": 0, "foreign": 0, "astray": 0, "late": 0, "bad": 0, "tears": 0}
        self.astray = {element.id: 0 for element in station.elements}
        limit = int(settings.lag_s * rate)
        patience = int(settings.reorder_s * rate)
        # A rapid change is known a second after it was over, and its waveform is wanted then.
        self._keep = limit + 2 * rate
        self._channels = {element.id: tuple(element.channels) for element in station.elements}
        self._tracks = {
            element.id: Track(
                len(element.channels),
                self._keep,
                patience,
                limit,
                rate // 100,
                between_phases=isinstance(element, Busbar) and element.between_phases,
            )
            for element in station.elements
        }
        nominal_hz = station.station.nominal_frequency_hz
        meter = spectrometer(rate, nominal_hz)
        self._busbars = {
            busbar.id: BusbarStage(
                busbar,
                self._tracks[busbar.id],
                self._line,
                nominal_hz,
                station.events,
                meter,
                station.signalling.frequencies_hz,
            )
            for busbar in station.busbar
        }
        self._fields = {
            field.id: FieldStage(
                field,
                self._tracks[field.id],
                self._busbars[field.busbar],
                self._line,
                meter,
                limit,
            )
            for field in station.field
        }
        self._fields_of: dict[str, list[FieldStage]] = {}
        for busbar in station.busbar:
            stage = self._busbars[busbar.id]
            fields = [field for field in station.field if field.busbar == busbar.id]
            self._fields_of[busbar.id] = [self._fields[field.id] for field in fields]
            stage.guide = Guide([self._tracks[field.id] for field in fields], rate)
            stage.captures = Captures(
                Branch(busbar.id, tuple(busbar.channels), stage.track, busbar.between_phases),
                [Branch(field.id, tuple(field.channels), self._tracks[field.id]) for field in fields],
                station.events,
                self._line,
                nominal_hz,
                busbar.earth_v,
                limit,
            )

    def process(self, block: Block) -> Results:
        """What can be said now that ``block`` is known; in the order of the busbars' time."""
        track = self._tracks.get(block.source)
        if track is None or not self._fits(block):
            self.counters["foreign"] += 1
            return []
        n = block.samples.shape[1]
        first = block.sequence * n
        believed = self._consensus.hear(block.source, first + n)
        results = self._move(self._consensus.now)
        if not believed:
            self.counters["astray"] += 1
            self.astray[block.source] += 1
            return results
        self.astray[block.source] = 0
        if track.settled is not None and first + n - self._keep > track.settled:
            results += self._advance(block.source, first)  # before the old samples make room
        late = track.late
        samples = block.samples if block.samples.flags.c_contiguous else np.ascontiguousarray(block.samples)
        if track.put(first, samples, block.saturated):
            self.counters["blocks"] += 1
        else:
            self.counters["late" if track.late > late else "bad"] += 1
        results += self._advance(block.source, self._now)
        if self._now - self._swept >= self._sweep_every:
            self._swept = self._now
            for element in self._channels:
                results += self._advance(element, self._now)
        for busbar in self._busbars.values():
            if busbar.captures is not None:
                results += busbar.captures.advance(self._now)
        return results

    def _fits(self, block: Block) -> bool:
        samples = block.samples
        return (
            block.rate_hz == self._rate
            and block.channels == self._channels[block.source]
            and samples.dtype == np.float32
            and samples.ndim == 2
            and samples.shape[0] == len(block.channels)
            and 0 < samples.shape[1] <= self._rate
            and block.sequence >= 0
            and (block.sequence + 1) * samples.shape[1] <= self._latest
        )

    def _move(self, now: int) -> Results:
        """Set the station's time; when it jumped back further than any lateness, all begins anew."""
        results: Results = []
        if now < self._now - self._horizon:
            self.counters["tears"] += 1
            for busbar in self._busbars.values():
                results += busbar.tear()
                self._hand_over(busbar)
            for field in self._fields.values():
                results += field.tear()
            self._swept = now
        self._now = now
        return results

    def _advance(self, element: str, now: int) -> Results:
        field = self._fields.get(element)
        if field is not None:
            return field.advance(now)
        busbar = self._busbars[element]
        results = busbar.advance(now)
        if self._hand_over(busbar):
            for field in self._fields_of[element]:
                results += field.advance(now)
        return results

    def _hand_over(self, busbar: BusbarStage) -> bool:
        windows, busbar.windows = busbar.windows, []
        for field in self._fields_of[busbar.id]:
            field.offer(windows)
        return bool(windows)
