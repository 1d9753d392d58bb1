"""The box when things go wrong: killed services, a broker that is down, hostile frames, a full disk."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

import pytest
from stage import Stage

from flexcore.desk.appliance import Appliance
from flexcore.payloads import from_iso

#: The issue's figure: a killed service runs again within this.
BACK_WITHIN_S = 5.0
#: A play's lead-out, its pause and one value more (see the fixture ``stage``).
PAUSE_NS = 8_000_000_000


def until(condition: Callable[[], bool], within_s: float, what: str, stage: Stage) -> float:
    """Seconds until ``condition``; the box is tended meanwhile."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, f"not within {within_s:.0f} s: {what}"
        stage.scene.look()
        time.sleep(0.1)
    return time.monotonic() - began


def page(stage: Stage, path: str) -> list[dict[str, object]]:
    """A list from the page's API, as the signed-in viewer."""
    assert stage.scene.viewer is not None
    answer = stage.scene.viewer.json(path)
    assert isinstance(answer, list)
    return answer


def live_again(stage: Stage, element: str = "bb1") -> float:
    """Seconds until a good new value of ``element`` is on the bus."""
    now_ns = time.time_ns()

    def good() -> bool:
        return any("gap" not in m.flags for m in stage.ear.live(element, after_ns=now_ns))

    return until(good, 20.0 * stage.patience, f"good values of {element}", stage)


def stored(stage: Stage, after_ns: int) -> bool:
    """Whether a whole 3-s value of bb1 came that began after a moment."""
    values = [m for m in stage.ear.measurements if m.interval == "3s" and m.element == "bb1"]
    return any(m.start_ns > after_ns and "gap" not in m.flags for m in values)


def gap_shown(stage: Stage, after_ns: int) -> bool:
    """Whether the page lists a gap of bb1 that ended after a moment."""
    gaps = page(stage, "/api/v1/gaps")
    return any(
        g["element"] == "bb1" and (not g["t_end"] or from_iso(str(g["t_end"])) > after_ns) for g in gaps
    )


@pytest.mark.parametrize("service", ["acquire", "analyse", "mosquitto", "record", "web"])
def test_a_killed_service_comes_back(stage: Stage, service: str) -> None:
    live_again(stage)
    # The store knows 3-s values: a hole is what lies between two of them.
    now_ns = time.time_ns()
    stage.ear.wait(lambda: stored(stage, now_ns), 30.0 * stage.patience**0.5, "a 3-s value of bb1")
    before, killed_ns = stage.running(service), time.time_ns()
    assert before
    stage.kill(service)
    took = until(lambda: stage.running(service) not in (0, before), BACK_WITHIN_S, f"{service} runs", stage)
    back = live_again(stage)
    assert took + back < 20.0 * stage.patience
    if service in ("acquire", "analyse"):
        # What was missed is told, not bridged: on the bus, in the store, on the page.
        until(lambda: gap_shown(stage, killed_ns), 20.0 * stage.patience, "the page lists the gap", stage)
        events = [e for e in stage.ear.events if e.type == "gap" and e.element == "bb1"]
        assert any(e.start_ns + (e.duration_ns or 0) > killed_ns for e in events)
    if service == "web":
        until(lambda: page_is_live(stage), 20.0 * stage.patience, "the page is live", stage)


def page_is_live(stage: Stage) -> bool:
    """Whether the page answers and shows live values."""
    assert stage.scene.viewer is not None
    try:
        snapshot = stage.scene.viewer.json("/api/v1/snapshot")
    except OSError:
        return False
    assert isinstance(snapshot, dict)
    return bool(snapshot["live"])


def test_a_broker_that_is_down_is_said_and_nothing_is_lost(stage: Stage) -> None:
    assert stage.scene.viewer is not None
    live_again(stage)
    stopped_ns = time.time_ns()
    stage.stop("mosquitto")

    def said() -> bool:
        snapshot = stage.scene.viewer.json("/api/v1/snapshot") if stage.scene.viewer else {}
        assert isinstance(snapshot, dict)
        return snapshot["bus"] == "disconnected" and not snapshot["live"]

    until(said, 10.0 * stage.patience, "the page says that the bus is down", stage)
    codes = {alarm["code"] for alarm in page(stage, "/api/v1/alarms")}
    assert "bus_away" in codes
    time.sleep(4.0)
    stage.start("mosquitto")
    started_ns = time.time_ns()
    live_again(stage)
    until(lambda: page_is_live(stage), 20.0 * stage.patience, "the page is live", stage)
    # The 3-s values of the outage were kept and told later: the store has no gap because of it.
    time.sleep(8.0)
    until(lambda: not {"stalled"} & stage.ear.alarms("record"), 30.0, "record works", stage)
    inside = [g for g in page(stage, "/api/v1/gaps") if stopped_ns < from_iso(str(g["t"])) < started_ns]
    # Between two plays of the recording the virtual station pauses: those gaps are the station's own.
    ends = [notice["end_ns"] for notice in stage.notices("replay_end")]
    assert not [g for g in inside if not any(0 <= from_iso(str(g["t"])) - end < PAUSE_NS for end in ends)]


def test_hostile_frames_are_counted_and_shown(stage: Stage) -> None:
    def dropped() -> float:
        counters = stage.ear.health["acquire"].counters
        return sum(value for name, value in counters.items() if name.startswith("dropped_"))

    before = dropped()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        for length in (0, 1, 3, 17, 64, 500, 1400, 9000):
            for _ in range(25):
                wire.sendto(os.urandom(length), stage.box.udp)
            time.sleep(0.05)
    # An empty datagram and one of 9000 bytes may die on the emulated wire.
    until(lambda: dropped() - before >= 100, 15.0 * stage.patience, "the frames are counted", stage)
    live_again(stage)
    until(
        lambda: any(alarm["code"] == "frames_dropped" for alarm in page(stage, "/api/v1/alarms")),
        15.0 * stage.patience,
        "the page says that frames were dropped",
        stage,
    )


def test_a_full_disk_is_said_and_heals(stage: Stage) -> None:
    if not isinstance(stage.box, Appliance):
        pytest.skip("on the desk the store shares the developer's disk; tests/core fills a small one")
    free = int(stage.sh("df --output=avail -B1 /data | tail -n 1"))
    stage.sh(
        f"fallocate -l {free - 65536} /data/ballast || true; dd if=/dev/zero of=/data/more bs=4k || true"
    )
    try:
        until(
            lambda: bool({"store_full"} & stage.ear.alarms("record")), 400.0, "record says it is full", stage
        )
        live_again(stage)
    finally:
        stage.sh("rm -f /data/ballast /data/more")
    until(lambda: not {"store_full"} & stage.ear.alarms("record"), 400.0, "record has recovered", stage)
    live_again(stage)
