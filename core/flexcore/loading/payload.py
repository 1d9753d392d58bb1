"""``.../load/COMPONENT``: the judgement of a component on the measurement bus, as JSON.

The structs are the published schema; words are keys, which the page translates (``limits`` and criteria as in
:mod:`flexcore.load.verdict`). Who only reads needs no NumPy.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flexcore.payloads import decoded

Verdict = Literal["acceptable", "near", "over", "not_judged"]
Word = Annotated[str, Meta(max_length=40)]


class FindingPayload(msgspec.Struct, frozen=True, omit_defaults=True):
    """One criterion: its verdict and why. ``value`` against ``limit`` in ``unit`` (``A`` or ``degC``).

    ``percent`` is of the limit, of a temperature its rise over ambient in percent of what it may rise;
    ``where`` a phase or the neutral; ``remaining_min`` minutes until the limit at this load, ``"never"``, or
    absent where not known.
    """

    criterion: Word
    verdict: Verdict
    reason: Word
    value: float | None = None
    limit: float | None = None
    percent: float | None = None
    unit: Literal["A", "degC"] | None = None
    where: Word | None = None
    remaining_min: float | Literal["never"] | None = None


class LoadPayload(msgspec.Struct, frozen=True, omit_defaults=True):
    """A component's judgement over the ``dt`` seconds from ``t`` on, of which the part ``cov`` was measured.

    ``verdict`` is that of the worst finding, the first in ``findings``; ``not_judged`` hides an
    ``acceptable``, ``judged`` does not. ``followed_since``: from when the hours aged count;
    ``unknown_since``: since when the current is lost. ``figures`` carry their unit in the name.
    """

    id: Word
    kind: Literal["transformer", "cable"]
    name: Annotated[str, Meta(max_length=80)]
    field: Word
    t: Word
    dt: Annotated[float, Meta(ge=0.0, le=1e9)]
    cov: Annotated[float, Meta(ge=0.0, le=1.0)]
    verdict: Verdict
    judged: Verdict
    followed_since: Word
    findings: Annotated[tuple[FindingPayload, ...], Meta(min_length=1, max_length=16)]
    figures: Annotated[dict[Word, float], Meta(max_length=32)] = {}
    notes: Annotated[tuple[Word, ...], Meta(max_length=8)] = ()
    unknown_since: Word | None = None


_decoder = msgspec.json.Decoder(LoadPayload)


def decode_load(raw: bytes) -> LoadPayload:
    """A component's judgement; raises :class:`flexcore.payloads.PayloadError`."""
    return decoded(_decoder, raw, "load")
