"""Which device measures an element: ``sensor`` in ``station.toml``, of a kind per driver.

``driver`` names the kind; without it a sensor is an ``atolle``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta

from flexcore.tomlfile import refuse

#: What an element takes of a merging unit's stream.
Quantity = Literal["voltages", "currents"]

DEFAULT_DRIVER = "atolle"
#: Rates that a stream of sampled values may have: 80 and 256 samples a cycle at 50 and 60 Hz (9-2LE), and
#: those that IEC 61869-9 prefers.
SAMPLED_RATES_HZ = (4000, 4800, 5760, 12_800, 14_400, 15_360)

_DATASET = re.compile(r"I([0-9]{1,2})U([0-9]{1,2})")


class AtolleSensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="atolle"):
    """A stream of sample frames over UDP."""

    driver: ClassVar[str] = "atolle"
    stream: Annotated[int, Meta(ge=1, le=0xFFFFFFFF, description="stream number in the device's frames")]


class SampledValuesSensor(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="sampled_values"
):
    """A merging unit's stream (IEC 61850-9-2LE, IEC 61869-9), or the half of it that the element takes."""

    driver: ClassVar[str] = "sampled_values"
    interface: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}\Z", description="Ethernet port")
    ]
    sv_id: Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z", description="svID, the stream's name")]
    appid: Annotated[int, Meta(ge=0x4000, le=0x7FFF)] = 0x4000
    destination: (
        Annotated[
            str,
            Meta(
                pattern=r"^01[:-]0[Cc][:-][Cc][Dd][:-]04([:-][0-9A-Fa-f]{2}){2}\Z",
                description="multicast address that it is sent to; without it the port takes all of them",
            ),
        ]
        | None
    ) = None
    revision: Annotated[int, Meta(ge=0, le=0xFFFFFFFF, description="expected confRev")] | None = None
    dataset: Annotated[
        str,
        Meta(
            pattern=r"^I[0-9]{1,2}U[0-9]{1,2}\Z",
            description="the stream's channels, as IEC 61869-9 names them",
        ),
    ] = "I4U4"
    channels: Quantity | None = None

    @property
    def currents(self) -> int:
        """Currents in the stream; they come first."""
        return self._counts[0]

    @property
    def voltages(self) -> int:
        """Voltages in the stream."""
        return self._counts[1]

    @property
    def group(self) -> bytes | None:
        """The multicast address as bytes."""
        return None if self.destination is None else bytes.fromhex(re.sub("[:-]", "", self.destination))

    @property
    def _counts(self) -> tuple[int, int]:
        match = _DATASET.fullmatch(self.dataset)
        return (int(match[1]), int(match[2])) if match else (0, 0)


Sensor: TypeAlias = AtolleSensor | SampledValuesSensor


def name_drivers(raw: dict[str, Any]) -> None:
    """Give each sensor of a parsed file that names no driver the default one."""
    for table in ("busbar", "field"):
        elements = raw.get(table)
        for element in elements if isinstance(elements, list) else ():
            sensor = element.get("sensor") if isinstance(element, dict) else None
            if isinstance(sensor, dict):
                sensor.setdefault("driver", DEFAULT_DRIVER)


def check_sensors(elements: Iterable[tuple[str, Sensor, tuple[str, ...]]], rate_hz: int, file: str) -> None:
    """Rules that span sensors; ``elements`` are (table of the file, sensor, channels of the element).

    Raises:
        SettingsError: with the file, the key and what was expected.
    """
    used: dict[object, str] = {}
    streams: dict[tuple[str, str], tuple[str, SampledValuesSensor]] = {}
    for table, sensor, channels in elements:
        key = f"{table}.sensor"
        if isinstance(sensor, AtolleSensor):
            other = used.setdefault(sensor.stream, table)
            if other != table:
                refuse(file, f"{key}.stream", f"expected a stream used once, {sensor.stream} is also {other}")
            continue
        wanted: Quantity = "voltages" if channels[0].startswith("u") else "currents"
        _check_half(sensor, wanted, len(channels), file, key)
        other = used.setdefault((sensor.interface, sensor.sv_id, wanted), table)
        if other != table:
            expected = (
                f"expected the {wanted} of a stream used once, those of {sensor.sv_id} are also {other}"
            )
            refuse(file, f"{key}.sv_id", expected)
        before, first = streams.setdefault((sensor.interface, sensor.sv_id), (table, sensor))
        for name in ("appid", "destination", "revision", "dataset"):
            said = getattr(first, name)
            if said != getattr(sensor, name):
                refuse(file, f"{key}.{name}", f"expected that of the same stream at {before}, {said}")
        if rate_hz not in SAMPLED_RATES_HZ:
            rates = ", ".join(str(rate) for rate in SAMPLED_RATES_HZ)
            refuse(
                file,
                "acquire.rate_hz",
                f"expected a rate of sampled values ({rates}), got {rate_hz}: {table}",
            )


def _check_half(sensor: SampledValuesSensor, wanted: Quantity, channels: int, file: str, key: str) -> None:
    if sensor.channels not in (None, wanted):
        refuse(file, f"{key}.channels", f"expected {wanted} of such an element, got {sensor.channels}")
    if not 1 <= sensor.currents + sensor.voltages <= 24:
        refuse(file, f"{key}.dataset", f"expected 1 to 24 channels, got {sensor.dataset}")
    there = sensor.voltages if wanted == "voltages" else sensor.currents
    if there < channels:
        refuse(file, f"{key}.dataset", f"expected {channels} {wanted} or more, got {sensor.dataset}")
