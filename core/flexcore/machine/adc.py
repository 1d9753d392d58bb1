"""``machine.ADC``: one analogue input."""

from __future__ import annotations

from flexcore.machine.backend import backend as chosen
from flexcore.machine.ports import Backend, WireId


class ADC:
    """``id`` is (device, channel) of the industrial I/O subsystem, or a channel of device 0."""

    def __init__(self, id: WireId, /, *, backend: Backend | None = None) -> None:
        self._id = id
        self._port = chosen(backend).adc(id)

    def __repr__(self) -> str:
        return f"ADC({self._id!r})"

    def read_u16(self) -> int:
        """0 to 65535 over the range of the converter, whatever its resolution."""
        return round(min(1.0, max(0.0, self._port.read_fraction())) * 65535)

    def read_uv(self) -> int:
        """Microvolts, by the converter's own calibration."""
        return round(self._port.read_volt() * 1e6)
