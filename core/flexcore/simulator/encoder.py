"""From samples of a whole station to the datagrams of its streams, a chunk at a time."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from flexcore.drivers import description, frame
from flexcore.drivers.description import ChannelDescription, Description
from flexcore.errors import SettingsError
from flexcore.sensors import AtolleSensor
from flexcore.simulator.samples import Array, Chunk
from flexcore.station import Busbar, Field, Station

#: Chunks per second: the granularity of generation; frames within a chunk are sent when they are due.
CHUNKS_PER_S = 20
#: Longest time that one frame covers.
FRAME_S = 0.005
#: Headroom over a signal's peak.
_RANGE = 1.25
FORMATS = {"int24": frame.FORMAT_INT24, "int32": frame.FORMAT_INT32}

Bytes = npt.NDArray[np.uint8]


class _Group:
    """The streams of one channel count; their frames are encoded together."""

    def __init__(
        self, rows: list[list[int]], streams: list[int], chunk: int, longest: int, form: int
    ) -> None:
        self.rows = np.array(rows)
        self.channels = self.rows.shape[1]
        self.form = form
        fits = min(longest, frame.max_count(self.channels, form))
        self.count = max(m for m in range(1, fits + 1) if chunk % m == 0)
        self.frames = chunk // self.count
        self._size = self.count * self.channels * frame.SAMPLE_BYTES[form]
        self.header = np.zeros((self.frames, len(streams)), frame.HEADER_DTYPE)
        self.header["magic"], self.header["version"] = frame.MAGIC, frame.VERSION
        self.header["header_bytes"], self.header["kind"] = frame.HEADER_BYTES, frame.KIND_SAMPLES
        self.header["stream"] = streams
        self.header["channels"], self.header["format"], self.header["count"] = self.channels, form, self.count
        self.header["sequence"] = np.arange(self.frames)[:, None]

    def encode(
        self, integers: npt.NDArray[np.int32], saturated: npt.NDArray[np.bool_]
    ) -> list[list[memoryview]]:
        """Datagrams of a chunk, per frame number a list over the streams; the header's numbers are set."""
        streams = len(self.rows)
        shape = (streams, self.channels, self.frames, self.count)
        wire = np.ascontiguousarray(integers[self.rows].reshape(shape).transpose(2, 0, 3, 1))
        octets = wire.view(np.uint8).reshape(*wire.shape, 4)
        if self.form == frame.FORMAT_INT24:
            octets = octets[..., :3]
        flags = frame.FLAG_TIME_SYNC + frame.FLAG_SATURATED * saturated[self.rows].any(axis=1)
        self.header["flags"] = flags[None, :]
        out: Bytes = np.empty((self.frames, streams, frame.HEADER_BYTES + self._size), np.uint8)
        out[..., frame.HEADER_BYTES :] = octets.reshape(self.frames, streams, self._size)
        head = self.header.view(np.uint8).reshape(self.frames, streams, frame.HEADER_BYTES)
        out[..., : frame.HEADER_BYTES] = head
        at, _ = frame.OFFSETS["crc32"]
        crc32 = zlib.crc32
        lines = [line.data for line in out.reshape(-1, out.shape[2])]
        crcs = [crc32(line[frame.HEADER_BYTES :], crc32(line[:at])) for line in lines]
        out[..., at : at + 4] = np.array(crcs, "<u4").view(np.uint8).reshape(self.frames, streams, 4)
        self.header["sequence"] += self.frames
        return [lines[n * streams : (n + 1) * streams] for n in range(self.frames)]


class Encoder:
    """Frames of every ``atolle`` of ``station``; ``peaks`` says what each channel must be able to carry."""

    def __init__(self, station: Station, peaks: Array, form: str) -> None:
        rate_hz = station.acquire.rate_hz
        if rate_hz % CHUNKS_PER_S:
            raise SettingsError(f"acquire.rate_hz: expected a multiple of {CHUNKS_PER_S} Hz, got {rate_hz}")
        self.chunk = rate_hz // CHUNKS_PER_S
        self._rate_hz = rate_hz
        steps = 2 ** (23 if form == "int24" else 31) - 1
        scale = np.maximum(np.asarray(peaks, np.float64) * _RANGE, 1.0) / steps
        # float32 on the far side: a gain with few digits is the same number on both
        gains = [float(f"{gain:.6g}") for gain in scale]
        self._to_steps: Array = (1.0 / np.array(gains))[:, None]
        if form == "int24":
            self._to_steps = self._to_steps.astype(np.float32)
        self._steps = steps if form == "int24" else steps - 127  # what float32 can hold without rounding up
        self._descriptions: list[bytes] = []
        hashes: list[int] = []
        by_width: dict[int, tuple[list[list[int]], list[int], list[int]]] = {}
        row = 0
        for element in station.elements:
            own = list(range(row, row + len(element.channels)))
            row += len(own)
            sensor = element.sensor
            if not isinstance(sensor, AtolleSensor):
                continue
            json = description.encode(_describe(element, sensor, [gains[n] for n in own]))
            self._descriptions.append(frame.encode_description(sensor.stream, json))
            hashes.append(zlib.crc32(json))
            rows, streams, configs = by_width.setdefault(len(own), ([], [], []))
            rows.append(own)
            streams.append(sensor.stream)
            configs.append(hashes[-1])
        longest = max(1, int(rate_hz * FRAME_S))
        self._groups = []
        for rows, streams, configs in by_width.values():
            group = _Group(rows, streams, self.chunk, longest, FORMATS[form])
            group.header["rate_numerator"], group.header["rate_denominator"] = rate_hz, 1
            group.header["config_hash"] = configs
            self._groups.append(group)

    @property
    def descriptions(self) -> list[bytes]:
        """The description frame of each stream."""
        return self._descriptions

    def encode(self, chunk: Chunk) -> list[tuple[int, memoryview]]:
        """Datagrams of a chunk with the grid index after their last sample, in that order."""
        steps: Array = np.multiply(chunk.values, self._to_steps)
        np.rint(steps, out=steps)
        saturated: npt.NDArray[np.bool_] = np.max(np.abs(steps), axis=1) > self._steps
        if saturated.any():
            np.clip(steps, -self._steps, self._steps, out=steps)
        integers = steps.astype(np.int32)
        due: list[tuple[int, memoryview]] = []
        for group in self._groups:
            at = chunk.first + np.arange(group.frames, dtype=np.uint64) * np.uint64(group.count)
            group.header["sample_index"] = at[:, None]
            seconds, rest = np.divmod(at, np.uint64(self._rate_hz))
            ns = seconds * np.uint64(1_000_000_000) + rest * np.uint64(1_000_000_000) // np.uint64(
                self._rate_hz
            )
            group.header["t0_ns"] = ns[:, None]
            for n, lines in enumerate(group.encode(integers, saturated)):
                last = chunk.first + (n + 1) * group.count
                due.extend((last, line) for line in lines)
        if len(self._groups) > 1:
            due.sort(key=lambda item: item[0])
        return due


def _describe(element: Busbar | Field, sensor: AtolleSensor, gains: list[float]) -> Description:
    unit = "V" if isinstance(element, Busbar) else "A"
    channels = tuple(
        ChannelDescription(name, "V" if unit == "V" else "A", gain)
        for name, gain in zip(element.channels, gains, strict=True)
    )
    return Description(channels, element.id, "Flexcore virtual station", f"{sensor.stream:08d}")
