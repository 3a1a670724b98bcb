"""The crowd: seeded, solvent, of the stated size, and small enough for 64-bit integers."""

from dataclasses import replace

import numpy as np
import pytest

from zkmargin.errors import StatementError
from zkmargin.risk.cascade import population, state
from zkmargin.risk.cascade.model import INITIAL, MAINTENANCE, Model, bitcoin, three_assets
from zkmargin.risk.cascade.parameters import Crowd, Market


def test_the_same_seed_draws_the_same_crowd():
    model = three_assets(300)
    first, second = population.draw(model, 5), population.draw(model, 5)
    assert np.array_equal(first.lots, second.lots)
    assert np.array_equal(first.cash, second.cash)
    assert not np.array_equal(first.cash, population.draw(model, 6).cash)


@pytest.mark.parametrize("model", [bitcoin(), three_assets(1_000)], ids=["one", "three"])
def test_everybody_starts_above_the_maintenance_requirement(model):
    books = population.draw(model, 1)
    now = state.start(model, books, 1)
    for venue in model.venues:
        span = books.span(venue)
        columns = np.arange(span.start, span.stop)
        assert (state.slack(now, venue, 0 * columns, columns) >= 0).all()


def test_longs_add_up_to_the_open_interest():
    model = bitcoin()
    books = population.draw(model, 1)
    longs = np.maximum(books.lots, 0).sum() * model.markets[0].mark_ticks
    assert longs == pytest.approx(model.crowd.open_interest_units, rel=0.03)


def test_writers_of_calls_are_covered_and_writers_of_puts_hold_cash():
    model = replace(three_assets(600), crowd=replace(three_assets().crowd, accounts=600, writer_share_ppm=400_000))
    books = population.draw(model, 1)
    puts, calls = books.sold[0] != 0, books.sold[1] != 0
    assert puts.sum() > 10
    assert calls.sum() > 10
    assert np.array_equal(books.lots[0][calls], -books.sold[1][calls])
    assert (books.lots[:, puts & ~calls] == 0).all()
    assert (books.coin[books.writers] == population.NO_COIN).all()


def test_an_account_too_large_for_exact_integers_is_refused():
    model = bitcoin()
    books = population.draw(model, 1)
    huge = replace(books, cash=books.cash + 2**41)
    with pytest.raises(StatementError, match="an account must stay below"):
        population.check(model, huge)


def test_accounts_out_of_order_are_refused():
    books = population.draw(three_assets(50), 1)
    with pytest.raises(StatementError, match="ordered by venue"):
        replace(books, venue=books.venue[::-1])


@pytest.mark.parametrize("field, value", [("accounts", 0), ("leverages", (200.0,)), ("long_share_ppm", -1)])
def test_a_crowd_out_of_its_bounds_is_refused(field, value):
    with pytest.raises(StatementError, match=f"Crowd.{field} must be between"):
        Crowd(**{field: value})


@pytest.mark.parametrize("asset, venue", [(1, 0), (0, 2)])
def test_a_market_of_nothing_is_refused(asset, venue):
    with pytest.raises(StatementError, match="must be between"):
        Model((Market("X", asset, venue, 1_000, 1, 10**9, MAINTENANCE, INITIAL),))
