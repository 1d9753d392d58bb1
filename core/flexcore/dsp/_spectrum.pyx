# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One window of one element: sums over its samples, and its spectrum on a grid of its own.

The window (ten or twelve cycles, fractional edges) is carried to a fixed number of points by a short
Kaiser-Bessel kernel whose known frequency response is divided out of the spectrum afterwards, as gridding
transforms do (Beatty, Nishimura, Pauly: Rapid gridding reconstruction, 2005). The kernel stops what would
fold into the orders, and costs a few taps, where an interpolator that is flat by itself costs fifty.

Work is done in float32 lanes; long sums are kept in float64. Twins: tests/support/pq_spectrum.py.
"""

from libc.math cimport M_PI, NAN, fabs, floor, sin, sinh, sqrt
from libc.stdint cimport int32_t, int64_t

import numpy as np

from flexcore.dsp._kernels cimport edge_weights

cdef extern from "_lanes.h":
    ctypedef struct f32x4:
        pass
    void lanes_gather(const float* row, int64_t stride, int channels, int64_t n, f32x4* out) noexcept nogil
    void lanes_sums(
        const f32x4* x, const f32x4* u, int64_t n, const double* ws, const double* we, double* xx, double* xu
    ) noexcept nogil
    void lanes_grid(
        const f32x4* x, const int32_t* at, const float* weights, int points, int taps, f32x4* re, f32x4* im
    ) noexcept nogil
    int lanes_fft(
        f32x4* re0, f32x4* im0, f32x4* re1, f32x4* im1, int n, const float* cosine, const float* sine
    ) noexcept nogil
    void lanes_split(
        const f32x4* zr, const f32x4* zi, int n, int last, const float* cosine, const float* sine,
        const float* gain, f32x4* re, f32x4* im, f32x4* power
    ) noexcept nogil
    void lanes_orders(
        const f32x4* re, const f32x4* im, const f32x4* power, int cycles, int orders, int channels,
        const double* rotation_re, const double* rotation_im, double* out
    ) noexcept nogil

cdef enum:
    DENSITY = 1024  # kernel values per sample; linear in between is good for 1e-7


def aligned(*shape):
    """A float32 array for lanes: shape + (4,), on a 64-byte boundary."""
    cdef Py_ssize_t size = 4
    for extent in shape:
        size *= extent
    room = np.zeros(size + 16, np.float32)
    at = (-room.ctypes.data % 64) // 4
    return room[at : at + size].reshape(*shape, 4)


cdef class Plan:
    """What the elements of a busbar share in one window: the grid's weights, its voltages, the rotation."""

    cdef readonly int32_t[::1] at
    cdef readonly float[:, ::1] weights
    cdef readonly float[::1] gain
    cdef readonly float[:, ::1] lanes
    cdef readonly double[::1] rotation_re, rotation_im
    cdef double squares[4]
    cdef double phasor_re[4]
    cdef double phasor_im[4]
    cdef int64_t lead, inside
    cdef double part_start, part_end, span


cdef class Spectrometer:
    """Measures windows; see :mod:`flexcore.dsp.spectrum` for the choice of the numbers.

    One per thread: it owns the scratch memory. ``reach`` samples must be there before and after a window.
    """

    cdef readonly int cycles, orders, points, taps, reach
    cdef readonly double beta
    cdef double rate
    cdef int half, last
    cdef double[::1] kernel
    cdef float[::1] cosine, sine, cosine_half, sine_half
    cdef float[:, ::1] scratch
    cdef float[:, :, ::1] work, bins

    def __init__(self, *, double rate_hz, int cycles, int orders, int points, int taps, double beta):
        cdef int n
        if taps % 2 or points & (points - 1) or points < 2 * (orders * cycles + cycles // 2 + 1):
            raise ValueError("expected an even number of taps and a power of two of points above the orders")
        self.half = points // 2
        n = 1
        while n < self.half:
            n *= 4
        if n != self.half:
            raise ValueError("expected twice a power of four points")
        self.rate = rate_hz
        self.cycles = cycles
        self.orders = orders
        self.points = points
        self.taps = taps
        self.beta = beta
        self.reach = taps // 2 + 4
        self.last = orders * cycles + cycles // 2
        t = (np.arange(taps // 2 * DENSITY + 2) / DENSITY) / (taps / 2)
        self.kernel = np.i0(beta * np.sqrt(np.maximum(1.0 - t * t, 0.0))) * (t < 1.0)
        turn = 2.0 * np.pi * np.arange(self.half) / self.half
        self.cosine = np.cos(turn).astype(np.float32)
        self.sine = np.sin(turn).astype(np.float32)
        self.cosine_half = np.cos(turn / 2).astype(np.float32)
        self.sine_half = np.sin(turn / 2).astype(np.float32)
        self.work = aligned(4, self.half).reshape(4, self.half, 4)
        self.bins = aligned(3, self.last + 1).reshape(3, self.last + 1, 4)
        self.scratch = aligned(16)

    cdef _make_room(self, Py_ssize_t need):
        """Scratch memory for ``need`` samples."""
        if self.scratch.shape[0] < need:
            self.scratch = aligned(need + need // 8)

    def plan(self, const float[:, ::1] u, double start, double end, double udin, signalling):
        """Prepare a window whose edges lie at columns ``start`` and ``end`` of the voltages ``u`` (3, n).

        Returns:
            plan: to be given to :meth:`current` for the fields of this busbar.
            row: see :class:`flexcore.dsp.rows.VoltageRow`; mean squares in V^2.
        """
        cdef Py_ssize_t a = <Py_ssize_t> floor(start), b = <Py_ssize_t> floor(end)
        if u.shape[0] != 3 or start >= end or a < self.reach or b + self.reach >= u.shape[1]:
            raise ValueError("expected three voltages with samples around both edges")
        cdef Plan plan = Plan.__new__(Plan)
        plan.span = end - start
        plan.inside = b - a
        plan.lead = self.taps // 2
        plan.part_start = start - a
        plan.part_end = end - b
        plan.at = np.empty(self.points, np.int32)
        plan.weights = np.empty((self.points, self.taps), np.float32)
        plan.gain = np.empty(self.last + 1, np.float32)
        plan.lanes = aligned(b - a + 2 * self.reach)
        plan.rotation_re = np.empty(self.orders + 1)
        plan.rotation_im = np.empty(self.orders + 1)
        msv_array = np.asarray(signalling, np.float64)
        cdef const double[::1] msv = msv_array
        row_array = np.empty(18 + 3 * msv.shape[0] + 18 * (self.orders + 1))
        cdef double[::1] row = row_array
        cdef int h
        cdef double rr, ri, magnitude
        cdef double[:, :, ::1] tables = row_array[18 + 3 * msv.shape[0] :].reshape(6, self.orders + 1, 3)
        with nogil:
            self._weights(plan)
            lanes_gather(
                &u[0, a - plan.lead], u.shape[1], 3, plan.inside + self.taps + 4, <f32x4*> &plan.lanes[0, 0]
            )
            self._window(plan, <const f32x4*> &plan.lanes[0, 0], &plan.squares[0], NULL)
            rr = self.bins[0, self.cycles, 0]
            ri = -self.bins[1, self.cycles, 0]
            magnitude = sqrt(rr * rr + ri * ri)
            if magnitude > 1e-3 * udin:
                rr /= magnitude
                ri /= magnitude
            else:  # nothing to refer to but the window's own start
                rr = 1.0
                ri = 0.0
            plan.rotation_re[0] = 1.0
            plan.rotation_im[0] = 0.0
            for h in range(1, self.orders + 1):
                plan.rotation_re[h] = plan.rotation_re[h - 1] * rr - plan.rotation_im[h - 1] * ri
                plan.rotation_im[h] = plan.rotation_re[h - 1] * ri + plan.rotation_im[h - 1] * rr
            self._voltages(plan, &plan.squares[0], &plan.phasor_re[0], &plan.phasor_im[0], udin, msv, tables, row)
        return plan, row_array

    def between(self, Plan plan, const float[:, ::1] u, double start, double udin, signalling):
        """Three other voltages over a planned window that begins at column ``start`` of ``u`` (3, n).

        Angles are against the plan's first voltage.

        Returns:
            row: see :class:`flexcore.dsp.rows.VoltageRow`; mean squares in V^2.
        """
        cdef Py_ssize_t a = <Py_ssize_t> floor(start - plan.part_start + 0.5)
        if u.shape[0] != 3 or a < self.reach or a + plan.inside + self.reach >= u.shape[1]:
            raise ValueError("expected three voltages with samples around both edges")
        msv_array = np.asarray(signalling, np.float64)
        cdef const double[::1] msv = msv_array
        row_array = np.empty(18 + 3 * msv.shape[0] + 18 * (self.orders + 1))
        cdef double[::1] row = row_array
        cdef double[:, :, ::1] tables = row_array[18 + 3 * msv.shape[0] :].reshape(6, self.orders + 1, 3)
        cdef double[4] squares, re, im
        cdef Py_ssize_t need = plan.inside + self.taps + 4
        self._make_room(need)
        with nogil:
            lanes_gather(&u[0, a - plan.lead], u.shape[1], 3, need, <f32x4*> &self.scratch[0, 0])
            self._window(plan, <const f32x4*> &self.scratch[0, 0], squares, NULL)
            self._voltages(plan, squares, re, im, udin, msv, tables, row)
        return row_array

    cdef void _voltages(
        self, Plan plan, const double* squares, double* re, double* im, double udin, const double[::1] msv,
        double[:, :, ::1] tables, double[::1] row,
    ) noexcept nogil:
        """The row of three voltages from the bins of their window, and their phasors."""
        cdef int c, h, n
        cdef double uref = udin * udin, hz = self.rate * self.cycles / plan.span
        self._orders(plan, 3, &tables[0, 0, 0])
        for c in range(3):
            re[c] = tables[4, 1, c]
            im[c] = tables[5, 1, c]
            row[c] = squares[c]
            row[6 + c] = min(row[c], uref)
            row[9 + c] = max(row[c], uref)
            row[12 + c] = row[15 + c] = 0.0
            for h in range(2, self.orders + 1):
                row[12 + c] += tables[0, h, c]
                if h <= 40:
                    row[15 + c] += tables[0, h, c]
        for n in range(<int> msv.shape[0]):
            self._signal(msv[n] * self.cycles / hz, &row[18 + 3 * n])
        sequences(re, im, &row[3])

    def current(self, Plan plan, const float[:, ::1] i, double start):
        """Currents and powers of one field over a planned window that begins at column ``start`` of ``i``.

        Returns:
            row: see :class:`flexcore.dsp.rows.CurrentRow`.
        """
        cdef Py_ssize_t a = <Py_ssize_t> floor(start - plan.part_start + 0.5)
        cdef int channels = <int> i.shape[0], c, h
        if not 3 <= channels <= 4 or a < self.reach or a + plan.inside + self.reach >= i.shape[1]:
            raise ValueError("expected three or four currents with samples around both edges")
        cdef Py_ssize_t base = 3 * channels + 21
        row_array = np.empty(base + 6 * (self.orders + 1) * channels)
        cdef double[::1] row = row_array
        cdef double[:, :, ::1] tables = row_array[base:].reshape(6, self.orders + 1, channels)
        cdef double[4] squares, power, re, im
        cdef double p = 0.0, q = 0.0, h2
        cdef Py_ssize_t need = plan.inside + self.taps + 4
        self._make_room(need)
        with nogil:
            lanes_gather(&i[0, a - plan.lead], i.shape[1], channels, need, <f32x4*> &self.scratch[0, 0])
            self._window(plan, <const f32x4*> &self.scratch[0, 0], squares, power)
            self._orders(plan, channels, &tables[0, 0, 0])
            for c in range(channels):
                row[c] = squares[c]
                row[channels + 15 + c] = row[2 * channels + 15 + c] = 0.0
                for h in range(1, self.orders + 1):
                    h2 = tables[0, h, c]
                    if h > 1:
                        row[channels + 15 + c] += h2
                    row[2 * channels + 15 + c] += h2 * h * h
            for c in range(3):
                re[c] = tables[4, 1, c]
                im[c] = tables[5, 1, c]
                row[channels + c] = power[c]
                # U1 times conjugate I1: real part P1, imaginary part Q1
                row[channels + 3 + c] = plan.phasor_im[c] * re[c] - plan.phasor_re[c] * im[c]
                row[channels + 6 + c] = plan.phasor_re[c] * re[c] + plan.phasor_im[c] * im[c]
                row[channels + 9 + c] = plan.squares[c]
                p += power[c]
                q += row[channels + 3 + c]
            sequences(re, im, &row[channels + 12])
            c = 3 * channels + 15
            for h in range(6):
                row[c + h] = 0.0
            row[c + (0 if p >= 0.0 else 1)] = fabs(p)
            if q >= 0.0:
                row[c + (2 if p >= 0.0 else 3)] = q
            else:
                row[c + (5 if p >= 0.0 else 4)] = -q
        return row_array

    cdef void _window(self, Plan plan, const f32x4* x, double* squares, double* power) noexcept nogil:
        """Mean squares, mean powers against the plan's voltages, and the bins of one element."""
        cdef double ws[4]
        cdef double we[4]
        cdef double[4] ignored
        cdef int c, flips
        cdef const f32x4* u = <const f32x4*> &plan.lanes[0, 0]
        edge_weights(plan.part_start, ws)
        edge_weights(plan.part_end, we)
        if power == NULL:
            power = ignored
        lanes_sums(x + plan.lead - 1, u + plan.lead - 1, plan.inside, ws, we, squares, power)
        for c in range(4):
            squares[c] = squares[c] / plan.span if squares[c] > 0.0 else 0.0
            power[c] /= plan.span
        cdef f32x4* w = <f32x4*> &self.work[0, 0, 0]
        lanes_grid(x, &plan.at[0], &plan.weights[0, 0], self.points, self.taps, w, w + self.half)
        flips = lanes_fft(
            w, w + self.half, w + 2 * self.half, w + 3 * self.half, self.half, &self.cosine[0], &self.sine[0]
        )
        w += 2 * self.half * flips
        cdef f32x4* bins = <f32x4*> &self.bins[0, 0, 0]
        lanes_split(
            w, w + self.half, self.half, self.last, &self.cosine_half[0], &self.sine_half[0], &plan.gain[0],
            bins, bins + self.last + 1, bins + 2 * (self.last + 1),
        )

    cdef void _signal(self, double at, double* out) noexcept nogil:
        """Squares of a signal ``at`` bins (fractional) of the three voltages; not-a-number beyond the orders.

        From the four nearest interharmonic bins: what the window leaves in them of a tone there is known, and
        made up for. A harmonic next to it is not counted in, unless the signal is within half a bin of it.
        """
        cdef int first = <int> floor(at) - 1, k, c
        cdef double gain = 0.0, part
        cdef bint on_harmonic = fabs(at - self.cycles * floor(at / self.cycles + 0.5)) < 0.5
        for c in range(3):
            out[c] = 0.0
        for k in range(first, first + 4):
            if k % self.cycles == 0 and not on_harmonic:
                continue
            part = sinc(at - k)
            gain += part * part
            if 0 <= k <= self.last:
                for c in range(3):
                    out[c] += self.bins[2, k, c]
        for c in range(3):
            out[c] = out[c] / gain if first + 3 <= self.last else NAN

    cdef void _orders(self, Plan plan, int channels, double* out) noexcept nogil:
        cdef const f32x4* bins = <const f32x4*> &self.bins[0, 0, 0]
        lanes_orders(
            bins, bins + self.last + 1, bins + 2 * (self.last + 1), self.cycles, self.orders, channels,
            &plan.rotation_re[0], &plan.rotation_im[0], out,
        )

    cdef void _weights(self, Plan plan) noexcept nogil:
        """Where each point of the grid lies, the kernel's weights there, and what undoes its response."""
        cdef int j, t, half = self.taps // 2, k
        cdef double at, d, total, part, width, z, response, step = plan.span / self.points
        cdef Py_ssize_t whole, cell
        cdef float scale
        for j in range(self.points):
            at = plan.part_start + (j + 0.5) * step  # midpoints: what does not repeat costs least at the edges
            whole = <Py_ssize_t> floor(at)
            d = at - whole
            plan.at[j] = <int32_t> (whole + 1)  # the lanes begin ``half`` samples before the window
            total = 0.0
            for t in range(self.taps):
                part = fabs(d + half - 1 - t) * DENSITY
                cell = <Py_ssize_t> part
                part -= cell
                part = self.kernel[cell] + part * (self.kernel[cell + 1] - self.kernel[cell])
                plan.weights[j, t] = <float> part
                total += part
            scale = <float> (1.0 / total)  # direct current passes as it is, at every point
            for t in range(self.taps):
                plan.weights[j, t] *= scale
        width = M_PI * self.taps / plan.span
        for k in range(self.last + 1):
            z = self.beta * self.beta - (width * k) * (width * k)
            response = self._response(z) / self._response(self.beta * self.beta)
            plan.gain[k] = <float> ((1.0 if k == 0 else sqrt(2.0)) / (self.points * response))

    cdef double _response(self, double z) noexcept nogil:
        if z > 1e-6:
            return sinh(sqrt(z)) / sqrt(z)
        if z < -1e-6:
            return sin(sqrt(-z)) / sqrt(-z)
        return 1.0


cdef inline double sinc(double x) noexcept nogil:
    return sin(M_PI * x) / (M_PI * x) if fabs(x) > 1e-9 else 1.0


cdef void sequences(const double* re, const double* im, double* out) noexcept nogil:
    """Squares of the positive, negative and zero sequence of three phasors (Fortescue)."""
    cdef double s = 0.5 * sqrt(3.0)
    cdef double br = -0.5 * re[1], bi = -0.5 * im[1], cr = -0.5 * re[2], ci = -0.5 * im[2]
    # a = -1/2 + j s; a times b has the parts br - s im[1], bi + s re[1]; a squared the other sign
    cdef double xr = re[0] + br + cr - s * (im[1] - im[2]), xi = im[0] + bi + ci + s * (re[1] - re[2])
    cdef double yr = re[0] + br + cr + s * (im[1] - im[2]), yi = im[0] + bi + ci - s * (re[1] - re[2])
    cdef double zr = re[0] + re[1] + re[2], zi = im[0] + im[1] + im[2]
    out[0] = (xr * xr + xi * xi) / 9.0
    out[1] = (yr * yr + yi * yi) / 9.0
    out[2] = (zr * zr + zi * zi) / 9.0
