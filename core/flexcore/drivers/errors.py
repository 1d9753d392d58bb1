"""Why a sensor was not read."""

from __future__ import annotations

from typing import Literal

from flexcore.errors import FlexcoreError

#: What went wrong, for a machine. ``unreachable``: no connection, no such wire. ``closed``: the other side
#: hung up. ``silent``: no answer in time, or nobody at that address. ``other_device``: somebody else
#: answered. ``other_answer``: the answer to another request. ``garbage``: an answer that cannot be.
#: ``exception``: it declined. ``broken``: the transfer broke, or something holds the wire.
Reason = Literal[
    "unreachable", "closed", "silent", "other_device", "other_answer", "garbage", "exception", "broken"
]


class ReadError(FlexcoreError, OSError):
    """No reading; ``reason`` says which kind of failure. ``wrong``: it is not the sensor that is described,
    so waiting does not help."""

    code = "read"
    wrong = False

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
