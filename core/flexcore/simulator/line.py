"""The wire between the virtual sensors and the box: clean, or as bad as a test wants it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from flexcore.drivers import frame
from flexcore.simulator.transports import Datagram, Transport

Attack = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Impairments:
    """Shares (0 to 1) of frames lost, sent twice and overtaken; hostile datagrams a second."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    hostile_per_s: float = 0.0
    seed: int = 1

    @property
    def clean(self) -> bool:
        """Whether nothing is impaired."""
        return not (self.loss or self.duplicate or self.reorder or self.hostile_per_s)


class Line:
    """Sends datagrams over ``transport``, impaired; ``attack`` makes hostile ones of good ones."""

    #: Frames after which one that is overtaken arrives.
    OVERTAKEN_BY = 40

    def __init__(self, transport: Transport, impairments: Impairments, attack: Attack | None = None) -> None:
        self._transport = transport
        self._attack = attack or hostile
        self._impairments = impairments
        self._random = random.Random(impairments.seed)  # noqa: S311 - noise, not a secret
        self._held: list[tuple[int, bytes]] = []
        self._count = 0
        self._owed = 0.0
        self.sent = 0
        self.lost = 0
        self.hostile = 0

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    def _put(self, datagram: Datagram) -> None:
        if self._transport.send(datagram):
            self.sent += 1
        else:
            self.lost += 1

    def send(self, datagrams: list[Datagram], elapsed_s: float) -> None:
        """Send what became due during ``elapsed_s``."""
        if self._impairments.clean:
            for datagram in datagrams:
                self._put(datagram)
            self._transport.flush()
            return
        for datagram in datagrams:
            self._impair(datagram)
        self._owed += self._impairments.hostile_per_s * elapsed_s
        while self._owed >= 1.0 and datagrams:
            self._owed -= 1.0
            self.hostile += 1
            self._put(self._attack(bytes(self._random.choice(datagrams)), self._random))
        self._transport.flush()

    def _impair(self, datagram: Datagram) -> None:
        self._count += 1
        while self._held and self._held[0][0] <= self._count:
            self._put(self._held.pop(0)[1])
        draw = self._random.random
        if draw() < self._impairments.loss:
            self.lost += 1
            return
        if draw() < self._impairments.reorder:
            self._held.append((self._count + self.OVERTAKEN_BY, bytes(datagram)))
            return
        self._put(datagram)
        if draw() < self._impairments.duplicate:
            self._put(datagram)


def _with(good: bytes, **change: int) -> bytes:
    """A good frame with other numbers in its header, and a CRC that fits."""
    raw = bytearray(good)
    for name, value in change.items():
        offset, size = frame.OFFSETS[name]
        raw[offset : offset + size] = value.to_bytes(size, "little")
    frame.seal(memoryview(raw)[: frame.HEADER_BYTES], bytes(raw[frame.HEADER_BYTES :]))
    return bytes(raw)


def _stream(good: bytes) -> int:
    offset, size = frame.OFFSETS["stream"]
    return int.from_bytes(good[offset : offset + size], "little")


_ATTACKS: tuple[Attack, ...] = (
    lambda good, r: r.randbytes(r.randrange(1, 1400)),
    lambda good, r: good[: r.randrange(len(good))],
    lambda good, r: good + bytes(1450 - len(good) if len(good) < 1450 else 1),
    lambda good, r: good[:-1] + bytes([good[-1] ^ 0xFF]),
    lambda good, r: b"GET / HTTP/1.1\r\n\r\n",
    lambda good, r: _with(good, version=r.randrange(2, 256)),
    lambda good, r: _with(good, stream=r.randrange(1 << 30, 1 << 32)),
    lambda good, r: _with(good, channels=r.choice((0, 1, 2, 5, 255))),
    lambda good, r: _with(good, count=r.choice((0, 1, 65535))),
    lambda good, r: _with(good, config_hash=r.randrange(1 << 32)),
    lambda good, r: _with(
        good, rate_numerator=r.choice((0, 1, 2**32 - 1)), rate_denominator=r.choice((0, 1))
    ),
    lambda good, r: _with(good, t0_ns=r.randrange(1 << 64)),
    lambda good, r: _with(good, sample_index=r.randrange(1 << 64)),
    lambda good, r: _with(good, t0_ns=(1 << 64) - 1, sample_index=(1 << 64) - 1),
    lambda good, r: frame.encode_description(_stream(good), b'{"channels": [' + b"[" * 500),
    lambda good, r: frame.encode_description(
        _stream(good), b'{"channels": [{"name": "u_l1", "gain": 1e999}]}'
    ),
)


def hostile(good: bytes, source: random.Random) -> bytes:
    """A datagram that a receiver must survive and must not use, made from a good frame."""
    return source.choice(_ATTACKS)(good, source)
