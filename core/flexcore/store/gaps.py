"""Gaps: where values or samples of an element are missing. Pure; the store keeps what comes out of it.

There are three witnesses. The analyser tells of missing samples as events, to the sample. An interval
flagged ``gap`` of which no event told, and a hole between two intervals (a service was down, values were
dropped), are found here, and are to be announced on the bus.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from flexcore.model import Event, Measurement, event_id

#: ``samples``: told by the analyser. ``flagged``: seen on an interval. ``missing``: no interval came.
#: ``dropped``: one came but could not be kept.
Reason = Literal["samples", "flagged", "missing", "dropped"]

#: Intervals follow each other to the microsecond; half a 200-ms window is surely a hole.
TOLERANCE_NS = 100_000_000
#: A clock that was set back by more than this starts a new line of intervals.
CLOCK_STEP_NS = 60_000_000_000
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class Gap:
    """``end_ns`` is None while it lasts."""

    id: str
    element: str
    start_ns: int
    end_ns: int | None
    reason: Reason

    def touches(self, start_ns: int, end_ns: int) -> bool:
        """Whether it overlaps or adjoins the time from ``start_ns`` to ``end_ns``."""
        return self.start_ns <= end_ns + TOLERANCE_NS and (
            self.end_ns is None or self.end_ns >= start_ns - TOLERANCE_NS
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A gap that is new or has changed, and the event that tells of it, if the bus does not know yet."""

    gap: Gap
    announce: Event | None = None


class GapTracker:
    """Follows the intervals of all elements. ``last_ends_ns`` is where each element's values end."""

    def __init__(self, last_ends_ns: dict[str, int], recent: Iterable[Gap]) -> None:
        self.last_ends_ns = last_ends_ns
        self._gaps: dict[str, list[Gap]] = {}
        for gap in recent:
            self._remember(gap)

    def copy(self) -> GapTracker:
        """A twin, to be kept if what it says could be written, and thrown away if not."""
        twin = GapTracker(dict(self.last_ends_ns), ())
        twin._gaps = {element: list(gaps) for element, gaps in self._gaps.items()}
        return twin

    def hear(self, event: Event) -> list[Change]:
        """A gap event from the bus: the analyser's, or our own come back."""
        end_ns = None if event.duration_ns is None else event.start_ns + event.duration_ns
        known = next((g for g in self._gaps.get(event.element, ()) if g.id == event.id), None)
        if known is None:
            return [self._put(Gap(event.id, event.element, event.start_ns, end_ns, "samples"))]
        if end_ns is None or known.reason != "samples" or known.end_ns == end_ns:
            return []
        return [self._put(replace(known, end_ns=end_ns))]

    def follow(self, m: Measurement, *, dropped: bool = False) -> list[Change]:
        """The next interval of an element; ``dropped``: intervals before it came and could not be kept."""
        changes: list[Change] = []
        end_ns = m.start_ns + m.duration_ns
        last_ns = self.last_ends_ns.get(m.element)
        if last_ns is None or end_ns > last_ns or last_ns - end_ns > CLOCK_STEP_NS:
            self.last_ends_ns[m.element] = end_ns
        if last_ns is not None and m.start_ns - last_ns > TOLERANCE_NS:
            changes += self._hole(m.element, last_ns, m.start_ns, "dropped" if dropped else "missing")
        if "gap" in m.flags:
            changes += self._flagged(m.element, m.start_ns, end_ns)
        else:
            changes += self._over(m.element, m.start_ns)
        return changes

    def _hole(self, element: str, start_ns: int, end_ns: int, reason: Reason) -> list[Change]:
        touched = [g for g in self._gaps.get(element, ()) if g.touches(start_ns, end_ns)]
        if touched:
            known = touched[-1]
            until_ns = end_ns if known.end_ns is None else max(known.end_ns, end_ns)
            wider = replace(known, start_ns=min(known.start_ns, start_ns), end_ns=until_ns)
            return [] if wider == known else [self._put(wider)]
        gap = Gap(event_id("gap", element, start_ns), element, start_ns, end_ns, reason)
        return [self._put(gap, announce=True)]

    def _flagged(self, element: str, start_ns: int, end_ns: int) -> list[Change]:
        touched = [g for g in self._gaps.get(element, ()) if g.touches(start_ns, end_ns)]
        if not touched:
            gap = Gap(event_id("gap", element, start_ns), element, start_ns, end_ns, "flagged")
            return [self._put(gap, announce=True)]
        known = touched[-1]
        if known.reason == "flagged" and known.end_ns is not None and known.end_ns < end_ns:
            return [self._put(replace(known, end_ns=end_ns), announce=True)]
        return []

    def _over(self, element: str, start_ns: int) -> list[Change]:
        """A whole interval came: a gap that still lasts ended before it, though nobody said so."""
        lasting = [g for g in self._gaps.get(element, ()) if g.end_ns is None and g.start_ns <= start_ns]
        return [self._put(replace(g, end_ns=start_ns)) for g in lasting]

    def _put(self, gap: Gap, *, announce: bool = False) -> Change:
        self._remember(gap)
        if not announce or gap.end_ns is None:
            return Change(gap)
        event = Event(
            id=gap.id,
            type="gap",
            element=gap.element,
            state="end",
            start_ns=gap.start_ns,
            duration_ns=gap.end_ns - gap.start_ns,
            flags=("gap",),
        )
        return Change(gap, event)

    def _remember(self, gap: Gap) -> None:
        gaps = [g for g in self._gaps.get(gap.element, ()) if g.id != gap.id]
        self._gaps[gap.element] = sorted([*gaps, gap], key=lambda g: g.start_ns)[-_REMEMBERED:]
