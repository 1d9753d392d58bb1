"""Where an event came from: for every field on a busbar the direction, and for the station the place.

A field's current is positive from the busbar into the field. Seen from its meter there are two directions:

- ``downstream``: the cause lies beyond the meter, along this field's line. This holds for a feeder with a
  fault, and just so for the incoming line or transformer behind which the supplying grid is disturbed;
- ``upstream``: the cause lies towards the busbar: in another field, on the busbar, or in a branch that nobody
  measures.

So at most one field of a busbar is ``downstream``. Whether that field carries a fault (``place`` "field") or is
the supply (``place`` "supply") is decided by what the rest of the busbar could add to it: a fault in a field
is fed by a stiff grid, a disturbance behind the supply only by loads, machines and inverters.

Every branch gets a score, the weighted sum of the five methods of :mod:`flexcore.dsp.evidence`; the branch that
nobody measures takes part. The confidence is the branch's share in the exponentials of all scores, so that it is
the probability that this branch is the one; the weights were fitted to that end on simulated networks
(docs/decisions/024-event-origin.md). Below :data:`CERTAIN` nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from flexcore.dsp.evidence import Branch, Evidence, branch, compare, rest
from flexcore.dsp.superimposed import Superimposed, superimpose

Direction = Literal["downstream", "upstream", "unknown"]
Place = Literal["field", "supply", "busbar", "unmeasured", "unknown"]
#: Why nothing is claimed: too few samples around the event, samples missing, no voltage before it, the
#: voltage not steady before it, no sudden onset (power swing, slow change), no field with current,
#: evidence too weak.
Reason = Literal["", "short", "gap", "no_voltage", "unsteady", "slow", "no_current", "weak"]

#: Probability from which a direction or a place is claimed.
CERTAIN = 0.8
#: Weights of the methods in a branch's score.
WEIGHTS = Evidence(
    added_energy=6.5, impedance=1.5, disturbance_energy=0.4, real_current=3.6, current_rise=1.3
)
#: A method that says less than this has not voted.
_VOTES = 0.1
#: Added current per added voltage, relative to the load's admittance, that tells a stiff grid, as power of two;
#: how much the power before the event shifts it, when all of it went in (1) or came out (-1).
_STIFF, _SHIFT = 2.5, 1.0
#: Share of the currents before the event that may be missing on a busbar that is measured as a whole.
_BALANCED = 0.1
#: A field with less current than this, of the largest, may be one whose sensor is dead.
_SILENT = 2e-3


@dataclass(frozen=True, slots=True)
class Vote:
    """What one method said: from -1 (upstream) to 1 (downstream)."""

    method: str
    value: float


@dataclass(frozen=True, slots=True)
class FieldOrigin:
    """One field's direction, its probability, the methods that spoke, and why nothing was claimed."""

    direction: Direction
    confidence: float
    votes: tuple[Vote, ...] = ()
    reason: Reason = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event of one busbar came from.

    ``field`` is the number of the field in whose direction the cause lies, for ``place`` "field" and "supply".
    ``onset`` is the sample at which it began, where one was found. ``fields`` are in the order given.
    """

    place: Place
    field: int | None
    confidence: float
    fields: tuple[FieldOrigin, ...]
    reason: Reason = ""
    onset: int | None = None


def locate(
    voltages: npt.NDArray[np.floating],
    currents: Sequence[npt.NDArray[np.floating] | None],
    *,
    rate_hz: float,
    nominal_hz: float,
    udin_v: float,
    begin: float,
    end: float | None = None,
) -> Origin:
    """Where the event that began at sample ``begin`` came from.

    Args:
        voltages: (3, n) V between phase and earth (or neutral); not-a-number where samples are missing.
        currents: per field (3 or 4, n) A on the same samples, positive into the field; None when missing.
        rate_hz: sampling rate, from 800 Hz on.
        nominal_hz: 50 or 60.
        udin_v: declared voltage between phase and neutral.
        begin: sample index of the event's begin: the start of the first cycle whose RMS crossed a threshold.
            At least four cycles before it and 1.25 after it must be there; five before and three after
            are as good as any more.
        end: sample index of the event's end, None while it lasts.

    Raises:
        ValueError: shapes that are no such thing.
    """
    if voltages.ndim != 2 or voltages.shape[0] != 3:
        raise ValueError(f"expected voltages of shape (3, n), got {voltages.shape}")
    for number, current in enumerate(currents):
        if current is not None and (
            current.ndim != 2 or current.shape[0] not in (3, 4) or current.shape[1] != voltages.shape[1]
        ):
            raise ValueError(f"expected currents[{number}] of shape (3 or 4, n), got {current.shape}")
    event = superimpose(
        voltages, currents, rate_hz=rate_hz, nominal_hz=nominal_hz, udin_v=udin_v, begin=begin, end=end
    )
    if isinstance(event, str):
        return _nothing(len(currents), event)
    known = [number for number, current in enumerate(event.currents) if current is not None]
    if not known:
        reason: Reason = "gap" if any(current is not None for current in currents) else "no_current"
        return _nothing(len(currents), reason)
    branches = _branches(event, known, rate_hz)
    if max(b.before_a + b.added_a for b in branches) <= 0.0:
        return _nothing(len(currents), "no_current")
    evidence = compare(branches)
    chances = _chances(evidence)
    found: dict[int, FieldOrigin] = {}
    winner = int(np.argmax(chances))
    unmeasured = winner == len(known)
    loudest = max(b.before_a + b.added_a for b in branches)
    for number, one, chance, said in zip(known, branches, chances, evidence, strict=False):
        silent = one.before_a + one.added_a < _SILENT * loudest
        found[number] = _field(chance, said, dead=silent and unmeasured)
    missing = {n: _missing(current is None) for n, current in enumerate(currents) if n not in found}
    answers = tuple((found | missing)[number] for number in range(len(currents)))
    chance = float(chances[winner])
    if chance < CERTAIN:
        return Origin("unknown", None, chance, answers, "weak", event.onset)
    if unmeasured:
        return Origin(_outside(branches, bool(missing)), None, chance, answers, "", event.onset)
    return Origin(_inside(branches, winner), known[winner], chance, answers, "", event.onset)


def _branches(event: Superimposed, known: list[int], rate_hz: float) -> list[Branch]:
    signals = [current for number in known if (current := event.currents[number]) is not None]
    signals.append(rest(event))
    return [branch(event.voltage, current, event.cycle, rate_hz) for current in signals]


def _chances(evidence: list[Evidence]) -> npt.NDArray[np.float64]:
    scores = np.array([said.row() @ WEIGHTS.row() for said in evidence])
    shares = np.exp(scores - scores.max())
    return np.asarray(shares / shares.sum())


def _field(chance: float, said: Evidence, *, dead: bool) -> FieldOrigin:
    votes = tuple(
        Vote(method.name, value)
        for method in fields(said)
        if abs(value := round(float(getattr(said, method.name)), 3)) >= _VOTES
    )
    if dead:
        return FieldOrigin("unknown", max(chance, 1.0 - chance), votes, "no_current")
    if chance >= CERTAIN:
        return FieldOrigin("downstream", chance, votes)
    if 1.0 - chance >= CERTAIN:
        return FieldOrigin("upstream", 1.0 - chance, votes)
    return FieldOrigin("unknown", max(chance, 1.0 - chance), votes, "weak")


def _missing(absent: bool) -> FieldOrigin:
    return FieldOrigin("unknown", 0.0, (), "no_current" if absent else "gap")


def _nothing(count: int, reason: Reason) -> Origin:
    return Origin("unknown", None, 0.0, (FieldOrigin("unknown", 0.0, (), reason),) * count, reason)


def _outside(branches: list[Branch], incomplete: bool) -> Place:
    """The cause lies where nobody measures: on the busbar itself, when nothing was missing before."""
    through = sum(one.before_a for one in branches[:-1])
    balanced = branches[-1].before_a < _BALANCED * through
    return "busbar" if balanced and not incomplete else "unmeasured"


def _inside(branches: list[Branch], winner: int) -> Place:
    """A field that a stiff grid feeds carries the fault itself; one that only loads feed is the supply."""
    one = branches[winner]
    through = 0.5 * sum(b.before_a for b in branches)
    given = sum(max(0.0, -b.before_w) for b in branches)
    taken = sum(max(0.0, b.before_w) for b in branches)
    if through <= 0.0 or one.stiffness_s <= 0.0:
        return "field"
    stiffness = math.log2(one.stiffness_s * one.before_v / through)
    share = one.before_w / max(given, taken, 1e-9)
    return "field" if stiffness - _STIFF + _SHIFT * share > 0.0 else "supply"
