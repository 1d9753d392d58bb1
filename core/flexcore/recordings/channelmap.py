"""Which channel of a recording is which of a station's: a small TOML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from flexcore.errors import RecordingError, SettingsError
from flexcore.recordings.recording import Recording
from flexcore.recordings.units import si


class MappedElement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[element]]``: a busbar's or field's channels to the recording's, by number or by name.

    ``reversed`` names those of its channels whose sensor was mounted or wired the wrong way round: their
    samples are turned (times -1) wherever the map is used, so that a current is positive from the busbar into
    the field. ``busbar`` and ``name`` are for a map that stands alone, without a station file.
    """

    id: Annotated[str, Meta(min_length=1, max_length=32)]
    channels: dict[str, int | str]
    reversed: tuple[str, ...] = ()
    busbar: str | None = None
    name: str | None = None


class ChannelMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    element: Annotated[tuple[MappedElement, ...], Meta(min_length=1, max_length=256)]


MAX_MAP_BYTES = 256 * 1024


def read_map(file: Path) -> ChannelMap:
    """The map in TOML ``file``; raises :class:`~flexcore.errors.SettingsError`."""
    try:
        if file.stat().st_size > MAX_MAP_BYTES:
            raise SettingsError(f"{file}: (file): expected at most {MAX_MAP_BYTES} bytes")
        return msgspec.toml.decode(file.read_bytes(), type=ChannelMap)
    except OSError as error:
        raise SettingsError(f"{file}: (file): expected a readable file: {error.strerror}") from error
    except RecursionError as error:
        raise SettingsError(f"{file}: (file): expected TOML that is not nested so deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise SettingsError(f"{file}: {text}") from error


def find_rows(
    recording: Recording, wanted: Mapping[str, Sequence[str]], mapping: ChannelMap, file: str
) -> dict[str, dict[str, tuple[int, float]]]:
    """For each element and channel in ``wanted`` the row in the recording, and the factor to V or A.

    The factor is negative where the map says ``reversed``.

    Raises:
        SettingsError: the map does not cover ``wanted``, or names or turns what is not there.
        RecordingError: a mapped channel is in another unit.
    """
    by_id = {element.id: element for element in mapping.element}
    found: dict[str, dict[str, tuple[int, float]]] = {}
    for element, channels in wanted.items():
        if element not in by_id:
            raise SettingsError(f"{file}: element: expected one with id {element!r}")
        mapped = by_id[element]
        stray = next((name for name in mapped.reversed if name not in mapped.channels), None)
        if stray is not None:
            raise SettingsError(
                f"{file}: {element}.reversed: expected names of its channels, got {stray[:32]!r}"
            )
        found[element] = {}
        for name in channels:
            key = mapped.channels.get(name)
            what = f"{file}: {element}.channels.{name}: expected a channel of the recording"
            if key is None:
                raise SettingsError(what)
            try:
                row = recording.row(key)
            except KeyError as error:
                raise SettingsError(f"{what}, got {key!r}") from error
            unit = recording.channels[row].unit
            kind = "V" if name.startswith("u") else "A"
            told, factor = si(unit) or ("", 0.0) if unit else (kind, 1.0)
            if told != kind:
                raise RecordingError(
                    f"{element}.{name}: channel {key!r}: unit: expected {kind}, got {unit!r}"
                )
            found[element][name] = (row, -factor if name in mapped.reversed else factor)
    return found
