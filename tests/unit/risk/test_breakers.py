"""What a price has to be before it becomes a mark, and when the venue stops."""

from dataclasses import replace

import pytest

from zkmargin.errors import StatementError
from zkmargin.market import sample
from zkmargin.risk import breakers
from zkmargin.risk.breakers import BreakerRules, Breakers, BreakerState, HaltTier, Outcome, Phase, observe

RULES = BreakerRules(tiers=())
WIDE = replace(RULES, band_ppm=400_000, tiers=(HaltTier(200_000, 900), HaltTier(300_000, 1_800)))


def watched(rules, *prices, start=10_000, state=None):
    """Observe (time, price) pairs; return the state and the outcomes."""
    state = state or BreakerState.start(0, start)
    outcomes = []
    for time, price in prices:
        state, outcome = observe(rules, state, time, price)
        outcomes.append(outcome)
    return state, outcomes


def test_a_price_at_the_edge_of_the_band_is_a_mark_and_one_tick_beyond_is_not():
    assert watched(RULES, (1, 9_650))[0].mark_ticks == 9_650
    state, outcomes = watched(RULES, (1, 9_649))
    assert (state.mark_ticks, state.phase, outcomes) == (9_650, Phase.LIMIT, [Outcome.HELD])
    assert watched(RULES, (1, 10_350))[1] == [Outcome.ACCEPTED]
    assert watched(RULES, (1, 10_351))[0].mark_ticks == 10_350


def test_small_steps_do_not_carry_a_mark_out_of_the_look_back():
    state, _ = watched(RULES, *((second, 10_000 - 100 * second) for second in range(1, 10)))
    assert state.mark_ticks == 9_650


def test_a_mark_anchors_the_band_until_a_look_back_after_it_was_replaced():
    before = watched(RULES, (3_000, 9_700))[0]
    assert watched(RULES, (6_599, 9_400), state=before)[1] == [Outcome.HELD]
    assert watched(RULES, (6_600, 9_400), state=before)[1] == [Outcome.ACCEPTED]


def test_a_mark_that_was_never_replaced_anchors_the_band_for_ever():
    assert watched(RULES, (10**6, 9_649))[1] == [Outcome.HELD]


def test_a_price_that_returns_in_time_ends_the_limit_state():
    state, _ = watched(RULES, (1, 9_000), (10, 9_700))
    assert (state.phase, state.mark_ticks) == (Phase.NORMAL, 9_700)


def test_a_price_that_stays_outside_halts_when_the_limit_time_is_over():
    assert watched(RULES, (1, 9_000), (15, 9_000))[0].phase is Phase.LIMIT
    state, _ = watched(RULES, (1, 9_000), (16, 9_000))
    assert (state.phase, state.until, state.mark_ticks) == (Phase.HALTED, 316, 9_650)


def test_in_a_halt_no_price_is_a_mark():
    state, outcomes = watched(RULES, (1, 9_000), (16, 9_000), (17, 9_650), (315, 9_650))
    assert (state.phase, outcomes[-2:]) == (Phase.HALTED, [Outcome.HELD, Outcome.HELD])


def test_a_bad_tick_is_refused_and_moves_nothing():
    before = watched(RULES, (1, 9_900))[0]
    state, outcomes = watched(RULES, (2, 1), state=before)
    assert outcomes == [Outcome.REFUSED]
    assert replace(state, suspects=(), now=1) == before


@pytest.mark.parametrize("price", [4_999, 15_001])
def test_a_tick_beyond_half_the_mark_is_bad_on_either_side(price):
    assert watched(RULES, (1, price))[1] == [Outcome.REFUSED]
    assert watched(RULES, (1, 10_000 + (price - 10_000) * 999 // 1_000))[1] == [Outcome.HELD]


def test_bad_ticks_that_agree_halt_the_venue_and_are_not_followed():
    state, outcomes = watched(RULES, (1, 3_000), (2, 3_010), (3, 2_990))
    assert (state.phase, state.mark_ticks) == (Phase.HALTED, 10_000)
    assert outcomes == [Outcome.REFUSED, Outcome.REFUSED, Outcome.HELD]


def test_bad_ticks_that_disagree_or_are_interrupted_do_not_halt():
    assert watched(RULES, (1, 3_000), (2, 1), (3, 3_000))[0].phase is Phase.NORMAL
    assert watched(RULES, (1, 3_000), (2, 3_000), (3, 10_000), (4, 3_000))[0].phase is Phase.NORMAL


def test_each_tier_of_a_fall_halts_once_in_a_session():
    state, outcomes = watched(WIDE, (1, 8_001), (2, 8_000))
    assert (state.phase, state.until, state.mark_ticks, state.used) == (Phase.HALTED, 902, 8_001, 1)
    assert outcomes[-1] is Outcome.HELD
    state, _ = watched(WIDE, (902, 7_900), (903, 7_500), state=state)
    assert (state.phase, state.mark_ticks) == (Phase.NORMAL, 7_500)
    assert watched(WIDE, (904, 7_000), state=state)[0].until == 904 + 1_800


def test_a_new_session_measures_falls_from_its_own_first_mark():
    state, _ = watched(WIDE, (1, 8_001), (2, 8_000), (902, 8_000), (86_400, 8_000), (90_001, 6_401))
    assert (state.phase, state.used, state.session) == (Phase.NORMAL, 0, (1, 8_000))


def test_collars_of_the_re_opening_widen_stage_by_stage():
    halted = watched(RULES, (1, 9_000), (16, 9_000))[0]
    closed, outcomes = watched(RULES, (316, 8_000), (375, 8_000), state=halted)
    assert (closed.phase, outcomes) == (Phase.REOPENING, [Outcome.HELD, Outcome.HELD])
    opened, outcomes = watched(RULES, (376, 8_300), state=closed)
    assert (opened.phase, opened.mark_ticks, outcomes) == (Phase.NORMAL, 8_300, [Outcome.ACCEPTED])
    assert opened.marks == ((376, 8_300),)


def test_beyond_the_last_collar_the_halt_goes_on():
    halted = watched(RULES, (1, 9_000), (16, 9_000))[0]
    state, outcomes = watched(RULES, (10_000, 2_000), (20_000, 2_000), (30_000, 2_000), state=halted)
    assert (state.phase, state.mark_ticks) == (Phase.REOPENING, 9_650)
    assert set(outcomes) == {Outcome.REFUSED}


def test_an_instrument_that_may_not_halt_rests_at_the_edge_of_its_band():
    quiet = replace(RULES, halts=False)
    state, _ = watched(quiet, (1, 9_000), (600, 9_000), (1_200, 9_000))
    assert (state.phase, state.mark_ticks) == (Phase.LIMIT, 9_650)
    assert watched(quiet, (1, 3_000), (2, 3_000), (3, 3_000))[0].phase is Phase.NORMAL


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"band_ppm": 0}, "band_ppm must be between 1"),
        ({"bad_tick_ppm": 34_999}, "bad_tick_ppm must be between 35000"),
        ({"confirmations": 0}, "confirmations"),
        ({"collars_ppm": ()}, "number of collars"),
        ({"collars_ppm": (70_000, 70_000)}, "strictly ascending"),
        ({"collars_ppm": (10_000,)}, "last of collars_ppm must be between 35000"),
        ({"tiers": (HaltTier(2, 0), HaltTier(1, 0))}, "tiers must be strictly ascending"),
        ({"stage_seconds": 0}, "stage_seconds"),
        ({"look_back_seconds": -1}, "look_back_seconds"),
    ],
)
def test_rules_that_make_no_sense_are_refused(change, complaint):
    with pytest.raises(StatementError, match=complaint):
        replace(RULES, **change)


def test_the_defaults_are_those_of_the_page():
    rules = BreakerRules()
    assert (rules.band_ppm, rules.look_back_seconds, rules.bad_tick_ppm, rules.confirmations) == (
        35_000,
        3_600,
        500_000,
        3,
    )
    assert (rules.limit_seconds, rules.pause_seconds, rules.stage_seconds, rules.session_seconds) == (
        15,
        300,
        60,
        86_400,
    )
    assert [(tier.fall_ppm, tier.pause_seconds) for tier in rules.tiers] == [
        (70_000, 900),
        (130_000, 900),
        (200_000, 3_600),
    ]
    assert (rules.collars_ppm, rules.halts, rules.shortest_pause) == ((70_000, 140_000, 280_000, 700_000), True, 300)


def test_time_does_not_run_backwards_and_prices_are_positive():
    state = BreakerState.start(100, 10_000)
    with pytest.raises(StatementError, match="now must be between 100"):
        observe(RULES, state, 99, 10_000)
    with pytest.raises(StatementError, match="price_ticks must be between 1"):
        observe(RULES, state, 100, 0)


# ---- The venue -------------------------------------------------------------------------------------------------------

FIRST = sample.snapshot()
NOW = FIRST.valid_from
BTC, ETH = 9_000_000, 300_000


@pytest.fixture
def venue():
    return Breakers.start(FIRST, {"ETH-PERP": RULES, "BTC-PERP": RULES})


def stopped(venue):
    """The venue, 20 seconds on, with ether 10 % down and bitcoin where it was."""
    for second in (1, 20):
        venue, _ = venue.observe(NOW + second, {"BTC-PERP": BTC, "ETH-PERP": 270_000})
    return venue


def test_the_venue_stops_when_one_instrument_halts_and_no_mark_moves(venue):
    venue = stopped(venue)
    assert venue.halted
    assert venue.marks == {"BTC-PERP": BTC, "ETH-PERP": 289_500}
    after, outcomes = venue.observe(NOW + 30, {"BTC-PERP": BTC + 10, "ETH-PERP": 270_000})
    assert (after.marks, set(outcomes.values())) == (venue.marks, {Outcome.HELD})


def test_the_venue_re_opens_when_every_instrument_can(venue):
    venue = stopped(venue)
    waiting, _ = venue.observe(NOW + 320, {"BTC-PERP": BTC * 9 // 10, "ETH-PERP": 280_000})
    assert waiting.halted
    assert waiting.marks == venue.marks
    opened, _ = waiting.observe(NOW + 380, {"BTC-PERP": BTC * 9 // 10, "ETH-PERP": 280_000})
    assert not opened.halted
    assert opened.marks == {"BTC-PERP": BTC * 9 // 10, "ETH-PERP": 280_000}


def test_a_snapshot_says_what_the_breakers_say(venue):
    following = stopped(venue).publish(FIRST, NOW + 20)
    assert following.breaker == "halted"
    assert following.listing("ETH-PERP").mark_ticks == 289_500


def test_every_watched_instrument_needs_a_price(venue):
    with pytest.raises(StatementError, match="price of ETH-PERP is missing"):
        venue.observe(NOW, {"BTC-PERP": BTC})


# ---- Throttle --------------------------------------------------------------------------------------------------------


def test_the_throttle_rounds_down():
    assert breakers.allowed_lots(2_000, 1_499) == 2
    assert breakers.allowed_lots(0, 10**9) == 0


def test_the_oldest_orders_are_released_first_and_the_rest_is_queued():
    queue = (("a", 3), ("b", 4), ("c", 5))
    assert breakers.release(queue, 0) == ((), queue)
    assert breakers.release(queue, 3) == ((("a", 3),), (("b", 4), ("c", 5)))
    assert breakers.release(queue, 99) == (queue, ())
