"""Strategy margin against the rulebook, stated again as the cash that an account must hold beside its options."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import claims
from circuits.systems import assign
from tests.laws.test_composed_models import compiled, is_proved, least_cash
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.margin import expressions as plain
from zkmargin.margin import pairing, rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families.strategies import INITIAL, MAINTENANCE, Rates, regulation_t, strategies
from zkmargin.margin.portfolio import Book
from zkmargin.market import chains, sample
from zkmargin.market.expressions import Pairing, Strategy
from zkmargin.market.forms import Marks, Sides
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.snapshot import Listing, Snapshot

CLAIM = Claim("maintenance", "house")
FIFTH, TENTH, QUARTER, THIRD = Fraction(1, 5), Fraction(1, 10), Fraction(1, 4), Fraction(3, 10)


@st.composite
def markets(draw, most=4):
    """Options on one underlying, of one or two expiries, and a coin or a future that covers them."""
    price = draw(st.integers(60, 140))
    listings = {"FUTURE": Listing(Linear("FUTURE", 1, 99), price), "CASH": Listing(Cash("CASH"))}
    if draw(st.booleans()):
        listings["COIN"] = Listing(Collateral("COIN", 1), price, haircut_ppm=draw(st.sampled_from([0, 50_000])))
    for _ in range(draw(st.integers(1, most))):
        right, strike, expiry = draw(st.sampled_from(["call", "put"])), draw(st.integers(7, 13)) * 10, draw(WEEKS)
        name = f"{right[0].upper()}-{strike}-{expiry}"
        inside = max(0, price - strike if right == "call" else strike - price)
        listings[name] = Listing(Option(name, 1, "FUTURE", right, strike, expiry), inside + draw(st.integers(0, 30)))
    return Snapshot("v", 1, 0, tuple(sorted(listings.values(), key=lambda item: item.id)))


WEEKS = st.sampled_from([7, 14])
EXACT = ("covered-call", "protective-call", "protective-put", "straddle")


def ids(market):
    return [item.id for item in market.listings if item.id != "CASH"]


def marks(market):
    return Marks({item.id: item.notional_units for item in market.listings}, {})


def housed(market, rates=MAINTENANCE):
    model = regulation_t("house", 1, market, {"demo": ids(market)}, rates)
    return Snapshot("v", 1, 0, market.listings, models=(model,))


def held(market, legs, kind):
    return [
        (market.listing(name), lots) for name, lots in legs.items() if isinstance(market.listing(name).instrument, kind)
    ]


def outside(option, price):
    gap = option.strike_ticks - price
    return max(0, gap if option.right == "call" else -gap)


def naked_cash(item, price):
    """Premium and 20 % of the underlying less what is out of the money, at least premium and 10 %."""
    option = item.instrument
    least = TENTH * (price if option.right == "call" else option.strike_ticks)
    return item.notional_units + max(FIFTH * price - outside(option, price), least)


def width(bought, sold):
    """What a spread of one right can lose at expiry beside its premium."""
    gap = bought.instrument.strike_ticks - sold.instrument.strike_ticks
    return 0 if bought.instrument.right != sold.instrument.right else gap if sold.instrument.right == "call" else -gap


def rulebook_cash(market, legs):
    """The cash that the rulebook wants beside the legs of one strategy; less than 0 where the underlying lends some."""
    price = market.listing("FUTURE").mark_ticks
    stock = sum(lots for _, lots in held(market, legs, Linear | Collateral))
    long = [item for item, lots in held(market, legs, Option) if lots > 0]
    short = [item for item, lots in held(market, legs, Option) if lots < 0]
    strikes = [item.instrument.strike_ticks for item in (*long, *short)]
    if not stock and not long and len(short) == 2:
        larger, other = sorted(short, key=lambda item: naked_cash(item, price), reverse=True)
        return naked_cash(larger, price) + other.notional_units
    if not stock:
        return max(0, *(width(bought, sold) for bought, sold in product(long, short)))
    if stock > 0:
        carried = min([price, *(item.instrument.strike_ticks for item in short)])
        if len(strikes) == 2 and strikes[0] == strikes[1]:
            return -(carried - TENTH * strikes[0])
        kept = [QUARTER * (short[0].instrument.strike_ticks if long else carried)] if short else [QUARTER * price]
        kept += [TENTH * item.instrument.strike_ticks + outside(item.instrument, price) for item in long]
        return -(carried - min(kept))
    if len(strikes) == 2:
        return price + TENTH * strikes[0] + max(0, short[0].instrument.strike_ticks - price)
    carried = max([price, *(item.instrument.strike_ticks for item in short)])
    kept = [THIRD * carried, *(TENTH * item.instrument.strike_ticks + outside(item.instrument, price) for item in long)]
    return carried + min(kept)


def rulebook(market, legs):
    """The charge on equity at the marks that leaves exactly that cash."""
    worth = sum(market.listing(name).worth_units(lots) for name, lots in legs.items())
    return max(0, -(-(worth + rulebook_cash(market, legs)) // 1))


@given(markets())
def test_a_strategy_is_charged_what_the_rulebook_says_and_at_most_its_premium_more(market):
    of = strategies("demo", market, ids(market)).of
    for strategy in of.strategies if isinstance(of, Pairing) else ():
        exact = rulebook(market, strategy.legs)
        premium = sum(item.notional_units for item, lots in held(market, strategy.legs, Option) if lots < 0)
        assert exact <= strategy.charge_units <= exact + premium, (strategy, exact)
        if strategy.name.startswith(EXACT):
            assert strategy.charge_units == exact, strategy


@given(markets())
def test_a_naked_leg_is_charged_what_the_rulebook_says(market):
    price = market.listing("FUTURE").mark_ticks
    of = strategies("demo", market, ids(market)).of
    for item in market.listings:
        if isinstance(item.instrument, Option):
            naked = naked_cash(item, price) - item.notional_units
            assert (of.long[item.id], of.short[item.id]) == (item.notional_units, -(-naked // 1))
        elif item.id != "CASH":
            own = max(0, -(-(QUARTER * price - (price - item.value_units)) // 1))
            assert (of.long[item.id], of.short[item.id]) == (own, -(-THIRD * price // 1))


@given(markets(most=3), st.data())
def test_no_cut_makes_a_naked_short_option_cheaper_not_even_one_with_borrowed_legs(market, data):
    of = strategies("demo", market, ids(market)).of
    short = data.draw(
        st.sampled_from(sorted(item.id for item in market.listings if isinstance(item.instrument, Option)))
    )
    for counts in product(range(2), repeat=len(of.strategies)) if isinstance(of, Pairing) else ():
        if sum(counts) <= 2:
            assert pairing.charge(of, marks(market), {short: -1}, counts) >= of.short[short]


def priced(*quotes):
    """A market at 100 with options of one expiry, given as (right, strike, mark)."""
    options = [
        Listing(Option(f"{right[0].upper()}-{strike}", 1, "FUTURE", right, strike, 7), mark)
        for right, strike, mark in quotes
    ]
    listings = [*options, Listing(Cash("CASH")), Listing(Linear("FUTURE", 1, 99), 100)]
    return Snapshot("v", 1, 0, tuple(sorted(listings, key=lambda item: item.id)))


def test_a_credit_spread_counts_no_more_premium_than_leaves_the_naked_leg_its_price():
    """A broker would charge 5 + 5 - 12, nothing; then a naked call at 100 would cost 15 instead of 20, by borrowing."""
    market = priced(("call", 100, 12), ("call", 105, 5))
    of = strategies("demo", market, ["C-100", "C-105"]).of
    assert of.short == {"C-100": 20, "C-105": 15}
    spread = next(item for item in of.strategies if item.legs == {"C-100": -1, "C-105": 1})
    assert spread.charge_units == 20 - 15
    assert plain.value(of, marks(market), {"C-100": -1}) == 20


def test_a_condor_is_charged_its_wider_spread_and_not_both():
    market = priced(("put", 90, 1), ("put", 95, 2), ("call", 105, 2), ("call", 112, 1))
    of = strategies("demo", market, [item.id for item in market.listings if item.id[1] == "-"]).of
    lots = {"P-90": 1, "P-95": -1, "C-105": -1, "C-112": 1}
    condor = next(item for item in of.strategies if dict(item.legs) == lots)
    assert rulebook(market, lots) == 7 + 1 + 1 - 2 - 2
    assert condor.charge_units == plain.value(of, marks(market), lots) == 15 + 1 - 10, "a strangle, its put, a call"


def test_borrowed_legs_may_join_what_no_strategy_joins_and_then_cost_less():
    """As the page says: underlying, a call sold for one week, a put bought for the next; no strategy has all three.

    A call at 95 is borrowed: with the put it makes a conversion, 10, and against the call sold a calendar, 5. Of its
    own legs, the book makes a covered call, 23, and a put, 2. It can lose 5 at most.
    """
    quotes = (("P-95-14", "put", 95, 14, 2), ("C-95-14", "call", 95, 14, 7), ("C-105-7", "call", 105, 7, 2))
    options = [Listing(Option(name, 1, "FUTURE", right, *terms), mark) for name, right, *terms, mark in quotes]
    listings = [*options, Listing(Cash("CASH")), Listing(Linear("FUTURE", 1, 99), 100)]
    market = Snapshot("v", 1, 0, tuple(sorted(listings, key=lambda item: item.id)))
    lots = {"FUTURE": 1, "C-105-7": -1, "P-95-14": 1}
    of = strategies("demo", market, ids(market)).of
    assert plain.value(of, marks(market), lots) == 10 + 5
    own = strategies("demo", market, lots).of
    assert plain.value(own, marks(market), lots) == 23 + 2, "without the call at 95 in the class"


@given(markets(), st.data())
def test_however_a_book_is_cut_its_charge_covers_a_move_of_a_fifth(market, data):
    """The law behind borrowed legs: pieces that each survive the move survive it together."""
    of = strategies("demo", market, ids(market)).of
    lots = {name: data.draw(st.integers(-3, 3)) for name in ids(market)}
    price = market.listing("FUTURE").mark_ticks
    charge = plain.value(of, marks(market), lots)
    for moved in (
        price * 8 // 10 + 1,
        price,
        price * 12 // 10,
        data.draw(st.integers(price * 8 // 10 + 1, price * 12 // 10)),
    ):
        loss = 0
        for name, count in lots.items():
            item = market.listing(name)
            option = item.instrument if isinstance(item.instrument, Option) else None
            gap = moved - option.strike_ticks if option else moved
            later = gap if not option else max(0, gap if option.right == "call" else -gap)
            loss += item.worth_units(count) - count * later
        assert charge >= loss, (lots, moved)


@given(markets(most=3), st.data())
def test_a_book_is_proved_exactly_down_to_its_least_cash(market, data):
    market = housed(market)
    lots = {name: data.draw(st.integers(-2, 2)) for name in ids(market)}
    circuit, system = compiled(market, CLAIM, lots | {"CASH": 0})
    least = least_cash(market, CLAIM, lots)
    assert is_proved(circuit, system, lots | {"CASH": least})
    assert not is_proved(circuit, system, lots | {"CASH": least - 1})


# ---- attacks ---------------------------------------------------------------------------------------------------------


def covered_market():
    call = Listing(Option("CALL", 1, "FUTURE", "call", 110, 7), 3)
    return housed(Snapshot("v", 1, 0, (call, Listing(Cash("CASH")), Listing(Linear("FUTURE", 1, 99), 100))))


@pytest.mark.parametrize(
    "lots, least",
    [
        ({"CALL": -1, "FUTURE": 0}, 13),  # the underlying is not there
        ({"CALL": -2, "FUTURE": 1}, -100 + 6 + 22 + 10),  # it is there once
        ({"CALL": 0, "FUTURE": 1}, -100 + 25),  # the call is not there
    ],
)
def test_a_cut_with_a_strategy_twice_or_legs_that_the_book_lacks_proves_nothing_more(monkeypatch, lots, least):
    market = covered_market()
    circuit, system = compiled(market, CLAIM, lots | {"CASH": 0})
    assert least_cash(market, CLAIM, lots) == least
    count = len(market.models[0].maintenance.children[0].of.strategies)
    for lie in product(range(4), repeat=count):
        monkeypatch.setattr(pairing, "cut", lambda of, marks, lots, lie=lie: lie)
        with pytest.raises(WitnessError):
            assign(circuit, system, [Opening(lots | {"CASH": least - 1}, 1)])


@pytest.mark.parametrize("lie", [-1, 2**65])
def test_a_count_below_zero_or_beyond_the_bound_is_no_cut(monkeypatch, lie):
    market, lots = covered_market(), {"CALL": -1, "FUTURE": 1, "CASH": 10**9}
    circuit, system = compiled(market, CLAIM, lots)
    count = len(market.models[0].maintenance.children[0].of.strategies)
    monkeypatch.setattr(pairing, "cut", lambda of, marks, lots: (lie,) * count)
    with pytest.raises(WitnessError):
        assign(circuit, system, [Opening(lots, 1)])


def test_a_strategy_that_pays_is_refused_and_none_is_ever_generated():
    with pytest.raises(StatementError, match="charge_units of gift must be between 0 and"):
        Strategy("gift", {"CALL": -1}, -1)
    dear = Listing(Option("CALL", 1, "FUTURE", "call", 100, 7), 90)  # its premium alone is worth more than the charge
    market = Snapshot("v", 1, 0, (dear, Listing(Cash("CASH")), Listing(Linear("FUTURE", 1, 99), 100)))
    found = strategies("demo", market, ids(market)).of.strategies
    assert min(strategy.charge_units for strategy in found) >= 0


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_what_makes_no_class_is_refused_with_the_reason():
    market = sample.snapshot()
    options = [item.id for item in market.listings if isinstance(item.instrument, Option)]
    with pytest.raises(StatementError, match="must consist of options, linear instruments and collateral"):
        strategies("btc", market, ["USD", *options])
    with pytest.raises(StatementError, match="BTC must stand in one class"):
        regulation_t("house", 1, market, {"one": ["BTC"], "two": ["BTC", *options]})
    with pytest.raises(StatementError, match="long_ppm must be between 0"):
        Rates(long_ppm=-1)
    other = Listing(Option("TWICE", 2_000, "BTC-PERP", "call", 9_000_000, sample.MARCH), 1)
    mixed = Snapshot("v", 1, 0, tuple(sorted([*market.listings, other], key=lambda item: item.id)))
    with pytest.raises(StatementError, match="must have one multiplier"):
        strategies("btc", mixed, [*options, "TWICE"])


def test_more_strategies_than_a_pairing_may_have_are_refused_with_their_number(shared_data):
    market = chains.from_deribit(shared_data / "market" / "deribit_btc_options_20251205.csv", expiries=2, strikes=6)
    with pytest.raises(StatementError, match=r"list fewer options in it\) must be between 0 and 512, got \d+"):
        strategies("btc", market, [item.id for item in market.listings if item.id != "USD"])


def test_a_class_without_strategies_charges_its_legs():
    market = sample.snapshot()
    part = strategies("eth", market, ["ETH-PERP"])
    assert part.name == "strategies/eth"
    assert isinstance(part.of, Sides)


# ---- worked numbers --------------------------------------------------------------------------------------------------


def test_initial_rates_are_those_of_regulation_t():
    assert (INITIAL.long_ppm, INITIAL.short_ppm, INITIAL.option_ppm) == (500_000, 500_000, 200_000)
    market = covered_market()
    found = rules.assess(market, Claim("initial", "house"), Book({"FUTURE": 1, "CASH": 0}))
    assert found.requirement_units == 50
    assert dict(found.parts) == {"initial/demo": 50}


def test_legs_match_in_lots_of_different_size():
    """An option lot of 0.1 coin is covered by a thousand lots of 0.0001, and by a hundred of 0.001."""
    market = sample.snapshot()
    found = strategies("btc", market, ["BTC", "BTC-PERP", "BTC-27FEB26-100000-C"]).of.strategies
    covered = [dict(item.legs) for item in found if item.name.startswith("covered-call")]
    assert covered == [{"BTC": 1_000, "BTC-27FEB26-100000-C": -1}, {"BTC-27FEB26-100000-C": -1, "BTC-PERP": 100}]
    assert claims.circuit(
        Snapshot("v", 1, 0, market.listings, models=(regulation_t("house", 1, market, {"btc": ["BTC"]}),)),
        CLAIM,
        ("BTC", "USD"),
    )
