"""RN2483 (Microchip DS40001784): ``radio tx`` and ``radio rx``, with the LoRaWAN stack paused."""

import errno

from .lines import Lines, packet, shown

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from .lines import Time, Uart

ANSWER_MS = 1000
# The modem's own guard: longer than any packet is on air, and how long one receiving lasts.
WATCHDOG_MS = 60_000
MOST_KEPT = 8

OK, BUSY, INVALID, SENT, FAILED, PACKET, OTHER = "ok", "busy", "invalid", "sent", "failed", "packet", "other"
_WORDS = {
    b"ok": OK,
    b"busy": BUSY,
    b"invalid_param": INVALID,
    b"radio_tx_ok": SENT,
    b"radio_err": FAILED,
}


def parse(line: bytes) -> "tuple[str, bytes]":
    """What a line says, and its content: the packet, or the line itself. Any bytes give an answer."""
    if line in _WORDS:
        return _WORDS[line], line
    if line.startswith(b"radio_rx"):
        data = packet(line[8:].strip())
        if data is not None:
            return PACKET, data
    return OTHER, line


class RN2483:
    """The modem. Its serial line runs at 57600 Bd."""

    BAUDRATE = 57600

    def __init__(self, uart: "Uart", time: "Time") -> None:
        self._lines = Lines(uart, time)
        self._listening = False
        self._late = False
        self._kept: list[bytes] = []

    def check(self) -> str:
        """Its name and version; ValueError where it is another modem."""
        self._lines.drop()
        version = self._ask("sys get ver")
        if not version.startswith(b"RN2483"):
            raise ValueError(f"RN2483: the modem calls itself {shown(version)!r}")
        return shown(version)

    def start(
        self,
        frequency_hz: int,
        spreading_factor: int = 9,
        bandwidth_khz: int = 125,
        power_dbm: int = 14,
        sync_word: int = 0x12,
    ) -> None:
        """Set the radio; a modem that restarted by itself needs it again."""
        self._listening = False
        self._lines.drop()
        self._lines.send("radio rxstop")
        self._lines.drop()
        if self._ask("mac pause") == b"0":
            raise OSError(errno.EBUSY, "RN2483: its LoRaWAN stack does not pause")
        for setting in (
            "mod lora",
            f"freq {frequency_hz}",
            f"sf sf{spreading_factor}",
            f"bw {bandwidth_khz}",
            "cr 4/5",
            "prlen 8",
            "crc on",
            "iqi off",
            f"pwr {power_dbm}",
            f"sync {sync_word:02x}",
            f"wdt {WATCHDOG_MS}",
        ):
            self._order(f"radio set {setting}")

    def send(self, data: bytes, within_ms: int = 10_000) -> None:
        """Put 1 to 255 bytes on air and wait until they are; receiving goes on afterwards if it
        did before.
        """
        if not 1 <= len(data) <= 255:
            raise ValueError(f"RN2483: a packet of {len(data)} bytes, expected 1 to 255")
        listened, self._listening = self._listening, False
        # Also where it does not receive: what noise left in the modem's buffer spoils this, not the packet.
        # The packet itself is told once only, for it must not go out twice.
        self._order("radio rxstop")
        self._order("radio tx " + data.hex(), tries=1)
        kind, line = self._answer(self._lines.deadline(within_ms), (SENT, FAILED))
        if kind != SENT:
            raise OSError(errno.EIO, f"RN2483: the packet failed on air ({shown(line)})")
        if listened:  # at once: an acknowledgement may be under way
            self._listen()

    def listen(self, within_ms: int) -> "tuple[bytes, int | None, int | None] | None":
        """The next packet with its RSSI (dBm; None, for not all firmware says) and SNR (dB), or None."""
        deadline = self._lines.deadline(within_ms)
        while not self._kept:
            if not self._listening:
                self._listen()
            line = self._lines.next(deadline)
            if line is None:
                return None
            kind, content = parse(line)
            if kind == PACKET:
                self._keep(content)
            if kind in (PACKET, FAILED):  # both end the receiving; the modem's watchdog says radio_err too
                self._listening = False
        data = self._kept.pop(0)
        snr = self._number(self._ask("radio get snr"))
        if not self._listening:
            self._listen()
        return data, None, snr

    def close(self) -> None:
        """Stop receiving."""
        if self._listening:
            self._listening = False
            self._order("radio rxstop")

    def _listen(self) -> None:
        self._order("radio rx 0")
        self._listening = True

    def _order(self, command: str, tries: int = 2) -> None:
        """Send ``command`` and expect ``ok``; noise in the modem's buffer spoils a command, so
        tell it again.
        """
        self._catch_up()
        for left in range(tries - 1, -1, -1):
            self._lines.send(command)
            kind, line = self._answer(self._lines.deadline(ANSWER_MS), (OK, BUSY, INVALID))
            if kind == OK:
                return
            if kind == BUSY:
                raise OSError(errno.EBUSY, f"RN2483: busy at {command[:24]!r}")
            if left:
                self._lines.drop()
        raise ValueError(f"RN2483: refused {command[:24]!r} ({shown(line)})")

    def _ask(self, command: str) -> bytes:
        """Send ``command``; the line that is no packet and no word of the radio."""
        self._catch_up()
        for last in (False, True):
            self._lines.send(command)
            kind, line = self._answer(self._lines.deadline(ANSWER_MS), (OTHER, INVALID))
            if kind == OTHER:
                return line
            if not last:
                self._lines.drop()
        raise ValueError(f"RN2483: refused {command!r} ({shown(line)})")

    def _answer(self, deadline: int, wanted: "tuple[str, ...]") -> "tuple[str, bytes]":
        while True:
            line = self._lines.next(deadline)
            if line is None:
                self._late = True
                raise OSError(errno.ETIMEDOUT, f"RN2483: silent, expected {' or '.join(wanted)}")
            kind, content = parse(line)
            if kind == PACKET:
                self._keep(content)
            if kind in wanted:
                return kind, content

    def _catch_up(self) -> None:
        # The answer to a command that was given up must not be taken for that to the next.
        if self._late:
            self._late = False
            self._lines.drop()

    def _keep(self, data: bytes) -> None:
        self._kept.append(data)
        del self._kept[:-MOST_KEPT]

    def _number(self, text: bytes) -> "int | None":
        digits = text[1:] if text.startswith(b"-") else text
        return int(text) if digits and len(digits) <= 3 and digits.isdigit() else None
