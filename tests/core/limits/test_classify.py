"""A live value: which limit it uses most, and how much of it."""

import math

import msgspec
import pytest

from flexcore.limits.classify import Classification, Classifier, classify
from flexcore.limits.events import LimitDataError
from flexcore.limits.files import read_limit_set
from support.limits import clause, small_set

LV = read_limit_set("en50160-lv-2010")


@pytest.mark.parametrize(
    ("value", "level", "percent"),
    [
        (0.0, "acceptable", 0.0),
        (4.79, "acceptable", 79.8333),
        (4.8, "near", 80.0),
        (5.52, "near", 92.0),
        (6.0, "near", 100.0),
        (6.0001, "over", 100.0017),
        (12.0, "over", 200.0),
    ],
)
def test_h5_of_six_percent(value: float, level: str, percent: float) -> None:
    found = classify(LV, "u_h05_l2_percent", value, udin_v=230.0)
    assert (found.level, found.key, found.clause) == (level, "of_limit", "harmonic-h05")
    assert (found.limit, found.value, found.mark) == (6.0, value, "S")
    assert found.percent == pytest.approx(percent, abs=1e-3)


@pytest.mark.parametrize(
    ("volts", "level", "limit", "percent", "clause_id"),
    [
        (230.0, "acceptable", None, 0.0, None),
        (248.5, "near", 253.0, 80.43, "voltage-95"),
        (253.0, "near", 253.0, 100.0, "voltage-95"),
        (207.0, "near", 207.0, 100.0, "voltage-95"),
        (206.0, "over", 207.0, 104.35, "voltage-95"),
        (190.0, "over", 207.0, 173.91, "voltage-95"),
    ],
)
def test_a_voltage_is_held_against_the_nearest_limit(
    volts: float, level: str, limit: float | None, percent: float, clause_id: str | None
) -> None:
    found = classify(LV, "u_l1_v", volts, udin_v=230.0)
    assert found.level == level
    assert found.percent == pytest.approx(percent, abs=0.01)
    if limit is not None:
        assert (found.limit, found.clause) == (pytest.approx(limit), clause_id)


def test_the_live_frequency_uses_the_limits_of_the_ten_second_one() -> None:
    found = classify(LV, "f_hz", 50.45, udin_v=230.0)
    assert (found.quantity, found.level) == ("f_hz", "near")
    assert found.percent == pytest.approx(90.0)
    assert found == msgspec.structs.replace(classify(LV, "f_10s_hz", 50.45, udin_v=230.0), quantity="f_hz")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_no_number_is_not_judged(value: float | None) -> None:
    found = classify(LV, "u_l1_v", value, udin_v=230.0)
    assert (found.level, found.key, found.limit, found.percent) == ("not_judged", "no_value", None, None)


@pytest.mark.parametrize("quantity", ["p_w", "u_h26_l1_percent", "u_{phase}_v", "nonsense"])
def test_what_the_set_says_nothing_of_is_not_judged(quantity: str) -> None:
    found = classify(LV, quantity, 1.0, udin_v=230.0)
    assert (found.level, found.key) == ("not_judged", "no_limit")


def test_where_near_begins_is_settable_and_data() -> None:
    assert classify(LV, "u2_percent", 1.0, udin_v=230.0).level == "acceptable"
    assert classify(LV, "u2_percent", 1.0, udin_v=230.0, near_percent=50.0).level == "near"
    early = msgspec.structs.replace(LV, head=msgspec.structs.replace(LV.head, near_percent=50.0))
    assert classify(early, "u2_percent", 1.0, udin_v=230.0).level == "near"


def test_the_lower_of_two_limits_is_the_one_that_is_over() -> None:
    netcode = read_limit_set("netcode-lv")
    for value, level in ((1.9, "near"), (2.5, "over"), (4.0, "over")):
        found = classify(netcode, "u2_percent", value, udin_v=230.0)
        assert (found.level, found.clause, found.share_percent) == (level, "u2-95", 95.0)


def test_without_an_upper_limit_a_high_value_is_acceptable() -> None:
    limits = small_set(clause(95.0, "lower = 90.0", quantity="u_{phase}_v", reference="udin"))
    assert classify(limits, "u_l1_v", 400.0, udin_v=230.0).level == "acceptable"
    assert classify(limits, "u_l1_v", 200.0, udin_v=230.0).level == "over"


def test_a_classifier_says_what_classify_says_and_its_answer_is_plain_data() -> None:
    ready = Classifier(LV, udin_v=230.0)
    for quantity, value in (("u_l3_v", 251.0), ("plt_l1", 0.9), ("thd40_u_l2_percent", 9.0), ("q_var", 1.0)):
        found = ready.classify(quantity, value)
        assert found == classify(LV, quantity, value, udin_v=230.0)
        assert msgspec.convert(msgspec.to_builtins(found), Classification) == found


def test_a_reference_that_is_none_is_refused() -> None:
    with pytest.raises(LimitDataError, match="^nominal_hz: expected a number above 0"):
        Classifier(LV, udin_v=230.0, nominal_hz=0.0)
