"""From samples of a station to the Ethernet frames of its merging units, a chunk at a time.

Frames are as IEC 61850-9-2LE has them (one sample a frame at 80 samples a cycle, eight at 256), or as IEC
61869-9 does (with smpRate, smpMod and gmIdentity). All frames of a stream are alike but for counters and
samples, so they are written into copies of one.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flexcore.errors import SettingsError
from flexcore.sensors import SampledValuesSensor
from flexcore.simulator.encoder import CHUNKS_PER_S
from flexcore.simulator.line import Attack
from flexcore.simulator.samples import Chunk
from flexcore.station import Busbar, Station

FORMS = ("9-2LE", "61869-9")
#: Samples of a frame by the rate: preferred by IEC 61869-9, or those of 9-2LE.
_ASDUS = {4000: 1, 4800: 2, 5760: 1, 12_800: 8, 14_400: 6, 15_360: 8}
_DEFAULT_GROUP = bytes.fromhex("010ccd040000")
_SENDER = bytes.fromhex("02464c455844")
_ETHERTYPE = 0x88BA
_GLOBAL = 2
_GOOD, _INVALID, _OVERFLOW, _DERIVED = 0x0000, 0x0001, 0x0007, 0x2000
#: mA and 10 mV to the unit (9-2LE, 7.1.2.2).
_STEPS_PER_A, _STEPS_PER_V = 1000.0, 100.0
_LARGEST = 2**31 - 1

Bytes = npt.NDArray[np.uint8]


def _item(tag: int, value: bytes) -> bytes:
    """Tag, length and value (BER)."""
    if len(value) < 0x80:
        return bytes((tag, len(value))) + value
    size = (len(value).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(value).to_bytes(size, "big") + value


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel on the wire: the rows of the station's samples that make it, and what is said of it."""

    rows: tuple[int, ...]
    scale: float
    quality: int


class _Unit:
    """One merging unit's stream."""

    def __init__(self, sensor: SampledValuesSensor, rate_hz: int, form: str, asdus: int) -> None:
        self._sensor = sensor
        self._rate_hz = rate_hz
        self._asdus = asdus
        nothing = _Channel((), 1.0, _INVALID)
        self._channels = [nothing] * (sensor.currents + sensor.voltages)
        template, self._counters, self._samples = self._write(form)
        self._template: Bytes = np.frombuffer(template, np.uint8)

    def carry(self, rows: list[int], *, voltages: bool) -> None:
        """Let the stream carry these rows; a fourth channel that nobody measures is derived from three."""
        first, count = (
            (self._sensor.currents, self._sensor.voltages) if voltages else (0, self._sensor.currents)
        )
        scale = _STEPS_PER_V if voltages else _STEPS_PER_A
        channels = [_Channel((row,), scale, _GOOD) for row in rows]
        if len(channels) == 3:
            channels.append(_Channel(tuple(rows), scale, _DERIVED))
        for k, channel in enumerate(channels[:count]):
            self._channels[first + k] = channel

    def encode(self, chunk: Chunk) -> list[tuple[int, memoryview]]:
        """Frames of a chunk with the grid index after their last sample."""
        samples = chunk.values.shape[1]
        wire = np.zeros((samples, len(self._channels), 2), ">u4")
        for c, channel in enumerate(self._channels):
            steps = np.zeros(samples) if not channel.rows else chunk.values[list(channel.rows)].sum(axis=0)
            steps = np.rint(steps.astype(np.float64) * channel.scale)
            beyond = np.abs(steps) > _LARGEST
            wire[:, c, 0] = np.clip(steps, -_LARGEST, _LARGEST).astype(np.int64) & 0xFFFFFFFF
            wire[:, c, 1] = np.where(beyond, _OVERFLOW, channel.quality)
        octets = wire.view(np.uint8).reshape(samples // self._asdus, self._asdus, -1)
        counts = ((chunk.first + np.arange(samples)) % self._rate_hz).astype(">u2")
        counters = counts.view(np.uint8).reshape(samples // self._asdus, self._asdus, 2)
        out = np.tile(self._template, (samples // self._asdus, 1))
        for k in range(self._asdus):
            out[:, self._counters[k] : self._counters[k] + 2] = counters[:, k]
            out[:, self._samples[k] : self._samples[k] + octets.shape[2]] = octets[:, k]
        return [(chunk.first + (n + 1) * self._asdus, line.data) for n, line in enumerate(out)]

    def _write(self, form: str) -> tuple[bytes, list[int], list[int]]:
        """A frame without its numbers, and where the counters and the samples go."""
        sensor = self._sensor
        preferred = form == "61869-9"
        head = _item(0x80, sensor.sv_id.encode())
        revision = 1 if sensor.revision is None else sensor.revision
        between = _item(0x83, struct.pack("!I", revision)) + _item(0x85, bytes((_GLOBAL,)))
        if preferred:
            between += _item(0x86, struct.pack("!H", self._rate_hz))
        empty = bytes(8 * len(self._channels))
        data = _item(0x87, empty)
        tail = _item(0x88, struct.pack("!H", 1)) + _item(0x89, bytes(8)) if preferred else b""
        body = head + _item(0x82, bytes(2)) + between + data + tail
        asdu = _item(0x30, body)
        sequence = _item(0xA2, asdu * self._asdus)
        apdu = _item(0x60, _item(0x80, bytes((self._asdus,))) + sequence)
        group = sensor.group or _DEFAULT_GROUP
        ethernet = group + _SENDER + struct.pack("!HHHHH", _ETHERTYPE, sensor.appid, 8 + len(apdu), 0, 0)
        frame = ethernet + apdu
        first = len(frame) - len(asdu) * self._asdus + len(asdu) - len(body)
        counter = first + len(head) + 2
        samples = first + len(body) - len(tail) - len(empty)
        steps = [len(asdu) * k for k in range(self._asdus)]
        return frame, [counter + step for step in steps], [samples + step for step in steps]


class MergingUnits:
    """Streams of every element of ``station`` whose sensor is of ``sampled_values``, by interface.

    Raises:
        SettingsError: the station's rate is none of theirs.
    """

    def __init__(self, station: Station, form: str | None = None) -> None:
        rate_hz = station.acquire.rate_hz
        self.chunk = rate_hz // CHUNKS_PER_S
        self._units: dict[str, dict[str, _Unit]] = {}
        row = 0
        for element in station.elements:
            rows = list(range(row, row + len(element.channels)))
            row += len(rows)
            sensor = element.sensor
            if not isinstance(sensor, SampledValuesSensor):
                continue
            if rate_hz not in _ASDUS:
                raise SettingsError(f"acquire.rate_hz: expected a rate of sampled values, got {rate_hz}")
            cycle = rate_hz // station.station.nominal_frequency_hz
            le = {80: 1, 256: 8}.get(cycle) if form != "61869-9" else None
            if form == "9-2LE" and le is None:
                raise SettingsError(f"--sampled-values: expected 80 or 256 samples a cycle, got {cycle}")
            asdus = le or _ASDUS[rate_hz]
            units = self._units.setdefault(sensor.interface, {})
            unit = units.get(sensor.sv_id)
            if unit is None:
                unit = units[sensor.sv_id] = _Unit(sensor, rate_hz, "9-2LE" if le else "61869-9", asdus)
            unit.carry(rows, voltages=isinstance(element, Busbar))

    @property
    def interfaces(self) -> list[str]:
        """Where streams are sent."""
        return list(self._units)

    def on(self, interface: str) -> Frames:
        """The streams of one interface."""
        return Frames(self.chunk, list(self._units[interface].values()))


class Frames:
    """An encoder of Ethernet frames."""

    def __init__(self, chunk: int, units: list[_Unit]) -> None:
        self.chunk = chunk
        self._units = units

    @property
    def descriptions(self) -> list[bytes]:
        """These streams do not describe themselves."""
        return []

    def encode(self, chunk: Chunk) -> list[tuple[int, memoryview]]:
        """Frames of a chunk with the grid index after their last sample, in that order."""
        due = [item for unit in self._units for item in unit.encode(chunk)]
        due.sort(key=lambda item: item[0])
        return due


def _flipped(good: bytes, r: random.Random) -> bytes:
    raw = bytearray(good)
    for _ in range(r.randrange(1, 4)):
        raw[r.randrange(14, 40)] ^= 1 << r.randrange(8)
    return bytes(raw)


_ATTACKS: tuple[Attack, ...] = (
    lambda good, r: good[:14] + r.randbytes(r.randrange(1, 1400)),
    lambda good, r: good[: r.randrange(14, len(good))],
    lambda good, r: good[:18] + good[18:] + bytes(40),
    lambda good, r: good[:14] + b"\x3f\xff" + good[16:],
    lambda good, r: good[:22] + b"\x60\x84\xff\xff\xff\xff" + good[26:],
    lambda good, r: good[:22] + b"\x60\x80" + good[24:],
    lambda good, r: good[:18] + b"\x80\x00" + good[20:],
    _flipped,
)


def hostile(good: bytes, source: random.Random) -> bytes:
    """A frame that a receiver must survive and must not show, made from a good one."""
    return source.choice(_ATTACKS)(good, source)
