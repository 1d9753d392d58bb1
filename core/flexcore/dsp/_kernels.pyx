# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The loops over samples: float32 in, float64 sums, without the interpreter.

Nothing here allocates while it runs and nothing depends on how the samples were cut: every sum is done in
the order of the samples, between edges that the signal gives. Twins in plain NumPy: tests/support/pq_twins.py.
"""

from libc.math cimport M_PI, atan2, ceil, cos, floor, sin, sqrt
from libc.string cimport memcpy

import numpy as np

cdef enum:
    RING = 2048  # decimated samples remembered: more than 1 s, a power of two
    MASK = RING - 1
    TICK_S = 600  # windows begin anew at every 10-min tick of the clock
    TEN_S = 10
    GROUP = 15  # windows in a 3-s interval


def copy_finite(const float[:, ::1] source, float[:, ::1] target, Py_ssize_t at):
    """Copy ``source`` to the columns from ``at``; True when every sample is a number below 1e12 (V or A).

    Not-a-number and infinity are above every number; so is what no grid has, and whose square might overflow.
    """
    cdef Py_ssize_t channels = source.shape[0], n = source.shape[1], c, k
    cdef const unsigned int* bits
    cdef unsigned int bad = 0
    if target.shape[0] != channels or at < 0 or at + n > target.shape[1]:
        raise ValueError("expected room in the target")
    with nogil:
        for c in range(channels):
            bits = <const unsigned int*> &source[c, 0]
            for k in range(n):
                bad |= (bits[k] & 0x7FFFFFFFu) > 0x5368D4A5u  # float32 bits of 1e12
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
    return 0.0 if total <= 0.0 else total  # what is not a number stays so


def rms(const float[::1] x, double start, double end):
    """Root mean square of ``x`` between two fractional sample positions; needs 1 sample before, 3 after."""
    if not (1.0 <= start < end <= x.shape[0] - 3):
        raise ValueError("expected samples around both edges")
    return sqrt(mean_square(&x[0], start, end))


def half_cycle_rms(const float[:, :] data, const double[:, ::1] halves):
    """RMS over many cycles of up to four channels.

    Args:
        data: (3 or 4, n), each row contiguous.
        halves: (rows, 3) phase 0..2, start and end of a cycle in columns of ``data``.

    Returns:
        (rows, 2): of that phase's channel and of the fourth; not-a-number where samples are missing or none.
    """
    cdef Py_ssize_t rows = halves.shape[0], channels = data.shape[0], n = data.shape[1], k, phase
    if halves.shape[1] != 3 or not 3 <= channels <= 4 or (n and data.strides[1] != sizeof(float)):
        raise ValueError("expected rows of phase, start, end and three or four contiguous channels")
    found_array = np.full((rows, 2), np.nan)
    cdef double[:, ::1] found = found_array
    with nogil:
        for k in range(rows):
            phase = <Py_ssize_t> halves[k, 0]
            if not (0 <= phase < 3 and 1.0 <= halves[k, 1] < halves[k, 2] <= n - 3):
                continue
            found[k, 0] = sqrt(mean_square(&data[phase, 0], halves[k, 1], halves[k, 2]))
            if channels == 4:
                found[k, 1] = sqrt(mean_square(&data[3, 0], halves[k, 1], halves[k, 2]))
    return found_array


cdef inline double turns(double imaginary, double real) noexcept nogil:
    return atan2(imaginary, real) / (2.0 * M_PI)


cdef class Follower:
    """Follows the fundamental of three voltages; see :mod:`flexcore.dsp.sync` for what and why.

    ``table`` is (2, period) cosine and sine of the nominal frequency at the sample's number modulo period;
    ``taps`` the low-pass filter on the decimated phasors, odd in length, scaled so that a sine's filtered
    phasor has its RMS as magnitude.
    """

    cdef readonly long long position, base, dead_for
    cdef readonly double f_hold
    cdef Py_ssize_t step, half_taps, reach, lag
    cdef long long period, twice_rate, nominal
    cdef double rate, floor2, slew, gate, clip_low, clip_high, pull, turn_nominal, owed
    cdef Py_ssize_t patience, disagreeing, hold_near, hold_far
    cdef long long count, first
    cdef double next_half[3]
    cdef int cycles
    # Turns of the busbar's angle, as whole numbers; edges of windows and of 10-s intervals are turns.
    cdef long long next_turn, edge, tail_edge, ten_turn, last_turn
    cdef double edge_at, tail_at, ten_at, last_at, next_tick, next_ten
    cdef long long held_since_edge, held_since_tail, held_since_ten
    cdef long long chain, number, tail_number, tail_left
    cdef bint started
    cdef const double[:, ::1] table
    cdef const double[::1] taps
    cdef double[:, ::1] raw, z, theta
    cdef double[::1] f_local
    cdef unsigned char[::1] held
    cdef double[:, ::1] halves, windows, tens
    cdef Py_ssize_t n_halves, n_windows, n_tens

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
        self.windows = np.zeros((16, 5))
        self.tens = np.zeros((8, 4))
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
        self.owed = 0.0
        self.f_hold = <double> self.nominal
        self.dead_for = 0
        self.held_since_edge = self.held_since_tail = self.held_since_ten = 0
        self.started = False
        self.chain = self.number = self.tail_number = self.tail_left = 0
        self.tail_edge = self.edge = 0
        self.edge_at = self.tail_at = self.ten_at = self.last_at = 0.0
        self.ten_turn = self.last_turn = -1
        self.next_tick = after(self.base, TICK_S * <long long> self.rate)
        self.next_ten = after(self.base, TEN_S * <long long> self.rate)

    def steer(self, double hz):
        """Go on at ``hz`` for as long as there is no voltage; no more than a voltage could say."""
        cdef double low = self.clip_low * self.rate / self.step, high = self.clip_high * self.rate / self.step
        if self.dead_for > 0:
            self.f_hold = min(max(hz, low), high)

    @property
    def open_windows(self):
        """Start, chain and number of each window that has begun and not ended; the older first."""
        rows = [(self.tail_at, self.chain - 1, self.tail_number)] if self.tail_left else []
        return [*rows, (self.edge_at, self.chain, self.number)] if self.started else rows

    @property
    def behind(self):
        """How many samples before ``position`` must still be there when more are fed."""
        return (self.half_taps + self.reach + self.lag + 2) * self.step + 4

    def feed(self, const float[:, ::1] data, long long origin, long long until):
        """Follow the samples up to ``until``; column 0 of ``data`` is sample number ``origin``.

        Returns:
            halves: (n, 4) phase 0..2, start and end of a cycle in samples after ``base``, its RMS; in the
                order of their starts.
            windows: (k, 5) start and end of a window in samples after ``base``; how many of its decimated
                samples were held; its chain and its number in it. A new chain begins at the first crossing
                from a 10-min tick on; the chain before goes on until its fifteen windows are complete
                (IEC 61000-4-30 ed. 3, 4.5). In the order of their ends; every half-cycle value that starts
                before the end of a window is given before it.
            tens: (m, 4) the clock's 10-s intervals (5.1.1): start in samples after ``base``, whole cycles
                inside (0: its begin was not seen), their duration in samples, how many decimated samples were
                held.
        """
        if data.shape[0] != 3 or until - origin > data.shape[1] or self.position - origin < 0:
            raise ValueError("expected three channels that hold the samples")
        if self.base < self.position and max(self.base, self.position - self.behind) < origin:
            raise ValueError("expected the samples that came before")
        halves, windows, tens = [], [], []
        while self.position + self.step <= until:
            self.n_halves = 0
            self.n_windows = self.n_tens = 0
            with nogil:
                while (
                    self.position + self.step <= until
                    and self.n_halves <= 252 and self.n_windows <= 12 and self.n_tens <= 6
                ):
                    self._advance(data, origin)
            halves.extend(np.asarray(self.halves)[: self.n_halves].tolist())
            windows.extend(np.asarray(self.windows)[: self.n_windows].tolist())
            tens.extend(np.asarray(self.tens)[: self.n_tens].tolist())
        return halves, windows, tens

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
        self.next_turn = self.edge = <long long> ceil(self.theta[3, slot])
        self.held[slot] = self._dead(slot)
        self.f_local[slot] = <double> self.nominal if self.held[slot] else self._instant_hz(r)

    cdef void _follow(self, long long r) noexcept nogil:
        cdef Py_ssize_t slot = r & MASK, old = (r - 1) & MASK, c
        cdef double re = 0.0, im = 0.0, turn, wanted, error, f, limit, carrier
        cdef bint dead = self._dead(slot)
        self.held[slot] = dead
        if dead:
            if not self.held[old]:
                self.f_hold = self._history_hz(r)
            turn = self.f_hold * self.step / self.rate
            self.owed = 0.0
            self.dead_for += self.step
        else:
            self.dead_for = 0
            for c in range(0, 6, 2):
                re += self.z[c, slot] * self.z[c, old] + self.z[c + 1, slot] * self.z[c + 1, old]
                im += self.z[c + 1, slot] * self.z[c, old] - self.z[c, slot] * self.z[c + 1, old]
            # What is cut from a jump of the angle is made up for afterwards: no cycle is lost or won.
            wanted = self.turn_nominal + turns(im, re) + self.owed
            turn = min(max(wanted, self.clip_low), self.clip_high)
            self.owed = min(max(wanted - turn, -0.5), 0.5)
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
        self.held_since_tail += self.held[new]
        self.held_since_ten += self.held[new]
        while self.next_turn <= self.theta[3, new]:
            part = (self.next_turn - self.theta[3, old]) / (self.theta[3, new] - self.theta[3, old])
            self._turn(before + min(max(part, 0.0), 1.0) * self.step)
            self.next_turn += 1

    cdef void _turn(self, double at) noexcept nogil:
        """The busbar's angle has a whole number of turns at ``at``."""
        cdef long long turn = self.next_turn
        if at >= self.next_ten:
            self.tens[self.n_tens, 0] = self.next_ten - TEN_S * self.rate
            self.tens[self.n_tens, 1] = self.last_turn - self.ten_turn if self.ten_turn >= 0 else 0
            self.tens[self.n_tens, 2] = self.last_at - self.ten_at
            self.tens[self.n_tens, 3] = self.held_since_ten
            self.n_tens += 1
            self.ten_turn = turn
            self.ten_at = at
            self.held_since_ten = 0
            self.next_ten += TEN_S * self.rate
        self.last_turn = turn
        self.last_at = at
        if self.tail_left and turn == self.tail_edge:
            self._window(self.tail_at, at, self.held_since_tail, self.chain - 1, self.tail_number)
            self.tail_at = at
            self.tail_edge += self.cycles
            self.tail_number += 1
            self.tail_left -= 1
            self.held_since_tail = 0
        if turn == self.edge:
            if self.started:
                self._window(self.edge_at, at, self.held_since_edge, self.chain, self.number)
                self.number += 1
            self._edge(at)
        if at >= self.next_tick:
            self.next_tick += TICK_S * self.rate
            self.tail_at = self.edge_at
            self.tail_edge = self.edge
            self.tail_number = self.number
            self.held_since_tail = self.held_since_edge
            self.tail_left = 0
            if self.number % GROUP or self.edge_at < at:
                self.tail_left = GROUP - self.number % GROUP
            self.chain += 1
            self.number = 0
            self.edge = turn
            self._edge(at)

    cdef void _edge(self, double at) noexcept nogil:
        self.edge_at = at
        self.edge += self.cycles
        self.held_since_edge = 0
        self.started = True

    cdef void _window(
        self, double start, double end, long long held, long long chain, long long number
    ) noexcept nogil:
        self.windows[self.n_windows, 0] = start
        self.windows[self.n_windows, 1] = end
        self.windows[self.n_windows, 2] = held
        self.windows[self.n_windows, 3] = chain
        self.windows[self.n_windows, 4] = number
        self.n_windows += 1


cdef double after(long long base, long long period) noexcept nogil:
    """Samples from ``base`` to the first multiple of ``period`` after it."""
    return <double> ((base // period + 1) * period - base)
