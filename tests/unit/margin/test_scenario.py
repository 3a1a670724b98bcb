from dataclasses import replace

import pytest

from zkmargin.amounts import PPM, Ratio
from zkmargin.errors import StatementError
from zkmargin.margin import rules, scenario
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.margin.scenario import Row
from zkmargin.market import sample
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import ScenarioParameters
from zkmargin.market.scenarios import UNSHOCKED, Scenario, span16
from zkmargin.market.snapshot import Listing, Snapshot

HOLDS, OPENS = Claim("maintenance", "scenario"), Claim("initial", "scenario")
UP, DOWN = Scenario("up", 100_000, 0), Scenario("down", -100_000, 0)
LISTINGS = (
    Listing(Collateral("BTC", 1), 1_000, haircut_ppm=200_000),
    Listing(Option("CALL", 1, "PERP", "call", 1_100, 10), 20),
    Listing(Linear("PERP", 1), 1_000),
    Listing(Cash("USD")),
)
LOSSES = {"BTC": (-80, 80), "CALL": (-60, 18), "PERP": (-100, 100)}
ARRAYS = ScenarioParameters(1, (UP, DOWN), LOSSES, {"CALL": 50}, initial_ppm=1_250_000)
MARKET = Snapshot("demo", 1, 0, LISTINGS, scenario=ARRAYS)


def requirement(lots: dict[str, int], claim: Claim = HOLDS) -> int:
    return scenario.assess(MARKET, claim, Book(lots)).requirement_units


def test_the_requirement_is_the_worst_loss() -> None:
    assert requirement({"PERP": 3}) == 300
    assert requirement({"PERP": -3}) == 300
    outcome = scenario.assess(MARKET, HOLDS, Book({"USD": 10_000, "PERP": -3}))
    assert (outcome.equity_units, outcome.surplus_units, outcome.worst) == (7_000, 6_700, "up")
    assert dict(outcome.parts) == {"up": 300, "down": -300, "equity only": 0}


def test_a_hedge_lowers_the_requirement() -> None:
    assert requirement({"PERP": 3, "CALL": -5}) == 250  # down: 300 - 90 = 210; short minimum: 250
    assert requirement({"PERP": 6, "CALL": -5}) == 510  # down: 600 - 90
    assert requirement({"PERP": -6, "CALL": 5}) == 300  # up: 600 - 300


def test_short_options_cost_at_least_their_minimum() -> None:
    assert requirement({"CALL": -1}) == 60
    assert requirement({"PERP": 1, "CALL": -2}) == 100  # down: 100 - 36 = 64, up: 20; minimum: 100
    assert requirement({"CALL": 2}) == 36


def test_the_requirement_is_never_negative() -> None:
    gains = replace(MARKET, scenario=replace(ARRAYS, losses=LOSSES | {"PERP": (-100, -1)}))
    outcome = scenario.assess(gains, HOLDS, Book({"USD": -1_000, "PERP": 1}))
    assert (outcome.slack_scaled, outcome.worst) == (0, "equity only")
    assert not scenario.assess(gains, HOLDS, Book({"USD": -1_001, "PERP": 1})).holds


def test_held_collateral_counts_after_its_haircut_and_loses_its_haircut_value() -> None:
    outcome = scenario.assess(MARKET, HOLDS, Book({"BTC": 2}))
    assert (outcome.equity_units, outcome.requirement_units) == (1_600, 160)


def test_owed_collateral_costs_all_of_its_value_and_all_of_its_rise() -> None:
    # One lot owed costs 1,000 and 1,100 after the rise, of which the risk array knows 80 and the charge adds 20.
    outcome = scenario.assess(MARKET, HOLDS, Book({"USD": 1_100, "BTC": -1}))
    assert (outcome.equity_units, outcome.requirement_units, outcome.slack_scaled) == (100, 100, 0)


def test_the_rise_of_owed_collateral_rounds_up() -> None:
    arrays = replace(ARRAYS, losses=LOSSES | {"BTC": (-81, 81)})  # 81 * 20 % / 80 % = 20.25
    charged = scenario.charges(replace(MARKET, scenario=arrays), HOLDS, ["BTC"])
    assert charged == (("BTC", 200 + 21),)


def test_the_threshold_and_the_initial_multiple_multiply_the_requirement_in_lowest_terms() -> None:
    assert scenario.scale(MARKET, replace(HOLDS, threshold=Ratio(11, 10))) == 10
    assert scenario.scale(MARKET, OPENS) == 4
    assert scenario.scale(MARKET, replace(OPENS, threshold=Ratio(11, 10))) == 8
    assert requirement({"PERP": 3}, replace(HOLDS, threshold=Ratio(11, 10))) == 330
    assert requirement({"PERP": 3}, OPENS) == 375
    assert requirement({"PERP": 1}, replace(OPENS, threshold=Ratio(11, 10))) == 138  # 137.5
    outcome = scenario.assess(MARKET, replace(OPENS, threshold=Ratio(11, 10)), Book({"USD": 0, "PERP": 1}))
    assert outcome.slack_scaled == 8 * 1_000 - 11 * 100


def test_rows_are_the_scenarios_and_the_short_minimum() -> None:
    assert scenario.rows(MARKET, HOLDS, ["USD", "PERP", "CALL", "BTC"]) == (
        Row("up", (1, 1_100, 80, 880), (0, 0, 0, 220)),
        Row("down", (1, 900, 2, 720), (0, 0, 0, 220)),
        Row("short minimum", (1, 1_000, 20, 800), (0, 0, 50, 220)),
    )
    assert scenario.charges(MARKET, HOLDS, ["USD", "PERP", "CALL", "BTC"]) == (("BTC", 220),)
    assert scenario.short_minimums(MARKET, OPENS, ["USD", "PERP", "CALL"]) == (("CALL", 250),)


def test_without_short_minimums_one_row_says_that_equity_is_not_negative() -> None:
    names = [row.name for row in scenario.rows(MARKET, HOLDS, ["USD", "PERP"])]
    assert names == ["up", "down", "equity only"]


def test_a_scenario_that_moves_nothing_already_says_that_equity_is_not_negative() -> None:
    arrays = replace(ARRAYS, scenarios=(UNSHOCKED, UP), losses={name: (0, row[0]) for name, row in LOSSES.items()})
    rows = scenario.rows(replace(MARKET, scenario=arrays), HOLDS, ["USD", "PERP"])
    assert [row.name for row in rows] == ["unshocked", "up"]


def test_without_options_scenarios_that_differ_in_volatility_are_one_row() -> None:
    names = [scenario.name for scenario in span16()]
    linear = [row.name for row in scenario.rows(sample.snapshot(), HOLDS, ["USD", "BTC-PERP", "BTC"])]
    assert linear == [*names[0:14:2], *names[14:]]
    with_options = scenario.rows(sample.snapshot(), HOLDS, ["USD", "BTC-27FEB26-80000-P"])
    assert [row.name for row in with_options] == [*names, "short minimum"]


def test_cash_alone_needs_one_row() -> None:
    assert [row.coefficients for row in scenario.rows(MARKET, HOLDS, ["USD"])] == [(1,)]
    assert scenario.assess(MARKET, HOLDS, Book({"USD": 5})).slack_scaled == 5
    assert scenario.assess(MARKET, HOLDS, Book({})).slack_scaled == 0


def test_rows_follow_the_order_of_the_basis() -> None:
    [forwards, *_] = scenario.rows(MARKET, HOLDS, ["USD", "PERP"])
    [backwards, *_] = scenario.rows(MARKET, HOLDS, ["PERP", "USD"])
    assert forwards.coefficients == backwards.coefficients[::-1] == (1, 1_100)


def test_a_row_refuses_quantities_of_another_length() -> None:
    with pytest.raises(ValueError, match="zip"):
        Row("up", (1, 2), (0, 0)).at([1])


def test_a_snapshot_without_scenario_parameters_or_a_claim_of_another_model_is_refused() -> None:
    with pytest.raises(StatementError, match="epoch 1 of demo has no scenario parameters"):
        scenario.assess(replace(MARKET, scenario=None), HOLDS, Book({"USD": 1}))
    with pytest.raises(StatementError, match="claim model must be scenario, got cross"):
        scenario.assess(sample.snapshot(), Claim("maintenance", "cross"), Book({"USD": 1}))


def test_a_book_with_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(StatementError, match="instrument DOGE is not listed"):
        scenario.assess(MARKET, HOLDS, Book({"DOGE": 1}))


@pytest.mark.parametrize("coefficient, charge", [(2**96, 0), (-(2**96), 0), (0, 2**96), (0, -1)])
def test_a_row_out_of_bounds_is_refused(coefficient: int, charge: int) -> None:
    Row("up", (2**96 - 1, 1 - 2**96), (2**96 - 1, 0))
    with pytest.raises(StatementError, match="of row up must be between"):
        Row("up", (coefficient,), (charge,))


def test_a_coefficient_that_could_wrap_around_is_refused() -> None:
    arrays = replace(ARRAYS, losses=LOSSES | {"PERP": (2**80 - 1, 0)})
    with pytest.raises(StatementError, match="coefficient of row up must be between"):
        scenario.rows(replace(MARKET, scenario=arrays), replace(HOLDS, threshold=Ratio(PPM, 1)), ["USD", "PERP"])


def test_the_rule_follows_the_model_of_the_claim() -> None:
    book = Book({"USD": 10**12, "BTC-PERP": 1_000})
    market = sample.snapshot()
    assert rules.assess(market, HOLDS, book).worst == "down-3/3:vol-up"
    assert rules.assess(market, Claim("maintenance", "cross"), book).worst == "BTC-PERP"
