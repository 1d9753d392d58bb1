"""``./build.sh fuzz``: every decoder that takes bytes from outside, given bytes that nobody would send."""
