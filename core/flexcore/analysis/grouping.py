"""From single channels to busbars (three voltages) and fields (three currents, perhaps a neutral).

First by the part of the plant that the names tell; what is left, by the order in the file: recorders write
L1, L2, L3 (N) one after the other. Three voltages between phases make the voltages to the star point that
they share: exact but for the zero sequence, which they do not contain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flexcore.analysis.names import Role, role_of
from flexcore.quantities import PAIRS, PHASES
from flexcore.recordings import Recording

#: Rows of the recording and the factor of each: their sum is the channel.
Terms = tuple[tuple[int, float], ...]
Item = tuple[int, Role]


@dataclass(frozen=True, slots=True)
class Group:
    """One element's channels: phase (``l1``...``l3``, ``n``) to the rows that make it."""

    quantity: str
    key: str
    phases: dict[str, Terms]
    by_name: bool
    between_phases: bool = False

    @property
    def rows(self) -> set[int]:
        """Rows of the recording that are used."""
        return {row for terms in self.phases.values() for row, _ in terms}


def find_groups(recording: Recording) -> tuple[list[Group], list[Group]]:
    """Busbars and fields in the order of their first channel."""
    items = [
        (row, role)
        for row, channel in enumerate(recording.channels)
        if (role := role_of(channel)) is not None
    ]
    groups: list[Group] = []
    left: list[Item] = []
    by_key: dict[tuple[str, str], list[Item]] = {}
    for row, role in items:
        by_key.setdefault((role.quantity, role.key), []).append((row, role))
    for members in by_key.values():
        found, rest = _in_order(members, by_name=True)
        groups += found
        left += rest
    found, _ = _in_order(sorted(left, key=lambda item: item[0]), by_name=False)
    groups += found
    if any(group.quantity == "u" and not group.between_phases for group in groups):
        # the same voltages twice: those to earth tell more
        groups = [group for group in groups if not group.between_phases]
    groups.sort(key=lambda group: min(group.rows))
    return [g for g in groups if g.quantity == "u"], [g for g in groups if g.quantity == "i"]


def _in_order(items: Iterable[Item], *, by_name: bool) -> tuple[list[Group], list[Item]]:
    """Groups among ``items`` by their order, and what is left over."""
    groups: list[Group] = []
    left: list[Item] = []
    for quantity in ("u", "i"):
        mine = [item for item in items if item[1].quantity == quantity]
        while mine:
            run: dict[str, Item] = {}
            for item in mine:
                if item[1].phase in run:
                    break
                run[item[1].phase] = item
            taken = list(run.values())
            group = _group(quantity, run, by_name)
            if group is None:
                # the first one begins no group; the others may
                left.append(mine.pop(0))
                continue
            used = group.rows
            groups.append(group)
            left += [item for item in taken if item[0] not in used]
            mine = [item for item in mine if item not in taken]
    return groups, left


def _group(quantity: str, run: dict[str, Item], by_name: bool) -> Group | None:
    keys = {item[1].key for item in run.values()}
    key = keys.pop() if len(keys) == 1 else ""
    if all(phase in run for phase in PHASES):
        names = (*PHASES, "n") if "n" in run and quantity == "i" else PHASES
        return Group(quantity, key, {name: ((run[name][0], run[name][1].factor),) for name in names}, by_name)
    if quantity == "u" and all(pair in run for pair in PAIRS):
        ab, bc, ca = ((run[pair][0], run[pair][1].factor / 3.0) for pair in PAIRS)
        phases: dict[str, Terms] = {
            "l1": (ab, (ca[0], -ca[1])),
            "l2": (bc, (ab[0], -ab[1])),
            "l3": (ca, (bc[0], -bc[1])),
        }
        return Group(quantity, key, phases, by_name, between_phases=True)
    return None


def words(key: str) -> set[str]:
    """The parts of a name, for comparison."""
    return {word for word in re.split(r"[^0-9A-Za-zЀ-ӿ]+", key.lower()) if word}


def busbar_of(field: Group, busbars: list[Group]) -> tuple[int, bool]:
    """Which of ``busbars`` a field most likely hangs on, and whether the names say so."""
    if len(busbars) == 1:
        return 0, True
    shared = [len(words(field.key) & words(busbar.key)) for busbar in busbars]
    best = max(shared)
    return shared.index(best), shared.count(best) == 1
