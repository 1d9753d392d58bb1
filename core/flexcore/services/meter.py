"""``flexcore-meter``: bought-in meters are asked over Modbus, and told on the measurement bus.

Alarms: ``meter_silent`` (no reading for some periods), ``meter_wrong`` (something answers that is not the
meter of the profile); detail: which, and why. Others go on; each comes back by itself.
"""

from __future__ import annotations

import time

from flexcore import topics
from flexcore.payloads import MeterPayload, encode
from flexcore.services._metering import Asked, lines_of
from flexcore.services.service import Service, run

PERIOD_S = 1.0
#: A line that has not turned round for so long hangs: longer than all its meters' time-outs together.
HANGS_S = 600.0


def _alarms(service: Service, asked: list[Asked]) -> None:
    told = [one.told for one in asked if one.told is not None]
    for code, state in (("meter_silent", "stale"), ("meter_wrong", "wrong")):
        found = [f"{payload.id}: {payload.detail}" for payload in told if payload.state == state]
        if found:
            service.raise_alarm(code, "; ".join(found)[:300])
        else:
            service.clear_alarm(code)


def ask_meters(service: Service) -> None:
    """The body of the service; without meters in the station file there is nothing to do."""
    station = service.station.station.id

    def tell(payload: MeterPayload) -> None:
        service.bus.publish(topics.meter(station, payload.id), encode(payload), qos=1, retain=True)

    lines, asked = lines_of(service.station.meter, service.paths.meters, tell, service.stopping)
    service.ready()
    for line in lines:
        line.start()
    try:
        while asked and not service.stopping.wait(PERIOD_S):
            now_s = time.monotonic()
            if all(now_s - line.turned_s < HANGS_S for line in lines):
                service.progress()
            service.counters["meters"] = len(asked)
            service.counters["meters_read"] = sum(
                one.told is not None and one.told.state == "ok" for one in asked
            )
            _alarms(service, asked)
    finally:
        service.stopping.set()
        for line in lines:
            line.join(5.0)


def main() -> int:
    """Run until SIGTERM."""
    return run("meter", ask_meters)


if __name__ == "__main__":
    raise SystemExit(main())
