from collections.abc import Callable, Sequence

from flexcore.model import Samples, Span

REASONS: tuple[str, ...]
#: Stream, number of the first sample, samples (channels, n), and the spans of them that were saturated.
Received = tuple[int, int, Samples, tuple[Span, ...]]

class Receiver:
    def __init__(
        self,
        streams: Sequence[tuple[int, int]],
        n: int,
        rate_hz: int,
        describe: Callable[[int, bytes], tuple[Sequence[float], Sequence[float]] | None],
    ) -> None: ...
    def receive(self, fd: int, timeout_ms: int, gather_us: int) -> list[Received]: ...
    def feed(self, datagram: bytes | bytearray | memoryview) -> list[Received]: ...
    def counters(self) -> dict[str, int]: ...
    def stream_frames(self) -> list[int]: ...
    def stream_flags(self) -> list[tuple[int, int]]: ...
