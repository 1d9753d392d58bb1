"""Register profiles: which values a meter has, where, and how they are written. A meter is added as data.

A profile is a TOML file. Addresses are those on the wire (from 0); a maker's "40001" is 0 of function code 3.
"""

from __future__ import annotations

import math
import re
import struct
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flexcore.drivers.modbus.frames import MAX_REGISTERS
from flexcore.tomlfile import parse_toml, read_toml_text, refuse, shipped_names

MAX_FILE_BYTES = 64 * 1024
MAX_VALUES = 256

Type = Literal["u16", "i16", "u32", "i32", "f32", "u64", "i64", "f64"]
WIDTHS: dict[str, int] = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4}
_CODES = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "u64": "Q", "i64": "q", "f64": "d"}
#: A full scale of the old 16-bit blocks of power meters: 0 stands for the low, 9999 for the high end.
FULL_SCALE = 9999.0

Quantity = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,39}_(?:v|a|w|var|va|wh|varh|vah|hz|percent|deg|c)\Z|^(?:pf|dpf|k)(?:_l[123])?\Z",
        description="a quantity with its unit, as u_l1_v, p_w, thd_i_l1_percent, e_import_total_wh, or pf",
    ),
]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
End = Annotated[str, Meta(pattern=r"^-?[a-z][a-z0-9_]{0,31}\Z")] | float


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value: ``raw`` times ``scale``, or, with ``span``, raw 0 to 9999 between two ends.

    Scale and ends are numbers or names of ``[scales]``, which the site may set; an end with a minus before
    its name is the negative one. ``absent`` is the raw number that says that there is none. ``hidden``: for
    checks alone.
    """

    quantity: Quantity
    at: Annotated[int, Meta(ge=0, le=0xFFFF)]
    type: Type
    scale: float | Name = 1.0
    span: tuple[End, End] | None = None
    absent: int | None = None
    hidden: bool = False

    @property
    def width(self) -> int:
        """Registers that it takes."""
        return WIDTHS[self.type]


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be true of one reading, else the profile is not this meter's: the sum of ``of`` is ``total``.

    Within ``percent`` of the larger, or ``least`` in the unit of both.
    """

    of: Annotated[tuple[Quantity, ...], Meta(min_length=1, max_length=8)]
    total: Quantity
    percent: Annotated[float, Meta(gt=0.0, le=100.0)]
    least: Annotated[float, Meta(ge=0.0)] = 0.0


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the meter says it is: ``expected`` is a regular expression for the number or text at ``at``.

    Text is two characters a register; ``swapped`` where the low byte comes first.
    """

    at: Annotated[int, Meta(ge=0, le=0xFFFF)]
    expected: Annotated[str, Meta(min_length=1, max_length=80)]
    type: Literal["u16", "u32", "text"] = "u16"
    registers: Annotated[int, Meta(ge=1, le=32)] = 8
    swapped: bool = False

    @property
    def width(self) -> int:
        """Registers that it takes."""
        return self.registers if self.type == "text" else WIDTHS[self.type]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``low_word_first`` orders the registers of a value; bytes are always high first.

    ``most_registers`` a request may ask for, ``bridge`` unused registers may lie inside it.
    """

    maker: Annotated[str, Meta(min_length=1, max_length=80)]
    model: Annotated[str, Meta(min_length=1, max_length=80)]
    source: Annotated[str, Meta(min_length=1, max_length=400)]
    value: Annotated[tuple[Value, ...], Meta(min_length=1, max_length=MAX_VALUES)]
    function: Literal[3, 4] = 3
    low_word_first: bool = False
    most_registers: Annotated[int, Meta(ge=4, le=MAX_REGISTERS)] = 100
    bridge: Annotated[int, Meta(ge=0, le=64)] = 8
    scales: dict[Name, float] = {}
    identity: tuple[Identity, ...] = ()
    check: tuple[Check, ...] = ()

    def scaled(self, scales: dict[str, float]) -> dict[str, float]:
        """Its scales with those of a site."""
        return {**self.scales, **scales}

    def check_scales(self, scales: dict[str, float], key: str) -> None:
        """Raises :class:`flexcore.errors.SettingsError` where a site sets a scale that there is not."""
        for name, scale in scales.items():
            if name not in self.scales:
                known = ", ".join(self.scales) or "there is none"
                refuse("station.toml", f"{key}.{name}", f"expected a scale of {self.model} ({known})")
            if scale == 0.0 or not math.isfinite(scale):
                refuse("station.toml", f"{key}.{name}", f"expected a number that is not zero, got {scale}")

    def number(self, value: Value, words: bytes, scales: dict[str, float]) -> float | None:
        """The value in its unit from its registers' bytes, high byte first; None where there is none."""
        raw = struct.unpack(f">{_CODES[value.type]}", self._ordered(words))[0]
        if value.absent is not None and raw == value.absent:
            return None
        number = float(raw)
        if not math.isfinite(number):
            return None
        if value.span is None:
            return number * _end(value.scale, scales)
        low, high = (_end(end, scales) for end in value.span)
        return low + number * (high - low) / FULL_SCALE

    def words(self, value: Value, number: float, scales: dict[str, float]) -> bytes:
        """The registers' bytes that say ``number``: what a simulated meter answers."""
        if value.span is None:
            raw = number / _end(value.scale, scales)
        else:
            low, high = (_end(end, scales) for end in value.span)
            raw = (number - low) * FULL_SCALE / (high - low)
        whole = raw if value.type.startswith("f") else round(raw)
        return self._ordered(struct.pack(f">{_CODES[value.type]}", whole))

    def text(self, identity: Identity, words: bytes) -> str:
        """What the meter says at ``identity``."""
        if identity.type != "text":
            return str(int.from_bytes(self._ordered(words), "big"))
        if identity.swapped:
            words = b"".join(words[n : n + 2][::-1] for n in range(0, len(words), 2))
        return words.split(b"\0")[0].decode("ascii", "replace").strip()

    def _ordered(self, words: bytes) -> bytes:
        if not self.low_word_first or len(words) == 2:
            return words
        return b"".join(words[n : n + 2] for n in range(len(words) - 2, -1, -2))


def _end(end: float | str, scales: dict[str, float]) -> float:
    if not isinstance(end, str):
        return end
    return -scales[end[1:]] if end.startswith("-") else scales[end]


def parse_profile(text: str, file: str) -> Profile:
    """The profile that TOML ``text`` describes; raises :class:`flexcore.errors.SettingsError`."""
    profile = parse_toml(text, file, Profile)
    known: dict[str, int] = {}
    for n, value in enumerate(profile.value):
        key = f"value[{n}]"
        if value.at + value.width > 0x10000:
            refuse(file, f"{key}.at", f"expected {value.width} registers up to 65535, got {value.at}")
        other = known.setdefault(value.quantity, n)
        if other != n:
            refuse(file, f"{key}.quantity", f"expected a name used once, value[{other}] has it too")
        _check_scale(profile, value, file, key)
    for n, check in enumerate(profile.check):
        for quantity in (*check.of, check.total):
            if quantity not in known:
                refuse(file, f"check[{n}]", f"expected quantities of this file, got {quantity!r}")
    for n, identity in enumerate(profile.identity):
        try:
            re.compile(identity.expected)
        except re.error as error:
            refuse(file, f"identity[{n}].expected", f"expected a regular expression: {error}")
        if identity.at + identity.width > 0x10000:
            refuse(file, f"identity[{n}].at", f"expected {identity.width} registers up to 65535")
    return profile


def _check_scale(profile: Profile, value: Value, file: str, key: str) -> None:
    used = (value.scale,) if value.span is None else value.span
    where = f"{key}.{'scale' if value.span is None else 'span'}"
    for name in (end.removeprefix("-") for end in used if isinstance(end, str)):
        if name not in profile.scales:
            known = ", ".join(profile.scales) or "there is none"
            refuse(file, where, f"expected a number or a name of [scales] ({known}), got {name!r}")
    if value.span is None:
        scale = _end(value.scale, profile.scales)
        if scale == 0.0 or not math.isfinite(scale):
            refuse(file, where, f"expected a number that is not zero, got {scale}")
        return
    low, high = (_end(end, profile.scales) for end in value.span)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        refuse(file, where, f"expected a low end below a high one, got {low:g} and {high:g}")


def read_profile(name: str, folder: Path | None = None) -> Profile:
    """The profile called ``name``: of ``folder`` where that has it, else one that is shipped.

    Raises:
        SettingsError: there is none such, or it is not right; one line.
    """
    own = None if folder is None else folder / f"{name}.toml"
    if own is not None and own.is_file():
        return parse_profile(read_toml_text(own, MAX_FILE_BYTES), str(own))
    shipped = resources.files("flexcore.drivers.modbus") / "profiles"
    names = sorted(shipped_names(shipped))
    if name not in names:
        refuse(name, "profile", f"expected one of {', '.join(names)}, or a file {own or name + '.toml'}")
    return parse_profile(read_toml_text(shipped / f"{name}.toml", MAX_FILE_BYTES), f"{name}.toml")
