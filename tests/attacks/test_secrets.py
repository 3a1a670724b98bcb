"""Nothing of a book is in the text of an error or of an object, whichever way proving fails."""

import traceback
from dataclasses import replace

import pytest

from circuits import claims, evidence, registration
from zkmargin.amounts import PPM, Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError, StatementError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample

LOTS = {"BTC": -31_337, "BTC-PERP": 20_011, "USD": 98_765_432_101_234}
SECRET = Opening.fresh(LOTS)
CROSS, SCENARIO = Claim("maintenance", "cross"), Claim("initial", "scenario", Ratio(3, 2))
BOX = Claim("box", "cross", width_ppm=20_000)
STEEP = Claim("initial", "cross", Ratio(PPM, 1))


@pytest.fixture(scope="module")
def market():
    return sample.snapshot()


@pytest.fixture(scope="module")
def account(market):
    return registration.register(market.venue, "alice", SECRET).account


def said_by(error):
    """Everything that an error, and the errors behind it, show to whoever prints them."""
    shown = []
    while error is not None:
        shown += [str(error), repr(error), repr(error.args), *traceback.format_exception_only(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(shown)


def shown_of(secret, text):
    """What of the opening is in the text."""
    amounts = [str(abs(quantity)) for quantity in secret.quantities.values()]
    blinding = [str(secret.blinding)[:12], f"{secret.blinding:064x}"[:12]]
    return [number for number in (*amounts, *blinding) if number in text]


@pytest.mark.parametrize("claim", [CROSS, BOX, SCENARIO], ids=lambda claim: f"{claim.kind} {claim.model}")
def test_a_shortfall_is_in_the_attribute_and_nowhere_in_the_text(market, claim):
    least = -rules.assess(market, claim, Book(LOTS | {"USD": 0})).surplus_units
    short = Opening.fresh(LOTS | {"USD": least - 55_501})
    account = registration.register(market.venue, "alice", short).account
    with pytest.raises(WitnessError, match="does not satisfy the claim") as refused:
        claims.prove(market, claim, account, short)
    assert refused.value.shortfall_units == 55_501
    said = said_by(refused.value)
    assert shown_of(short, said) == []
    assert "55501" not in said.replace("_", "").replace(",", "")


def without_capacity(market):
    return replace(market, cross=replace(market.cross, capacity_bits=32))


FAILURES = {
    "shortfall": (
        WitnessError,
        "does not satisfy the claim",
        lambda market, account: claims.prove(market, STEEP, account, SECRET),
    ),
    "beyond the capacity": (
        WitnessError,
        "too large for this statement",
        lambda market, account: claims.prove(without_capacity(market), CROSS, account, SECRET),
    ),
    "another blinding factor": (
        EncodingError,
        "does not open",
        lambda market, account: claims.prove(market, BOX, account, Opening(LOTS, SECRET.blinding ^ 1)),
    ),
    "another book": (
        EncodingError,
        "does not open",
        lambda market, account: claims.prove(market, BOX, account, Opening(LOTS | {"USD": 1}, SECRET.blinding)),
    ),
    "another basis": (
        EncodingError,
        "the same ids",
        lambda market, account: claims.prove(market, BOX, account, Opening({"USD": 5}, SECRET.blinding)),
    ),
    "another venue": (
        StatementError,
        "venue of the account",
        lambda market, account: claims.prove(replace(market, venue="elsewhere"), BOX, account, SECRET),
    ),
    "quantity to register": (
        StatementError,
        "less than 2",
        lambda market, account: registration.register("demo", "alice", Opening(LOTS | {"BTC": 2**64}, 5)),
    ),
    "quantity of an opening": (
        StatementError,
        "the quantity of BTC must be",
        lambda market, account: Opening(LOTS | {"BTC": -(2**112)}, SECRET.blinding),
    ),
    "blinding factor": (
        StatementError,
        "a blinding factor must be",
        lambda market, account: Opening(LOTS, SECRET.blinding - 2**255),
    ),
    "name of the account": (
        EncodingError,
        "account must be",
        lambda market, account: registration.register("demo", "al ice", SECRET),
    ),
    "id of the basis": (
        EncodingError,
        "basis must be",
        lambda market, account: registration.register("demo", "alice", Opening(LOTS | {"A B": 1}, SECRET.blinding)),
    ),
}


@pytest.mark.parametrize("kind, said, fail", list(FAILURES.values()), ids=list(FAILURES))
def test_no_error_shows_anything_of_the_opening(market, account, kind, said, fail):
    with pytest.raises(kind, match=said) as caught:
        fail(market, account)
    text = said_by(caught.value)
    assert shown_of(SECRET, text) == []
    assert str(2**64) not in text
    assert str(2**112) not in text


def test_nothing_that_holds_or_hides_a_secret_shows_the_book(market, account):
    shown = evidence.prove(market, CROSS, account, SECRET)
    outcome = rules.assess(market, CROSS, Book(LOTS))
    text = "".join(map(repr, (SECRET, Book(LOTS), outcome, account, shown))) + str(SECRET) + str(Book(LOTS))
    assert shown_of(SECRET, text) == []
