"""Load of components: what a transformer or cable carries against what it may carry, harmonics included.

It reads TOML descriptions (``read_component``) and is otherwise pure: no clock, no bus, no samples. It may
import ``errors`` and nothing else of Flexcore. Currents come in as :class:`HarmonicLoad`, the verdict goes
out as :class:`Assessment`; the thermal state in between is the caller's to keep and to ``step``.
"""

from flexcore.load.assess import assess
from flexcore.load.band import Band, exact, step_band, unknown, widen
from flexcore.load.component import Cable, Component, Transformer
from flexcore.load.conductor import CableState
from flexcore.load.harmonics import HarmonicLoad, LoadError, factor_k, harmonic_loss_factor, k_factor
from flexcore.load.losses import EquivalentLoad, equivalent_load, permissible_pu
from flexcore.load.reading import parse_component, read_component
from flexcore.load.thermal import TransformerState, ageing_rate, remaining_minutes, steady, step
from flexcore.load.verdict import Assessment, AssessSettings, Finding, Reason

__all__ = [
    "AssessSettings",
    "Assessment",
    "Band",
    "Cable",
    "CableState",
    "Component",
    "EquivalentLoad",
    "Finding",
    "HarmonicLoad",
    "LoadError",
    "Reason",
    "Transformer",
    "TransformerState",
    "ageing_rate",
    "assess",
    "equivalent_load",
    "exact",
    "factor_k",
    "harmonic_loss_factor",
    "k_factor",
    "parse_component",
    "permissible_pu",
    "read_component",
    "remaining_minutes",
    "steady",
    "step",
    "step_band",
    "unknown",
    "widen",
]
