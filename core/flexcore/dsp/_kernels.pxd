"""What the other kernels take from :mod:`flexcore.dsp._kernels`."""

cdef void edge_weights(double d, double* w) noexcept nogil
