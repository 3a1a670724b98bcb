"""What collateral counts for, against formulas written down a second time, and the constraints at the boundary."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.circuits.boundary import check_boundary, least_cash, market_of, perpetual
from zkmargin.amounts import PPM, Ratio
from zkmargin.errors import StatementError
from zkmargin.margin.claim import Claim
from zkmargin.margin.expressions import value
from zkmargin.margin.families import collateral
from zkmargin.market.expressions import NOTHING, total
from zkmargin.market.forms import Affine, Marks
from zkmargin.market.instruments import Cash, Collateral
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Listing

CLAIM = Claim("maintenance", "house", Ratio(3, 2))
LOTS = st.integers(-(10**6), 10**6)
ROWS = [(0, 0), (10**6, 50_000), (5 * 10**6, 300_000)]


def coin(name, mark=100, haircut=50_000):
    return Listing(Collateral(name, 1), mark, haircut_ppm=haircut)


def house(*deductions, required=NOTHING):
    return Model("house", 1, required, required, deductions=total(*deductions))


@given(LOTS, st.integers(1, 1_000))
def test_a_tiered_haircut_takes_its_share_of_every_slice_and_nothing_of_a_debt(lots, mark):
    part = collateral.tiered_haircut("COIN", ROWS, haircut_ppm=50_000)
    held = max(0, lots) * mark
    slices = [(10**6, 5 * 10**6, 50_000), (5 * 10**6, held, 300_000)]
    expected = sum(Fraction(max(0, min(held, high) - low) * rate, PPM) for low, high, rate in slices)
    assert Fraction(value(part, Marks({"COIN": mark}, {}), {"COIN": lots}), part.scale) == expected


@given(st.integers(-(10**9), 10**9), LOTS, st.integers(0, PPM), st.integers(0, 10**9))
def test_of_gains_a_share_counts_up_to_the_cap_and_losses_count_in_full(basis, lots, credit, cap):
    part = collateral.capped_gains("btc", {"PERP": 70}, ["BASIS"], credit, cap)
    profit = 70 * lots + basis
    counted = min(Fraction(profit * credit, PPM), cap) if profit > 0 else profit
    marks = Marks({"PERP": 0, "BASIS": 1}, {})
    assert profit - Fraction(value(part, marks, {"PERP": lots, "BASIS": basis}), part.scale) == counted


@given(st.integers(0, 2 * PPM), st.integers(0, 10), st.integers(0, PPM))
def test_off_the_peg_the_haircut_grows_until_nothing_is_left(price, multiple, haircut):
    part = collateral.off_peg("PEGGED", price, multiple=multiple, haircut_ppm=haircut)
    charged = Fraction(value(part, Marks({"PEGGED": PPM}, {}), {"PEGGED": 1}), part.scale)
    assert charged == min(PPM - haircut, multiple * max(0, 990_000 - price))


@given(LOTS, LOTS, LOTS, st.integers(-(10**8), 10**8))
def test_all_of_it_together_is_proved_at_the_boundary_to_the_unit(one, other, lots, basis):
    model = house(
        collateral.tiered_haircut("COIN", ROWS, 50_000),
        collateral.off_peg("PEGGED", 985_000, haircut_ppm=20_000),
        collateral.capped_gains("btc", {"PERP": 70}, ["BASIS"], 500_000, 10**6),
        required=total(collateral.debts({"COIN": 100_000, "PEGGED": 20_000}), Affine({"PERP": 0})),
    )
    listings = (coin("COIN"), coin("PEGGED", 1, 20_000), perpetual("PERP", 70), Listing(Cash("BASIS")))
    lots_held = {"COIN": one, "PEGGED": other, "PERP": lots, "BASIS": basis}
    check_boundary(market_of(model, *listings), CLAIM, lots_held)


def test_a_deduction_does_not_grow_with_the_threshold():
    market = market_of(house(collateral.tiered_haircut("COIN", ROWS, 50_000)), coin("COIN"))
    needed = {least_cash(market, Claim("maintenance", "house", Ratio(n, 1)), {"COIN": 10**5}) for n in (1, 5)}
    assert needed == {-(10**7) * 95 // 100 + 4 * 10**6 * 5 // 100 + 5 * 10**6 * 30 // 100}


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_spreading_collateral_over_accounts_lowers_a_tiered_haircut_and_never_raises_it(one, other):
    part = collateral.tiered_haircut("COIN", ROWS, 50_000)
    marks = Marks({"COIN": 100}, {})
    apart = value(part, marks, {"COIN": one}) + value(part, marks, {"COIN": other})
    assert apart <= value(part, marks, {"COIN": one + other})


@pytest.mark.parametrize(
    "build, said",
    [
        (lambda: collateral.tiered_haircut("C", [(0, 300_000), (10, 100_000)]), "rate_ppm must be above 300000"),
        (lambda: collateral.tiered_haircut("C", [(0, 600_000)], 500_000), "further haircut of C must be between 0"),
        (lambda: collateral.capped_gains("g", {"P": 1}, ["P"], 0, 0), "cannot be its cost basis"),
        (lambda: collateral.capped_gains("g", {"P": 1}, ["B"], PPM + 1, 0), "credit_ppm must be between 0"),
        (lambda: collateral.capped_gains("g", {"P": 1}, ["B"], 0, -1), "cap_units must be between 0"),
        (lambda: collateral.debts({"C": PPM + 1}), "rate_ppm of a debt in C must be between 0"),
        (lambda: collateral.off_peg("C", -1), "price_ppm must be between 0"),
        (lambda: collateral.haircut_from_factor(PPM + 1), "factor_ppm must be between 0"),
    ],
)
def test_what_would_reward_size_or_count_twice_is_refused(build, said):
    with pytest.raises(StatementError, match=said):
        build()
