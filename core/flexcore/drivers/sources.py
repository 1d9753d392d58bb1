"""Sources of blocks by their driver's name, and all that a station needs as one.

A source is registered under the entry-point group ``flexcore.drivers``: a callable that takes the station and
gives a :class:`SampleSource` of the elements whose sensor names that driver.
"""

from __future__ import annotations

import select
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, TypeAlias

from flexcore.drivers.registry import load
from flexcore.errors import SettingsError
from flexcore.model import Block
from flexcore.ports import Source
from flexcore.station import Station


class SampleSource(Source, Protocol):
    """A source that can be waited for, and that tells what it got."""

    @property
    def refusal(self) -> str:
        """Why a sensor's description was refused; empty when none was."""
        ...

    def filenos(self) -> list[int]:
        """File descriptors that are readable when there is something to receive."""
        ...

    def receive(self, timeout_s: float) -> list[Block]:
        """Wait at most ``timeout_s``; the blocks that were completed, per element in order."""
        ...

    def counters(self) -> dict[str, int]:
        """What happened since the start; ``dropped_REASON`` for what could not be used."""
        ...

    def frames_by_element(self) -> dict[str, int]:
        """Good frames of each element since the start."""
        ...

    def saturated_by_element(self) -> dict[str, int]:
        """Those of them with a sample beyond the sensor's range."""
        ...

    def untimed_by_element(self) -> dict[str, int]:
        """Those of them that were not on UTC."""
        ...


MakeSource: TypeAlias = Callable[[Station], SampleSource]


def find(name: str, table: Mapping[str, MakeSource] | None = None) -> MakeSource:
    """The source of the driver ``name``, from ``table`` where one is given.

    Raises:
        SettingsError: there is none such, or two, or it cannot be loaded.
    """
    if table is not None:
        if name not in table:
            raise SettingsError(f"driver {name!r}: expected one of {', '.join(sorted(table))}")
        return table[name]
    made: MakeSource = load(name)
    if not callable(getattr(made, "receive", None)):
        raise SettingsError(f"driver {name!r}: expected one that gives samples")
    return made


class StationSources:
    """The sources of all drivers that the sensors of ``station`` name, as one :class:`SampleSource`.

    Raises:
        SettingsError: a driver is not installed, or the station file asks of it what it cannot.
    """

    def __init__(self, station: Station, table: Mapping[str, MakeSource] | None = None) -> None:
        names = dict.fromkeys(element.sensor.driver for element in station.elements)
        self._sources = [find(name, table)(station) for name in names]
        self._order = [element.id for element in station.elements]
        self._stack = ExitStack()
        self._open = False

    def __enter__(self) -> Iterator[Block]:
        with ExitStack() as stack:
            for source in self._sources:
                stack.enter_context(source)
            self._stack = stack.pop_all()
        self._open = True
        return self._blocks()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        self._stack.close()

    @property
    def refusal(self) -> str:
        """Why a sensor's description was refused; empty when none was."""
        return "; ".join(refusal for source in self._sources if (refusal := source.refusal))

    def filenos(self) -> list[int]:
        """File descriptors that are readable when there is something to receive."""
        return [fd for source in self._sources for fd in source.filenos()]

    def receive(self, timeout_s: float) -> list[Block]:
        """Wait for any of them at most ``timeout_s``, then ask those that have something, in turn."""
        if len(self._sources) == 1:
            return self._sources[0].receive(timeout_s)
        own = [source.filenos() for source in self._sources]
        ready = wait([fd for fds in own for fd in fds], timeout_s)
        return [
            block
            for source, fds in zip(self._sources, own, strict=True)
            if not ready.isdisjoint(fds)
            for block in source.receive(0.0)
        ]

    def counters(self) -> dict[str, int]:
        """The sums of their counters."""
        counts: Counter[str] = Counter()
        for source in self._sources:
            counts.update(source.counters())
        return dict(counts)

    def frames_by_element(self) -> dict[str, int]:
        """Good frames of each element since the start."""
        return self._merged([source.frames_by_element() for source in self._sources])

    def saturated_by_element(self) -> dict[str, int]:
        """Those of them with a sample beyond the sensor's range."""
        return self._merged([source.saturated_by_element() for source in self._sources])

    def untimed_by_element(self) -> dict[str, int]:
        """Those of them that were not on UTC."""
        return self._merged([source.untimed_by_element() for source in self._sources])

    def _merged(self, parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
        all_of = {name: n for part in parts for name, n in part.items()}
        return {name: all_of[name] for name in self._order if name in all_of}

    def _blocks(self) -> Iterator[Block]:
        while self._open:
            yield from self.receive(0.2)


def wait(fds: Sequence[int], timeout_s: float) -> set[int]:
    """Which of ``fds`` have something to say within ``timeout_s``; without any, the time passes."""
    if not fds:
        time.sleep(timeout_s)
        return set()
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    return {fd for fd, _ in poller.poll(timeout_s * 1000.0)}
