"""Registration: what it proves, about which account, and what it reads and writes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import registration
from circuits.registration import MAX_SEQUENCE, Account, Registration
from zkmargin import documents
from zkmargin.amounts import MAX_COORDINATES, QUANTITY_BITS
from zkmargin.commitments import Opening, commit
from zkmargin.errors import EncodingError, StatementError
from zkmargin.proofs import arithmetic, linear

LIMIT = 2**QUANTITY_BITS
SECRET = Opening.fresh({"USD": 5_000_000, "BTC-PERP": -3})


@pytest.fixture(scope="module")
def registered():
    return registration.register("demo", "alice", SECRET, 7)


@given(st.lists(st.integers(1 - LIMIT, LIMIT - 1), min_size=1, max_size=4))
@settings(max_examples=8)  # each is two real proofs
def test_every_book_within_the_bound_is_registered(lots):
    secret = Opening.fresh({f"ID-{number}": quantity for number, quantity in enumerate(lots)})
    registration.verify(registration.register("demo", "alice", secret))


@pytest.mark.parametrize("quantity", [1 - LIMIT, LIMIT - 1, 0])
def test_the_ends_of_the_bound_are_registered(quantity):
    registration.verify(registration.register("demo", "alice", Opening.fresh({"USD": quantity}), MAX_SEQUENCE))


@pytest.mark.parametrize("quantity", [LIMIT, -LIMIT, 2**111])
@pytest.mark.parametrize("others", [{}, {"BTC-PERP": 1}])
def test_a_book_out_of_bounds_is_refused_before_anything_is_proved(quantity, others, monkeypatch):
    def prove(*_):
        pytest.fail("something was proved")

    monkeypatch.setattr(linear, "prove", prove)
    monkeypatch.setattr(arithmetic, "prove", prove)
    with pytest.raises(StatementError, match=r"less than 2\^64") as refused:
        registration.register("demo", "alice", Opening.fresh({"USD": quantity} | others))
    assert str(abs(quantity)) not in str(refused.value)


def test_the_basis_is_in_code_point_order_whatever_the_order_of_the_book(registered):
    assert registered.account.basis == ("BTC-PERP", "USD")
    assert registered.account.commitment == commit(SECRET)


def test_a_registration_is_read_back_from_its_document(registered):
    again = Registration.from_bytes(documents.canonical(registered.to_document()))
    assert again == registered
    registration.verify(again)


def test_the_first_state_of_an_account_has_the_number_0_and_survives_its_document():
    first = registration.register("demo", "alice", SECRET)
    assert first.account.sequence == 0
    assert Registration.from_document(first.to_document()) == first


def test_an_account_may_have_as_many_ids_and_as_wide_a_bound_as_the_limits_say(registered):
    basis = tuple(f"ID-{number:04d}" for number in range(MAX_COORDINATES))
    for bits in (64, 112):
        assert replace(registered.account, basis=basis, quantity_bits=bits).quantity_bits == bits


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"venue": "no venue"}, "venue must be 1 to 64 letters"),
        ({"account": ""}, "account must be 1 to 64 letters"),
        ({"basis": ("BTC PERP", "USD")}, "basis must be 1 to 64 letters"),
    ],
)
def test_an_account_with_a_name_that_is_none_is_refused(registered, changes, said):
    with pytest.raises(EncodingError, match=f"^{said}"):
        replace(registered.account, **changes)


def test_a_document_with_an_id_that_is_none_is_refused_with_its_place(registered):
    with pytest.raises(EncodingError, match=r"^account\.basis must be 1 to 64 letters"):
        Registration.from_document(registered.to_document() | {"basis": ["BTC PERP"]})
    with pytest.raises(EncodingError, match="^account "):
        Registration.from_bytes(b"{")


def test_an_opening_belongs_to_its_own_account_only(registered):
    account = registered.account
    registration.check_belongs(account, SECRET)
    for stranger in (
        Opening(SECRET.quantities, SECRET.blinding ^ 1),
        Opening(SECRET.quantities | {"USD": 5_000_001}, SECRET.blinding),
        Opening(SECRET.quantities | {"ETH-PERP": 0}, SECRET.blinding),
        Opening({"USD": 5_000_000}, SECRET.blinding),
    ):
        with pytest.raises(EncodingError):
            registration.check_belongs(account, stranger)


def test_the_contexts_of_two_accounts_differ_whatever_their_names_are(registered):
    account = registered.account
    states = [
        account,
        replace(account, venue="demoa", account="lice"),
        replace(account, venue="alice", account="demo"),
        replace(account, sequence=8),
        replace(account, sequence=7 << 8),
    ]
    assert len({state.context() for state in states}) == len(states)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"sequence": -1}, "sequence must be between 0 and 281474976710655, got -1"),
        ({"sequence": 2**48}, "sequence must be between 0 and 281474976710655, got 281474976710656"),
        ({"basis": ()}, "basis must have 1 to 4096 ids, got 0"),
        ({"basis": ("USD", "BTC-PERP")}, "code-point order"),
        ({"basis": ("USD", "USD")}, "each id once"),
        ({"quantity_bits": 63}, "^quantity_bits must be between 64 and 112, got 63"),
        ({"quantity_bits": 113}, "^quantity_bits must be between 64 and 112, got 113"),
    ],
)
def test_an_account_out_of_bounds_is_refused_with_its_field_and_bound(registered, changes, said):
    with pytest.raises(StatementError, match=said):
        replace(registered.account, **changes)


class Untouchable(tuple):
    """A basis that only claims to be long: reading any of it fails the test."""

    def __len__(self):
        return MAX_COORDINATES + 1

    def __iter__(self):
        pytest.fail("the ids were read before they were counted")

    def __getitem__(self, _):
        pytest.fail("the ids were read before they were counted")


def test_too_many_ids_are_refused_before_any_is_read(registered):
    with pytest.raises(StatementError, match="basis must have 1 to 4096 ids, got 4097"):
        Account("demo", "alice", 0, Untouchable(), registered.account.commitment)
