"""Where an event came from: for every field on a busbar the direction, and for the station the place.

A field's current is positive from the busbar into the field. Seen from its meter there are two directions:

- ``downstream``: the cause lies beyond the meter, along this field's line. This holds for a feeder with a
  fault, and just so for the incoming line or transformer behind which the supplying grid is disturbed;
- ``upstream``: the cause lies towards the busbar: in another field, on the busbar, or in a branch that nobody
  measures.

So at most one field of a busbar is ``downstream``. Whether that field carries a fault (``place`` "field") or
is the supply (``place`` "supply") is decided by what the rest of the busbar could add to it: a fault in a
field is fed by a stiff grid, a disturbance behind the supply only by loads, machines and inverters.

Every branch gets a score, the weighted sum of the five methods of :mod:`flexcore.dsp.evidence`; the branch
that nobody measures takes part. The confidence is the branch's share in the exponentials of all scores: the
probability that this branch is the one. The weights were fitted to that end on simulated networks
(docs/decisions/024-event-origin.md). Below :data:`CERTAIN` nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from flexcore.dsp.arrays import numbers
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
    added_energy=6.0, impedance=0.6, disturbance_energy=0.2, real_current=2.6, current_rise=1.4
)
#: A method that says less than this has not voted.
_VOTES = 0.1
#: Log-odds that a field carries the fault itself: per doubling of what the rest of the busbar can add (in
#: terms of the load's admittance), per the share of the power before the event that went in (-1: came out).
_PER_DOUBLING, _PER_SHARE, _NEITHER = 1.6, 2.8, -3.2
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

    ``field`` is the number of the field in whose direction the cause lies, where that is known; ``place``
    "unknown" beside it means that it may carry the fault or be the supply.
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
            At least four cycles before it and 1.25 after it must be there; four before and two after
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
        absent = all(current is None for current in currents)
        return _nothing(len(currents), "no_current" if absent else "gap")
    branches = _branches(event, known, rate_hz)
    if all(b.before_a + b.added_a <= 0.0 for b in branches):
        return _nothing(len(currents), "no_current")
    missing = {n: _missing(current is None) for n, current in enumerate(currents) if n not in known}
    return _judge(branches, known, missing, event.onset)


def _judge(branches: list[Branch], known: list[int], missing: dict[int, FieldOrigin], onset: int) -> Origin:
    """``branches`` are those of the fields ``known``, and last the one that nobody measures."""
    evidence = compare(branches)
    chances = _chances(evidence)
    winner = max(range(len(chances)), key=chances.__getitem__)
    unmeasured = winner == len(known)
    quiet_a = _SILENT * max(b.before_a + b.added_a for b in branches)
    found = dict(missing)
    for number, one, chance, said in zip(known, branches, chances, evidence, strict=False):
        dead = unmeasured and one.before_a + one.added_a < quiet_a
        found[number] = _field(chance, said, dead=dead)
    answers = tuple(found[number] for number in sorted(found))
    chance = chances[winner]
    if chance < CERTAIN:
        return Origin("unknown", None, chance, answers, "weak", onset)
    if unmeasured:
        return Origin(_outside(branches, bool(missing)), None, chance, answers, "", onset)
    fault = _fault(branches, winner)
    chance *= max(fault, 1.0 - fault)
    if chance < CERTAIN:
        return Origin("unknown", known[winner], chance, answers, "weak", onset)
    return Origin("field" if fault > 0.5 else "supply", known[winner], chance, answers, "", onset)


def _branches(event: Superimposed, known: list[int], rate_hz: float) -> list[Branch]:
    signals = [current for number in known if (current := event.currents[number]) is not None]
    signals.append(rest(event))
    return [branch(event.voltage, current, event.cycle, rate_hz) for current in signals]


def _chances(evidence: list[Evidence]) -> list[float]:
    scores = np.array([said.row() @ WEIGHTS.row() for said in evidence])
    shares = np.exp(scores - scores.max())
    return numbers(shares / shares.sum())


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


def _fault(branches: list[Branch], winner: int) -> float:
    """Probability that the field carries the fault itself and is not the supply.

    A stiff grid feeds a fault in a field; only loads, machines and inverters feed one behind the supply.
    """
    one = branches[winner]
    through = 0.5 * sum(b.before_a for b in branches)
    given = sum(max(0.0, -b.before_w) for b in branches)
    taken = sum(max(0.0, b.before_w) for b in branches)
    stiffness = math.log2(max(one.stiffness_s * one.before_v, 1e-9) / max(through, 1e-9))
    share = one.before_w / max(given, taken, 1e-9)
    odds = _PER_DOUBLING * stiffness + _PER_SHARE * share + _NEITHER
    return 1.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0)))
