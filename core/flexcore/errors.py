"""The one error root.

Policy: below ``main()`` nothing calls ``sys.exit`` and nothing prints; what goes wrong is raised as a
:class:`FlexcoreError` with a stable ``code``, a one-line message and an optional ``hint``. Only
``main()`` and Flask's error handler turn errors into exit codes or responses.
"""

from __future__ import annotations


class FlexcoreError(Exception):
    """Something a person can act on: one line that says what, where and what was expected."""

    code = "flexcore"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UnmetError(FlexcoreError):
    """The input was right and the job was done, but what it found is not as it should be; ``output`` is the
    job's whole answer."""

    code = "unmet"

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


class SettingsError(FlexcoreError, ValueError):
    """A settings file holds something it should not; the message names file, key and expectation."""

    code = "settings"


class RecordingError(FlexcoreError, ValueError):
    """A recording is truncated, foreign or lies in its header; the message names file and field."""

    code = "recording"


class FrameError(FlexcoreError, ValueError):
    """Bytes from the network are not a frame; ``reason`` is the name of a drop counter."""

    code = "frame"


class StoreError(FlexcoreError, OSError):
    """The store cannot be read or written."""

    code = "store"
