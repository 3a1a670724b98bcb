from dataclasses import replace
from fractions import Fraction

import pytest

from zkmargin import documents
from zkmargin.amounts import PPM
from zkmargin.errors import EncodingError, StatementError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import derive
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample

MARKET = sample.revaluation()
TEST_CONFIGURATION = replace(
    derive.Parameters(1), long_discount_ppm=1_050_000, short_discount_ppm=950_000, discount_rate_ppm=160_000
)


def assessed(parameters, lots, kind="maintenance"):
    held = replace(sample.snapshot(), models=(derive.model("house", parameters, MARKET),))
    return rules.assess(held, Claim(kind, "house"), Book(lots))


def test_there_are_23_scenarios_and_8_tails():
    scenarios = derive.published()
    assert len(scenarios) == len(set(scenarios)) == 31
    assert [item.damp_ppm for item in scenarios].count(PPM) == 23


def test_the_published_file_is_the_default(root):
    document = documents.read_file(root / "docs" / "models" / "parameters" / "derive-btc.json")
    assert derive.Parameters.from_document(document) == derive.Parameters(1)


def test_discounts_that_reward_holding_a_position_apart_are_refused():
    """1.05 and 0.95 with 16 % a year: not convex for less than 0.31 years to expiry."""
    with pytest.raises(StatementError, match="static discount of short values must be at least that of long ones"):
        derive.model("house", TEST_CONFIGURATION, MARKET)
    TEST_CONFIGURATION.check_convex(Fraction(32, 100))
    with pytest.raises(StatementError, match="got 997989 and 999510 ppm at 0.308 years"):
        TEST_CONFIGURATION.check_convex(Fraction(308, 1_000))


def test_a_hedged_call_is_charged_less_although_its_contract_is_charged_too():
    naked = assessed(derive.Parameters(1), {"BTC-27FEB26-100000-C": -10})
    covered = assessed(derive.Parameters(1), {"BTC-27FEB26-100000-C": -10, "BTC-PERP": 400})
    assert covered.requirement_units < naked.requirement_units
    assert dict(covered.parts)["contracts"] == 400 * 90_000_000 * 3 // 100


def test_a_short_call_and_a_long_put_of_a_strike_are_not_naked():
    lots = {"BTC-27FEB26-100000-C": -10, "BTC-27FEB26-100000-P": 10}
    assert dict(assessed(derive.Parameters(1), lots).parts)["naked-shorts"] == 0
    alone = {"BTC-27FEB26-100000-C": -10}
    assert dict(assessed(derive.Parameters(1), alone).parts)["naked-shorts"] == 10 * 9_000_000_000 * 3 // 1_000


def test_initial_margin_is_never_below_maintenance():
    for lots in ({"BTC-PERP": 500}, {"BTC-27FEB26-100000-C": -10}, {"BTC-27MAR26-80000-P": 10}):
        kept, opened = (
            assessed(derive.Parameters(1), lots, kind).requirement_units for kind in ("maintenance", "initial")
        )
        assert 0 < kept < opened


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: derive.Scenario(-PPM, "up"), "price_ppm of a scenario must be between"),
        (lambda: derive.Scenario(0, "up", 0), "damp_ppm of a scenario must be between 1"),
        (lambda: derive.Scenario(0, "linear"), "direction must be one of up, same, down, got 'linear'"),
        (lambda: derive.Parameters(1, scenarios=()), "number of scenarios must be between 1"),
        (lambda: derive.Parameters(1, long_discount_ppm=0), "long_discount_ppm must be between 1"),
    ],
)
def test_parameters_out_of_bounds_are_refused(build, message):
    with pytest.raises(StatementError, match=message):
        build()


def test_a_file_with_an_unknown_field_is_refused():
    with pytest.raises(EncodingError):
        derive.Parameters.from_document(derive.Parameters(1).to_document() | {"extra": 1})
