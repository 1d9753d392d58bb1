"""Devices that answer what they like: the far ends of Modbus wires, modems and supplies."""

from __future__ import annotations

from random import Random

from flexcore.desk.fuzz.target import Feed
from flexcore.drivers.modbus import frames
from flexcore.drivers.modbus.frames import Ask, ModbusError
from flexcore.drivers.modbus.meter import Meter
from flexcore.drivers.modbus.profile import read_profile
from flexcore.drivers.modems.lora_e5 import LoRaE5
from flexcore.drivers.modems.rn2483 import RN2483
from flexcore.drivers.nut import Nut

ASK = Ask(1, 3, 100, 8)
_GOOD = bytes([3, 16]) + bytes(range(16))


# --- Modbus ----------------------------------------------------------------------------------------


def tcp_answers() -> list[bytes]:
    """Frames of a meter behind TCP: good, an exception, two at once, another device's."""
    good = frames.tcp_frame(7, 1, _GOOD)
    return [good, frames.tcp_frame(7, 1, b"\x83\x02"), good + good, frames.tcp_frame(8, 2, _GOOD)]


def rtu_answers() -> list[bytes]:
    """The same on a serial line."""
    good = frames.rtu_frame(1, _GOOD)
    return [good, frames.rtu_frame(1, b"\x83\x02"), good + good, frames.rtu_frame(2, _GOOD)]


def with_crc(data: bytes, random: Random) -> bytes:
    """Most frames have a check sum that fits."""
    if random.random() < 0.3 or len(data) < 3:
        return data
    return data[:-2] + frames.crc16(data[:-2]).to_bytes(2, "little")


def take_tcp() -> Feed:
    """A client that takes whole answers out of what came."""

    def feed(data: bytes) -> None:
        buffer = bytearray(data)
        while (got := frames.take_tcp(buffer)) is not None:
            frames.registers_of(got[2], ASK)

    return feed


def take_rtu() -> Feed:
    """The same on a serial line."""

    def feed(data: bytes) -> None:
        buffer = bytearray(data)
        while (got := frames.take_rtu(buffer)) is not None:
            frames.registers_of(got[1], ASK)

    return feed


class _Registers:
    """A wire whose device holds any registers at all."""

    def __init__(self) -> None:
        self.words = b""

    def exchange(self, ask: Ask, _timeout_s: float) -> bytes:
        if not self.words:
            raise ModbusError("silent", f"{ask}: nothing")
        size = 2 * ask.count
        return (self.words * (size // len(self.words) + 1))[:size]

    def close(self) -> None:
        pass


def registers() -> list[bytes]:
    """Contents of registers."""
    return [bytes(range(250)), b"\xff" * 250, b"\x00\x01" * 125, b"\x7f\xc0\x00\x00" * 60]


def read_meter() -> Feed:
    """The shipped meters, read from registers of any content: a reading is finite or refused."""
    wire = _Registers()
    profiles = [read_profile(name) for name in ("satec-pm180", "eastron-sdm630", "janitza-umg604")]

    def feed(data: bytes) -> None:
        wire.words = data
        profile = profiles[len(data) % len(profiles)]
        values = Meter(profile, wire, 1).read()  # type: ignore[arg-type]  # it has what a meter asks of a wire
        bad = [name for name, value in values.items() if value is not None and not abs(value) < 1e13]
        if bad:
            raise AssertionError(f"told: {bad}")

    return feed


# --- lines -----------------------------------------------------------------------------------------


class _Clock:
    """MicroPython's clock, in which waiting costs no time."""

    def __init__(self) -> None:
        self._now = 0

    def ticks_ms(self) -> int:
        self._now += 1
        return self._now

    def ticks_add(self, ticks: int, delta: int, /) -> int:
        return ticks + delta

    def ticks_diff(self, later: int, earlier: int, /) -> int:
        return later - earlier

    def sleep_ms(self, span_ms: int, /) -> None:
        self._now += span_ms * 50


class _Line:
    """A serial line that answers each question with the next of the given lines, and says one by itself after
    a while of silence."""

    SILENT = 3

    def __init__(self, data: bytes) -> None:
        self._lines = data.splitlines(keepends=True)
        self._ready = self._at = self._idle = 0

    def readline(self) -> bytes | None:
        if self._at < len(self._lines) and self._ready:
            self._ready -= 1
            self._at += 1
            return self._lines[self._at - 1]
        self._idle += 1
        if self._idle % self.SILENT == 0:
            self._ready = 1
        return None

    def write(self, buffer: bytes, /) -> int:
        self._ready += 1
        return len(buffer)


#: What a modem says to: who are you, be set, listen, send.
RN2483_LINES = [
    b"RN2483 1.0.5 Oct 31 2018 15:06:52\r\nok\r\n4294967245\r\n"
    + b"ok\r\n" * 12
    + b"radio_rx  48656C6C6F\r\n8\r\nok\r\nok\r\nok\r\nradio_tx_ok\r\nok\r\nradio_rx  01\r\n7\r\nok\r\n",
    b"RN2483 1.0.5\r\nok\r\n0\r\nbusy\r\ninvalid_param\r\nradio_err\r\n",
]
LORA_E5_LINES = [
    b"+VER: 4.0.11\r\n+MODE: TEST\r\n"
    b"+TEST: RFCFG F:869525000, SF9, BW125K, TXPR:8, RXPR:8, POW:14dBm, CRC:ON, IQ:OFF, NET:OFF\r\n"
    b'+TEST: RXLRPKT\r\n+TEST: LEN:5, RSSI:-106, SNR:10\r\n+TEST: RX "48656C6C6F"\r\n'
    b'+TEST: TXLRPKT "78"\r\n+TEST: TX DONE\r\n+TEST: RXLRPKT\r\n+TEST: RX "01"\r\n',
    b"+VER: 4.0.11\r\n+AT: ERROR(-1)\r\n+TEST: ERROR(-2)\r\n",
]


def _listen(modem: RN2483 | LoRaE5) -> None:
    heard = modem.listen(5_000)
    if heard is not None and not 1 <= len(heard[0]) <= 255:
        raise AssertionError(f"heard {len(heard[0])} bytes")


def _converse(make: type[RN2483] | type[LoRaE5]) -> Feed:
    def feed(data: bytes) -> None:
        modem = make(_Line(data), _Clock())
        modem.check()
        modem.start(869_525_000)
        _listen(modem)
        modem.send(b"x")
        _listen(modem)

    def spoken(data: bytes) -> None:
        try:
            feed(data)
        except (OSError, ValueError) as error:
            text = str(error)
            if "\n" in text or len(text) > 300:
                raise AssertionError(f"not one line: {text[:400]!r}") from error
            raise

    return spoken


def rn2483() -> Feed:
    """A conversation with a modem that answers anything."""
    return _converse(RN2483)


def lora_e5() -> Feed:
    """The same in the other dialect."""
    return _converse(LoRaE5)


NUT_LISTS = [
    b'BEGIN LIST VAR msr\nVAR msr battery.charge "97"\nVAR msr ups.status "OL CHRG"\nEND LIST VAR msr\n',
    b"ERR DATA-STALE\n",
    b'VAR msr battery.voltage "13.5"\nVAR msr device.model "a \\"b\\" c"\nEND LIST VAR msr\n',
]


def nut() -> Feed:
    """A server's list, by the lines that came."""
    ups = Nut("msr")

    def feed(data: bytes) -> None:
        ups.values_of(data.decode("utf-8", "replace").splitlines())

    return feed
