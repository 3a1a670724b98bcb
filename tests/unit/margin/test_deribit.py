"""Deribit's portfolio margin against the venue's own example, digit by digit, and against revaluation."""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import claims, registration
from zkmargin.amounts import PPM
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError, StatementError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import deribit
from zkmargin.margin.families.boxes import Box
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.market.expressions import Part, walk
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.revaluation import Market
from zkmargin.market.snapshot import Listing, Snapshot

BITCOIN = 10**15  # units; a lot of delta is 10^-9 BTC
LOT = 10**6
EXPIRY = 30 * 86_400  # 28JUN24 stands within 48 days, where the least roll shock applies
EXAMPLE = deribit.Parameters(
    1,
    settlement=deribit.COIN,
    dampener_units=100_000 * BITCOIN * 100 // 6_566_619,
    protection_units=60 * BITCOIN // 1_000,
    orders_units=18_212 * BITCOIN // 10**9,
    parts=10**6,
)
LISTINGS = (Listing(Linear("BTC-28JUN24", 1, EXPIRY), LOT), Listing(Linear("BTC-PERPETUAL", 1), LOT))
LOTS = {"BTC-28JUN24": -1_187_534, "BTC-PERPETUAL": 314_538_364}


@pytest.fixture(scope="module")
def market():
    model = deribit.model("deribit", EXAMPLE, Market(LISTINGS, {}, 0))
    return Snapshot("deribit", 1, 0, (*LISTINGS, Listing(Cash("COIN"))), models=(model,))


def printed(units, digits):
    """Return an amount of units as the venue prints it, in BTC."""
    return str((Decimal(units) / BITCOIN).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN))


def test_the_published_example_comes_out_as_printed(market):
    initial = rules.assess(market, Claim("initial", "deribit"), Book(LOTS))
    maintenance = rules.assess(market, Claim("maintenance", "deribit"), Book(LOTS))
    parts = dict(initial.parts)
    assert printed(parts["risk-matrix"] + parts["roll-shock"], 9) == "0.062843131"
    assert printed(parts["risk-matrix"], 11) == "0.05968587238"
    assert printed(parts["roll-shock"], 11) == "0.00315725898"
    assert printed(initial.requirement_units, 9) == "0.122861343"
    assert printed(maintenance.requirement_units, 9) == "0.050274505"


def test_the_far_moves_of_the_example_come_out_as_printed_before_they_are_pulled_to_zero():
    perpetual = Market(LISTINGS[1:], {}, 0)
    rows = {move.price_ppm: move for move in deribit.moves(EXAMPLE) if abs(move.price_ppm) > 160_000}
    worst, best = (
        -314_538_364 * move.weight * perpetual.loss("BTC-PERPETUAL", move.price_ppm)
        for move in (rows[-660_000], rows[500_000])
    )
    assert (printed(int(worst), 10), printed(int(best), 10)) == ("-0.0599120693", "0.0433846019")
    assert all(move.relief_units > BITCOIN for move in rows.values()), "so the venue prints zeros"


@pytest.mark.parametrize("kind", ["maintenance", "initial"])
def test_the_published_example_is_proved_with_the_least_equity_and_not_with_a_unit_less(market, kind):
    claim = Claim(kind, "deribit")
    without = rules.assess(market, claim, Book(LOTS))
    least = -(without.slack_scaled // without.scale)
    opening = Opening.fresh(LOTS | {"COIN": least})
    registered = registration.register("deribit", "example", opening)
    proof = claims.prove(market, claim, registered.account, opening)
    claims.verify(market, claim, registered.account, proof)
    short = Opening.fresh(LOTS | {"COIN": least - 1})
    poorer = registration.register("deribit", "poorer", short)
    with pytest.raises(WitnessError):
        claims.prove(market, claim, poorer.account, short)


def test_rounding_costs_the_holder_of_the_example_less_than_a_part_a_lot(market):
    found = rules.assess(market, Claim("initial", "deribit"), Book(LOTS)).requirement_units
    exact = Fraction(LOTS["BTC-PERPETUAL"] + LOTS["BTC-28JUN24"]) * LOT * 16 / 84
    exact += Fraction((LOTS["BTC-PERPETUAL"] - LOTS["BTC-28JUN24"]) * LOT, 100)
    exact += EXAMPLE.protection_units + EXAMPLE.orders_units
    assert 0 <= found - exact <= Fraction(sum(map(abs, LOTS.values())), EXAMPLE.parts) + 1


# ---- the delta shock -------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**8), st.integers(1, 100_000), st.integers(1, 10**9), st.integers(0, 10**10))
def test_the_straight_delta_shock_is_never_below_the_capped_one(threshold, cap_ppm, million_per_unit, delta):
    increment, cap = Fraction(million_per_unit, 10**18), Fraction(cap_ppm, PPM)
    slope = deribit.steepest_slope_ppm(threshold, cap_ppm, increment)
    capped = min(cap, increment * max(0, delta - threshold)) * delta
    assert Fraction(slope, PPM) * max(0, delta - threshold) >= capped


def test_a_slope_above_one_is_refused():
    with pytest.raises(StatementError, match="slope_ppm must be between 0 and 1000000"):
        deribit.steepest_slope_ppm(10**9, 100_000, Fraction(1, 10**9))


# ---- composition -----------------------------------------------------------------------------------------------------


def test_a_model_of_dollars_has_the_rows_and_parts_of_the_venue():
    parameters = deribit.Parameters(1, delta_slope_ppm=300_000, delta_threshold_units=10**12, orders_units=5)
    assert len(deribit.moves(parameters)) == 27 + 8
    model = deribit.model("deribit", parameters, sample.revaluation())
    assert model.parts == ("delta-shock", "open-orders", "owed-coins", "risk-matrix", "roll-shock")


def test_a_far_loss_is_pulled_towards_zero_but_never_into_a_gain():
    far = deribit.Parameters(1, dampener_units=10**15)
    plain = rules_of(deribit.Parameters(1, extended_ppm=()), {"BTC-27MAR26-100000-C": -5})
    assert rules_of(far, {"BTC-27MAR26-100000-C": -5}) == plain
    assert rules_of(deribit.Parameters(1), {"BTC-27MAR26-100000-C": -5}) > plain


def rules_of(parameters, lots):
    model = deribit.model("deribit", parameters, sample.revaluation())
    held = replace(sample.snapshot(), models=(model,))
    return rules.assess(held, Claim("maintenance", "deribit"), Book(lots)).requirement_units


def test_a_roll_shock_charges_each_expiry_for_itself():
    lots = {"BTC-PERP": 1_000, "BTC-27MAR26": -1_000}
    model = deribit.model("deribit", deribit.Parameters(1), sample.revaluation())
    held = replace(sample.snapshot(), models=(model,))
    parts = dict(rules.assess(held, Claim("maintenance", "deribit"), Book(lots)).parts)
    years = Fraction(sample.MARCH - sample.VALID_FROM, 365 * 86_400)
    assert parts["roll-shock"] == 1_000 * (900_000 + ceil(90_900_000 * Fraction(75, 1_000) * years))


def test_owed_coins_are_charged_the_rise_that_the_matrix_does_not_see():
    held = rules_of(deribit.Parameters(1, least_move_ppm=0), {"BTC": -10_000})
    coin = sample.snapshot().listing("BTC")
    assert held == -(-10_000 * coin.owed_units * 16 * 8 // 1_000)


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_an_option_in_coins_is_refused():
    with pytest.raises(StatementError, match="BTC-27FEB26-100000-C cannot be settled in coins here"):
        deribit.model("deribit", EXAMPLE, sample.revaluation())


def test_a_box_in_coins_is_refused():
    with pytest.raises(StatementError, match="coins change their value with the price"):
        deribit.boxed("deribit", EXAMPLE, Market(LISTINGS, {}, 0), Box(10_000, 10_000))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"settlement": "euro"}, "settlement must be dollar or coin, got 'euro'"),
        ({"extended_ppm": (160_000,)}, "an extended move must be beyond the range of 160000 ppm"),
        ({"extended_ppm": (-PPM,)}, "an extended move must be beyond the range"),
        ({"buckets": 0}, "buckets must be between 1"),
        ({"maintenance_ppm": PPM + 1}, "maintenance_ppm must be between 1 and 1000000"),
        ({"dampener_units": -1}, "dampener_units must be between 0"),
    ],
)
def test_parameters_out_of_bounds_are_refused(change, message):
    with pytest.raises(StatementError, match=message):
        replace(deribit.Parameters(1), **change)


def test_parts_that_do_not_divide_a_million_are_refused():
    with pytest.raises(StatementError, match="parts of a unit must divide 1000000, got 3"):
        deribit.model("deribit", replace(deribit.Parameters(1), parts=3), sample.revaluation())


def test_a_file_with_an_unknown_field_is_refused():
    with pytest.raises(EncodingError):
        deribit.Parameters.from_document(deribit.Parameters(1).to_document() | {"extra": 1})


def test_the_reported_parts_are_those_of_the_requirement(market):
    nodes = walk(market.parameters("deribit").maintenance)
    assert {node.name for node in nodes if isinstance(node, Part)} == {"risk-matrix", "roll-shock"}
