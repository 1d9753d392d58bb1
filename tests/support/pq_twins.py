"""Slow twins of the kernels in ``flexcore.dsp._kernels``, in plain NumPy and Python."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def end_weights(d: float) -> Array:
    """What the samples -1, 0, 1, 2 must weigh beside 1 for every sample from 0 on, so that the sum is the
    integral from ``d`` on, for any cubic: found by solving for the four monomials, not by a formula."""
    at = np.array([-1.0, 0.0, 1.0, 2.0])
    # the sum over n >= 0 less the integral over t >= d of t^k (zeta-regularised): Euler-Maclaurin at zero
    tail = np.array([-1 / 2, 1 / 12, 0.0, -1 / 120])
    wanted = [tail[k] - d ** (k + 1) / (k + 1) for k in range(4)]
    return np.linalg.solve(np.array([at**k for k in range(4)]), wanted)


def integral(x: Array, start: float, end: float) -> float:
    """Integral of ``x`` (sampled at whole numbers) between two moments, exact for cubics."""

    def tail(edge: float) -> tuple[int, float]:
        whole = int(np.floor(edge))
        return whole, float(end_weights(edge - whole) @ x[whole - 1 : whole + 3])

    (a, at_start), (b, at_end) = tail(start), tail(end)
    return float(x[a:b].sum()) + at_start - at_end


def rms(x: Array, start: float, end: float) -> float:
    return float(np.sqrt(max(integral(x.astype(float) ** 2, start, end), 0.0) / (end - start)))


def wrap(turns: Array | float) -> Array | float:
    return turns - np.floor(turns + 0.5)


class Follower:
    """The whole of a run at once: as ``_kernels.Follower`` does it sample by sample."""

    def __init__(
        self, *, rate_hz: int, nominal_hz: int, floor_v: float, step: int, table: Array, taps: Array,
        cycles: int, slew_hz_s: float, gate_hz: float, patience_s: float, clip_hz: float,
    ) -> None:  # fmt: skip
        self.rate, self.nominal, self.step, self.taps, self.cycles = rate_hz, nominal_hz, step, taps, cycles
        self.fs = rate_hz / step
        self.floor2 = 3 * floor_v**2
        self.slew, self.gate, self.patience = slew_hz_s / self.fs, gate_hz, int(patience_s * self.fs)
        self.clip = (nominal_hz - clip_hz) / self.fs, (nominal_hz + clip_hz) / self.fs
        self.reach = int(0.5 * self.fs / nominal_hz + 0.5)
        self.half = (taps.size - 1) // 2

    def follow(self, data: Array, first: int) -> tuple[list[list[float]], list[list[float]]]:
        step, fs, f0, reach = self.step, self.fs, self.nominal, self.reach
        n = np.arange(data.shape[1])
        nominal = np.exp(-2j * np.pi * ((f0 * (first + n)) % self.rate) / self.rate)
        count = data.shape[1] // step
        raw = (data * nominal)[:, : count * step].reshape(3, count, step).sum(axis=2)
        z = np.full((3, count), np.nan, complex)
        z[:, self.half : count - self.half] = [np.convolve(row, self.taps, "valid") for row in raw]
        start, stop = self.half + reach, count - self.half - reach
        power = (np.abs(z) ** 2).sum(axis=0)
        dead = power < self.floor2
        carrier = (f0 * (2 * (first + np.arange(count) * step) + step - 1) % (2 * self.rate)) / (
            2 * self.rate
        )
        own = carrier + np.angle(z) / (2 * np.pi) + 0.25
        alive = 3 * np.abs(z) ** 2 >= self.floor2
        momentary = np.full(count, np.nan)
        turned = (z[:, start + reach : stop + reach] * z[:, start - reach : stop - reach].conj()).sum(axis=0)
        momentary[start:stop] = f0 + np.angle(turned) / (2 * np.pi) * fs / (2 * reach)
        theta = np.full((4, count), np.nan)
        f = np.full(count, np.nan)
        for c in range(3):
            angle = own[c, start] if alive[c, start] else -c / 3
            theta[c, start] = angle - np.floor(angle)
        theta[3, start] = theta[0, start]
        f[start] = f0 if dead[start] else momentary[start]
        f_hold, disagreeing, owed = float(f0), 0, 0.0
        for r in range(start + 1, stop):
            if dead[r]:
                if not dead[r - 1]:
                    near, far = r - int(3 * fs / f0), max(r - int(13 * fs / f0), start)
                    enough = near - far >= 2 * reach
                    f_hold = (theta[3, near] - theta[3, far]) * fs / (near - far) if enough else f[r - 1]
                turn, owed = f_hold / fs, 0.0
            else:
                wanted = f0 / fs + np.angle((z[:, r] * z[:, r - 1].conj()).sum()) / (2 * np.pi) + owed
                turn = np.clip(wanted, *self.clip)
                owed = np.clip(wanted - turn, -0.5, 0.5)
            theta[3, r] = theta[3, r - 1] + turn
            for c in range(3):
                theta[c, r] = theta[c, r - 1] + turn
                if alive[c, r]:
                    theta[c, r] += np.clip(wrap(own[c, r] - theta[c, r]), -10 / fs, 10 / fs)
            if dead[r]:
                f[r], disagreeing = f_hold, 0
            else:
                error = momentary[r] - f[r - 1]
                f[r] = f[r - 1]
                if abs(error) <= self.gate:
                    disagreeing = 0
                    f[r] += np.clip(error, -self.slew, self.slew)
                else:
                    disagreeing += 1
                    if disagreeing > self.patience:
                        disagreeing = 0
                        f[r] += error
            f[r] = np.clip(f[r], self.clip[0] * fs, self.clip[1] * fs)
        centre = np.arange(count) * step + 0.5 * (step - 1)
        late = stop - reach  # angles are used one reach late
        halves = []
        for c in range(3):
            known = theta[c, start:late]
            for level in np.arange(np.ceil(2 * known[0]) / 2, known[-1] + 1e-12, 0.5):
                at = np.interp(level, known, centre[start:late])
                f_at = np.interp(at + reach * step, centre[start:stop], f[start:stop])
                end = at + self.rate / f_at
                halves.append([float(c), at, end, rms(data[c], at, end)])
        known = theta[3, start:late]
        edges = []
        for level in np.arange(np.ceil(known[0]), known[-1] + 1e-12, self.cycles):
            edges.append([float(np.interp(level, known, centre[start:late]))])
        return sorted(halves, key=lambda row: row[1]), edges
