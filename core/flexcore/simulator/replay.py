"""A recording as the station's signal: lead-in, recording, lead-out, and again after a pause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from flexcore.errors import RecordingError
from flexcore.recordings import Recording
from flexcore.recordings.channelmap import ChannelMap, find_rows
from flexcore.simulator.resampling import SteadyState, Values, resample
from flexcore.simulator.samples import Array, Chunk, Notice
from flexcore.station import Station


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How a recording is played; ``pause_s`` is None to play it once."""

    lead_in_s: float = 5.0
    lead_out_s: float = 1.0
    pause_s: float | None = None


def rows(recording: Recording, station: Station, mapping: ChannelMap, file: str) -> Values:
    """The station's channels out of the recording, in V and A, shape (channels, samples).

    Raises:
        SettingsError: the map does not cover the station or names what is not there.
        RecordingError: a mapped channel is in another unit, or has missing samples.
    """
    wanted = {element.id: element.channels for element in station.elements}
    out = []
    for element, channels in find_rows(recording, wanted, mapping, file).items():
        for name, (row, factor) in channels.items():
            values = recording.values[row]
            if not np.isfinite(values).all():
                key = recording.channels[row].number
                raise RecordingError(f"{element}.{name}: channel {key}: expected no missing samples")
            out.append(values * factor)
    return np.array(out)


def _whole(rate_hz: Fraction) -> Fraction:
    """In whole hertz where that is 0.1 % off at most: a relay that follows the mains' frequency is off by
    some 0.01 %, and its samples are played as if it were not."""
    whole = Fraction(round(rate_hz))
    return whole if whole and abs(rate_hz / whole - 1) < Fraction(1, 1000) else rate_hz


class Replay:
    """The chunks of a recording that is played from grid index ``start``."""

    def __init__(
        self,
        recording: Recording,
        values: Values,
        rate_hz: int,
        frequency_hz: float,
        settings: ReplaySettings,
    ) -> None:
        source = _whole(recording.rate_hz)
        source_hz = float(source)
        self._body = resample(values, source, rate_hz, frequency_hz).astype(np.float32)
        # a whole number of cycles and of samples: the lead-in and the lead-out are rings
        period = Fraction(rate_hz) / Fraction(frequency_hz)
        self._period = period.numerator
        times = np.arange(self._period) / rate_hz
        self._head = SteadyState(values, source_hz, frequency_hz).at(times - self._period / rate_hz)
        tail = SteadyState(values[:, ::-1], source_hz, frequency_hz)
        self._tail_at = (self._body.shape[1] - 1) / rate_hz - (values.shape[1] - 1) / source_hz
        self._tail = tail.at(-(times + 1.0 / rate_hz) - self._tail_at)
        self._rate_hz = rate_hz
        self._settings = settings
        self._source_hz = source_hz
        self._lead_in = round(settings.lead_in_s * rate_hz)
        self._lead_out = round(settings.lead_out_s * rate_hz)

    @property
    def peaks(self) -> Array:
        """Largest magnitude of each channel."""
        largest: Array = np.abs(self._body).max(axis=1)
        return largest

    @property
    def _length(self) -> int:
        return self._lead_in + self._body.shape[1] + self._lead_out

    def _slice(self, at: int, count: int) -> Array:
        """``count`` samples from position ``at`` of the play, where the recording's sample 0 is at 0."""
        k = np.arange(at, at + count)
        end = self._body.shape[1]
        out = np.empty((self._body.shape[0], count), np.float32)
        lead, body, tail = k < 0, (k >= 0) & (k < end), k >= end
        out[:, lead] = self._head[:, k[lead] % self._period]
        out[:, body] = self._body[:, k[body]]
        out[:, tail] = self._tail[:, (k[tail] - end) % self._period]
        return out

    def chunks(self, start: int, count: int) -> Iterator[Chunk | Notice]:
        """Play from grid index ``start`` (a multiple of ``count``) in chunks of ``count`` samples."""
        while True:
            zero = start + self._lead_in
            zero_ns = zero * 1_000_000_000 // self._rate_hz
            whole = -(-self._length // count)
            about = {"zero_ns": zero_ns, "samples": self._body.shape[1], "source_hz": self._source_hz}
            end = zero + self._body.shape[1]
            end_ns = end * 1_000_000_000 // self._rate_hz
            for n in range(whole):
                first = start + n * count
                if first <= zero < first + count:
                    yield Notice("replay_begin", about)
                yield Chunk(first, self._slice(first - zero, count))
                if first < end <= first + count:
                    yield Notice("replay_end", {**about, "end_ns": end_ns})
            if self._settings.pause_s is None:
                return
            pause = round(self._settings.pause_s * self._rate_hz)
            start += (whole + -(-pause // count)) * count
