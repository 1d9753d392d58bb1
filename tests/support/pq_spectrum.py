"""The slow twin of ``flexcore.dsp._spectrum``: the same grid in float64, plain NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from support.pq_twins import integral

Array = npt.NDArray[np.float64]


def phasors(x: Array, start: float, end: float, *, points: int, taps: int, beta: float, last: int) -> Array:
    """Complex RMS phasors of the bins 0..last of the window, on the grid, the kernel's response undone."""
    step = (end - start) / points
    at = start + (np.arange(points) + 0.5) * step
    whole = np.floor(at).astype(int)
    offsets = np.arange(1 - taps // 2, taps // 2 + 1)
    distance = (at - whole)[:, None] - offsets
    weights = np.i0(beta * np.sqrt(np.maximum(1.0 - (distance / (taps / 2)) ** 2, 0.0)))
    weights *= np.abs(distance) < taps / 2
    weights /= weights.sum(axis=1, keepdims=True)
    values = (weights * x[whole[:, None] + offsets]).sum(axis=1)
    z = np.sqrt((beta**2 - (np.pi * taps * np.arange(last + 1) / (end - start)) ** 2).astype(complex))
    response = np.real(np.sinh(z) / z) / (np.sinh(beta) / beta)
    found = np.fft.rfft(values)[: last + 1] / points / response
    return np.concatenate((found[:1], np.sqrt(2.0) * found[1:]))


def orders(bins: Array, cycles: int, highest: int) -> dict[str, Array]:
    """Squares by order: IEC 61000-4-7, 3.2.3, 3.2.4, 3.4.3 and 3.4.4, written out."""
    power = np.abs(bins) ** 2
    half = cycles // 2
    k = cycles * np.arange(1, highest + 1)
    found = {"h": [power[0]], "hg": [power[0]], "ih": [], "ihg": []}
    for bin_ in k:
        found["h"].append(power[bin_ - 1 : bin_ + 2].sum())
        inner = power[bin_ - half + 1 : bin_ + half].sum()
        found["hg"].append(inner + 0.5 * power[bin_ - half] + 0.5 * power[bin_ + half])
    for bin_ in cycles * np.arange(highest):
        found["ih"].append(power[bin_ + 2 : bin_ + cycles - 1].sum())
        found["ihg"].append(power[bin_ + 1 : bin_ + cycles].sum())
    return {name: np.array(values) for name, values in found.items()}


def mean(x: Array, y: Array, start: float, end: float) -> float:
    """Mean of the product over the window."""
    return integral(x.astype(float) * y.astype(float), start, end) / (end - start)
