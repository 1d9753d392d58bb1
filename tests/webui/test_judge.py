"""Acceptable, near, over, not judged: at the limits, and with the right reason."""

from __future__ import annotations

import pytest

from flexcore_webui.live.flow import character, direction
from flexcore_webui.live.judge import judge_busbar
from support.web_scene import busbar_values

U = 230.0


@pytest.mark.parametrize(
    ("volts", "state"),
    [
        (230.0, "acceptable"),
        (230.0 * 1.0799, "acceptable"),
        (230.0 * 1.0801, "near"),
        (230.0 * 0.9199, "near"),
        (230.0 * 1.10, "near"),
        (230.0 * 1.1001, "over"),
        (230.0 * 0.8999, "over"),
        (0.0, "over"),
    ],
)
def test_the_worst_voltage_decides(volts: float, state: str) -> None:
    j = judge_busbar(busbar_values(U, volts, U), (), U, 50.0)
    assert j.state == state
    if volts != U:
        assert j.subject == "L2"
        assert j.deviation_percent == pytest.approx(100 * (volts - U) / U, abs=0.01)


@pytest.mark.parametrize(
    ("hz", "state", "reason"),
    [
        (50.39, "acceptable", "voltage"),
        (50.41, "near", "frequency"),
        (49.49, "over", "frequency"),
    ],
)
def test_frequency_speaks_only_when_it_is_worse(hz: float, state: str, reason: str) -> None:
    j = judge_busbar(busbar_values(U, U, U, hz), (), U, 50.0)
    assert (j.state, j.reason) == (state, reason)


def test_a_flagged_value_is_not_judged() -> None:
    j = judge_busbar(busbar_values(U, 10.0, U), ("dip", "sync"), U, 50.0)
    assert (j.state, j.reason, j.flag) == ("not-judged", "flagged", "dip")


def test_what_was_not_measured_is_not_judged() -> None:
    values = busbar_values(U, U, U) | {"u_l3_v": None}
    j = judge_busbar(values, (), U, 50.0)
    assert (j.state, j.reason, j.subject) == ("not-judged", "incomplete", "L3")


@pytest.mark.parametrize(
    ("p", "q", "where", "what"),
    [
        (900.0, 400.0, "to-field", "inductive"),
        (-900.0, -400.0, "to-busbar", "capacitive"),
        (1.0, 999.0, "none", "inductive"),
        (999.0, 1.0, "to-field", None),
        (0.0, 0.0, "none", None),
    ],
)
def test_power_has_a_direction(p: float, q: float, where: str, what: str | None) -> None:
    values: dict[str, float | None] = {"p_w": p, "q_var": q, "s_va": (p * p + q * q) ** 0.5}
    assert direction(values) == where
    assert character(values) == what


def test_unknown_power_has_no_direction() -> None:
    assert direction({"p_w": None, "s_va": 1.0}) is None
    assert character({}) is None
