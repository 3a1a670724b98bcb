"""What is true of breakers, ladders, waterfalls and dynamic rates for all inputs."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.amounts import PPM, Ratio
from zkmargin.errors import StatementError
from zkmargin.market import sample
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.risk import breakers, chain, dynamic_margin
from zkmargin.risk.breakers import BreakerRules, Breakers, HaltTier, Outcome
from zkmargin.risk.clocks import Clock
from zkmargin.risk.dynamic_margin import TOOLS, Liquidity, RateRules
from zkmargin.risk.liquidation import AuctionRules, Ladder, LadderRules, Phase, Standing, discount_ppm, step
from zkmargin.risk.waterfall import absorb, pro_rata

amounts = st.integers(0, 10**15)
gains = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.one_of(st.integers(0, 9), amounts), max_size=12)


# ---- Waterfall -------------------------------------------------------------------------------------------------------


@given(amounts, amounts, amounts, gains)
def test_a_waterfall_conserves_every_unit(loss: int, margin: int, fund: int, others: dict[str, int]) -> None:
    paid = absorb(loss, margin_units=margin, fund_units=fund, gains=others)
    assert paid.margin_units + paid.fund_units + sum(paid.haircuts.values()) + paid.uncovered_units == loss
    assert 0 <= paid.margin_units <= margin
    assert 0 <= paid.fund_units <= fund
    assert all(0 < share <= others[name] for name, share in paid.haircuts.items())


@given(amounts, amounts, amounts, gains)
def test_a_layer_pays_only_when_those_before_it_are_empty(loss: int, margin: int, fund: int, others: dict) -> None:
    paid = absorb(loss, margin_units=margin, fund_units=fund, gains=others)
    assert paid.fund_units == 0 or paid.margin_units == margin
    assert not paid.haircuts or (paid.margin_units, paid.fund_units) == (margin, fund)
    assert paid.uncovered_units == 0 or paid.haircut_units == sum(others.values())


@given(amounts, gains.filter(lambda found: sum(found.values()) > 0))
def test_a_haircut_is_within_a_unit_of_its_exact_share_and_larger_gains_pay_no_less(loss: int, others: dict) -> None:
    taken = min(loss, sum(others.values()))
    shares = pro_rata(taken, others)
    for name, gain in others.items():
        assert abs(shares[name] - Fraction(taken * gain, sum(others.values()))) < 1
    ordered = sorted(others, key=lambda name: others[name])
    assert all(shares[low] <= shares[high] or others[low] == others[high] for low, high in pairwise(ordered))


@given(amounts, gains, st.randoms(use_true_random=False))
def test_the_order_in_which_gains_are_listed_does_not_matter(loss: int, others: dict, random) -> None:
    names = list(others)
    random.shuffle(names)
    assert absorb(loss, gains=others) == absorb(loss, gains={name: others[name] for name in names})


# ---- Breakers --------------------------------------------------------------------------------------------------------

FIRST = sample.snapshot()
RULES = st.builds(
    BreakerRules,
    band_ppm=st.sampled_from([35_000, 200_000]),
    look_back_seconds=st.sampled_from([0, 300, 3_600]),
    limit_seconds=st.sampled_from([0, 60]),
    pause_seconds=st.sampled_from([0, 300]),
    tiers=st.sampled_from([(), (HaltTier(70_000, 60), HaltTier(200_000, 600))]),
    session_seconds=st.sampled_from([1_800, 86_400]),
    stage_seconds=st.sampled_from([60, 600]),
    confirmations=st.sampled_from([1, 3]),
    collars_ppm=st.sampled_from([(200_000,), (70_000, 140_000, 700_000)]),
    halts=st.booleans(),
)
MOVES = st.lists(
    st.tuples(
        st.sampled_from([0, 15, 60, 300, 900]),
        *[st.sampled_from([1, 500, 900, 960, 990, 1_000, 1_010, 1_100, 1_600])] * 2,
    ),
    min_size=1,
    max_size=30,
)


def walk(rules: BreakerRules, other: BreakerRules, moves: list[tuple[int, int, int]]):
    """Yield the breakers before and after every observation, with prices, outcomes and time."""
    venue = Breakers.start(FIRST, {"BTC-PERP": rules, "ETH-PERP": other})
    now, prices = FIRST.valid_from, {"BTC-PERP": 9_000_000, "ETH-PERP": 300_000}
    for wait, bitcoin, ether in moves:
        now += wait
        factors = {"BTC-PERP": bitcoin, "ETH-PERP": ether}
        seen = {name: max(1, price * factors[name] // 1_000) for name, price in prices.items()}
        # A print does not move the market; a factor near one does.
        prices = {name: seen[name] if 800 < factors[name] < 1_200 else prices[name] for name in prices}
        before = venue
        venue, outcomes = venue.observe(now, seen)
        yield now, before, venue, seen, outcomes


@given(RULES, RULES, MOVES)
def test_what_the_breakers_publish_the_check_accepts(rules: BreakerRules, other: BreakerRules, moves: list) -> None:
    history, kept = [FIRST], (FIRST,)
    for now, before, venue, _, _ in walk(rules, other, moves):
        following = venue.publish(history[-1], now)
        chain.check(before.rules, history, following)
        chain.check(before.rules, kept, following)
        history.append(following)
        kept = chain.remember(before.rules, kept, following)


@given(RULES, RULES, MOVES, st.sampled_from([1, 500, 800, 930, 960, 1_040, 1_300]))
def test_what_is_remembered_of_a_chain_refuses_what_the_whole_chain_refuses(
    rules: BreakerRules, other: BreakerRules, moves: list, factor: int
) -> None:
    history, kept = [FIRST], (FIRST,)
    for now, before, venue, _, _ in walk(rules, other, moves):
        marks = {name: max(1, mark * factor // 1_000) for name, mark in before.marks.items()}
        wrong = history[-1].next(now, marks, breaker="normal")
        assert complaint(before.rules, history, wrong) == complaint(before.rules, kept, wrong)
        history.append(venue.publish(history[-1], now))
        kept = chain.remember(before.rules, kept, history[-1])


def complaint(rules: dict, history, snapshot) -> str:
    try:
        chain.check(rules, history, snapshot)
    except StatementError as error:
        return str(error)
    return ""


@given(RULES, RULES, MOVES)
def test_a_refused_or_halted_price_moves_no_mark(rules: BreakerRules, other: BreakerRules, moves: list) -> None:
    for _, before, venue, seen, outcomes in walk(rules, other, moves):
        for name, outcome in outcomes.items():
            if outcome is Outcome.REFUSED or venue.halted:
                assert venue.marks[name] == before.marks[name]
            elif outcome is Outcome.ACCEPTED:
                assert venue.marks[name] == seen[name]


@given(RULES, MOVES)
def test_instruments_that_may_not_halt_never_stop_the_venue(rules: BreakerRules, moves: list) -> None:
    quiet = replace(rules, halts=False)
    assert not any(venue.halted for _, _, venue, _, _ in walk(quiet, quiet, moves))


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30), st.integers(0, 400), st.integers(0, 400))
def test_at_its_deadline_exactly_its_seconds_have_run(events: list, start: int, seconds: int) -> None:
    clock = Clock()
    for wait, halted in events:
        clock = clock.observe(clock.now + wait, halted)
    due = clock.deadline(start, seconds)
    if due is not None:
        assert clock.running(start, due) == seconds
        assert due == start + seconds or clock.running(start, due - 1) < seconds or seconds == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 50)), max_size=10), st.integers(0, 300))
def test_a_throttle_loses_no_order_and_releases_no_more_than_it_may(queue: list, lots: int) -> None:
    released, waiting = breakers.release(queue, lots)
    assert sum(size for _, size in released) == min(lots, sum(size for _, size in queue))
    for owner in "abc":
        total = sum(size for name, size in (*released, *waiting) if name == owner)
        assert total == sum(size for name, size in queue if name == owner)


# ---- The throttle in a toy market ------------------------------------------------------------------------------------


def cost_of_selling(lots: int, cap: int, prices: list[int]) -> int:
    """Sell at most `cap` an interval; q lots of one interval lose q a lot to impact, and impact is gone by the next."""
    lost = 0
    for price in prices:
        size = min(lots, cap)
        lost += size * (prices[0] - price + size)
        lots -= size
    assert lots == 0
    return lost


@given(st.integers(0, 60), st.integers(1, 60), st.integers(1, 60))
def test_in_a_market_that_recovers_and_does_not_fall_a_tighter_throttle_never_costs_more(
    lots: int, cap: int, other: int
) -> None:
    tight, loose = sorted((cap, other))
    still = [1_000] * 60
    assert cost_of_selling(lots, tight, still) <= cost_of_selling(lots, loose, still)


def test_in_a_market_that_falls_a_tighter_throttle_can_cost_more_and_take_more_from_the_gains() -> None:
    falling = [1_000 - 10 * interval for interval in range(10)]
    loose, tight = cost_of_selling(10, 10, falling), cost_of_selling(10, 1, falling)
    assert (loose, tight) == (100, 460)
    haircuts = [absorb(loss, margin_units=100, gains={"winner": 1_000}).haircut_units for loss in (loose, tight)]
    assert haircuts == [0, 360]


# ---- Liquidation -----------------------------------------------------------------------------------------------------


@given(st.integers(-(10**6), 10**7), st.integers(0, 10**12), st.integers(0, 5), st.integers(0, 200), st.booleans())
def test_a_ladder_sells_only_below_restore_and_never_goes_back(
    equity: int, required: int, taken: int, now: int, due: bool
) -> None:
    rules, standing = LadderRules(), Standing(equity, required, 1)
    before = Ladder(Phase.LADDER if taken else Phase.HEALTHY, taken, 100)
    after = step(rules, before, standing, now, due=due)
    if after.taken > before.taken:
        assert not standing.reaches(rules.restore)
        assert standing.reaches(rules.backstop)
        assert now >= 100
    assert (after.phase is Phase.DEFAULT) == (equity < 0)
    assert after.taken in (0, before.taken, before.taken + 1)


@given(st.integers(0, 10**5), st.integers(0, 10**5))
def test_the_discount_of_an_auction_never_rises(first: int, second: int) -> None:
    early, late = sorted((first, second))
    assert discount_ppm(AuctionRules(), early) >= discount_ppm(AuctionRules(), late)


# ---- Dynamic margin --------------------------------------------------------------------------------------------------

models = st.lists(st.integers(1, 700_000), min_size=1, max_size=30)
rules_of = st.builds(
    RateRules,
    tool=st.sampled_from(TOOLS),
    stressed_ppm=st.integers(1, PPM),
    long_run_ppm=st.integers(1, PPM),
    floor_ppm=st.integers(1, 50_000),
    speed_limit_ppm=st.one_of(st.none(), st.integers(1, PPM)),
)


@given(rules_of, models)
def test_a_rate_keeps_its_floor_and_its_speed_limit(rules: RateRules, series: list[int]) -> None:
    found = dynamic_margin.rates(rules, series)
    assert all(rules.floor_ppm <= rate <= PPM for rate in found)
    if rules.speed_limit_ppm is not None:
        for before, after in pairwise(found):
            assert after <= dynamic_margin.ceil_div(before * (PPM + rules.speed_limit_ppm), PPM)


@given(rules_of, models)
def test_without_a_speed_limit_a_rate_is_never_below_its_model_unless_stress_pulls_it(
    rules: RateRules, series: list[int]
) -> None:
    free = replace(rules, speed_limit_ppm=None)
    for rate, model in zip(dynamic_margin.rates(free, series), series, strict=True):
        lowest = min(model, rules.stressed_ppm) if rules.tool == "stress" else model
        assert rate >= lowest


@given(models)
def test_a_buffer_is_between_nothing_and_a_quarter_and_moves_only_when_it_must(series: list[int]) -> None:
    found = dynamic_margin.rates(RateRules(tool="buffer"), series)
    for index, (rate, model) in enumerate(zip(found, series, strict=True)):
        whole = dynamic_margin.ceil_div(model * 5, 4)
        assert model <= rate <= whole
        if index and model <= found[index - 1] <= whole:
            assert rate == found[index - 1]


@given(models)
def test_a_buffer_never_makes_the_range_of_rates_wider(series: list[int]) -> None:
    plain, buffered = (dynamic_margin.rates(RateRules(tool=tool), series) for tool in ("none", "buffer"))
    ranges = [Fraction(max(found), min(found)) for found in (plain, buffered)]
    assert ranges[1] <= ranges[0] + Fraction(1, min(plain))


@st.composite
def tables(draw: st.DrawFn) -> TierTable:
    floors = sorted(draw(st.sets(st.integers(1, 10**9), max_size=4)))
    rates = sorted(draw(st.sets(st.integers(1, PPM), min_size=len(floors) + 1, max_size=len(floors) + 1)))
    return TierTable(tuple(Tier(*tier) for tier in zip([0, *floors], rates, strict=True)))


@given(tables(), st.integers(1, PPM), st.integers(1, PPM))
def test_a_higher_rate_covers_a_lower_one_at_every_notional(table: TierTable, first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert dynamic_margin.scaled(table, high).covers(dynamic_margin.scaled(table, low))
    assert dynamic_margin.scaled(table, high).tiers[0].rate_ppm == high


@given(st.integers(1, PPM), st.integers(10, 10**12), st.integers(0, 10**5), st.integers(0, 2 * 10**13))
def test_concentration_is_never_below_its_formula_up_to_sixteen_times_the_capacity(
    rate: int, volume: int, spread: int, notional: int
) -> None:
    liquidity = Liquidity(volume, spread_ppm=spread)
    table = dynamic_margin.concentrated(rate, liquidity)
    size = min(notional, 16 * liquidity.capacity_units)
    full = rate + Fraction(spread, 2)
    squared = full**2 * size**2 * max(Fraction(1), Fraction(size, liquidity.capacity_units))
    charged = table.margin_scaled(size)
    # Where no tier was dropped because it would ask for more than the notional.
    assert charged**2 >= squared or len(table.tiers) < 5 or table.tiers[-1].rate_ppm == PPM


@pytest.mark.parametrize("level", [Ratio(21, 20), Ratio(2, 3)])
@given(st.integers(-(10**9), 10**9), st.integers(0, 10**15))
def test_a_level_is_reached_exactly_when_the_fraction_says_so(level: Ratio, equity: int, required: int) -> None:
    exact = Fraction(level.numerator, level.denominator) * Fraction(required, PPM)
    assert Standing(equity, required).reaches(level) == (equity >= exact)
