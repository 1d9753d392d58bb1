"""Random disturbances of known place on the networks of :mod:`support.network`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from support.network import BUS, FEEDERS, GRID, Networks, far

Array = npt.NDArray[np.float64]
Note = dict[str, Any]

UN_V = 10_000.0
UDIN_V = UN_V / np.sqrt(3.0)
#: Moment of the disturbance, s.
ONSET_S = 0.16
FAULTS = {
    "3ph": (1, 1, 1, 1, 1, 1),
    "2ph": (1, 0, 0, 0, 0, 0),
    "2ph-earth": (1, 0, 0, 1, 1, 0),
    "1ph": (0, 0, 0, 1, 0, 0),
}
KINDS = ("3ph", "2ph", "2ph-earth", "1ph", "supply-dip", "supply-swell", "bank", "start", "rejection")


@dataclass
class Scenario:
    """What an instrument sees, and the truth: ``source`` 0 is the supply, 1.. a feeder, -1 the busbar."""

    kind: str
    source: int
    voltages: Array
    currents: list[Array | None]
    rate_hz: float
    f_hz: float
    begin: int
    end: int
    note: Note


def random_networks(
    rng: np.random.Generator, m: int, kinds: tuple[str, ...] = KINDS, nominal_hz: float = 50.0
) -> tuple[Networks, list[Note]]:
    """``m`` networks with a disturbance each, and notes of what was drawn."""
    f = rng.normal(nominal_hz, 0.05, m)
    net = Networks(m, f)
    notes: list[Note] = []
    w = 2.0 * np.pi * nominal_hz

    def log(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    for row in range(m):
        kind = kinds[row % len(kinds)]
        short_va = log(60e6, 500e6)
        z = UN_V**2 / short_va
        ratio = log(2.0, 25.0)
        x = z / np.sqrt(1.0 + 1.0 / ratio**2)
        share = rng.uniform(0.15, 0.7)  # of the supply's impedance that lies beyond the incoming field
        net.set("grid", row, share * x / ratio, share * x / w)
        net.set("incoming", row, (1 - share) * x / ratio, (1 - share) * x / w)
        net.set("grid_c", row, 0.5, 0.0, 1.0 / log(0.1e-6, 2e-6))
        earthing = rng.choice(["solid", "resistance", "isolated", "coil"])
        total_c = 0.0
        load_va = log(0.02, 0.3) * short_va * 0.4
        parts = rng.dirichlet(np.ones(FEEDERS)) * load_va
        inverters = rng.choice([0.0, 0.0, 1.0])
        machines = rng.choice([0.0, 1.0])
        for k in range(FEEDERS):
            cable_ohm = log(0.05, 1.0)
            turn = rng.uniform(0.3, 1.2)
            net.set(f"cable{k}", row, cable_ohm * np.cos(turn), cable_ohm * np.sin(turn) / w)
            c = log(0.1e-6, 3e-6)
            total_c += c
            net.set(f"c{k}", row, 0.5, 0.0, 1.0 / c)
            pf = rng.uniform(0.85, 0.99)
            empty = rng.random() < 0.15
            va = parts[k] if not empty else 1.0
            zl = UN_V**2 / va
            net.set(f"load{k}", row, zl * pf, zl * np.sqrt(1 - pf**2) / w)
            if machines and rng.random() < 0.5 and not empty:
                rated = rng.uniform(0.3, 1.0) * va
                taken = rng.choice([1.0, 1.0, -1.0]) * rng.uniform(0.3, 1.0) * rated
                zm = UN_V**2 / rated * 0.2
                net.set(f"machine{k}", row, 0.08 * zm, zm / w)
                net.machine_va[row, k] = taken * (1 + 0.4j)
            if inverters and rng.random() < 0.6 and not empty:
                gives = rng.random() < 0.65
                size = rng.uniform(0.3, 2.0) * va
                net.inverter_va[row, k] = -size if gives else size * (1 + 0.1j)
        on_neutral = {
            "solid": (0.05, 0.0), "resistance": (log(3.0, 40.0), 0.0), "isolated": (1e6, 0.0),
            "coil": (5.0, 1.0 / (3 * w**2 * total_c) * rng.uniform(0.9, 1.15)),
        }[earthing]  # fmt: skip
        net.set("neutral", row, *on_neutral)
        net.emf[row, 1:4] = (
            UDIN_V * np.sqrt(2) * rng.uniform(0.99, 1.05) * np.exp(-2j * np.pi * np.arange(3) / 3)
        )
        net.emf[row] *= np.exp(2j * np.pi * rng.random())
        net.harmonics[row] = rng.uniform(0.0, 0.03, 2)
        net.on_s[row] = ONSET_S + rng.uniform(0.0, 0.02)
        duration = rng.choice([0.05, 0.1, 0.3])
        net.off_s[row] = net.on_s[row] + duration
        at = int(rng.integers(0, 1 + FEEDERS)) if rng.random() > 0.35 else 0
        note = {
            "short_mva": short_va / 1e6,
            "load_mva": load_va / 1e6,
            "at": at,
            "inv": inverters,
            "mach": machines,
            "earthing": earthing,
            "duration": duration,
        }
        order = int(rng.integers(0, 3))
        if kind in FAULTS:
            if rng.random() < 0.05:
                at = -1
            ohm = log(0.01, 3.0)
            g = np.array(FAULTS[kind]) / ohm
            net.fault_s[row] = np.concatenate((np.roll(g[:3], order), np.roll(g[3:], order)))
            net.fault_at[row] = GRID if at == 0 else BUS if at < 0 else far(at - 1)
            note["ohm"] = ohm
        elif kind.startswith("supply"):
            at = 0
            level = rng.uniform(0.3, 0.88) if kind == "supply-dip" else rng.uniform(1.12, 1.3)
            turn = np.exp(1j * np.radians(rng.uniform(-20, 20))) if kind == "supply-dip" else 1.0
            phases = int(rng.integers(1, 4))
            factor = np.ones(3, complex)
            factor[np.roll(np.arange(3), order)[:phases]] = level * turn
            net.grid_after[row] = factor
        else:
            at = at or int(rng.integers(1, 1 + FEEDERS))
            k = at - 1
            net.switches[row, k] = True
            size = short_va * rng.uniform(0.05, 0.2)
            zs = UN_V**2 / size
            if kind == "bank":
                net.set(f"switched{k}", row, 0.02 * zs, 0.0, zs * w)
            elif kind == "start":
                net.set(f"switched{k}", row, 0.25 * zs, 0.97 * zs / w)
            else:
                net.set(f"switched{k}", row, 0.9 * zs, 0.43 * zs / w)
                net.switched_before[row, k] = True
        note["at"] = at
        note["on_s"] = float(net.on_s[row])
        note["kind"] = kind
        notes.append(note)
    return net, notes


def decimate(x: Array, by: int) -> Array:
    """Every ``by``-th sample after a low-pass filter of a cosine's shape."""
    if by == 1:
        return x
    taps = np.hanning(2 * by + 1)[1:-1]
    taps /= taps.sum()
    smooth = np.apply_along_axis(lambda row: np.convolve(row, taps, "same"), -1, x)
    return np.asarray(smooth[..., ::by])


def first_crossing(u: Array, rate_hz: float, f_hz: float, rng: np.random.Generator) -> int | None:
    """Begin of the first cycle (a half cycle apart, from a random moment) whose RMS is 10 % off, or 2 %."""
    cycle = rate_hz / f_hz
    squares = np.concatenate((np.zeros((3, 1)), np.cumsum(u * u, axis=1)), axis=1)
    starts = np.arange(rng.uniform(cycle, 1.5 * cycle), u.shape[1] - cycle - 1, cycle / 2)
    at = starts.astype(int)
    rms = np.sqrt((squares[:, at + round(cycle)] - squares[:, at]) / round(cycle)) / UDIN_V
    early = starts < (ONSET_S - 0.02) * rate_hz
    late = starts > (ONSET_S + 0.04) * rate_hz  # a fault may be cleared by then, which is another event
    steady = rms[:, early].mean(axis=1, keepdims=True)
    for off in (np.any((rms < 0.9) | (rms > 1.1), axis=0), np.any(np.abs(rms - steady) > 0.02, axis=0)):
        hit = np.flatnonzero(off & ~early & ~late)
        if hit.size and not (off & early).any():
            return int(at[hit[0]])
    return None


@dataclass(frozen=True, slots=True)
class View:
    """How an instrument sees it: every ``by``-th sample; white noise relative to Udin and to the station's
    largest current; the share of fields that nobody measures; currents limited to so many times its peak."""

    by: int = 1
    noise: float = 2e-3
    blind: float = 0.1
    limit: float = np.inf


def any_view(rng: np.random.Generator) -> View:
    """From a good instrument to a wretched one."""
    return View(
        by=int(rng.choice([1, 4, 8, 12])),
        noise=float(np.exp(rng.uniform(np.log(5e-4), np.log(0.03)))),
        blind=float(rng.choice([0.0, 0.1, 0.5, 0.8])),
        limit=float(rng.choice([np.inf, np.inf, 6.0, 3.0])),
    )


def scenarios(
    seed: int,
    m: int,
    *views: View,
    kinds: tuple[str, ...] = KINDS,
    any_views: int = 0,
    base_hz: float = 9600.0,
    nominal_hz: float = 50.0,
) -> Iterator[Scenario]:
    """``m`` disturbances in each of ``views`` and in ``any_views`` others, where they can be seen at all."""
    rng = np.random.default_rng(seed)
    net, notes = random_networks(rng, m, kinds, nominal_hz)
    voltages, currents = net.run(base_hz, ONSET_S + 0.16)
    for row in range(m):
        for view in (*views, *(any_view(rng) for _ in range(any_views))):
            seen = _seen(rng, net, notes[row], voltages[row], currents[row], base_hz, row, view)
            if seen is not None:
                yield seen


def _seen(
    rng: np.random.Generator,
    net: Networks,
    note: Note,
    u: Array,
    i: Array,
    base_hz: float,
    row: int,
    view: View,
) -> Scenario | None:
    rate_hz = base_hz / view.by
    u, i = decimate(u, view.by), decimate(i, view.by)
    rated = max(float(np.abs(i[:, :, : int(0.1 * rate_hz)]).max()), 20.0)
    u = u + rng.normal(0.0, view.noise * UDIN_V, u.shape)
    begin = first_crossing(u, rate_hz, net.f_hz[row], rng)
    if begin is None:
        return None
    fields: list[Array | None] = []
    for current in i:
        noisy = current + rng.normal(0.0, view.noise * rated / 1.4, current.shape)
        x = np.clip(noisy, -view.limit * rated, view.limit * rated)
        fields.append(None if rng.random() < view.blind else x.astype(np.float32))
    end = max(min(u.shape[1], int(net.off_s[row] * rate_hz)), begin + 1)
    note = note | {"noise": view.noise, "blind": view.blind, "limit": view.limit, "by": view.by}
    return Scenario(
        note["kind"], note["at"], u.astype(np.float32), fields, rate_hz, net.f_hz[row], begin, end, note
    )
