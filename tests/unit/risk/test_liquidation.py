"""The ladder, the backstop and the Dutch auction."""

from dataclasses import replace

import pytest

from zkmargin import Book, Claim, Ratio
from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.margin import cross
from zkmargin.market import sample
from zkmargin.risk import liquidation
from zkmargin.risk.liquidation import AuctionRules, Ladder, LadderRules, Phase, Standing, bid_units, discount_ppm, step

RULES = LadderRules()


def at(percent, notional=10**9):
    """An account whose equity is a percentage of its maintenance requirement of 1,000 units."""
    return Standing(10 * percent, 1_000 * PPM, notional)


def test_an_account_at_the_trigger_is_left_alone_and_one_below_it_sells_a_slice():
    assert step(RULES, Ladder(), at(105), 0) == Ladder()
    assert step(RULES, Ladder(), at(104), 0) == Ladder(Phase.LADDER, 1, 30)


def test_between_two_slices_nothing_is_sold():
    ladder = Ladder(Phase.LADDER, 1, 30)
    assert step(RULES, ladder, at(104), 29) == ladder
    assert step(RULES, ladder, at(104), 30) == Ladder(Phase.LADDER, 2, 60)


def test_a_ladder_goes_on_until_the_restore_level():
    ladder = Ladder(Phase.LADDER, 1, 30)
    assert step(RULES, ladder, at(119), 30).taken == 2
    assert step(RULES, ladder, at(120), 30) == Ladder(Phase.HEALTHY, 0, 30)


def test_after_a_restored_ladder_the_cool_down_still_holds():
    rested = step(RULES, Ladder(Phase.LADDER, 3, 90), at(120), 89)
    assert step(RULES, rested, at(104), 89) == rested
    assert step(RULES, rested, at(104), 90).taken == 1


def test_below_two_thirds_the_backstop_takes_everything_even_in_the_cool_down():
    assert step(RULES, Ladder(Phase.LADDER, 1, 30), at(67), 1).phase is Phase.LADDER
    assert step(RULES, Ladder(Phase.LADDER, 1, 30), at(66), 1).phase is Phase.BACKSTOP


def test_an_equity_of_zero_goes_to_the_backstop_and_below_zero_is_a_default():
    assert step(RULES, Ladder(), at(0), 0).phase is Phase.BACKSTOP
    assert step(RULES, Ladder(), replace(at(0), equity_units=-1), 0).phase is Phase.DEFAULT


@pytest.mark.parametrize("phase", [Phase.BACKSTOP, Phase.DEFAULT])
def test_nothing_comes_back_from_the_backstop(phase):
    gone = Ladder(phase, 2, 60)
    assert step(RULES, gone, at(500), 99) == gone


def test_a_missed_cure_starts_the_ladder_above_the_trigger_but_not_above_the_restore_level():
    assert step(RULES, Ladder(), at(110), 0, due=True).phase is Phase.LADDER
    assert step(RULES, Ladder(), at(120), 0, due=True).phase is Phase.HEALTHY


def test_after_the_last_slice_nothing_more_is_sold():
    sold = Ladder(Phase.LADDER, 5, 150)
    assert step(RULES, sold, at(100), 999) == sold


def test_a_small_account_is_sold_whole():
    rules = replace(RULES, small_notional_units=10**9)
    assert step(rules, Ladder(), at(104), 0).taken == 5
    assert step(rules, Ladder(), at(104, notional=10**9 + 1), 0).taken == 1


def test_an_account_without_a_requirement_is_never_sold():
    assert step(RULES, Ladder(), Standing(0, 0), 0) == Ladder()


@pytest.mark.parametrize(
    "lots, left", [(7, [7, 5, 4, 2, 1, 0]), (-7, [-7, -5, -4, -2, -1, 0]), (1, [1, 0, 0, 0, 0, 0])]
)
def test_what_is_left_rounds_towards_zero(lots, left):
    assert [liquidation.remaining_lots(lots, taken, RULES) for taken in range(6)] == left


def test_slices_that_do_not_divide_the_whole_end_at_zero_as_well():
    rules = replace(RULES, slice_ppm=300_000)
    assert rules.slices == 4
    assert [liquidation.remaining_lots(100, taken, rules) for taken in range(5)] == [100, 70, 40, 10, 0]


def test_a_standing_is_what_the_plain_rule_finds_to_the_millionth():
    market = sample.snapshot()
    book = Book({"BTC-PERP": 20_001, "USD": -1_775_900_000_001})
    found = Standing.of(cross.assess(market, Claim("maintenance", "cross"), book))
    for level in (Ratio(1, 1), Ratio(21, 20), Ratio(6, 5), Ratio(3, 2), Ratio(2, 1)):
        assert found.reaches(level) == cross.assess(market, Claim("maintenance", "cross", level), book).holds


def test_a_standing_is_made_of_a_claim_with_threshold_one_only():
    outcome = cross.assess(sample.snapshot(), Claim("maintenance", "cross", Ratio(11, 10)), Book({"USD": 1}))
    with pytest.raises(StatementError, match="scale of the assessment"):
        Standing.of(outcome)


def test_amounts_of_an_account_do_not_show():
    assert "10" not in repr(at(104))


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"restore": Ratio(1, 1)}, "restore must be at least trigger 21/20, got 1/1"),
        ({"backstop": Ratio(11, 10)}, "trigger must be at least backstop 11/10"),
        ({"slice_ppm": 0}, "^slice_ppm must be between 1 and 1000000, got 0"),
        ({"slice_seconds": -1}, "^slice_seconds must be between 0"),
        ({"small_notional_units": -1}, "^small_notional_units must be between 0"),
    ],
)
def test_levels_out_of_order_are_refused(change, complaint):
    with pytest.raises(StatementError, match=complaint):
        replace(RULES, **change)


def test_levels_may_be_equal_and_a_slice_may_be_a_millionth():
    rules = LadderRules(trigger=Ratio(1, 1), restore=Ratio(1, 1), backstop=Ratio(1, 1), slice_ppm=1, slice_seconds=0)
    assert rules.slices == PPM


def test_the_defaults_are_those_of_the_page():
    assert (RULES.slice_ppm, RULES.slice_seconds, RULES.small_notional_units) == (200_000, 30, 0)
    assert (RULES.trigger, RULES.restore, RULES.backstop) == (Ratio(21, 20), Ratio(6, 5), Ratio(2, 3))
    assert AUCTION.path == ((0, 950_000), (900, 700_000), (44_100, 0))
    assert AUCTION.insolvent_seconds == 3_600


# ---- Auction ---------------------------------------------------------------------------------------------------------

AUCTION = AuctionRules()


@pytest.mark.parametrize(
    "seconds, factor",
    [(0, 950_000), (1, 949_723), (900, 700_000), (901, 699_984), (22_500, 350_000), (44_100, 0), (10**6, 0)],
)
def test_the_discount_follows_its_public_path_rounded_up(seconds, factor):
    assert discount_ppm(AUCTION, seconds) == factor


def test_a_buyer_pays_the_discounted_fraction_of_the_equity_rounded_up():
    assert bid_units(AUCTION, at(10), 0, 200_000) == 19
    assert bid_units(AUCTION, replace(at(10), equity_units=101), 0, 200_000) == 20


def test_for_an_insolvent_account_the_fund_pays_the_hole_and_up_to_the_requirement_on_top():
    broke = replace(at(0), equity_units=-300)
    assert bid_units(AUCTION, broke, 0, PPM) == -300
    assert bid_units(AUCTION, broke, 1_800, PPM) == -800
    assert bid_units(AUCTION, broke, 3_600, PPM) == bid_units(AUCTION, broke, 10**6, PPM) == -1_300
    assert bid_units(AUCTION, broke, 1, 200_000) == -60


@pytest.mark.parametrize("path", [(), ((1, 5),), ((0, 5), (0, 4)), ((0, 5), (1, 6)), ((0, PPM + 1),)])
def test_a_path_that_does_not_fall_in_time_is_refused(path):
    with pytest.raises(StatementError, match="path"):
        AuctionRules(path=path)


def test_every_leg_of_a_path_is_a_straight_line():
    rules = AuctionRules(path=((0, 1_000), (10, 800), (11, 700), (31, 500)))
    assert [discount_ppm(rules, seconds) for seconds in (0, 5, 10, 11, 16, 30, 31, 99)] == [
        1_000, 900, 800, 700, 650, 510, 500, 500,
    ]  # fmt: skip
    assert discount_ppm(AuctionRules(path=((0, 0),)), 7) == 0


@pytest.mark.parametrize(
    "make, complaint",
    [
        (lambda: AuctionRules(insolvent_seconds=0), "^insolvent_seconds must be between 1"),
        (lambda: AuctionRules(path=()), "^number of points of the path must be between 1"),
        (lambda: AuctionRules(path=((0, PPM + 1),)), r"^path\[0\] factor must be between 0 and 1000000"),
        (lambda: AuctionRules(path=((1, 1),)), r"^path\[0\] seconds must be between 0 and 0"),
        (lambda: AuctionRules(path=((0, 5), (0, 4))), "^path seconds must be between 1"),
        (lambda: AuctionRules(path=((0, 5), (1, 6))), "^path factor must be between 0 and 5"),
        (lambda: discount_ppm(AUCTION, -1), "^seconds must be between 0"),
        (lambda: bid_units(AUCTION, replace(at(0), equity_units=-1), -1, 1), "^seconds must be between 0"),
        (lambda: bid_units(AUCTION, at(10), 0, 0), "^fraction_ppm must be between 1 and 1000000"),
        (lambda: liquidation.remaining_lots(1, 6, RULES), "^taken must be between 0 and 5"),
    ],
)
def test_what_an_auction_or_a_slice_cannot_be_is_refused_by_name(make, complaint):
    with pytest.raises(StatementError, match=complaint):
        make()


def test_the_smallest_fraction_still_costs_a_unit_and_a_worthless_account_nothing():
    assert bid_units(AUCTION, at(10), 0, 1) == 1
    assert bid_units(AUCTION, at(0), 0, PPM) == 0
    assert bid_units(AUCTION, replace(at(0), equity_units=-1), 0, PPM) == -1
