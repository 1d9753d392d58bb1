"""The sample bus: blocks from one publisher to any number of subscribers, over ZeroMQ on a unix socket.

A message has three parts: the source's id (UTF-8), a header (msgpack) and the samples (float32, little
endian, channel after channel). The publisher never waits: a subscriber that falls further behind than
:func:`high_water_mark` says loses the newest ones, which it sees as a hole in ``sequence``.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import msgspec
import numpy as np
import zmq
from msgspec import Meta

from flexcore.errors import FlexcoreError
from flexcore.model import Block

#: What may wait at either end, per subscriber: some 8 s of a station of 13 elements.
QUEUE_BYTES = 32 * 1024 * 1024
#: What a message takes besides its samples: three ZeroMQ frames and a header.
MESSAGE_BYTES = 512
#: Messages that may wait however large they are: a round of a full station's blocks.
MIN_MESSAGES = 64
#: Longest message part accepted from the socket: 200 ms of 64 channels at 100 kHz.
MAX_PART_BYTES = 64 * 20_000 * 4
#: What fits into ``sockaddr_un``, less the end mark.
MAX_PATH_BYTES = 107

#: Spans of saturated samples that a block tells apart; of more, all between the first and the last are meant.
MAX_SPANS = 32

_Column = Annotated[int, Meta(ge=0, le=20_000)]

_FLOAT32 = np.dtype("<f4")


def high_water_mark(block_bytes: int) -> int:
    """Messages that may wait at either end of the bus when a block's samples take ``block_bytes``.

    ZeroMQ counts messages, memory counts bytes: blocks are from 120 bytes to 320 kB.
    """
    return max(MIN_MESSAGES, QUEUE_BYTES // (block_bytes + MESSAGE_BYTES))


#: For blocks as they usually are: 4 channels, 50 ms at 20 kHz.
HIGH_WATER_MARK = high_water_mark(4 * 1000 * 4)


class SampleBusError(FlexcoreError, OSError):
    """The sample bus' socket cannot be used; the message names it."""

    code = "sample_bus"


class _Header(msgspec.Struct, frozen=True, array_like=True):
    sequence: Annotated[int, Meta(ge=0)]
    start_ns: Annotated[int, Meta(ge=0)]
    rate_hz: Annotated[float, Meta(gt=0.0)]
    channels: Annotated[tuple[str, ...], Meta(min_length=1, max_length=64)]
    samples: Annotated[int, Meta(ge=1, le=20_000, description="samples per channel")]
    saturated: Annotated[tuple[tuple[_Column, _Column], ...], Meta(max_length=MAX_SPANS)] = ()


def encode_block(block: Block) -> tuple[bytes, bytes, memoryview]:
    """The three parts of a block's message; the last one is the block's own memory where it can be."""
    samples = np.ascontiguousarray(block.samples, dtype=_FLOAT32)
    spans = block.saturated
    if len(spans) > MAX_SPANS:
        spans = ((spans[0][0], spans[-1][1]),)
    header = _Header(block.sequence, block.start_ns, block.rate_hz, block.channels, samples.shape[1], spans)
    return block.source.encode(), _encoder.encode(header), samples.data


def decode_block(parts: list[bytes]) -> Block:
    """The block of a message; its samples are a read-only view on the last part.

    Raises:
        ValueError: the message is not a block.
    """
    if len(parts) != 3:
        raise ValueError(f"expected 3 parts, got {len(parts)}")
    source, raw, data = parts
    try:
        header = _decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(f"header: {error}") from error
    count = len(header.channels)
    if len(data) != count * header.samples * 4 or not math.isfinite(header.rate_hz):
        raise ValueError(f"expected {count} x {header.samples} samples, got {len(data)} bytes")
    edges = [edge for span in header.saturated for edge in span]
    if edges != sorted(set(edges)) or (edges and edges[-1] > header.samples):
        raise ValueError(f"header: saturated: expected spans in order and apart, got {header.saturated}")
    samples = np.frombuffer(data, dtype=_FLOAT32).reshape(count, header.samples)
    return Block(
        source.decode(),
        header.sequence,
        header.start_ns,
        header.rate_hz,
        header.channels,
        samples,
        header.saturated,
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Header)


class _Endpoint:
    """A socket on the bus, with a context of its own; closed at the end of a ``with``."""

    def __init__(self, path: Path, kind: int) -> None:
        if len(str(path).encode()) > MAX_PATH_BYTES:
            raise SampleBusError(f"{path}: expected a socket path of at most {MAX_PATH_BYTES} bytes")
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(kind)
        self._socket.linger = 0
        self.path = path

    @property
    def address(self) -> str:
        """The ZeroMQ address of the socket."""
        return f"ipc://{self.path}"

    def close(self) -> None:
        """Close the socket; what was not sent yet is dropped."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class BlockPublisher(_Endpoint):
    """The one sender on the bus. Its folder must exist or be creatable; the socket is 0660.

    ``waiting`` is how many messages may wait for a slow subscriber, see :func:`high_water_mark`.

    Raises:
        SampleBusError: the socket cannot be bound.
    """

    def __init__(self, socket_path: Path, waiting: int = HIGH_WATER_MARK) -> None:
        super().__init__(socket_path, zmq.PUB)
        self._socket.sndhwm = waiting
        try:
            socket_path.parent.mkdir(parents=True, exist_ok=True)
            self._socket.bind(self.address)
            socket_path.chmod(0o660)
        except (OSError, zmq.ZMQError) as error:
            self.close()
            raise SampleBusError(
                f"{socket_path}: expected a socket to bind: {error.strerror or error}"
            ) from error

    def publish(self, block: Block) -> None:
        """Send ``block`` to whoever listens; never blocks. The block may be reused afterwards."""
        self._socket.send_multipart(encode_block(block), copy=True)


class BlockSubscriber(_Endpoint):
    """A listener on the bus; the publisher may come later, go and come back.

    ``rejected`` counts messages that were not blocks; ``waiting`` is how many may wait to be received.
    """

    def __init__(self, socket_path: Path, waiting: int = HIGH_WATER_MARK) -> None:
        super().__init__(socket_path, zmq.SUB)
        self.rejected = 0
        self._socket.rcvhwm = waiting
        self._socket.maxmsgsize = MAX_PART_BYTES
        self._socket.reconnect_ivl = 50
        self._socket.reconnect_ivl_max = 500
        self._socket.subscribe(b"")
        self._socket.connect(self.address)

    def receive(self, timeout_s: float) -> Block | None:
        """The next block, or None when none came in time."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                left = end - time.monotonic()
                if left <= 0.0 or not self._socket.poll(math.ceil(left * 1000.0)):
                    return None
                continue
            try:
                return decode_block(parts)
            except ValueError:
                self.rejected += 1
