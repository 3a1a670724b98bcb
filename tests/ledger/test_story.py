"""A venue from its first record to a settled expiry: what everybody does, and what must be true all along."""

import pytest

from tests.ledger.venue import BASIS, Venue, key
from zkmargin.commitments import Opening, commit
from zkmargin.ledger import entries
from zkmargin.ledger.apply import Batch, apply
from zkmargin.ledger.state import State


@pytest.fixture(scope="module")
def told():
    venue = Venue()
    for name in ("alice", "bob", "fees"):
        venue.open(name, 10_000)
    venue.trade(["alice", "bob"], {"USD": -1_000, "BTC-PERP": 10})
    venue.trade(["alice", "bob"], {"USD": 500, "BTC-PERP": -5}, forms=["reduction", "reduction"])
    fee = ({"USD": -501, "BTC-DEC": 5}, {"USD": 499, "BTC-DEC": -5}, {"USD": 2})
    venue.trade(["alice", "bob", "fees"], *fee, forms=["margin", "margin", "reduction"])
    venue.deposit("alice", 10, "BTC")
    venue.withdraw("alice", 4, "BTC")
    venue.withdraw("bob", 1_000)
    venue.claim("fees")
    venue.move(2_000, BTC_DEC=107)
    venue.settle("alice")
    venue.settle("bob")
    venue.rekey("alice", key("alice again"), Opening.fresh(venue.lots("alice")))
    venue.status("bob", "reduce-only")
    venue.checkpoint()
    return venue


def test_everybody_ends_with_what_a_plain_ledger_says(told):
    assert told.lots("alice") == {"BTC": 6, "BTC-PERP": 5, "USD": 10_000 - 1_000 + 500 - 501 + 5 * 107}
    assert told.lots("bob") == {"BTC": 0, "BTC-PERP": -5, "USD": 10_000 + 1_000 - 500 + 499 - 1_000 - 5 * 107}
    assert told.lots("fees") == {"BTC": 0, "BTC-DEC": 0, "BTC-PERP": 0, "USD": 10_002}
    for name, book in told.books.items():
        assert commit(book) == told.state.account(name).public.commitment


def test_the_books_add_up_to_public_net_deposits_and_nothing_in_any_instrument(told):
    total = sum(told.books.values(), Opening({}, 0))
    assert dict(total.quantities) == {"BTC": 6, "BTC-DEC": 0, "BTC-PERP": 0, "USD": 29_000}
    assert told.state.net == {"BTC": 6, "USD": 29_000}


def test_conservation_holds_after_every_entry_and_needs_no_secret(told):
    state = State()
    for entry in told.log:
        state = apply(state, entry)
        state.check_conservation()


def test_a_batch_and_single_entries_lead_to_the_same_state(told):
    batch = Batch(State())
    for entry in told.log:
        assert batch.add(entry)
    assert batch.finish().digest() == told.state.digest()


def test_every_entry_is_read_back_from_its_bytes(told):
    assert {entry.kind for entry in told.log} == set(entries.KINDS)
    for entry in told.log:
        assert entries.from_bytes(entry.canonical_bytes()) == entry


def test_a_trade_over_everything_hides_which_instrument_is_traded():
    venue = Venue()
    for name in ("alice", "bob"):
        venue.open(name, 10_000)
    everything = dict.fromkeys(BASIS, 0)
    venue.trade(["alice", "bob"], everything | {"USD": -1_000, "BTC-PERP": 10})
    venue.trade(["alice", "bob"], everything | {"USD": -500, "BTC-DEC": 5})
    venue.trade(["alice", "bob"], everything | {"USD": 1_000, "BTC-PERP": -10}, forms=["reduction", "reduction"])
    first, second, third = venue.log[-3:]
    assert first.basis == second.basis == third.basis == BASIS
    sizes = [len(entry.changes[0].bounds_proof) for entry in (first, second, third)]
    assert len(set(sizes)) == 1
    venue.state.check_conservation()


def test_a_state_is_a_value_that_later_entries_leave_alone(told):
    states = [State()]
    for entry in told.log:
        states.append(apply(states[-1], entry))
    digests = [state.digest() for state in states]
    again = State()
    for entry, digest, state in zip(told.log, digests, states, strict=False):
        assert again.digest() == digest == state.digest()
        again = apply(again, entry)
