/* Four channels side by side: the arithmetic of one window, each lane a channel.
 *
 * A field has three or four channels, which is one vector register of floats on every processor that we
 * build for (SSE2, NEON): no shuffles, no remainder, and the same bits on every machine of a kind.
 */
#ifndef FLEXCORE_LANES_H
#define FLEXCORE_LANES_H

#include <stdint.h>

typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x4 __attribute__((vector_size(32)));

/* Interleave up to four rows; a lane without a row is zero. */
static void lanes_gather(const float *row, int64_t stride, int channels, int64_t n, f32x4 *restrict out) {
    const float *r0 = row, *r1 = row + stride, *r2 = row + 2 * stride, *r3 = row + 3 * stride;
    if (channels == 4) {
        for (int64_t k = 0; k < n; k++) out[k] = (f32x4){r0[k], r1[k], r2[k], r3[k]};
    } else {
        for (int64_t k = 0; k < n; k++) out[k] = (f32x4){r0[k], r1[k], r2[k], 0.0f};
    }
}

/* Sums over x * x and x * u from index 1 to n, with weights for what the fractional edges add and take.
 *
 * Products are summed in float32 over 16 samples, the sums of those in float64: good for 2e-7, at a third of the
 * cost of float64 throughout.
 */
static void lanes_sums(const f32x4 *restrict x, const f32x4 *restrict u, int64_t n, const double *ws,
                       const double *we, double *restrict xx, double *restrict xu) {
    f64x4 s = {0}, p = {0};
    for (int64_t k = 1; k <= n;) {
        int64_t end = k + 16 <= n + 1 ? k + 16 : n + 1;
        f32x4 a = {0}, b = {0};
        for (; k < end; k++) {
            a += x[k] * x[k];
            b += x[k] * u[k];
        }
        s += __builtin_convertvector(a, f64x4);
        p += __builtin_convertvector(b, f64x4);
    }
    for (int e = 0; e < 4; e++) {
        f64x4 a = __builtin_convertvector(x[e], f64x4), b = __builtin_convertvector(x[n + e], f64x4);
        s += ws[e] * a * a - we[e] * b * b;
        p += ws[e] * a * __builtin_convertvector(u[e], f64x4)
            - we[e] * b * __builtin_convertvector(u[n + e], f64x4);
    }
    for (int c = 0; c < 4; c++) {
        xx[c] = s[c];
        xu[c] = p[c];
    }
}

/* Values on the window's own grid; even points become the real, odd points the imaginary parts. */
static void lanes_grid(const f32x4 *restrict x, const int32_t *restrict at, const float *restrict weights,
                       int points, int taps, f32x4 *restrict re, f32x4 *restrict im) {
    for (int j = 0; j < points; j++) {
        const f32x4 *v = x + at[j];
        const float *w = weights + (int64_t)j * taps;
        f32x4 a = {0}, b = {0};
        for (int t = 0; t < taps; t += 2) { /* taps is even */
            a += v[t] * w[t];
            b += v[t + 1] * w[t + 1];
        }
        if (j & 1) im[j >> 1] = a + b;
        else re[j >> 1] = a + b;
    }
}

/* Stockham's transform, radix 4, forward; n is a power of four. Returns which buffer (0, 1) has the result. */
static int lanes_fft(f32x4 *re0, f32x4 *im0, f32x4 *re1, f32x4 *im1, int n, const float *restrict cosine,
                     const float *restrict sine) {
    f32x4 *xr = re0, *xi = im0, *yr = re1, *yi = im1;
    int flips = 0;
    for (int length = n, s = 1; length > 1; length >>= 2, s <<= 2, flips ^= 1) {
        int m = length >> 2;
        for (int p = 0; p < m; p++) {
            const float c1 = cosine[p * s], s1 = -sine[p * s];
            const float c2 = cosine[2 * p * s], s2 = -sine[2 * p * s];
            const float c3 = cosine[3 * p * s], s3 = -sine[3 * p * s];
            const f32x4 *restrict ar = xr + (int64_t)s * p, *restrict ai = xi + (int64_t)s * p;
            f32x4 *restrict br = yr + (int64_t)4 * s * p, *restrict bi = yi + (int64_t)4 * s * p;
            const int64_t q1 = (int64_t)s * m, q2 = 2 * q1, q3 = 3 * q1;
            for (int q = 0; q < s; q++) {
                f32x4 er = ar[q] + ar[q + q2], ei = ai[q] + ai[q + q2];
                f32x4 fr = ar[q] - ar[q + q2], fi = ai[q] - ai[q + q2];
                f32x4 gr = ar[q + q1] + ar[q + q3], gi = ai[q + q1] + ai[q + q3];
                f32x4 hr = ar[q + q1] - ar[q + q3], hi = ai[q + q1] - ai[q + q3];
                f32x4 tr, ti;
                br[q] = er + gr;
                bi[q] = ei + gi;
                tr = fr + hi, ti = fi - hr;
                br[q + s] = tr * c1 - ti * s1;
                bi[q + s] = tr * s1 + ti * c1;
                tr = er - gr, ti = ei - gi;
                br[q + 2 * s] = tr * c2 - ti * s2;
                bi[q + 2 * s] = tr * s2 + ti * c2;
                tr = fr - hi, ti = fi + hr;
                br[q + 3 * s] = tr * c3 - ti * s3;
                bi[q + 3 * s] = tr * s3 + ti * c3;
            }
        }
        f32x4 *swap = xr;
        xr = yr, yr = swap;
        swap = xi, xi = yi, yi = swap;
    }
    return flips;
}

/* Phasors 0..last of the 2n real points packed into n complex ones, times gain; and their squares. */
static void lanes_split(const f32x4 *restrict zr, const f32x4 *restrict zi, int n, int last,
                        const float *restrict cosine, const float *restrict sine, const float *restrict gain,
                        f32x4 *restrict re, f32x4 *restrict im, f32x4 *restrict power) {
    re[0] = (zr[0] + zi[0]) * gain[0];
    im[0] = (f32x4){0};
    power[0] = re[0] * re[0];
    for (int k = 1; k <= last; k++) {
        f32x4 ar = zr[k] + zr[n - k], ai = zi[k] - zi[n - k];
        f32x4 br = zr[k] - zr[n - k], bi = zi[k] + zi[n - k];
        float c = cosine[k], s = sine[k], g = 0.5f * gain[k];
        f32x4 xr = (ar + bi * c - br * s) * g;
        f32x4 xi = (ai - br * c - bi * s) * g;
        re[k] = xr;
        im[k] = xi;
        power[k] = xr * xr + xi * xi;
    }
}

/* Sum of power[first..last], ends included. */
static inline f32x4 lanes_band(const f32x4 *power, int first, int last) {
    f32x4 sum = {0};
    for (int k = first; k <= last; k++) sum += power[k];
    return sum;
}

static inline void lanes_store(double *restrict out, f32x4 v, int channels) {
    for (int c = 0; c < channels; c++) out[c] = v[c];
}

/* Squares of harmonics and interharmonics by order (IEC 61000-4-7), and window-locked phasors.
 *
 * out: 6 tables of (orders + 1) x channels: harmonic subgroups, harmonic groups, interharmonic subgroups,
 * interharmonic groups (between order h and h + 1; the last row is zero), real and imaginary part of the
 * phasor turned by the rotation of its order.
 */
static void lanes_orders(const f32x4 *re, const f32x4 *im, const f32x4 *power, int cycles, int orders, int channels,
                         const double *rotation_re, const double *rotation_im, double *out) {
    const int64_t table = (int64_t)(orders + 1) * channels;
    const int half = cycles / 2;
    for (int h = 0; h <= orders; h++) {
        const int k = h * cycles;
        double *o = out + (int64_t)h * channels;
        f32x4 subgroup, group, between = {0}, all_between = {0};
        if (h == 0) {
            subgroup = group = power[0];
        } else {
            subgroup = lanes_band(power, k - 1, k + 1);
            group = lanes_band(power, k - half + 1, k + half - 1) + 0.5f * (power[k - half] + power[k + half]);
        }
        if (h < orders) {
            between = lanes_band(power, k + 2, k + cycles - 2);
            all_between = between + power[k + 1] + power[k + cycles - 1];
        }
        lanes_store(o, subgroup, channels);
        lanes_store(o + table, group, channels);
        lanes_store(o + 2 * table, between, channels);
        lanes_store(o + 3 * table, all_between, channels);
        const double cr = rotation_re[h], ci = rotation_im[h];
        for (int c = 0; c < channels; c++) {
            double xr = re[k][c], xi = im[k][c];
            o[4 * table + c] = xr * cr - xi * ci;
            o[5 * table + c] = xr * ci + xi * cr;
        }
    }
}

#endif
