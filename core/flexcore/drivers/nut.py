"""An uninterruptible supply behind NUT's ``upsd`` (Network UPS Tools, RFC 9271): its variables by name."""

from __future__ import annotations

import re
import socket
import time

PORT = 3493
TIMEOUT_S = 2.0
MAX_BYTES = 65_536
#: NUT's variable, our name.
VARIABLES: dict[str, str] = {
    "battery.charge": "charge_percent",
    "battery.voltage": "voltage_v",
    "battery.current": "current_a",
    "battery.runtime": "runtime_s",
    "battery.temperature": "temperature_c",
    "input.voltage": "input_v",
    "input.frequency": "input_hz",
    "output.voltage": "output_v",
    "ups.load": "load_percent",
    "ups.realpower": "power_w",
}
#: Flags of ``ups.status``, of which several stand at once (RFC 9271, 5.1): ``FSD OB DISCHRG LB``.
FLAGS: dict[str, str] = {
    "OL": "mains",
    "OB": "on_battery",
    "LB": "low_battery",
    "RB": "replace_battery",
    "CHRG": "charging",
    "FSD": "forced_shutdown",
}
_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,64}\Z")
_LINE = re.compile(r'^VAR (\S+) (\S+) "((?:[^"\\]|\\.)*)"\Z')


class Nut:
    """The supply called ``ups`` at ``host``. Each reading connects anew: a server may have started again."""

    def __init__(self, ups: str, host: str = "127.0.0.1", port: int = PORT) -> None:
        if not _NAME.match(ups):
            raise ValueError(f"NUT: ups {ups!r}, expected a name of letters, digits, '_', '.', '-'")
        if not 0 < port < 65536:
            raise ValueError(f"NUT: port {port}, expected 1 to 65535")
        self._ups, self._host, self._port = ups, host, port

    def read(self) -> dict[str, float | None]:
        """What the supply tells; flags are 0 or 1.

        Raises:
            OSError: no server, or no answer in time; TimeoutError where its data are stale.
            ValueError: the server answers, but has no such supply.
        """
        until_s = time.monotonic() + TIMEOUT_S
        with socket.create_connection((self._host, self._port), TIMEOUT_S) as link:
            link.sendall(f"LIST VAR {self._ups}\n".encode())
            lines = self._list(link, until_s)
        return self.values_of(lines)

    def values_of(self, lines: list[str]) -> dict[str, float | None]:
        """What the lines of a list tell; ValueError where they tell nothing, or no numbers."""
        said: dict[str, str] = {}
        for line in lines:
            found = _LINE.match(line)
            if found is not None and found[1] == self._ups:
                said[found[2]] = found[3]
        values: dict[str, float | None] = {}
        for variable, name in VARIABLES.items():
            if variable in said:
                values[name] = self._number(variable, said[variable])
        if "ups.status" in said:
            flags = said["ups.status"].split()
            values |= {name: float(flag in flags) for flag, name in FLAGS.items()}
        if not values:
            raise ValueError(f"NUT: {self._ups}: expected ups.status or a variable of a battery")
        return values

    def _list(self, link: socket.socket, until_s: float) -> list[str]:
        end, got = f"END LIST VAR {self._ups}\n".encode(), b""
        while not got.endswith(end):
            left_s = until_s - time.monotonic()
            if left_s <= 0.0 or len(got) > MAX_BYTES:
                raise TimeoutError(f"NUT: {self._ups}: expected the list within {TIMEOUT_S:g} s")
            link.settimeout(left_s)
            part = link.recv(4096)
            if not part:
                raise ConnectionResetError(f"NUT: {self._ups}: the server hung up")
            got += part
            if got.startswith(b"ERR ") and got.endswith(b"\n"):
                self._refused(got.decode("ascii", "replace").strip())
        return got.decode("utf-8", "replace").splitlines()

    def _refused(self, line: str) -> None:
        reason = line.removeprefix("ERR ").split()[0] if line != "ERR" else ""
        if reason in ("DATA-STALE", "DRIVER-NOT-CONNECTED"):
            raise TimeoutError(f"NUT: {self._ups}: {reason}")
        raise ValueError(f"NUT: {self._ups}: the server says {line[:60]!r}")

    def _number(self, variable: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"NUT: {self._ups}: {variable}: expected a number, got {text[:16]!r}") from None
