"""Who pays for a broken account, and at which price orders trade: against the account, in order, never in a halt."""

from dataclasses import replace

import numpy as np
import pytest

from zkmargin.market.parameters import Tier, TierTable
from zkmargin.risk.cascade import engine, execution, state, toy
from zkmargin.risk.cascade.parameters import Proving
from zkmargin.risk.cascade.tiers import Schedule
from zkmargin.risk.dynamic_margin import scaled


def pair(fund_units):
    """A long that breaks, a short that gains, and a fund."""
    model, _ = toy.market(((1, 2.0),), depth_units=10**15, fall=0.5, steps=4)
    lots = np.array([[100, -100]])
    cash = np.array([-100 * toy.TICKS + 5_000_000, 100 * toy.TICKS + 90_000_000])
    return replace(model, fund_units=fund_units), toy.books_of(model, lots, cash)


def test_the_fund_pays_first_and_then_whoever_gained():
    model, books = pair(fund_units=10_000_000)
    cash = []
    found = engine.run(model, books, 0, range(1), lambda now: cash.append(int(now.cash[0, 1])))
    loss = int(found.counter("bad_debt")[0])
    assert loss > 30_000_000
    assert found.counter("fund_used")[0] == 10_000_000
    assert found.counter("haircut")[0] == loss - 10_000_000
    assert found.unfunded[0] == 0
    assert cash[-1] == int(books.cash[1]) - (loss - 10_000_000)


def test_a_fund_that_suffices_spares_the_gains():
    model, books = pair(fund_units=10**9)
    found = engine.run(model, books, 0, range(1))
    assert found.counter("fund_used")[0] == found.counter("bad_debt")[0] > 0
    assert found.counter("haircut")[0] == 0


def test_what_nobody_gained_nobody_pays():
    model, books = toy.market(((100, 20.0),), depth_units=10**15, fall=0.5, steps=4)
    found = engine.run(model, books, 0, range(1))
    assert found.unfunded[0] == found.counter("bad_debt")[0] > 0


def ordered(lots):
    """A market of 10^6 ticks in which one account has an order for some lots."""
    model, _ = toy.market(((1, 2.0),), depth_units=10**9, fall=0.0, steps=4)
    books = toy.books_of(model, np.array([[-lots]]), np.array([10**9]))
    now = state.start(model, books, 1)
    now.status[:] = state.LIQUIDATING
    now.pending[0, 0, 0] = lots
    return now, books


@pytest.mark.parametrize("lots", [-7, 7])
def test_an_order_pays_the_mean_of_its_piece_of_the_curve_rounded_against_it(lots):
    now, books = ordered(lots)
    execution.execute(now)
    paid = int(books.cash[0]) - int(now.cash[0, 0])
    move = lots * toy.TICKS / 10**9
    exact = lots * toy.TICKS * np.expm1(move) / move
    assert 0 <= paid - exact <= abs(lots)
    assert now.prices[0, 0] == round(toy.TICKS * np.exp(move))


def test_nothing_trades_in_a_halt():
    now, _ = ordered(-7)
    now.standing[:] = True
    now.outside_flow[:] = -(10.0**8)
    forced, _, waiting = execution.execute(now)
    assert forced.sum() == 0
    assert waiting.sum() == 7 * toy.TICKS
    assert now.pending.sum() == -7
    assert now.prices[0, 0] == toy.TICKS
    now.standing[:] = False
    execution.execute(now)
    assert now.pending.sum() == 0
    assert now.prices[0, 0] < toy.TICKS * 0.91


@pytest.mark.parametrize("deadline", [0, 1, 5])
def test_a_deadline_is_missed_on_the_first_silent_step_after_it(deadline):
    model, books = toy.market(((100, 20.0),), depth_units=10**15, fall=0.047, steps=10)
    began = []
    patient = replace(model, proving=Proving(deadline_steps=deadline))
    engine.run(patient, books, 0, range(1), lambda now: began.append(int(now.status[0, 0]) != state.HEALTHY))
    assert began.index(True) == deadline


@pytest.mark.parametrize("first", [1, 5, 9_999, 20_000, 600_000, 1_000_000])
def test_tables_are_scaled_as_the_venue_publishes_them_even_where_rates_would_meet(first):
    table = TierTable((Tier(0, 10_000), Tier(10, 10_001), Tier(20, 10_002), Tier(30, 990_000)))
    rates, cums = Schedule.of([table]).scaled(np.array([first]))
    published = scaled(table, first)
    count = len(published.tiers)
    assert rates[0, :count].tolist() == [tier.rate_ppm for tier in published.tiers]
    assert cums[0, :count].tolist() == list(published.cum_scaled)
    assert set(rates[0, count:].tolist()) <= {1_000_000}
