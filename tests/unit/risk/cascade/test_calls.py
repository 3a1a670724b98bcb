"""Boxes, proofs, silence and the storm in which everybody has to prove at once."""

from dataclasses import replace

import numpy as np
import pytest

from zkmargin.errors import StatementError
from zkmargin.risk.cascade import calls, engine, experiments, population, state, toy
from zkmargin.risk.cascade.model import bitcoin
from zkmargin.risk.cascade.parameters import Behaviour, Crowd, Faults, Proving, Window

SMALL = replace(bitcoin(), crowd=Crowd(accounts=200, open_interest_units=10**12), steps=40)


def outcome(model, paths=4, seed=3):
    return engine.run(model, population.draw(model, seed), seed, range(paths))


def test_every_account_that_is_not_asked_to_prove_is_safe():
    model = experiments.gapped(SMALL, 0.08)
    seen = []

    def watch(now):
        quiet = (now.status == state.HEALTHY) & ~now.demanded
        rows, columns = np.nonzero(quiet)
        # Marks move after the calls of a step: look only where the price has not left the box since.
        inside = (now.low[0][rows, columns] <= now.marks[rows, 0]) & (now.marks[rows, 0] <= now.high[0][rows, columns])
        rows, columns = rows[inside], columns[inside]
        assert (state.slack(now, 0, rows, columns) >= 0).all()
        seen.append(len(rows))

    engine.run(model, population.draw(model, 3), 3, range(2), watch)
    assert min(seen) > 0


def test_a_venue_that_sees_every_book_calls_exactly_the_unsafe():
    model, books = toy.market(((10, 2.0), (10, 5.0), (10, 50.0)), depth_units=10**15, fall=0.3, steps=3)
    found = engine.run(model, books, 0, range(1))
    assert found.counter("calls")[0] == found.counter("liquidations")[0] == 2
    assert found.counter("late")[0] == 0


def test_a_wider_box_is_proved_less_often():
    narrow = replace(SMALL, proving=Proving(widths_ppm=(1_000,)))
    assert outcome(SMALL).counter("demanded").sum() < outcome(narrow).counter("demanded").sum() / 3


def test_the_width_of_a_box_decides_nothing_when_proofs_are_free():
    narrow = replace(SMALL, proving=Proving(widths_ppm=(1_000,)))
    falls = [outcome(experiments.gapped(model, 0.05)) for model in (SMALL, narrow)]
    assert np.array_equal(falls[0].fall, falls[1].fall)
    assert np.array_equal(falls[0].counter("bad_debt"), falls[1].counter("bad_debt"))


def test_a_storm_of_proofs_liquidates_safe_accounts_and_capacity_prevents_it():
    stormy = experiments.gapped(SMALL, 0.05)
    slow = outcome(replace(stormy, proving=Proving(10, 1, deadline_steps=3)))
    fast = outcome(replace(stormy, proving=Proving(1_000, 1, deadline_steps=3)))
    assert slow.counter("late").min() > 0
    assert fast.counter("late").max() == 0


def test_a_simulated_account_stands_for_many_real_ones():
    stormy = experiments.gapped(SMALL, 0.05)
    one = outcome(replace(stormy, proving=Proving(10, 1, 3)))
    many = outcome(replace(stormy, proving=Proving(5_000, 500, 3)))
    assert np.array_equal(one.fall, many.fall)


def test_those_who_have_waited_longest_are_served_first():
    model = replace(SMALL, proving=Proving(2, 1, 9))
    now = state.start(model, population.draw(model, 1), 2)
    rows = np.array([0, 0, 0, 1, 1, 1])
    silent = np.array([0, 5, 3, 1, 1, 1], dtype=np.int32)
    assert calls.admitted(now, rows, silent).tolist() == [False, True, True, True, True, False]


def test_in_an_outage_of_the_prover_everybody_who_must_prove_is_late_in_the_end():
    faulty = replace(SMALL, faults=Faults(prover=Window(0, 40)), proving=Proving(deadline_steps=5))
    found = outcome(experiments.gapped(faulty, 0.05))
    assert found.counter("proved").max() == 0
    assert found.counter("late").min() > 20


def test_whoever_can_pay_answers_a_call_and_is_not_liquidated():
    fallen = experiments.gapped(SMALL, 0.06)
    rich = replace(fallen, behaviour=Behaviour(top_up_share_ppm=1_000_000, reserve_ppm=5_000_000))
    assert outcome(rich).counter("calls").min() > 0
    assert outcome(rich).counter("liquidations").sum() < 0.05 * outcome(fallen).counter("liquidations").sum()


def test_a_grace_period_delays_liquidation():
    fallen = experiments.gapped(SMALL, 0.06)
    patient = replace(fallen, proving=Proving(deadline_steps=100))
    assert outcome(patient).counter("liquidations").max() == 0
    assert outcome(patient).hidden.max() > 0


@pytest.mark.parametrize("widths", [(0,), (600_000,)])
def test_a_box_width_out_of_its_bounds_is_refused(widths):
    with pytest.raises(StatementError, match="widths_ppm must be between"):
        Proving(widths_ppm=widths)
