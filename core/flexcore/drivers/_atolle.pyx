# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, embedsignature=True
"""The hot half of the atolle driver: UDP in batches, check, deinterleave, scale, cut into blocks.

Everything per datagram runs without the GIL; the GIL is taken for a finished block (a copy of its samples)
and for a description not seen before. All memory is allocated once, by the number of streams.
"""

from libc.errno cimport EAGAIN, EINTR, ENOMEM, errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcpy, memset

import os

import numpy as np

from flexcore.drivers import frame

cdef extern from "zlib.h" nogil:
    unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned int length)

cdef extern from "poll.h" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    enum: POLLIN
    int poll(pollfd *fds, unsigned long count, int timeout_ms)

cdef extern from "unistd.h" nogil:
    int usleep(unsigned int usec)

cdef extern from "sys/uio.h" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    """
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    enum: MSG_DONTWAIT
    enum: MSG_TRUNC
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout)

cdef enum:
    BATCH = 64            # datagrams per system call
    ROUNDS = 32           # system calls before the caller gets its blocks
    DATAGRAM = 2048       # room for one datagram, more than any good one takes
    OPEN = 3              # blocks of one stream that may be incomplete at once
    LATE = 64             # blocks back whose fate is remembered
    CONFIGS = 4           # descriptions kept per stream
    CHANNELS = 16
    CONSISTENT = 5        # frames in a row that must agree before a time line is believed

cdef enum:
    D_OVERSIZED, D_SHORT, D_MAGIC, D_VERSION, D_HEADER, D_CRC, D_STREAM, D_KIND, D_DESCRIPTION
    D_CHANNELS, D_FORMAT, D_COUNT, D_RATE, D_CONFIG, D_FILLED, D_TIME, D_LATE
    DROPS = 17

#: Names of the drop counters, in the order of the checks; kept beside the enumeration.
REASONS = ("oversized", "short", "magic", "version", "header", "crc", "stream", "kind", "description",
           "channels", "format", "count", "rate", "config", "filled", "time", "late")
assert len(REASONS) == DROPS and D_LATE == DROPS - 1

cdef enum:
    N_MAGIC, N_VERSION, N_HEADER, N_KIND, N_FLAGS, N_STREAM, N_INDEX, N_T0, N_NUM, N_DEN
    N_CHANNELS, N_FORMAT, N_COUNT, N_CONFIG, N_CRC
    NUMBERS = 15

_NUMBERS = ("magic", "version", "header_bytes", "kind", "flags", "stream", "sample_index", "t0_ns",
            "rate_numerator", "rate_denominator", "channels", "format", "count", "config_hash", "crc32")
assert len(_NUMBERS) == NUMBERS and N_CRC == NUMBERS - 1

cdef int64_t NS = 1000000000
cdef uint64_t MAX_INDEX = <uint64_t>1 << 62

cdef struct Config:
    uint32_t hash
    uint64_t used          # when last seen, in datagrams; 0: free
    float gain[CHANNELS]
    float offset[CHANNELS]

cdef struct Slot:
    int filled             # samples per channel present
    float *data            # (channels, n)
    uint8_t *have          # (n): 1 where the sample is present
    int saturated          # how many of them a saturated frame brought
    uint8_t *marks         # (n): 1 where one did

cdef struct Stream:
    uint32_t id
    int channels
    bint anchored
    int64_t anchor         # grid index of sample index 0
    int64_t first          # first block of the time line: the one before it began half-way
    int64_t base           # oldest block not yet closed
    uint64_t complete      # bit i: block base-1-i was complete
    int64_t candidate_anchor
    int64_t candidate_index
    int candidates
    int active             # the description in use
    Config configs[CONFIGS]
    Slot slots[OPEN]
    uint64_t frames
    uint64_t saturated     # good frames that say so
    uint64_t untimed       # good frames without, or only holding, UTC


cdef inline uint64_t number(const uint8_t *p, int size) noexcept nogil:
    cdef uint64_t value = 0
    cdef int i
    for i in range(size):
        value |= <uint64_t>p[i] << (8 * i)
    return value


cdef inline int64_t floor_div(int64_t a, int64_t b) noexcept nogil:
    return a // b - (1 if a % b < 0 else 0)


cdef class Receiver:
    """Frames of ``streams`` (pairs of stream id and channel count) become blocks of ``n`` samples.

    ``describe(position, json)`` returns (gains, offsets) of a description, or None to refuse it.
    """

    cdef Stream *_streams
    cdef int _count
    cdef int _n
    cdef int64_t _rate
    cdef int _offset[NUMBERS]
    cdef int _size[NUMBERS]
    cdef uint32_t _magic
    cdef int _version, _header, _longest, _kind_samples, _kind_description
    cdef int _int24, _int32
    cdef int _flag_sync, _flag_filled, _flag_saturated, _flag_holdover
    cdef uint64_t _drops[DROPS]
    cdef uint64_t _datagrams, _frames, _descriptions, _duplicates, _blocks, _blocks_lost, _reanchored
    cdef uint64_t _settling
    cdef uint64_t _unsynchronised, _saturated, _holdover
    cdef uint8_t *_buffers
    cdef mmsghdr *_messages
    cdef iovec *_vectors
    cdef list _ready
    cdef object _describe

    def __cinit__(self, streams, int n, int rate_hz, describe):
        cdef int i, k, c
        self._streams = NULL
        self._count = len(streams)
        self._n = n
        self._rate = rate_hz
        self._ready = []
        self._describe = describe
        if n < 1 or rate_hz < 1:
            raise ValueError(f"expected a positive block size and rate, got {n}, {rate_hz}")
        for i, name in enumerate(_NUMBERS):
            self._offset[i], self._size[i] = frame.OFFSETS[name]
        self._magic, self._version = frame.MAGIC, frame.VERSION
        self._header, self._longest = frame.HEADER_BYTES, frame.MAX_DATAGRAM_BYTES
        self._kind_samples, self._kind_description = frame.KIND_SAMPLES, frame.KIND_DESCRIPTION
        self._int24, self._int32 = frame.FORMAT_INT24, frame.FORMAT_INT32
        self._flag_sync, self._flag_filled = frame.FLAG_TIME_SYNC, frame.FLAG_GAP
        self._flag_saturated, self._flag_holdover = frame.FLAG_SATURATED, frame.FLAG_HOLDOVER
        self._streams = <Stream *>calloc(max(self._count, 1), sizeof(Stream))
        self._buffers = <uint8_t *>calloc(BATCH, DATAGRAM)
        self._messages = <mmsghdr *>calloc(BATCH, sizeof(mmsghdr))
        self._vectors = <iovec *>calloc(BATCH, sizeof(iovec))
        if self._streams == NULL or self._buffers == NULL or self._messages == NULL or self._vectors == NULL:
            raise MemoryError
        for i in range(BATCH):
            self._vectors[i].iov_base = self._buffers + i * DATAGRAM
            self._vectors[i].iov_len = DATAGRAM
            self._messages[i].msg_hdr.msg_iov = self._vectors + i
            self._messages[i].msg_hdr.msg_iovlen = 1
        for i in range(self._count):
            self._streams[i].id, c = streams[i]
            if not 1 <= c <= CHANNELS:
                raise ValueError(f"expected 1 to {CHANNELS} channels, got {c}")
            self._streams[i].channels = c
            self._streams[i].active = -1
            for k in range(OPEN):
                self._streams[i].slots[k].data = <float *>calloc(<size_t>c * n, sizeof(float))
                self._streams[i].slots[k].have = <uint8_t *>calloc(n, 1)
                self._streams[i].slots[k].marks = <uint8_t *>calloc(n, 1)
                if (
                    self._streams[i].slots[k].data == NULL or self._streams[i].slots[k].have == NULL
                    or self._streams[i].slots[k].marks == NULL
                ):
                    raise MemoryError

    def __dealloc__(self):
        cdef int i, k
        if self._streams != NULL:
            for i in range(self._count):
                for k in range(OPEN):
                    free(self._streams[i].slots[k].data)
                    free(self._streams[i].slots[k].have)
                    free(self._streams[i].slots[k].marks)
        free(self._streams)
        free(self._buffers)
        free(self._messages)
        free(self._vectors)

    def receive(self, int fd, int timeout_ms, int gather_us):
        """Wait for datagrams, let more gather, take them all.

        A list of (position, block number, samples, spans of saturated columns).
        """
        cdef int error
        with nogil:
            error = self._receive(fd, timeout_ms, gather_us)
        if error:
            raise OSError(error, os.strerror(error))
        return self._take()

    def feed(self, const uint8_t[::1] datagram not None):
        """Take one datagram as if it had been received; the blocks it completed."""
        cdef int error = 0
        cdef const uint8_t *p = &datagram[0] if datagram.shape[0] else NULL
        with nogil:
            error = self._datagram(p, <int>min(datagram.shape[0], 1 << 20))
        if error:
            raise OSError(error, os.strerror(error))
        return self._take()

    def counters(self):
        """What happened since the start, by name; ``dropped_REASON`` for each of REASONS."""
        counts = {
            "datagrams": self._datagrams,
            "frames": self._frames,
            "descriptions": self._descriptions,
            "blocks": self._blocks,
            "blocks_lost": self._blocks_lost,
            "samples_lost": self._blocks_lost * self._n,
            "duplicates": self._duplicates,
            "settling": self._settling,
            "reanchored": self._reanchored,
            "unsynchronised": self._unsynchronised,
            "saturated": self._saturated,
            "holdover": self._holdover,
        }
        for i, reason in enumerate(REASONS):
            counts[f"dropped_{reason}"] = self._drops[i]
        return counts

    def stream_frames(self):
        """Good frames of each stream since the start, in the order of the streams."""
        return [self._streams[i].frames for i in range(self._count)]

    def stream_flags(self):
        """Of each stream, in order: good frames that were saturated, and not (or only in holdover) on UTC."""
        return [(self._streams[i].saturated, self._streams[i].untimed) for i in range(self._count)]

    cdef list _take(self):
        ready, self._ready = self._ready, []
        return ready

    cdef int _receive(self, int fd, int timeout_ms, int gather_us) noexcept nogil:
        cdef pollfd p
        cdef int got, i, r, size, error
        p.fd = fd
        p.events = POLLIN
        p.revents = 0
        got = poll(&p, 1, timeout_ms)
        if got < 0:
            return 0 if errno == EINTR else errno
        if got == 0:
            return 0
        if gather_us:
            usleep(gather_us)  # one wake-up for many datagrams; the socket's buffer holds them meanwhile
        for r in range(ROUNDS):
            got = recvmmsg(fd, self._messages, BATCH, MSG_DONTWAIT, NULL)
            if got < 0:
                return 0 if errno == EAGAIN or errno == EINTR else errno
            for i in range(got):
                size = self._messages[i].msg_len
                if self._messages[i].msg_hdr.msg_flags & MSG_TRUNC:
                    size = DATAGRAM + 1
                error = self._datagram(self._buffers + i * DATAGRAM, size)
                if error:
                    return error
            if got < BATCH:
                return 0
        return 0

    cdef inline uint64_t _get(self, const uint8_t *p, int which) noexcept nogil:
        return number(p + self._offset[which], self._size[which])

    cdef inline int _drop(self, int reason) noexcept nogil:
        self._drops[reason] += 1
        return 0

    cdef int _datagram(self, const uint8_t *p, int size) noexcept nogil:
        """Check what every datagram must have; 0, or an errno that ends the driver."""
        cdef uint32_t crc
        cdef int i
        cdef uint64_t kind
        cdef Stream *s = NULL
        self._datagrams += 1
        if size > self._longest:
            return self._drop(D_OVERSIZED)
        if size < self._header:
            return self._drop(D_SHORT)
        if self._get(p, N_MAGIC) != self._magic:
            return self._drop(D_MAGIC)
        if <int>self._get(p, N_VERSION) != self._version:
            return self._drop(D_VERSION)
        if <int>self._get(p, N_HEADER) != self._header:
            return self._drop(D_HEADER)
        crc = crc32(0, p, self._offset[N_CRC])
        crc = crc32(crc, p + self._header, size - self._header) if size > self._header else crc
        if crc != self._get(p, N_CRC):
            return self._drop(D_CRC)
        for i in range(self._count):
            if self._streams[i].id == self._get(p, N_STREAM):
                s = self._streams + i
                break
        if s == NULL:
            return self._drop(D_STREAM)
        kind = self._get(p, N_KIND)
        if kind == <uint64_t>self._kind_samples:
            return self._samples(s, i, p, size)
        if kind == <uint64_t>self._kind_description:
            return self._description(s, i, p, size)
        return self._drop(D_KIND)

    cdef int _description(self, Stream *s, int position, const uint8_t *p, int size) noexcept nogil:
        cdef int i
        cdef int length = size - self._header
        cdef uint32_t crc
        if length < 1 or self._get(p, N_COUNT) != <uint64_t>length:
            return self._drop(D_COUNT)
        crc = crc32(0, p + self._header, length)
        if crc != self._get(p, N_CONFIG):
            return self._drop(D_DESCRIPTION)
        for i in range(CONFIGS):
            if s.configs[i].used and s.configs[i].hash == crc:
                s.configs[i].used = self._datagrams
                self._descriptions += 1
                return 0
        return self._learn(s, position, p, length, crc)

    cdef int _learn(self, Stream *s, int position, const uint8_t *p, int length, uint32_t crc) noexcept with gil:
        """A description not known yet takes the place of the one unseen for longest, never of the active."""
        cdef int i, c
        cdef int victim = -1
        try:
            scale = self._describe(position, (<const char *>(p + self._header))[:length])
            if scale is None:
                return self._drop(D_DESCRIPTION)
            gains, offsets = scale
            for i in range(CONFIGS):
                if i != s.active and (victim < 0 or s.configs[i].used < s.configs[victim].used):
                    victim = i
            for c in range(s.channels):
                s.configs[victim].gain[c] = gains[c]
                s.configs[victim].offset[c] = offsets[c]
            s.configs[victim].hash = crc
            s.configs[victim].used = self._datagrams
            self._descriptions += 1
        except Exception:
            # whatever the parser of foreign JSON did not foresee must not stop the other streams
            return self._drop(D_DESCRIPTION)
        return 0

    cdef int _samples(self, Stream *s, int position, const uint8_t *p, int size) noexcept nogil:
        cdef int channels = <int>self._get(p, N_CHANNELS)
        cdef int form = <int>self._get(p, N_FORMAT)
        cdef int count = <int>self._get(p, N_COUNT)
        cdef int flags = <int>self._get(p, N_FLAGS)
        cdef uint64_t numerator = self._get(p, N_NUM)
        cdef uint64_t denominator = self._get(p, N_DEN)
        cdef uint32_t config = <uint32_t>self._get(p, N_CONFIG)
        cdef int width, i
        if channels != s.channels:
            return self._drop(D_CHANNELS)
        if form != self._int24 and form != self._int32:
            return self._drop(D_FORMAT)
        width = 3 if form == self._int24 else 4
        if count < 1 or size != self._header + count * channels * width:
            return self._drop(D_COUNT)
        if denominator == 0 or numerator != <uint64_t>self._rate * denominator:
            return self._drop(D_RATE)
        if s.active < 0 or s.configs[s.active].hash != config:
            for i in range(CONFIGS):
                if s.configs[i].used and s.configs[i].hash == config:
                    s.active = i
                    break
            else:
                return self._drop(D_CONFIG)
        if flags & self._flag_filled:
            return self._drop(D_FILLED)
        return self._timed(s, position, p, count, width, flags)

    cdef int _timed(self, Stream *s, int position, const uint8_t *p, int count, int width, int flags) noexcept nogil:
        """Find the frame's place on the grid: by its sample index, as long as its time stamp agrees."""
        cdef uint64_t index = self._get(p, N_INDEX)
        cdef uint64_t t0 = self._get(p, N_T0)
        cdef int64_t at, grid, block
        if index >= MAX_INDEX or t0 >= MAX_INDEX:
            return self._drop(D_TIME)
        grid = (<int64_t>t0 // NS) * self._rate + ((<int64_t>t0 % NS) * self._rate + NS // 2) // NS
        if s.anchored:
            at = s.anchor + <int64_t>index
            block = floor_div(at, self._n)
            if self._near(at, grid, <int64_t>t0) and s.base - LATE <= block and self._fits(s, block, at, count):
                return self._place(s, position, p, at, count, width, flags)
        # A time line of its own, or too far ahead or behind: believed once CONSISTENT frames in a row say the
        # same, so that one hostile or damaged frame moves nothing.
        at = s.candidate_anchor + <int64_t>index
        if (
            s.candidates
            and self._near(at, grid, <int64_t>t0)
            and s.candidate_index < <int64_t>index <= s.candidate_index + 2 * self._rate
        ):
            s.candidates += 1
        else:
            s.candidates = 1
            s.candidate_anchor = grid - <int64_t>index
        s.candidate_index = <int64_t>index
        if s.candidates < CONSISTENT:
            if s.anchored:
                return self._drop(D_TIME)
            self._settling += 1
            return 0
        at = s.candidate_anchor + <int64_t>index
        self._anchor(s, s.candidate_anchor, -floor_div(-at, self._n))
        return self._place(s, position, p, s.anchor + <int64_t>index, count, width, flags)

    cdef bint _fits(self, Stream *s, int64_t block, int64_t at, int count) noexcept nogil:
        """Whether a frame from grid index ``at`` on, in ``block``, may be placed on its own word alone.

        It may where no open block has to be given up for it. Giving one up takes more: half a block of
        samples beyond it, that is, other frames that also say that the stream went on without it.
        """
        cdef int64_t ahead = 0
        cdef int k
        if floor_div(at + count - 1, self._n) < s.base + OPEN:
            return True
        if at <= s.base * self._n + s.slots[s.base % OPEN].filled:
            return True  # goes on where the oldest block ends, and is longer than all that may be open
        if block > s.base + OPEN:
            return False
        for k in range(1, OPEN):
            ahead += s.slots[(s.base + k) % OPEN].filled
        return 2 * ahead >= self._n

    cdef bint _near(self, int64_t at, int64_t grid, int64_t t0) noexcept nogil:
        """Whether time stamp ``t0`` lies within 3/4 sample of grid index ``at``: half a sample is the
        rounding of the anchor, the rest keeps a jittering stamp from moving it to and fro."""
        cdef int64_t deviation
        if at < 0 or at - grid > 1 or grid - at > 1:
            return False
        deviation = t0 - (at // self._rate) * NS - ((at % self._rate) * NS) // self._rate
        if deviation < 0:
            deviation = -deviation
        return deviation * self._rate * 4 <= 3 * NS

    cdef void _anchor(self, Stream *s, int64_t anchor, int64_t block) noexcept nogil:
        """Start a time line whose first whole block is ``block``; what was open on the old one is lost.

        Where it goes on with the next number after a step back, one block is left out: the two are not one
        signal, and a hole in the numbers is the one way to say so.
        """
        cdef int k
        if s.anchored and anchor != s.anchor and block == s.base:
            block += 1
        if s.anchored:
            if block >= s.base:
                self._blocks_lost += block - s.base
            else:
                for k in range(OPEN):
                    self._blocks_lost += 1 if s.slots[k].filled else 0
            self._reanchored += 1 if anchor != s.anchor else 0
        for k in range(OPEN):
            self._clear(s.slots + k)
        s.anchored = True
        s.anchor = anchor
        s.first = block
        s.base = block
        s.complete = 0
        s.candidates = 0

    cdef inline void _clear(self, Slot *slot) noexcept nogil:
        slot.filled = 0
        memset(slot.have, 0, self._n)
        if slot.saturated:
            slot.saturated = 0
            memset(slot.marks, 0, self._n)

    cdef int _place(
        self, Stream *s, int position, const uint8_t *p, int64_t at, int count, int width, int flags
    ) noexcept nogil:
        cdef int done = 0
        cdef int new = 0
        cdef bint late = False
        cdef int off, m
        cdef int64_t block
        while done < count:
            block = floor_div(at + done, self._n)
            off = <int>(at + done - block * self._n)
            m = min(self._n - off, count - done)
            if block == s.first - 1:
                new += m  # good, but its block cannot become whole
            elif block < s.base:
                late = late or s.base - block > LATE or not (s.complete >> (s.base - 1 - block)) & 1
            else:
                while block >= s.base + OPEN:
                    self._blocks_lost += 1
                    self._close(s, False)
                    if self._finish(s, position):
                        return ENOMEM
                new += self._store(s, block, off, m, p + self._header + done * s.channels * width, width,
                                   flags & self._flag_saturated)
                if self._finish(s, position):
                    return ENOMEM
            done += m
        if new == 0:
            if late:
                return self._drop(D_LATE)
            self._duplicates += 1
            return 0
        s.candidates = 0
        s.frames += 1
        self._frames += 1
        self._unsynchronised += 0 if flags & self._flag_sync else 1
        self._saturated += 1 if flags & self._flag_saturated else 0
        self._holdover += 1 if flags & self._flag_holdover else 0
        s.saturated += 1 if flags & self._flag_saturated else 0
        s.untimed += 1 if flags & self._flag_holdover or not flags & self._flag_sync else 0
        return 0

    cdef int _store(
        self, Stream *s, int64_t block, int off, int m, const uint8_t *p, int width, bint saturated
    ) noexcept nogil:
        """Scale ``m`` samples into a block where they are not present yet; how many were new."""
        cdef Slot *slot = s.slots + block % OPEN
        cdef Config *config = s.configs + s.active
        cdef int stride = s.channels * width
        cdef int c, i
        cdef int new = 0
        cdef bint fresh = memchr(slot.have + off, 1, m) == NULL
        cdef float gain, offset
        cdef float *out
        cdef const uint8_t *q
        cdef int32_t value
        if not fresh and memchr(slot.have + off, 0, m) == NULL:
            return 0
        for c in range(s.channels):
            gain = config.gain[c]
            offset = config.offset[c]
            out = slot.data + <size_t>c * self._n + off
            q = p + c * width
            for i in range(m):
                if fresh or not slot.have[off + i]:
                    if width == 3:
                        value = <int32_t>(<uint32_t>q[0] << 8 | <uint32_t>q[1] << 16 | <uint32_t>q[2] << 24) >> 8
                    else:
                        value = <int32_t>(
                            <uint32_t>q[0] | <uint32_t>q[1] << 8 | <uint32_t>q[2] << 16 | <uint32_t>q[3] << 24
                        )
                    out[i] = <float>value * gain + offset
                q += stride
        for i in range(m):
            new += 1 - slot.have[off + i]
        if saturated:
            for i in range(m):
                slot.marks[off + i] |= 1 - slot.have[off + i]
            slot.saturated += new
        memset(slot.have + off, 1, m)
        slot.filled += new
        return new

    cdef inline void _close(self, Stream *s, bint complete) noexcept nogil:
        self._clear(s.slots + s.base % OPEN)
        s.complete = (s.complete << 1) | (1 if complete else 0)
        s.base += 1

    cdef inline int _finish(self, Stream *s, int position) noexcept nogil:
        """Hand out the blocks that are complete, in order."""
        while s.slots[s.base % OPEN].filled == self._n:
            if self._emit(s, position):
                return 1
            self._close(s, True)
        return 0

    cdef tuple _spans(self, Slot *slot):
        """Where the block's samples were saturated, as (first, after)."""
        cdef int i
        cdef int first = -1
        spans = []
        for i in range(self._n):
            if slot.marks[i] and first < 0:
                first = i
            elif first >= 0 and not slot.marks[i]:
                spans.append((first, i))
                first = -1
        if first >= 0:
            spans.append((first, self._n))
        return tuple(spans)

    cdef int _emit(self, Stream *s, int position) noexcept with gil:
        cdef float[:, ::1] view
        try:
            samples = np.empty((s.channels, self._n), np.float32)
            view = samples
            memcpy(&view[0, 0], s.slots[s.base % OPEN].data, <size_t>s.channels * self._n * sizeof(float))
            spans = self._spans(s.slots + s.base % OPEN) if s.slots[s.base % OPEN].saturated else ()
            self._ready.append((position, s.base, samples, spans))
        except MemoryError:
            return 1
        self._blocks += 1
        return 0
