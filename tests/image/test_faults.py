"""A box that nobody visits gets up again by itself. One box without a station goes through it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import UP_WITHIN_S, Guest, guest

from flexcore_vm import Machine

IDENTITY = "sha256sum /data/flexcore/tls/cert.pem /data/flexcore/secrets/web-code /etc/machine-id"


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A box that was given nothing."""
    with guest(tmp_path_factory.mktemp("lone")) as running:
        yield running


def test_without_station_only_the_page_runs(lone: Guest) -> None:
    for service in ("acquire", "analyse"):
        assert lone.prop(f"flexcore-{service}", "ActiveState") == "inactive"
        assert lone.prop(f"flexcore-{service}", "ConditionResult") == "no"
    for unit in ("flexcore-web", "nginx", "mosquitto"):
        assert lone.prop(unit, "ActiveState") == "active", unit


def test_it_shows_its_code_once_on_the_console_and_never_logs_it(lone: Guest) -> None:
    told = [line for line in lone.machine.console().splitlines() if "the code of this box is" in line]
    assert len(told) == 1
    code = told[0].split("the code of this box is ")[1].split()[0]
    assert lone.run(f"journalctl --no-pager | grep -F -- {code}")[0] == 1


@pytest.mark.parametrize(
    ("command", "because"),
    [
        ("systemctl emergency", "start-up failed, rebooting"),
        ("systemctl rescue", "start-up failed, rebooting"),
        ("echo c > /proc/sysrq-trigger", "Rebooting in 5 seconds"),
        # A kernel that hangs for ever in its panic: the board's watchdog is what is left.
        ("echo 0 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger", "end Kernel panic"),
    ],
    ids=["emergency", "rescue", "panic", "hang"],
)
def test_it_gets_up_again_as_itself(lone: Guest, command: str, because: str) -> None:
    before = lone.sh(IDENTITY)
    boot = lone.sh("cat /proc/sys/kernel/random/boot_id")
    lone.sh("sync")
    lone.reboots(command, because)
    assert lone.sh("cat /proc/sys/kernel/random/boot_id") != boot
    assert lone.sh(IDENTITY) == before
    assert lone.prop("flexcore-web", "ActiveState") == "active"


def test_power_button(lone: Guest) -> None:
    assert lone.machine.power_down(60.0)


def test_an_initrd_that_fails_reboots_too(tmp_path: Path) -> None:
    arguments = "rd.systemd.unit=emergency.target"
    with Machine(kernel_arguments=arguments, console=tmp_path / "console.log") as machine:
        machine.wait_for("Emergency: reboot", UP_WITHIN_S)
        machine.wait_for("reboot: Restarting system", UP_WITHIN_S)
        # Not a shell, not a halt: it boots again.
        machine.wait_for("Booting initrd", UP_WITHIN_S, after=machine.console().index("Restarting system"))


@pytest.mark.parametrize("moment", ["systemd-repart.service", "flexcore-provision.service"])
def test_a_power_cut_in_the_first_boot_is_mended(tmp_path: Path, moment: str) -> None:
    disk, console = tmp_path / "disk.qcow2", tmp_path / "console.log"
    with Machine(disk=disk, console=console) as machine:
        machine.wait_for(moment, UP_WITHIN_S)
    with Machine(disk=disk, console=console, shell=True) as machine:
        again = Guest(machine)
        assert again.wait_up() == "running"
        again.sh(IDENTITY)
        for unit in ("flexcore-web", "nginx", "mosquitto"):
            assert again.prop(unit, "ActiveState") == "active", unit
