"""Transients by the envelope of the waveform: where a voltage leaves its own course of one cycle before.

The difference of each sample and the waveform one cycle earlier (cubic between samples) is zero for whatever
repeats itself, harmonics included. Where it is larger than the threshold in any phase, a transient begins; it
ends with the last such sample after which a cycle passes without any. One cycle later the difference shows
each transient once more, upside down; this echo is left out.

A step of the voltage (the edge of a dip, a jump of the angle) is off for up to a cycle and then no more: its
``over`` is a large part of a cycle, that of an impulse is small. Edges of a dip or swell belong to that
event: whoever tells of both leaves out what overlaps with it (docs/decisions/024-event-origin.md). What comes
back at the same moment of every following cycle is seen when it begins and when it ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from flexcore.dsp._transient import Envelope
from flexcore.dsp.arrays import Float32
from flexcore.model import Flag
from flexcore.quantities import PHASES
from flexcore.station import EventSettings


@dataclass(frozen=True, slots=True)
class Transient:
    """``start`` and ``end`` (after its last sample) are sample numbers.

    ``peak_v`` is the largest deviation from the cycle before, with its sign; ``over`` in how many of the
    samples a phase was off by more than the threshold. With flag ``gap`` the samples ended while it ran.
    """

    start: int
    end: int
    peak_v: float
    over: int
    phases: tuple[str, ...]
    flags: tuple[Flag, ...] = ()


class Transients:
    """The transients of one busbar's three voltages."""

    def __init__(self, udin_v: float, settings: EventSettings, lines: tuple[str, ...] = PHASES) -> None:
        self._lines = lines
        self._envelope = Envelope(udin_v * math.sqrt(2.0) * settings.transient_percent / 100.0)

    @property
    def position(self) -> int:
        """Number of the next sample to be looked at."""
        return self._envelope.position

    @property
    def running(self) -> int | None:
        """Number of the first sample of what has not ended yet."""
        return self._envelope.started

    def restart(self, first: int) -> None:
        """Begin anew with sample number ``first``; the first cycle has nothing to be compared with."""
        self._envelope.restart(first)

    def take(self, data: Float32, origin: int, until: int, cycle: float) -> list[Transient]:
        """What ended in the samples from :attr:`position` up to ``until``.

        Args:
            data: (3, n) V; its column 0 is sample number ``origin``. It must still hold a cycle and two
                samples before :attr:`position`.
            until: number after the last sample to be looked at.
            cycle: length of the cycle before these samples, in samples (fractional). It must depend on the
                samples' numbers alone, not on how they arrive, for the result to do so.

        Raises:
            ValueError: ``data`` does not hold what is needed.
        """
        return [self._transient(run) for run in self._envelope.feed(data, origin, until, cycle)]

    def cut(self) -> list[Transient]:
        """End what is running because the samples end at :attr:`position`."""
        run = self._envelope.cut()
        return [] if run is None else [self._transient(run, ("gap",))]

    def _transient(self, run: tuple[int, int, float, int, int], flags: tuple[Flag, ...] = ()) -> Transient:
        start, end, peak_v, phases, over = run
        names = tuple(name for bit, name in enumerate(self._lines) if phases >> bit & 1)
        return Transient(start, end, peak_v, over, names, flags)
