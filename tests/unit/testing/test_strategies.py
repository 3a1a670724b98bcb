"""Strategies reach the edge: books at the margin to the unit, crashes as deep as asked, fills that cancel."""

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from circuits import claims, registration
from zkmargin.amounts import PPM, Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.testing import strategies

CLAIMS = [
    Claim("maintenance", "cross"),
    Claim("initial", "cross", Ratio(11, 10)),
    Claim("box", "cross", Ratio(1, 1), 50_000),
    Claim("maintenance", "scenario", Ratio(3, 7)),
    Claim("initial", "scenario"),
]
markets = strategies.snapshots(perpetuals=2, futures=1, coins=1)


@pytest.mark.parametrize("claim", CLAIMS, ids=Claim.sentence)
@given(data=st.data())
def test_a_book_at_the_margin_holds_and_one_unit_less_does_not(claim, data):
    market = data.draw(markets)
    lots = data.draw(strategies.positions(market, claim.model))
    at, below = (Book(strategies.at_the_margin(market, claim, lots, surplus)) for surplus in (0, -1))
    assert rules.assess(market, claim, at).holds
    assert not rules.assess(market, claim, below).holds
    assert rules.assess(market, claim, below).shortfall_units == 1


@pytest.mark.parametrize("claim", CLAIMS, ids=Claim.sentence)
@given(data=st.data())
@settings(max_examples=5)
def test_the_edge_of_the_plain_rule_is_the_edge_of_the_proof(claim, data):
    market = data.draw(markets)
    surplus = data.draw(st.sampled_from([-1, 0]))
    opening = Opening.fresh(data.draw(strategies.books(market, claim, st.just(surplus))).quantities)
    account = registration.register(market.venue, "alice", opening).account
    if surplus < 0:
        with pytest.raises(WitnessError):
            claims.prove(market, claim, account, opening)
    else:
        claims.verify(market, claim, account, claims.prove(market, claim, account, opening))


@given(data=st.data())
def test_the_edge_is_found_in_a_market_of_ones_own_with_options(data):
    market, claim = sample.snapshot(), Claim("maintenance", "scenario")
    below = data.draw(strategies.books(market, claim, st.just(-1)))
    assert rules.assess(market, claim, below).surplus_units == -1
    assert any("-C" in name for name in below.quantities)


def test_a_slack_of_exactly_zero_occurs():
    claim = Claim("initial", "cross")
    pairs = markets.flatmap(lambda market: strategies.books(market, claim, st.just(0)).map(lambda book: (market, book)))

    def balanced(pair):
        market, book = pair
        held = any(lots for name, lots in book.quantities.items() if name != "USD")
        return held and rules.assess(market, claim, book).slack_scaled == 0

    find(pairs, balanced)


@given(markets.flatmap(lambda market: st.tuples(st.just(market), strategies.crashes(market, 6, 600_000))))
def test_a_crash_falls_as_deep_as_asked_and_each_epoch_follows_the_one_before(path):
    market, epochs = path
    for before, after in zip((market, *epochs), epochs, strict=False):
        after.check_follows(before)
    for name in ("PERP-0", "PERP-1", "COIN-0"):
        lowest = min(epoch.listing(name).mark_ticks for epoch in epochs)
        assert lowest <= max(1, market.listing(name).mark_ticks * 400_000 // PPM)


@given(markets.flatmap(lambda market: st.tuples(st.just(market), strategies.next_snapshots(market))))
def test_the_risk_array_follows_the_marks(pair):
    market, after = pair
    for name in ("PERP-0", "COIN-0"):
        rise = after.listing(name).value_units - market.listing(name).value_units
        loss_of_a_fall = after.scenario.losses[name][1] - market.scenario.losses[name][1]
        # The moved mark and the two haircut values are rounded: a unit may point the wrong way, and two be too many.
        assert rise * loss_of_a_fall >= 0 or abs(loss_of_a_fall) == 1
        assert abs(loss_of_a_fall) <= abs(rise) // 10 + 2


def test_a_contract_does_not_move_once_it_has_expired():
    market = strategies.snapshot({"PERP": 100}, futures={"FUTURE": (100, 10)})
    expired = strategies.moved(market, {"FUTURE": 100_000}, seconds=10)
    later = strategies.moved(expired, {"FUTURE": 100_000, "PERP": 100_000})
    marks = [epoch.listing("FUTURE").mark_ticks for epoch in (market, expired, later)]
    assert marks == [100, 110, 110]
    assert later.listing("PERP").mark_ticks == 110


@given(st.data())
def test_the_legs_of_a_fill_cancel_and_the_fee_is_a_leg(data):
    market = data.draw(markets)
    legs = data.draw(strategies.fills(market, ["alice", "bob"], fee_to="house"))
    assert set(legs) == {"alice", "bob", "house"}
    for name in {name for leg in legs.values() for name in leg}:
        assert sum(leg.get(name, 0) for leg in legs.values()) == 0


def test_a_crash_needs_two_epochs():
    with pytest.raises(StatementError, match="epochs must be at least 2, got 1"):
        find(strategies.crashes(strategies.snapshot({"PERP": 100}), epochs=1), lambda path: True)
