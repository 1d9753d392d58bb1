"""Payloads and topics of the measurement bus: what goes in comes out; what is foreign is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcore import payloads, topics
from flexcore.loading.payload import decode_load
from flexcore.model import Event, Measurement, event_id

times = st.integers(min_value=0, max_value=4_000_000_000_000_000).map(lambda us: us * 1000)


@given(times)
def test_time_survives_to_the_microsecond(time_ns: int) -> None:
    assert payloads.from_iso(payloads.iso(time_ns)) == time_ns


@given(
    times, st.dictionaries(st.text(max_size=8), st.none() | st.floats(allow_nan=False, allow_infinity=False))
)
def test_a_measurement_survives(start_ns: int, values: dict[str, float | None]) -> None:
    m = Measurement("bb1", "200ms", start_ns, 200_000_000, values, ("gap", "dip"))
    assert payloads.decode_measurement("bb1", "200ms", payloads.encode_measurement(m)) == m


@pytest.mark.parametrize("duration_ns", [None, 100_500_000])
def test_an_event_survives(duration_ns: int | None) -> None:
    start = 1_700_000_000_000_001_000
    e = Event(
        event_id("dip", "bb1", start),
        "dip",
        "bb1",
        "end",
        start,
        duration_ns,
        812.5,
        5773.5,
        ("l1",),
        ("gap",),
    )
    assert payloads.decode_event(payloads.encode_event(e)) == e


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b"\xff", b'{"t":"x","dt":1,"v":{}}', b'{"t":1}', b"1" * 5000, b'{"x":' * 5000]
)
def test_foreign_bytes_are_refused(raw: bytes) -> None:
    for decode in (
        lambda b: payloads.decode_measurement("e", "3s", b),
        payloads.decode_event,
        payloads.decode_health,
        payloads.decode_meta,
        payloads.decode_reading,
        decode_load,
    ):
        with pytest.raises(payloads.PayloadError):
            decode(raw)


def test_not_a_number_goes_out_as_null() -> None:
    m = Measurement("bb1", "3s", 0, 3_000_000_000, {"f_hz": float("nan")})
    assert payloads.decode_measurement("bb1", "3s", payloads.encode_measurement(m)).values == {"f_hz": None}


def test_topics_come_apart_as_they_were_made() -> None:
    assert topics.parts(topics.measurement("s", "3s", "bb1")) == ("pq", "3s", "bb1")
    assert topics.parts(topics.health("s", "acquire")) == ("health", "acquire")
    assert topics.parts("other/v1/s/meta") == ()
