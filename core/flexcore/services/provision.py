"""``flexcore-provision``: this box's identity, made on the box at its first boot and kept.

Runs as root before the other services (oneshot); the developer's supervisor runs it without root. Every
step looks first and then replaces one file atomically, so that a power cut anywhere is mended by the next
start, and a second start changes nothing. No secret is logged; the sticker code is shown on the console.
"""

from __future__ import annotations

import grp
import logging
import os
import pwd
import secrets
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flexcore import sticker
from flexcore.atomic import atomic_write
from flexcore.buses.passwords import fits, password_file
from flexcore.errors import FlexcoreError, SettingsError
from flexcore.paths import Paths, paths_from_environment
from flexcore.services import _certificate
from flexcore.services.logs import set_up_logging
from flexcore.station import MAX_FILE_BYTES, parse_station, read_station

#: Who signs in to the broker: the services, and one reader outside the box.
READER = "reader"
BROKER_USERS = ("acquire", "analyse", "clock", "device", "meter", "record", "web", READER)
READER_PASSWORD_LENGTH = range(8, 129)
#: Of the line that says why a station file was refused.
MAX_REFUSAL = 500

_log = logging.getLogger(__name__)
_Owner = tuple[int, int] | None


class Provisioning:
    """One run. ``console`` is where a sticker code that was made here is shown, once."""

    def __init__(self, paths: Paths, console: Path) -> None:
        self._paths = paths
        self._console = console
        self._root = os.geteuid() == 0

    def run(self) -> bool:
        """Do every step, also when one fails; False where this machine did not let us (not where what
        was handed in was refused: the old one stays and the box works on).
        """
        mosquitto = self._owner("root", "mosquitto")
        p = self._paths
        folders: tuple[tuple[Path, int, _Owner], ...] = (
            (p.state, 0o755, None),
            # The broker must pass through to its password file; the rest in there is root's alone.
            (p.secrets, 0o710 if mosquitto else 0o700, mosquitto),
            (p.secrets / "mqtt", 0o700, None),
            (p.tls, 0o750 if mosquitto else 0o700, mosquitto),
            (p.store, 0o750, self._owner("flexcore-record", "flexcore-store")),
            (p.time, 0o755, self._owner("_chrony", "_chrony")),
            (p.load, 0o750, self._owner("flexcore-analyse", "flexcore-samples")),
        )
        steps: list[Callable[[], None]] = [partial(self._folder, *folder) for folder in folders]
        steps.append(self._station)
        steps += (partial(self._broker_password, name) for name in BROKER_USERS)
        steps += (
            self._broker_password_file,
            self._time_servers,
            self._tls,
            self._session_key,
            self._sticker_code,
            self._store_owner,
        )
        outcomes = [self._attempt(step) for step in steps]
        return all(outcomes)

    @staticmethod
    def _attempt(step: Callable[[], None]) -> bool:
        """Whatever goes wrong in one step keeps none of the others from being done."""
        try:
            step()
        except FlexcoreError as error:
            _log.error("provision: %s", error)
        except OSError as error:
            _log.error("provision: %s", error)
            return False
        except Exception as error:
            # A mistake of ours. Where and what kind, no more: its text could hold a secret.
            at = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("provision: %s at %s:%s", type(error).__name__, Path(at.filename).name, at.lineno)
            return False
        return True

    def _folder(self, folder: Path, mode: int, owner: _Owner) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._set(folder, mode, owner)

    def _station(self) -> None:
        """Take the station file over from credential ``flexcore.station``, if it is a good one; why it was
        not is left where the page finds it.
        """
        refused = self._paths.station_refused
        try:
            given = self._credential("flexcore.station", MAX_FILE_BYTES)
            if given is not None:
                text = given if given.endswith("\n") else given + "\n"
                parse_station(text, "credential flexcore.station")
                self._write(self._paths.station_file, text.encode(), mode=0o644)
        except SettingsError as error:
            line = " ".join(str(error).split())[:MAX_REFUSAL] + "\n"
            self._write(refused, line.encode(), mode=0o644)
            raise
        refused.unlink(missing_ok=True)

    def _broker_password(self, name: str) -> None:
        file = self._paths.secrets / "mqtt" / name
        given = self._reader_password() if name == READER else None
        if given is not None:
            self._write(file, given.encode())
        elif not _text(file):
            self._write(file, secrets.token_urlsafe(32).encode())
        else:
            self._set(file, 0o600, None)

    def _reader_password(self) -> str | None:
        """The password handed in; None where there is none that can be used."""
        try:
            given = self._credential("flexcore.reader", 1024)
            r = READER_PASSWORD_LENGTH
            if given is None or (len(given) in r and given.isprintable()):
                return given
            raise SettingsError(
                f"credential flexcore.reader: (text): expected {r.start} to {r.stop - 1}"
                f" printable characters, got {len(given)}"
            )
        except SettingsError as error:
            _log.error("provision: %s", error)
            return None

    def _broker_password_file(self) -> None:
        found = {name: _text(self._paths.secrets / "mqtt" / name) for name in BROKER_USERS}
        # An empty password would be one that anybody has.
        passwords = {name: password for name, password in found.items() if password}
        file = self._paths.secrets / "mosquitto.passwd"
        # mosquitto warns, and will refuse one day, when it does not own the file.
        owner = self._owner("mosquitto", "mosquitto")
        lines = _text(file).splitlines()
        stands = len(lines) == len(passwords) and all(
            fits(line, *item) for line, item in zip(lines, passwords.items(), strict=True)
        )
        if stands:
            self._set(file, 0o600, owner)
        else:
            self._write(file, password_file(passwords).encode(), owner=owner)

    def _tls(self) -> None:
        """Key first: a certificate without its key would be half an identity."""
        key, certificate = self._paths.tls / "key.pem", self._paths.tls / "cert.pem"
        # Not by its group: every service is in that one, to reach the broker's socket.
        owner = self._owner("mosquitto", "mosquitto")
        if _certificate.fit_together(certificate, key):
            self._set(key, 0o600, owner)
            return
        try:
            name = f"flexcore-{read_station(self._paths.station_file).station.id}"
        except SettingsError:
            name = socket.gethostname() or "flexcore"
        secret, public = _certificate.make(name)
        self._write(key, secret, owner=owner)
        self._write(certificate, public, mode=0o644)
        _log.info("provision: made key and certificate of %s", name)

    def _time_servers(self) -> None:
        """Hand the station's time servers to chrony; none where the station file names none."""
        try:
            servers = read_station(self._paths.station_file).time.servers
        except SettingsError:
            return  # said elsewhere; what chrony has stays
        lines = [f"server {server.address} port {server.port} iburst\n" for server in servers]
        self._write(self._paths.time / "station.sources", "".join(lines).encode(), mode=0o644)

    def _session_key(self) -> None:
        file = self._paths.secrets / "web-session"
        if not _text(file):
            self._write(file, secrets.token_hex(32).encode())

    def _sticker_code(self) -> None:
        """Keep only the hash (argon2id); a code made here is shown before it counts."""
        file = self._paths.secrets / "web-code"
        standing = _text(file)
        wanted = self._wanted_code()
        if wanted is None and standing:
            return
        # Costs memory and time on purpose: imported only where a code must be hashed or compared.
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHash, VerificationError

        hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        if wanted is None:
            code = sticker.draw_code()
            self._show(sticker.spell(code))
        else:
            code = wanted
            try:
                if standing and hasher.verify(standing, code):
                    return
            except (VerificationError, InvalidHash):
                _log.info("provision: the sticker code is replaced by the one handed in")
        self._write(file, hasher.hash(code).encode())

    def _wanted_code(self) -> str | None:
        """The code handed in; None where there is none that can be used."""
        try:
            given = self._credential("flexcore.code", 1024)
            wanted = None if given is None else sticker.normal(given)
            if given is not None and wanted is None:
                raise SettingsError(
                    f"credential flexcore.code: (text): expected {sticker.SHORTEST} to {sticker.LONGEST}"
                    " base32 characters (A-Z, 2-7)"
                )
        except SettingsError as error:
            _log.error("provision: %s", error)
            return None
        return wanted

    def _show(self, code: str) -> None:
        """Write to the console and nowhere else; raises :class:`FlexcoreError` where there is none."""
        text = f"\r\n*** Flexcore: the code of this box is {code} (shown once, write it down) ***\r\n\r\n"
        try:
            fd = os.open(self._console, os.O_WRONLY | os.O_NOCTTY | os.O_APPEND | os.O_CLOEXEC)
            with os.fdopen(fd, "wb", buffering=0) as console:
                console.write(text.encode())
        except OSError as error:
            raise FlexcoreError(
                f"{self._console}: expected a console to show the sticker code on: {error.strerror}",
                "no code was made; hand one in as credential flexcore.code",
            ) from error

    def _store_owner(self) -> None:
        """After an update the recorder may have another number than the files it wrote before."""
        owner = self._owner("flexcore-record", "flexcore-store")
        for file in self._paths.store.iterdir():
            if owner is not None and file.is_file() and not file.is_symlink():
                os.chown(file, *owner)

    def _credential(self, name: str, limit: int) -> str | None:
        try:
            text = self._paths.credential(name)
        except UnicodeDecodeError as error:
            raise SettingsError(f"credential {name}: (text): expected UTF-8") from error
        if text is not None and len(text.encode()) > limit:
            raise SettingsError(f"credential {name}: (text): expected at most {limit} bytes")
        return text or None

    def _owner(self, user: str, group: str) -> _Owner:
        """The numbers of user and group; None where they do not exist or we may not give files away."""
        if not self._root:
            return None
        try:
            return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
        except KeyError:
            return None

    def _write(self, file: Path, data: bytes, *, mode: int = 0o600, owner: _Owner = None) -> None:
        """Replace ``file``, unless it is already what it should be."""
        try:
            same = file.read_bytes() == data
        except OSError:
            same = False
        if same:
            self._set(file, mode, owner)
        else:
            atomic_write(file, data, mode=mode, owner=owner)

    @staticmethod
    def _set(path: Path, mode: int, owner: _Owner) -> None:
        stat = path.stat()
        if owner is not None and (stat.st_uid, stat.st_gid) != owner:
            os.chown(path, *owner)
        if stat.st_mode & 0o777 != mode:  # tmpfiles.d may have set more than the permissions
            path.chmod(mode)


def _text(file: Path) -> str:
    """What is in ``file``; empty where there is none or it was cut."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def main() -> int:
    """0 when the box has its identity, 1 where the machine did not let us make it."""
    set_up_logging()
    os.umask(0o077)
    console = Path(os.environ.get("FLEXCORE_CONSOLE", "/dev/console"))
    try:
        return 0 if Provisioning(paths_from_environment(), console).run() else 1
    except OSError as error:
        sys.stderr.write(f"provision: {error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
