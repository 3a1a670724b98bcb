import json
import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import MAX_COORDINATES
from zkmargin.commitments import Commitment, Opening, check_opens, commit
from zkmargin.errors import EncodingError, StatementError

SECRET = 1234567890123456789
BOOK = {"BTC-PERPETUAL": -7, "USD": SECRET}
quantities = st.dictionaries(st.sampled_from(["BTC-PERPETUAL", "ETH", "USD"]), st.integers(-(2**64) + 1, 2**64 - 1))
openings = st.builds(Opening, quantities, st.integers(1, ORDER - 1))


def test_a_commitment_is_the_documented_sum():
    gamma = 99
    expected = group.multiply(generators.blinding(), gamma)
    for label, quantity in BOOK.items():
        expected = group.add(expected, group.multiply(generators.book(label), quantity))
    assert group.equal(commit(Opening(BOOK, gamma)).point, expected)


@given(openings, openings)
def test_the_sum_of_commitments_commits_to_the_sum_of_books(one, other):
    assert commit(one) + commit(other) == commit(one + other)


@given(openings)
def test_the_order_of_ids_and_ids_with_nothing_do_not_matter(opening):
    shuffled = dict(reversed(opening.quantities.items())) | {"XRP": 0}
    assert commit(Opening(shuffled, opening.blinding)) == commit(opening)


@pytest.mark.parametrize(
    "other",
    [Opening(BOOK | {"USD": SECRET + 1}, 5), Opening(BOOK | {"USD": -SECRET}, 5), Opening(BOOK, 6), Opening({}, 5)],
)
def test_another_book_or_blinding_factor_gives_another_commitment(other):
    assert commit(other) != commit(Opening(BOOK, 5))


def test_a_fresh_opening_hides_the_book_behind_a_new_blinding_factor():
    one, other = Opening.fresh(BOOK), Opening.fresh(BOOK)
    assert one.blinding != other.blinding
    assert commit(one) != commit(other)


def test_a_fresh_opening_keeps_its_own_copy_of_the_book():
    book = dict(BOOK)
    opening = Opening.fresh(book)
    book["USD"] = 0
    assert opening.quantities == BOOK


def test_no_secret_is_in_any_text():
    opening = Opening(BOOK, SECRET)
    assert str(SECRET) not in f"{opening!r} {opening} {[opening]}"
    assert repr(opening) == "Opening(2 ids, values hidden)"


@pytest.mark.parametrize(
    "book, blinding",
    [
        ({"USD": 2**112 + SECRET}, 1),
        ({"USD": 2**112}, 1),
        ({"USD": -(2**112) - SECRET}, 1),
        ({"USD": -(2**112)}, 1),
        ({}, ORDER + SECRET),
        ({}, int(ORDER)),
        ({}, -SECRET),
    ],
    ids=[
        "too long",
        "one too long",
        "too short",
        "one too short",
        "blinding factor not reduced",
        "blinding factor one too large",
        "blinding factor negative",
    ],
)
def test_an_opening_out_of_bounds_is_refused_without_showing_it(book, blinding):
    with pytest.raises(StatementError) as caught:
        Opening(book, blinding)
    text = "".join(traceback.format_exception(caught.value))
    assert not any(str(abs(value)) in text for value in [*book.values(), blinding] if value != 1)


def test_a_quantity_may_be_as_large_as_the_bound_says():
    assert commit(Opening({"USD": 2**112 - 1}, 1)) == commit(Opening({"USD": 1 - 2**112}, 1)) + commit(
        Opening({"USD": 2**112 - 1}, 1)
    ) + commit(Opening({"USD": 2**112 - 1}, ORDER - 1))


def test_an_opening_with_too_many_ids_is_refused():
    with pytest.raises(StatementError, match=f"at most {MAX_COORDINATES} ids, got {MAX_COORDINATES + 1}"):
        Opening({str(number): 0 for number in range(MAX_COORDINATES + 1)}, 1)


def test_an_opening_may_have_as_many_ids_as_the_bound_says():
    assert len(Opening({str(number): 0 for number in range(MAX_COORDINATES)}, 1).quantities) == 4_096


def test_an_empty_book_without_blinding_cannot_be_committed_to():
    with pytest.raises(StatementError, match="identity"):
        commit(Opening({"USD": 0}, 0))


def test_commitments_that_cancel_have_no_encoding():
    total = commit(Opening({"USD": 1}, 5)) + commit(Opening({"USD": -1}, ORDER - 5))
    with pytest.raises(EncodingError, match="identity"):
        total.to_bytes()


@given(openings)
def test_bytes_survive_a_round_trip(opening):
    commitment = commit(opening)
    data = commitment.to_bytes()
    assert len(data) == 48
    assert Commitment.from_bytes(data) == commitment
    assert hash(Commitment.from_bytes(data)) == hash(commitment)


@pytest.mark.parametrize(
    "data",
    [b"", bytes(48), b"\xc0" + bytes(47), b"\x80" + bytes(47), commit(Opening(BOOK, 5)).to_bytes() + b"\0"],
    ids=["nothing", "zeros", "identity", "outside the subgroup", "trailing byte"],
)
def test_bytes_of_no_commitment_are_refused(data):
    with pytest.raises(EncodingError):
        Commitment.from_bytes(data)


def test_a_commitment_is_not_equal_to_something_else_and_shows_its_first_bytes():
    commitment = commit(Opening(BOOK, 5))
    assert commitment != commitment.to_bytes()
    assert repr(commitment) == f"Commitment({commitment.to_bytes().hex()[:16]}...)"


def test_an_opening_opens_its_own_commitment_only():
    check_opens(commit(Opening(BOOK, 5)), Opening(BOOK, 5))
    with pytest.raises(EncodingError, match="does not open"):
        check_opens(commit(Opening(BOOK, 5)), Opening(BOOK, 6))


@given(openings)
def test_an_opening_survives_its_document(opening):
    document = json.loads(json.dumps(opening.to_document()))
    assert Opening.from_document(document) == opening


def test_a_document_may_hold_the_largest_lots():
    opening = Opening({"BTC": 1 - 2**64, "USD": 2**64 - 1}, 5)
    assert Opening.from_document(opening.to_document()) == opening


@pytest.mark.parametrize(
    "change",
    [
        {"format": "zkmargin/opening/2"},
        {"quantities_lots": {"USD": 2**64}},
        {"quantities_lots": {"USD": SECRET + 0.5}},
        {"quantities_lots": [SECRET]},
        {"blinding": (ORDER + SECRET).to_bytes(32, "big").hex()},
        {"blinding": "0" * 62},
        {"blinding": SECRET},
        {"more": SECRET},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_document_of_no_opening_is_refused_without_showing_it(change):
    with pytest.raises(EncodingError) as caught:
        Opening.from_document(Opening(BOOK, SECRET).to_document() | change)
    text = str(caught.value)
    assert re.match(r"opening[. ]|\d scalar|a scalar", text)
    assert not any(part in text for part in (str(SECRET), hex(SECRET)[2:], str(2**64)))
