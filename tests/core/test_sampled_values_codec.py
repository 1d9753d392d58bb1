"""The bytes of sampled values: frames written by the standard's tags, and everything that is none."""

from __future__ import annotations

import random
import resource
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcore.drivers._sampled_values import REASONS, Receiver
from support.sampled import (
    DERIVED,
    FAILURE,
    INVALID,
    OLD_DATA,
    OVERFLOW,
    QUESTIONABLE,
    SUBSTITUTED,
    TEST,
    asdu,
    ethernet,
    frame,
    pdu,
    samples,
    tlv,
)

RATE = 4800
#: Currents (element 1) come first, then voltages (element 0).
COLUMNS = [
    (4, 0.01, 0),
    (5, 0.01, 0),
    (6, 0.01, 0),
    (0, 0.001, 1),
    (1, 0.001, 1),
    (2, 0.001, 1),
    (3, 0.001, 1),
]
ROW = [1000, -2000, 3000, 7, 100_000, -200_000, 2**31 - 1, -(2**31)]
WANTED = np.array([1000.0, -2000.0, (2**31 - 1) * 0.01, 1.0, -2.0, 3.0, 0.007], np.float64).astype(np.float32)


def receiver(*, revision: int | None = None, rate: int = RATE) -> Receiver:
    return Receiver([("MU01", 0x4000, revision, 8, COLUMNS)], rate, 50)


def drops(r: Receiver) -> dict[str, int]:
    return {k.removeprefix("dropped_"): n for k, n in r.counters().items() if k.startswith("dropped_") and n}


def test_a_9_2_le_frame_byte_by_byte() -> None:
    written = bytes.fromhex(
        "010ccd040001 020000000001"  # to, from
        "8100 8000 88ba"  # VLAN tag with priority 4, ethertype
        "4000 0066 0000 0000"  # APPID, length, reserved
        "60 5c 80 01 01 a2 57 30 55"  # savPdu, noASDU, seqASDU, ASDU
        "80 04 4d553031"  # svID
        "82 02 0007"  # smpCnt
        "83 04 00000001"  # confRev
        "85 01 02"  # smpSynch
        "87 40"  # 64 bytes of samples
        "000003e8 00000000 fffff830 00000000 00000bb8 00000000 00000007 00002000"
        "000186a0 00000000 fffcf2c0 00000000 7fffffff 00000000 80000000 00000000"
    )
    r = receiver()
    ((stream, first, frames, sync, told, arrival, values, flags),) = r.feed(written, 123)
    assert (stream, first, frames, sync, told, arrival, flags) == (0, 7, 1, 2, False, 123, None)
    assert values.shape == (7, 1)
    np.testing.assert_array_equal(values[:, 0], WANTED)
    by_tags = ethernet(pdu([asdu(7, samples(ROW, [0, 0, 0, DERIVED, 0, 0, 0, 0]))]), vlan=0)
    assert by_tags == written, "what the tests are written with is the same"


def test_61869_9_with_all_optional_fields_and_several_asdus() -> None:
    more = {
        "before": tlv(0x81, b"MU01MUnn/LLN0$DS1"),
        "middle": tlv(0x84, bytes(8)),
        "after": tlv(0x88, struct.pack("!H", 1)) + tlv(0x89, bytes(8)),
    }
    told = tlv(0x86, struct.pack("!H", RATE))
    asdus = [
        tlv(
            0x30,
            tlv(0x80, b"MU01")
            + more["before"]
            + tlv(0x82, struct.pack("!H", 4794 + n))
            + tlv(0x83, b"\0\0\0\1")
            + more["middle"]
            + tlv(0x85, b"\2")
            + told
            + tlv(0x87, samples(ROW))
            + more["after"],
        )
        for n in range(6)
    ]
    r = receiver()
    ((_, first, frames, sync, was_told, _, values, flags),) = r.feed(ethernet(pdu(asdus)), 1)
    assert (first, frames, sync, was_told, flags) == (4794, 1, 2, True, None)
    assert values.shape == (7, 6)


def test_samples_per_period_are_a_rate_too() -> None:
    def with_rate(rate: int, mode: bytes = b"") -> bytes:
        return ethernet(pdu([asdu(1, samples(ROW), after=tlv(0x86, struct.pack("!H", rate)) + mode)]))

    assert receiver(rate=4000).feed(with_rate(80), 1)[0][4]
    for wrong in (with_rate(256), with_rate(80, tlv(0x88, b"\0\1")), with_rate(1, tlv(0x88, b"\0\2"))):
        r = receiver(rate=4000)
        assert r.feed(wrong, 1) == []
        assert (drops(r), r.overruns()) == ({"rate": 1}, [1])


@pytest.mark.parametrize("length_bytes", [1, 2, 3, 4])
def test_lengths_in_the_long_form(length_bytes: int) -> None:
    data = tlv(0x87, samples(ROW), length_bytes)
    body = tlv(0x80, b"MU01", length_bytes) + tlv(0x82, b"\0\5") + tlv(0x83, b"\0\0\0\1") + tlv(0x85, b"\1")
    one = tlv(0x30, body + data, length_bytes)
    whole = tlv(0x60, tlv(0x80, b"\1", length_bytes) + tlv(0xA2, one, length_bytes), length_bytes)
    ((_, first, _, sync, _, _, values, _),) = receiver().feed(ethernet(whole), 1)
    assert (first, sync) == (5, 1)
    np.testing.assert_array_equal(values[:, 0], WANTED)


def test_padding_security_and_unknown_fields_are_passed_over() -> None:
    security = tlv(0x81, b"whatever")
    apdu = tlv(0x60, tlv(0x80, b"\1") + security + tlv(0xA2, asdu(3, samples(ROW), after=tlv(0x8A, b"new"))))
    assert len(receiver().feed(ethernet(apdu, padding=bytes(20)), 1)) == 1
    assert len(receiver().feed(ethernet(apdu + b"signature"), 1)) == 1


def test_runs_are_what_follows_within_a_second() -> None:
    r = receiver()
    frames = [frame(c, [ROW, ROW]) for c in (4796, 4798, 0, 2, 6, 8)]
    runs = r.feed_all([(f, 10 * n) for n, f in enumerate(frames)])
    assert [(run[1], run[6].shape[1], run[2], run[5]) for run in runs] == [
        (4796, 4, 2, 0),
        (0, 4, 2, 20),
        (6, 4, 2, 40),
    ]
    assert r.counters()["datagrams"] == 6
    assert [run[3] for run in r.feed_all([(frame(1, [ROW]), 0), (frame(2, [ROW], sync=0), 1)])] == [2, 0]
    long = r.feed_all([(frame(c, [ROW] * 8), 0) for c in range(0, 4800, 8)])
    assert [run[6].shape[1] for run in long] == [1024] * 4 + [4800 - 4096]


@pytest.mark.parametrize(
    ("quality", "flag"),
    [
        (INVALID, 1),
        (2, 1),  # reserved
        (QUESTIONABLE, 16),
        (OVERFLOW, 16),
        (8, 16),  # out of range
        (QUESTIONABLE | OVERFLOW, 16),
        (INVALID | OVERFLOW, 1),
        (FAILURE, 1),
        (OLD_DATA | QUESTIONABLE, 1),
        (SUBSTITUTED, 1),
        (TEST, 1),
    ],
)
def test_quality_marks_the_element_whose_channel_has_it(quality: int, flag: int) -> None:
    ((*_, flags),) = receiver().feed(frame(0, [ROW, ROW], [0, 0, 0, 0, quality, 0, 0, 0]), 1)
    assert flags is not None
    assert list(flags) == [flag, flag]
    ((*_, flags),) = receiver().feed(frame(0, [ROW], [quality, 0, 0, 0, 0, 0, 0, 0]), 1)
    assert flags is not None
    assert list(flags) == [flag << 1]
    ((*_, flags),) = receiver().feed(frame(0, [ROW], [0, 0, 0, 0, 0, 0, 0, quality]), 1)
    assert flags is None, "the neutral's voltage belongs to no element"


GOOD = ethernet(pdu([asdu(7, samples(ROW))]))
REFUSED = [
    ("oversized", GOOD + bytes(2048)),
    ("short", b""),
    ("short", GOOD[:20]),
    ("short", bytes(12) + b"\x81\x00" + bytes(10)),
    ("magic", GOOD.replace(b"\x88\xba", b"\x88\xb8", 1)),
    ("magic", GOOD[:12] + bytes.fromhex("8100000181000001 81000001") + GOOD[12:]),
    ("header", GOOD[:-1]),
    ("header", GOOD[:16] + b"\x00\x07" + GOOD[18:]),
    ("simulated", ethernet(pdu([asdu(7, samples(ROW))]), reserved=0x8000)),
    ("ber", ethernet(b"\x61" + pdu([asdu(7, samples(ROW))])[1:])),
    ("ber", ethernet(b"\x60\x80" + pdu([asdu(7, samples(ROW))])[2:])),
    ("ber", ethernet(b"\x60\x85\0\0\0\0\5" + bytes(20))),
    ("ber", ethernet(b"\x60\x84\xff\xff\xff\xff" + bytes(20))),
    ("ber", ethernet(tlv(0x60, tlv(0x80, b"\1") + b"\xa2\x7f" + asdu(7, samples(ROW))))),
    ("ber", ethernet(tlv(0x60, tlv(0x80, b"\1") + tlv(0xA2, b"\x31" + asdu(7, samples(ROW))[1:])))),
    ("ber", ethernet(tlv(0x60, tlv(0x80, b"\1") * 2 + tlv(0xA2, asdu(7, samples(ROW)))))),
    ("ber", ethernet(tlv(0x60, tlv(0x80, b"\1") + tlv(0xA2, tlv(0x30, b"\x1f\x81\x01\x00"))))),
    ("asdu", ethernet(tlv(0x60, tlv(0x80, b"\2") + tlv(0xA2, asdu(7, samples(ROW)))))),
    ("asdu", ethernet(tlv(0x60, tlv(0x80, b"\1") + tlv(0xA2, b"")))),
    ("asdu", ethernet(tlv(0x60, tlv(0x80, b"\1")))),
    ("asdu", ethernet(pdu([tlv(0x30, tlv(0x80, b"MU01") + tlv(0x82, b"\0\0"))]))),
    ("asdu", ethernet(pdu([asdu(7, samples(ROW), after=tlv(0x82, b"\0\0"))]))),
    ("asdu", ethernet(pdu([asdu(7, samples(ROW), after=tlv(0x86, b"\0"))]))),
    ("asdu", ethernet(pdu([asdu(7, samples(ROW), after=tlv(0x89, b"\0"))]))),
    ("asdu", ethernet(pdu([asdu(7, b"", sv_id=b"X")] * 65))),
    ("appid", ethernet(pdu([asdu(7, samples(ROW))]), appid=0x4001)),
    ("revision", ethernet(pdu([asdu(7, samples(ROW), revision=2)]))),
    ("channels", ethernet(pdu([asdu(7, samples(ROW[:7]))]))),
    ("rate", ethernet(pdu([asdu(4800, samples(ROW))]))),
]


@pytest.mark.parametrize(("reason", "bad"), REFUSED)
def test_every_refusal_is_counted_by_its_reason(reason: str, bad: bytes) -> None:
    r = receiver(revision=1)
    assert r.feed(bad, 1) == []
    assert drops(r) == {reason: 1}
    assert len(r.feed(GOOD, 1)) == 1


def test_every_reason_is_tried() -> None:
    assert {reason for reason, _ in REFUSED} == set(REASONS)


def test_a_frame_is_used_whole_or_not_at_all() -> None:
    r = receiver()
    assert r.feed(ethernet(pdu([asdu(7, samples(ROW)), asdu(8, samples(ROW[:3]))])), 1) == []
    assert drops(r) == {"channels": 1}


def test_others_on_the_same_bus_are_no_fault() -> None:
    r = receiver()
    for other in (b"MU02", b"MU0", b"MU011", b"", b"x" * 100):
        assert r.feed(ethernet(pdu([asdu(9, samples(ROW), sv_id=other)])), 1) == []
    assert drops(r) == {}
    assert r.counters()["foreign"] == 5


def test_settings_that_cannot_be() -> None:
    for streams, rate, nominal in (
        ([("", 1, None, 8, COLUMNS)], RATE, 50),
        ([("x" * 65, 1, None, 8, COLUMNS)], RATE, 50),
        ([("MU", 1, None, 8, [])], RATE, 50),
        ([("MU", 1, None, 8, [(8, 1.0, 0)])], RATE, 50),
        ([("MU", 1, None, 8, [(0, 1.0, 4)])], RATE, 50),
        ([], 0, 50),
        ([], RATE, 0),
    ):
        with pytest.raises(ValueError, match="expected"):
            Receiver(streams, rate, nominal)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.binary(max_size=1600), max_size=10))
def test_fuzz_any_bytes(frames: list[bytes]) -> None:
    r = receiver()
    for raw in (*frames, *(GOOD[:22] + f for f in frames), *(GOOD[:14] + f for f in frames)):
        for run in r.feed(raw, 1):
            assert run[6].shape[0] == 7
    counters = r.counters()
    assert counters["datagrams"] == 3 * len(frames)


def test_fuzz_three_hundred_thousand_mutations() -> None:
    rng = random.Random(4)
    seeds = [
        GOOD,
        ethernet(pdu([asdu(7, samples(ROW)), asdu(8, samples(ROW))]), vlan=5),
        ethernet(pdu([asdu(n, samples(ROW), after=tlv(0x86, b"\x12\xc0")) for n in range(6)])),
    ]
    r = receiver()
    used = 0
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    for n in range(300_000):
        f = bytearray(seeds[n % 3])
        for _ in range(1 + n % 4):
            # mostly where lengths and tags are
            f[rng.randrange(12, 60) if n % 5 else rng.randrange(len(f))] = rng.randrange(256)
        if n % 11 == 0:
            del f[rng.randrange(len(f)) :]
        used += bool(r.feed(f, n))
    assert time.monotonic() - started < 20.0
    counters = r.counters()
    assert used + counters["foreign"] + sum(drops(r).values()) == counters["datagrams"] == 300_000
    assert used > 10_000
    assert set(drops(r)) >= {
        "short",
        "magic",
        "header",
        "ber",
        "asdu",
        "appid",
        "channels",
        "rate",
        "simulated",
    }
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 20_000, "kB"
