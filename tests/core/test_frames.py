"""The frame's layout: one table, and what it promises to the documentation and to NumPy."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from flexcore.drivers import description, frame
from flexcore.drivers.description import ChannelDescription, Description
from flexcore.errors import FrameError

DOCS = Path(__file__).parents[2] / "docs" / "frames.md"


def test_a_datagram_by_an_independent_reading_of_the_layout() -> None:
    payload = bytes(range(18))
    raw = frame.encode(
        payload,
        kind=1,
        flags=9,
        stream=0x01020304,
        sequence=7,
        sample_index=1 << 40,
        t0_ns=1_780_000_000_000_000_000,
        rate_numerator=20_000,
        rate_denominator=1,
        channels=3,
        format=1,
        count=2,
        config_hash=0xDEADBEEF,
    )
    numbers = struct.unpack_from("<4sBBBBIIQQIIBBHII", raw)
    assert numbers[:-1] == (
        b"FLXS",
        1,
        52,
        1,
        9,
        0x01020304,
        7,
        1 << 40,
        1_780_000_000_000_000_000,
        20_000,
        1,
        3,
        1,
        2,
        0xDEADBEEF,
    )
    assert numbers[-1] == zlib.crc32(raw[:48] + payload)
    assert raw[52:] == payload


def test_int24_is_the_low_three_bytes_interleaved() -> None:
    samples = np.array([[1, -1], [-(2**23), 2**23 - 1]], dtype=np.int32)
    raw = frame.pack_samples(samples, frame.FORMAT_INT24)
    values = [int.from_bytes(raw[k : k + 3], "little", signed=True) for k in range(0, 12, 3)]
    assert values == [1, -(2**23), -1, 2**23 - 1]
    wide = frame.pack_samples(samples, frame.FORMAT_INT32)
    assert struct.unpack("<4i", wide) == (1, -(2**23), -1, 2**23 - 1)


def test_the_numpy_record_is_the_table() -> None:
    assert frame.HEADER_DTYPE.itemsize == frame.HEADER_BYTES == 52
    fields = frame.HEADER_DTYPE.fields
    assert fields is not None
    for name, (offset, size) in frame.OFFSETS.items():
        assert (fields[name][1], fields[name][0].itemsize) == (offset, size)


def test_the_longest_frame_fits() -> None:
    assert frame.max_count(3, frame.FORMAT_INT24) == 149
    assert frame.max_count(4, frame.FORMAT_INT32) == 84


def test_the_documentation_shows_the_table() -> None:
    assert frame.table() in DOCS.read_text(encoding="utf-8")


def described(**change: object) -> bytes:
    channel = {"name": "u_l1", "unit": "V", "gain": 0.01, **change}
    return description._encoder.encode({"field": "bb1", "channels": [channel]})


def test_a_description_survives_the_wire() -> None:
    known = Description(
        channels=(ChannelDescription("u_l1", "V", 0.001, -2.5), ChannelDescription("u_l2", "V", -1e-3)),
        field="rail 1",
        sensor="Atolle",
        serial="0042",
    )
    assert description.decode(description.encode(known), ("u_l1", "u_l2")) == known


@pytest.mark.parametrize(
    ("json", "names"),
    [
        (b"", "Input data was truncated"),
        (b"\xff\xfe{}", "description"),
        (b"[" * 1000, "description"),
        (b"{}", "channels"),
        (b'{"channels": []}', "channels"),
        (described(name="u_l2"), "expected u_l1, got u_l2"),
        (described(unit="A"), "u_l1.unit: expected V, got A"),
        (described(gain=0.0), "u_l1.gain"),
        (described(gain="1"), "gain"),
        (described(gain=1e30), "u_l1.gain"),
        (described().replace(b"0.01", b"1e999"), "gain"),
        (described().replace(b"0.01", b"NaN"), "description"),
        (described(offset=-1e10), "u_l1.offset"),
        (described(delay_s=0.001), "u_l1.delay_s: expected 0, got 0.001"),
        (b" " * 1400, "at most 1348 bytes"),
    ],
)
def test_a_bad_description_is_one_line_that_names_the_key(json: bytes, names: str) -> None:
    with pytest.raises(FrameError) as caught:
        description.decode(json, ("u_l1",))
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)
