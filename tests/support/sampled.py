"""Sampled values built from the standard's tags (IEC 61850-9-2, 8.5), apart from anything of ours."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

GOOD = 0x0000
INVALID = 0x0001
QUESTIONABLE = 0x0003
OVERFLOW = 0x0004
FAILURE = 0x0040
OLD_DATA = 0x0080
SUBSTITUTED = 0x0400
TEST = 0x0800
DERIVED = 0x2000


def tlv(tag: int, value: bytes, length_bytes: int = 0) -> bytes:
    """Tag, length and value; ``length_bytes`` asks for that long form, 0 for the shortest."""
    if length_bytes:
        return bytes([tag, 0x80 | length_bytes]) + len(value).to_bytes(length_bytes, "big") + value
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    size = (len(value).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(value).to_bytes(size, "big") + value


def samples(values: Iterable[int], quality: int | Sequence[int] = GOOD) -> bytes:
    """int32 and quality of each channel."""
    raw = list(values)
    said = [quality] * len(raw) if isinstance(quality, int) else quality
    return b"".join(struct.pack("!iI", v, q) for v, q in zip(raw, said, strict=True))


def asdu(
    counter: int,
    data: bytes,
    *,
    sv_id: bytes = b"MU01",
    revision: int = 1,
    sync: int = 2,
    before: bytes = b"",
    middle: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """One ASDU; optional fields go where the standard has them."""
    return tlv(
        0x30,
        tlv(0x80, sv_id)
        + before
        + tlv(0x82, struct.pack("!H", counter))
        + tlv(0x83, struct.pack("!I", revision))
        + middle
        + tlv(0x85, bytes([sync]))
        + tlv(0x87, data)
        + after,
    )


def pdu(asdus: Sequence[bytes]) -> bytes:
    return tlv(0x60, tlv(0x80, bytes([len(asdus)])) + tlv(0xA2, b"".join(asdus)))


def ethernet(
    apdu: bytes, *, appid: int = 0x4000, reserved: int = 0, vlan: int | None = None, padding: bytes = b""
) -> bytes:
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, 4 << 13 | vlan)
    return (
        bytes.fromhex("010ccd040001")
        + bytes.fromhex("020000000001")
        + tag
        + struct.pack("!HHHHH", 0x88BA, appid, 8 + len(apdu), reserved, 0)
        + apdu
        + padding
    )


def frame(
    counter: int, rows: Sequence[Sequence[int]], quality: int | Sequence[int] = GOOD, **more: object
) -> bytes:
    """A frame of one ASDU per row, with counters that follow each other."""
    return ethernet(
        pdu([asdu(counter + n, samples(row, quality), **more) for n, row in enumerate(rows)])  # type: ignore[arg-type]
    )
