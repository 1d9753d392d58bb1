"""What a row of numbers of one element and window holds, and where.

A row is flat so that a mean over an interval is a sum of rows: all of it are squares, powers and phasors,
which add up. The kernels in ``_spectrum`` write rows, :mod:`flexcore.dsp.values` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from flexcore.dsp.arrays import Float64

#: Tables of a row, by order and channel: squares of the harmonic subgroups and groups and of the
#: interharmonic subgroups and groups, real and imaginary parts of the window-locked phasors.
TABLES = 6


@dataclass(frozen=True, slots=True)
class VoltageRow:
    """Of a busbar, V^2: mean squares (3), positive, negative and zero sequence, under- and overdeviation
    (3 + 3), distortion to order 50 and to 40 (3 + 3), signals (3 each), tables."""

    orders: int
    signals: int = 0

    squares = 0
    sequences = 3
    #: Numbers that are means of squares and sequences.
    means = 6
    under = 6
    over = 9
    distortion = 12
    distortion_40 = 15
    signal = 18

    @property
    def base(self) -> int:
        """Numbers before the tables."""
        return 18 + 3 * self.signals

    @property
    def fundamental(self) -> int:
        """Square of the fundamental's subgroup, first phase."""
        return self.base + 3

    def tables(self, row: Float64) -> Float64:
        """The tables: (6, orders + 1, 3); what follows them in ``row`` is not looked at."""
        return row[self.base :][: TABLES * (self.orders + 1) * 3].reshape(TABLES, self.orders + 1, 3)


@dataclass(frozen=True, slots=True)
class CurrentRow:
    """Of a field with n channels: mean squares (n, A^2), P, Q1, P1 (3 each, W and var), mean square of u
    (3, V^2), positive, negative, zero sequence (A^2), distortion (n), sum of squares by order squared (n),
    active power in and out (W) and reactive power by quadrant (4, var), tables."""

    orders: int
    channels: int

    squares = 0

    @property
    def powers(self) -> int:
        """P, then Q1, P1 and the squares of u follow."""
        return self.channels

    @property
    def sequences(self) -> int:
        """Positive, negative, zero."""
        return self.channels + 12

    @property
    def distortion(self) -> int:
        """Squares of orders 2 on."""
        return self.channels + 15

    @property
    def heat(self) -> int:
        """Squares by order squared, for the K-factor."""
        return 2 * self.channels + 15

    @property
    def energy(self) -> int:
        """Import, export, quadrants 1 to 4."""
        return 3 * self.channels + 15

    @property
    def base(self) -> int:
        """Numbers before the tables."""
        return 3 * self.channels + 21

    @property
    def fundamental(self) -> int:
        """Square of the fundamental's subgroup, first channel."""
        return self.base + self.channels

    def tables(self, row: Float64) -> Float64:
        """The tables: (6, orders + 1, channels)."""
        return row[self.base :].reshape(TABLES, self.orders + 1, self.channels)
