"""Ladder, throttle, breakers, stops, herds, depth: what forced flow does, and what holds it back."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from zkmargin.amounts import Ratio
from zkmargin.errors import StatementError
from zkmargin.risk import liquidation
from zkmargin.risk.breakers import BreakerRules
from zkmargin.risk.cascade import engine, execution, experiments, impact, population, toy
from zkmargin.risk.cascade.controls import Controls
from zkmargin.risk.cascade.model import bitcoin, three_assets
from zkmargin.risk.cascade.parameters import Behaviour, Crowd, Faults, Impact, Window
from zkmargin.risk.liquidation import Ladder, LadderRules, Phase, Standing

SMALL = replace(bitcoin(), crowd=Crowd(accounts=300, open_interest_units=10**12), steps=60)
THIN = replace(SMALL, markets=(replace(SMALL.markets[0], depth_units=10**13),))


def outcome(model, paths=4, seed=3):
    return engine.run(model, population.draw(model, seed), seed, range(paths))


def test_the_ladder_sells_what_the_rules_of_liquidation_say():
    rules = LadderRules(slice_ppm=300_000, slice_seconds=60)
    model, books = toy.market(((997, 11.0),), depth_units=10**15, fall=0.0905, steps=8)
    model = replace(model, controls=Controls(ladder=rules))
    held = []
    engine.run(model, books, 0, range(1), lambda now: held.append(int(now.lots[0, 0, 0])))
    # Deep market: the price stands still after the first step, so one standing decides every step.
    price = int(np.rint(toy.TICKS * np.exp(-0.0905)))
    ladder, lots, expected = Ladder(), 997, []
    for step in range(8):
        equity = int(books.cash[0]) + 997 * price
        standing = Standing(equity, lots * price * toy.MAINTENANCE_PPM, lots * price)
        ladder = liquidation.step(rules, ladder, standing, 60 * step, due=True)
        if ladder.phase in (Phase.BACKSTOP, Phase.DEFAULT):
            lots = 0
        elif ladder.phase is Phase.LADDER:
            lots = liquidation.remaining_lots(997, ladder.taken, rules)
        expected.append(lots)
    assert held[:8] == expected
    assert 0 < min(expected) < 997


def test_a_small_account_is_sold_at_once():
    rules = LadderRules(small_notional_units=10**12)
    model, books = toy.market(((997, 11.0),), depth_units=10**15, fall=0.1, steps=2)
    held = []
    engine.run(replace(model, controls=Controls(ladder=rules)), books, 0, range(1), lambda n: held.append(n.lots.sum()))
    assert held[0] == 0


@pytest.mark.parametrize("ratio", [Ratio(21, 20), Ratio(8, 7)])
def test_a_ladder_whose_ratio_could_overflow_is_refused(ratio):
    with pytest.raises(StatementError, match="ladder's ratio must be between 1 and 7"):
        Controls(ladder=LadderRules(restore=Ratio(2, 1), trigger=Ratio(1, 1), backstop=Ratio(20, 21)))
    with pytest.raises(StatementError, match="ladder's ratio must be between 1 and 7"):
        Controls(ladder=LadderRules(trigger=Ratio(1, 1), restore=ratio))


def test_a_throttle_releases_at_most_its_share_of_the_depth_in_a_step():
    model = experiments.gapped(replace(THIN, controls=Controls(throttle_ppm=2_000)), 0.05)
    found = outcome(model)
    value = model.markets[0].mark_ticks
    assert found.longest_queue.min() > 0
    # The last step releases the rest, and is not throttled; before it nothing exceeds the share.
    lots = 10**13 // value * 2_000 // 10**6
    assert found.peak.max() <= lots * 2 * value


def test_a_run_that_ends_with_a_queue_says_so_and_charges_it():
    model = experiments.gapped(replace(THIN, controls=Controls(throttle_ppm=50), steps=20), 0.08)
    found = outcome(model)
    assert (found.queue.sum(axis=1) > 0).all()
    assert (found.queue_loss > 0).all()
    assert (found.counter("bad_debt") >= found.queue_loss).all()


def test_a_queue_that_is_served_to_the_end_is_not_reported():
    found = outcome(experiments.gapped(THIN, 0.08))
    assert found.queue.sum() == 0
    assert found.queue_loss.sum() == 0


def test_a_breaker_stops_trading_and_the_clocks():
    broken = replace(THIN, controls=Controls(breaker=BreakerRules()))
    halted = outcome(experiments.gapped(broken, 0.3))
    assert halted.counter("halts").min() > 0
    stood = []

    def watch(now):
        if now.standing.any():
            stood.append((now.step, int(now.silent.max()), int(now.lots.sum())))

    model = experiments.gapped(broken, 0.3)
    engine.run(model, population.draw(model, 3), 3, range(1), watch)
    assert len(stood) > 3
    assert len({lots for _, _, lots in stood[:3]}) == 1


def test_a_bad_tick_liquidates_nobody_behind_a_breaker():
    def ticked(model):
        wick = log(0.0001)
        return replace(model, shocks=replace(model.shocks, noise=0.0, path=((0.0,), (wick,), (-wick,))))

    quiet = replace(THIN, controls=Controls(breaker=BreakerRules()))
    assert outcome(ticked(quiet)).counter("liquidations").max() == 0
    assert outcome(ticked(THIN)).counter("liquidations").min() > 50


def test_in_an_oracle_outage_the_marks_stand_still():
    faulty = replace(experiments.gapped(SMALL, 0.1), faults=Faults(oracle=Window(5, 60)))
    marks = []
    engine.run(faulty, population.draw(faulty, 3), 3, range(1), lambda now: marks.append(int(now.marks[0, 0])))
    assert len(set(marks[5:60])) == 1


def test_stops_stand_at_round_numbers_and_are_executed_there():
    stopping = replace(SMALL, behaviour=Behaviour(stop_share_ppm=1_000_000, stop_grid_ppm=50_000))
    books = population.draw(stopping, 3)
    assert set(books.stop_ticks % 5_000) == {0}
    found = engine.run(experiments.gapped(stopping, 0.06), books, 3, range(2))
    assert found.counter("stopped").min() > 20
    assert found.voluntary.min() > 0


def test_herds_make_falls_deeper_and_panic_more_so():
    def fall(**options):
        return outcome(replace(SMALL, behaviour=Behaviour(**options)), paths=16).fall.mean()

    assert fall() < fall(herding=0.3) < fall(herding=0.3, panic=2.0)


def test_depth_is_withdrawn_as_volatility_rises_down_to_its_least():
    law = Impact(withdrawal=1.0, least_depth=0.2)
    left = impact.depth(law, np.array([100.0] * 4), np.array([0.5, 1.0, 2.0, 50.0]), np.array([1.0] * 4))
    assert left.tolist() == [100.0, 100.0, 50.0, 20.0]


def test_forced_flow_raises_the_public_volatility():
    def volatility(depth_units):
        accounts = [(500, 40.0)] * 10
        model, books = toy.market(accounts, depth_units=depth_units, fall=0.03, steps=4)
        seen = []
        engine.run(model, books, 0, range(1), lambda now: seen.append(float(now.variance[0, 0])))
        return seen

    deep, thin = volatility(10**15), volatility(10**10)
    assert thin[0] == deep[0]
    assert thin[1] > 2 * deep[1]


def test_fading_impact_fades_and_lasting_impact_lasts():
    law = Impact(transient=0.25, decay=0.5)
    book = impact.Displacement.flat((1, 1))
    book.push(law, np.array([[-8.0]]), np.array([[100.0]]))
    book.fade(law)
    assert book.level().tolist() == [[pytest.approx(-0.06 - 0.01)]]


def test_venues_of_one_asset_are_drawn_together():
    law = Impact(arbitrage=0.5, transient=0.0)
    book = impact.Displacement.flat((1, 3))
    book.push(law, np.array([[-8.0, 0.0, -8.0]]), np.array([[100.0, 100.0, 100.0]]))
    book.arbitrage(law, [[0, 1]])
    assert np.allclose(book.level(), [[-0.06, -0.02, -0.08]])


def test_orders_pay_along_the_curve_whatever_the_pace():
    accounts = ((300, 40.0), (300, 30.0), (300, 20.0))
    fast, slow = (
        engine.run(*toy.market(accounts, depth_units=10**10, fall=0.3, throttle_ppm=share), 0, range(1))
        for share in (None, 3_000)
    )
    assert fast.fall[0, 0] == pytest.approx(slow.fall[0, 0], abs=1e-6)
    assert abs(int(fast.counter("bad_debt")[0]) - int(slow.counter("bad_debt")[0])) <= 40 * 900


def test_coins_of_closed_accounts_are_sold_on_the_market_of_their_asset():
    model = experiments.gapped(replace(three_assets(400), steps=30), 0.1)
    pressed = []
    engine.run(model, population.draw(model, 3), 3, range(1), lambda now: pressed.append(now.outside_coins.sum()))
    assert pressed[-1] > 0


def test_writers_buy_their_options_back_and_their_dealers_hedge():
    model = experiments.gapped(replace(three_assets(400), steps=30), 0.15)
    model = replace(model, crowd=replace(model.crowd, writer_share_ppm=500_000))
    writing = []
    engine.run(model, population.draw(model, 3), 3, range(1), lambda now: writing.append(int(now.writing.sum())))
    assert writing[-1] < writing[0]


def test_running_sums_start_afresh_with_every_path():
    rows = np.array([0, 0, 2, 2, 2])
    assert execution._within_rows(rows, np.array([5, -1, 2, 2, 3])).tolist() == [5, 4, 2, 4, 7]
