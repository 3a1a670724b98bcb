"""The synthetic population."""

from dataclasses import replace

import numpy as np
import pytest

from zkmargin.errors import StatementError
from zkmargin.market import sample
from zkmargin.market.parameters import TierTable
from zkmargin.risk.accounts import standings
from zkmargin.risk.dynamic_margin import next_cross
from zkmargin.risk.population import PopulationRules, population

MARKET = sample.snapshot()
VOLUMES = {"BTC-PERP": 10**12, "ETH-PERP": 10**11, "BTC-27MAR26": 0}
RULES = PopulationRules(accounts=500)


def test_the_same_seed_gives_the_same_accounts_and_another_seed_others():
    first, again = population(RULES, MARKET, VOLUMES), population(RULES, MARKET, VOLUMES)
    assert (first.lots == again.lots).all()
    assert (first.cash_units == again.cash_units).all()
    assert (population(replace(RULES, seed=2), MARKET, VOLUMES).lots != first.lots).any()


def test_nobody_opens_below_the_initial_requirement_and_many_stand_close_to_it():
    found = standings(MARKET, population(RULES, MARKET, VOLUMES), initial=True)
    room = found.equity_units - found.whole_units
    assert (room > 0).all()
    assert found.equity_units.min() > 0


def test_a_higher_margin_means_a_less_levered_population():
    assert MARKET.cross is not None
    dear = MARKET.next(
        MARKET.valid_from, {}, cross=next_cross(MARKET.cross, dict.fromkeys(VOLUMES, TierTable.flat(200_000)))
    )
    plain, cut = (standings(market, population(RULES, market, VOLUMES)) for market in (MARKET, dear))
    assert (cut.equity_units == plain.equity_units).all()
    assert cut.notional_units.sum() < plain.notional_units.sum() * 0.7
    assert (cut.notional_units * 0.4 <= cut.equity_units * 1.000001).all()


def test_a_contract_that_trades_more_is_held_more():
    lots = population(RULES, MARKET, VOLUMES).lots
    held = (lots != 0).sum(axis=0)
    assert held[0] > held[1] > held[2]
    assert (np.sign(lots).max(axis=1) - np.sign(lots).min(axis=1) <= 1).all()


@pytest.mark.parametrize(
    "change", [{"accounts": 0}, {"seed": -1}, {"long_ppm": 10**6 + 1}, {"leverage_spread_ppm": -1}]
)
def test_rules_out_of_their_bounds_are_refused(change):
    with pytest.raises(StatementError, match="must be between"):
        replace(RULES, **change)
