"""Which QEMU, which firmware, and whether KVM may be used.

The build root's own QEMU (trixie's) is preferred: an older host's one panics guests with two processors.
It runs on any Debian host through its own dynamic loader.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD_ROOT = ROOT / "build" / "buildroot"
#: Where KVM works, firmware and kernel need a few seconds to the first process.
PROBE_WITHIN_S = 30.0
#: The console is quiet, but systemd says in the initrd already what it has reached.
PROBE_SIGN = b"Reached target"


class MachineError(RuntimeError):
    """The emulated box did not do what was expected of it; one line."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """How to call QEMU; ``accelerator`` is ``kvm`` or ``tcg``."""

    command: tuple[str, ...]
    image_tool: tuple[str, ...]
    code: Path
    variables: Path
    accelerator: str
    environment: dict[str, str] = field(default_factory=dict)


def _bundled() -> tuple[dict[str, str], tuple[str, ...]] | None:
    loader = BUILD_ROOT / "usr/lib64/ld-linux-x86-64.so.2"
    libraries = BUILD_ROOT / "usr/lib/x86_64-linux-gnu"
    if not (loader.exists() and (BUILD_ROOT / "usr/bin/qemu-system-x86_64").exists()):
        return None
    environment = {"QEMU_MODULE_DIR": str(libraries / "qemu")}
    return environment, (str(loader), "--library-path", str(libraries))


def find_emulator(image: Path) -> Emulator:
    """The build root's QEMU or else the host's, with KVM where ``image`` really boots under it.

    Raises :class:`MachineError` where there is no emulator.
    """
    bundled = _bundled()
    if bundled:
        environment, prefix = bundled
        binaries, share = BUILD_ROOT / "usr/bin", BUILD_ROOT / "usr/share"
        command: tuple[str, ...] = (*prefix, str(binaries / "qemu-system-x86_64"))
        command += ("-L", str(share / "qemu"), "-L", str(share / "seabios"))
        tool: tuple[str, ...] = (*prefix, str(binaries / "qemu-img"))
    else:
        found, image_tool = shutil.which("qemu-system-x86_64"), shutil.which("qemu-img")
        if not found or not image_tool:
            raise MachineError("qemu-system-x86_64: expected this program; ./build.sh setup installs it")
        environment, share = {}, Path("/usr/share")
        command, tool = (found,), (image_tool,)
    code, variables = share / "OVMF/OVMF_CODE_4M.fd", share / "OVMF/OVMF_VARS_4M.fd"
    if not code.exists():
        raise MachineError(f"{code}: expected UEFI firmware; ./build.sh setup installs it")
    plain = Emulator(command, tool, code, variables, "tcg", environment)
    return replace(plain, accelerator="kvm") if _kvm_works(plain, image) else plain


def _kvm_works(emulator: Emulator, image: Path) -> bool:
    """The probe's outcome, asked once per boot of this machine and image."""
    device = Path("/dev/kvm")
    if not os.access(device, os.R_OK | os.W_OK):
        return False
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    note = ROOT / "build" / "kvm-probe.json"
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(note.read_text(encoding="ascii"))
        if known.get("boot") == boot:
            return bool(known["works"])
    works = _probe_kvm(emulator, image)
    note.parent.mkdir(exist_ok=True)
    note.write_text(json.dumps({"boot": boot, "works": works}), encoding="ascii")
    return works


def _probe_kvm(emulator: Emulator, image: Path) -> bool:
    """Boot the image under KVM up to its first process: a /dev/kvm can exist, run firmware, and be broken."""
    arguments = ["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "1024", "-nodefaults"]
    arguments += ["-display", "none", "-serial", "stdio", "-no-reboot"]
    arguments += ["-drive", f"if=pflash,format=raw,readonly=on,file={emulator.code}"]
    arguments += ["-drive", f"if=virtio,format=raw,snapshot=on,file={image}"]
    process = subprocess.Popen(
        [*emulator.command, *arguments],
        env={**os.environ, **emulator.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    seen = b""
    deadline = time.monotonic() + PROBE_WITHIN_S
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        os.set_blocking(process.stdout.fileno(), False)
        while time.monotonic() < deadline and process.poll() is None and PROBE_SIGN not in seen:
            time.sleep(0.1)
            seen += process.stdout.read() or b""
    finally:
        process.kill()
        process.wait()
    return PROBE_SIGN in seen
