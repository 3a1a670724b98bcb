"""Breakers checked on the chain of snapshots."""

from dataclasses import replace

import pytest

from zkmargin.errors import StatementError
from zkmargin.market import sample
from zkmargin.risk import chain
from zkmargin.risk.breakers import BreakerRules, HaltTier

RULES = BreakerRules(tiers=())
FIRST = sample.snapshot()
NOW = FIRST.valid_from


def test_a_snapshot_whose_mark_leaves_the_band_is_refused_with_the_bounds():
    rules = {"ETH-PERP": RULES}
    chain.check(rules, [FIRST], FIRST.next(NOW + 60, {"ETH-PERP": 289_500}))
    with pytest.raises(StatementError, match="ETH-PERP.mark_ticks must be between 289500 and 310500: the band of its"):
        chain.check(rules, [FIRST], FIRST.next(NOW + 60, {"ETH-PERP": 289_499}))


def test_the_band_of_a_snapshot_is_about_every_mark_of_the_look_back():
    second = FIRST.next(NOW + 60, {"ETH-PERP": 290_000})
    third = second.next(NOW + 120, {"ETH-PERP": 281_000})
    with pytest.raises(StatementError, match="band of its breaker, got 281000"):
        chain.check({"ETH-PERP": RULES}, [FIRST, second], third)
    late = second.next(NOW + 3_600, {"ETH-PERP": 281_000})
    chain.check({"ETH-PERP": RULES}, [FIRST, second], late)


def test_a_mark_that_moves_in_a_halt_is_refused():
    moved = FIRST.next(NOW + 60, {"ETH-PERP": 300_001}, breaker="halted")
    with pytest.raises(StatementError, match="between 300000 and 300000: the venue is halted"):
        chain.check({"ETH-PERP": RULES}, [FIRST], moved)
    chain.check({"BTC-PERP": RULES}, [FIRST], moved)


@pytest.mark.parametrize(
    "seconds, lowest", [(300, 279_000), (359, 279_000), (360, 258_000), (480, 90_000), (9_999, 90_000)]
)
def test_a_re_opening_may_leave_the_band_but_not_the_collar_that_it_can_have_reached(seconds, lowest):
    halted = [FIRST, FIRST.next(NOW + 60, {}, breaker="halted")]
    halted.append(halted[-1].next(NOW + 100, {}))
    at_the_edge, beyond = (
        halted[-1].next(NOW + 60 + seconds, {"ETH-PERP": mark}, breaker="normal") for mark in (lowest, lowest - 1)
    )
    chain.check({"ETH-PERP": RULES}, halted, at_the_edge)
    with pytest.raises(StatementError, match=f"between {lowest} and .*: the collar of its re-opening"):
        chain.check({"ETH-PERP": RULES}, halted, beyond)


def test_a_halt_cannot_be_shorter_than_the_shortest_pause_that_the_rules_have():
    halted = [FIRST, FIRST.next(NOW + 60, {}, breaker="halted")]
    early = halted[-1].next(NOW + 359, {}, breaker="normal")
    with pytest.raises(StatementError, match=f"valid_from of a re-opening must be between {NOW + 360}"):
        chain.check({"ETH-PERP": RULES, "BTC-PERP": BreakerRules()}, halted, early)
    chain.check({"ETH-PERP": replace(RULES, tiers=(HaltTier(1, 10),))}, halted, early)
    chain.check({"ETH-PERP": replace(RULES, halts=False)}, halted, early)


def test_an_instrument_that_may_not_halt_keeps_its_band_through_the_halt_of_others():
    halted = [FIRST, FIRST.next(NOW + 60, {}, breaker="halted")]
    moved = halted[-1].next(NOW + 9_999, {"ETH-PERP": 289_499}, breaker="normal")
    with pytest.raises(StatementError, match="the band of its breaker"):
        chain.check({"ETH-PERP": replace(RULES, halts=False)}, halted, moved)


def test_after_a_halt_of_one_snapshot_a_new_look_back_begins():
    lower = FIRST.next(NOW + 10, {"ETH-PERP": 291_000})
    halted = lower.next(NOW + 20, {}, breaker="halted")
    moved = halted.next(NOW + 30, {"ETH-PERP": 281_000}, breaker="normal")
    rules = {"ETH-PERP": replace(RULES, halts=False)}
    chain.check(rules, [FIRST, lower, halted], moved)
    below = moved.next(NOW + 40, {"ETH-PERP": 271_164})
    with pytest.raises(StatementError, match="between 271165 and"):
        chain.check(rules, [FIRST, lower, halted, moved], below)


def test_the_shortest_pause_of_any_instrument_that_may_halt_counts():
    halted = [FIRST, FIRST.next(NOW + 60, {}, breaker="halted")]
    rules = {"ETH-PERP": RULES, "BTC-PERP": replace(RULES, pause_seconds=100)}
    chain.check(rules, halted, halted[-1].next(NOW + 160, {}, breaker="normal"))
    with pytest.raises(StatementError, match=f"between {NOW + 160} and"):
        chain.check(rules, halted, halted[-1].next(NOW + 159, {}, breaker="normal"))


def test_of_a_chain_the_look_back_and_the_ends_of_a_halt_are_remembered():
    rules, kept, times = {"ETH-PERP": replace(RULES, look_back_seconds=100)}, (FIRST,), []
    breakers = dict.fromkeys((50, 100, 150), "normal") | dict.fromkeys((250, 300, 999), "halted") | {1_000: "normal"}
    for seconds, breaker in breakers.items():
        kept = chain.remember(rules, kept, kept[-1].next(NOW + seconds, {}, breaker=breaker))
        times.append([snapshot.valid_from - NOW for snapshot in kept])
    assert times == [
        [0, 50],
        [0, 50, 100],
        [50, 100, 150],
        [150, 250],
        [250, 300],
        [250, 999],
        [999, 1_000],
    ]


def test_a_chain_without_a_snapshot_before_is_no_chain():
    with pytest.raises(StatementError, match="^number of snapshots before must be between 1"):
        chain.check({}, [], FIRST)


def test_a_snapshot_that_does_not_follow_is_refused_whatever_its_marks():
    second = FIRST.next(NOW + 60, {})
    with pytest.raises(StatementError, match="epoch"):
        chain.check({}, [FIRST], second.next(NOW + 120, {}))
