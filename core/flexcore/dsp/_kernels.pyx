# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The loops over samples: float32 in, float64 sums, without the interpreter.

Nothing here allocates while it runs and nothing depends on how the samples were cut: every sum is done in
the order of the samples, between edges that the signal gives. Twins in plain NumPy: tests/core/dsp/twins.py.
"""

from libc.math cimport M_PI, atan2, ceil, cos, floor, sin, sqrt
from libc.string cimport memcpy

import numpy as np

cdef enum:
    RING = 2048  # decimated samples remembered: more than 1 s, a power of two
    MASK = RING - 1


def copy_finite(const float[:, ::1] source, float[:, ::1] target, Py_ssize_t at):
    """Copy ``source`` to the columns from ``at``; True when every sample is a finite number."""
    cdef Py_ssize_t channels = source.shape[0], n = source.shape[1], c, k
    cdef const unsigned int* bits
    cdef unsigned int bad = 0
    if target.shape[0] != channels or at < 0 or at + n > target.shape[1]:
        raise ValueError("expected room in the target")
    with nogil:
        for c in range(channels):
            bits = <const unsigned int*> &source[c, 0]
            for k in range(n):
                bad |= (bits[k] & 0x7F800000u) == 0x7F800000u  # exponent of an infinity or not-a-number
            memcpy(&target[c, at], &source[c, 0], n * sizeof(float))
    return bad == 0


cdef void edge_weights(double d, double* w) noexcept nogil:
    """Weights of the samples at -1, 0, 1, 2 that turn a sum from 0 on into the integral from ``d`` on.

    Gregory's end correction (Euler-Maclaurin to the third derivative) less the cubic's integral from 0 to
    ``d``: exact for cubics, so that a fractional edge costs nothing against a whole one.
    """
    cdef double d2 = d * d, d3 = d2 * d, d4 = d2 * d2
    w[0] = -1.0 / 36.0 + 1.0 / 720.0 + (0.25 * d4 - d3 + d2) / 6.0
    w[1] = -0.5 - 1.0 / 24.0 - 3.0 / 720.0 - (0.25 * d4 - 2.0 * d3 / 3.0 - 0.5 * d2 + 2.0 * d) / 2.0
    w[2] = 1.0 / 12.0 + 3.0 / 720.0 + (0.25 * d4 - d3 / 3.0 - d2) / 2.0
    w[3] = -1.0 / 72.0 - 1.0 / 720.0 - (0.25 * d4 - 0.5 * d2) / 6.0


cdef double mean_square(const float* x, double start, double end) noexcept nogil:
    """Mean of x(t)^2 from ``start`` to ``end`` (samples, fractional); x has samples around both edges."""
    cdef Py_ssize_t a = <Py_ssize_t> floor(start), b = <Py_ssize_t> floor(end), n
    cdef double w[4]
    cdef double total = 0.0, v
    for n in range(a, b):
        v = x[n]
        total += v * v
    edge_weights(start - a, w)
    for n in range(4):
        v = x[a - 1 + n]
        total += w[n] * v * v
    edge_weights(end - b, w)
    for n in range(4):
        v = x[b - 1 + n]
        total -= w[n] * v * v
    total /= end - start
    return total if total > 0.0 else 0.0


def rms(const float[::1] x, double start, double end):
    """Root mean square of ``x`` between two fractional sample positions; needs 1 sample before, 3 after."""
    if not (1.0 <= start < end <= x.shape[0] - 3):
        raise ValueError("expected samples around both edges")
    return sqrt(mean_square(&x[0], start, end))


cdef void rotor(double start, double end, int cycles, double[:, ::1] out) noexcept nogil:
    cdef Py_ssize_t a = <Py_ssize_t> floor(start), n, count = <Py_ssize_t> floor(end) - a + 4
    cdef double step = 2.0 * M_PI * cycles / (end - start), c = 1.0, s = 0.0, k
    cdef double dc = cos(step), ds = sin(step)
    for n in range(count):
        if n & 63 == 0:  # a fresh start now and then keeps the recurrence exact to 1e-14
            c = cos(step * (n + a - 1 - start))
            s = sin(step * (n + a - 1 - start))
        out[0, n] = c
        out[1, n] = s
        k = c * dc - s * ds
        s = s * dc + c * ds
        c = k


def measure_voltage(const float[:, ::1] u, double start, double end, int cycles):
    """Voltages over one window of ``cycles`` fundamental cycles, edges in columns of ``u``.

    Returns:
        basis: (2, n) cosine and sine at ``cycles`` per window, n from column floor(start) - 1 on, to be
            given to :func:`measure_current` of the fields on this busbar.
        means: (channels, 3) mean square (V^2), and mean of u times cosine and times sine (V).
    """
    cdef Py_ssize_t channels = u.shape[0], a = <Py_ssize_t> floor(start), b = <Py_ssize_t> floor(end), c, n, m
    if not (1.0 <= start < end <= u.shape[1] - 3):
        raise ValueError("expected samples around both edges")
    basis_array = np.empty((2, b - a + 4))
    means_array = np.empty((channels, 3))
    cdef double[:, ::1] basis = basis_array
    cdef double[:, ::1] means = means_array
    cdef double ws[4]
    cdef double we[4]
    cdef double uu, uc, us, v, span = end - start
    cdef const float* x
    cdef const double* co
    cdef const double* si
    with nogil:
        rotor(start, end, cycles, basis)
        co = &basis[0, 0]
        si = &basis[1, 0]
        edge_weights(start - a, ws)
        edge_weights(end - b, we)
        for c in range(channels):
            x = &u[c, a - 1]
            uu = uc = us = 0.0
            for n in range(1, b - a + 1):
                v = x[n]
                uu += v * v
                uc += v * co[n]
                us += v * si[n]
            for n in range(4):
                m = b - a + n
                v = ws[n] * x[n]
                uu += v * x[n]
                uc += v * co[n]
                us += v * si[n]
                v = we[n] * x[m]
                uu -= v * x[m]
                uc -= v * co[m]
                us -= v * si[m]
            means[c, 0] = uu / span if uu > 0.0 else 0.0
            means[c, 1] = uc / span
            means[c, 2] = us / span
    return basis_array, means_array


def measure_current(
    const float[:, ::1] i, double start, double end, const double[:, ::1] basis,
    const float[:, ::1] u, double start_u, const double[:, ::1] voltage,
):
    """Currents and powers of one field over a window; ``start``, ``end`` in columns of ``i``.

    ``u`` holds the busbar's voltages, ``start_u`` is the same moment in its columns (it differs from
    ``start`` by a whole number); ``basis`` and ``voltage`` are what :func:`measure_voltage` gave.

    Returns:
        One row: mean square of each channel (A^2); then for each phase the mean of u times i (W), the
        imaginary (var) and the real part (W) of U1 times conjugate I1, and the mean square of u (V^2).
    """
    cdef Py_ssize_t channels = i.shape[0], a = <Py_ssize_t> floor(start), b = <Py_ssize_t> floor(end), c, n, m
    cdef Py_ssize_t au = a + <Py_ssize_t> floor(start_u - start + 0.5)
    if not (1.0 <= start < end <= i.shape[1] - 3 and 1 <= au and au + b - a + 3 <= u.shape[1]):
        raise ValueError("expected samples around both edges")
    if basis.shape[0] != 2 or basis.shape[1] != b - a + 4 or voltage.shape[0] != 3 or voltage.shape[1] != 3:
        raise ValueError("expected the basis and the voltages of this window")
    if channels < 3 or u.shape[0] != 3:
        raise ValueError("expected three phases")
    row_array = np.empty(channels + 12)
    cdef double[::1] row = row_array
    cdef double ws[4]
    cdef double we[4]
    cdef double ii, ui, ic, sn, v, span = end - start
    cdef const float* x
    cdef const float* y
    cdef const double* co
    cdef const double* si
    with nogil:
        co = &basis[0, 0]
        si = &basis[1, 0]
        edge_weights(start - a, ws)
        edge_weights(end - b, we)
        for c in range(channels):
            x = &i[c, a - 1]
            y = &u[c if c < 3 else 0, au - 1]
            ii = ui = ic = sn = 0.0
            for n in range(1, b - a + 1):
                v = x[n]
                ii += v * v
                ui += v * y[n]
                ic += v * co[n]
                sn += v * si[n]
            for n in range(4):
                m = b - a + n
                v = ws[n] * x[n]
                ii += v * x[n]
                ui += v * y[n]
                ic += v * co[n]
                sn += v * si[n]
                v = we[n] * x[m]
                ii -= v * x[m]
                ui -= v * y[m]
                ic -= v * co[m]
                sn -= v * si[m]
            row[c] = ii / span if ii > 0.0 else 0.0
            if c < 3:
                ic *= 2.0 / span
                sn *= 2.0 / span
                row[channels + c] = ui / span
                row[channels + 3 + c] = voltage[c, 1] * sn - voltage[c, 2] * ic
                row[channels + 6 + c] = voltage[c, 1] * ic + voltage[c, 2] * sn
                row[channels + 9 + c] = voltage[c, 0]
    return row_array


cdef inline double turns(double imaginary, double real) noexcept nogil:
    return atan2(imaginary, real) / (2.0 * M_PI)


cdef class Follower:
    """Follows the fundamental of three voltages; see :mod:`flexcore.dsp.sync` for what and why.

    ``table`` is (2, period) cosine and sine of the nominal frequency at the sample's number modulo period;
    ``taps`` the low-pass filter on the decimated phasors, odd in length, scaled so that a sine's filtered
    phasor has its RMS as magnitude.
    """

    cdef readonly long long position, base
    cdef Py_ssize_t step, half_taps, reach, lag
    cdef long long period, twice_rate, nominal
    cdef double rate, floor2, slew, gate, clip_low, clip_high, pull, turn_nominal, f_hold
    cdef Py_ssize_t patience, disagreeing, hold_near, hold_far
    cdef long long count, first, held_since_edge
    cdef double next_edge
    cdef double next_half[3]
    cdef int cycles
    cdef const double[:, ::1] table
    cdef const double[::1] taps
    cdef double[:, ::1] raw, z, theta
    cdef double[::1] f_local
    cdef unsigned char[::1] held
    cdef double[:, ::1] halves, edges
    cdef Py_ssize_t n_halves, n_edges

    def __init__(
        self, *, int rate_hz, int nominal_hz, double floor_v, int step, table, taps, int cycles,
        double slew_hz_s, double gate_hz, double patience_s, double clip_hz,
    ):
        cdef double fs = <double> rate_hz / step
        self.step = step
        self.rate = rate_hz
        self.nominal = nominal_hz
        self.twice_rate = 2 * <long long> rate_hz
        self.table = table
        self.period = self.table.shape[1]
        self.taps = taps
        self.half_taps = (self.taps.shape[0] - 1) // 2
        self.reach = <Py_ssize_t> (0.5 * fs / nominal_hz + 0.5)
        self.lag = self.reach
        self.floor2 = 3.0 * floor_v * floor_v
        self.slew = slew_hz_s / fs
        self.gate = gate_hz
        self.patience = <Py_ssize_t> (patience_s * fs)
        self.turn_nominal = nominal_hz / fs
        self.clip_low = (nominal_hz - clip_hz) / fs
        self.clip_high = (nominal_hz + clip_hz) / fs
        self.pull = 10.0 / fs
        self.hold_near = <Py_ssize_t> (3.0 * fs / nominal_hz)
        self.hold_far = <Py_ssize_t> (13.0 * fs / nominal_hz)
        self.cycles = cycles
        if self.hold_far + self.taps.shape[0] + 2 * self.reach + 2 > RING or self.taps.shape[0] % 2 == 0:
            raise ValueError("expected an odd number of taps that fits the memory")
        self.raw = np.zeros((6, RING))
        self.z = np.zeros((6, RING))
        self.theta = np.zeros((4, RING))
        self.f_local = np.zeros(RING)
        self.held = np.zeros(RING, np.uint8)
        self.halves = np.zeros((256, 4))
        self.edges = np.zeros((16, 2))
        self.restart(0)

    def restart(self, long long first_sample):
        """Forget everything; begin at the first multiple of the step from ``first_sample`` on."""
        self.position = -(-first_sample // self.step) * self.step
        if self.position < first_sample:
            self.position += self.step
        self.base = self.position
        self.count = 0
        self.first = self.half_taps + self.reach
        self.disagreeing = 0
        self.held_since_edge = 0
        self.f_hold = <double> self.nominal

    @property
    def behind(self):
        """How many samples before ``position`` must still be there when more are fed."""
        return (self.half_taps + self.reach + self.lag + 2) * self.step + 4

    def feed(self, const float[:, ::1] data, long long origin, long long until):
        """Follow the samples up to ``until``; column 0 of ``data`` is sample number ``origin``.

        Returns:
            halves: (n, 4) phase 0..2, start and end of a cycle in samples after ``base``, its RMS; in the
                order of their starts.
            edges: (k, 2) window edges in samples after ``base``; how many decimated samples since the edge
                before were held. Every half-cycle value that starts before an edge is given before it.
        """
        if data.shape[0] != 3 or until - origin > data.shape[1] or self.position - origin < 0:
            raise ValueError("expected three channels that hold the samples")
        if self.base < self.position and max(self.base, self.position - self.behind) < origin:
            raise ValueError("expected the samples that came before")
        halves, edges = [], []
        while self.position + self.step <= until:
            self.n_halves = 0
            self.n_edges = 0
            with nogil:
                while (
                    self.position + self.step <= until
                    and self.n_halves <= 252 and self.n_edges < 16
                ):
                    self._advance(data, origin)
            halves.extend(np.asarray(self.halves)[: self.n_halves].tolist())
            edges.extend(np.asarray(self.edges)[: self.n_edges].tolist())
        return halves, edges

    cdef void _advance(self, const float[:, ::1] data, long long origin) noexcept nogil:
        """One decimated sample further, in all stages."""
        cdef long long r = self.count
        self._demodulate(data, self.position - origin, r & MASK)
        self.position += self.step
        self.count += 1
        if r < 2 * self.half_taps:
            return
        self._smooth(r - self.half_taps)
        r -= self.half_taps + self.reach
        if r < self.first:
            return
        if r == self.first:
            self._begin(r)
            return
        self._follow(r)
        if r - self.lag > self.first:
            self._cross(r, data, origin)

    cdef void _demodulate(self, const float[:, ::1] data, Py_ssize_t at, Py_ssize_t slot) noexcept nogil:
        cdef Py_ssize_t phase = self.position % self.period, k, n, c
        cdef double re, im, v
        for c in range(3):
            re = im = 0.0
            k = phase
            for n in range(at, at + self.step):
                v = data[c, n]
                re += v * self.table[0, k]
                im -= v * self.table[1, k]
                k += 1
                if k == self.period:
                    k = 0
            self.raw[2 * c, slot] = re
            self.raw[2 * c + 1, slot] = im

    cdef void _smooth(self, long long centre) noexcept nogil:
        cdef Py_ssize_t c, k, slot
        cdef double total
        cdef long long first = centre - self.half_taps
        for c in range(6):
            total = 0.0
            for k in range(self.taps.shape[0]):
                total += self.taps[k] * self.raw[c, (first + k) & MASK]
            self.z[c, centre & MASK] = total

    cdef double _instant_hz(self, long long r) noexcept nogil:
        """Frequency over one nominal cycle around ``r``, the phases weighted by their power."""
        cdef Py_ssize_t a = (r - self.reach) & MASK, b = (r + self.reach) & MASK, c
        cdef double re = 0.0, im = 0.0
        for c in range(0, 6, 2):
            re += self.z[c, b] * self.z[c, a] + self.z[c + 1, b] * self.z[c + 1, a]
            im += self.z[c + 1, b] * self.z[c, a] - self.z[c, b] * self.z[c + 1, a]
        return self.nominal + turns(im, re) * self.rate / (self.step * 2.0 * self.reach)

    cdef double _carrier(self, long long r) noexcept nogil:
        """Turns of the nominal frequency at the centre of decimated sample ``r``, 0..1."""
        cdef long long twice = 2 * (self.base + r * self.step) + self.step - 1
        return <double> ((self.nominal * twice) % self.twice_rate) / self.twice_rate

    cdef bint _dead(self, Py_ssize_t slot) noexcept nogil:
        cdef double power = 0.0
        cdef Py_ssize_t c
        for c in range(6):
            power += self.z[c, slot] * self.z[c, slot]
        return power < self.floor2

    cdef bint _phase_dead(self, Py_ssize_t c, Py_ssize_t slot) noexcept nogil:
        return 3.0 * (self.z[2 * c, slot] ** 2 + self.z[2 * c + 1, slot] ** 2) < self.floor2

    cdef void _begin(self, long long r) noexcept nogil:
        """Start value of all angles, in turns since a rising zero crossing."""
        cdef Py_ssize_t slot = r & MASK, c
        cdef double angle
        for c in range(3):
            angle = -c / 3.0
            if not self._phase_dead(c, slot):
                angle = self._carrier(r) + turns(self.z[2 * c + 1, slot], self.z[2 * c, slot]) + 0.25
            angle -= floor(angle)
            self.theta[c, slot] = angle
            self.next_half[c] = ceil(2.0 * angle) / 2.0
        self.theta[3, slot] = self.theta[0, slot]
        self.next_edge = ceil(self.theta[3, slot])
        self.held[slot] = self._dead(slot)
        self.f_local[slot] = <double> self.nominal if self.held[slot] else self._instant_hz(r)

    cdef void _follow(self, long long r) noexcept nogil:
        cdef Py_ssize_t slot = r & MASK, old = (r - 1) & MASK, c
        cdef double re = 0.0, im = 0.0, turn, error, f, limit, carrier
        cdef bint dead = self._dead(slot)
        self.held[slot] = dead
        if dead:
            if not self.held[old]:
                self.f_hold = self._history_hz(r)
            turn = self.f_hold * self.step / self.rate
        else:
            for c in range(0, 6, 2):
                re += self.z[c, slot] * self.z[c, old] + self.z[c + 1, slot] * self.z[c + 1, old]
                im += self.z[c + 1, slot] * self.z[c, old] - self.z[c, slot] * self.z[c + 1, old]
            turn = self.turn_nominal + turns(im, re)
            turn = min(max(turn, self.clip_low), self.clip_high)
        self.theta[3, slot] = self.theta[3, old] + turn
        carrier = self._carrier(r)
        for c in range(3):
            self.theta[c, slot] = self.theta[c, old] + turn
            if not self._phase_dead(c, slot):
                error = carrier + turns(self.z[2 * c + 1, slot], self.z[2 * c, slot]) + 0.25
                error -= self.theta[c, slot]
                error -= floor(error + 0.5)
                self.theta[c, slot] += min(max(error, -self.pull), self.pull)
        if dead:
            f = self.f_hold
            self.disagreeing = 0
        else:
            f = self.f_local[old]
            error = self._instant_hz(r) - f
            if -self.gate <= error <= self.gate:
                self.disagreeing = 0
                f += min(max(error, -self.slew), self.slew)
            else:
                self.disagreeing += 1
                if self.disagreeing > self.patience:
                    self.disagreeing = 0
                    f += error
        limit = self.clip_low * self.rate / self.step
        f = max(f, limit)
        limit = self.clip_high * self.rate / self.step
        self.f_local[slot] = min(f, limit)

    cdef double _history_hz(self, long long r) noexcept nogil:
        """The mean frequency from 13 to 3 cycles ago, before anything happened; less where there is less."""
        cdef long long near = r - self.hold_near, far = r - self.hold_far
        if far < self.first:
            far = self.first
        if near - far < 2 * self.reach:
            return self.f_local[(r - 1) & MASK]
        return (
            (self.theta[3, near & MASK] - self.theta[3, far & MASK]) * self.rate / (self.step * (near - far))
        )

    cdef void _cross(self, long long r, const float[:, ::1] data, long long origin) noexcept nogil:
        """Zero crossings and window edges between the decimated samples ``lag`` + 1 and ``lag`` ago."""
        cdef long long j = r - self.lag
        cdef Py_ssize_t new = j & MASK, old = (j - 1) & MASK, c, k
        cdef double part, start, f, end, shift = <double> (self.base - origin)
        cdef double before = (j - 1) * self.step + 0.5 * (self.step - 1)
        cdef Py_ssize_t from_row = self.n_halves
        for c in range(3):
            while self.next_half[c] <= self.theta[c, new]:
                part = (self.next_half[c] - self.theta[c, old]) / (self.theta[c, new] - self.theta[c, old])
                part = min(max(part, 0.0), 1.0)
                start = before + part * self.step
                f = self.f_local[(r - 1) & MASK]
                f += part * (self.f_local[r & MASK] - f)
                end = start + self.rate / f
                k = self.n_halves
                while k > from_row and self.halves[k - 1, 1] > start:
                    self.halves[k, 0] = self.halves[k - 1, 0]
                    self.halves[k, 1] = self.halves[k - 1, 1]
                    self.halves[k, 2] = self.halves[k - 1, 2]
                    self.halves[k, 3] = self.halves[k - 1, 3]
                    k -= 1
                self.halves[k, 0] = c
                self.halves[k, 1] = start
                self.halves[k, 2] = end
                self.halves[k, 3] = sqrt(mean_square(&data[c, 0], start + shift, end + shift))
                self.n_halves += 1
                self.next_half[c] += 0.5
        self.held_since_edge += self.held[new]
        if self.next_edge <= self.theta[3, new]:
            part = (self.next_edge - self.theta[3, old]) / (self.theta[3, new] - self.theta[3, old])
            self.edges[self.n_edges, 0] = before + min(max(part, 0.0), 1.0) * self.step
            self.edges[self.n_edges, 1] = self.held_since_edge
            self.n_edges += 1
            self.held_since_edge = 0
            self.next_edge += self.cycles
