"""The table of decoders. One more is one more entry."""

from __future__ import annotations

import io
import os
import zlib
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random

import numpy as np

from flexcore.clock.chrony import parse_tracking
from flexcore.desk.fuzz import talkers
from flexcore.desk.fuzz.mutation import TEXT
from flexcore.desk.fuzz.target import Feed, Target
from flexcore.drivers import description, frame
from flexcore.drivers._atolle import Receiver
from flexcore.drivers.description import ChannelDescription, Description
from flexcore.drivers.modbus.profile import parse_profile
from flexcore.drivers.sampled_values import SampledValuesSource
from flexcore.errors import SettingsError
from flexcore.limits.files import parse_limit_set
from flexcore.load.reading import parse_component
from flexcore.loading.payload import decode_load
from flexcore.model import Event, EventOrigin, Measurement
from flexcore.payloads import (
    Alarm,
    HealthPayload,
    ReadingPayload,
    decode_event,
    decode_health,
    decode_measurement,
    decode_meta,
    decode_reading,
    encode,
    encode_event,
    encode_measurement,
)
from flexcore.recordings import read_recording
from flexcore.simulator import files
from flexcore.simulator.merging_unit import MergingUnits
from flexcore.simulator.samples import Chunk
from flexcore.station import parse_station

_RATE, _N, _STREAM = 20_000, 400, 7
_NAMES = ("u_l1", "u_l2", "u_l3")
_AT = 1_795_000_000 * _RATE


# --- sample frames ---------------------------------------------------------------------------------


def _description() -> bytes:
    return description.encode(Description(tuple(ChannelDescription(name, "V", 0.01) for name in _NAMES)))


def _samples(n: int, form: int) -> bytes:
    width = frame.SAMPLE_BYTES[form]
    return frame.encode(
        bytes(3 * 100 * width),
        kind=frame.KIND_SAMPLES,
        stream=_STREAM,
        sequence=n,
        sample_index=_AT + n * 100,
        t0_ns=1_795_000_000 * 10**9 + n * 5_000_000,
        rate_numerator=_RATE,
        rate_denominator=1,
        channels=3,
        format=form,
        count=100,
        config_hash=zlib.crc32(_description()),
        flags=frame.FLAG_TIME_SYNC,
    )


def _frames() -> list[bytes]:
    forms = (frame.FORMAT_INT24, frame.FORMAT_INT32)
    samples = [_samples(n, form) for form in forms for n in range(8)]
    return [frame.encode_description(_STREAM, _description()), *samples]


def _receive() -> Feed:
    def describe(_position: int, json: bytes) -> tuple[list[float], list[float]] | None:
        try:
            known = description.decode(json, _NAMES)
        except ValueError:
            return None
        return [c.gain for c in known.channels], [c.offset for c in known.channels]

    receiver = Receiver([(_STREAM, 3), (99, 4)], _N, _RATE, describe)
    for good in _frames()[:3]:
        receiver.feed(good)

    def take(data: bytes) -> None:
        for _, _, samples, _ in receiver.feed(data):
            # What comes out is what the instrument works with.
            if not np.isfinite(samples).all():
                raise AssertionError("a published sample is not a number")

    return take


def _sealed(data: bytes, random: Random) -> bytes:
    """Most lies have a checksum that fits."""
    if random.random() < 0.2 or len(data) < frame.HEADER_BYTES:
        return data
    head = bytearray(data[: frame.HEADER_BYTES])
    frame.seal(head, data[frame.HEADER_BYTES :])
    return bytes(head) + data[frame.HEADER_BYTES :]


# --- sampled values --------------------------------------------------------------------------------

_MERGING = """
[station]
id = "s"
name = "S"
[acquire]
rate_hz = 4800
[[busbar]]
id = "b1"
name = "B"
nominal_v = 10000
sensor = { driver = "sampled_values", interface = "eth1", sv_id = "MU01" }
[[field]]
id = "f1"
name = "F"
busbar = "b1"
neutral = true
sensor = { driver = "sampled_values", interface = "eth1", sv_id = "MU01" }
"""


@cache
def _sampled() -> tuple[bytes, ...]:
    """Frames of a merging unit in both forms, some milliseconds of them."""
    made: list[bytes] = []
    for form, rate in (("61869-9", 4800), ("9-2LE", 4000)):
        of = parse_station(_MERGING.replace("4800", str(rate)))
        channels = sum(len(element.channels) for element in of.elements)
        chunk = Chunk(1_795_000_000 * rate, np.full((channels, rate // 20), 100.0, np.float32))
        made += [bytes(frame) for _, frame in MergingUnits(of, form).on("eth1").encode(chunk)[:12]]
    return tuple(made)


def _merge() -> Feed:
    source = SampledValuesSource(parse_station(_MERGING))
    # The source holds nothing open: frames are fed, as if they came one after the other.
    source.feed([(data, 1_795_000_000 * 10**9 + n * 208_000) for n, data in enumerate(_sampled())])
    at = 1_795_000_000 * 10**9

    def take(data: bytes) -> None:
        nonlocal at
        at += 208_333
        for block in source.feed([(data, at)]):
            if not np.isfinite(block.samples).all():
                raise AssertionError("a published sample is not a number")

    return take


# --- messages --------------------------------------------------------------------------------------


def _payloads() -> list[bytes]:
    start = 1_795_000_000 * 10**9
    event = Event(
        id="dip-b1-1",
        type="dip",
        element="b1",
        state="end",
        start_ns=start,
        duration_ns=10**8,
        extreme_v=5000.0,
        reference_v=5773.0,
        phases=("l1",),
        origin=EventOrigin("field", "f1", 0.9, ()),
    )
    values: dict[str, float | None] = {"u_l1_v": 230.1, "f_hz": 50.0, "u_l2_v": None}
    spectra: dict[str, tuple[float, ...]] = {"u_h_l1_v": (1.0, 2.0)}
    measurement = Measurement("b1", "200ms", start, 200_000_000, values, ("gap",), 0.5, spectra)
    then = "2026-01-01T00:00:00Z"
    health = HealthPayload(then, "ok", "0.1", (Alarm("x", then, "y"),), {"n": 1})
    reading = ReadingPayload("m1", "ok", then, None, {"u_v": 1.0})
    return [encode_event(event), encode_measurement(measurement), encode(health), encode(reading)]


def _decode_payloads() -> Feed:
    from flexcore.payloads import PayloadError

    def decode(data: bytes) -> None:
        for one in (decode_event, decode_health, decode_meta, decode_reading, decode_load, _measurement):
            try:
                one(data)
            except PayloadError:
                continue

    return decode


def _measurement(data: bytes) -> None:
    decode_measurement("b1", "200ms", data)


# --- files -----------------------------------------------------------------------------------------


def _text(parse: object) -> Feed:
    assert callable(parse)  # noqa: S101 - for the type checker

    def feed(data: bytes) -> None:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise SettingsError("expected UTF-8") from None  # as the readers of files say it
        parse(text)

    return feed


def _shipped(package: str, folder: str) -> list[bytes]:
    found = resources.files(package) / folder
    return [file.read_bytes() for file in found.iterdir() if file.name.endswith(".toml")]


_DEVICES = b"""
[[meter]]
id = "m1"
name = "M"
profile = "satec-pm180"
address = "192.168.1.9"
scales = { volt = 1.5 }

[[device]]
id = "d1"
name = "D"
driver = "ina226"
i2c = 1
options = { shunt_ohm = 0.01, address = 64 }
about = "bb1"
alarm = "fire"

[[device]]
id = "d2"
name = "E"
driver = "contact"
pin = "gpiochip0:17"
"""


def _stations() -> list[bytes]:
    shipped = [files.find("stations", name).read_bytes() for name in files.shipped("stations")]
    return [*shipped, *(text[:1500] for text in shipped), shipped[0] + _DEVICES, shipped[-1] + _DEVICES]


_CFF = """--- file type: CFG ---
Station,relay,2013
4,3A,1D
1,UA,A,,V,0.01,0,0,-32767,32767,1,1,P
2,UB,B,,V,0.01,0,0,-32767,32767,1,1,P
3,UC,C,,V,0.01,0,0,-32767,32767,1,1,P
1,D1,,,0
50
1
4000,{count}
22/08/2016,16:04:22.000000
22/08/2016,16:04:22.000000
ASCII
1
0,0
0,0
--- file type: INF ---

--- file type: HDR ---
free
--- file type: DAT ASCII ---
{rows}"""


@cache
def _recordings() -> tuple[bytes, ...]:
    t = np.arange(60) / 4000.0
    u = np.stack([32000 * np.sin(2 * np.pi * (50 * t - n / 3)) for n in range(3)])
    rows = "".join(
        f"{n + 1},{n * 250},{int(u[0, n])},{int(u[1, n])},{int(u[2, n])},0\r\n" for n in range(t.size)
    )
    cff = _CFF.format(count=t.size, rows=rows).replace("\n", "\r\n").replace("\r\r", "\r")
    csv = "t (s);U1 (V);U2 (V)\n" + "".join(
        f"{x:.6f};{a:.2f};{b:.2f}\n" for x, a, b in zip(t, u[0], u[1], strict=True)
    )
    archive = io.BytesIO()
    np.savez(archive, u_l1=u[0], u_l2=u[1], rate_hz=np.float64(4000.0))
    return cff.encode(), csv.encode(), archive.getvalue()


def _read_as(suffix: str) -> Feed:
    # In memory: a file per input on a disk would be the disk's test.
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")  # noqa: S108
    file = folder / f"flexcore-fuzz-{os.getpid()}{suffix}"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        try:
            read_recording(file)
        finally:
            file.unlink()

    return read


_NUMBERS = b"1795000000.123,0.000001,0.000002,0.000003,1.5,0.001,0.02,0.003,0.004,64.2"
_TRACKING = (
    b"C0A80101,192.168.1.1,3," + _NUMBERS + b",Normal\n",
    b"7F7F0101,,10," + _NUMBERS + b",Not synchronised\n",
)


@cache
def targets() -> tuple[Target, ...]:
    """All of them, fastest first."""
    cff, csv, npz = _recordings()
    profiles = _shipped("flexcore.drivers.modbus", "profiles")
    limits, components = _shipped("flexcore.limits", "sets"), _shipped("flexcore.load", "examples")
    return (
        Target("frames", _frames(), _receive, 45.0, finish=_sealed),
        Target("sampled-values", _sampled(), _merge, 12.0),
        Target("description", [_description()], lambda: _describe, 5.0, TEXT),
        Target("modbus-tcp", talkers.tcp_answers(), talkers.take_tcp, 14.0),
        Target("modbus-rtu", talkers.rtu_answers(), talkers.take_rtu, 9.0, finish=talkers.with_crc),
        Target("modbus-meter", talkers.registers(), talkers.read_meter, 2.0),
        Target("rn2483", talkers.RN2483_LINES, talkers.rn2483, 2.5, TEXT, (OSError, ValueError)),
        Target("lora-e5", talkers.LORA_E5_LINES, talkers.lora_e5, 2.5, TEXT, (OSError, ValueError)),
        Target("nut", talkers.NUT_LISTS, talkers.nut, 2.0, TEXT, (OSError, ValueError)),
        Target("payloads", _payloads(), _decode_payloads, 10.0, TEXT),
        Target("chrony", _TRACKING, lambda: _chrony, 5.0, TEXT),
        Target("station", _stations(), lambda: _text(parse_station), 0.5, TEXT),
        Target("profile", profiles, lambda: _text(lambda text: parse_profile(text, "p.toml")), 0.3, TEXT),
        Target("limits", limits, lambda: _text(parse_limit_set), 0.3, TEXT),
        Target("component", components, lambda: _text(parse_component), 0.7, TEXT),
        Target("comtrade", (cff,), lambda: _read_as(".cff"), 0.5, TEXT),
        Target("csv", (csv,), lambda: _read_as(".csv"), 0.5, TEXT),
        Target("npz", (npz,), lambda: _read_as(".npz"), 0.5),
    )


def _describe(data: bytes) -> None:
    description.decode(data, _NAMES)


def _chrony(data: bytes) -> None:
    parse_tracking(data.decode("ascii", "replace"), 1_795_000_100.0)


def find(name: str) -> Target:
    """The target of that name; raises SettingsError."""
    for target in targets():
        if target.name == name:
            return target
    raise SettingsError(f"fuzz: target {name!r}: expected one of {', '.join(t.name for t in targets())}")
