"""chrony's report: read from the real daemon, and refused where it is none."""

from __future__ import annotations

import socket
import time

import pytest

from flexcore.clock import TimeQuality, ask, parse_tracking
from flexcore.clock.chrony import ClockError
from flexcore.desk.box import free_port
from support.timekeeper import follower, server
from support.waiting import eventually

GOOD = (
    "0A000203,10.0.2.3,4,1795588507.103052294,-0.003001381,-0.000000005,0.000000614,-0.016,0.001,0.153,"
    "0.008005994,0.000501025,64.5,Normal"
)
NOW_S = 1795588600.0


def test_follows_and_loses_a_real_server() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with server(port), follower(port) as clock:
        assert eventually(lambda: ask(clock.command_port).state == "synchronised", 20.0)
        quality = ask(clock.command_port)
        assert quality.stratum == 4
        assert quality.source == "127.0.0.1"
        assert quality.error_s is not None
        # The same clock on both sides; the bound shrinks with each answer, and a busy machine lets one wait.
        assert eventually(lambda: (ask(clock.command_port).error_s or 1.0) < 0.1, 30.0)
        quality = ask(clock.command_port)
        assert quality.offset_s == pytest.approx(0.0, abs=0.1)
        assert quality.within(0.5)
        clock.stop()
        assert ask(clock.command_port).state == "unknown"


def test_without_a_server_the_error_is_not_known() -> None:
    with follower(free_port(socket.SOCK_DGRAM)) as clock:
        assert eventually(lambda: ask(clock.command_port).state != "unknown", 10.0)
        quality = ask(clock.command_port)
    assert quality == TimeQuality("unsynchronised")
    assert not quality.within(10.0)


def test_root_distance() -> None:
    quality = parse_tracking(GOOD + "\n", NOW_S)
    assert quality.error_s == pytest.approx(0.003001381 + 0.000501025 + 0.008005994 / 2)
    assert quality.offset_s == pytest.approx(0.003001381)  # chrony counts how slow a clock is
    assert quality.age_s == pytest.approx(NOW_S - 1795588507.103052294)
    assert quality.state == "synchronised"


@pytest.mark.parametrize(
    ("age_s", "interval_s", "state"),
    [
        (299, 64, "synchronised"),
        (301, 64, "holdover"),
        (4000, 1024, "synchronised"),
        (4100, 1024, "holdover"),
    ],
)
def test_a_silent_source_is_holdover(age_s: float, interval_s: float, state: str) -> None:
    report = GOOD.replace("64.5", str(interval_s))
    assert parse_tracking(report, 1795588507.103052294 + age_s).state == state


def test_a_source_in_the_future_is_of_age_nought() -> None:
    assert parse_tracking(GOOD, 1795588000.0).age_s == 0.0


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("", "expected 14 fields"),
        ("506 Cannot talk to daemon", "expected 14 fields"),
        (GOOD + "\n" + GOOD, "expected 14 fields"),
        (GOOD.replace("0.000501025", "nan"), "expected finite numbers"),
        (GOOD.replace("0.000501025", "much"), "expected numbers"),
        (GOOD.replace(",4,", ",four,"), "expected numbers"),
        ("x" * 1_000_000, "expected 14 fields"),
    ],
)
def test_what_is_no_report_is_refused(report: str, expected: str) -> None:
    with pytest.raises(ClockError, match=expected):
        parse_tracking(report, time.time())
