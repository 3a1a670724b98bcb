import pytest

from zkmargin.margin.assessment import Assessment


@pytest.mark.parametrize(
    "slack_scaled, holds, surplus_units, shortfall_units, requirement_units",
    [
        (25, True, 2, 0, 98),
        (0, True, 0, 0, 100),
        (9, True, 0, 0, 100),
        (-1, False, -1, 1, 101),
        (-20, False, -2, 2, 102),
    ],
)
def test_a_surplus_rounds_down_and_a_requirement_up(
    slack_scaled: int, holds: bool, surplus_units: int, shortfall_units: int, requirement_units: int
) -> None:
    outcome = Assessment.of(slack_scaled, 10, 100, {"PERP": 1_000 - slack_scaled})
    assert outcome.holds is holds
    assert outcome.surplus_units == surplus_units
    assert outcome.shortfall_units == shortfall_units
    assert outcome.requirement_units == requirement_units == dict(outcome.parts)["PERP"]


def test_the_worst_part_is_found_before_rounding() -> None:
    assert Assessment.of(0, 10, 0, {"A": 11, "B": 12, "C": 0}).worst == "B"
    assert Assessment.of(0, 10, 0, {}).worst == ""


def test_amounts_appear_in_no_text() -> None:
    outcome = Assessment.of(123_456, 10, 789_012, {"PERP": 345_678})
    assert repr(outcome) == str(outcome) == "Assessment(amounts hidden)"
