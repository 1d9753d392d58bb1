"""What a person should know now: said by the services, or noticed by the page itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flexcore_webui.live.hub import Hub
from flexcore_webui.live.snapshot import AlarmRow, Severity, Snapshot

#: Without these there are no values, no judgement or no memory.
EXPECTED = ("acquire", "analyse", "record")
#: Lag of the values behind the box's clock that a person must be told about.
LAG_LIMIT_S = 5.0
#: What a contact says that is more than a fault of the instrument.
DANGER = ("fire", "smoke", "water")
#: Counters of frames that ``acquire`` did not take; each is a reason.
DROP_PREFIX = "dropped_"


def collect(hub: Hub, snapshot: Snapshot, history_problem: str) -> tuple[AlarmRow, ...]:
    """All alarms, faults first, in a stable order."""
    rows = [*_page(hub, snapshot), *_services(hub, snapshot)]
    if history_problem and snapshot.station_state == "ready":
        rows.append(AlarmRow("warning", "history", detail=history_problem))
    return tuple(sorted(rows, key=lambda r: r.severity != "fault"))


def _page(hub: Hub, snapshot: Snapshot) -> Iterator[AlarmRow]:
    if snapshot.station_state == "missing":
        yield AlarmRow("fault", "station_missing")
    elif snapshot.station_state == "invalid":
        yield AlarmRow("fault", "station_invalid", detail=hub.station_file.problem)
    if hub.station_file.refused:
        yield AlarmRow("warning", "station_refused", detail=hub.station_file.refused)
    if snapshot.bus == "disconnected":
        yield AlarmRow("fault", "bus_away")
    elif snapshot.station_state == "ready":
        silent = [name for name, e in snapshot.elements.items() if e.stale]
        if silent and hub.monotonic() - hub.started_s > hub.settings.stale_after_s:
            everything = len(silent) == len(snapshot.elements)
            code = "no_values" if everything else "some_silent"
            yield AlarmRow("fault" if everything else "warning", code, detail=_names(hub, silent))
    if snapshot.lag_s is not None and abs(snapshot.lag_s) > LAG_LIMIT_S:
        yield AlarmRow("warning", "lag", count=round(snapshot.lag_s))
    if hub.refusals.recent(hub.monotonic()):
        detail = ", ".join(f"{k}: {n}" for k, n in sorted(hub.refusals.counts.items()))
        yield AlarmRow("warning", "refused_messages", detail=detail, count=hub.refusals.total)


def _names(hub: Hub, ids: list[str]) -> str:
    site = hub.site
    found = [site.element(i) for i in ids] if site else []
    return ", ".join(e.name for e in found if e)


def _services(hub: Hub, snapshot: Snapshot) -> Iterator[AlarmRow]:
    if snapshot.bus == "disconnected" or snapshot.station_state != "ready":
        return
    rows = {r.name: r for r in hub.services()}
    waited = hub.monotonic() - hub.started_s > hub.settings.silent_after_s
    for name in EXPECTED:
        if name not in rows and waited:
            yield AlarmRow("fault", "never_heard", name)
    for name, r in rows.items():
        if r.state in ("offline", "silent"):
            yield AlarmRow("fault", f"service_{r.state}", name, since=r.t)
    for name, h in sorted(hub.health().items()):
        if rows[name].state in ("offline", "silent"):
            continue
        for alarm in h.payload.alarms:
            grave = h.payload.state == "fault" or alarm.code in DANGER
            severity: Severity = "fault" if grave else "warning"
            count = sum(drops(h.payload.counters).values()) if alarm.code == "frames_dropped" else None
            yield AlarmRow(severity, alarm.code, name, alarm.since, alarm.detail, count)


def drops(counters: Mapping[str, int | float]) -> dict[str, int]:
    """Frames that ``acquire`` could not use since it started, by reason."""
    return {
        name.removeprefix(DROP_PREFIX): int(n)
        for name, n in sorted(counters.items())
        if name.startswith(DROP_PREFIX) and n > 0
    }
