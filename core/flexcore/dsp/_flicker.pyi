import numpy as np
import numpy.typing as npt

from flexcore.dsp.arrays import Float32, Float64

def class_edges() -> Float64: ...

class Meter:
    def __init__(
        self,
        *,
        decimation: int,
        per_group: int,
        sections: Float64,
        smooth: tuple[float, float],
        window: Float64,
        floor_v: float,
        limit_v: float,
        quick: float,
        slow: float,
        skip: int,
        settle: int,
        patience: int,
    ) -> None: ...
    @property
    def position(self) -> int: ...
    @property
    def group(self) -> int: ...
    def restart(self, first_sample: int) -> None: ...
    def feed(self, data: Float32, origin: int, until: int) -> None: ...
    def latest(self) -> tuple[float | None, float | None, float | None]: ...
    def take(self) -> list[tuple[float, float, int]]: ...
    def counts(self) -> npt.NDArray[np.uint32]: ...
    def empty(self) -> None: ...
