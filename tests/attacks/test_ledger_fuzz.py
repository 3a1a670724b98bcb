"""Whatever an entry says, the ledger applies it or refuses it with an error of its own, and conserves everything."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.mangling import mangled
from tests.vectors.test_ledger import BEFORE, LOG
from zkmargin.errors import ZkMarginError
from zkmargin.ledger import entries, keys
from zkmargin.ledger.apply import Walk, apply

PLACES = st.integers(0, len(LOG) - 1)


@pytest.fixture
def everybody_signs(monkeypatch):
    """What is behind the signatures is reached as well."""
    monkeypatch.setattr(keys, "check", lambda entry, signers: None)


@given(place=PLACES, at=PLACES, data=st.data())
def test_a_mangled_entry_is_applied_or_refused_at_every_moment(place, at, data):
    document = data.draw(mangled(LOG[place]))
    with contextlib.suppress(ZkMarginError):
        apply(BEFORE[at], entries.from_document(document)).check_conservation()


def test_a_mangled_entry_that_everybody_signed_is_applied_or_refused(everybody_signs):
    @given(place=PLACES, at=PLACES, data=st.data())
    def attempt(place, at, data):
        document = data.draw(mangled(LOG[place], most=1))
        with contextlib.suppress(ZkMarginError):
            apply(BEFORE[at], entries.from_document(document)).check_conservation()

    attempt()


def test_even_without_its_proofs_no_entry_breaks_the_books_in_public(everybody_signs):
    # The rules alone already conserve what is public; the proofs are about what is not.
    @given(place=PLACES, at=PLACES, data=st.data())
    def attempt(place, at, data):
        document = data.draw(mangled(LOG[place], most=1))
        walk = Walk(BEFORE[at])
        try:
            walk.add(entries.from_document(document))
        except ZkMarginError:
            return
        walk.unproved.check_conservation()

    attempt()


@given(order=st.permutations(range(len(LOG))))
def test_in_whatever_order_entries_arrive_each_is_applied_or_refused(order):
    walk = Walk(BEFORE[0])
    for place in order:
        try:
            walk.add(entries.from_document(LOG[place]))
        except ZkMarginError:
            continue
    walk.unproved.check_conservation()
