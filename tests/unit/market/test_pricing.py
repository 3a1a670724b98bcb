from dataclasses import replace
from math import erf, sqrt

import pytest
from vollib.black import black

from zkmargin.errors import StatementError
from zkmargin.market import pricing, sample
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.scenarios import UNSHOCKED, Scenario, span16
from zkmargin.market.snapshot import Listing

YEAR = pricing.SECONDS_PER_YEAR
FORWARD = 10**12  # so that one tick is 10^-12 of it
CALL = Option("CALL", 3, "PERP", "call", FORWARD, YEAR)
PUT = replace(CALL, id="PUT", right="put")
UP, DOWN = Scenario("up", 100_000, 0), Scenario("down", -100_000, 0)


@pytest.mark.parametrize("right", ["call", "put"])
@pytest.mark.parametrize("moneyness_percent", [20, 80, 99, 100, 101, 130, 500])
@pytest.mark.parametrize("volatility_ppm", [50_000, 600_000, 2_000_000])
@pytest.mark.parametrize("seconds", [3_600, 30 * 86_400, 3 * YEAR])
def test_marks_agree_with_a_second_library(
    right: str, moneyness_percent: int, volatility_ppm: int, seconds: int
) -> None:
    option = Option("OPTION", 1, "PERP", right, FORWARD * moneyness_percent // 100, seconds)
    ours = pricing.mark_ticks(option, FORWARD, volatility_ppm, 0)
    theirs = black(right[0], FORWARD, option.strike_ticks, seconds / YEAR, 0.0, volatility_ppm / 1e6)
    assert abs(ours - theirs) <= 1 + 1e-11 * FORWARD


@pytest.mark.parametrize("volatility_ppm", [1_000, 200_000, 873_300, 3_000_000])
def test_an_option_at_the_money_is_worth_what_the_closed_form_says(volatility_ppm: int) -> None:
    expected = FORWARD * erf(volatility_ppm / 1e6 / 2 / sqrt(2))
    assert pricing.mark_ticks(CALL, FORWARD, volatility_ppm, 0) == pytest.approx(expected, abs=2)


def test_a_call_less_a_put_is_the_forward_less_the_strike() -> None:
    strikes = [FORWARD // 2, FORWARD, FORWARD * 3]
    for strike_ticks in strikes:
        call, put = (
            pricing.mark_ticks(replace(option, strike_ticks=strike_ticks), FORWARD, 700_000, 0)
            for option in (CALL, PUT)
        )
        assert abs((call - put) - (FORWARD - strike_ticks)) <= 2


@pytest.mark.parametrize("volatility_ppm, now", [(0, 0), (500_000, YEAR), (500_000, 2 * YEAR)])
def test_without_volatility_or_time_an_option_is_its_intrinsic_value(volatility_ppm: int, now: int) -> None:
    assert pricing.mark_ticks(CALL, FORWARD + 7, volatility_ppm, now) == 7
    assert pricing.mark_ticks(PUT, FORWARD + 7, volatility_ppm, now) == 0


def test_losses_of_a_linear_contract_round_up_in_both_directions() -> None:
    perpetual = Listing(Linear("PERP", 1), 101, funding_ticks=50)
    assert pricing.losses([perpetual], {}, 0, [UP, DOWN]) == {"PERP": (-10, 11)}


def test_losses_of_an_option_round_up_in_both_directions() -> None:
    listings = [Listing(Linear("PERP", 1), 101), Listing(Option("CALL", 1, "PERP", "call", 50, 0), 51)]
    assert pricing.losses(listings, {"CALL": 0}, 0, [UP, DOWN])["CALL"] == (-10, 11)


def test_collateral_loses_its_haircut_value() -> None:
    coin = Listing(Collateral("BTC", 1), 1_001, haircut_ppm=100_000)  # 900.9, so 900 held; then 990.99 or 810.81
    assert pricing.losses([coin], {}, 0, [UP, DOWN]) == {"BTC": (-90, 90)}


def test_only_the_covered_fraction_counts() -> None:
    perpetual = Listing(Linear("PERP", 10), 1_000)
    far = [Scenario("far-up", 500_000, 0, 350_000), Scenario("far-down", -500_000, 0, 350_000)]
    assert pricing.losses([perpetual], {}, 0, far) == {"PERP": (-1_750, 1_750)}


def test_an_option_moves_with_its_underlying_and_its_volatility() -> None:
    perpetual = Listing(Linear("PERP", 1), FORWARD)
    listings = [perpetual, Listing(CALL, FORWARD), Listing(Cash("USD"))]
    scenario = Scenario("both", 120_000, -300_000, 500_000)
    [loss] = pricing.losses(listings, {"CALL": 600_000}, 0, [scenario])["CALL"]
    before, after = black("c", FORWARD, FORWARD, 1, 0.0, 0.6), black("c", 1.12 * FORWARD, FORWARD, 1, 0.0, 0.42)
    assert loss == pytest.approx(3 * (before - after) / 2, abs=100)


def test_a_scenario_that_moves_nothing_loses_nothing() -> None:
    market = sample.snapshot()
    rows = pricing.losses(market.listings, volatilities(), market.valid_from, [UNSHOCKED])
    assert set(rows.values()) == {(0,)}
    assert rows.keys() == {listing.id for listing in market.listings} - {"USD"}


def test_a_long_option_never_loses_more_than_its_mark() -> None:
    listings = [Listing(Linear("PERP", 1), FORWARD), Listing(CALL, 5)]
    crash = Scenario("crash", -990_000, 0)
    assert pricing.losses(listings, {"CALL": 100_000}, 0, [crash])["CALL"] == (15,)


def test_the_sample_market_publishes_what_pricing_computes() -> None:
    market = sample.snapshot()
    assert market.scenario is not None
    assert market.scenario.losses == pricing.losses(market.listings, volatilities(), market.valid_from, span16())


def test_the_short_minimum_is_a_fraction_of_the_forward_rounded_up() -> None:
    listings = [Listing(Linear("PERP", 1), 101), Listing(replace(CALL, strike_ticks=90), 5)]
    assert pricing.short_minimums(listings, 10_000) == {"CALL": 4}  # 3 * 101 * 1 %


def test_what_is_missing_is_named() -> None:
    perpetual, call = Listing(Linear("PERP", 1), FORWARD), Listing(CALL, 5)
    with pytest.raises(StatementError, match="underlying PERP is missing"):
        pricing.losses([call], {"CALL": 1}, 0, [UP])
    with pytest.raises(StatementError, match="volatility of CALL is missing"):
        pricing.losses([perpetual, call], {}, 0, [UP])


@pytest.mark.parametrize("volatility_ppm", [-1, 100_000_001])
def test_a_volatility_out_of_bounds_is_refused(volatility_ppm: int) -> None:
    with pytest.raises(StatementError, match="volatility of CALL must be between"):
        pricing.mark_ticks(CALL, FORWARD, volatility_ppm, 0)


def volatilities() -> dict[str, int]:
    options = [item.instrument for item in sample.snapshot().listings if isinstance(item.instrument, Option)]
    return {option.id: sample.VOLATILITY_PPM[option.strike_ticks // 100] for option in options}
