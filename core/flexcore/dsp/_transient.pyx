# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The loop of :mod:`flexcore.dsp.transient`: three voltages against themselves one cycle before.

What is told depends on the samples and on the cycle that holds for each, not on how they were cut: a run of
samples is looked at as a whole only to see that nothing happens in it, by the very numbers by which each
sample is judged otherwise (no fused or reordered operations: see the compiler's flags). Twin in plain NumPy:
tests/support/transient_twin.py.
"""

from libc.math cimport fabsf, floor

import numpy as np

cdef enum:
    RING = 8192  # samples remembered as being off, a power of two, more than a cycle
    MASK = RING - 1
    RUN = 256  # samples looked at as a whole
    NEAR = 2  # samples by which an echo may be off one cycle
    FINE = 160  # samples in a cycle from which a straight line between two of them is good to 0.02 %

cdef long long NEVER = -(1LL << 62)  # no sample's number


cdef inline float before(const float* y, const float* w, bint straight) noexcept nogil:
    """The waveform between ``y[1]`` and ``y[2]``."""
    if straight:
        return w[1] * y[1] + w[2] * y[2]
    return ((w[0] * y[0] + w[1] * y[1]) + w[2] * y[2]) + w[3] * y[3]


cdef class Envelope:
    """Runs of samples of three voltages that are more than ``threshold_v`` off the cycle before.

    A sample whose counterpart one cycle before was off is an echo and does not count. A run ends with its last
    such sample when none follows for a cycle.
    """

    cdef readonly long long position
    cdef long long base, start, last, over
    cdef float threshold, squared, peak
    cdef float w[4]
    cdef int phases
    cdef bint running, straight
    cdef double hold
    cdef Py_ssize_t behind
    cdef long long[:, ::1] off

    def __init__(self, double threshold_v):
        self.threshold = threshold_v
        self.squared = self.threshold * self.threshold
        self.off = np.empty((3, RING), np.int64)
        self.restart(0)

    def restart(self, long long first_sample):
        """Forget everything; the first samples are those of number ``first_sample`` on."""
        self.base = first_sample
        self.position = first_sample
        self.running = False
        self.off[:, :] = NEVER

    @property
    def started(self):
        """Number of the sample at which what runs began, None when nothing runs."""
        return self.start if self.running else None

    def feed(self, const float[:, ::1] data, long long origin, long long until, double cycle):
        """Look at the samples up to ``until``; column 0 of ``data`` is sample number ``origin``.

        ``cycle`` is the length in samples of the cycle before; the samples of that cycle (and two more) must
        still be in ``data``. Samples without a whole cycle before them since the restart are passed over.

        Returns:
            (start, end, peak, phases, over): sample numbers of the first and after the last sample, the
            largest deviation (V, with its sign), bit set of the phases, how many samples were off.
        """
        if data.shape[0] != 3 or until - origin > data.shape[1]:
            raise ValueError("expected three channels that hold the samples")
        if not 8.0 <= cycle <= RING - 8:
            raise ValueError("expected a cycle of 8 to 8184 samples")
        self._weigh(cycle)
        if self.position < self.base + self.behind + 1:
            self.position = min(max(until, self.position), self.base + self.behind + 1)
        if self.position < until and self.position - self.behind - 1 < origin:
            raise ValueError("expected the samples of the cycle before")
        found = []
        cdef bint ended
        while self.position < until:
            with nogil:
                ended = self._walk(data, origin, until)
            if ended:
                found.append(self.cut())
        return found

    def cut(self):
        """What runs, as :meth:`feed` would tell it, because the samples end here; None when nothing runs."""
        if not self.running:
            return None
        self.running = False
        return (self.start, self.last + 1, self.peak, self.phases, self.over)

    cdef void _weigh(self, double cycle) noexcept nogil:
        cdef double d
        self.behind = <Py_ssize_t> floor(cycle) + 1
        self.hold = cycle + NEAR
        d = self.behind - cycle
        self.straight = cycle >= FINE
        if self.straight:
            self.w[0] = self.w[3] = 0.0
            self.w[1] = <float> (1.0 - d)
            self.w[2] = <float> d
        else:
            self.w[0] = <float> (-d * (d - 1.0) * (d - 2.0) / 6.0)
            self.w[1] = <float> ((d * d - 1.0) * (d - 2.0) / 2.0)
            self.w[2] = <float> (-d * (d + 1.0) * (d - 2.0) / 2.0)
            self.w[3] = <float> (d * (d * d - 1.0) / 6.0)

    cdef bint _walk(self, const float[:, ::1] data, long long origin, long long until) noexcept nogil:
        """Go on to ``until``, or to where it is clear that what ran has ended."""
        cdef long long after
        while self.position < until:
            after = min(self.position + RUN, until)
            if not self.running and self._calm(data, self.position - origin, after - self.position):
                self.position = after
                continue
            while self.position < after:
                if self.running and self.position - self.last > self.hold:
                    return True
                self._judge(data, origin)
                self.position += 1
        return False

    cdef bint _calm(self, const float[:, ::1] data, Py_ssize_t at, Py_ssize_t n) noexcept nogil:
        cdef float squared = self.squared, v
        cdef const float* x
        cdef const float* y
        cdef float w[4]
        cdef Py_ssize_t phase, k
        cdef int hit = 0
        for k in range(4):
            w[k] = self.w[k]
        for phase in range(3):
            x = &data[phase, at]
            y = &data[phase, at - self.behind - 1]
            if self.straight:
                for k in range(n):
                    v = x[k] - before(y + k, w, True)
                    hit |= v * v > squared
            else:
                for k in range(n):
                    v = x[k] - before(y + k, w, False)
                    hit |= v * v > squared
        return hit == 0

    cdef void _judge(self, const float[:, ::1] data, long long origin) noexcept nogil:
        cdef long long number = self.position
        cdef Py_ssize_t at = number - origin, phase, k
        cdef float v
        cdef bint echo, counted = False
        for phase in range(3):
            v = data[phase, at] - before(&data[phase, at - self.behind - 1], self.w, self.straight)
            if not v * v > self.squared:
                continue
            echo = False
            for k in range(self.behind - NEAR, self.behind + NEAR + 1):
                echo = echo or self.off[phase, (number - k) & MASK] == number - k
            if echo:
                continue
            self.off[phase, number & MASK] = number
            if not self.running:
                self.running = True
                self.start = number
                self.over = 0
                self.peak = 0.0
                self.phases = 0
            self.last = number
            self.phases |= 1 << phase
            counted = True
            if fabsf(v) > fabsf(self.peak):
                self.peak = v
        self.over += counted
