"""What a stream says about itself: JSON from the network, so typed, bounded and checked before use."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flexcore.drivers.frame import HEADER_BYTES, MAX_DATAGRAM_BYTES
from flexcore.errors import FrameError

MAX_CHANNELS = 16
MAX_JSON_BYTES = MAX_DATAGRAM_BYTES - HEADER_BYTES

_Text = Annotated[str, Meta(max_length=80)]
_UNITS = {"u": "V", "i": "A"}
#: Gains beyond this are no sensor's, and would leave the range of float32.
_MAX_MAGNITUDE = 1e9
_MIN_GAIN = 1e-15


class ChannelDescription(msgspec.Struct, frozen=True):
    """One channel: value = gain * integer + offset, in ``unit``, primary side.

    ``delay_s`` is how much later than the frame says the channel was sampled. Its correction does not
    exist yet: a description with a delay is refused rather than measured with a wrong phase angle.
    """

    name: Annotated[str, Meta(max_length=16)]
    unit: Literal["V", "A"]
    gain: float
    offset: float = 0.0
    delay_s: float = 0.0


class Description(msgspec.Struct, frozen=True):
    """The description of one stream; ``field`` is the sensor's own name for what it measures."""

    channels: Annotated[tuple[ChannelDescription, ...], Meta(min_length=1, max_length=MAX_CHANNELS)]
    field: _Text = ""
    sensor: _Text = ""
    serial: _Text = ""


_decoder = msgspec.json.Decoder(Description)
_encoder = msgspec.json.Encoder()


def encode(description: Description) -> bytes:
    """The JSON of a description."""
    return _encoder.encode(description)


def decode(json: bytes, expected: tuple[str, ...]) -> Description:
    """The description in ``json`` for an element whose channels are ``expected``.

    Raises:
        FrameError: ``reason`` description; the message names the key.
    """
    if len(json) > MAX_JSON_BYTES:
        raise FrameError(f"description: expected at most {MAX_JSON_BYTES} bytes, got {len(json)}")
    try:
        description = _decoder.decode(json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"description: {error}") from error
    names = tuple(c.name for c in description.channels)
    if names != expected:
        raise FrameError(f"description: channels: expected {', '.join(expected)}, got {', '.join(names)}")
    for c in description.channels:
        _check(c)
    return description


def _check(c: ChannelDescription) -> None:
    if c.unit != _UNITS.get(c.name[:1]):
        raise FrameError(f"description: {c.name}.unit: expected {_UNITS.get(c.name[:1])}, got {c.unit}")
    if not (math.isfinite(c.gain) and _MIN_GAIN <= abs(c.gain) <= _MAX_MAGNITUDE):
        raise FrameError(f"description: {c.name}.gain: expected a finite number but 0, got {c.gain}")
    if not (math.isfinite(c.offset) and abs(c.offset) <= _MAX_MAGNITUDE):
        raise FrameError(f"description: {c.name}.offset: expected a finite number, got {c.offset}")
    if c.delay_s != 0.0:
        raise FrameError(f"description: {c.name}.delay_s: expected 0, got {c.delay_s}")
