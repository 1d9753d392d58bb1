"""The summary for a person at a terminal: plain text, at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flexcore.analysis.results import (
    Analysis,
    ElementResult,
    EventResult,
    IntervalResult,
    Judged,
    Statistic,
)
from flexcore.limits import text as limits_text
from flexcore.quantities import BY_NAME, line_label

WIDTH = 100
#: Events, gaps and the like that a summary shows; ``full`` shows all.
MOST_ROWS = 40
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_SCALED = ("V", "A", "W", "var", "VA", "Wh", "varh", "VAh")
_LONGEST = {"200ms": "200 ms", "3s": "3 s", "10s": "10 s", "10min": "10 min", "2h": "2 h"}
_ORDER = ("200ms", "3s", "10s", "10min", "2h")
#: In ``detail``, but not for this table: the full JSON has it.
_TOLD_ELSEWHERE = frozenset({"iec_duration_s", "dumax_percent"})
_RIGHT, _LEFT = ">", "<"


def render(analysis: Analysis, *, full: bool = False) -> str:
    """The whole text; ``full``: every quantity of every element, all events, all spectra."""
    parts = [
        _recording(analysis),
        _mapping(analysis),
        _rate(analysis),
        *(_busbar(element) for element in analysis.elements if element.kind == "busbar"),
        _fields(analysis),
        _loads(analysis),
        _events(analysis, full),
        _gaps(analysis, full),
        *(_limits(judged) for judged in analysis.limits),
    ]
    if full:
        parts += [_all_quantities(element) for element in analysis.elements if element.kind == "field"]
        parts += [_spectra(element) for element in analysis.elements]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(rows: Iterable[list[str]], align: str, indent: int = 2) -> list[str]:
    """Rows as aligned columns; ``align`` has < or > for each; no wider than the page."""
    rows = [list(row) for row in rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(align))]
    lines = []
    for row in rows:
        cells = [f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)]
        lines.append(short((" " * indent + "  ".join(cells)).rstrip(), WIDTH))
    return lines


def short(text: str, most: int) -> str:
    """``text`` in at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def wrapped(label: str, text: str, indent: int = 2, column: int = 16) -> list[str]:
    """``label`` and ``text`` behind it, broken between words."""
    lead = " " * indent + f"{label:<{column - indent}}"
    lines, line = [], lead
    for word in text.split(" "):
        if len(line) + len(word) + 1 > WIDTH and line.strip() and line != " " * column:
            lines.append(line.rstrip())
            line = " " * column
        line += word + " "
    lines.append(line.rstrip())
    return [short(line, WIDTH) for line in lines]


def scale_for(unit: str, *values: float) -> tuple[float, str]:
    """Divisor and unit with prefix that suit the largest of ``values``."""
    if unit not in _SCALED:
        return 1.0, unit
    largest = max((abs(value) for value in values), default=0.0)
    factor, prefix = next(((f, p) for f, p in _PREFIXES if largest >= f), (1.0, ""))
    return factor, prefix + unit


def figure(value: float, unit: str = "") -> str:
    """A number as a person reads it: five figures; frequencies to the millihertz."""
    if unit == "Hz":
        return f"{value:.3f}"
    if unit == "°":
        return f"{value:.1f}"
    magnitude = abs(value)
    for limit, decimals in ((1e5, 0), (1000.0, 1), (100.0, 2), (10.0, 3)):
        if magnitude >= limit:
            return f"{value:.{decimals}f}"
    return f"{value:.4f}"


def _title(text: str) -> str:
    return short(text, WIDTH)


def _limits(judged: Judged) -> str:
    """A busbar against a limit set; this table alone is wider than the page."""
    lines = [_title(f"Limits     {judged.busbar}")]
    for doubt in judged.doubts:
        lines += wrapped("look at", doubt)
    text = limits_text.render(judged.evaluation, "en", clock=judged.clock)
    return "\n".join([*lines, *(f"  {line}".rstrip() for line in text.splitlines())])


def _recording(analysis: Analysis) -> str:
    info = analysis.recording
    lines = [_title(f"Recording  {info.file}")]
    lines += wrapped("format", info.form)
    if info.title:
        lines += wrapped("station", info.title)
    lines += wrapped(
        "samples",
        f"{info.channels} channels, {info.samples} samples at {info.rate_hz:.10g} Hz, {info.seconds:.3f} s",
    )
    if info.start is None:
        lines += wrapped("start", "not in the file; times are seconds from its first sample")
    else:
        zone = "its time zone is not in the file" if info.zone is None else f"the file says {info.zone}"
        lines += wrapped("start", f"{info.start.replace('T', ' ')}   as the file's clock shows it; {zone}")
    if info.from_s > 0.0 or info.to_s < info.seconds - 1e-9:
        lines += wrapped("analysed", f"{info.from_s:.3f} s to {info.to_s:.3f} s after the first sample")
    for note in info.notes:
        lines += wrapped("note", note)
    for warning in analysis.warnings:
        lines += wrapped("warning", warning)
    return "\n".join(lines)


def _mapping(analysis: Analysis) -> str:
    mapping = analysis.mapping
    lines = [_title(f"Channels   {mapping.origin}")]
    rows = [["element", "is", "at", "channels of the recording", "name"]]
    for element in analysis.elements:
        at = element.busbar or _volts(element.nominal_v or 0.0)
        rows.append([element.id, element.kind, at, _numbers(element), short(element.name, 40)])
    lines += table(rows, _LEFT * 5)
    lines += wrapped(
        "nominal", f"voltage {mapping.nominal_v_from}; {mapping.nominal_hz} Hz ({mapping.nominal_hz_from})"
    )
    for doubt in mapping.doubts:
        lines += wrapped("look at", doubt)
    if mapping.unused:
        some = ", ".join(f"{number} {name}" for number, name in mapping.unused[:8])
        more = "" if len(mapping.unused) <= 8 else f", and {len(mapping.unused) - 8} more"
        lines += wrapped("not used", some + more)
    lines += wrapped("values", mapping.side)
    return "\n".join(lines)


def _numbers(element: ElementResult) -> str:
    parts = []
    for use in element.channels:
        numbers = "".join(
            f"{'-' if factor < 0 else '+' if n else ''}{number}"
            for n, (number, _, factor) in enumerate(use.sources)
        )
        parts.append(f"{use.channel[2:].upper()}={numbers if len(use.sources) == 1 else f'({numbers})/3'}")
    return " ".join(parts)


def _volts(value: float) -> str:
    factor, unit = scale_for("V", value)
    return f"{value / factor:g} {unit}"


def _rate(analysis: Analysis) -> str:
    lines = ["What this rate and length"]
    for n, text in enumerate(analysis.gives):
        lines += wrapped("give" if n == 0 else "", text)
    for n, text in enumerate(analysis.cannot):
        lines += wrapped("cannot give" if n == 0 else "", text)
    return "\n".join(lines)


def _first_interval(element: ElementResult) -> tuple[str, IntervalResult] | None:
    for interval in (*_ORDER, *element.intervals):
        if interval in element.intervals:
            return interval, element.intervals[interval]
    return None


def _flags(result: IntervalResult) -> str:
    if not result.flags:
        return "none flagged"
    return "flagged " + ", ".join(f"{flag} {count}" for flag, count in result.flags.items())


def _busbar(element: ElementResult) -> str:
    earth_v, udin_v = element.earth_v or 0.0, element.udin_v or 0.0
    factor, unit = scale_for("V", earth_v)
    lines = [_title(f"Busbar {element.id}   {element.name}")]
    declared = f"{earth_v / factor:.5g} {unit} to earth, {_volts(element.nominal_v or 0.0)} between phases"
    between = element.voltages == "phase_to_phase"
    declared += f"; judged {'between phases' if between else 'to earth'}"
    steps = [use.step for use in element.channels if use.step is not None]
    if steps:
        declared += f"; the file's smallest step is {100.0 * max(steps) / udin_v:.2g} % of that"
    lines += wrapped("declared", declared)
    return "\n".join([*lines, *_windows(element), *_quantities(element)])


def _windows(element: ElementResult) -> list[str]:
    first = _first_interval(element)
    if first is None:
        return wrapped("windows", "none: too short, or no voltage to follow")
    interval, result = first
    return wrapped("windows", f"{result.count} of {_LONGEST.get(interval, interval)}, {_flags(result)}")


def _quantities(element: ElementResult) -> list[str]:
    """Every quantity at the shortest interval that has it."""
    rows = [["", "mean", "min", "at s", "max", "at s", "unit", "of"]]
    seen: set[str] = set()
    for interval in (*_ORDER, *(name for name in element.intervals if name not in _ORDER)):
        result = element.intervals.get(interval)
        for name, found in (result.quantities if result is not None else {}).items():
            if name not in seen:
                seen.add(name)
                rows.append(_quantity(name, interval, found))
    return table(rows, "<>>>>><<") if seen else []


def _quantity(name: str, interval: str, found: Statistic) -> list[str]:
    known = BY_NAME.get(name)
    factor, unit = scale_for(found.unit, found.mean, found.min, found.max)
    return [
        short(known.label_en if known is not None else name, 36),
        figure(found.mean / factor, unit),
        figure(found.min / factor, unit),
        f"{found.min_at_s:.3f}",
        figure(found.max / factor, unit),
        f"{found.max_at_s:.3f}",
        unit,
        _LONGEST.get(interval, interval),
    ]


def _fields(analysis: Analysis) -> str:
    """One line per field: currents, powers, power factor."""
    fields = [element for element in analysis.elements if element.kind == "field"]
    if not fields:
        return ""
    rows = [["", "bus", "I L1", "I L2", "I L3", "I N", "I max", "at s", "P", "Q", "S", "PF", "name"]]
    for element in fields:
        first = _first_interval(element)
        found = first[1].quantities if first is not None else {}
        phases = [found[name] for name in ("i_l1_a", "i_l2_a", "i_l3_a") if name in found]
        largest = max(phases, key=lambda one: one.max) if phases else None
        rows.append(
            [
                short(element.id, 16),
                short(element.busbar or "", 12),
                *(_mean(found.get(name)) for name in ("i_l1_a", "i_l2_a", "i_l3_a", "i_n_a")),
                "-" if largest is None else figure(largest.max, "A"),
                "-" if largest is None else f"{largest.max_at_s:.3f}",
                *(_mean(found.get(name), with_prefix=True) for name in ("p_w", "q_var", "s_va")),
                _mean(found.get("pf")),
                element.name,
            ]
        )
    lines = ["Fields     mean over all windows of 200 ms; currents in A, powers in W, var and VA"]
    return "\n".join([*lines, *table(rows, "<<" + ">" * 10 + "<")])


def _loads(analysis: Analysis) -> str:
    """One line per transformer and cable."""
    if not analysis.loads:
        return ""
    rows = [["", "field", "verdict", "by", "value", "limit", "% of it", "left", "name"]]
    for load in analysis.loads:
        worst = load.findings[0]
        unit = {"A": "A", "degC": "°C"}.get(worst.unit or "", "")
        figures = [f"{figure(x, unit)} {unit}" if x is not None else "-" for x in (worst.value, worst.limit)]
        left = worst.remaining_min
        rows.append(
            [
                short(load.id, 16),
                short(load.field, 12),
                load.verdict.replace("_", " "),
                f"{worst.criterion} {worst.where or ''}".replace("_", " ")
                + ("" if worst.reason == "limit" else f" ({worst.reason.replace('_', ' ')})"),
                *figures,
                "-" if worst.percent is None else f"{worst.percent:.1f}",
                left if isinstance(left, str) else "-" if left is None else f"{left:.0f} min",
                load.name,
            ]
        )
    lines = ["Load       heaviest judgement of each component; what heated it before is not in the recording"]
    return "\n".join([*lines, *table(rows, "<<<<>>>><")])


def _mean(found: Statistic | None, *, with_prefix: bool = False) -> str:
    if found is None:
        return "-"
    if not with_prefix:
        return f"{found.mean:.3f}" if found.unit == "" else figure(found.mean, found.unit)
    factor, unit = scale_for(found.unit, found.mean)
    return f"{found.mean / factor:.4g}{unit.removesuffix(found.unit)}"


def _clock(start: str | None) -> str:
    if start is None:
        return ""
    return datetime.fromisoformat(start).strftime("%H:%M:%S.%f")[:-3]


def _duration(event: EventResult) -> str:
    if event.duration_s is None:
        return "-"
    text = f"{event.duration_s:.3f} s" if event.duration_s >= 1.0 else f"{1000.0 * event.duration_s:.1f} ms"
    return f"> {text}" if event.open else text


def _events(analysis: Analysis, full: bool) -> str:
    events = analysis.events
    if not events:
        return "Events     none"
    rows = [["at s", "clock", "type", "element", "phases", "extreme", "% Udin", "lasted", "notes"]]
    for event in events if full else events[:MOST_ROWS]:
        factor, unit = scale_for("V", event.extreme_v or 0.0)
        detail = {name: value for name, value in event.detail.items() if name not in _TOLD_ELSEWHERE}
        notes = [*event.flags, *_origin(event), *(f"{name}={value:.4g}" for name, value in detail.items())]
        rows.append(
            [
                f"{event.at_s:.3f}",
                _clock(event.start),
                event.type,
                short(event.element, 16),
                " ".join(line_label(name) for name in event.phases),
                "-" if event.extreme_v is None else f"{figure(event.extreme_v / factor)} {unit}",
                "-" if event.extreme_percent is None else f"{event.extreme_percent:.2f}",
                _duration(event),
                ", ".join(notes),
            ]
        )
    lines = [f"Events     {len(events)}: {_kinds(events)}", *table(rows, "><<<<>>><")]
    if any(event.open for event in events):
        lines.append("  > : runs on where the recording ends")
    if not full and len(events) > MOST_ROWS:
        lines.append(f"  and {len(events) - MOST_ROWS} more (--full)")
    return "\n".join(lines)


def _origin(event: EventResult) -> list[str]:
    """Where it came from, where that is known."""
    origin = event.origin
    if origin is None or (origin.place == "unknown" and origin.field is None):
        return []
    towards = "" if origin.field is None else f" {origin.field}"
    what = {"unknown": "towards", "unmeasured": "unmeasured branch"}.get(origin.place, origin.place)
    return [f"{what}{towards} {100.0 * origin.confidence:.0f} %"]


def _kinds(events: Iterable[EventResult]) -> str:
    counts: dict[str, int] = {}
    for event in events:
        counts[event.type] = counts.get(event.type, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _gaps(analysis: Analysis, full: bool) -> str:
    gaps = analysis.gaps
    if not gaps:
        return "Gaps       none: every sample of the mapped channels is there"
    rows = [["at s", "clock", "element", "lasted"]]
    for gap in gaps if full else gaps[:MOST_ROWS]:
        rows.append([f"{gap.at_s:.4f}", _clock(gap.start), short(gap.element, 16), _duration(gap)])
    lines = [f"Gaps       {len(gaps)}: samples that are missing", *table(rows, "><<>")]
    if not full and len(gaps) > MOST_ROWS:
        lines.append(f"  and {len(gaps) - MOST_ROWS} more (--full)")
    return "\n".join(lines)


def _all_quantities(element: ElementResult) -> str:
    lines = [_title(f"Field {element.id} at {element.busbar}   {element.name}")]
    return "\n".join([*lines, *_windows(element), *_quantities(element)])


def _spectra(element: ElementResult) -> str:
    """Mean of each order, ten to a line."""
    lines: list[str] = []
    first = _first_interval(element)
    for name, spectrum in (first[1].spectra if first is not None else {}).items():
        lines.append(f"Spectrum {element.id} {name}   mean by order")
        known = [n for n, value in enumerate(spectrum.mean) if value is not None]
        cells = [
            f"{spectrum.mean[n]:.4g}"
            for n in range(max(known, default=-1) + 1)
            if spectrum.mean[n] is not None
        ]
        rows = [
            [f"{at}", *cells[at : at + 10], *[""] * (10 - len(cells[at : at + 10]))]
            for at in range(0, len(cells), 10)
        ]
        lines += table(rows, ">" * 11) if rows else ["  none"]
    return "\n".join(lines)
