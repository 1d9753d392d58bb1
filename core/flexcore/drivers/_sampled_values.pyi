from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from flexcore.model import Samples

REASONS: tuple[str, ...]
#: Number on the wire, gain, element.
Column = tuple[int, float, int]
#: svID, APPID, confRev, channels on the wire, columns.
StreamSettings = tuple[str, int, int | None, int, Sequence[Column]]
#: Stream, smpCnt, frames, smpSynch, rate told, arrival in ns, samples (columns, n), flags (n).
Run = tuple[int, int, int, int, bool, int, Samples, npt.NDArray[np.uint8] | None]

class Receiver:
    def __init__(self, streams: Sequence[StreamSettings], rate_hz: int, nominal_hz: int) -> None: ...
    def receive(self, fd: int, timeout_ms: int, gather_us: int) -> list[Run]: ...
    def feed(self, frame: bytes | bytearray | memoryview, arrival_ns: int) -> list[Run]: ...
    def feed_all(self, frames: Iterable[tuple[bytes | bytearray | memoryview, int]]) -> list[Run]: ...
    def counters(self) -> dict[str, int]: ...
    def overruns(self) -> list[int]: ...
