"""The services as systemd sees them: up, fenced in, back after a kill."""

from __future__ import annotations

import re
import time

import pytest
from guest import RUNNING, UNITS, Guest

BACK_WITHIN_S = 5.0
#: As the kernel writes 127.0.0.1 and ::1.
LOOPBACK = ("0100007F", "00000000000000000000000001000000")


def test_all_is_up(box: Guest) -> None:
    assert box.run("systemctl --failed --no-legend --plain")[1] == ""
    for unit in UNITS:
        assert box.prop(unit, "ActiveState") == "active", unit


@pytest.mark.parametrize("unit", UNITS)
def test_exposure_is_low(box: Guest, unit: str) -> None:
    said = box.run(f"systemd-analyze security --no-pager {unit}")[1]
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert level is not None, said
    assert float(level[1]) < 3.0


def test_each_service_has_its_own_user(box: Guest) -> None:
    users = {unit: box.sh(f"stat -c %U /proc/{box.prop(unit, 'MainPID')}") for unit in RUNNING}
    assert "root" not in users.values()
    assert len(set(users.values())) == len(users)


def test_acquire_may_see_frames_and_no_other_service_may(box: Guest) -> None:
    for unit in (unit for unit in RUNNING if unit.startswith("flexcore-")):
        status = box.sh(f"cat /proc/{box.prop(unit, 'MainPID')}/status")
        sets = {
            name: int(value, 16) for name, value in re.findall(r"^Cap(\w+):\t(\w+)$", status, re.MULTILINE)
        }
        cap_net_raw = 1 << 13 if unit == "flexcore-acquire" else 0
        assert (sets["Eff"], sets["Bnd"], sets["Amb"]) == (cap_net_raw,) * 3, unit


def test_secrets_are_for_root(box: Guest) -> None:
    listed = box.sh("find /data/flexcore/secrets -type f -printf '%p %U %m\\n'").splitlines()
    assert len(listed) >= 7
    open_to_others = [line for line in listed if int(line.split()[2], 8) & 0o077]
    assert open_to_others == []


def test_a_service_cannot_read_anothers_secret(box: Guest) -> None:
    assert (
        box.run("setpriv --reuid=flexcore-web --clear-groups cat /data/flexcore/secrets/mqtt/analyse")[0] != 0
    )
    assert (
        box.run("setpriv --reuid=flexcore-web --clear-groups ls /run/credentials/flexcore-record.service")[0]
        != 0
    )
    # With the groups that the unit really has: the broker's is among them, for its socket.
    groups = (box.prop("flexcore-web.service", "SupplementaryGroups") + " flexcore-web").split()
    assert "mosquitto" in groups
    numbers = ",".join(box.sh(f"getent group {name} | cut -d: -f3").strip() for name in groups)
    web = f"setpriv --reuid=flexcore-web --regid=flexcore-web --groups={numbers}"
    assert box.run(f"{web} test -r /data/flexcore/tls/cert.pem")[0] == 0, "so the folder itself is not shut"
    assert box.run(f"{web} cat /data/flexcore/tls/key.pem")[0] != 0
    shut = box.prop("flexcore-web.service", "InaccessiblePaths")
    assert "/data/flexcore/tls" in shut


def test_only_the_page_the_bus_and_the_samples_listen(box: Guest) -> None:
    def ports(table: str, states: set[str]) -> set[int]:
        lines = box.sh(f"cat /proc/net/{table} /proc/net/{table}6").splitlines()
        rows = [line.split() for line in lines if ":" in line and "local_address" not in line]
        # chronyd tells how it is doing on loopback alone.
        rows = [row for row in rows if not row[1].startswith(LOOPBACK)]
        return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] in states}

    assert ports("tcp", {"0A"}) == {80, 443, 8883}
    # 68 and 546 are the address asked from the network's server.
    assert ports("udp", {"07"}) - {68, 546} == {20500}


def test_watchdog_is_armed(box: Guest) -> None:
    device = "/sys/class/watchdog/watchdog0"
    assert box.sh(f"cat {device}/state").strip() == "active"
    assert int(box.sh(f"cat {device}/timeout")) == 20


@pytest.mark.parametrize("unit", RUNNING)
def test_back_after_a_kill(box: Guest, unit: str) -> None:
    before = int(box.prop(unit, "MainPID"))
    killed_us = int(float(box.sh("cut -d' ' -f1 /proc/uptime")) * 1e6)
    box.sh(f"systemctl kill --kill-whom=main -s KILL {unit}")
    until = time.monotonic() + 120
    while box.prop(unit, "ActiveState") != "active" or int(box.prop(unit, "MainPID")) in (0, before):
        assert time.monotonic() < until, f"{unit} did not come back"
        time.sleep(0.2)
    # By the box's own clock: when systemd had started it again.
    started_us = int(box.prop(unit, "ExecMainStartTimestampMonotonic"))
    assert (started_us - killed_us) / 1e6 < BACK_WITHIN_S
