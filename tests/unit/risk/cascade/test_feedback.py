"""Feedback: margin that follows volatility, hedgers who follow vanna, coins that lose their value."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from zkmargin.amounts import PPM
from zkmargin.risk.cascade import engine, execution, experiments, options, population, state
from zkmargin.risk.cascade.controls import Controls, Dynamic
from zkmargin.risk.cascade.model import bitcoin, three_assets
from zkmargin.risk.cascade.parameters import Crowd, Faults, Proving, Window
from zkmargin.risk.dynamic_margin import RateRules

SMALL = experiments.gapped(replace(bitcoin(), crowd=Crowd(accounts=200, open_interest_units=10**12), steps=40), 0.03)
RULES = RateRules(multiple_ppm=8 * PPM, tool="buffer", speed_limit_ppm=500_000, notice_seconds=300)
MOVING = replace(SMALL, controls=Controls(dynamic=Dynamic(RULES, 5)))


def outcome(model, paths=4, seed=3):
    return engine.run(model, population.draw(model, seed), seed, range(paths))


def rates_of(model):
    seen = []
    engine.run(model, population.draw(model, 3), 3, range(1), lambda now: seen.append(int(now.maintenance[0][0, 0, 0])))
    return seen


def test_dynamic_margin_rises_after_a_gap_with_notice_and_a_speed_limit():
    rates = rates_of(MOVING)
    assert rates[0] == 5_000
    assert set(rates[:15]) == {5_000}
    assert max(rates) > 7_000
    changes = [(before, after) for before, after in pairwise(rates) if after > before]
    assert all(after <= before * 1.5 + 1 for before, after in changes)
    assert min(rates) == 5_000


def test_every_new_version_of_the_tables_asks_for_proofs_and_causes_calls():
    still, moving = outcome(SMALL), outcome(MOVING)
    assert moving.counter("versions").min() > 0
    assert moving.counter("demanded").sum() > 1.5 * still.counter("demanded").sum()
    assert moving.counter("calls").sum() > still.counter("calls").sum()


def test_a_new_version_can_be_a_storm_for_a_venue_with_few_proofs():
    slow = Proving(30, 1, deadline_steps=2)
    assert (
        outcome(replace(MOVING, proving=slow)).counter("late").sum()
        > outcome(replace(SMALL, proving=slow)).counter("late").sum()
    )


def hedged(level):
    model = three_assets(60)
    now = state.start(model, population.draw(model, 1), 1)
    now.variance[:] = np.square(state.first_deviation(model) * options.LEVELS_PPM[level] / PPM) * (1 + 1e-9)
    nodes = options.Grid.node(now.prices * 85 // 100, now.first_ticks)
    now.prices = now.prices * 85 // 100
    execution.outside(now, np.zeros((1, len(model.markets))), nodes, np.zeros_like(nodes))
    return float(now.outside_flow[0, 0])


def test_dealers_who_are_short_puts_trade_when_volatility_alone_moves():
    # Below the strike of the put more volatility makes its delta smaller: the hedge is bought back.
    assert hedged(0) == 0.0
    assert hedged(1) > 0.0
    assert hedged(2) > hedged(1)


def test_a_pegged_token_that_loses_its_peg_calls_those_who_posted_it():
    quiet = replace(three_assets(400), steps=12)
    broken = replace(quiet, faults=Faults(depeg=Window(4, 9), peg_ppm=50_000))
    assert outcome(broken, paths=2).counter("calls").min() > outcome(quiet, paths=2).counter("calls").max() + 10


def test_a_haircut_keeps_a_fall_of_the_token_within_it_harmless():
    quiet = replace(three_assets(400), steps=12)
    worth = [
        state.coin_worth(
            state.start(quiet, population.draw(quiet, 3), 1),
            np.zeros(400, dtype=np.int64),
            np.arange(400),
            np.array([[100_000, ticks]]),
        ).sum()
        for ticks in (10_000, 9_000)
    ]
    assert worth[1] < worth[0]


def test_cross_accounts_carry_a_fall_from_one_market_to_another():
    base = replace(three_assets(600), steps=20, behaviour=bitcoin().behaviour)
    falls = (0.0, 0.0, -0.25)
    only_alt = replace(base, shocks=replace(base.shocks, noise=0.0, jump_rate=0.0, path=((0.0,) * 3, falls)))
    linked = replace(only_alt, crowd=replace(only_alt.crowd, cross_share_ppm=600_000))
    apart = replace(only_alt, crowd=replace(only_alt.crowd, cross_share_ppm=0))
    assert outcome(linked, paths=1).forced[0, 0] > outcome(apart, paths=1).forced[0, 0]
