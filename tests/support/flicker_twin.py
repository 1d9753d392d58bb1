"""Slow twin of the flickermeter: SciPy's filters over the whole of a run, no groups in flight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.signal as ss

Array = npt.NDArray[np.float64]

#: k and l, w1, w2, w3, w4 over 2 pi; the sine at 8.8 Hz, peak to peak, that is just perceived.
LAMPS = {
    "230v": (1.74802, (4.05981, 9.15494, 2.27979, 1.22535, 21.9), 0.0025),
    "120v": (1.6357, (4.167375, 9.077169, 2.939902, 1.394468, 17.31512), 0.00321),
}
CUT_HZ = {50: 35.0, 60: 42.0}
Zpk = tuple[Array, Array, float]


def weighting(lamp: str) -> Zpk:
    """Zeros, poles and gain of the lamp and the eye."""
    k, corners, _ = LAMPS[lamp]
    l, w1, w2, w3, w4 = 2 * np.pi * np.array(corners)  # noqa: E741
    poles = np.concatenate((np.roots([1, 2 * l, w1**2]), [-w3, -w4]))
    return np.array([0.0, -w2]), poles, k * w1 * w3 * w4 / w2


def analogue(lamp: str, nominal_hz: int, hz: Array | float) -> Array:
    """Magnitude of block 3 as the standard defines it."""
    at = 2 * np.pi * np.atleast_1d(np.asarray(hz, float))
    low = ss.butter(6, 2 * np.pi * CUT_HZ[nominal_hz], analog=True, output="zpk")
    high = ss.butter(1, 2 * np.pi * 0.05, "high", analog=True, output="zpk")
    parts = [ss.freqs_zpk(*zpk, worN=at)[1] for zpk in (low, high, weighting(lamp))]
    return np.abs(np.prod(parts, axis=0))


def scale(lamp: str, nominal_hz: int) -> float:
    """From the smoothed square to Pinst: a sine's ripple at 17.6 Hz is part of its maximum."""
    squared = (LAMPS[lamp][2] * analogue(lamp, nominal_hz, 8.8)[0]) ** 2 / 2
    ripple = abs(1 / (1 + 2j * np.pi * 17.6 * 0.3))
    return float(1 / (squared * (1 + ripple)))


def decimated(u: Array, decimation: int) -> Array:
    """The square under a triangle of two blocks, once per block; the first block lacks its past."""
    triangle = np.convolve(np.ones(decimation), np.ones(decimation)) / decimation**2
    squared = np.concatenate((np.zeros(decimation), u.astype(float) ** 2))
    smooth = np.convolve(squared, triangle)
    return smooth[2 * decimation - 2 :: decimation][: u.size // decimation]


def sections(lamp: str, nominal_hz: int, fs: float, decimation: int) -> Array:
    """Second-order sections with the gain of the analogue filter, and of the square's droop, at 25 Hz."""
    cut = CUT_HZ[nominal_hz]
    z, p, k = ss.butter(6, cut, fs=fs, output="zpk")
    z, k = z[2:], k * 4
    zw, pw, kw = ss.bilinear_zpk(*weighting(lamp), fs)
    zh, ph, kh = ss.butter(1, 0.05, "high", fs=fs, output="zpk")
    # SciPy warps the high-pass filter so that 0.05 Hz stays; the difference is below 1e-8
    z, p, k = np.concatenate((z, zw, zh)), np.concatenate((p, pw, ph)), k * kw * kh
    turn = 2 * np.pi * 25.0 / fs
    droop = (np.sin(turn / 2) / (decimation * np.sin(turn / 2 / decimation))) ** 2
    gain = abs(ss.freqz_zpk(z, p, k, worN=[turn])[1][0]) * droop
    c = (analogue(lamp, nominal_hz, 25.0)[0] / gain - 1) / (2 - 2 * np.cos(turn))
    z = np.concatenate((z, np.roots([-c, 1 + 2 * c, -c])))
    return ss.zpk2sos(z, p, -c * k)


def pinst(
    u: Array, rate_hz: int, nominal_hz: int, lamp: str, decimation: int, per_group: int
) -> tuple[int, Array]:
    """Pinst of one lasting voltage, and from which of its samples on, at the decimated rate."""
    fs = rate_hz / decimation
    group_hz = fs / per_group
    x = decimated(u, decimation)
    x = x[: x.size // per_group * per_group]
    means = x.reshape(-1, per_group).mean(axis=1)
    quick = 1 - np.exp(-1 / (group_hz * 0.05))
    rms = np.sqrt(ss.lfilter([quick], [1, quick - 1], means))
    estimate = round(0.2 * group_hz)
    size = estimate * per_group
    hann = ss.windows.hann(2 * size + 1)[1::2]
    begin = 2 * estimate - 1  # the group in which the second window ends
    mean2 = float(hann @ x[size : 2 * size] / hann.sum())
    reference = np.full(means.size, np.sqrt(mean2))
    slow = 1 - np.exp(-1 / (group_hz * 27.3))
    for n in range(begin + 1, means.size):
        pull = max(slow, 1 / (estimate + n - begin - 1))
        reference[n] = reference[n - 1] + pull * (rms[n] - reference[n - 1])
    relative = x / np.repeat(reference, per_group) ** 2 - 1
    y = ss.sosfilt(sections(lamp, nominal_hz, fs, decimation), relative[begin * per_group :])
    squared = y * y * scale(lamp, nominal_hz)
    squared_before = np.concatenate(([0.0], squared[:-1]))
    k = 2 * fs * 0.3
    skip = (round(group_hz) + 1) * per_group
    start = begin * per_group + skip
    p = ss.lfilter([1 / (1 + k)], [1, (1 - k) / (1 + k)], (squared + squared_before)[skip:])
    return start, p


def pst(values: Array) -> float:
    """Pst of all values of Pinst, by exact percentiles."""

    def exceeded(*percentages: float) -> float:
        return float(np.mean(np.percentile(values, 100 - np.array(percentages))))

    return float(
        np.sqrt(
            0.0314 * exceeded(0.1)
            + 0.0525 * exceeded(0.7, 1, 1.5)
            + 0.0657 * exceeded(2.2, 3, 4)
            + 0.28 * exceeded(6, 8, 10, 13, 17)
            + 0.08 * exceeded(30, 50, 80)
        )
    )
