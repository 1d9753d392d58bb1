"""Inputs that are nearly right: good ones, changed by bad wires, editors and malice."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

MAX_BYTES = 64 * 1024
_INTERESTING = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
)
_NUMBERS = (
    b"", b"0", b"-0", b"-1", b"1e999", b"-1e999", b"nan", b"inf", b"1e-320", b"0x10", b"1_000", b"0.1.2",
    b"99999999999999999999", b"-9223372036854775809", b"1" * 400, b"true", b'"1"', b"[]", b"{}", b"null",
)  # fmt: skip
_PIECES = (
    b"\x00", b"\n", b"\r\n", b'"', b"'", b"\\", b"[", b"]", b"{", b"}", b"=", b",", b":", b"#", b"..",
    b"/", b"%",
    b"\xff\xfe", b"\xef\xbb\xbf", "é\u202e\U0001f600".encode(), b"<script>", b"[" * 300, b'{"a":' * 200,
    b"a." * 200, b"A" * 5000, b" " * 5000, b"\t" * 5000, b"-" * 5000,
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d[\d.eE+-]*")

Change = Callable[[bytearray, Random, Sequence[bytes]], None]


def _flip(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _byte(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice(
            (0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256))
        )


def _cut(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    if data:
        at = random.randrange(len(data))
        del data[at : at + 1 + random.randrange(min(64, len(data) - at))]


def _truncate(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    del data[random.randrange(len(data) + 1) :]


def _repeat(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    if data:
        at = random.randrange(len(data))
        piece = bytes(data[at : at + 1 + random.randrange(min(256, len(data) - at))])
        data[at:at] = piece * random.choice((1, 1, 2, 16))


def _insert(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = (
        random.choice(_PIECES) if random.random() < 0.7 else random.randbytes(random.randrange(1, 32))
    )


def _splice(data: bytearray, random: Random, seeds: Sequence[bytes]) -> None:
    other = random.choice(seeds)
    if data and other:
        data[random.randrange(len(data)) :] = other[random.randrange(len(other)) :]


def _integer(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    size = random.choice((1, 2, 4, 8))
    if len(data) >= size:
        at = random.randrange(len(data) - size + 1)
        value = random.choice(_INTERESTING) % (1 << 8 * size)
        data[at : at + size] = value.to_bytes(size, random.choice(("little", "big")))


def _number(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    found = list(_NUMBER.finditer(data))
    if found:
        match = random.choice(found)
        data[match.start() : match.end()] = random.choice(_NUMBERS)


def _swap_lines(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    lines = data.split(b"\n")
    a, b = random.randrange(len(lines)), random.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    data[:] = b"\n".join(lines)


def _drop_line(data: bytearray, random: Random, _seeds: Sequence[bytes]) -> None:
    lines = data.split(b"\n")
    del lines[random.randrange(len(lines))]
    data[:] = b"\n".join(lines)


_ANY: tuple[Change, ...] = (_flip, _byte, _cut, _truncate, _repeat, _insert, _splice)
BINARY: tuple[Change, ...] = (*_ANY, _integer, _integer, _flip)
TEXT: tuple[Change, ...] = (*_ANY, _number, _number, _number, _swap_lines, _drop_line)


def mutated(seeds: Sequence[bytes], changes: Sequence[Change], random: Random) -> bytes:
    """One input; the same state of ``random``, the same bytes. Now and then noise, or a seed as it is."""
    draw = random.random()
    if draw < 0.01:
        return random.randbytes(random.randrange(300))
    data = bytearray(random.choice(seeds))
    if draw < 0.02:
        return bytes(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        random.choice(changes)(data, random, seeds)
    return bytes(data[:MAX_BYTES])
