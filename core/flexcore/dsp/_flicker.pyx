# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The flickermeter's loops: three voltages at once, float32 in, float64 throughout.

Samples are taken in groups of ``decimation * per_group``, on a grid that is counted from 1970: nothing
depends on how they were cut or on where counting began. Twin in NumPy: tests/support/flicker_twin.py.
"""

from libc.math cimport sqrt
from libc.string cimport memcpy, memset

import numpy as np

cdef enum:
    LANES = 4  # three channels and an idle one, so that the compiler fills whole vectors
    CHANNELS = 3
    SECTIONS = 6
    PER_OCTAVE_BITS = 9
    OCTAVES_BELOW_1 = 14
    OCTAVES = 38
    CLASSES = (OCTAVES << PER_OCTAVE_BITS) + 1

#: Class 0 is all below the first edge; from there on 512 classes per octave, the last one open.
cdef long long FIRST_CLASS = (<long long> (1023 - OCTAVES_BELOW_1)) << PER_OCTAVE_BITS


def class_edges():
    """(classes + 1,) edges of the classes of Pinst, the first one 0."""
    octave, part = np.divmod(np.arange(CLASSES), 1 << PER_OCTAVE_BITS)
    edges = np.ldexp(1.0 + part / (1 << PER_OCTAVE_BITS), octave - OCTAVES_BELOW_1)
    return np.concatenate(([0.0], edges))


cdef inline Py_ssize_t class_of(double p) noexcept nogil:
    cdef long long bits
    memcpy(&bits, &p, sizeof(bits))
    bits = (bits >> (52 - PER_OCTAVE_BITS)) - FIRST_CLASS + 1
    return <Py_ssize_t> min(max(bits, 0), CLASSES - 1)


cdef class Meter:
    """Blocks 1 to 4 of the flickermeter, and the counting of block 5; see :mod:`flexcore.dsp.flicker`.

    ``sections`` is (6, 5) b0, b1, b2, a1, a2; ``smooth`` the two coefficients of the last filter; ``window``
    the weights, summing to 1, by which the voltage is estimated before a channel begins. Durations are in
    groups.
    """

    cdef readonly long long position
    cdef readonly Py_ssize_t group
    cdef Py_ssize_t decimation, per_group, estimate, skip, settle, patience
    cdef double floor2, limit2, quick, slow, smooth_b, smooth_a, inverse
    cdef const double[::1] window
    cdef double[::1] rise
    cdef double[:, ::1] x
    cdef double k[SECTIONS][5]
    cdef double state[SECTIONS][2][LANES]
    cdef double before[LANES]
    cdef double gain[LANES]
    cdef double offset[LANES]
    cdef double square[LANES]
    cdef double pinst[LANES]
    cdef double top[LANES]
    cdef double total[LANES]
    cdef double mean2[LANES]
    cdef double reference[LANES]
    cdef double gathered[LANES]
    cdef bint running[LANES]
    cdef Py_ssize_t age[LANES]
    cdef Py_ssize_t dead[LANES]
    cdef Py_ssize_t alive[LANES]
    cdef double highest[LANES]
    cdef double sum_[LANES]
    cdef Py_ssize_t count[LANES]
    cdef Py_ssize_t classified[LANES]
    cdef unsigned int[:, ::1] classes

    def __init__(
        self, *, Py_ssize_t decimation, Py_ssize_t per_group, sections, smooth, window, double floor_v,
        double limit_v, double quick, double slow, Py_ssize_t skip, Py_ssize_t settle, Py_ssize_t patience,
    ):
        cdef const double[:, ::1] k = sections
        cdef Py_ssize_t n, m
        self.window = window
        if k.shape[0] != SECTIONS or k.shape[1] != 5 or self.window.shape[0] % per_group:
            raise ValueError("expected six sections and a window of whole groups")
        for n in range(SECTIONS):
            for m in range(5):
                self.k[n][m] = k[n, m]
        self.smooth_b, self.smooth_a = smooth
        self.decimation = decimation
        self.per_group = per_group
        self.group = decimation * per_group
        self.estimate = self.window.shape[0] // per_group
        self.floor2 = floor_v * floor_v
        self.limit2 = limit_v * limit_v
        self.quick = quick
        self.slow = slow
        self.skip = skip
        self.settle = settle
        self.patience = patience
        self.inverse = 1.0 / decimation
        self.rise = np.arange(1, decimation + 1) / (<double> decimation) ** 2
        self.x = np.zeros((per_group, LANES))
        self.classes = np.zeros((CHANNELS, CLASSES), np.uint32)
        self.restart(0)
        self.empty()

    def restart(self, long long first_sample):
        """Forget the signal, keep what was classified; begin with the first whole group from there on."""
        cdef Py_ssize_t c
        self.position = first_sample + (-first_sample) % self.group
        if self.position < first_sample:
            self.position += self.group
        for c in range(LANES):
            self.before[c] = self.mean2[c] = 0.0
            self._stop(c)

    def feed(self, const float[:, ::1] data, long long origin, long long until):
        """Take the whole groups up to sample ``until``; column 0 of ``data`` is sample number ``origin``."""
        if data.shape[0] != CHANNELS or until - origin > data.shape[1] or self.position < origin:
            raise ValueError("expected three channels that hold the samples")
        with nogil:
            while self.position + self.group <= until:
                self._demodulate(data, self.position - origin)
                self._refer()
                self._weigh()
                self._count()
                self.position += self.group

    def latest(self):
        """Pinst of the three channels; None where it has not settled."""
        return tuple([self.pinst[c] if self._settled(c) else None for c in range(CHANNELS)])

    def take(self):
        """Per channel: highest Pinst, sum and count (one per group and sample of it) since the last call."""
        rows = []
        cdef Py_ssize_t c
        for c in range(CHANNELS):
            rows.append((self.highest[c], self.sum_[c], self.count[c]))
            self.highest[c] = self.sum_[c] = 0.0
            self.count[c] = 0
        return rows

    def counts(self):
        """(3, classes) how often Pinst was in each class since :meth:`empty`; not a copy."""
        return np.asarray(self.classes)

    def empty(self):
        """Begin to classify anew."""
        memset(&self.classes[0, 0], 0, CHANNELS * CLASSES * sizeof(unsigned int))

    cdef void _stop(self, Py_ssize_t c) noexcept nogil:
        """Let a channel wait for voltage: all it has is zero, and stays so with a gain of zero."""
        self.running[c] = False
        self.gain[c] = self.offset[c] = self.gathered[c] = 0.0
        self.age[c] = self.dead[c] = self.alive[c] = 0
        self._clear(c)

    cdef void _clear(self, Py_ssize_t c) noexcept nogil:
        cdef Py_ssize_t n
        for n in range(SECTIONS):
            self.state[n][0][c] = self.state[n][1][c] = 0.0
        self.square[c] = self.pinst[c] = 0.0

    cdef void _start(self, Py_ssize_t c, double mean2) noexcept nogil:
        """Begin in the steady state of ``mean2``: with its mean taken off, that is all filters at zero."""
        self.running[c] = True
        self.age[c] = self.dead[c] = 0
        self.reference[c] = sqrt(mean2)
        self.gain[c] = 1.0 / mean2
        self.offset[c] = 1.0
        self._clear(c)

    cdef bint _settled(self, Py_ssize_t c) noexcept nogil:
        return self.running[c] and self.age[c] > self.settle

    cdef void _demodulate(self, const float[:, ::1] data, Py_ssize_t at) noexcept nogil:
        """Square, and decimate by a triangular mean that is two blocks long: rising, then falling weights."""
        cdef const float* a = &data[0, at]
        cdef const float* b = &data[1, at]
        cdef const float* c = &data[2, at]
        cdef Py_ssize_t n, m, size = self.decimation
        cdef const double* rise = &self.rise[0]
        cdef double u, v, w, su, sv, sw, ru, rv, rw, r
        for n in range(self.per_group):
            su = sv = sw = ru = rv = rw = 0.0
            for m in range(size):
                r = rise[m]
                u = a[m]
                v = b[m]
                w = c[m]
                u *= u
                v *= v
                w *= w
                su += u
                sv += v
                sw += w
                ru += r * u
                rv += r * v
                rw += r * w
            self.x[n, 0] = self.before[0] + (su * self.inverse - ru)
            self.x[n, 1] = self.before[1] + (sv * self.inverse - rv)
            self.x[n, 2] = self.before[2] + (sw * self.inverse - rw)
            self.before[0] = ru
            self.before[1] = rv
            self.before[2] = rw
            a += size
            b += size
            c += size

    cdef void _refer(self) noexcept nogil:
        """Block 1: the reference voltage of the running channels, and who runs."""
        cdef Py_ssize_t c, n
        cdef double mean, pull
        for c in range(CHANNELS):
            mean = 0.0
            for n in range(self.per_group):
                mean += self.x[n, c]
            mean /= self.per_group
            self.mean2[c] += self.quick * (mean - self.mean2[c])
            if not self.mean2[c] < self.limit2:  # also when it is not a number
                self._stop(c)
                self.mean2[c] = 0.0
                continue
            if not self.running[c]:
                self._await(c)
                continue
            self.dead[c] = 0 if self.mean2[c] >= self.floor2 else self.dead[c] + 1
            if self.dead[c] > self.patience:
                self._stop(c)
                continue
            # a plain mean at first, so that a wrong start is not remembered for the whole time constant
            pull = max(self.slow, 1.0 / (self.estimate + self.age[c]))
            self.reference[c] += pull * (sqrt(self.mean2[c]) - self.reference[c])
            self.gain[c] = 1.0 / (self.reference[c] * self.reference[c])
            self.age[c] += 1

    cdef void _await(self, Py_ssize_t c) noexcept nogil:
        """Estimate the voltage window by window; begin after the second one in a row that has any."""
        cdef Py_ssize_t n, first = self.age[c] * self.per_group
        for n in range(self.per_group):
            self.gathered[c] += self.window[first + n] * self.x[n, c]
        self.age[c] += 1
        if self.age[c] < self.estimate:
            return
        self.alive[c] = self.alive[c] + 1 if self.floor2 <= self.gathered[c] < self.limit2 else 0
        if self.alive[c] == 2:
            self._start(c, self.gathered[c])
            return
        self.age[c] = 0
        self.gathered[c] = 0.0

    cdef void _weigh(self) noexcept nogil:
        """Blocks 2 to 4: all lanes in step, filter after filter."""
        cdef double b0, b1, b2, a1, a2, v
        cdef double y[LANES]
        cdef double s1[LANES]
        cdef double s2[LANES]
        cdef Py_ssize_t n, s, c
        cdef double* x = &self.x[0, 0]
        for n in range(self.per_group):
            for c in range(LANES):
                x[LANES * n + c] = x[LANES * n + c] * self.gain[c] - self.offset[c]
        for s in range(SECTIONS):
            b0 = self.k[s][0]
            b1 = self.k[s][1]
            b2 = self.k[s][2]
            a1 = self.k[s][3]
            a2 = self.k[s][4]
            for c in range(LANES):
                s1[c] = self.state[s][0][c]
                s2[c] = self.state[s][1][c]
            for n in range(self.per_group):
                for c in range(LANES):
                    v = x[LANES * n + c]
                    y[c] = b0 * v + s1[c]
                    s1[c] = b1 * v - a1 * y[c] + s2[c]
                    s2[c] = b2 * v - a2 * y[c]
                for c in range(LANES):
                    x[LANES * n + c] = y[c]
            for c in range(LANES):
                self.state[s][0][c] = s1[c]
                self.state[s][1][c] = s2[c]
        for c in range(LANES):
            self.top[c] = self.total[c] = 0.0
        for n in range(self.per_group):
            for c in range(LANES):
                v = x[LANES * n + c] * x[LANES * n + c]
                self.pinst[c] = self.smooth_a * self.pinst[c] + self.smooth_b * (v + self.square[c])
                self.square[c] = v
                self.total[c] += self.pinst[c]
                self.top[c] = self.pinst[c] if self.pinst[c] > self.top[c] else self.top[c]

    cdef void _count(self) noexcept nogil:
        """Block 5: one class per group; what :meth:`take` tells is of every sample."""
        cdef Py_ssize_t c
        for c in range(CHANNELS):
            if self.running[c] and self.age[c] == self.skip:
                self.pinst[c] = 0.0
            if self._settled(c):
                self.classes[c, class_of(self.pinst[c])] += 1
                self.sum_[c] += self.total[c]
                self.count[c] += self.per_group
                if self.top[c] > self.highest[c]:
                    self.highest[c] = self.top[c]
