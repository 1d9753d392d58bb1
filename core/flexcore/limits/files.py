"""Limit sets from their files: the shipped ones by name, anyone's own by path."""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from flexcore.limits.schema import Clause, EventClause, HarmonicFamily, LimitSet, LimitSetFile
from flexcore.limits.schemes import read_table, tables
from flexcore.limits.vocabulary import MAX_ORDER, MIN_ORDER, measurand
from flexcore.tomlfile import parse_toml, read_toml_text, refuse, shipped_names

_SETS = resources.files("flexcore.limits") / "sets"


def limit_sets() -> tuple[str, ...]:
    """The names of the shipped limit sets, sorted."""
    return tuple(sorted(shipped_names(_SETS)))


def read_limit_set(name_or_path: str | Path) -> LimitSet:
    """A shipped limit set by its name, or the one in a file: a path, or a text that ends in ``.toml``.

    A name without its years (``en50160-lv``) is the newest of that name.

    Raises:
        SettingsError: one line with the file, the key and what was expected.
    """
    if isinstance(name_or_path, Path) or name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        return parse_limit_set(read_toml_text(path), str(path))
    names = limit_sets()
    name = newest(name_or_path, names)
    if name is None:
        refuse(
            name_or_path[:80], "(name)", f"expected one of {', '.join(names)}, or a file that ends in .toml"
        )
    return parse_limit_set(read_toml_text(_SETS / f"{name}.toml"), f"{name}.toml")


def newest(name: str, names: Iterable[str]) -> str | None:
    """``name`` itself where it is one of ``names``, else the one with the latest years behind it.

    ``en50160-lv-2010-a1-2015`` is newer than ``en50160-lv-2010``: years are compared in their order, and an
    amendment comes after what it amends.
    """
    found: list[tuple[list[int], str]] = []
    for full in names:
        if full == name:
            return name
        edition = full.removeprefix(f"{name}-")
        if edition != full and edition[:4].isdecimal():
            years = [int(part) for part in edition.split("-") if len(part) == 4 and part.isdecimal()]
            found.append((years, full))
    return max(found)[1] if found else None


def parse_limit_set(text: str, file: str = "limits.toml") -> LimitSet:
    """The limit set in TOML ``text``; ``file`` is named in errors.

    Raises:
        SettingsError: one line with the file, the key and what was expected.
    """
    raw = parse_toml(text, file, LimitSetFile)
    keyed = [(f"clause[{n}]", f"clause[{n}].upper", clause) for n, clause in enumerate(raw.clause)]
    for n, family in enumerate(raw.harmonics):
        keyed += _spread(family, file, f"harmonics[{n}]")
    for key, upper_key, clause in keyed:
        _check_clause(clause, file, key, upper_key)
    for n, events in enumerate(raw.events):
        _check_events(events, file, f"events[{n}]")
    for n, table in enumerate(raw.set.tables):
        _table_cells(table, file, f"set.tables[{n}]")
    if not keyed and not raw.events:
        refuse(file, "clause", "expected at least one clause")
    _check_ids(
        [(k, c.id) for k, _, c in keyed] + [(f"events[{n}]", e.id) for n, e in enumerate(raw.events)], file
    )
    clauses = tuple(clause for _, _, clause in keyed)
    return LimitSet(head=raw.set, clauses=clauses, events=raw.events, left_out=raw.left_out)


def _check_ids(keyed: list[tuple[str, str]], file: str) -> None:
    seen: dict[str, str] = {}
    for key, name in keyed:
        other = seen.setdefault(name, key)
        if other != key:
            refuse(file, f"{key}.id", f"expected an id used once, {name!r} is also {other}")


def _spread(family: HarmonicFamily, file: str, key: str) -> list[tuple[str, str, Clause]]:
    """(key of the family, key of the limit, clause) per order."""
    for field, text in (
        ("quantity", family.quantity),
        ("title_nl", family.title_nl),
        ("title_en", family.title_en),
    ):
        if "{order}" not in text:
            refuse(file, f"{key}.{field}", f"expected {{order}} in it, got {text!r}")
    spread: list[tuple[str, str, Clause]] = []
    for order_text, upper in family.upper.items():
        where = f"{key}.upper.{order_text}"
        if not (order_text.isascii() and order_text.isdecimal() and order_text == str(int(order_text[:9]))):
            refuse(file, where, f"expected an order from {MIN_ORDER} to {MAX_ORDER} as the key")
        order = int(order_text)
        if not MIN_ORDER <= order <= MAX_ORDER:
            refuse(file, where, f"expected an order from {MIN_ORDER} to {MAX_ORDER} as the key")
        clause = Clause(
            id=f"{family.id}-h{order:02d}",
            title_nl=family.title_nl.replace("{order}", str(order)),
            title_en=family.title_en.replace("{order}", str(order)),
            clause=family.clause,
            mark=family.mark,
            quantity=family.quantity.replace("{order}", f"{order:02d}"),
            interval=family.interval,
            period=family.period,
            share_percent=family.share_percent,
            reference=family.reference,
            # 1.5 * 0.75 and the like: without the rounding a limit would print as 1.1249999
            upper=round(upper * family.factor, 9) if math.isfinite(upper) else upper,
            note_nl=family.note_nl,
            note_en=family.note_en,
        )
        spread.append((key, where, clause))
    return spread


def _check_clause(clause: Clause, file: str, key: str, upper_key: str) -> None:
    row = measurand(clause.quantity)
    if row is None:
        refuse(file, f"{key}.quantity", f"expected a quantity of the instrument, got {clause.quantity!r}")
    if clause.interval not in row.intervals:
        refuse(
            file,
            f"{key}.interval",
            f"expected {' or '.join(row.intervals)} for {clause.quantity}, got {clause.interval!r}",
        )
    if clause.reference != row.reference:
        refuse(
            file,
            f"{key}.reference",
            f"expected {row.reference!r}, which {clause.quantity} is given in, got {clause.reference!r}",
        )
    if clause.lower is None and clause.upper is None:
        refuse(file, f"{key}.upper", "expected a limit: lower, upper or both")
    for where, limit, below in ((f"{key}.lower", clause.lower, True), (upper_key, clause.upper, False)):
        if limit is None:
            continue
        side = "below" if below else "above"
        if not math.isfinite(limit) or not (limit < row.ideal if below else limit > row.ideal):
            refuse(file, where, f"expected a number {side} the undisturbed {row.ideal:g}, got {limit!r}")


def _check_events(clause: EventClause, file: str, key: str) -> None:
    for field in ("over_s", "until_s", "over_percent", "max_per_year"):
        number = getattr(clause, field)
        if number is not None and not math.isfinite(number):
            refuse(file, f"{key}.{field}", f"expected a finite number, got {number!r}")
    if (clause.scheme is None) != (clause.cell is None):
        refuse(file, f"{key}.cell", "expected scheme and cell together")
    if clause.scheme is not None:
        cells = _table_cells(clause.scheme, file, f"{key}.scheme")
        if clause.cell not in cells:
            refuse(
                file,
                f"{key}.cell",
                f"expected a cell of {clause.scheme} ({', '.join(cells)}), got {clause.cell!r}",
            )
    if clause.over_s is not None and clause.until_s is not None and not clause.over_s < clause.until_s:
        refuse(
            file, f"{key}.until_s", f"expected more than over_s ({clause.over_s:g}), got {clause.until_s:g}"
        )


def _table_cells(name: str, file: str, key: str) -> tuple[str, ...]:
    if name not in tables():
        refuse(file, key, f"expected one of {', '.join(tables())}, got {name!r}")
    return tuple(cell.label for cell in read_table(name).cells)
