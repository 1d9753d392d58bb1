"""What a limit-set file holds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flexcore.limits.vocabulary import Interval, Period, Reference

Identifier = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,47}\Z", description="lower-case letters, digits and '-', at most 48"),
]
Title = Annotated[str, Meta(min_length=1, max_length=120)]
Note = Annotated[str, Meta(max_length=600)]
Percent = Annotated[float, Meta(gt=0.0, le=100.0)]
#: Where the numbers of a clause come from. ``S``: a public source was read. ``r``: remembered, not confirmed.
#: It speaks of the limits; clause numbers are a help for whoever has the standard at hand.
Mark = Literal["S", "r"]
Voltages = Literal["phase_to_neutral", "phase_to_phase"]
EventType = Literal["dip", "swell", "interruption", "rvc"]


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[clause]]``: a share of the averaged values of one period lies within a band.

    ``lower`` and ``upper`` are in percent of ``reference``, or plain numbers where that is ``one``.
    ``share_percent`` is how many of the values must lie within, the limit itself included; 100 is "always".
    """

    id: Identifier
    title_nl: Title
    title_en: Title
    clause: Annotated[str, Meta(min_length=1, max_length=40)]
    mark: Mark
    quantity: Annotated[str, Meta(max_length=60)]
    interval: Interval
    period: Period
    share_percent: Percent
    reference: Reference
    lower: float | None = None
    upper: float | None = None
    note_nl: Note = ""
    note_en: Note = ""


class HarmonicFamily(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[harmonics]]``: a :class:`Clause` per order; ``{order}`` stands in the quantity and both titles.

    ``upper`` maps the order to its limit, as the table of the standard does; each is multiplied by
    ``factor``. The clauses are named ``ID-hNN``.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]
    title_nl: Title
    title_en: Title
    clause: Annotated[str, Meta(min_length=1, max_length=40)]
    mark: Mark
    quantity: Annotated[str, Meta(max_length=60)]
    interval: Interval
    period: Period
    share_percent: Percent
    reference: Reference
    upper: Annotated[dict[str, float], Meta(min_length=1, max_length=49)]
    factor: Annotated[float, Meta(gt=0.0, le=100.0)] = 1.0
    note_nl: Note = ""
    note_en: Note = ""


class EventClause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[events]]``: how many events of a kind there may be in a year.

    Which events: those of ``types`` that fall in ``cell`` of the table ``scheme``, that last longer than
    ``over_s`` and at most ``until_s``, and whose extreme is beyond ``over_percent``; what is not given does
    not choose. ``max_per_year`` is compared with the mean over the last ``mean_years`` years; without it the
    clause informs and is not judged.
    """

    id: Identifier
    title_nl: Title
    title_en: Title
    clause: Annotated[str, Meta(min_length=1, max_length=40)]
    mark: Mark
    types: Annotated[tuple[EventType, ...], Meta(min_length=1)]
    scheme: Identifier | None = None
    cell: str | None = None
    over_s: Annotated[float, Meta(ge=0.0)] | None = None
    until_s: Annotated[float, Meta(gt=0.0)] | None = None
    over_percent: Annotated[float, Meta(gt=0.0)] | None = None
    max_per_year: Annotated[float, Meta(ge=0.0)] | None = None
    mean_years: Annotated[int, Meta(ge=1, le=20)] = 1
    note_nl: Note = ""
    note_en: Note = ""


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[left_out]]``: what the standard asks and this file does not judge, so that nobody thinks it was."""

    title_nl: Title
    title_en: Title
    reason_nl: Note
    reason_en: Note


class SetHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[set]``.

    ``version`` counts changes of the file, ``standard`` names the edition. Below ``coverage_percent`` of
    usable values a clause is not judged; from ``near_percent`` of a limit on a live value is "near".
    ``voltages`` are those that the standard speaks of: where it is ``phase_to_phase`` they are judged against
    the voltage declared between phases, and those to neutral only where the busbar gives no others.
    """

    id: Identifier
    version: Annotated[int, Meta(ge=1)]
    title_nl: Title
    title_en: Title
    standard: Title
    voltage: Literal["lv", "mv"]
    voltages: Voltages = "phase_to_neutral"
    coverage_percent: Percent = 90.0
    near_percent: Percent = 80.0
    tables: tuple[Identifier, ...] = ()
    sources: tuple[Note, ...] = ()


class LimitSetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file as it is written."""

    set: SetHead
    clause: tuple[Clause, ...] = ()
    harmonics: tuple[HarmonicFamily, ...] = ()
    events: tuple[EventClause, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class LimitSet(msgspec.Struct, frozen=True, kw_only=True):
    """A checked limit set: the families are spread into ``clauses``, ids are used once."""

    head: SetHead
    clauses: tuple[Clause, ...]
    events: tuple[EventClause, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def id(self) -> str:
        """The name it is read by."""
        return self.head.id
