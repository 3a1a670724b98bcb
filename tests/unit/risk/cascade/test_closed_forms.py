"""The closed forms hold to numerical precision, and the engine finds them in a market made for them."""

from dataclasses import replace
from math import exp, inf, sqrt

import numpy as np
import pytest

from zkmargin.errors import StatementError
from zkmargin.risk.cascade import closed, engine, options, toy
from zkmargin.risk.cascade.parameters import Contract, Impact

LINEAR = [(0.03, 0.3, 0.042857142857142), (0.03, 0.6, 0.075), (0.03, 0.9, 0.3)]
ROOTS = [(0.03, 0.05, 0.04), (0.03, 0.1, 0.053027756377319), (0.03, 0.2, 0.09)]


@pytest.mark.parametrize("shock, ratio, end", LINEAR)
def test_a_linear_cascade_ends_at_the_shock_over_one_minus_r(shock, ratio, end):
    assert closed.linear_fall(shock, ratio) == pytest.approx(end, rel=1e-12)
    assert closed.settle(shock, lambda fall: ratio * fall) == pytest.approx(end, rel=1e-12)


@pytest.mark.parametrize("ratio", [1.0, 1.2])
def test_a_linear_cascade_runs_away_once_r_is_one(ratio):
    assert closed.linear_fall(0.03, ratio) == inf
    end = closed.settle(0.03, lambda fall: ratio * fall, rounds=2_000, limit=10.0)
    assert end == inf


@pytest.mark.parametrize("shock, strength, end", ROOTS)
def test_a_square_root_cascade_ends_where_its_formula_says(shock, strength, end):
    assert closed.square_root_fall(shock, strength) == pytest.approx(end, rel=1e-12)
    assert closed.settle(shock, lambda fall: strength * sqrt(fall)) == pytest.approx(end, rel=1e-12)


def test_a_square_root_cascade_is_never_smaller_than_the_square_of_its_strength():
    assert closed.square_root_fall(1e-12, 0.2) == pytest.approx(0.04, rel=1e-6)


@pytest.mark.parametrize("impact", [0.02, 0.1, 0.3])
def test_at_the_critical_leverage_leaving_costs_the_whole_equity(impact):
    # Selling Q in many pieces along I * sqrt(q / Q) costs the mean of the curve: 2/3 of I.
    pieces = (np.arange(1_000_000) + 0.5) / 1_000_000
    cost = impact * np.sqrt(pieces).mean()
    assert cost * closed.critical_leverage(impact) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("gamma", [-2e-6, -9e-6, 5e-6])
def test_hedgers_multiply_a_move_by_the_formula(gamma):
    kappa, price, move = 1.0, 1e5, -100.0
    end = closed.settle(-move, lambda fall: -kappa * price * gamma * fall)
    assert closed.hedged_move(move, kappa, price, gamma) == pytest.approx(-end, rel=1e-9)


def test_hedgers_beyond_the_critical_gamma_have_no_end():
    with pytest.raises(StatementError, match="must be positive"):
        closed.hedged_move(-1.0, 1.0, 1.0, -1.0)


def ladder_of_longs(depth_units, impact, spacing=0.0005, notional_units=10**9):
    """Longs whose liquidation prices are evenly spaced in the log price, all of one notional at the first price."""
    distances = spacing * (np.arange(int(0.5 / spacing)) + 0.5)
    lots = np.full(len(distances), notional_units // toy.TICKS, dtype=np.int64)
    model, _ = toy.market(((1, 2.0),), depth_units=depth_units, fall=0.0, impact=impact, steps=200)
    prices = np.floor(toy.TICKS * np.exp(-distances)).astype(np.int64)
    cash = -(lots * prices * (1_000_000 - toy.MAINTENANCE_PPM) // 1_000_000)
    return model, toy.books_of(model, lots[None, :], cash), notional_units / spacing


def fall_of(model, books, shock):
    fallen = replace(model, shocks=replace(model.shocks, path=((-shock,),)))
    return float(engine.run(fallen, books, 0, range(1)).fall[0, 0])


@pytest.mark.parametrize("ratio", [0.3, 0.6, 0.8])
def test_the_engine_ends_a_linear_cascade_where_the_closed_form_does(ratio):
    still = Impact(transient=0.0, decay=0.0, withdrawal=0.0)
    density = 10**9 / 0.0005
    model, books, _ = ladder_of_longs(int(density / ratio), still)
    expected = closed.linear_fall(0.02, ratio)
    assert fall_of(model, books, 0.02) == pytest.approx(expected, abs=0.0005 / (1 - ratio))


def test_the_engine_runs_away_when_the_branching_ratio_is_above_one():
    still = Impact(transient=0.0, decay=0.0, withdrawal=0.0)
    model, books, density = ladder_of_longs(1, still)
    deep = replace(model, markets=(replace(model.markets[0], depth_units=int(density / 1.2)),))
    assert fall_of(deep, books, 0.02) > 0.5


@pytest.mark.parametrize("strength", [0.1, 0.2])
def test_the_engine_ends_a_square_root_cascade_where_the_closed_form_does(strength):
    density, depth = 10**9 / 0.0005, 10**13
    rooted = Impact(
        law="square_root", factor=strength / sqrt(density / depth), transient=0.0, decay=0.0, withdrawal=0.0
    )
    model, books, _ = ladder_of_longs(depth, rooted)
    expected = closed.square_root_fall(0.03, strength)
    assert fall_of(model, books, 0.03) == pytest.approx(expected, abs=0.002)


def test_hedgers_in_the_engine_amplify_a_small_move_by_their_gamma():
    contract = Contract(0, "put", 1_000_000, dealers_short_lots=1_000_000)
    table = options.grid((contract,), 10_000, 10)
    near = 100 - options.LOWEST
    change = table.deltas[0, 0, near - 1] - table.deltas[0, 0, near]
    depth = 10**12
    model, _ = toy.market(((1, 1.0),), depth_units=depth, steps=60, impact=Impact(transient=0, decay=0, withdrawal=0))
    market = replace(model.markets[0], mark_ticks=10_000, multiplier=10)
    hedged = replace(model, markets=(market,), contracts=(contract,))
    books = toy.books_of(hedged, np.array([[1]]), np.array([0]))
    alone = fall_of(replace(hedged, contracts=()), books, 0.002)
    together = fall_of(hedged, books, 0.002)
    flow = 1_000_000 * change * 10 * 10_000
    assert flow < 0
    assert together == pytest.approx(alone - flow / depth, abs=1e-4)
    assert exp(-together) < exp(-alone)
