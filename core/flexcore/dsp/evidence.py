"""Five methods that tell on which side of a meter a disturbance began, as numbers from -1 to 1.

Positive: beyond the meter, in the direction of positive current (out of the busbar, along the field's line).
Every number compares one branch of a busbar with all of them; the branch ``rest`` stands for what nobody
measures (by Kirchhoff's law, minus the sum of the measured currents).

- ``added_energy``: the integral of added voltage times added current from the onset on. A passive branch has
  taken up energy at every moment, whatever it is made of; the branch in which the disturbance lies has
  given it. (Superimposed components: the principle of directional wave and transient-energy relays, Johns,
  IEE Proceedings C 127, 1980; Vitins, IEEE Trans. PAS-100, 1981.)
- ``impedance``: sign of the resistance seen by the added phasors of the positive and negative sequence, over
  the second cycle (Tayjasanant, Li and Xu, IEEE Trans. Power Delivery 20, 2005).
- ``disturbance_energy``: integral of the power less the power before (Parsons, Grady, Powers and Soward, IEEE
  Trans. Power Delivery 15, 2000).
- ``real_current``: change of the part of the positive sequence current that is in phase with the voltage
  (Hamzah, Mohamed and Hussain, Electric Power Systems Research 72, 2004).
- ``current_rise``: change of the magnitude of the currents.

Where the voltage rose, ``disturbance_energy`` and ``real_current`` count the other way round.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from flexcore.dsp.arrays import Float64
from flexcore.dsp.superimposed import Added, Superimposed

Complex = npt.NDArray[np.complex128]

#: Angle by which the added current lags in a network that is neither all resistance nor all reactance.
_LAG = np.exp(-1j * np.radians(30.0))
_TURN = np.exp(2j * np.pi / 3.0)
#: Rows: positive, negative and zero sequence from the three phases.
SEQUENCES = np.array([[1, _TURN, _TURN**2], [1, _TURN**2, _TURN], [1, 1, 1]]) / 3.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The five methods' numbers for one branch."""

    added_energy: float
    impedance: float
    disturbance_energy: float
    real_current: float
    current_rise: float

    def row(self) -> Float64:
        """The numbers in their order."""
        return np.array(astuple(self))


@dataclass(frozen=True, slots=True)
class Branch:
    """Sums over one branch before they are compared; energies in J, powers in W, currents in A RMS.

    ``doubt_j`` is how far ``added_j`` can be off by what the continuation is wrong. ``sag`` is 1 where the
    voltage fell, -1 where it rose. ``stiffness_s`` is added current by added voltage (positive and negative
    sequence): of the branch in which the disturbance lies, the admittance of all the others.
    """

    added_j: float
    doubt_j: float
    impedance: float
    sag: float
    disturbance_j: float
    real_a: float
    rise_a: float
    bias_a: float
    added_a: float
    before_a: float
    before_w: float
    stiffness_s: float
    before_v: float


def rest(event: Superimposed) -> Added:
    """The branch that nobody measures."""
    known = [field for field in event.currents if field is not None]
    added, before = np.zeros((2, *event.voltage.added.shape))
    for field in known:
        added -= field.added
        before -= field.before
    error = math.hypot(*(field.error for field in known))
    return Added(added, before, error, math.hypot(*(field.bias for field in known)))


def branch(voltage: Added, current: Added, cycle: float, rate_hz: float) -> Branch:
    """What one branch's signals say by themselves."""
    n = voltage.added.shape[1]
    span = n / rate_hz
    added_w = (voltage.added * current.added).sum(axis=0)
    steps = np.cumsum(added_w) / rate_hz
    u, i = voltage.added + voltage.before, current.added + current.before
    disturbance_w = (u * i - voltage.before * current.before).sum(axis=0)
    du, di, ub, ib = (
        _sequences(x, cycle) for x in (voltage.added, current.added, voltage.before, current.before)
    )
    power = float((du[:2] * di[:2].conj() * _LAG).real.sum())
    size = float((np.abs(du[:2]) * np.abs(di[:2])).sum())
    noise = np.abs(du[:2]).sum() * current.bias + np.abs(di[:2]).sum() * voltage.bias
    noise = (noise + voltage.bias * current.bias) / np.sqrt(3.0)
    return Branch(
        added_j=float(steps.mean()),
        doubt_j=0.5 * span * (_size(voltage.added) * current.bias + _size(current.added) * voltage.bias),
        impedance=-power / (size + 3.0 * noise) if size > 0.0 else 0.0,
        sag=_sag(ub, du),
        disturbance_j=float((np.cumsum(disturbance_w) / rate_hz).mean()),
        real_a=_real(ub + du, ib + di) - _real(ub, ib),
        rise_a=float(np.linalg.norm(ib + di) - np.linalg.norm(ib)),
        bias_a=current.bias / np.sqrt(3.0),
        added_a=float(np.linalg.norm(di)),
        before_a=float(np.linalg.norm(ib)),
        before_w=3.0 * float((ub * ib.conj()).real.sum()),
        stiffness_s=float(np.linalg.norm(di[:2])) / max(float(np.linalg.norm(du[:2])), 1e-9),
        before_v=float(np.linalg.norm(ub)),
    )


def compare(branches: list[Branch]) -> list[Evidence]:
    """Each branch's evidence in the light of all."""

    def most(values: list[float]) -> float:
        return max(*values, 1e-12)

    energy = most([abs(b.added_j) + b.doubt_j for b in branches])
    disturbance = most([abs(b.disturbance_j) + b.doubt_j for b in branches])
    amps = most([b.added_a + b.bias_a for b in branches])
    return [
        Evidence(
            added_energy=-b.added_j / (0.5 * abs(b.added_j) + b.doubt_j + 0.5 * energy),
            impedance=b.impedance,
            disturbance_energy=b.sag * b.disturbance_j / disturbance,
            real_current=b.sag * min(max(b.real_a / amps, -1.0), 1.0),
            current_rise=min(max(b.rise_a / amps, -1.0), 1.0),
        )
        for b in branches
    ]


def _size(x: Float64) -> float:
    return float(np.sqrt((x**2).sum() / x.shape[1]))


def _sequences(x: Float64, cycle: float) -> Complex:
    """Positive, negative, zero sequence (RMS) over the last whole cycle that there is."""
    count = min(round(cycle), x.shape[1])
    t = np.arange(x.shape[1] - count, x.shape[1])
    phases = x[:, -count:] @ np.exp(-2j * np.pi * t / cycle) * (np.sqrt(2.0) / count)
    return np.asarray(SEQUENCES @ phases)


def _real(u: Complex, i: Complex) -> float:
    """The positive sequence current's part in phase with the voltage; 0 where there is none."""
    size = abs(u[0])
    return float((i[0] * np.conj(u[0])).real / size) if size > 0.0 else 0.0


def _sag(before: Complex, added: Complex) -> float:
    """How clearly the positive sequence voltage fell (to 1) or rose (to -1); 2 % is half clear."""
    change = (abs(before[0]) - abs(before[0] + added[0])) / max(abs(before[0]), 1e-9)
    return float(change / (abs(change) + 0.02))
