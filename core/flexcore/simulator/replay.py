"""A recording as the station's signal: lead-in, recording, lead-out, and again after a pause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from flexcore.errors import RecordingError, SettingsError
from flexcore.simulator.comtrade import Recording
from flexcore.simulator.resampling import SteadyState, Values, resample
from flexcore.simulator.samples import Array, Chunk, Notice
from flexcore.station import Station

#: To volt and ampere.
_UNITS = {"V": ("V", 1.0), "KV": ("V", 1e3), "MV": ("V", 1e6), "A": ("A", 1.0), "KA": ("A", 1e3)}


class MappedElement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[element]]``: the station's channel to the recording's channel, by number or by name."""

    id: Annotated[str, Meta(min_length=1)]
    channels: dict[str, int | str]


class ReplayMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which channel of a recording is which of the station's."""

    element: Annotated[tuple[MappedElement, ...], Meta(min_length=1)]


def read_map(file: Path) -> ReplayMap:
    """The map in TOML ``file``; raises :class:`~flexcore.errors.SettingsError`."""
    try:
        return msgspec.toml.decode(file.read_bytes(), type=ReplayMap)
    except OSError as error:
        raise SettingsError(f"{file}: (file): expected a readable file: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How a recording is played; ``pause_s`` is None to play it once."""

    lead_in_s: float = 5.0
    lead_out_s: float = 1.0
    pause_s: float | None = None


def rows(recording: Recording, station: Station, mapping: ReplayMap, file: str) -> Values:
    """The station's channels out of the recording, in V and A, shape (channels, samples).

    Raises:
        SettingsError: the map does not cover the station or names what is not there.
        RecordingError: a mapped channel is in another unit, or has missing samples.
    """
    by_id = {m.id: m.channels for m in mapping.element}
    out = []
    for element in station.elements:
        if element.id not in by_id:
            raise SettingsError(f"{file}: element: expected one with id {element.id!r}")
        for name in element.channels:
            key = by_id[element.id].get(name)
            if key is None:
                raise SettingsError(
                    f"{file}: {element.id}.channels.{name}: expected a channel of the recording"
                )
            try:
                analog, values = recording.channel(key)
            except KeyError as error:
                raise SettingsError(
                    f"{file}: {element.id}.channels.{name}: expected a channel of the recording, got {key!r}"
                ) from error
            unit, factor = _UNITS.get(analog.unit.upper(), ("", 0.0))
            if unit != ("V" if name.startswith("u") else "A"):
                raise RecordingError(f"{element.id}.{name}: channel {key!r}: unit: got {analog.unit!r}")
            if not np.isfinite(values).all():
                raise RecordingError(f"{element.id}.{name}: channel {key!r}: expected no missing samples")
            out.append(values * factor)
    return np.array(out)


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
        source_hz = float(recording.header.rate_hz)
        self._body = resample(values, recording.header.rate_hz, rate_hz, frequency_hz).astype(np.float32)
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
