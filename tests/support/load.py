"""Components and currents for the tests of ``flexcore.load``."""

from __future__ import annotations

import numpy as np

from flexcore.load.component import Cable, Transformer
from flexcore.load.harmonics import HarmonicLoad
from flexcore.load.reading import parse_component

TRANSFORMER = """
kind = "transformer"
name = "T1"
source = "nameplate"
rated_kva = 400
hv_v = 10000
lv_v = 400
cooling = "onan-distribution"

[losses]
no_load_w = 800
load_w = 4000
eddy_percent = 10.0
other_stray_percent = 5.0
"""

DRY = """
kind = "transformer"
name = "D1"
source = "nameplate"
rated_kva = 400
hv_v = 10000
lv_v = 400
cooling = "an"
insulation_class = 155

[losses]
no_load_w = 800
load_w = 4000
eddy_percent = 10.0

[thermal]
tau_winding_min = 45.0
"""

CABLE = """
kind = "cable"
name = "C1"
source = "nameplate"
voltage_v = 400
conductor = "al"
cross_section_mm2 = 150
neutral_mm2 = 150
rated_a = 250
max_conductor_c = 90
rated_ambient_c = 15
installation = "ground"
tau_min = 40
"""


def transformer(*changes: tuple[str, str], text: str = TRANSFORMER) -> Transformer:
    """The transformer above, with pieces of its text replaced."""
    component = parse_component(_changed(text, changes))
    assert isinstance(component, Transformer)
    return component


def cable(*changes: tuple[str, str], text: str = CABLE) -> Cable:
    """The cable above, with pieces of its text replaced."""
    component = parse_component(_changed(text, changes))
    assert isinstance(component, Cable)
    return component


def _changed(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def spectrum(rms_a: float, **of_fundamental: float) -> np.ndarray:
    """Spectrum, shape (51,), of ``rms_a``; ``h3=0.2`` is a third harmonic of 20 % of the fundamental."""
    shape = np.zeros(51)
    shape[1] = 1.0
    for key, part in of_fundamental.items():
        shape[int(key[1:])] = part
    return shape * rms_a / np.sqrt((shape**2).sum())


def harmonic_load(rms_a: float, neutral_a: float | None = None, **of_fundamental: float) -> HarmonicLoad:
    """Three equal phases."""
    one = spectrum(rms_a, **of_fundamental)
    return HarmonicLoad(np.full(3, rms_a), np.tile(one, (3, 1)), neutral_a)
