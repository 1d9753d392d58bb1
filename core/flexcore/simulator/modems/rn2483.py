"""The firmware of an RN2483, as far as ``sys``, ``mac pause`` and ``radio`` go (Microchip DS40001784)."""

from __future__ import annotations

import re
from dataclasses import replace

from flexcore.simulator.modems.radio import Channel, Heard, Radio

VERSION = "RN2483 1.0.5 Oct 31 2018 15:06:52"
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){1,255}")
_NUMBER = re.compile(r"-?\d{1,10}")


class Rn2483Firmware:
    """Starts as the modem does after power-on: its LoRaWAN stack runs, and the radio is refused until it
    pauses.
    """

    BAUDRATE = 57600

    def __init__(self, radio: Radio) -> None:
        self._radio = radio
        self.channel = Channel(power_dbm=1)
        self.paused = False
        self._receiving = False
        self._snr_db = -128
        radio.say(VERSION)

    def command(self, line: bytes) -> None:
        """Exactly one answer to each line, as the modem gives; packets come besides."""
        words = line.decode("ascii", "replace").split(" ")
        self._radio.say(self._answer(words))
        if words[:2] == ["radio", "tx"] and self._sending is not None:
            self._radio.send(self.channel, self._sending)
            self._sending = None

    _sending: bytes | None = None

    def sent(self) -> None:
        """The packet is out."""
        self._radio.say("radio_tx_ok")

    def heard(self, packet: Heard) -> None:
        """A packet ends the receiving."""
        self._stop()
        self._snr_db = packet.snr_db
        self._radio.say("radio_rx  " + packet.data.hex().upper())

    def _answer(self, words: list[str]) -> str:  # noqa: PLR0911  # one answer a command
        match words:
            case ["sys", "get", "ver"]:
                return VERSION
            case ["mac", "pause"]:
                self.paused = True
                return "4294967245"
            case ["mac", "resume"]:
                self.paused = False
                return "ok"
            case ["radio", "get", "snr"]:
                return str(self._snr_db)
            case ["radio", *_] if not self.paused:
                return "busy"
            case ["radio", "set", name, *values]:
                return "ok" if self._set(name, " ".join(values)) else "invalid_param"
            case ["radio", "rx", span] if _NUMBER.fullmatch(span) and 0 <= int(span) <= 65535:
                if self._receiving or self._radio.sending:
                    return "busy"
                self._receiving = True
                self._radio.receive(self.channel)
                return "ok"
            case ["radio", "rxstop"]:
                self._stop()
                return "ok"
            case ["radio", "tx", text] if _HEX.fullmatch(text):
                if self._receiving or self._radio.sending:
                    return "busy"
                self._sending = bytes.fromhex(text)
                return "ok"
        return "invalid_param"

    def _stop(self) -> None:
        self._receiving = False
        self._radio.receive(None)

    def _set(self, name: str, value: str) -> bool:
        number = int(value) if _NUMBER.fullmatch(value) else None
        if name in {"mod", "crc", "iqi", "cr"}:
            return value in {"mod": {"lora"}, "crc": {"on", "off"}, "iqi": {"on", "off"}, "cr": {"4/5"}}[name]
        if name == "sf" and re.fullmatch(r"sf(?:[789]|1[012])", value):
            self.channel = replace(self.channel, spreading_factor=int(value[2:]))
        elif name == "sync" and re.fullmatch(r"[0-9A-Fa-f]{1,2}", value):
            self.channel = replace(self.channel, sync_word=int(value, 16))
        elif name == "bw" and number in {125, 250, 500}:
            self.channel = replace(self.channel, bandwidth_hz=(number or 0) * 1000)
        elif name == "freq" and number is not None and 863_000_000 <= number <= 870_000_000:
            self.channel = replace(self.channel, frequency_hz=number)
        elif name == "pwr" and number is not None and -3 <= number <= 15:
            self.channel = replace(self.channel, power_dbm=number)
        else:
            return name in {"wdt", "prlen"} and number is not None and 0 <= number <= 4_294_967_295
        return True
