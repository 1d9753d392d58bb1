"""What the tests compute by themselves, in plain NumPy and without any of the instrument's code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def weights(start: float, end: float) -> tuple[slice, Array]:
    """How much of each sample's own interval (half a sample to both sides) lies between two moments."""
    first, last = int(np.floor(start + 0.5)), int(np.floor(end + 0.5))
    w = np.ones(last - first + 1)
    w[0] -= start - (first - 0.5)
    w[-1] -= last + 0.5 - end
    return slice(first, last + 1), w / (end - start)


def window_rms(x: Array, start: float, end: float) -> float:
    where, w = weights(start, end)
    return float(np.sqrt((w * x[where] ** 2).sum()))


def fundamental(x: Array, start: float, end: float, cycles: int) -> complex:
    """RMS phasor of the component with ``cycles`` periods between two moments."""
    where, w = weights(start, end)
    angle = 2j * np.pi * cycles * (np.arange(where.start, where.stop) - start) / (end - start)
    return complex((w * x[where] * np.exp(-angle)).sum() * np.sqrt(2.0))


def powers(u: Array, i: Array, start: float, end: float, cycles: int) -> dict[str, float]:
    where, w = weights(start, end)
    p = float((w * u[where] * i[where]).sum())
    s = window_rms(u, start, end) * window_rms(i, start, end)
    product = fundamental(u, start, end, cycles) * np.conj(fundamental(i, start, end, cycles))
    return {"p": p, "q": product.imag, "s": s, "pf": p / s, "phi": float(np.degrees(np.angle(product)))}


def rotation(u: Array, rate_hz: float, nominal_hz: float = 50.0) -> Array:
    """Unwrapped turns of the positive sequence of three voltages, smoothed over three cycles (Hann)."""
    a = np.exp(2j * np.pi / 3)
    t = np.arange(u.shape[1]) / rate_hz
    space = (u[0] + a * u[1] + a * a * u[2]) * np.exp(-2j * np.pi * nominal_hz * t)
    window = np.hanning(int(3 * rate_hz / nominal_hz) + 3)[1:-1]
    n = 1 << int(np.ceil(np.log2(space.size + window.size)))
    smooth = np.fft.ifft(np.fft.fft(space, n) * np.fft.fft(window / window.sum(), n))
    smooth = smooth[window.size // 2 :][: space.size]
    return np.asarray(np.unwrap(np.angle(smooth)) / (2 * np.pi) + nominal_hz * t)


def cycle_rms(u: Array, rate_hz: float, every: int) -> tuple[Array, Array]:
    """RMS of each phase over one cycle, at every ``every``-th start.

    The length of the cycle is that of the rotation in the five cycles around it. Returns the starts in
    samples and (phases, n) values.
    """
    turns = rotation(u, rate_hz)
    margin = int(rate_hz / 25)  # the smoothing has nothing to smooth at the ends
    starts = np.arange(margin, u.shape[1] - 2 * margin, every).astype(np.float64)
    samples = np.arange(turns.size)
    middles = starts + 0.5 * rate_hz / 50.0
    reach = 2.5 * rate_hz / 50.0
    rotated = np.interp(middles + reach, samples, turns) - np.interp(middles - reach, samples, turns)
    length = 2.0 * reach / rotated
    total = np.concatenate((np.zeros((u.shape[0], 1)), np.cumsum(u**2, axis=1)), axis=1)
    edges = np.arange(total.shape[1]) - 0.5
    values = [
        np.sqrt((np.interp(starts + length, edges, row) - np.interp(starts, edges, row)) / length)
        for row in total
    ]
    return starts, np.array(values)


@dataclass(frozen=True)
class Found:
    """An event by the reference; samples, and None where the record ends before it does."""

    kind: str
    start: float
    end: float | None
    extreme_v: float


def polyphase(starts: Array, values: Array, udin_v: float) -> list[Found]:
    """Dips (90 %) and swells (110 %) with 2 % hysteresis by the polyphase rule."""
    found = []
    low, high = values.min(axis=0) / udin_v, values.max(axis=0) / udin_v
    for kind, begins, ends, worst in (
        ("dip", low < 0.90, low >= 0.92, low),
        ("swell", high > 1.10, high <= 1.08, high),
    ):
        at = 0
        while at < starts.size:
            if not begins[at]:
                at += 1
                continue
            stop = at
            while stop < starts.size and not ends[stop]:
                stop += 1
            span = worst[at:stop]
            extreme = span.min() if kind == "dip" else span.max()
            end = None if stop == starts.size else float(starts[stop])
            found.append(Found(kind, float(starts[at]), end, float(extreme * udin_v)))
            at = stop
    return sorted(found, key=lambda event: event.start)
