"""Which back end ``machine`` stands on: named once by the program, never chosen by an import.

Back ends register under the entry-point group ``flexcore.machine``: a callable without arguments.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from flexcore.errors import SettingsError
from flexcore.machine.ports import Backend

GROUP = "flexcore.machine"

_used: list[Backend] = []


def load(name: str) -> Backend:
    """A new back end of that registered name; raises :class:`SettingsError` where there is none
    such, or two.
    """
    found = entry_points(group=GROUP, name=name)
    if len({entry.value for entry in found}) != 1:
        known = sorted({entry.name for entry in entry_points(group=GROUP)})
        raise SettingsError(
            f"machine back end {name!r}: expected one of {', '.join(known) or '(none installed)'}"
        )
    made: Backend = next(iter(found)).load()()
    return made


def use(chosen: Backend | None) -> None:
    """Let objects made from now on stand on ``chosen``; None forgets it."""
    _used[:] = [] if chosen is None else [chosen]


def backend(given: Backend | None = None) -> Backend:
    """``given``, else what :func:`use` named; raises :class:`RuntimeError` where nothing was named."""
    if given is not None:
        return given
    if not _used:
        raise RuntimeError(
            "machine: no back end was chosen; expected machine.use(machine.load('linux')) before"
        )
    return _used[0]
