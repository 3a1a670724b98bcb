"""Orders, rates that rise with size, inverse contracts: against their rules, and the constraints at the boundary."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.circuits.boundary import check_boundary, least_cash, market_of, perpetual
from zkmargin.amounts import PPM, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.expressions import value
from zkmargin.margin.families import perpetual as family
from zkmargin.margin.portfolio import Book
from zkmargin.market.forms import Marks
from zkmargin.market.instruments import Inverse, Order
from zkmargin.market.models import Model
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

CLAIM = Claim("maintenance", "house")
TABLE = TierTable((Tier(0, 10_000), Tier(10**6, 25_000)))
LOTS = st.integers(-(10**6), 10**6)


def house(part):
    return Model("house", 1, part, part)


# ---- Resting orders --------------------------------------------------------------------------------------------------

ORDERS = family.with_orders("PERP", "PERP/buy", "PERP/sell", TABLE)


def order_market(mark=7):
    orders = [Listing(Order(name, 1, "PERP"), mark) for name in ("PERP/buy", "PERP/sell")]
    return market_of(house(ORDERS), perpetual("PERP", mark), *orders)


@given(LOTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_orders_count_as_the_riskier_of_all_fills_and_none(lots, buys, sells):
    exposure = max(abs(lots + buys), abs(lots - sells))
    held = {"PERP": lots, "PERP/buy": buys, "PERP/sell": sells}
    marks = Marks(dict.fromkeys(held, 7), {})
    assert Fraction(value(ORDERS, marks, held), ORDERS.scale) == Fraction(TABLE.margin_scaled(7 * exposure), PPM)


@given(LOTS, LOTS, LOTS)
def test_no_count_of_orders_lowers_the_charge_below_the_position_s_own(lots, buys, sells):
    marks = Marks({"PERP": 7, "PERP/buy": 7, "PERP/sell": 7}, {})
    charged = value(ORDERS, marks, {"PERP": lots, "PERP/buy": buys, "PERP/sell": sells})
    assert charged >= value(ORDERS, marks, {"PERP": lots, "PERP/buy": 0, "PERP/sell": 0})


@given(LOTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_book_with_orders_is_proved_at_the_boundary_to_the_unit(lots, buys, sells):
    check_boundary(order_market(), CLAIM, {"PERP": lots, "PERP/buy": buys, "PERP/sell": sells})


def test_an_order_is_worth_nothing_and_follows_its_contract():
    market = order_market()
    assert market.listing("PERP/buy").value_units == market.listing("PERP/buy").owed_units == 0
    moved = market.next(1, {"PERP": 9})
    assert {item.mark_ticks for item in moved.listings if item.id != "USD"} == {9}
    assert Snapshot.from_bytes(moved.canonical_bytes()) == moved


@pytest.mark.parametrize(
    "order, mark, said",
    [
        (Order("PERP/buy", 1, "GONE"), 7, "underlying must be a listed linear instrument, got GONE"),
        (Order("PERP/buy", 2, "PERP"), 7, "must have the multiplier and the mark of PERP"),
        (Order("PERP/buy", 1, "PERP"), 8, "must have the multiplier and the mark of PERP"),
        (Order("PERP/buy", 1, "USD"), 7, "underlying must be a listed linear instrument, got USD"),
    ],
)
def test_an_order_for_nothing_or_at_another_mark_is_refused(order, mark, said):
    with pytest.raises(StatementError, match=said):
        market_of(house(family.tiers("PERP", TABLE)), perpetual("PERP", 7), Listing(order, mark))


# ---- Rates that rise with size ---------------------------------------------------------------------------------------


@given(st.integers(0, 100), st.integers(1, 1_000), st.integers(1, 20), st.integers(0, 10**8))
def test_a_secant_is_above_the_parabola_and_by_no_more_than_it_says(base, slope, steps, notional):
    unit, step = 10**6, 5 * 10**6
    assume(notional <= steps * step)
    table = family.by_size(base, slope, unit, step, steps * step)
    exact = Fraction(notional * base, PPM) + Fraction(notional**2 * slope, unit * PPM)
    over = Fraction(table.margin_scaled(notional), PPM) - exact
    rounding = Fraction(notional, PPM)  # a ppm a step at most, for each slope
    assert 0 <= over <= Fraction(slope * step**2, 4 * unit * PPM) + rounding


def test_the_published_examples_of_a_rate_by_size():
    initial = family.by_size(20_000, 50, 10**6, 25 * 10**6, 500 * 10**6)
    assert initial.margin_scaled(25 * 10**6) == 531_250 * PPM, "25 coins at 2.125 %"
    assert initial.margin_scaled(350 * 10**6) == 13_125_000 * PPM, "350 coins at 3.75 %"


@pytest.mark.parametrize(
    "step, most, said",
    [(0, 10, "step_units must be between 1"), (3, 10, "must divide 10, got 3"), (1, 10**6, "number of steps")],
)
def test_steps_that_do_not_fit_are_refused(step, most, said):
    with pytest.raises(StatementError, match=said):
        family.by_size(0, 1, 1, step, most)


# ---- Inverse contracts -----------------------------------------------------------------------------------------------

FACE = 10**9


def inverse_market(mark, funding=0, table=TABLE):
    listing = Listing(Inverse("BTC-USD", FACE), mark, funding_units=funding)
    return market_of(house(family.tiers("BTC-USD", table)), listing)


@given(LOTS, st.integers(1_000, 10**6), st.integers(-1_000, 1_000))
def test_an_inverse_contract_is_worth_the_coin_it_stands_for_and_charged_on_it(lots, mark, funding):
    market = inverse_market(mark, funding)
    coin = ceil_div(FACE, mark)
    found = rules.assess(market, CLAIM, Book({"BTC-USD": lots, "USD": 0}))
    assert found.equity_units == -lots * (coin + funding)
    assert Fraction(found.requirement_units) == ceil_div(TABLE.margin_scaled(abs(lots) * coin), PPM)


@given(LOTS, st.integers(1_000, 10**6), st.sampled_from([0, 1, 50_000, 400_000]))
def test_an_inverse_contract_is_proved_at_the_boundary_in_a_box_too(lots, mark, width):
    claim = Claim("box", "house", width_ppm=width) if width else CLAIM
    check_boundary(inverse_market(mark), claim, {"BTC-USD": lots})


@given(LOTS, st.integers(2_000, 10**5), st.integers(1, 400_000), st.integers(0, 1_000))
def test_a_box_covers_every_price_inside_it(lots, mark, width, place):
    cash = least_cash(inverse_market(mark), Claim("box", "house", width_ppm=width), {"BTC-USD": lots})
    low, high = mark - mark * width // PPM, mark + mark * width // PPM
    moved = inverse_market(low + (high - low) * place // 1_000)
    assert rules.assess(moved, CLAIM, Book({"BTC-USD": lots, "USD": cash})).holds


def test_both_sides_of_a_fill_are_exact_opposites_and_a_gain_is_in_coin():
    # Deribit's example: 0.314538364 coins long, a fall of 16 %: a loss of 0.0599120693 coins, in units of 10^-12.
    face, price = 10**16, 92_000
    listing = Listing(Inverse("BTC-USD", face), price)
    lots = round(0.314538364 * 10**12 / listing.notional_units)
    gain = lots * (listing.value_at(price * 84 // 100) - listing.value_units)
    assert gain == pytest.approx(-0.0599120693 * 10**12 * lots * listing.notional_units / 314538364000, rel=1e-9)
    assert lots * listing.value_units + -lots * listing.value_units == 0


@pytest.mark.parametrize("model", ["cross", "scenario"])
def test_models_that_know_no_inverse_contracts_and_no_orders_refuse_to_hold_them(model):
    from zkmargin.market import sample

    market = sample.snapshot()
    order = Order("BTC-PERP/buy", market.listing("BTC-PERP").instrument.multiplier, "BTC-PERP")
    added = [Listing(Inverse("INV", FACE), 50_000), Listing(order, market.listing("BTC-PERP").mark_ticks)]
    market = market.next(market.valid_from, {}, added=added)
    for name in ("INV", "BTC-PERP/buy"):
        with pytest.raises(StatementError, match=f"a {model} book cannot hold {name}"):
            rules.assess(market, Claim("maintenance", model), Book({"USD": 10**9, name: 1}))


@pytest.mark.parametrize(
    "build, said",
    [
        (lambda: Inverse("I", 0), "I.face must be between 1"),
        (lambda: Inverse("I", 2**64 + 1), "I.face must be between 1"),
        (lambda: Listing(Inverse("I", 1), 0), "I.mark_ticks must be between 1"),
        (lambda: Listing(Inverse("I", 1), 1, funding_ticks=1), "I.funding_ticks must be between 0 and 0"),
        (lambda: Listing(Inverse("I", 1, expiry=5), 1, funding_units=1), "I.funding_units must be between 0 and 0"),
        (lambda: Order("O", 0, "P"), "O.multiplier must be between 1"),
    ],
)
def test_bounds_of_the_new_kinds(build, said):
    with pytest.raises(StatementError, match=said):
        build()


def test_an_inverse_market_is_read_back_and_its_funding_follows():
    market = inverse_market(50_000, funding=-7)
    assert Snapshot.from_bytes(market.canonical_bytes()) == market
    later = market.next(5, {"BTC-USD": 51_000}, funding={"BTC-USD": 12})
    assert (later.listing("BTC-USD").mark_ticks, later.listing("BTC-USD").funding_units) == (51_000, 12)
