"""Two Ethernet ports with a cable between them (veth), where the test may make such."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


@contextmanager
def cable() -> Iterator[tuple[str, str]]:
    """The two ends' names; skips the test where they cannot be made."""
    near, far = f"fca{os.getpid()}", f"fcb{os.getpid()}"
    try:
        made = ip("link", "add", near, "type", "veth", "peer", "name", far)
    except FileNotFoundError:
        pytest.skip("needs the program ip")
    if made.returncode:
        pytest.skip(f"needs leave to make Ethernet ports (CAP_NET_ADMIN): {made.stderr.strip()}")
    try:
        for end in (near, far):
            # nothing but ours on the cable
            subprocess.run(
                ["sysctl", "-qw", f"net.ipv6.conf.{end}.disable_ipv6=1"], capture_output=True, check=False
            )
            assert ip("link", "set", end, "up").returncode == 0
        yield near, far
    finally:
        ip("link", "del", near)
