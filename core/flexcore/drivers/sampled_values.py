"""Merging units: sampled values of IEC 61850-9-2LE and IEC 61869-9 on Ethernet ports.

A :class:`~flexcore.ports.Source` of blocks on the absolute grid. One stream may carry a busbar's voltages and
a field's currents. smpCnt gives a sample's place in the second, the time of arrival the second
(:mod:`flexcore.drivers.timeline`). What was not measured (quality) is a gap, what is doubtful is marked as
saturated. What cannot be used is counted by reason and dropped; streams of others are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from flexcore.drivers import _sampled_values
from flexcore.drivers._sampled_values import Receiver
from flexcore.drivers.cutting import Cutter
from flexcore.drivers.packetport import PacketPort
from flexcore.drivers.sources import wait
from flexcore.drivers.timeline import Place, Timeline
from flexcore.errors import SettingsError
from flexcore.model import Block
from flexcore.sensors import SAMPLED_RATES_HZ, SampledValuesSensor
from flexcore.station import Busbar, Field, Station

if TYPE_CHECKING:  # names of the stub file
    from flexcore.drivers._sampled_values import Column, Run

ETHERTYPE = 0x88BA
#: 9-2LE, 7.1.2.2: INT32 in steps of 1 mA and of 10 mV, primary side.
AMPERE_PER_STEP, VOLT_PER_STEP = 0.001, 0.01
#: Why frames are dropped: what the decoder refuses, and what has no place on the stream's time line.
REASONS = (*_sampled_values.REASONS, "time", "late")
#: How long frames gather per wake-up, in parts of a block (see the atolle driver).
_GATHERS_PER_BLOCK = 5
_GATHER_US = 20_000
_COUNTERS = (
    *("frames", "blocks", "blocks_lost", "blocks_invalid", "samples_lost", "duplicates", "settling"),
    *("reanchored", "unsynchronised", "saturated"),
    *(f"dropped_{reason}" for reason in (*REASONS, "kernel")),
)
#: smpSynch of no clock, and what the standard has reserved.
_UNTIMED = (0, 3, 4, 255)


class _Stream:
    """One svID on one port: its elements (at most a busbar and a field), its time line, its blocks."""

    def __init__(
        self, sensor: SampledValuesSensor, elements: Sequence[Busbar | Field], station: Station
    ) -> None:
        self.elements = elements
        rate_hz = station.acquire.rate_hz
        n = rate_hz * station.acquire.block_ms // 1000
        self.columns: list[Column] = []
        parts = []
        for k, element in enumerate(elements):
            parts.append(slice(len(self.columns), len(self.columns) + len(element.channels)))
            voltages = isinstance(element, Busbar)
            first, gain = (sensor.currents, VOLT_PER_STEP) if voltages else (0, AMPERE_PER_STEP)
            self.columns += [(first + c, gain, k) for c in range(len(element.channels))]
        self.settings = (
            sensor.sv_id,
            sensor.appid,
            sensor.revision,
            sensor.currents + sensor.voltages,
            self.columns,
        )
        self.cutter = Cutter(n, parts)
        self.line = Timeline(rate_hz, n, SAMPLED_RATES_HZ)
        self.frames = self.untimed = 0
        self.saturated = [0] * len(elements)
        self.counts: Counter[str] = Counter()

    def take(self, run: Run) -> None:
        """Put a run where it belongs; what became whole is in ``cutter.cuts``."""
        _, first, frames, sync, told, arrival_ns, values, _ = run
        place = self.line.place(first, values.shape[1], frames, sync, told, arrival_ns)
        if place.verdict == "moved":
            self._move(place, run)
        elif place.verdict == "settling":
            self.counts["settling"] += frames
        elif place.verdict != "here":
            self.counts[f"dropped_{place.verdict}"] += frames
        else:
            self._put(place.at, run)

    def _put(self, at: int, run: Run) -> None:
        _, _, frames, _, _, arrival_ns, values, flags = run
        outcome = self.cutter.put(at, values, flags)
        if outcome == "new":
            self._used(at, run)
        elif outcome == "copy":
            self.counts["duplicates"] += frames
        else:
            place = self.line.contradict(at, values.shape[1], frames, arrival_ns, outcome == "other")
            if place.verdict == "moved":
                self._move(place, run)
            else:
                self.counts["dropped_late" if outcome == "late" else "dropped_time"] += frames

    def _move(self, place: Place, run: Run) -> None:
        self.cutter.restart(place.at)
        self.cutter.put(place.at, run[6], run[7])
        self._used(place.at, run)

    def _used(self, at: int, run: Run) -> None:
        _, _, frames, sync, _, _, values, flags = run
        self.line.accept(at, values.shape[1])
        self.frames += frames
        if sync in _UNTIMED:
            self.untimed += frames
        if flags is not None:
            for k in range(len(self.elements)):
                if (flags & (0x10 << k)).any():
                    self.saturated[k] += frames
            self.counts["saturated"] += frames


class SampledValuesSource:
    """Blocks of every element of ``station`` whose sensor is a stream of ``sampled_values``.

    Used as ``with source as blocks: for block in blocks``, or with :meth:`receive` where the caller has more
    to do while nothing arrives. ``interface`` stands in for the one that the station file names.

    Raises:
        SettingsError: ``acquire.rate_hz`` is none that such a stream may have.
    """

    def __init__(self, station: Station, interface: str | None = None) -> None:
        rate_hz = station.acquire.rate_hz
        if rate_hz not in SAMPLED_RATES_HZ:
            rates = ", ".join(str(rate) for rate in SAMPLED_RATES_HZ)
            raise SettingsError(
                f"station.toml: acquire.rate_hz: expected a rate of sampled values ({rates}), got {rate_hz}"
            )
        self._block_ns = station.acquire.block_ms * 1_000_000
        self._gather_us = min(station.acquire.block_ms * 1000 // _GATHERS_PER_BLOCK, _GATHER_US)
        self._rate_hz = float(rate_hz)
        self._n = rate_hz * station.acquire.block_ms // 1000
        ports: dict[str, dict[str, list[tuple[SampledValuesSensor, Busbar | Field]]]] = {}
        for element in station.elements:
            sensor = element.sensor
            if isinstance(sensor, SampledValuesSensor):
                streams = ports.setdefault(interface or sensor.interface, {})
                streams.setdefault(sensor.sv_id, []).append((sensor, element))
        self._ports: list[PacketPort] = []
        self._receivers: list[Receiver] = []
        self._streams: list[list[_Stream]] = []
        for name, by_id in ports.items():
            own = [_Stream(of[0][0], [element for _, element in of], station) for of in by_id.values()]
            self._ports.append(PacketPort(name, ETHERTYPE, {of[0][0].group for of in by_id.values()}))
            self._receivers.append(
                Receiver([s.settings for s in own], rate_hz, station.station.nominal_frequency_hz)
            )
            self._streams.append(own)
        self._overruns = [[0] * len(own) for own in self._streams]
        self._order = [e.id for e in station.elements]
        self._open = False
        self._cut = 0

    def __enter__(self) -> Iterator[Block]:
        for port in self._ports:
            port.open()
        self._open = True
        return self._blocks()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        for port in self._ports:
            port.close()

    @property
    def refusal(self) -> str:
        """Nothing describes itself here."""
        return ""

    def filenos(self) -> list[int]:
        """What to wait on."""
        return [fd for port in self._ports if (fd := port.fd) is not None]

    def receive(self, timeout_s: float) -> list[Block]:
        """Wait for frames at most ``timeout_s``; the blocks that they completed, per element in order."""
        if not self._open:
            return []
        fds = [port.fd for port in self._ports]
        ready = wait([fd for fd in fds if fd is not None], timeout_s)
        gather_us = self._gather_us
        blocks: list[Block] = []
        for k, fd in enumerate(fds):
            if fd is None or fd not in ready:
                continue
            try:
                runs = self._receivers[k].receive(fd, 0, gather_us)
            except OSError as error:
                self._ports[k].lost(error)
                continue
            gather_us = 0  # they have gathered on the other ports meanwhile
            blocks += self._taken(k, runs)
        return blocks

    def feed(self, frames: Sequence[tuple[bytes, int]], port: int = 0) -> list[Block]:
        """Take frames with their times of arrival (ns UTC) as if they had been received."""
        return self._taken(port, self._receivers[port].feed_all(frames))

    def counters(self) -> dict[str, int]:
        """What happened since the start: frames, blocks, ``samples_lost``, ``dropped_REASON``, ..."""
        counts = Counter(dict.fromkeys(_COUNTERS, 0))
        for receiver in self._receivers:
            counts.update(receiver.counters())
        for stream in (s for own in self._streams for s in own):
            counts.update(stream.counts)
            counts["frames"] += stream.frames
            counts["unsynchronised"] += stream.untimed
            counts["reanchored"] += stream.line.reanchored
            counts["blocks_lost"] += sum(stream.cutter.lost)
            counts["blocks_invalid"] += sum(stream.cutter.invalid)
        counts["blocks"] = self._cut
        counts["samples_lost"] = counts["blocks_lost"] * self._n
        counts["dropped_kernel"] = sum(port.dropped() for port in self._ports)
        counts["port_gone"] = sum(port.gone for port in self._ports)
        return dict(counts)

    def frames_by_element(self) -> dict[str, int]:
        """Good frames of each element since the start."""
        return self._by_element(lambda stream, _: stream.frames)

    def saturated_by_element(self) -> dict[str, int]:
        """Frames of each element since the start in which a sample was questionable or out of range."""
        return self._by_element(lambda stream, k: stream.saturated[k])

    def untimed_by_element(self) -> dict[str, int]:
        """Good frames of each element since the start that were not synchronised."""
        return self._by_element(lambda stream, _: stream.untimed)

    def _blocks(self) -> Iterator[Block]:
        while self._open:
            yield from self.receive(0.2)

    def _taken(self, port: int, runs: Sequence[Run]) -> list[Block]:
        """What runs of a port complete."""
        streams = self._streams[port]
        overruns = self._receivers[port].overruns()
        for stream, now, before in zip(streams, overruns, self._overruns[port], strict=True):
            if now > before:
                stream.line.overrun(now - before)
        self._overruns[port] = overruns
        for run in runs:
            streams[run[0]].take(run)
        blocks = []
        for stream in streams:
            for cut in stream.cutter.cuts:
                element = stream.elements[cut.part]
                blocks.append(
                    Block(
                        source=element.id,
                        sequence=cut.sequence,
                        start_ns=cut.sequence * self._block_ns,
                        rate_hz=self._rate_hz,
                        channels=element.channels,
                        samples=cut.samples,
                        saturated=cut.saturated,
                    )
                )
            stream.cutter.cuts.clear()
        self._cut += len(blocks)
        return blocks

    def _by_element(self, count: Callable[[_Stream, int], int]) -> dict[str, int]:
        found = {
            element.id: count(stream, k)
            for own in self._streams
            for stream in own
            for k, element in enumerate(stream.elements)
        }
        return {name: found[name] for name in self._order if name in found}
