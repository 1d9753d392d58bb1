"""Datagrams as Ethernet frames on an emulated cable: the frames themselves, and what is lost."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from flexcore.errors import SettingsError
from flexcore.simulator.transports import SENSORS_IP, Cable, CableFrames, EthernetPort, ethernet


class Emulator:
    """The other end of the cable: frames, each after its length."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._link: socket.socket | None = None
        self._read = b""

    @property
    def link(self) -> socket.socket:
        if self._link is None:
            self._listener.settimeout(5.0)
            self._link, _ = self._listener.accept()
            self._link.settimeout(5.0)
        return self._link

    def frames(self, cable: Cable, count: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < count:
            cable.flush()
            self._read += self.link.recv(1 << 20)
            while len(self._read) >= 4:
                (length,) = struct.unpack("!I", self._read[:4])
                if len(self._read) < 4 + length:
                    break
                found.append(self._read[4 : 4 + length])
                self._read = self._read[4 + length :]
        return found

    def close(self) -> None:
        self._listener.close()
        if self._link is not None:
            self._link.close()


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    one = Emulator(tmp_path / "cable")
    yield one
    one.close()


def test_a_frame_is_what_a_network_card_expects() -> None:
    frame = ethernet(100, 20500) + bytes(100)
    assert frame[:6] == b"\xff" * 6, "to anybody"
    assert struct.unpack("!H", frame[12:14]) == (0x0800,)
    ip = frame[14:34]
    assert ip[0] == 0x45
    assert struct.unpack("!H", ip[2:4]) == (20 + 8 + 100,)
    words = sum(struct.unpack("!10H", ip))
    assert (words & 0xFFFF) + (words >> 16) == 0xFFFF, "RFC 1071: with its checksum a header sums to nothing"
    assert socket.inet_ntoa(ip[12:16]) == SENSORS_IP
    assert socket.inet_ntoa(ip[16:20]) == "255.255.255.255"
    assert struct.unpack("!HHHH", frame[34:42]) == (20500, 20500, 108, 0)
    assert len(frame) == 142


def test_datagrams_arrive_whole_and_in_order(emulator: Emulator, tmp_path: Path) -> None:
    cable = Cable(tmp_path / "cable", 20500)
    sent = [bytes([n % 256]) * (100 + n) for n in range(1000)]
    for datagram in sent:
        assert cable.send(datagram)
    assert [frame[42:] for frame in emulator.frames(cable, len(sent))] == sent
    cable.close()


def test_whole_frames_go_between_datagrams_as_they_are(emulator: Emulator, tmp_path: Path) -> None:
    cable = Cable(tmp_path / "cable", 20500)
    raw = CableFrames(cable)
    sampled = bytes.fromhex("010ccd040000 020000000001 88ba 4000 0008 0000 0000")
    assert cable.send(b"datagram") and raw.send(sampled) and raw.send(memoryview(sampled + bytes(50)))
    first, second, third = emulator.frames(cable, 3)
    assert first[42:] == b"datagram"
    assert (second, third) == (sampled, sampled + bytes(50))
    raw.flush()
    raw.close()
    assert not raw.send(sampled), "nobody is there any more"


def test_a_port_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^--interface: expected an Ethernet port, fcnone: "):
        EthernetPort("fcnone")


def test_what_the_box_says_holds_nothing_up(emulator: Emulator, tmp_path: Path) -> None:
    cable = Cable(tmp_path / "cable", 20500)
    assert cable.send(b"x")
    cable.flush()
    for _ in range(100):
        emulator.link.sendall(bytes(10_000))
        cable.flush()
    assert len(emulator.frames(cable, 1)) == 1


def test_an_emulator_that_stands_still_loses_whole_datagrams_and_the_station_goes_on(
    emulator: Emulator, tmp_path: Path
) -> None:
    cable = Cable(tmp_path / "cable", 20500)
    taken = 0
    for n in range(20_000):
        taken += cable.send(struct.pack("!I", n) * 250)
        cable.flush()
    assert cable.BEHIND_BYTES / 1100 < taken < 20_000, "bounded, and more than a socket's buffer"
    frames = emulator.frames(cable, taken)
    numbers = [struct.unpack("!I", frame[42:46])[0] for frame in frames]
    assert numbers == list(range(taken)), "what was taken arrives, whole and in order"


def test_a_cable_that_is_not_plugged_in_loses_and_is_tried_again(tmp_path: Path) -> None:
    cable = Cable(tmp_path / "cable", 20500)
    assert not cable.send(b"x"), "nobody is there"
    emulator = Emulator(tmp_path / "cable")
    assert not cable.send(b"x"), "it is not tried at each datagram"
    cable.RETRY_S = 0.0  # type: ignore[misc]
    assert cable.send(b"x")
    assert emulator.frames(cable, 1)[0][42:] == b"x"
    emulator.close()
    for _ in range(3):
        cable.send(b"y")
        cable.flush()
    emulator_gone = cable.send(b"z")
    assert not emulator_gone
