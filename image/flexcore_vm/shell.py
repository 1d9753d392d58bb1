"""A root shell on a serial port, for tests only.

The image grants nobody a shell. Whoever owns the (emulated) hardware may extend the kernel's command line by
SMBIOS and so start systemd's debug shell; see the threat model in docs/decisions.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import time
from pathlib import Path

#: Appended by the boot stub to the kernel's command line.
KERNEL_ARGUMENTS = "systemd.debug_shell=1 systemd.default_debug_tty=ttyS1"


class RootShell:
    """Commands on the box's second serial port; one at a time."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))
        self._socket.settimeout(1.0)

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()

    def wait(self, within_s: float) -> None:
        """Wait until the shell answers; raises TimeoutError.

        Nothing is sent before its prompt: until then the port is the firmware's second console, where
        keys stop the boot.
        """
        deadline = time.monotonic() + within_s
        seen = b""
        while not seen.endswith(b"# "):
            if time.monotonic() > deadline:
                raise TimeoutError(f"root shell: no prompt within {within_s:.0f} s")
            with contextlib.suppress(TimeoutError):
                chunk = self._socket.recv(65536)
                if not chunk:
                    raise ConnectionError("root shell: the emulator closed its port")
                seen = (seen + chunk)[-256:]
        # A shell that neither echoes nor prompts nor edits lines.
        environment = "PS1= PS2= TERM=dumb COLUMNS=200 PAGER=cat SYSTEMD_COLORS=0"
        plain = f"stty -echo; exec env {environment} bash --noprofile --norc --noediting\n"
        self._socket.sendall(plain.encode())
        time.sleep(1.0)
        self.run("true", within_s=60.0)

    def send(self, command: str) -> None:
        """Give a command whose answer nobody waits for: one that ends the system."""
        self._socket.sendall(command.encode() + b"\n")

    def run(self, command: str, within_s: float = 60.0) -> tuple[int, str]:
        """Exit code and output (standard output and error) of a shell command; raises TimeoutError."""
        # The end mark is written in two halves so that an echo of the command is never taken for it.
        mark = secrets.token_hex(8)
        line = f"{{ {command}\n}} </dev/null 2>&1; printf '\\n%s%s %s\\n' end- {mark} $?\n"
        self._socket.sendall(line.encode())
        seen = b""
        pattern = re.compile(rb"end-" + mark.encode() + rb" (\d+)\r?\n")
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                continue
            if not chunk:
                raise TimeoutError(f"{command!r}: the emulator closed the shell's port")
            seen += chunk
            end = pattern.search(seen)
            if end:
                text = seen[: end.start()].decode(errors="replace").replace("\r\n", "\n")
                return int(end[1]), text.strip("\n")
        raise TimeoutError(f"{command!r}: no answer within {within_s:.0f} s")
