"""Why a message was not sent."""

from __future__ import annotations

from flexcore.errors import FlexcoreError


class LoraError(FlexcoreError):
    """A radio message was not sent."""

    code = "lora"


class AirtimeError(LoraError):
    """The band's hour is used up; ``wait_s`` tells when it would fit."""

    code = "lora.airtime"

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class StaleError(LoraError):
    """The message would arrive too old to be believed."""

    code = "lora.stale"


class UnsynchronisedError(LoraError):
    """The box does not know the time, so that no receiver could believe its stamp."""

    code = "lora.unsynchronised"


class ModemError(LoraError, OSError):
    """The modem is silent, busy or failed."""

    code = "lora.modem"


class LedgerError(LoraError, OSError):
    """What was sent cannot be written down, so nothing is sent."""

    code = "lora.ledger"
