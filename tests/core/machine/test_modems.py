"""Both modem dialects over true terminals and a simulated air, in CPython and in real MicroPython: the same
words.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flexcore.machine import I2C, UART, ticks
from flexcore.machine.linux import LinuxBackend
from flexcore.simulator.air import Air, Station
from flexcore.simulator.backend import SimulatedBackend
from flexcore.simulator.chips.bus import Bus
from flexcore.simulator.modems.lora_e5 import LoraE5Firmware
from flexcore.simulator.modems.rn2483 import Rn2483Firmware
from support.machine_bodies import Bench
from support.modem_bodies import MODEM_BODIES
from support.two_pythons import in_micropython

FIRMWARE: dict[str, Any] = {"rn2483": Rn2483Firmware, "lora_e5": LoraE5Firmware}
OTHER = {"rn2483": "lora_e5", "lora_e5": "rn2483"}


def in_cpython(name: str, *terminals: str) -> list[str]:
    said: list[str] = []
    box = SimulatedBackend()
    box.buses[0] = Bus()
    bench = Bench(I2C(0, backend=box), box.buses[0], ticks, lambda text: said.append(str(text)))
    lines = [UART(path, timeout=20, backend=LinuxBackend()) for path in terminals]
    try:
        MODEM_BODIES[name](bench, *lines)
    finally:
        for line in lines:
            line.deinit()
    return said


def both(name: str, place: Callable[[Air], list[Station]]) -> list[str]:
    def run(python: Callable[..., list[str]]) -> list[str]:
        with Air(seed=1) as air:
            return python(name, *(station.path for station in place(air)))

    with ThreadPoolExecutor(2) as two:
        said = list(two.map(run, (in_cpython, in_micropython)))
    assert said[0] == said[1]
    assert not [line for line in said[0] if "FAIL" in line]
    return said[0]


@pytest.mark.parametrize("dialect", ["rn2483", "lora_e5"])
def test_two_makes_talk(dialect: str) -> None:
    said = both(
        dialect, lambda air: [air.place(FIRMWARE[dialect]), air.place(FIRMWARE[OTHER[dialect]], 800.0)]
    )
    assert said.count("True") == 6
    assert "b'acknowledged'" in said
    assert sum("ValueError" in line for line in said) == 5


@pytest.mark.parametrize("dialect", ["rn2483", "lora_e5"])
def test_a_silent_modem_times_out(dialect: str) -> None:
    def silent(air: Air) -> list[Station]:
        station = air.place(FIRMWARE[dialect])
        station.silent = True
        station.going.clear()
        return [station]

    said = both(dialect + "_silent", silent)
    assert said == ["check: OSError 110", "send: OSError 110"]


@pytest.mark.parametrize("dialect", ["rn2483", "lora_e5"])
def test_another_modem_is_refused(dialect: str) -> None:
    said = both(dialect + "_foreign", lambda air: [air.place(FIRMWARE[OTHER[dialect]])])
    assert len(said) == 1
    assert "Error" in said[0]
