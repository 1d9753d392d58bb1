"""Every chip driver, in CPython over machine's simulated back end and in real MicroPython: the same words."""

from __future__ import annotations

import pytest

from flexcore.machine import I2C, Pin, ticks
from flexcore.simulator.backend import SimulatedBackend
from flexcore.simulator.chips.bus import Bus
from support.machine_bodies import BODIES, Bench
from support.two_pythons import in_micropython


@pytest.mark.parametrize("name", BODIES)
def test_same_file_in_both_pythons(name: str) -> None:
    said: list[str] = []
    box = SimulatedBackend()
    box.buses[0] = Bus()
    pin, outside = Pin(0, backend=box), box.pins[0]

    def say(text: object) -> None:
        said.append(str(text))

    BODIES[name](Bench(I2C(0, backend=box), box.buses[0], ticks, say, pin, outside.drive))
    assert not [line for line in said if "FAIL" in line]
    assert len(said) > 4
    assert said == in_micropython(name)
