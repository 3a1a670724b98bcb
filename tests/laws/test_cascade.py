"""What is true of every simulated market: margin is the rule that the circuits prove, and nothing is made or lost."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.amounts import PPM
from zkmargin.margin import cross, scenario
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Cash, Collateral, Linear
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.risk import waterfall
from zkmargin.risk.breakers import BreakerRules
from zkmargin.risk.cascade import engine, options, population, settlement, state
from zkmargin.risk.cascade.controls import Controls, Dynamic
from zkmargin.risk.cascade.model import Model, three_assets
from zkmargin.risk.cascade.parameters import (
    Behaviour,
    Coin,
    Contract,
    Faults,
    Impact,
    Market,
    Proving,
    Window,
)
from zkmargin.risk.cascade.population import Books
from zkmargin.risk.dynamic_margin import RateRules, scaled

UNITS = 10**9


@st.composite
def tables(draw: st.DrawFn) -> TierTable:
    count = draw(st.integers(1, 4))
    floor = st.one_of(st.integers(1, UNITS), st.integers(2**40, 2**95))
    floors = sorted(draw(st.sets(floor, min_size=count - 1, max_size=count - 1)))
    rates = sorted(draw(st.sets(st.integers(1, PPM // 2), min_size=count, max_size=count)))
    return TierTable(tuple(Tier(*tier) for tier in zip([0, *floors], rates, strict=True)))


@st.composite
def positions(draw: st.DrawFn) -> tuple[Model, Books, np.ndarray, np.ndarray, np.ndarray]:
    """A model of two markets and a coin, four accounts, marks, coin price and first rates of the tables."""
    made = []
    for number in range(2):
        table = draw(tables())
        initial = TierTable(tuple(Tier(tier.floor_units, tier.rate_ppm + 1) for tier in table.tiers))
        ticks, multiplier = draw(st.integers(100, 10_000)), draw(st.integers(1, 50))
        made.append(Market(f"M{number}", 0, 0, ticks, multiplier, 1, table, initial))
    coin = Coin("COIN", 0, draw(st.integers(100, 10_000)), draw(st.integers(1, 50)), draw(st.integers(0, PPM - 1)))
    lots = np.array([[draw(st.integers(-2_000, 2_000)) for _ in range(4)] for _ in range(2)], dtype=np.int64)
    cash = np.array([draw(st.integers(-UNITS, UNITS)) for _ in range(4)], dtype=np.int64)
    coins = np.array([draw(st.integers(0, 2_000)) for _ in range(4)], dtype=np.int64)
    nothing = np.zeros(4, dtype=np.int64)
    books = Books(nothing, lots, cash, nothing, coins, np.zeros((0, 4), dtype=np.int64), nothing, nothing)
    marks = np.array([[draw(st.integers(1, 8 * market.mark_ticks)) for market in made]])
    rates = np.array([[draw(st.integers(1, PPM)) for _ in made]])
    return Model(tuple(made), coins=(coin,)), books, marks, np.array([[draw(st.integers(1, 80_000))]]), rates


def loaded(model, books, marks, coin_ticks, rates):
    found = state.start(model, books, 1)
    found.marks, found.coin_ticks = marks, coin_ticks
    found.maintenance = state.tables(model, "maintenance").scaled(rates)
    found.initial = state.tables(model, "initial").scaled(rates)
    return found


def published(model, found, rates):
    """The snapshot that says what the arrays say: its tables are those that the venue's own rule publishes."""
    sides = [
        {m.name: scaled(getattr(m, kind), int(rates[0, i])) for i, m in enumerate(model.markets)}
        for kind in ("maintenance", "initial")
    ]
    listings = [Listing(Linear(m.name, m.multiplier), int(found.marks[0, i])) for i, m in enumerate(model.markets)]
    coin = model.coins[0]
    listings.append(
        Listing(Collateral("COIN", coin.multiplier), int(found.coin_ticks[0, 0]), haircut_ppm=coin.haircut_ppm)
    )
    listings.append(Listing(Cash("USD")))
    ordered = tuple(sorted(listings, key=lambda item: item.id))
    return ordered, sides


@given(positions(), st.sampled_from(["maintenance", "initial", 3_000, 200_000]))
def test_the_slack_of_a_simulated_account_is_that_of_the_cross_model_to_the_last_integer(case, kind):
    model, books, marks, coin_ticks, rates = case
    found = loaded(model, books, marks, coin_ticks, rates)
    listings, sides = published(model, found, rates)
    columns = np.arange(4)
    if isinstance(kind, int):
        claim = Claim("box", "cross", width_ppm=kind)
        slacks = state.box_slack(found, 0, 0 * columns, columns, kind)
    else:
        claim = Claim(kind, "cross")
        slacks = state.slack(found, 0, 0 * columns, columns, kind)
    # Whichever tables are asked about stand on both sides: the arrays of the two kinds are compared one by one.
    table = sides[1] if kind == "initial" else sides[0]
    market = Snapshot("law", 1, 0, listings, cross=CrossParameters(1, table, table))
    for who in range(4):
        book = Book(
            {
                "USD": int(books.cash[who]),
                "COIN": int(books.coins[who]),
                "M0": int(books.lots[0, who]),
                "M1": int(books.lots[1, who]),
            }
        )
        expected = cross.assess(market, claim, book)
        unit = cross.scale(claim)
        pieces = cross.charges(market, claim, list(book.quantities))
        exact = unit * book.quantities["USD"] - sum(
            max(piece.at(book.quantities[name]) for piece in some) for name, some in pieces.items()
        )
        assert int(slacks[who]) == exact
        assert (slacks[who] >= 0) == expected.holds


@given(
    st.integers(20 * 1_000 + 1, 249 * 1_000),
    st.integers(0, 2),
    st.integers(-300, 300),
    st.integers(-300, 0),
    st.integers(-300, 0),
    st.integers(-30_000_000, 30_000_000),
    st.sampled_from(["maintenance", "initial"]),
)
def test_the_slack_of_a_writer_is_that_of_the_scenario_model(mark, level, linear, puts, calls, cash, kind):
    contracts = (Contract(0, "put", 900_000), Contract(0, "call", 1_100_000))
    plain = TierTable.flat(5_000)
    model = Model((Market("MARKET", 0, 0, 100_000, 1, 1, plain, plain),), contracts=contracts)
    one = np.zeros(1, dtype=np.int64)
    sold = np.array([[puts], [calls if puts else min(calls, -1)]])
    books = Books(one, np.array([[linear]]), np.array([cash]), one - 1, one, sold, one, one)
    found = state.start(model, books, 1)
    found.marks = np.array([[mark]])
    deviation = state.first_deviation(model)[0] * options.LEVELS_PPM[level] / PPM
    found.variance = np.array([[deviation**2 * (1 + 1e-9)]])
    rows = np.zeros(1, dtype=np.int64)
    slack = int(state.slack(found, 0, rows, rows, kind)[0])

    node = mark * 100 // 100_000
    listings, volatilities = options.published(contracts, 100_000, 1, node, level)
    from zkmargin.market import pricing

    losses = pricing.losses(listings, volatilities, options.NOW, options.SCENARIOS)
    real = Listing(Linear("MARKET", 1), mark)
    losses["MARKET"] = pricing.losses([real], {}, options.NOW, options.SCENARIOS)["MARKET"]
    minimums = pricing.short_minimums(listings, options.MINIMUM_PPM)
    arrays = ScenarioParameters(1, options.SCENARIOS, losses, minimums, options.INITIAL_PPM)
    ordered = tuple(sorted([*listings[:-1], real, Listing(Cash("USD"))], key=lambda item: item.id))
    snapshot = Snapshot("law", 1, 0, ordered, scenario=arrays)
    quantities = {"USD": cash, "MARKET": linear, "OPTION-0": int(sold[0, 0]), "OPTION-1": int(sold[1, 0])}
    claim = Claim(kind, "scenario")
    rows_of = scenario.rows(snapshot, claim, list(quantities))
    unit = scenario.scale(snapshot, claim)
    assert slack * unit == PPM * min(row.at(list(quantities.values())) for row in rows_of)


@st.composite
def worlds(draw: st.DrawFn) -> Model:
    """A small world with everything in it that moves money."""
    base = three_assets(60)
    return replace(
        base,
        steps=12,
        markets=tuple(replace(market, depth_units=draw(st.integers(10**11, 10**13))) for market in base.markets),
        shocks=replace(base.shocks, path=((-draw(st.floats(0.0, 0.2)),) * 3,), volatility=0.002),
        impact=Impact(law=draw(st.sampled_from(["linear", "square_root"])), transient=draw(st.floats(0, 1)), decay=0.1),
        crowd=replace(base.crowd, open_interest_units=10**11, writer_share_ppm=200_000),
        controls=Controls(
            throttle_ppm=draw(st.sampled_from([None, 1_000, 100_000])),
            breaker=draw(st.sampled_from([None, BreakerRules(pause_seconds=120)])),
            dynamic=draw(
                st.sampled_from(
                    [
                        None,
                        Dynamic(every_steps=2),
                        Dynamic(RateRules(tool="buffer", speed_limit_ppm=300_000, notice_seconds=100), 2),
                    ]
                )
            ),
        ),
        behaviour=Behaviour(herding=0.1, panic=2.0, stop_share_ppm=300_000, top_up_share_ppm=300_000, reserve_ppm=PPM),
        proving=draw(st.sampled_from([Proving(), Proving(20, 1, 2)])),
        faults=Faults(depeg=Window(3, 6), peg_ppm=700_000),
        fund_units=draw(st.sampled_from([0, 10**6, 10**9])),
    )


@given(worlds(), st.integers(0, 5))
def test_lots_coins_and_money_are_conserved_at_every_step(model, seed):
    books = population.draw(model, seed)
    first = {}

    def watch(now):
        found = state.totals(now)
        if not first:
            first.update({name: amounts[0].copy() for name, amounts in found.items()})
            assert (found["lots"] == 0).all()
        for name, amounts in found.items():
            assert (amounts == first[name]).all(), (name, now.step)
        assert (now.funds >= 0).all()
        assert (now.coins >= 0).all()

    outcome = engine.run(model, books, seed, range(2), watch)
    paid = outcome.counter("fund_used") + outcome.counter("haircut") + outcome.unfunded
    assert (paid == outcome.counter("bad_debt")).all()


@given(st.lists(st.integers(0, 2**41), max_size=30), st.integers(0, 2**46))
def test_a_haircut_is_shared_as_the_waterfall_shares_it(gains, loss):
    total = min(loss, sum(gains))
    expected = waterfall.pro_rata(total, {f"{place:02}": gain for place, gain in enumerate(gains)})
    assert settlement.shares(np.array(gains, dtype=np.int64), total).tolist() == list(expected.values())


@pytest.mark.long
@given(worlds(), st.integers(0, 10**6))
def test_a_path_is_the_same_in_any_block(model, seed):
    books = population.draw(model, seed)
    together = engine.run(model, books, seed, range(5))
    alone = engine.run(model, books, seed, range(3, 4))
    assert np.array_equal(together.fall[3], alone.fall[0])
    assert np.array_equal(together.counts[3], alone.counts[0])
