"""LoRa-E5 (Seeed, AT command specification): its TEST mode sends and receives raw packets."""

import errno

from .lines import Lines, packet, shown

TYPE_CHECKING = False  # MicroPython has no typing; type checkers take this name for true
if TYPE_CHECKING:
    from .lines import Time, Uart

ANSWER_MS = 1000
MOST_KEPT = 8

SENT, PACKET, SIGNAL, FAILED, BUSY, OTHER = "sent", "packet", "signal", "failed", "busy", "other"
_RX = b'+TEST: RX "'


def parse(line: bytes) -> "tuple[str, bytes]":
    """What a line says, and its content: the packet, or the line itself. Any bytes give an answer."""
    if line == b"+TEST: TX DONE":
        return SENT, line
    if line.startswith(_RX) and line.endswith(b'"'):
        data = packet(line[len(_RX) : -1])
        if data is not None:
            return PACKET, data
    if line.startswith(b"+TEST: LEN:"):
        return SIGNAL, line
    if b"ERROR(" in line:
        return FAILED, line
    if line.endswith(b"busy"):
        return BUSY, line
    return OTHER, line


def signal(line: bytes) -> "tuple[int | None, int | None]":
    """RSSI (dBm) and SNR (dB) of a ``LEN:`` line; None where it does not say."""
    values = []
    for name in (b"RSSI:", b"SNR:"):
        start = line.find(name)
        text = line[start + len(name) :].split(b",")[0].strip() if start >= 0 else b""
        digits = text[1:] if text.startswith(b"-") else text
        values.append(int(text) if digits and len(digits) <= 3 and digits.isdigit() else None)
    return values[0], values[1]


class LoRaE5:
    """The modem. Its serial line runs at 9600 Bd as it is delivered."""

    BAUDRATE = 9600

    def __init__(self, uart: "Uart", time: "Time") -> None:
        self._lines = Lines(uart, time)
        self._listening = False
        self._late = False
        self._kept: list[tuple[bytes, int | None, int | None]] = []
        self._signal: tuple[int | None, int | None] = (None, None)

    def check(self) -> str:
        """Its version; ValueError where it is another modem."""
        self._lines.drop()
        return shown(self._command("AT+VER", b"+VER: ")[6:])

    def start(
        self,
        frequency_hz: int,
        spreading_factor: int = 9,
        bandwidth_khz: int = 125,
        power_dbm: int = 14,
        sync_word: int = 0x12,
    ) -> None:
        """Set the radio; a modem that restarted by itself needs it again.

        The sync word of the TEST mode is that of private networks; another one raises ValueError.
        """
        if sync_word != 0x12:
            raise ValueError(f"LoRa-E5: sync word 0x{sync_word:02x}, expected 0x12")
        self._listening = False
        self._lines.drop()
        self._command("AT+MODE=TEST", b"+MODE: TEST")
        # Text, not arithmetic: a board's floats have no room for the hertz.
        mhz = f"{frequency_hz // 1_000_000}.{frequency_hz % 1_000_000:06d}"
        taken = self._command(
            f"AT+TEST=RFCFG,{mhz},SF{spreading_factor},{bandwidth_khz},8,8,{power_dbm},ON,OFF,OFF",
            b"+TEST: RFCFG ",
        )
        if f"F:{frequency_hz}, SF{spreading_factor},".encode() not in taken:
            raise ValueError(f"LoRa-E5: set itself to {shown(taken)!r}, expected what it was told")

    def send(self, data: bytes, within_ms: int = 10_000) -> None:
        """Put 1 to 255 bytes on air and wait until they are; receiving goes on afterwards if it
        did before.
        """
        if not 1 <= len(data) <= 255:
            raise ValueError(f"LoRa-E5: a packet of {len(data)} bytes, expected 1 to 255")
        listened, self._listening = self._listening, False
        self._catch_up()
        self._lines.send('AT+TEST=TXLRPKT,"' + data.hex().upper() + '"')
        self._answer(self._lines.deadline(within_ms), SENT, b"", "a packet")
        if listened:  # at once: an acknowledgement may be under way
            self._listen()

    def listen(self, within_ms: int) -> "tuple[bytes, int | None, int | None] | None":
        """The next packet with its RSSI (dBm) and SNR (dB), None where the modem did not say, or None."""
        deadline = self._lines.deadline(within_ms)
        while not self._kept:
            if not self._listening:
                self._listen()
            line = self._lines.next(deadline)
            if line is None:
                return None
            kind, _content = self._take(line)
            if kind == FAILED:
                self._listening = False
        return self._kept.pop(0)

    def close(self) -> None:
        """Stop receiving: any command does."""
        if self._listening:
            self._listening = False
            self._command("AT+MODE=TEST", b"+MODE: TEST")

    def _listen(self) -> None:
        self._command("AT+TEST=RXLRPKT", b"+TEST: RXLRPKT")
        self._listening = True

    def _command(self, command: str, expected: bytes) -> bytes:
        """Send ``command``. Noise in the modem's buffer spoils a command: it is told once more."""
        self._catch_up()
        for _ in range(2):
            self._lines.send(command)
            try:
                return self._answer(self._lines.deadline(ANSWER_MS), OTHER, expected, command[:24])
            except ValueError:
                self._lines.drop()
        self._lines.send(command)
        return self._answer(self._lines.deadline(ANSWER_MS), OTHER, expected, command[:24])

    def _answer(self, deadline: int, wanted: str, start: bytes, what: str) -> bytes:
        while True:
            line = self._lines.next(deadline)
            if line is None:
                self._late = True
                raise OSError(errno.ETIMEDOUT, f"LoRa-E5: silent after {what!r}")
            kind, content = self._take(line)
            if kind == wanted and content.startswith(start):
                return content
            if kind == BUSY:
                raise OSError(errno.EBUSY, f"LoRa-E5: busy at {what!r}")
            if kind == FAILED:
                raise ValueError(f"LoRa-E5: refused {what!r} ({shown(content)})")

    def _catch_up(self) -> None:
        # The answer to a command that was given up must not be taken for that to the next.
        if self._late:
            self._late = False
            self._lines.drop()

    def _take(self, line: bytes) -> "tuple[str, bytes]":
        kind, content = parse(line)
        if kind == SIGNAL:
            self._signal = signal(content)
        if kind == PACKET:
            self._kept.append((content, self._signal[0], self._signal[1]))
            del self._kept[:-MOST_KEPT]
            self._signal = (None, None)
        return kind, content
