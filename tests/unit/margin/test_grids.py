from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin import documents
from zkmargin.amounts import PPM
from zkmargin.errors import EncodingError, StatementError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.expressions import value
from zkmargin.margin.families import grids
from zkmargin.margin.families.grids import Far, Multiplier
from zkmargin.margin.families.moves import Move, array, spaced
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.market.forms import Affine, Marks
from zkmargin.market.shocks import VegaPower

FLAT = grids.Parameters(1, (-100_000, 0, 100_000), ("same",), VegaPower(0, 0))
OKX = (0, 10_000, 70_000, 170_000, 300_000, 470_000, 700_000), (1, 2, 4, 6, 8, 10, 12)


def requirement(parameters, lots, kind="maintenance"):
    held = replace(sample.snapshot(), models=(grids.model("house", parameters, sample.revaluation()),))
    return rules.assess(held, Claim(kind, "house"), Book(lots)).requirement_units


@pytest.mark.parametrize("name, rows", [("bybit-btc", 33), ("okx-btc", 7 * 3 + 2)])
def test_a_parameter_file_is_a_grid_with_the_rows_of_its_venue(root, name, rows):
    document = documents.read_file(root / "docs" / "models" / "parameters" / f"{name}.json")
    parameters = grids.Parameters.from_document(document)
    assert len(grids.moves(parameters)) == rows
    assert parameters.to_document() == document


def test_a_position_is_charged_its_worst_move_and_what_comes_on_top():
    lots, notional = {"BTC-PERP": -1_000}, 90_000 * 10**6
    assert requirement(FLAT, lots) == notional // 10
    assert requirement(replace(FLAT, contract_ppm=2_000), lots) == notional // 10 + notional // 500
    assert requirement(replace(FLAT, initial_ppm=1_300_000), lots, "initial") == notional * 13 // 100
    far = replace(FLAT, far=(Far(240_000, 500_000),))
    assert requirement(far, lots) == notional * 12 // 100
    assert requirement(far, {"BTC-PERP": 1_000}) == notional // 10


def test_a_short_option_is_charged_on_its_forward_and_a_long_one_is_not():
    charged, name = replace(FLAT, short_option_ppm=5_000), "BTC-27FEB26-100000-C"
    assert requirement(charged, {name: -7}) - requirement(FLAT, {name: -7}) == 7 * 9_000_000 * 1_000 * 5 // 1_000
    assert requirement(charged, {name: 7}) == requirement(FLAT, {name: 7})


def test_positions_of_two_expiries_do_not_net_their_basis():
    lots = {"BTC-PERP": 1_000, "BTC-27MAR26": -1_000}
    basis = replace(FLAT, basis_ppm=50_000)
    years = Fraction(sample.MARCH - sample.VALID_FROM, 365 * 86_400)
    extra = requirement(basis, lots) - requirement(FLAT, lots)
    assert 0 <= extra - 1_000 * 90_900_000 * Fraction(50_000, PPM) * years < 1_001


@given(st.integers(0, 10**7))
def test_slices_of_the_minimum_count_as_often_as_the_table_says(raw):
    rule = grids.multiplied(Affine({"PERP": 1}), tuple(Multiplier(*row) for row in zip(*OKX, strict=True)))
    ends = [*OKX[0][1:], 10**9]
    expected = sum(
        times * max(0, min(raw, end) - floor) for floor, end, times in zip(OKX[0], ends, OKX[1], strict=True)
    )
    assert Fraction(value(rule, Marks({"PERP": 0}, {}), {"PERP": raw}), rule.scale) == expected


def test_multipliers_that_fall_are_refused():
    with pytest.raises(StatementError, match="must be above"):
        grids.multiplied(Affine({"PERP": 1}), (Multiplier(0, 2), Multiplier(10, 1)))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"prices_ppm": ()}, "prices_ppm must have at least one entry, and each once"),
        ({"directions": ("up", "up")}, "directions must have at least one entry, and each once"),
        ({"directions": ("sideways",)}, "directions must be of up, same, down, got 'sideways'"),
        ({"initial_ppm": PPM - 1}, "initial_ppm must be between 1000000"),
        ({"contract_ppm": -1}, "contract_ppm must be between 0"),
    ],
)
def test_a_grid_out_of_bounds_is_refused(change, message):
    with pytest.raises(StatementError, match=message):
        replace(FLAT, **change)


@pytest.mark.parametrize("build", [lambda: Far(240_000, 0), lambda: Far(-PPM, 1), lambda: Multiplier(0, 101)])
def test_a_far_move_or_a_multiplier_out_of_bounds_is_refused(build):
    with pytest.raises(StatementError, match="must be between"):
        build()


@pytest.mark.parametrize(
    "build", [lambda: Move(0, "up", Fraction(0)), lambda: Move(0, "up", Fraction(1), Fraction(-1))]
)
def test_a_move_that_counts_nothing_or_charges_a_relief_is_refused(build):
    with pytest.raises(StatementError, match="of a move must be"):
        build()


def test_a_file_with_an_unknown_field_or_format_is_refused():
    for wrong in ({"extra": 1}, {"format": "zkmargin/grid/2"}):
        with pytest.raises(EncodingError):
            grids.Parameters.from_document(FLAT.to_document() | wrong)


def test_parts_of_a_unit_make_an_array_finer():
    market, moves = sample.revaluation(), [Move(-33_333, "same"), Move(7, "up", relief_units=Fraction(1, 3))]
    coarse, fine = (array(market, VegaPower(0, 0), moves, parts) for parts in (1, 1_000))
    assert coarse.constants == ()
    assert fine.constants == (0, -333)
    assert all(0 <= 1_000 * a - b < 1_000 for a, b in zip(coarse.per_lot["BTC"], fine.per_lot["BTC"], strict=True))


def test_moves_are_spaced_alike_and_rounded_away_from_zero():
    assert spaced(100_000, 3) == (-100_000, -66_667, -33_334, 0, 33_334, 66_667, 100_000)
