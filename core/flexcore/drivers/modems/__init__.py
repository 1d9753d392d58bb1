"""LoRa modems on a serial line, raw point to point: one dialect a file, and the lines they share.

As for the chips, MicroPython runs these files too: the line (``machine.UART``) and ``time`` (MicroPython's,
or :mod:`flexcore.machine.ticks`) are arguments, and nothing of ours is imported but each other.

Every dialect offers ``check() -> str``, ``start(frequency_hz, ...)``, ``send(data, within_ms)``,
``listen(within_ms)`` and ``close()``. ``OSError`` says what became of the modem: ETIMEDOUT where it is
silent, EBUSY where it has no time now, EIO where it failed on the air. ``ValueError`` says that it refuses
what it was told. Neither duty cycle nor age of a message are theirs: see :mod:`flexcore.lora`.
"""
