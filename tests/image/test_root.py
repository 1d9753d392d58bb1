"""What a slot is: checked, read-only, of a known version, without a door."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tomllib
from pathlib import Path

import pytest
from guest import Guest

from flexcore_vm import Machine
from flexcore_vm.machine import IMAGE

ROOT = Path(__file__).parents[2]


def test_root_is_verity_by_the_built_hash(box: Guest) -> None:
    mount = next(line for line in box.sh("cat /proc/mounts").splitlines() if line.split()[1] == "/")
    assert mount.split()[0] == "/dev/mapper/root"
    assert mount.split()[2] == "erofs"
    assert "ro" in mount.split()[3].split(",")
    table = box.sh("dmsetup table root").split()
    assert "verity" in table
    assert (ROOT / "build/image/roothash").read_text().strip() in table
    assert "panic_on_corruption" in table


@pytest.mark.parametrize("folder", ["/", "/usr", "/etc", "/etc/systemd/system"])
def test_root_refuses_to_be_written(box: Guest, folder: str) -> None:
    code, said = box.run(f"touch {folder}/intruder")
    assert code != 0
    assert "Read-only file system" in said


def partition_start(disk: Path, label: str) -> int:
    """Where a partition begins, in bytes, by the disk's GPT (UEFI specification 2.10, 5.3.3)."""
    with disk.open("rb") as file:
        file.seek(1024)
        for entry in struct.iter_unpack("<16s16sQQQ72s", file.read(128 * 128)):
            if entry[5].decode("utf-16-le").rstrip("\0") == label:
                return int(entry[2]) * 512
    raise AssertionError(f"{disk}: expected a partition {label!r}")


def test_a_changed_block_stops_the_box(tmp_path: Path) -> None:
    disk = tmp_path / "changed.raw"
    subprocess.run(["cp", "--sparse=always", IMAGE, disk], check=True)
    # The first block of root-a, behind the ESP: erofs cannot be mounted without reading it.
    with disk.open("r+b") as file:
        file.seek(partition_start(disk, "root-a") + 1024)
        block = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([block[0] ^ 1]))
    with Machine(image=disk, console=tmp_path / "console.log") as machine:
        machine.wait_for("dm-verity device corrupted", 300.0)
        assert "Multi-User System" not in machine.console()
    shutil.rmtree(tmp_path)


def test_version_is_that_of_the_sources(box: Guest) -> None:
    release = dict(line.split("=", 1) for line in box.sh("cat /etc/os-release").splitlines())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert release["IMAGE_ID"].strip('"') == "flexcore"
    assert release["IMAGE_VERSION"].strip('"') == project["version"]
    built = (ROOT / "build/image/stamp").read_text().split()[0]
    assert release["BUILD_ID"].strip('"') == built


def test_boot_entry_was_blessed(box: Guest) -> None:
    """The name on the disk carries three tries; a boot that came up takes the counter off."""
    names = box.sh("ls /boot/EFI/Linux").split()
    version = box.sh(". /etc/os-release; echo $IMAGE_VERSION")
    assert names == [f"flexcore_{version}.efi"]


def test_other_slot_is_there_and_empty(box: Guest) -> None:
    labels = "/dev/disk/by-partlabel"
    for part in ("root", "verity"):
        sizes = box.sh(f"blockdev --getsize64 {labels}/{part}-a {labels}/{part}-b").split()
        assert sizes[0] == sizes[1]
        zeros = f"cmp -n 1048576 {labels}/{part}-b /dev/zero"
        assert box.run(zeros)[0] == 0, f"{part}-b: expected zeros"


def test_data_is_made_on_the_box_and_fills_the_disk(box: Guest) -> None:
    mount = next(line for line in box.sh("cat /proc/mounts").splitlines() if line.split()[1] == "/data")
    assert mount.split()[2] == "ext4"
    assert {"rw", "nosuid", "nodev", "noexec"} <= set(mount.split()[3].split(","))
    # The image is 1.2 GiB, the machine's disk 4 GiB.
    assert int(box.sh("blockdev --getsize64 /dev/disk/by-partlabel/data")) > 2 * 2**30


def test_id_is_the_firmwares(box: Guest) -> None:
    firmware = box.sh("cat /sys/class/dmi/id/product_uuid").replace("-", "").strip().lower()
    assert box.sh("cat /etc/machine-id").strip() == firmware


def test_nobody_can_sign_in(box: Guest) -> None:
    fields = [line.split(":") for line in box.sh("cat /etc/shadow").splitlines()]
    assert [name for name, password, *_ in fields if password[:1] not in ("*", "!")] == []
    active = box.sh("systemctl list-units --state=active --no-legend --plain | cut -d' ' -f1").split()
    services = [unit for unit in active if unit.endswith((".service", ".socket"))]
    assert "nginx.service" in services
    assert [unit for unit in services if "getty" in unit or "ssh" in unit] == []
    assert box.run("command -v sshd")[0] != 0
    assert "login:" not in box.machine.console()


def test_no_tools_of_a_builder(box: Guest) -> None:
    for tool in ("gcc", "perl", "apt", "dpkg", "pip", "mkosi"):
        assert box.run(f"command -v {tool}")[0] != 0, f"{tool} is in the image"
    for foreign in ("flexcore.simulator", "flexcore.desk"):
        assert box.run(f"python3 -c 'import {foreign}'")[0] != 0, f"{foreign} is in the image"
