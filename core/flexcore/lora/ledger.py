"""What was sent in the last hour, band by band: on the disk before the modem is told to send.

A file of lines with check sums: ``1 BAND BOOT SINCE_BOOT_NS UTC_NS AIRTIME_NS CRC``. Lines are only appended;
what is older than an hour is left out when the file is written afresh. Neither restart, power cut nor a step
of the clock may free air time that was used:

- within one boot, age is counted by the time since boot, whatever UTC does;
- a transmission of an earlier boot ages by UTC while that is synchronised, else only since this boot began;
- a line that cannot be read counts as the longest packet there is, in every band, sent when it is first seen,
  and as more of them where it is as long as more lines (a line's end may be what was spoilt);
  only an unfinished last line is nothing: what was not on the disk was not sent.
"""

from __future__ import annotations

import binascii
import errno
import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path

from flexcore.atomic import atomic_write, sync_folder
from flexcore.lora.airtime import Modulation, airtime_ns
from flexcore.lora.bands import HOUR_NS, Band
from flexcore.lora.clocks import Clocks
from flexcore.lora.errors import AirtimeError, LedgerError

# The tightest hour of SF7 packets holds some thousand lines; more is not ours.
MOST_BYTES = 16 << 20
# Written afresh when so many lines are of no more use.
MOST_OLD = 2048
ANY_BAND = "*"
# The shortest line there can be, in bytes.
SHORTEST_LINE = 24

_LINE = re.compile(
    rb"1 (?P<band>[0-9.*]{1,8}) (?P<boot>[0-9a-z]{1,16}) (?P<since>\d{1,19}) (?P<utc>\d{1,19}) "
    rb"(?P<air>\d{1,12}) (?P<crc>[0-9a-f]{8})"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One transmission: times are those of its end, if all went well."""

    band: str
    boot: str
    since_boot_ns: int
    utc_ns: int
    airtime_ns: int


class Ledger:
    """The file at ``path``, held by one process at a time.

    Raises:
        LedgerError: another process holds it, or it cannot be read or written.
    """

    def __init__(self, path: Path, clocks: Clocks) -> None:
        self._path = path
        self._clocks = clocks
        self._old = 0
        try:
            self._lock = os.open(
                path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise LedgerError(f"{path}: expected a folder that can be written: {error.strerror}") from error
        self._fd = -1
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._entries = self._read()
            self._rewrite()
        except OSError as error:
            self.close()
            what = (
                "another process holds it"
                if isinstance(error, BlockingIOError)
                else str(error.strerror or error)
            )
            raise LedgerError(f"{path}: expected an air-time ledger of our own: {what}") from error

    def used_ns(self, band: Band) -> int:
        """Time on air in ``band`` within the hour that ends now."""
        self._forget()
        return sum(entry.airtime_ns for entry in self._entries if entry.band in {band.name, ANY_BAND})

    def wait_ns(self, band: Band, airtime_ns: int) -> int:
        """How long until a packet of ``airtime_ns`` fits; 0 is now. Raises
        :class:`AirtimeError` where never.
        """
        if airtime_ns > band.allowed_ns:
            raise AirtimeError(
                f"{airtime_ns / 1e9:.3f} s on air: expected at most {band.allowed_ns / 1e9:g} s an hour",
                float("inf"),
            )
        over_ns = self.used_ns(band) + airtime_ns - band.allowed_ns
        wait_ns = 0
        for entry in sorted(self._entries, key=self._age_ns, reverse=True):
            if over_ns <= 0:
                break
            if entry.band in {band.name, ANY_BAND}:
                over_ns -= entry.airtime_ns
                wait_ns = HOUR_NS - self._age_ns(entry)
        return max(0, wait_ns)

    def charge(self, band: Band, airtime_ns: int) -> Entry:
        """Write down a packet that is about to be sent; on the disk when this returns.

        Raises:
            AirtimeError: it does not fit into the hour; nothing is written.
            LedgerError: it could not be written; it must not be sent.
        """
        wait_ns = self.wait_ns(band, airtime_ns)
        if wait_ns:
            raise AirtimeError(
                f"band {band.name}: {self.used_ns(band) / 1e9:.3f} s of {band.allowed_ns / 1e9:g} s used, "
                f"expected room for {airtime_ns / 1e9:.3f} s in {wait_ns / 1e9:.0f} s",
                wait_ns / 1e9,
            )
        clocks = self._clocks
        entry = Entry(
            band.name,
            clocks.boot,
            clocks.since_boot_ns() + airtime_ns,
            max(0, clocks.utc_ns() + airtime_ns),
            airtime_ns,
        )
        try:
            if self._old > MOST_OLD:
                self._rewrite()
            self._append(_line(entry))
        except OSError as error:
            raise LedgerError(
                f"{self._path}: expected to write down what is sent: {error.strerror}"
            ) from error
        self._entries.append(entry)
        return entry

    def close(self) -> None:
        """Let go of the file."""
        for fd in (self._fd, self._lock):
            if fd >= 0:
                os.close(fd)
        self._fd = self._lock = -1

    def _age_ns(self, entry: Entry) -> int:
        if entry.boot == self._clocks.boot:
            return self._clocks.since_boot_ns() - entry.since_boot_ns
        # It was sent before this boot. UTC may say how long before, once it is known.
        least_ns = self._clocks.since_boot_ns()
        if not self._clocks.synchronised():
            return least_ns
        return max(least_ns, self._clocks.utc_ns() - entry.utc_ns)

    def _forget(self) -> None:
        kept = [entry for entry in self._entries if self._age_ns(entry) < HOUR_NS]
        self._old += len(self._entries) - len(kept)
        self._entries = kept

    def _read(self) -> list[Entry]:
        try:
            with self._path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return []
        *lines, _unfinished = data.split(b"\n")
        entries = []
        damaged = int(len(data) > MOST_BYTES)
        for line in lines:
            entry = _entry(line)
            if entry is None:
                damaged += max(1, len(line) // SHORTEST_LINE)
            else:
                entries.append(entry)
        if damaged:
            clocks, longest_ns = self._clocks, airtime_ns(Modulation(12), 255)
            now_ns, utc_ns = clocks.since_boot_ns(), max(0, clocks.utc_ns())
            entries.append(Entry(ANY_BAND, clocks.boot, now_ns, utc_ns, damaged * longest_ns))
        return entries

    def _rewrite(self) -> None:
        self._forget()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        atomic_write(self._path, b"".join(map(_line, self._entries)))
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        sync_folder(self._path.parent)
        self._old = 0

    def _append(self, line: bytes) -> None:
        if self._fd < 0:
            self._rewrite()
        written = os.write(self._fd, line)
        if written != len(line):
            # A part of a line would spoil the next one: end it, so that it counts as a damaged one at most.
            os.write(self._fd, b"\n")
            raise OSError(errno.ENOSPC, "the disk took a part of a line")
        os.fsync(self._fd)


def _line(entry: Entry) -> bytes:
    text = f"1 {entry.band} {entry.boot} {entry.since_boot_ns} {entry.utc_ns} {entry.airtime_ns} ".encode()
    return text + b"%08x\n" % binascii.crc32(text)


def _entry(line: bytes) -> Entry | None:
    match = _LINE.fullmatch(line)
    if match is None or int(match["crc"], 16) != binascii.crc32(line[: match.start("crc")]):
        return None
    return Entry(
        match["band"].decode(),
        match["boot"].decode(),
        int(match["since"]),
        int(match["utc"]),
        int(match["air"]),
    )
