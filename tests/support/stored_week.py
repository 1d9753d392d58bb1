"""A week in a store, through the store's own writer: known values at known places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from flexcore.model import Event, Flag, Measurement, event_id
from flexcore.quantities import PHASES, of_busbar
from flexcore.store import Limits, Store
from flexcore.store.gaps import Change, Gap
from support.limits import MONDAY_NS, WEEK_NS

S = 1_000_000_000
TEN_MINUTES_NS = 600 * S
UDIN_V = 10_000.0 / 3**0.5
TENS = WEEK_NS // TEN_MINUTES_NS

STATION = """
[station]
id = "st1"
name = "Station 1"

[[busbar]]
id = "bb1"
name = "Busbar 1"
nominal_v = 10000
sensor = { stream = 1 }

[[field]]
id = "f1"
name = "Field 1"
busbar = "bb1"
sensor = { stream = 2 }
"""


def quiet(interval: str) -> dict[str, float | None]:
    """Every quantity of a busbar over ``interval``, undisturbed."""
    rest: dict[str, float | None] = dict.fromkeys((q.name for q in of_busbar(interval, PHASES)), 0.1)
    for phase in PHASES:
        rest |= {f"u_{phase}_v": UDIN_V, f"u1_{phase}_v": UDIN_V}
    return rest | {"f_hz": 50.0, "f_10s_hz": 50.0} if interval == "10s" else rest | {"f_hz": 50.0}


def spectra(percent: dict[tuple[str, int], float]) -> dict[str, tuple[float, ...]]:
    """Subgroups of all phases: 0.1 % of Udin each, the fundamental Udin, and what ``percent`` says."""
    found = {}
    for phase in PHASES:
        orders = np.full(51, 0.001 * UDIN_V)
        orders[1] = UDIN_V
        for (of, order), share in percent.items():
            if of == phase:
                orders[order] = share / 100.0 * UDIN_V
        found[f"u_h_{phase}_v"] = tuple(orders.tolist())
        found[f"u_ih_{phase}_v"] = tuple([0.01] * 50)
    return found


class StoredWeek:
    """Writes into ``folder``; what is not told to be otherwise is undisturbed."""

    def __init__(self, folder: Path, busbar: str = "bb1") -> None:
        self.store = Store.open(folder, Limits(keep_days=3650, reserve_bytes=0))
        self.busbar = busbar

    def tens(
        self,
        count: int = TENS,
        values: Callable[[int], dict[str, float | None]] = lambda _: {},
        harmonics: Callable[[int], dict[tuple[str, int], float]] = lambda _: {},
        flags: Callable[[int], tuple[Flag, ...]] = lambda _: (),
        *,
        first: int = 0,
    ) -> None:
        """10-min values ``first`` to before ``count``."""
        rest = quiet("10min")
        made = [
            Measurement(
                self.busbar,
                "10min",
                MONDAY_NS + n * TEN_MINUTES_NS,
                TEN_MINUTES_NS,
                rest | values(n),
                flags(n),
                spectra=spectra(harmonics(n)),
            )
            for n in range(first, count)
        ]
        for n in range(0, len(made), 144):
            self.store.add_averages(made[n : n + 144])

    def twos(self, plt: Callable[[int], dict[str, float | None]] = lambda _: {}) -> None:
        """All 84 2-h values."""
        rest = quiet("2h")
        self.store.add_averages(
            [
                Measurement(self.busbar, "2h", MONDAY_NS + n * 7200 * S, 7200 * S, rest | plt(n))
                for n in range(84)
            ]
        )

    def shorts(self, interval: str, step_ns: int, rows: Iterable[dict[str, float | None]]) -> None:
        """3-s or 10-s values one after another, folded as they would be."""
        batch: list[Measurement] = []
        for n, values in enumerate(rows):
            at_ns = MONDAY_NS + n * step_ns
            batch.append(Measurement(self.busbar, interval, at_ns, step_ns, values))
            if len(batch) == 360:
                self.store.add_values(batch)
                self.store.tidy(at_ns)
                batch = []
        self.store.add_values(batch)

    def ends(self, end_ns: int = MONDAY_NS + WEEK_NS) -> None:
        """The last 3-s value ends there: what tells how far the store reaches."""
        self.store.add_values([Measurement(self.busbar, "3s", end_ns - 3 * S, 3 * S, {"u_l1_v": UDIN_V})])

    def event(self, kind: str, at_s: float, lasted_s: float, percent: float) -> None:
        """One event of the busbar, ended."""
        start_ns = MONDAY_NS + round(at_s * S)
        event = Event(
            id=event_id(kind, self.busbar, start_ns),  # type: ignore[arg-type]
            type=kind,  # type: ignore[arg-type]
            element=self.busbar,
            state="end",
            start_ns=start_ns,
            duration_ns=round(lasted_s * S),
            extreme_v=percent / 100.0 * UDIN_V,
            reference_v=UDIN_V,
        )
        self.store.add_events([event])

    def gap(self, at_s: float, lasted_s: float) -> None:
        """Samples were missing."""
        start_ns = MONDAY_NS + round(at_s * S)
        end_ns = start_ns + round(lasted_s * S)
        change = Change(Gap(event_id("gap", self.busbar, start_ns), self.busbar, start_ns, end_ns, "samples"))
        self.store.add_events([], [change])
