"""The little of QEMU's machine protocol that the emulated box needs."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

MAX_LINE = 1 << 20


class Qmp:
    """A connection to QEMU's control socket; every command waits for its answer."""

    def __init__(self, path: Path, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while True:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                self._socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self._socket.settimeout(within_s)
        self._lines = self._socket.makefile("rb")
        self._lines.readline(MAX_LINE)
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> object:
        """The command's result; raises OSError where QEMU is gone and RuntimeError where it refuses."""
        message = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        while line := self._lines.readline(MAX_LINE):
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error'].get('desc', 'refused')}")
        raise ConnectionError(f"{command}: the emulator closed its control socket")

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()
