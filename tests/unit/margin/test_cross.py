from dataclasses import replace

import pytest

from zkmargin.amounts import PPM, Ratio
from zkmargin.errors import StatementError
from zkmargin.margin import cross, rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.cross import Piece
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

MAINTENANCE = TierTable.published(
    [(0, 4_000, 0), (50_000, 5_000, 50), (250_000, 10_000, 1_300), (1_000_000, 25_000, 16_300)]
)
INITIAL = TierTable.flat(100_000)
HOLDS, OPENS = Claim("maintenance", "cross"), Claim("initial", "cross")


def market(mark_ticks: int = 1_000, funding_ticks: int = 0, table: TierTable = MAINTENANCE) -> Snapshot:
    """A market of one perpetual worth a unit a tick, a coin with a haircut of 5 %, and cash."""
    listings = (
        Listing(Collateral("BTC", 1), 101, haircut_ppm=50_000),
        Listing(Linear("PERP", 1), mark_ticks, funding_ticks),
        Listing(Cash("USD")),
    )
    return Snapshot("demo", 1, 0, listings, cross=CrossParameters(1, {"PERP": table}, {"PERP": INITIAL}))


@pytest.mark.parametrize(
    "lots, maintenance_units",
    [
        (0, 0),
        (10, 40),
        (50, 200),
        (100, 450),
        (250, 1_200),
        (1_000, 8_700),
        (2_000, 33_700),
        (-100, 450),
        (-2_000, 33_700),
    ],
)
def test_maintenance_follows_the_published_table_long_and_short(lots: int, maintenance_units: int) -> None:
    outcome = cross.assess(market(), HOLDS, Book({"USD": 50_000, "PERP": lots}))
    assert outcome.requirement_units == maintenance_units
    assert outcome.equity_units == 50_000 + 1_000 * lots
    assert outcome.surplus_units == outcome.equity_units - maintenance_units


def test_a_claim_holds_to_the_last_unit() -> None:
    exactly = Book({"USD": -100_000 + 450, "PERP": 100})
    assert cross.assess(market(), HOLDS, exactly).holds
    short_of_one = cross.assess(market(), HOLDS, exactly + Book({"USD": -1}))
    assert not short_of_one.holds
    assert short_of_one.shortfall_units == 1
    assert cross.assess(market(), HOLDS, exactly + Book({"USD": -1 + short_of_one.shortfall_units})).holds


def test_the_threshold_multiplies_the_requirement_and_is_not_rounded() -> None:
    claim = replace(HOLDS, threshold=Ratio(11, 10))
    outcome = cross.assess(market(), claim, Book({"USD": 0, "PERP": 1}))  # 4 units at 1, 4.4 at 11/10
    assert outcome.scale == 10 * PPM
    assert outcome.slack_scaled == 10 * PPM * 1_000 - 44 * PPM
    assert (outcome.requirement_units, outcome.surplus_units) == (5, 995)


def test_the_initial_claim_uses_the_initial_tiers() -> None:
    assert cross.assess(market(), OPENS, Book({"USD": 0, "PERP": 2_000})).requirement_units == 200_000


def test_funding_moves_equity_and_not_the_requirement() -> None:
    outcome = cross.assess(market(funding_ticks=30), HOLDS, Book({"USD": 0, "PERP": 100}))
    assert (outcome.equity_units, outcome.requirement_units) == (100 * 970, 450)


def test_collateral_counts_after_its_haircut_and_is_owed_in_full() -> None:
    held = cross.assess(market(), HOLDS, Book({"USD": 0, "BTC": 10}))
    owed = cross.assess(market(), HOLDS, Book({"USD": 0, "BTC": -10}))
    assert (held.slack_scaled, owed.slack_scaled) == (950 * PPM, -1_010 * PPM)
    assert (held.requirement_units, owed.requirement_units) == (0, 0)


def test_two_kinds_of_cash_both_count() -> None:
    snapshot = market()
    snapshot = replace(snapshot, listings=(*snapshot.listings, Listing(Cash("USDT"))))
    assert cross.assess(snapshot, HOLDS, Book({"USD": 3, "USDT": -1})).surplus_units == 2


def test_a_box_takes_the_worst_price_inside_it() -> None:
    claim = Claim("box", "cross", width_ppm=100_000)
    book = Book({"USD": 10_000, "PERP": 10})
    outcome = cross.assess(market(table=TierTable.flat(5_000)), claim, book)
    # Down 10 %: 900 a lot, of which half a percent is required.
    assert outcome.slack_scaled == PPM * (10_000 + 9_000) - 5_000 * 9_000
    assert outcome.equity_units == 20_000
    assert outcome.requirement_units == 1_045
    short = cross.assess(market(table=TierTable.flat(5_000)), claim, Book({"USD": 20_000, "PERP": -10}))
    assert short.slack_scaled == PPM * (20_000 - 11_000) - 5_000 * 11_000


def test_the_box_includes_collateral() -> None:
    claim = Claim("box", "cross", width_ppm=100_000)
    # 101 moves to 90 (86.3 after the haircut 85) when held, and to 112 when owed.
    assert cross.assess(market(), claim, Book({"BTC": 1})).slack_scaled == 85 * PPM
    assert cross.assess(market(), claim, Book({"BTC": -1})).slack_scaled == -112 * PPM


def test_the_ends_of_a_box_round_outwards_and_reach_zero() -> None:
    assert cross.box(101, 0) == (101, 101)
    assert cross.box(1, 1) == (0, 2)
    assert cross.box(2**48, 999_999) == (2**48 // PPM, 2 * 2**48 - 2**48 // PPM)


def test_one_rate_makes_one_piece_and_a_box_two() -> None:
    flat = market(table=TierTable.flat(5_000))
    assert cross.charges(flat, HOLDS) == {
        "BTC": (Piece(-95 * PPM), Piece(-101 * PPM)),
        "PERP": (Piece(-1_000 * PPM, 5_000_000),),
    }
    boxed = cross.charges(flat, Claim("box", "cross", width_ppm=100_000))
    assert boxed["PERP"] == (Piece(-900 * PPM, 4_500_000), Piece(-1_100 * PPM, 5_500_000))


def test_every_tier_makes_a_piece() -> None:
    pieces = cross.charges(market(), replace(HOLDS, threshold=Ratio(3, 2)), ["USD", "PERP"])["PERP"]
    assert [piece.per_absolute_lot for piece in pieces] == [3_000 * rate for rate in (4_000, 5_000, 10_000, 25_000)]
    assert [piece.constant for piece in pieces] == [-3 * PPM * cum for cum in (0, 50, 1_300, 16_300)]
    assert {piece.per_lot for piece in pieces} == {-2 * PPM * 1_000}


def test_collateral_without_a_haircut_is_one_piece() -> None:
    listings = (Listing(Collateral("BTC", 1), 101), Listing(Cash("USD")))
    snapshot = Snapshot("demo", 1, 0, listings, cross=CrossParameters(1, {}, {}))
    assert cross.charges(snapshot, HOLDS) == {"BTC": (Piece(-101 * PPM),)}


def test_by_default_every_instrument_but_cash_and_options_is_charged() -> None:
    charged = cross.charges(sample.snapshot(), HOLDS)
    assert set(charged) == {"BTC", "BTC-PERP", "ETH-PERP", "BTC-27MAR26"}


def test_a_cross_book_cannot_hold_an_option_not_even_zero_lots() -> None:
    option = next(item.id for item in sample.snapshot().listings if isinstance(item.instrument, Option))
    with pytest.raises(StatementError, match=f"a cross book cannot hold {option}"):
        cross.assess(sample.snapshot(), HOLDS, Book({"USD": 1, option: 0}))


def test_a_book_with_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(StatementError, match="instrument DOGE is not listed"):
        cross.assess(market(), HOLDS, Book({"DOGE": 1}))


def test_a_snapshot_without_cross_parameters_is_refused() -> None:
    with pytest.raises(StatementError, match="epoch 1 of demo has no cross parameters"):
        cross.assess(replace(market(), cross=None), HOLDS, Book({"USD": 1}))


def test_a_claim_of_another_model_is_refused() -> None:
    with pytest.raises(StatementError, match="claim model must be cross, got scenario"):
        cross.charges(sample.snapshot(), Claim("maintenance", "scenario"))


def test_a_charge_that_could_wrap_around_is_refused() -> None:
    large = Listing(Linear("PERP", 2**30), 2**40)
    tables = {"PERP": TierTable.flat(1)}
    snapshot = Snapshot("demo", 1, 0, (large, Listing(Cash("USD"))), cross=CrossParameters(1, tables, tables))
    cross.charges(snapshot, HOLDS)
    with pytest.raises(StatementError, match="charge per lot must be between"):
        cross.charges(snapshot, replace(HOLDS, threshold=Ratio(1, 999_999)))


@pytest.mark.parametrize(
    "bounds", [(2**96, 0, 0), (-(2**96), 0, 0), (0, 2**96, 0), (0, -1, 0), (0, 0, -(2**160)), (0, 0, 1)]
)
def test_a_piece_out_of_bounds_is_refused(bounds: tuple[int, int, int]) -> None:
    Piece(2**96 - 1, 2**96 - 1, 1 - 2**160)
    Piece(1 - 2**96)
    with pytest.raises(StatementError, match="must be between"):
        Piece(*bounds)


def test_an_empty_book_needs_nothing() -> None:
    outcome = cross.assess(market(), HOLDS, Book({}))
    assert (outcome.slack_scaled, outcome.requirement_units, outcome.worst) == (0, 0, "")


def test_the_worst_part_is_the_instrument_with_the_largest_requirement() -> None:
    book = Book({"USD": 10**12, "BTC-PERP": -100, "ETH-PERP": 1_000, "BTC": 0})
    outcome = rules.assess(sample.snapshot(), HOLDS, book)
    assert outcome.worst == "ETH-PERP"
    assert dict(outcome.parts) == {"BTC-PERP": 45_000_000, "ETH-PERP": 150_000_000, "BTC": 0}
