"""A small three-phase network in the time domain, many of them at once, to know where a disturbance was.

One supply (an electromotive force behind its grid's impedance, an incoming line or transformer) feeds a
busbar with ``FEEDERS`` feeders. Each feeder is a cable with its capacitance and, at its end, a load (series
resistance and inductance), a machine (electromotive force behind an impedance: motor, generator or another
supply) and an inverter that keeps its power constant (taking or giving). Star points of loads and machines
float; the supply's is earthed through an impedance. Trapezoidal rule, started in the steady state.

Everything is an array whose first axis is the scenario.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

FEEDERS = 4
NEUTRAL, GRID, BUS = 0, 1, 4
NODES = 7 + 4 * FEEDERS
_ROTATE = np.exp(-2j * np.pi * np.arange(3) / 3.0)
OPEN = np.inf


def far(k: int) -> int:
    """First node of the far end of feeder ``k``."""
    return 7 + 4 * k


def _topology() -> tuple[Array, dict[str, slice]]:
    """Incidence (branches, nodes) of the current's from (+) and to (-) end, and where each part is."""
    pairs: list[tuple[int, int | None]] = []
    parts: dict[str, slice] = {}

    def part(name: str, ends: list[tuple[int | None, int | None]]) -> None:
        parts[name] = slice(len(pairs), len(pairs) + len(ends))
        pairs.extend(ends)  # type: ignore[arg-type]

    part("neutral", [(NEUTRAL, None)])
    part("grid", [(NEUTRAL, GRID + p) for p in range(3)])
    part("incoming", [(GRID + p, BUS + p) for p in range(3)])
    part("grid_c", [(GRID + p, None) for p in range(3)])
    for k in range(FEEDERS):
        end, star = far(k), far(k) + 3
        part(f"cable{k}", [(BUS + p, end + p) for p in range(3)])
        part(f"c{k}", [(end + p, None) for p in range(3)])
        part(f"load{k}", [(end + p, star) for p in range(3)])
        part(f"machine{k}", [(end + p, star) for p in range(3)])
        part(f"switched{k}", [(end + p, star) for p in range(3)])
    incidence = np.zeros((len(pairs), NODES))
    for row, (a, b) in enumerate(pairs):
        if a is not None:
            incidence[row, a] += 1.0
        if b is not None:
            incidence[row, b] -= 1.0
    return incidence, parts


INCIDENCE, PARTS = _topology()
BRANCHES = INCIDENCE.shape[0]


@dataclass
class Networks:
    """``m`` networks; impedances per branch, powers three-phase. Set the fields, then :meth:`run`.

    ``emf``: complex amplitude (peak, V) per branch, part ``grid`` must be set. ``machine_va`` and
    ``inverter_va``: complex power taken at the far end (negative real part: given), (m, FEEDERS).
    ``fault_s``: conductances of a fault a-b, b-c, c-a, a-0, b-0, c-0 at node ``fault_at`` (first of three)
    from ``on_s`` to ``off_s``. ``grid_after``: factor (complex, per phase) on the grid's force between these
    moments. Switched branches of the feeders in ``switches`` are as in ``switched_before`` until ``on_s``,
    and the reverse after. ``slip_hz``: how much faster a machine turns. ``harmonics``: 5th and 7th of the
    grid's force, relative.
    """

    m: int
    f_hz: Array
    r: Array = field(init=False)
    l: Array = field(init=False)  # noqa: E741
    s: Array = field(init=False)
    emf: Complex = field(init=False)

    def __post_init__(self) -> None:
        m = self.m
        self.r = np.full((m, BRANCHES), OPEN)
        self.l = np.zeros((m, BRANCHES))
        self.s = np.zeros((m, BRANCHES))
        self.emf = np.zeros((m, BRANCHES), complex)
        self.machine_va = np.zeros((m, FEEDERS), complex)
        self.inverter_va = np.zeros((m, FEEDERS), complex)
        self.fault_at = np.full(m, GRID)
        self.fault_s = np.zeros((m, 6))
        self.on_s = np.full(m, np.inf)
        self.off_s = np.full(m, np.inf)
        self.grid_after = np.ones((m, 3), complex)
        self.switched_before = np.zeros((m, FEEDERS), bool)
        self.switches = np.zeros((m, FEEDERS), bool)
        self.slip_hz = np.zeros((m, FEEDERS))
        self.harmonics = np.zeros((m, 2))

    def set(self, name: str, row: int, r: float, l: float = 0.0, s: float = 0.0) -> None:  # noqa: E741
        part = PARTS[name]
        self.r[row, part], self.l[row, part], self.s[row, part] = r, l, s

    def run(self, rate_hz: float, span_s: float) -> tuple[Array, Array]:
        """Busbar voltages (m, 3, n), and currents (m, 1 + FEEDERS, 3, n) from the busbar: supply, feeders."""
        return _Run(self, 1.0 / rate_hz).go(round(span_s * rate_hz))


class _Run:
    def __init__(self, net: Networks, dt: float) -> None:
        self.net, self.dt = net, dt
        self.omega = 2.0 * np.pi * net.f_hz
        self.warped = (2.0 / dt) * np.tan(self.omega * dt / 2.0)[:, None]
        finite = np.isfinite(net.r)
        r = np.where(finite, net.r, 1.0)
        self.r, self.finite = r, finite
        self.keep = 2.0 * net.l / dt - net.s * dt / 2.0
        self.on = finite.copy()
        for k in range(FEEDERS):
            self.on[:, PARTS[f"switched{k}"]] &= net.switched_before[:, k, None]
        self.gain = np.where(self.on, 1.0 / (r + 2.0 * net.l / dt + net.s * dt / 2.0), 0.0)
        self.phase: npt.NDArray[np.int_] = np.zeros(net.m, int)
        self._steady()

    def _steady(self) -> None:
        net = self.net
        z = self.r + 1j * self.warped * net.l - 1j * net.s / self.warped
        y = np.where(self.on, 1.0 / z, 0.0)
        machines = [PARTS[f"machine{k}"] for k in range(FEEDERS)]
        passive = y.copy()
        for k in range(FEEDERS):
            passive[:, machines[k]] *= (net.machine_va[:, k] == 0.0)[:, None]
        matrix = np.einsum("bn,mb,bk->mnk", INCIDENCE, passive, INCIDENCE) + 1e-9 * np.eye(NODES)
        inverse = np.linalg.inv(matrix)
        push = -np.einsum("bn,mb->mn", INCIDENCE, passive * net.emf)
        v = np.einsum("mnk,mk->mn", inverse, push)
        for _ in range(40):
            inject = push.copy()
            for k in range(FEEDERS):
                taken = (net.machine_va + net.inverter_va)[:, k]
                ends = v[:, far(k) : far(k) + 3]
                one = (ends * _ROTATE.conj()).mean(axis=1)
                current = np.conj(2.0 / 3.0 * taken / np.where(one == 0, 1.0, one))
                inject[:, far(k) : far(k) + 3] -= current[:, None] * _ROTATE
            v = 0.5 * v + 0.5 * np.einsum("mnk,mk->mn", inverse, inject)
        for k in range(FEEDERS):
            active = net.machine_va[:, k] != 0.0
            one = (v[:, far(k) : far(k) + 3] * _ROTATE.conj()).mean(axis=1)
            current = np.conj(2.0 / 3.0 * net.machine_va[:, k] / one)
            part = machines[k]
            force = current[:, None] * _ROTATE * z[:, part] - v[:, far(k) : far(k) + 3]
            net.emf[active, part] = force[active]
        inject = push - np.einsum("bn,mb->mn", INCIDENCE, (y - passive) * net.emf)
        # the star points' voltages are now those of the whole, machines included
        inverse = np.linalg.inv(np.einsum("bn,mb,bk->mnk", INCIDENCE, y, INCIDENCE) + 1e-9 * np.eye(NODES))
        self.inverter = np.zeros((net.m, FEEDERS), complex)
        for k in range(FEEDERS):
            one = (v[:, far(k) : far(k) + 3] * _ROTATE.conj()).mean(axis=1)
            self.inverter[:, k] = np.conj(2.0 / 3.0 * net.inverter_va[:, k] / one)
            inject[:, far(k) : far(k) + 3] -= self.inverter[:, k, None] * _ROTATE
        v = np.einsum("mnk,mk->mn", inverse, inject)
        i = y * (v @ INCIDENCE.T + net.emf)
        self.first_current = i
        self.i, self.vl, self.vc = (
            i.real,
            (1j * self.warped * net.l * i).real,
            (-1j * net.s / self.warped * i).real,
        )
        self.v = v
        self.seen = np.stack(
            [(v[:, far(k) : far(k) + 3] * _ROTATE.conj()).mean(axis=1) for k in range(FEEDERS)], axis=1
        )

    def _inverse(self, rows: npt.NDArray[np.intp] | slice) -> Array:
        net = self.net
        gain = self.gain[rows]
        y = np.einsum("bn,mb,bk->mnk", INCIDENCE, gain, INCIDENCE) + 1e-9 * np.eye(NODES)
        for j, row in enumerate(np.arange(net.m)[rows]):
            if self.phase[row] == 1:
                at, g = net.fault_at[row], net.fault_s[row]
                for c, (a, b) in enumerate(((0, 1), (1, 2), (2, 0))):
                    y[j, at + a, at + a] += g[c]
                    y[j, at + b, at + b] += g[c]
                    y[j, at + a, at + b] -= g[c]
                    y[j, at + b, at + a] -= g[c]
                    y[j, at + c, at + c] += g[3 + c]
        return np.linalg.inv(y)

    def go(self, count: int) -> tuple[Array, Array]:
        net, dt = self.net, self.dt
        m = net.m
        inverse = self._inverse(slice(None))
        voltages = np.empty((m, 3, count))
        currents = np.empty((m, 1 + FEEDERS, 3, count))
        grid = PARTS["grid"]
        slow = np.exp(-dt / 0.008)
        ends = np.array([[far(k) + p for p in range(3)] for k in range(FEEDERS)])
        inverters = bool((net.inverter_va != 0.0).any())
        switch_at = self._switch_times()
        for n in range(count):
            t = (n + 1) * dt
            self._change(t, inverse, switch_at)
            turn = np.exp(1j * self.omega * t)[:, None]
            force = net.emf * turn
            for k in range(FEEDERS):
                force[:, PARTS[f"machine{k}"]] *= np.exp(2j * np.pi * net.slip_hz[:, k] * t)[:, None]
            shape = np.where((self.phase == 1)[:, None], net.grid_after, 1.0)
            e = force.real
            e[:, grid] = (net.emf[:, grid] * turn * shape).real
            for c, h in enumerate((5, 7)):
                e[:, grid] += (
                    net.harmonics[:, c, None]
                    * ((net.emf[:, grid] * turn) ** h).real
                    / (np.abs(net.emf[:, grid]) ** (h - 1))
                )
            history = e + self.keep * self.i + self.vl - self.vc
            push = -(self.gain * history) @ INCIDENCE
            if inverters:
                kick = (self.inverter * turn)[:, :, None] * _ROTATE
                for k in range(FEEDERS):
                    push[:, far(k) : far(k) + 3] -= kick[:, k].real
            v = np.einsum("mnk,mk->mn", inverse, push)
            i = self.gain * (v @ INCIDENCE.T + history)
            self.vl = (2.0 * net.l / dt) * (i - self.i) - self.vl
            self.vc = self.vc + net.s * dt / 2.0 * (i + self.i)
            self.i = i
            if inverters:
                seen = (2.0 / 3.0) * (v[:, ends] * _ROTATE.conj()).sum(axis=2) * turn.conj()
                self.seen = slow * self.seen + (1.0 - slow) * seen
                wanted = np.conj(2.0 / 3.0 * net.inverter_va / np.where(self.seen == 0, 1.0, self.seen))
                limit = 1.2 * np.abs(net.inverter_va) / np.abs(self.v[:, ends[:, 0]]) * 2.0 / 3.0
                size = np.maximum(np.abs(wanted), 1e-9)
                wanted *= np.minimum(1.0, limit / size)
                self.inverter = slow * self.inverter + (1.0 - slow) * wanted
            voltages[:, :, n] = v[:, BUS : BUS + 3]
            currents[:, 0, :, n] = -i[:, PARTS["incoming"]]
            for k in range(FEEDERS):
                currents[:, 1 + k, :, n] = i[:, PARTS[f"cable{k}"]]
        return voltages, currents

    def _switch_times(self) -> Array:
        """When each pole of the switched branches acts: closing at once, opening at the current's zero."""
        net = self.net
        times = np.full((net.m, FEEDERS, 3), np.inf)
        for row, k in zip(*np.nonzero(net.switches), strict=True):
            for p in range(3):
                times[row, k, p] = net.on_s[row]
                if net.switched_before[row, k]:
                    w = self.omega[row]
                    angle = np.angle(self.first_current[row, PARTS[f"switched{k}"]][p]) + w * net.on_s[row]
                    times[row, k, p] += ((np.pi / 2.0 - angle) % np.pi) / w
        return times

    def _change(self, t: float, inverse: Array, switch_at: Array) -> None:
        net = self.net
        phase: npt.NDArray[np.int_] = np.where(t >= net.off_s, 2, np.where(t >= net.on_s, 1, 0))
        changed: npt.NDArray[np.bool_] = np.not_equal(phase, self.phase)
        self.phase = phase
        for row, k, p in zip(*np.nonzero((switch_at <= t) & np.isfinite(switch_at)), strict=True):
            switch_at[row, k, p] = np.inf
            b = PARTS[f"switched{k}"].start + p
            self.on[row, b] = not net.switched_before[row, k]
            whole = self.r[row, b] + 2.0 * net.l[row, b] / self.dt + net.s[row, b] * self.dt / 2.0
            self.gain[row, b] = 1.0 / whole if self.on[row, b] else 0.0
            if not self.on[row, b]:
                self.i[row, b] = self.vl[row, b] = 0.0
            changed[row] = True
        rows = np.flatnonzero(changed)
        if rows.size:
            inverse[rows] = self._inverse(rows)
