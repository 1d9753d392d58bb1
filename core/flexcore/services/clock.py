"""``flexcore-clock``: how far the box's clock may be from UTC, on the measurement bus.

Asks chronyd, which keeps the time. Its alarms: ``clock_unsynchronised`` (no source since the start, or
chronyd does not answer), ``clock_holdover`` (the source is silent), ``clock_error`` (it may be further from
UTC than ``time.max_error_ms`` allows), ``clock_report`` (chronyd answers what cannot be read).
"""

from __future__ import annotations

import os
import time

from flexcore import topics
from flexcore.clock import TimeQuality, ask
from flexcore.clock.chrony import COMMAND_PORT, ClockError
from flexcore.payloads import TimePayload, encode, iso
from flexcore.services.service import Service, run

#: chrony itself looks at its servers every minute or more; the bound of the error grows in between.
PERIOD_S = 10.0
#: Right after the start it goes fast: within seconds the clock is set.
FIRST_S = 1.0
FIRST_LOOKS = 30


def payload(quality: TimeQuality, limit_s: float, now_ns: int) -> TimePayload:
    """What the bus is told."""
    return TimePayload(
        t=iso(now_ns),
        state=quality.state,
        within=quality.within(limit_s),
        error_s=quality.error_s,
        offset_s=quality.offset_s,
        stratum=quality.stratum,
        source=quality.source,
        age_s=quality.age_s,
    )


def look(service: Service, port: int) -> TimeQuality:
    """Ask once, tell the bus, raise and clear alarms."""
    try:
        quality = ask(port)
    except ClockError as error:
        quality = TimeQuality("unknown")
        service.raise_alarm("clock_report", error.message)
    else:
        service.clear_alarm("clock_report")
    limit_s = service.station.time.max_error_ms / 1e3
    told = encode(payload(quality, limit_s, time.time_ns()))
    service.bus.publish(topics.time(service.station.station.id), told, qos=1, retain=True)
    alarms = {
        "clock_unsynchronised": quality.state in ("unsynchronised", "unknown"),
        "clock_holdover": quality.state == "holdover",
        "clock_error": quality.error_s is not None and not quality.within(limit_s),
    }
    details = {
        "clock_unsynchronised": "chronyd does not answer" if quality.state == "unknown" else "",
        "clock_holdover": quality.source,
        "clock_error": f"{(quality.error_s or 0.0) * 1e3:.1f} ms",
    }
    for code, stands in alarms.items():
        if stands:
            service.raise_alarm(code, details[code])
        else:
            service.clear_alarm(code)
    if quality.error_s is not None:
        service.counters["error_ms"] = round(quality.error_s * 1e3, 3)
    else:
        service.counters.pop("error_ms", None)
    return quality


def keep_looking(service: Service) -> None:
    """The body of the service."""
    port = int(os.environ.get("FLEXCORE_CHRONY_PORT", COMMAND_PORT))
    looks = 0
    service.ready()
    while not service.stopping.is_set():
        quality = look(service, port)
        service.progress()
        looks += 1
        settling = quality.state != "synchronised" and looks < FIRST_LOOKS
        service.stopping.wait(FIRST_S if settling else PERIOD_S)


def main() -> int:
    """Run until SIGTERM."""
    return run("clock", keep_looking)


if __name__ == "__main__":
    raise SystemExit(main())
