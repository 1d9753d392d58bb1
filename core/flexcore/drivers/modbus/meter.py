"""A meter on a wire: checked once that it is the one described, then read, whole or not at all."""

from __future__ import annotations

import re
import time

from flexcore.drivers.modbus.frames import Ask, ModbusError
from flexcore.drivers.modbus.plan import plan
from flexcore.drivers.modbus.profile import Profile
from flexcore.drivers.modbus.wire import Wire

#: Beyond this no meter of a station can be: a wrong profile, type or word order.
ABSURD = 1e12


class NotThisMeterError(ModbusError):
    """Something answers, but not as the profile says: another meter, profile, word order or ratio."""

    code = "modbus.identity"
    wrong = True

    def __init__(self, message: str) -> None:
        super().__init__("other_device", message)


class Meter:
    """Device ``unit`` on ``wire``; ``scales`` are the site's. A reading takes at most ``timeout_s``."""

    def __init__(
        self,
        profile: Profile,
        wire: Wire,
        unit: int,
        scales: dict[str, float] | None = None,
        timeout_s: float = 1.0,
    ) -> None:
        self._profile = profile
        self._wire = wire
        self._unit = unit
        self._scales = profile.scaled(scales or {})
        self._timeout_s = timeout_s
        self._parts = plan(profile, unit)
        self._hidden = {value.quantity for value in profile.value if value.hidden}
        self._checked = False

    def read(self) -> dict[str, float | None]:
        """All values by quantity in their units; None what the meter says it has not.

        After any failure the meter is checked anew: it may have been exchanged.

        Raises:
            ModbusError: no whole reading within the time; ``reason`` says why.
            NotThisMeterError: it is not the meter that the profile describes.
        """
        until_s = time.monotonic() + self._timeout_s
        try:
            if not self._checked:
                self._identify(until_s)
            values = self._values(until_s)
            if not self._checked:
                self._check(values)
                self._checked = True
        except ModbusError:
            self._checked = False
            raise
        return {name: value for name, value in values.items() if name not in self._hidden}

    def close(self) -> None:
        """Give the wire up."""
        self._wire.close()

    def _exchange(self, ask: Ask, until_s: float) -> bytes:
        left_s = until_s - time.monotonic()
        if left_s <= 0.0:
            raise ModbusError("silent", f"{ask}: the reading took longer than {self._timeout_s:g} s")
        return self._wire.exchange(ask, left_s)

    def _identify(self, until_s: float) -> None:
        for identity in self._profile.identity:
            ask = Ask(self._unit, self._profile.function, identity.at, identity.width)
            found = self._profile.text(identity, self._exchange(ask, until_s))
            if re.fullmatch(identity.expected, found) is None:
                shown = "".join(c if c.isprintable() else "?" for c in found[:40])
                model = f"{self._profile.maker} {self._profile.model}"
                raise NotThisMeterError(f"{ask}: expected {identity.expected!r} of a {model}, got {shown!r}")

    def _values(self, until_s: float) -> dict[str, float | None]:
        values: dict[str, float | None] = {}
        for part in self._parts:
            answer = self._exchange(part.ask, until_s)
            for value in part.values:
                number = self._profile.number(value, part.words(value, answer), self._scales)
                if number is not None and abs(number) > ABSURD:
                    raise NotThisMeterError(
                        f"{value.quantity}: expected a number of a station, got {number:.3g}"
                    )
                values[value.quantity] = number
        return values

    def _check(self, values: dict[str, float | None]) -> None:
        for check in self._profile.check:
            parts, total = [values[name] for name in check.of], values[check.total]
            known = [number for number in parts if number is not None]
            if total is None or len(known) < len(parts):
                continue
            off = abs(sum(known) - total)
            most = max(check.least, check.percent / 100.0 * max(abs(total), abs(sum(known))))
            if off > most:
                names = " + ".join(check.of)
                raise NotThisMeterError(
                    f"{names}: expected about {check.total} = {total:.5g}, got {sum(known):.5g}"
                )
