"""The ioctls of the Linux back end against the kernel's own headers: a preloaded library plays the kernel's
side.

It is compiled from ``kernel.c`` with linux/i2c-dev.h and its kin, so that numbers and layouts are not ours
twice.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# What i2c-stub says it can do, a PC's chipset without block writes, and an adapter of a board.
STUB = 0x0C7F_0000 & ~0x0080_0000
CHIPSET = 0x007F_0000
WHOLE = 0x0EFF_0009


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("kernel") / "kernel.so"
    source = Path(__file__).with_name("kernel.c")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", str(built), str(source), "-ldl"], check=True
    )
    return built


def program(library: Path, box: Path, text: str, **environment: str) -> tuple[Any, list[str]]:
    """Runs ``text`` with the kernel's side preloaded; it puts its finding into ``result``. Also the calls
    seen.
    """
    (box / "dev").mkdir(exist_ok=True)
    for name in ("i2c-1", "spidev0.1", "watchdog0", "rtc0"):
        (box / "dev" / name).touch()
    prelude = (
        "import json, errno\nfrom pathlib import Path\nfrom flexcore import machine\n"
        "from flexcore.machine.linux import LinuxBackend\n"
        f"box = LinuxBackend(Path({str(box)!r}))\nmachine.use(box)\n"
        "def number(job, *a, **k):\n"
        "    try:\n        return job(*a, **k) and None\n"
        "    except OSError as error:\n        return error.errno\n"
    )
    log = box / "log"
    log.write_text("")
    done = subprocess.run(
        [sys.executable, "-c", prelude + text + "\nprint(json.dumps(result))"],
        env={**os.environ, "LD_PRELOAD": str(library), "KERNEL_LOG": str(log), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), log.read_text().splitlines()


REGISTERS = """
bus = machine.I2C(1, timeout=50_000)
bus.writeto_mem(0x50, 0x10, b"\\x11")
bus.writeto_mem(0x50, 0x11, b"\\x22\\x33")
bus.writeto_mem(0x50, 0x13, bytes(range(0x44, 0x4A)))
result = {
    "one": list(bus.readfrom_mem(0x50, 0x10, 1)),
    "two": list(bus.readfrom_mem(0x50, 0x11, 2)),
    "many": list(bus.readfrom_mem(0x50, 0x10, 9)),
    "pointer": bus.writeto(0x50, b"\\x11"),
    "plain": list(bus.readfrom(0x50, 1)),
    "acknowledged": bus.writeto(0x50, b"\\x80\\x01\\x02\\x03"),
    "scan": number(bus.scan),
    "absent": number(bus.readfrom_mem, 0x22, 0, 2),
    "hung": number(bus.readfrom_mem, 0x60, 0, 2),
    "lost": number(bus.writeto, 0x61, b"\\x00"),
}
"""


@pytest.mark.parametrize("functions", [WHOLE, STUB], ids=["i2c", "smbus"])
def test_registers(library: Path, tmp_path: Path, functions: int) -> None:
    found, log = program(library, tmp_path, REGISTERS, KERNEL_FUNCS=str(functions))
    assert found["scan"] == errno.ETIMEDOUT  # 0x60 hangs: a scan says so, as the transfer does
    assert found["one"] == [0x11]
    assert found["two"] == [0x22, 0x33]
    assert found["many"] == [0x11, 0x22, 0x33, *range(0x44, 0x4A)]
    assert found["pointer"] == 1
    assert found["plain"] == [0x22]
    assert found["acknowledged"] == 4
    assert found["absent"] == errno.ENODEV
    assert found["hung"] == errno.ETIMEDOUT
    assert found["lost"] == errno.EIO
    assert "timeout 5" in log
    assert any(line.startswith("rdwr") for line in log) == (functions == WHOLE)


def test_scan_asks_gently_and_counts_what_a_driver_holds(library: Path, tmp_path: Path) -> None:
    text = """
bus = machine.I2C(1)
port = bus._port
result = [address for address in range(0x08, 0x60) if port.probe(address)]
"""
    found, log = program(library, tmp_path, text, KERNEL_FUNCS=str(STUB))
    assert found == [0x50, 0x51]
    assert "smbus 1" in log  # 0x50 may be a memory: it was asked by a read, not by a quick write
    assert "smbus 0" not in log


def test_what_smbus_cannot_say_is_refused(library: Path, tmp_path: Path) -> None:
    text = """
bus = machine.I2C(1)
result = [
    number(bus.readfrom, 0x50, 2),
    number(bus.readfrom_mem, 0x50, 0, 33),
    number(bus.readfrom_mem, 0x50, 0, 2, addrsize=16),
    number(bus.writeto, 0x50, bytes(34)),
    number(bus.readfrom_mem, 0x50, 0, 3),
    number(bus.writeto, 0x50, bytes(5)),
    number(bus.readfrom_mem, 0x50, 0, 2),
]
"""
    found, _ = program(library, tmp_path, text, KERNEL_FUNCS=str(CHIPSET))
    assert found == [errno.EOPNOTSUPP] * 6 + [None]


def test_a_write_without_stop_joins_the_next(library: Path, tmp_path: Path) -> None:
    text = """
bus = machine.I2C(1)
bus.writeto(0x50, bytes((0x20, 7, 8, 9)))
bus.writeto(0x50, b"\\x20", False)
result = [list(bus.readfrom(0x50, 3)), bus.writevto(0x50, [b"\\x30", b"\\x01\\x02"])]
buffer = bytearray(2)
bus.readfrom_mem_into(0x50, 0x30, buffer)
result.append(list(buffer))
bus.deinit()
result.append(number(bus.readfrom, 0x50, 1))
"""
    found, log = program(library, tmp_path, text, KERNEL_FUNCS=str(WHOLE))
    assert found == [[7, 8, 9], 3, [1, 2], errno.ENODEV]
    assert log.count("rdwr 2") == 2
    assert log.count("rdwr 1") == 2


def test_spi(library: Path, tmp_path: Path) -> None:
    text = """
spi = machine.SPI((0, 1), 500_000, polarity=1, phase=0)
back = bytearray(3)
spi.write_readinto(b"\\x00\\x0f\\xff", back)
result = [list(back), list(spi.read(2, 0xF0)), number(spi.write, bytes(5000))]
"""
    found, log = program(library, tmp_path, text)
    assert found == [[0xFF, 0xF0, 0x00], [0x0F, 0x0F], errno.EMSGSIZE]
    assert log == [f"mode {2 | 0x40}", "lsb 0", "bits 8", "speed 500000"]
    _, log = program(library, tmp_path, text, KERNEL_CS="1")
    assert log[:2] == [f"mode {2 | 0x40}", "mode 2"]  # a controller that must use its own chip select


def test_watchdog_is_fed_and_never_stopped(library: Path, tmp_path: Path) -> None:
    text = """
first = machine.WDT(0, 5001)
first.feed()
second = machine.WDT(0, 2000)
second.feed()
del first, second
result = [name for name in dir(machine.WDT) if not name.startswith("_")]
"""
    found, log = program(library, tmp_path, text)
    assert found == ["feed"]
    assert log == ["watchdog 6", "watchdog 2"]
    written = (tmp_path / "dev/watchdog0").read_bytes()
    assert written == b"\0" * 4  # the letter V would stop it when the program ends


def test_rtc(library: Path, tmp_path: Path) -> None:
    text = """
clock = machine.RTC()
result = [clock.datetime()]
result.append(clock.datetime((2028, 2, 29, 0, 23, 59, 58, 999_999)))
try:
    clock.datetime((2027, 2, 29, 0, 0, 0, 0, 0))
except ValueError:
    result.append("no such day")
system = machine.RTC(7)
result.append(number(system.datetime, (2028, 2, 29, 0, 23, 59, 58, 0)))
result.append(abs(system._port.read_ns() - __import__("time").time_ns()) < 1_000_000_000)
"""
    found, _ = program(library, tmp_path, text)
    assert found[0] == [2026, 11, 25, 2, 8, 49, 33, 0]
    assert found[1] == [2028, 2, 29, 1, 23, 59, 58, 0]
    assert found[2:] == ["no such day", errno.EOPNOTSUPP, True]
