"""``flexcore-record``: values of 3 s to 2 h, events and gaps from the measurement bus into the store."""

from __future__ import annotations

import os
import time

from flexcore import topics
from flexcore.model import Event
from flexcore.payloads import encode_event
from flexcore.services._recorder import INTERVAL_LIMITS_NS, Recorder
from flexcore.services.service import Service, run
from flexcore.store.writer import Limits

LOOK_S = 0.5
#: The broker keeps what we missed for so long when we are killed and started again.
SESSION_S = 600
#: Of the disk: the page's exports, the journal and the next update live there too.
DISK_SHARE = 0.6
RESERVE_SHARE = 0.02
MB = 1024 * 1024


def limits_of(service: Service) -> Limits:
    """Bounds by the station file, and never more than this box's disk can bear."""
    settings = service.station.store
    folder = service.paths.store
    disk_bytes = 1 << 62
    if folder.is_dir():
        disk = os.statvfs(folder)
        disk_bytes = disk.f_blocks * disk.f_frsize
    return Limits(
        keep_days=settings.keep_days,
        max_bytes=min(settings.max_mb * MB, int(disk_bytes * DISK_SHARE)),
        reserve_bytes=min(16 * MB, int(disk_bytes * RESERVE_SHARE)),
    )


def work(service: Service) -> None:
    """Record until the service is to stop."""
    station = service.station.station.id

    def announce(gap: Event) -> None:
        service.bus.publish(topics.event(station, "gap"), encode_event(gap), qos=1)

    recorder = Recorder(
        station=service.station,
        folder=service.paths.store,
        limits=limits_of(service),
        alarms=service,
        announce=announce,
    )
    for interval in INTERVAL_LIMITS_NS:
        service.bus.subscribe(topics.measurement(station, interval, "+"), recorder.hear_values, qos=1)
    service.bus.subscribe(topics.event(station, "+"), recorder.hear_event, qos=1)
    try:
        service.ready()
        while not service.stopping.is_set():
            recorder.work(time.monotonic(), time.time_ns())
            service.counters.update(recorder.counters)
            # Written, or nothing to write, or the trouble is known and told: all of it is progress.
            service.progress()
            recorder.wake.wait(LOOK_S)
    finally:
        recorder.close()
        service.counters.update(recorder.counters)


def main() -> int:
    """The exit code: see :func:`flexcore.services.service.run`."""
    return run("record", work, session_s=SESSION_S)


if __name__ == "__main__":
    raise SystemExit(main())
