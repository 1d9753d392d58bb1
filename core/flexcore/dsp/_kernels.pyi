from flexcore.dsp.arrays import Float32, Float64

def copy_finite(source: Float32, target: Float32, at: int) -> bool: ...
def rms(x: Float32, start: float, end: float) -> float: ...
def half_cycle_rms(data: Float32, halves: Float64) -> Float64: ...

class Follower:
    def __init__(
        self,
        *,
        rate_hz: int,
        nominal_hz: int,
        floor_v: float,
        step: int,
        table: Float64,
        taps: Float64,
        cycles: int,
        slew_hz_s: float,
        gate_hz: float,
        patience_s: float,
        clip_hz: float,
    ) -> None: ...
    @property
    def position(self) -> int: ...
    @property
    def base(self) -> int: ...
    @property
    def behind(self) -> int: ...
    def restart(self, first_sample: int) -> None: ...
    @property
    def open_windows(self) -> list[tuple[float, int, int]]: ...
    def feed(
        self, data: Float32, origin: int, until: int
    ) -> tuple[list[list[float]], list[list[float]], list[list[float]]]: ...
