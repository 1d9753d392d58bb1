"""Types of arrays of numbers."""

from typing import cast

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def numbers(row: Float64) -> list[float]:
    """A one-dimensional array as plain numbers."""
    return cast(list[float], row.tolist())
