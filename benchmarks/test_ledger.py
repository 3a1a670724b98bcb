"""What a trade costs beyond its margin claims, and what the claims cost beside it."""

import pytest

from tests.ledger.venue import Venue
from zkmargin.commitments import Opening, commit
from zkmargin.ledger import compose, duties
from zkmargin.ledger.apply import apply, required
from zkmargin.ledger.compose import Side
from zkmargin.ledger.duties import Place, Reduces

pytestmark = pytest.mark.benchmark
BUY = {"BTC-PERP": 10, "USD": -1_000}


@pytest.fixture(scope="module")
def venue():
    made = Venue()
    for name in ("alice", "bob"):
        made.open(name, 10_000)
    return made


@pytest.fixture(scope="module")
def trade(venue):
    return venue.make_trade(["alice", "bob"], [BUY])[0]


def of(venue, trade, *starts):
    owed = required(venue.state, trade)
    return [duty for part, duty in owed.items() if part.startswith(starts)]


def test_prove_the_change_of_a_trade_in_one_instrument(venue, benchmark):
    change = Opening.fresh(BUY)
    benchmark(compose.trade, venue.state, "t", [Side("alice"), Side("bob")], [change])


def test_verify_the_change_of_a_trade_in_one_instrument(venue, trade, benchmark):
    assert benchmark(duties.faults, of(venue, trade, "change")) == []


def test_verify_the_two_margin_claims_of_a_trade(venue, trade, benchmark):
    assert benchmark(duties.faults, of(venue, trade, "margin")) == []


def test_verify_a_whole_trade(venue, trade, benchmark):
    benchmark(apply, venue.state, trade)


def test_verify_the_changes_of_64_trades_together(venue, benchmark):
    several = [duty for _ in range(64) for duty in of(venue, venue.make_trade(["alice", "bob"], [BUY])[0], "change")]
    assert benchmark(duties.faults, several) == []


def test_prove_a_reduction(venue, benchmark):
    book = Opening({"BTC": 0, "BTC-DEC": 0, "BTC-PERP": 10, "USD": 5_000}, 7)
    change = Opening.fresh({"BTC-PERP": -4, "USD": 400})
    basis, traded = tuple(book.quantities), tuple(change.quantities)
    statement = Reduces(venue.state.market, basis, commit(book), traded, commit(change), 20_000)
    benchmark(statement.prove, Place(bytes(32), "reduction"), [book, change])
