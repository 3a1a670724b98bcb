from dataclasses import replace
from fractions import Fraction

import pytest
from vollib.black import black

from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.market import chains, sample
from zkmargin.market.instruments import Cash, Linear, Option
from zkmargin.market.pricing import SECONDS_PER_YEAR
from zkmargin.market.revaluation import Market
from zkmargin.market.snapshot import Listing

MARKET = sample.revaluation()


@pytest.mark.parametrize("name", [option.id for option in MARKET.options])
@pytest.mark.parametrize("price_ppm, volatility_ppm", [(-160_000, 900_000), (0, 300_000), (500_000, 600_000)])
def test_the_loss_of_an_option_is_that_of_a_second_library(name, price_ppm, volatility_ppm):
    option = MARKET.listing(name).instrument
    forward, years = MARKET.forward_ticks(option), (option.expiry - MARKET.now) / SECONDS_PER_YEAR
    given = (option.right[0], option.strike_ticks, years, 0.0)
    before, after = (
        black(given[0], price, given[1], given[2], given[3], volatility / 1e6)
        for price, volatility in (
            (forward, MARKET.volatilities_ppm[name]),
            (forward * (1 + price_ppm / 1e6), volatility_ppm),
        )
    )
    found = MARKET.loss(name, price_ppm, volatility_ppm)
    assert found == pytest.approx((before - after) * option.multiplier, abs=1, rel=1e-9)


def test_a_contract_moves_one_for_one_and_a_coin_by_what_counts_of_it():
    assert MARKET.loss("BTC-PERP", -160_000) == 90_000_000 * Fraction(16, 100)
    assert MARKET.loss("BTC", 100_000) == -9_000_000 * Fraction(95, 100) / 10


def test_the_dollar_delta_is_the_slope_of_the_loss():
    for name in MARKET.ids:
        slope = (MARKET.loss(name, -10) - MARKET.loss(name, 10)) / Fraction(20, PPM)
        assert float(MARKET.dollar_delta(name)) == pytest.approx(float(slope), rel=1e-5, abs=10)


def test_expiries_are_groups_and_what_never_expires_is_one_of_them():
    groups = MARKET.expiries()
    assert groups["spot"] == ("BTC", "BTC-PERP")
    assert sorted(map(len, groups.values())) == [2, 4, 5]
    assert MARKET.years("BTC-PERP") == 0
    assert MARKET.years("BTC-27MAR26") == Fraction(sample.MARCH - sample.VALID_FROM, SECONDS_PER_YEAR)


def test_what_is_missing_or_out_of_bounds_is_named():
    option = Option("CALL", 1, "PERP", "call", 100, 9)
    perpetual, call = Listing(Linear("PERP", 1), 100), Listing(option, 5)
    with pytest.raises(StatementError, match="underlying PERP is missing"):
        Market((call,), {"CALL": 1}, 0)
    with pytest.raises(StatementError, match="volatility of CALL is missing"):
        Market((perpetual, call), {}, 0)
    with pytest.raises(StatementError, match="volatility of CALL must be between 0"):
        Market((perpetual, call), {"CALL": -1}, 0)


def test_cash_is_not_revalued():
    assert Market((Listing(Cash("USD")), Listing(Linear("PERP", 1), 100)), {}, 0).ids == ("PERP",)


def test_the_marks_of_a_real_chain_are_its_values_at_no_move(shared_data):
    """The venue rounds volatilities to 0.01 % and marks to 10^-8 coins: within 2.3e-5 of the forward."""
    path = shared_data / "market" / "deribit_btc_options_20251205.csv"
    market = chains.revaluation(path, expiries=4, strikes=12)
    assert len(market.options) == 4 * 12 * 2
    for option in market.options:
        value = market.option_value(option, 0, market.volatilities_ppm[option.id])
        gap = abs(value - market.listing(option.id).value_units) / market.forward_units(option.id)
        assert gap < Fraction(25, 10**6), option.id


def test_a_model_of_a_real_chain_knows_every_listing(shared_data):
    path = shared_data / "market" / "deribit_btc_options_20251205.csv"
    market = chains.revaluation(path, expiries=1, strikes=3)
    listed = {item.id for item in chains.from_deribit(path, expiries=1, strikes=3).listings}
    assert set(market.ids) == listed - {"USD"}
    assert replace(market, now=market.now) == market
