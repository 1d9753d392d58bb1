# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=False, cdivision=True, embedsignature=True
"""The hot half of the sampled_values driver: Ethernet frames in batches, decoded into runs of samples.

Every byte is read through a bounds-checked view, and every length is checked against what holds it: what is
wrong is counted by reason. Nothing of a frame is used before all of it has been understood. All memory is
allocated once, by the number of streams.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

import os

import numpy as np

cdef extern from "poll.h" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    enum: POLLIN
    int poll(pollfd *fds, unsigned long count, int timeout_ms)

cdef extern from "unistd.h" nogil:
    int usleep(unsigned int usec)

cdef extern from "time.h" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    enum: CLOCK_REALTIME
    int clock_gettime(int clock, timespec *now)

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
    #include <string.h>
    #include <time.h>
    /* When the kernel got the datagram (SO_TIMESTAMPNS), ns since 1970; 0 where it does not say. */
    static long long flexcore_arrival(struct msghdr *m) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS
                    && c->cmsg_len >= CMSG_LEN(sizeof(struct timespec))) {
                struct timespec at;
                memcpy(&at, CMSG_DATA(c), sizeof at);
                return (long long)at.tv_sec * 1000000000LL + at.tv_nsec;
            }
        }
        return 0;
    }
    """
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    enum: MSG_DONTWAIT
    enum: MSG_TRUNC
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout)
    long long flexcore_arrival(msghdr *message)

cdef enum:
    BATCH = 64            # frames per system call
    ROUNDS = 32           # system calls before the caller gets its runs
    FRAME = 2048          # room for one frame, more than any good one takes
    CONTROL = 64          # room for the kernel's time stamp
    ASDUS = 64            # ASDUs of one frame
    COLUMNS = 16          # channels that are used of one stream
    ID = 64               # IEC 61850-9-2, table 14 allows 35 characters and edition 2 129; shorter in practice
    RUN = 1024            # samples of one run
    ELEMENTS = 4          # bits of a sample's flags: 4 for bad, 4 for doubtful

cdef enum:
    TAG_PDU = 0x60
    TAG_NUMBER = 0x80
    TAG_SEQUENCE = 0xA2
    TAG_ASDU = 0x30
    ETHERTYPE = 0x88BA
    VLAN = 0x8100
    SERVICE_VLAN = 0x88A8
    ADDRESSES = 12
    SIMULATED = 0x8000    # reserved 1 (IEC 61850-9-2:2011, 5.3.2)

# Quality as IEC 61850-7-3 has it, least significant bit first (9-2LE, 7.1.2.2).
cdef enum:
    Q_VALIDITY = 0x0003   # 0 good, 1 invalid, 2 reserved, 3 questionable
    Q_QUESTIONABLE = 0x0003
    Q_RANGE = 0x000C      # overflow, out of range
    Q_UNUSABLE = 0x0CC0   # failure, old data; substituted, test: measured by nobody

cdef enum:
    D_OVERSIZED, D_SHORT, D_MAGIC, D_HEADER, D_SIMULATED, D_BER, D_ASDU, D_APPID, D_REVISION, D_CHANNELS, D_RATE
    DROPS = 11

#: Names of the drop counters, in the order of the checks; kept beside the enumeration.
REASONS = ("oversized", "short", "magic", "header", "simulated", "ber", "asdu", "appid", "revision", "channels",
           "rate")
assert len(REASONS) == DROPS and D_RATE == DROPS - 1

cdef struct Stream:
    int id_bytes
    uint8_t id[ID]
    int appid
    int64_t revision       # expected confRev; -1: any
    int channels           # on the wire
    int columns            # that are used
    int wire[COLUMNS]
    double gain[COLUMNS]
    int element[COLUMNS]
    uint64_t overrun       # frames whose smpCnt the rate does not have
    # the run that is being gathered
    int first
    int count
    int frames
    uint64_t frame         # the last one that it took from
    int sync
    bint told
    bint flagged
    int64_t arrival

cdef struct Item:
    int tag
    int at                 # first byte of the value
    int end                # byte after it

cdef struct Asdu:
    int stream
    int smp_cnt
    int sync
    bint told
    int at


cdef inline int item(const uint8_t[::1] b, int at, int end, Item *found) except -1 nogil:
    """The tag-length-value at ``at`` of what ends at ``end``; 0, or 1 where that is none (BER: X.690, 8.1)."""
    cdef int length, k
    cdef int64_t value = 0
    if end - at < 2:
        return 1
    found.tag = b[at]
    if found.tag & 0x1F == 0x1F:
        return 1  # a tag of several bytes: the standard has none
    length = b[at + 1]
    at += 2
    if length & 0x80:
        length &= 0x7F
        if not 1 <= length <= 4 or end - at < length:
            return 1  # without end, or longer than any frame
        for k in range(length):
            value = value << 8 | b[at + k]
        at += length
    else:
        value = length
    if value > end - at:
        return 1
    found.at = at
    found.end = at + <int>value
    return 0


cdef inline uint64_t number(const uint8_t[::1] b, int at, int size) except? 0xDEAD nogil:
    cdef uint64_t value = 0
    cdef int k
    for k in range(size):
        value = value << 8 | b[at + k]
    return value


cdef class Receiver:
    """Frames of sampled values become runs: samples of one stream that follow each other in one second.

    ``streams`` are tuples (svID, APPID, confRev or None, channels on the wire, columns); a column is (number
    on the wire, gain, element). ``rate_hz`` is the rate that all of them must have, ``nominal_hz`` the grid's
    frequency, to which smpRate may refer.

    A run is (stream, smpCnt of its first sample, frames, smpSynch, whether smpRate confirmed the rate, arrival
    of its first frame in ns UTC, samples as float32 (columns, n), flags as uint8 (n) or None). A sample's
    flags have bit ``e`` where a column of element ``e`` was not measured (invalid, failed, old, substituted or
    of a test) and bit ``4 + e`` where it is questionable or out of range.
    """

    cdef int _count, _rate, _nominal
    cdef Stream[::1] _streams
    cdef object _memory
    cdef uint8_t[:, ::1] _frames
    cdef uint8_t[:, ::1] _controls
    cdef float[:, :, ::1] _values
    cdef uint8_t[:, ::1] _flags
    cdef uint64_t _drops[DROPS]
    cdef uint64_t _datagrams, _foreign
    cdef Asdu _found[ASDUS]
    cdef mmsghdr _messages[BATCH]
    cdef iovec _iovecs[BATCH]
    cdef list _ready

    def __cinit__(self, streams, int rate_hz, int nominal_hz):
        cdef int i, k
        if rate_hz < 1 or rate_hz > 65536 or nominal_hz < 1:
            raise ValueError(f"expected a rate of 1 to 65536 Hz, got {rate_hz}, {nominal_hz}")
        self._count, self._rate, self._nominal = len(streams), rate_hz, nominal_hz
        rows = max(self._count, 1)
        self._memory = np.zeros(rows * sizeof(Stream), np.uint8)
        self._streams = <Stream[:rows]> <Stream *> <size_t> self._memory.ctypes.data
        self._frames = np.zeros((BATCH, FRAME), np.uint8)
        self._controls = np.zeros((BATCH, CONTROL), np.uint8)
        self._values = np.zeros((rows, COLUMNS, RUN), np.float32)
        self._flags = np.zeros((rows, RUN), np.uint8)
        self._ready = []
        for i, (name, appid, revision, channels, columns) in enumerate(streams):
            raw = name.encode("ascii")
            if not 1 <= len(raw) <= ID:
                raise ValueError(f"expected an svID of 1 to {ID} characters, got {name!r}")
            if not 1 <= len(columns) <= COLUMNS:
                raise ValueError(f"expected 1 to {COLUMNS} columns, got {len(columns)}")
            self._streams[i].id_bytes = len(raw)
            for k in range(len(raw)):
                self._streams[i].id[k] = raw[k]
            self._streams[i].appid = appid
            self._streams[i].revision = -1 if revision is None else revision
            self._streams[i].channels = channels
            self._streams[i].columns = len(columns)
            for k, (wire, gain, element) in enumerate(columns):
                if not 0 <= wire < channels or not 0 <= element < ELEMENTS:
                    raise ValueError(f"expected a channel of {channels} and an element of {ELEMENTS}")
                self._streams[i].wire[k], self._streams[i].gain[k] = wire, gain
                self._streams[i].element[k] = element
        for i in range(BATCH):
            self._iovecs[i].iov_base = &self._frames[i, 0]
            self._iovecs[i].iov_len = FRAME
            self._messages[i].msg_hdr.msg_iov = &self._iovecs[i]
            self._messages[i].msg_hdr.msg_iovlen = 1
            self._messages[i].msg_hdr.msg_control = &self._controls[i, 0]

    def receive(self, int fd, int timeout_ms, int gather_us):
        """Wait for frames, let more gather, take them all; the runs that they make.

        Raises:
            OSError: the socket said so, e.g. that its interface went down.
        """
        cdef int error
        with nogil:
            error = self._receive(fd, timeout_ms, gather_us)
        if error:
            raise OSError(error, os.strerror(error))
        return self._take()

    def feed(self, const uint8_t[::1] frame not None, int64_t arrival_ns):
        """Take one frame as if it had been received; the runs it made."""
        self._frame(frame, <int>min(frame.shape[0], 1 << 20), arrival_ns)
        return self._take()

    def feed_all(self, frames):
        """Take (frame, arrival_ns) one after the other, as if they had gathered; the runs they made."""
        cdef const uint8_t[::1] view
        for frame, arrival_ns in frames:
            view = frame
            self._frame(view, <int>min(view.shape[0], 1 << 20), arrival_ns)
        return self._take()

    def counters(self):
        """What was received since the start, by name; ``dropped_REASON`` for each of REASONS."""
        counts = {"datagrams": self._datagrams, "foreign": self._foreign}
        for i, reason in enumerate(REASONS):
            counts[f"dropped_{reason}"] = self._drops[i]
        return counts

    def overruns(self):
        """Of each stream, frames with a smpCnt that the rate does not have."""
        return [self._streams[i].overrun for i in range(self._count)]

    cdef list _take(self):
        cdef int i
        for i in range(self._count):
            self._flush(i)
        ready = self._ready
        self._ready = []
        return ready

    cdef int _receive(self, int fd, int timeout_ms, int gather_us) except -1 nogil:
        cdef pollfd wait
        cdef timespec now
        cdef int round_, i, got
        cdef int64_t arrival
        wait.fd = fd
        wait.events = POLLIN
        got = poll(&wait, 1, timeout_ms)
        if got < 0:
            return 0 if errno == EINTR else errno
        if got == 0:
            return 0
        if gather_us > 0:
            usleep(gather_us)
        for round_ in range(ROUNDS):
            for i in range(BATCH):
                self._messages[i].msg_hdr.msg_controllen = CONTROL
            got = recvmmsg(fd, self._messages, BATCH, MSG_DONTWAIT, NULL)
            if got < 0:
                return 0 if errno == EAGAIN or errno == EINTR else errno
            for i in range(got):
                arrival = flexcore_arrival(&self._messages[i].msg_hdr)
                if arrival == 0:
                    clock_gettime(CLOCK_REALTIME, &now)
                    arrival = <int64_t>now.tv_sec * 1000000000 + now.tv_nsec
                if self._messages[i].msg_hdr.msg_flags & MSG_TRUNC:
                    self._datagrams += 1
                    self._drop(D_OVERSIZED)
                    continue
                self._frame(self._frames[i], <int>self._messages[i].msg_len, arrival)
            if got < BATCH:
                break
        return 0

    cdef inline int _drop(self, int reason) noexcept nogil:
        self._drops[reason] += 1
        return 0

    cdef int _frame(self, const uint8_t[::1] b, int length, int64_t arrival) except -1 nogil:
        """One frame: all of its ASDUs, or none."""
        cdef int at = ADDRESSES
        cdef int end, kind, reserved, tags, count, i
        cdef Item pdu, part
        self._datagrams += 1
        if length > FRAME:
            return self._drop(D_OVERSIZED)
        if length < ADDRESSES + 2 + 8 + 2:
            return self._drop(D_SHORT)
        kind = <int>number(b, at, 2)
        for tags in range(2):
            if kind != VLAN and kind != SERVICE_VLAN:
                break
            at += 4
            if length < at + 2 + 8 + 2:
                return self._drop(D_SHORT)
            kind = <int>number(b, at, 2)
        if kind != ETHERTYPE:
            return self._drop(D_MAGIC)
        at += 2
        end = at + <int>number(b, at + 2, 2)  # APPID, length (both and what follows), reserved 1 and 2
        reserved = <int>number(b, at + 4, 2)
        if end < at + 8 or end > length:
            return self._drop(D_HEADER)
        if item(b, at + 8, end, &pdu) or pdu.tag != TAG_PDU:
            return self._drop(D_BER)
        count = self._asdus(b, &pdu, <int>number(b, at, 2), reserved)
        for i in range(count):
            self._keep(b, &self._found[i], arrival)
        return 0

    cdef int _asdus(self, const uint8_t[::1] b, Item *pdu, int appid, int reserved) except -1 nogil:
        """The ASDUs of a PDU; how many are ours, none where one of them cannot be used."""
        cdef Item part, one
        cdef int at = pdu.at
        cdef int promised = -1
        cdef int count = 0
        cdef bint seen = False
        cdef bint ours = False
        cdef int said
        while at < pdu.end:
            if item(b, at, pdu.end, &part):
                return self._drop(D_BER)
            at = part.end
            if part.tag == TAG_NUMBER:
                if not 1 <= part.end - part.at <= 3 or promised >= 0:
                    return self._drop(D_BER)
                promised = <int>number(b, part.at, part.end - part.at)
            elif part.tag == TAG_SEQUENCE:
                if seen:
                    return self._drop(D_BER)
                seen = True
                while part.at < part.end:
                    if item(b, part.at, part.end, &one) or one.tag != TAG_ASDU:
                        return self._drop(D_BER)
                    part.at = one.end
                    if count == ASDUS:
                        return self._drop(D_ASDU)
                    said = self._asdu(b, &one, &self._found[count], appid, reserved)
                    if said > 0:
                        return self._drop(said - 1)
                    ours = ours or self._found[count].stream >= 0
                    count += 1
        if not seen or count == 0 or promised != count:
            return self._drop(D_ASDU)
        if not ours:
            self._foreign += 1
            return 0
        return count

    cdef int _asdu(
        self, const uint8_t[::1] b, Item *asdu, Asdu *found, int appid, int reserved
    ) except -1 nogil:
        """One ASDU; 0, or 1 more than the reason to drop its frame. ``found.stream`` is -1 for a foreign one."""
        cdef Item part
        cdef Stream *s
        cdef int at = asdu.at
        cdef int have = 0
        cdef int bit, size, k
        cdef int64_t revision = 0
        cdef int smp_rate = -1
        cdef int smp_mod = 0
        cdef int id_at = 0
        cdef int id_end = 0
        cdef int sample_bytes = 0
        while at < asdu.end:
            if item(b, at, asdu.end, &part):
                return D_BER + 1
            at = part.end
            size = part.end - part.at
            if not 0x80 <= part.tag <= 0x89:
                continue  # a later edition's
            bit = 1 << (part.tag - 0x80)
            if have & bit:
                return D_ASDU + 1
            have |= bit
            if part.tag == 0x80:
                id_at, id_end = part.at, part.end
            elif part.tag == 0x82:
                if size != 2:
                    return D_ASDU + 1
                found.smp_cnt = <int>number(b, part.at, 2)
            elif part.tag == 0x83:
                if size != 4:
                    return D_ASDU + 1
                revision = <int64_t>number(b, part.at, 4)
            elif part.tag == 0x84 or part.tag == 0x89:
                if size != 8:
                    return D_ASDU + 1
            elif part.tag == 0x85:
                if size != 1:
                    return D_ASDU + 1
                found.sync = b[part.at]
            elif part.tag == 0x86:
                if size != 2:
                    return D_ASDU + 1
                smp_rate = <int>number(b, part.at, 2)
            elif part.tag == 0x87:
                found.at = part.at
                sample_bytes = size
            elif part.tag == 0x88:
                if size != 2:
                    return D_ASDU + 1
                smp_mod = <int>number(b, part.at, 2)
        if have & 0xAD != 0xAD:  # svID, smpCnt, confRev, smpSynch, sample
            return D_ASDU + 1
        found.stream = self._who(b, id_at, id_end)
        if found.stream < 0:
            return 0
        s = &self._streams[found.stream]
        if reserved & SIMULATED:
            return D_SIMULATED + 1
        if appid != s.appid:
            return D_APPID + 1
        if s.revision >= 0 and revision != s.revision:
            return D_REVISION + 1
        if sample_bytes != 8 * s.channels:
            return D_CHANNELS + 1
        found.told = False
        if smp_rate >= 0:
            # smpMod 0: samples per nominal period; 1: a second; some tell the latter without smpMod.
            if smp_mod > 1 or (smp_rate != self._rate and (smp_mod == 1 or smp_rate * self._nominal != self._rate)):
                s.overrun += 1
                return D_RATE + 1
            found.told = True
        if found.smp_cnt >= self._rate:
            s.overrun += 1
            return D_RATE + 1
        return 0

    cdef int _who(self, const uint8_t[::1] b, int at, int end) except -2 nogil:
        """Which stream has that svID; -1: none of ours."""
        cdef int i, k
        for i in range(self._count):
            if self._streams[i].id_bytes != end - at:
                continue
            k = 0
            while k < end - at and self._streams[i].id[k] == b[at + k]:
                k += 1
            if k == end - at:
                return i
        return -1

    cdef int _keep(self, const uint8_t[::1] b, Asdu *asdu, int64_t arrival) except -1 nogil:
        """Add an ASDU's sample to its stream's run, or begin a new one with it."""
        cdef Stream *s
        cdef int c, at, flags
        cdef int32_t value
        cdef uint32_t quality
        if asdu.stream < 0:
            return 0
        s = &self._streams[asdu.stream]
        if s.count and (
            asdu.smp_cnt != s.first + s.count or s.count == RUN or asdu.sync != s.sync or asdu.told != s.told
        ):
            self._flush(asdu.stream)
        if s.count == 0:
            s.first, s.sync, s.told, s.arrival = asdu.smp_cnt, asdu.sync, asdu.told, arrival
            s.frames, s.flagged = 0, False
        if s.frame != self._datagrams:  # a frame is counted in the run that it begins in
            s.frame = self._datagrams
            s.frames += 1
        flags = 0
        for c in range(s.columns):
            at = asdu.at + 8 * s.wire[c]
            value = <int32_t><uint32_t>number(b, at, 4)
            quality = <uint32_t>number(b, at + 4, 4)
            self._values[asdu.stream, c, s.count] = <float>(value * s.gain[c])
            if quality & (Q_VALIDITY | Q_RANGE | Q_UNUSABLE):
                if quality & Q_UNUSABLE or quality & Q_VALIDITY == 1 or quality & Q_VALIDITY == 2:
                    flags |= 1 << s.element[c]
                else:
                    flags |= 1 << (ELEMENTS + s.element[c])
        self._flags[asdu.stream, s.count] = flags
        s.flagged = s.flagged or flags != 0
        s.count += 1
        return 0

    cdef int _flush(self, int stream) except -1 with gil:
        """Hand out the run of a stream."""
        cdef Stream *s = &self._streams[stream]
        if s.count == 0:
            return 0
        values = np.array(self._values[stream, : s.columns, : s.count])
        flags = np.array(self._flags[stream, : s.count]) if s.flagged else None
        self._ready.append((stream, s.first, s.frames, s.sync, bool(s.told), s.arrival, values, flags))
        s.count = 0
        return 0
