"""Which requests fetch all values of a profile: few, each within what the meter answers at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flexcore.drivers.modbus.frames import Ask
from flexcore.drivers.modbus.profile import Profile, Value


@dataclass(frozen=True, slots=True)
class Part:
    """One request and the values that its answer holds."""

    ask: Ask
    values: tuple[Value, ...]

    def words(self, value: Value, answer: bytes) -> bytes:
        """The bytes of ``value`` in the ``answer`` to this request."""
        begin = 2 * (value.at - self.ask.first)
        return answer[begin : begin + 2 * value.width]


def plan(profile: Profile, unit: int) -> tuple[Part, ...]:
    """The requests, lowest address first; no value is cut in two, no more than ``bridge``
    registers unused.
    """
    parts: list[Part] = []
    group: list[Value] = []
    for value in sorted(profile.value, key=lambda v: (v.at, v.width)):
        if group:
            first, end = group[0].at, max(v.at + v.width for v in group)
            whole = max(end, value.at + value.width) - first
            if value.at - end > profile.bridge or whole > profile.most_registers:
                parts.append(_part(profile, unit, group))
                group = []
        group.append(value)
    parts.append(_part(profile, unit, group))
    return tuple(parts)


def _part(profile: Profile, unit: int, group: Iterable[Value]) -> Part:
    values = tuple(group)
    first = values[0].at
    count = max(v.at + v.width for v in values) - first
    return Part(Ask(unit, profile.function, first, count), values)
