"""``./build.sh bench NAME``: figures, measured beside the peer in one run; tables here, JSON in dist/bench.

What an issue calls a must is a must here: with ``--assert`` a bench that misses one ends with exit code 1.
"""
