"""A COMTRADE recording as the tests read it by themselves, brought to another rate band-limited."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

Array = npt.NDArray[np.float64]


def find_waveform(name: str) -> Path | None:
    """The .cfg file of a shared recording, where there is one."""
    root = Path(os.environ.get("FLEXCORE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    file = root / "waveforms" / f"{name}.cfg"
    return file if file.is_file() else None


def waveform(name: str) -> Path:
    """The .cfg file of a shared recording. Without it the test is skipped; at the gate it fails."""
    file = find_waveform(name)
    if file is None:
        missing = f"recording {name} is absent (FLEXCORE_DATA names the folder of shared recordings)"
        if os.environ.get("FLEXCORE_NEED_DATA"):
            pytest.fail(missing)
        pytest.skip(missing)
    return file


def read_binary(cfg: Path) -> tuple[dict[str, Array], float]:
    """Analog channels by name in the file's own units, and the sampling rate (C37.111-1999, BINARY)."""
    lines = cfg.read_text(encoding="cp1251").splitlines()
    total = lines[1].split(",")
    analog, digital = int(total[1].strip(" A")), int(total[2].strip(" D"))
    channels = [line.split(",") for line in lines[2 : 2 + analog]]
    rate_hz = float(lines[2 + analog + digital + 2].split(",")[0])
    layout = [("n", "<u4"), ("t", "<u4"), ("a", "<i2", (analog,)), ("d", "<u2", (-(-digital // 16),))]
    raw = np.fromfile(cfg.with_suffix(".dat"), np.dtype(layout))["a"].astype(np.float64)
    return {c[1].strip(): raw[:, n] * float(c[5]) + float(c[6]) for n, c in enumerate(channels)}, rate_hz


def resample(x: Array, up: int, down: int) -> Array:
    """``x`` (channels, n) at up/down times its rate, band-limited; n times up must divide by down.

    Both ends are continued by point reflection, so that a record that does not close on itself does not ring.
    """
    n = x.shape[1]
    pad = 1200
    left, right = 2 * x[:, :1] - x[:, pad:0:-1], 2 * x[:, -1:] - x[:, -2 : -pad - 2 : -1]
    long = np.concatenate((left, x, right), axis=1)
    length = long.shape[1] * up // down
    spectrum = np.fft.rfft(long, axis=1) * (up / down)
    fine = np.fft.irfft(spectrum, length, axis=1)
    return np.asarray(fine[:, pad * up // down : (pad + n) * up // down])
