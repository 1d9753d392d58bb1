"""The firmware of a LoRa-E5, as far as AT, VER, MODE and TEST go (Seeed, AT command specification)."""

from __future__ import annotations

import re

from flexcore.simulator.modems.radio import Channel, Heard, Radio

VERSION = "4.0.11"
_CONFIG = re.compile(
    r"RFCFG,(?P<mhz>\d{3})(?:\.(?P<part>\d{1,6}))?,SF(?P<sf>[789]|1[012]),(?P<bw>125|250|500),"
    r"(?P<tx>\d{1,5}),(?P<rx>\d{1,5}),(?P<power>-?\d{1,2}),(?P<crc>ON|OFF),(?P<iq>ON|OFF),(?P<net>ON|OFF)"
)
_SEND = re.compile(r'TXLRPKT, ?"(?P<hex>(?:[0-9A-F]{2}){1,255})"')
UNKNOWN, WRONG, UNAVAILABLE = "+AT: ERROR(-10)", "ERROR(-1)", "ERROR(-12)"


class LoraE5Firmware:
    """Starts in its LoRaWAN mode; TEST is refused until that mode is set."""

    BAUDRATE = 9600

    def __init__(self, radio: Radio) -> None:
        self._radio = radio
        self.channel = Channel(spreading_factor=7, power_dbm=14, sync_word=0x12)
        self.testing = False

    def command(self, line: bytes) -> None:
        """Commands in any case; what is sent or received is told in lines of its own."""
        text = line.decode("ascii", "replace").upper()
        self._radio.receive(None)  # any command ends the receiving
        if text == "AT":
            self._radio.say("+AT: OK")
        elif text == "AT+VER":
            self._radio.say(f"+VER: {VERSION}")
        elif text == "AT+MODE=TEST":
            self.testing = True
            self._radio.say("+MODE: TEST")
        elif text.startswith("AT+MODE="):
            self.testing = False
            self._radio.say(f"+MODE: {text[8:]}" if text[8:] in {"LWABP", "LWOTAA"} else f"+MODE: {WRONG}")
        elif text.startswith("AT+TEST="):
            self._radio.say("+TEST: " + (self._test(text[8:]) if self.testing else UNAVAILABLE))
            if self._sending is not None:
                self._radio.send(self.channel, self._sending)
                self._sending = None
        else:
            self._radio.say(UNKNOWN)

    _sending: bytes | None = None

    def sent(self) -> None:
        """The packet is out."""
        self._radio.say("+TEST: TX DONE")

    def heard(self, packet: Heard) -> None:
        """Signal and packet; the receiving goes on."""
        self._radio.say(f"+TEST: LEN:{len(packet.data)}, RSSI:{packet.rssi_dbm}, SNR:{packet.snr_db}")
        self._radio.say(f'+TEST: RX "{packet.data.hex().upper()}"')

    def _test(self, text: str) -> str:
        if self._radio.sending:
            return "LoRa modem is busy"
        if match := _CONFIG.fullmatch(text):
            return self._configure(match)
        if text == "RXLRPKT":
            self._radio.receive(self.channel)
            return text
        if match := _SEND.fullmatch(text):
            self._sending = bytes.fromhex(match["hex"])
            return f'TXLRPKT "{match["hex"]}"'
        return WRONG

    def _configure(self, match: re.Match[str]) -> str:
        frequency_hz = int(match["mhz"]) * 1_000_000 + int((match["part"] or "").ljust(6, "0"))
        power_dbm = int(match["power"])
        if not 863_000_000 <= frequency_hz <= 870_000_000 or not -1 <= power_dbm <= 22:
            return WRONG
        sync_word = 0x34 if match["net"] == "ON" else 0x12
        self.channel = Channel(frequency_hz, int(match["sf"]), int(match["bw"]) * 1000, power_dbm, sync_word)
        return (
            f"RFCFG F:{frequency_hz}, SF{match['sf']}, BW{match['bw']}K, TXPR:{match['tx']}, "
            f"RXPR:{match['rx']}, POW:{power_dbm}dBm, CRC:{match['crc']}, "
            f"IQ:{match['iq']}, NET:{match['net']}"
        )
