"""Many intervals into few points: lowest, mean and highest of equal stretches of time."""

from __future__ import annotations

from flexcore.model import Flag
from flexcore.store.codec import flag_names

US = 1000
Points = tuple[
    list[int],
    list[int],
    list[float | None],
    list[float | None],
    list[float | None],
    list[tuple[Flag, ...]],
]


class Buckets:
    """At most ``most`` points between ``start_us`` and ``end_us``; an interval counts where it starts.

    With fewer intervals than ``most`` in a stretch, each point is one interval, at its own time.
    """

    def __init__(self, start_us: int, end_us: int, most: int) -> None:
        self.start_us = start_us
        self.end_us = end_us
        self._width_us = max(1, -(-(end_us - start_us) // most))
        # start, end, count of values, lowest, sum, highest, flags
        self._found: dict[int, tuple[int, int, int, float, float, float, int]] = {}

    def add(
        self,
        begin_us: int,
        offsets_us: list[int],
        durations_us: list[int],
        flags: list[int],
        values: list[float],
    ) -> None:
        """Add intervals that start at ``begin_us + offsets_us``; not-a-number is no value."""
        found, width = self._found, self._width_us
        for offset, duration, bits, value in zip(offsets_us, durations_us, flags, values, strict=True):
            start = begin_us + offset
            if not self.start_us <= start < self.end_us:
                continue
            key = (start - self.start_us) // width
            there = value == value  # noqa: PLR0124 - not-a-number is not itself
            old = found.get(key)
            if old is None:
                new = (value, value, value) if there else (0.0, 0.0, 0.0)
                found[key] = (start, start + duration, int(there), *new, bits)
                continue
            first, last, count, low, total, high, old_bits = old
            if there:
                low, high = (min(low, value), max(high, value)) if count else (value, value)
                total += value
                count += 1
            found[key] = (
                min(first, start),
                max(last, start + duration),
                count,
                low,
                total,
                high,
                old_bits | bits,
            )

    def points(self) -> Points:
        """Starts (ns), durations (ns), lowest, mean, highest, flags."""
        rows = [self._found[key] for key in sorted(self._found)]
        return (
            [first * US for first, *_ in rows],
            [(last - first) * US for first, last, *_ in rows],
            [low if count else None for _, _, count, low, *_ in rows],
            [total / count if count else None for _, _, count, _, total, *_ in rows],
            [high if count else None for _, _, count, _, _, high, _ in rows],
            [flag_names(bits) for *_, bits in rows],
        )
