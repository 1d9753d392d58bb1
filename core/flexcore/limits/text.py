"""An evaluation as plain text for a terminal, in Dutch or English.

One line per clause, of the phase that decides; with ``phases`` one line per phase. Flagged and missing values
are always printed: a verdict without them is half a verdict.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from flexcore.limits._words import WORDS, Words
from flexcore.limits.events import TableCount
from flexcore.limits.outcome import ChannelOutcome, ClauseOutcome, Evaluation, EventOutcome, Reason
from flexcore.limits.vocabulary import DAY_NS, SECOND_NS

Language = Literal["nl", "en"]
#: What times are of: UTC; a recording's clock, whose zone nobody knows; nothing but its first sample.
Clock = Literal["utc", "file", "start"]

_RIGHT = frozenset({3, 4, 5, 8, 9, 10, 11, 12})


def render(
    evaluation: Evaluation, language: Language = "nl", *, phases: bool = False, clock: Clock = "utc"
) -> str:
    """``evaluation`` as lines of text; ``clock`` says what its times are of."""
    told = WORDS[language]
    words = {**told, "at": told["at"].format(clock=told[clock]), "clock": clock}
    blocks = [_head(evaluation, language, words)]
    if evaluation.clauses:
        blocks.append(_clauses(evaluation, language, words, phases))
    if evaluation.events:
        blocks.append(_events(evaluation.events, language, words))
    blocks += [_table(table, language, words) for table in evaluation.tables]
    blocks += [
        text for text in (_notes(evaluation, language, words), _left_out(evaluation, language, words)) if text
    ]
    return "\n\n".join(blocks) + "\n"


def _head(evaluation: Evaluation, language: Language, words: Words) -> str:
    e, counts = evaluation, evaluation.counts
    title = e.title_nl if language == "nl" else e.title_en
    days = (e.end_ns - e.start_ns) / DAY_NS
    length = f"{_number(days, words)} {words['days']}"
    if days < 1.0:
        length = f"{_number(24.0 * days, words)} {words['hours']}"
    return "\n".join(
        (
            f"{title} ({e.limit_set}, {words['version']} {e.version}; {e.standard})",
            f"{_when(e.start_ns, words)} - {_when(e.end_ns, words)} {words[words['clock']]}, {length}; "
            f"Udin {_number(e.udin_v, words)} V, {_number(e.nominal_hz, words)} Hz",
            f"{counts.passed} {words['pass']}, {counts.failed} {words['fail']}, "
            f"{counts.not_judged} {words['not_judged']}",
        )
    )


def _clauses(evaluation: Evaluation, language: Language, words: Words, phases: bool) -> str:
    columns = ("verdict", "clause", "phase", "limit", "value", "worst", "at", "period",
               "evaluated", "flagged", "missing", "coverage", "outside")  # fmt: skip
    lines = [tuple(words[name] for name in columns)]
    whys: dict[str, list[str]] = {}
    for clause in evaluation.clauses:
        title = (clause.title_nl if language == "nl" else clause.title_en) + _mark(clause.mark)
        for outcome in clause.channels if phases else (clause.worst,):
            lines.append(_line(clause, outcome, title, words))
        why = clause.worst.reason
        if why is not None:
            named = clause.quantity if why.key == "no_series" else title
            whys.setdefault(_reason(why, words), []).append(named)
    text = _aligned(lines)
    told = [f"  {_some(list(dict.fromkeys(names)))}: {why}" for why, names in whys.items()]
    return f"{text}\n{words['why']}:\n" + "\n".join(told) if told else text


def _line(clause: ClauseOutcome, outcome: ChannelOutcome, title: str, words: Words) -> tuple[str, ...]:
    unit = f" {clause.unit}" if clause.unit else ""
    limits = [clause.lower, clause.upper]
    if clause.lower is None or clause.upper is None:
        sign = "<=" if clause.lower is None else ">="
        limit = f"{sign} {_number(clause.upper if clause.lower is None else clause.lower, words)}{unit}"
    else:
        limit = " - ".join(_number(n, words) for n in limits) + unit
    return (
        words[outcome.verdict],
        title,
        (outcome.phase or "").upper(),
        limit,
        _number(outcome.percentile, words),
        _number(outcome.worst, words),
        _when(outcome.worst_ns, words) if outcome.worst_ns is not None else "-",
        words[clause.period] if clause.whole_period else f"< {words[clause.period]}",
        str(outcome.evaluated),
        str(outcome.flagged),
        str(outcome.missing),
        f"{_number(outcome.coverage_percent, words)} %",
        str(outcome.outside),
    )


def _events(events: tuple[EventOutcome, ...], language: Language, words: Words) -> str:
    lines = [
        tuple(words[n] for n in ("verdict", "clause", "count", "allowed", "worst", "at", "longest", "reason"))
    ]
    for event in events:
        title = (event.title_nl if language == "nl" else event.title_en) + _mark(event.mark)
        cell = f" [{event.scheme}]" if event.scheme else ""
        allowed = (
            "-" if event.max_per_year is None else f"{_number(event.max_per_year, words)} {words['a_year']}"
        )
        lines.append(
            (
                words[event.verdict],
                title + cell,
                str(event.count),
                allowed,
                "-" if event.worst_percent is None else f"{_number(event.worst_percent, words)} %",
                "-" if event.worst_ns is None else _when(event.worst_ns, words),
                "-" if event.longest_s is None else f"{_number(event.longest_s, words)} s",
                _reason(event.reason, words) if event.reason else "",
            )
        )
    return _aligned(lines, right=frozenset({2, 3, 4, 6}))


def _table(table: TableCount, language: Language, words: Words) -> str:
    title = table.title_nl if language == "nl" else table.title_en
    head = f"{title} [{table.scheme}]"
    outside = f"{words['no_cell']}: {table.outside}"
    if not table.rows:
        lines = [
            f"{label}: {count}  ({title_of_cell.replace('.', words['point'])})"
            for label, count, title_of_cell in zip(table.cells, table.counts, table.cell_titles, strict=True)
        ]
        return "\n".join([head, *lines, outside])
    width = len(table.columns)
    rows = [("", *(t.replace(".", words["point"]) for t in table.column_titles))]
    for n, (label, title_of_row) in enumerate(zip(table.rows, table.row_titles, strict=True)):
        rows.append((f"{label} {title_of_row}", *(str(c) for c in table.counts[n * width : (n + 1) * width])))
    return "\n".join([head, _aligned(rows, right=frozenset(range(1, width + 1))), outside])


def _notes(evaluation: Evaluation, language: Language, words: Words) -> str:
    notes: dict[str, list[str]] = {}
    clauses: list[ClauseOutcome | EventOutcome] = [*evaluation.clauses, *evaluation.events]
    for clause in clauses:
        note = clause.note_nl if language == "nl" else clause.note_en
        if note:
            notes.setdefault(note, []).append(clause.id)
    lines = [f"  {_some(ids)}: {note}" for note, ids in notes.items()]
    if evaluation.voltages == "phase_to_phase" and any(
        clause.worst.phase is not None and not clause.between_phases for clause in evaluation.clauses
    ):
        lines.append(f"  {words['neutral_note']}")
    if any(not judged.whole_period for judged in evaluation.clauses):
        lines.append(f"  {words['short_note']}")
    if any(clause.mark == "r" for clause in clauses):
        lines.append(f"  {words['mark_note']}")
    return "\n".join([f"{words['notes']}:", *lines]) if lines else ""


def _some(ids: list[str]) -> str:
    return ", ".join(ids) if len(ids) <= 3 else f"{ids[0]} ... {ids[-1]}"


def _left_out(evaluation: Evaluation, language: Language, words: Words) -> str:
    lines = [
        f"  {item.title_nl}: {item.reason_nl}" if language == "nl" else f"  {item.title_en}: {item.reason_en}"
        for item in evaluation.left_out
    ]
    return "\n".join([f"{words['left_out']}:", *lines]) if lines else ""


def _reason(reason: Reason, words: Words) -> str:
    return words[f"reason_{reason.key}"].format(
        value=_number(reason.value, words), limit=_number(reason.limit, words)
    )


def _mark(mark: str) -> str:
    return " (r)" if mark == "r" else ""


def _number(value: float | None, words: Words) -> str:
    if value is None:
        return "-"
    text = f"{value:.5g}" if abs(value) < 1e5 else f"{value:.0f}"
    return text.replace(".", words["point"])


def _when(time_ns: int, words: Words) -> str:
    if words["clock"] == "start":
        minutes, seconds = divmod(time_ns // SECOND_NS, 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    return datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _aligned(lines: list[tuple[str, ...]], right: frozenset[int] = _RIGHT) -> str:
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
