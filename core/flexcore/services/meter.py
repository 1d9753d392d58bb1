"""``flexcore-meter``: bought-in meters are asked over Modbus, and told on the measurement bus.

Alarms: ``meter_silent`` (no reading for some periods), ``meter_wrong`` (something answers that is not the
meter of the profile); detail: which, and why. Others go on; each comes back by itself.
"""

from __future__ import annotations

from flexcore import topics
from flexcore.payloads import ReadingPayload, encode
from flexcore.services._asking import serve, troubles
from flexcore.services._metering import lines_of
from flexcore.services.service import Service, run


def ask_meters(service: Service) -> None:
    """The body of the service; without meters in the station file there is nothing to do."""
    station = service.station.station.id

    def tell(payload: ReadingPayload) -> None:
        service.bus.publish(topics.meter(station, payload.id), encode(payload), qos=1, retain=True)

    lines, asked = lines_of(service.station.meter, service.paths.meters, tell, service.stopping)

    def alarms() -> dict[str, str]:
        return {"meter_silent": troubles(asked, "stale"), "meter_wrong": troubles(asked, "wrong")}

    serve(service, lines, asked, "meters", alarms)


def main() -> int:
    """Run until SIGTERM."""
    return run("meter", ask_meters)


if __name__ == "__main__":
    raise SystemExit(main())
