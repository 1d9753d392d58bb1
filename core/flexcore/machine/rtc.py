"""``machine.RTC``: the clock that runs while the power is off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from flexcore.machine.backend import backend as chosen
from flexcore.machine.ports import Backend, WireId

DateTime: TypeAlias = tuple[int, int, int, int, int, int, int, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RTC:
    """UTC. Setting it sets the clock chip, never the system's time, which belongs to time synchronisation."""

    def __init__(self, id: WireId = 0, *, backend: Backend | None = None) -> None:
        self._port = chosen(backend).rtc(id)

    def datetime(self, datetimetuple: Sequence[int] | None = None) -> DateTime:
        """(year, month, day, weekday, hours, minutes, seconds, microseconds), Monday being 0; or set it.

        The weekday is ignored when setting. Raises :class:`ValueError` where it is no date.
        """
        if datetimetuple is not None:
            if len(datetimetuple) != 8:
                raise ValueError(
                    "RTC: expected 8 numbers: year, month, day, weekday, hours, minutes, seconds, subseconds"
                )
            year, month, day, _weekday, hours, minutes, seconds, micros = datetimetuple
            when = datetime(year, month, day, hours, minutes, seconds, micros, tzinfo=UTC)
            self._port.write_ns((when - _EPOCH) // timedelta(microseconds=1) * 1_000)
        when = _EPOCH + timedelta(microseconds=self._port.read_ns() // 1_000)
        return (
            when.year,
            when.month,
            when.day,
            when.weekday(),
            when.hour,
            when.minute,
            when.second,
            when.microsecond,
        )

    def init(self, datetime: Sequence[int]) -> None:
        """Set it, as :meth:`datetime`."""
        self.datetime(datetime)
