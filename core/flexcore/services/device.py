"""``flexcore-device``: thermometers, contacts and gauges on the box's own wires, told on the measurement bus.

Alarms: ``device_silent`` (no reading for some periods), ``device_wrong`` (something answers that is not the
device of the station file); detail: which, and why. ``fire``, ``smoke``, ``door``, ``water`` while a contact
that means so is active.
"""

from __future__ import annotations

import os
from typing import get_args

from flexcore import machine, topics
from flexcore.devices import ContactAlarm
from flexcore.payloads import ReadingPayload, encode
from flexcore.services._asking import Asked, serve, troubles
from flexcore.services._devices import lines_of
from flexcore.services.service import Service, run
from flexcore.station import Station

#: Which wires: a developer's supervisor names another back end.
BACKEND = "FLEXCORE_MACHINE"


def _alarms(station: Station, asked: list[Asked]) -> dict[str, str]:
    """What is to be raised, with its detail."""
    found = {"device_silent": troubles(asked, "stale"), "device_wrong": troubles(asked, "wrong")}
    told = {one.id: one.told for one in asked}
    for kind in get_args(ContactAlarm):
        active = [
            device.name for device in station.device if device.alarm == kind and _active(told.get(device.id))
        ]
        found[kind] = ", ".join(active)
    return found


def _active(told: ReadingPayload | None) -> bool:
    return told is not None and bool(told.v.get("active"))


def ask_devices(service: Service, backend: machine.Backend | None = None) -> None:
    """The body of the service; without devices in the station file there is nothing to do."""
    station = service.station

    def tell(payload: ReadingPayload) -> None:
        topic = topics.device(station.station.id, payload.id)
        service.bus.publish(topic, encode(payload), qos=1, retain=True)

    chosen = backend or machine.load(os.environ.get(BACKEND, "linux"))
    lines, asked = lines_of(station.device, chosen, tell, service.stopping)
    serve(service, lines, asked, "devices", lambda: _alarms(station, asked))


def main() -> int:
    """Run until SIGTERM."""
    return run("device", ask_devices)


if __name__ == "__main__":
    raise SystemExit(main())
