"""The open UDP sample frame: its layout, once, for the decoder, the encoder and the documentation.

The Atolle's own protocol is not public; this is our proposal in its place. To speak another layout, change
:data:`HEADER` and the constants: offsets are computed from the table everywhere, also in the compiled
decoder. ``docs/frames.md`` shows the table and is tested against it.

All numbers are little-endian. Samples follow the header interleaved (sample 0 of every channel, then sample
1, ...). The CRC-32 (zlib) runs over the header up to the CRC, then over everything after the header.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

MAGIC = int.from_bytes(b"FLXS", "little")
VERSION = 1
#: Longest datagram: stays in one Ethernet frame also through a tunnel.
MAX_DATAGRAM_BYTES = 1400

KIND_SAMPLES = 1
KIND_DESCRIPTION = 2

FORMAT_INT24 = 1
FORMAT_INT32 = 2
#: Bytes of one sample of one channel, by format.
SAMPLE_BYTES = {FORMAT_INT24: 3, FORMAT_INT32: 4}

FLAG_TIME_SYNC = 1
FLAG_GAP = 2
FLAG_SATURATED = 4
FLAG_HOLDOVER = 8


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One number of the header; ``kind`` is its unsigned type."""

    name: str
    kind: Literal["u8", "u16", "u32", "u64"]
    meaning: str

    @property
    def size(self) -> int:
        """Bytes that the number takes."""
        return int(self.kind[1:]) // 8


HEADER: tuple[HeaderField, ...] = (
    HeaderField("magic", "u32", "`FLXS`"),
    HeaderField("version", "u8", "1"),
    HeaderField("header_bytes", "u8", "length of this header; what follows is the payload"),
    HeaderField("kind", "u8", "1 samples, 2 description (JSON)"),
    HeaderField(
        "flags",
        "u8",
        "1 time synchronised, 2 gap (these samples were not measured but filled in), 4 saturated, 8 holdover",
    ),
    HeaderField("stream", "u32", "number of the stream, one per busbar or field"),
    HeaderField("sequence", "u32", "counts the stream's sample frames, wraps"),
    HeaderField("sample_index", "u64", "index of the first sample; drives time between sync points"),
    HeaderField("t0_ns", "u64", "UTC of the first sample, nanoseconds since 1970"),
    HeaderField("rate_numerator", "u32", "samples a second, numerator"),
    HeaderField("rate_denominator", "u32", "samples a second, denominator"),
    HeaderField("channels", "u8", "number of channels; 0 in a description"),
    HeaderField("format", "u8", "1 int24, 2 int32; 0 in a description"),
    HeaderField("count", "u16", "samples per channel; length of the JSON in a description"),
    HeaderField("config_hash", "u32", "CRC-32 of the JSON description that these samples obey"),
    HeaderField("crc32", "u32", "of the header up to here, then of the payload"),
)

#: Name of a number to its (offset, size) in bytes.
OFFSETS: dict[str, tuple[int, int]] = {}
for _field in HEADER:
    OFFSETS[_field.name] = (sum(size for _, size in OFFSETS.values()), _field.size)

HEADER_BYTES = sum(f.size for f in HEADER)
#: The header as a NumPy record, to encode many frames at once.
HEADER_DTYPE = np.dtype([(f.name, f"<u{f.size}") for f in HEADER])


def max_count(channels: int, sample_format: int) -> int:
    """Most samples per channel that fit into one datagram."""
    return (MAX_DATAGRAM_BYTES - HEADER_BYTES) // (channels * SAMPLE_BYTES[sample_format])


def seal(header: bytearray | memoryview, payload: bytes | memoryview) -> None:
    """Write the CRC into ``header``, which is complete but for it."""
    offset, size = OFFSETS["crc32"]
    crc = zlib.crc32(payload, zlib.crc32(header[:offset]))
    header[offset : offset + size] = crc.to_bytes(size, "little")


def encode(payload: bytes, **numbers: int) -> bytes:
    """One datagram; numbers of the header that are not given are 0, the fixed ones and the CRC are set."""
    record = np.zeros(1, HEADER_DTYPE)
    record["magic"], record["version"], record["header_bytes"] = MAGIC, VERSION, HEADER_BYTES
    for name, value in numbers.items():
        record[name] = value
    header = bytearray(record.tobytes())
    seal(header, payload)
    return bytes(header) + payload


def encode_description(stream: int, json: bytes) -> bytes:
    """The datagram that carries a stream's description."""
    return encode(json, kind=KIND_DESCRIPTION, stream=stream, count=len(json), config_hash=zlib.crc32(json))


def pack_samples(samples: np.ndarray[tuple[int, ...], np.dtype[np.int32]], sample_format: int) -> bytes:
    """The payload of integer ``samples``, shape (channels, count), in the wire's order."""
    interleaved = np.ascontiguousarray(samples.T, dtype="<i4")
    if sample_format == FORMAT_INT32:
        return interleaved.tobytes()
    return interleaved.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def table() -> str:
    """The layout as a Markdown table, as it stands in ``docs/frames.md``."""
    lines = ["| offset | type | name | meaning |", "|---|---|---|---|"]
    for f in HEADER:
        lines.append(f"| {OFFSETS[f.name][0]} | {f.kind} | `{f.name}` | {f.meaning} |")
    return "\n".join(lines)
