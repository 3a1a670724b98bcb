"""What the ledger refuses, and why; after every refusal the state is what it was."""

import re
from dataclasses import replace

import pytest

from tests.ledger.venue import BASIS, EXPIRY, INITIAL, VENUE, Venue, key, lie, market
from zkmargin.amounts import Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import (
    ConflictError,
    EncodingError,
    LedgerError,
    NotAllowedError,
    SignatureError,
    StaleStateError,
    StatementError,
    UnknownAccountError,
    VerificationError,
    WitnessError,
)
from zkmargin.ledger import compose, entries, keys
from zkmargin.ledger.apply import Batch, apply, signers
from zkmargin.ledger.compose import Side
from zkmargin.ledger.entries import Checkpoint, Genesis, Mark, Settle, Status
from zkmargin.ledger.state import State
from zkmargin.market.instruments import Cash, Collateral, Linear
from zkmargin.market.snapshot import Listing, Snapshot

BUY = {"USD": -1_000, "BTC-PERP": 10}


@pytest.fixture
def venue():
    made = Venue()
    for name in ("alice", "bob"):
        made.open(name, 1_000)
    return made


def refused(venue, entry, error, match):
    """Nobody but the ledger can tell why; and a refusal changes nothing."""
    before = venue.state.digest()
    with pytest.raises(error, match=match):
        apply(venue.state, entry)
    assert venue.state.digest() == before


# ---- order and identity ----------------------------------------------------------------------------------------------


def test_an_entry_made_for_an_earlier_state_is_stale(venue):
    early, _ = venue.make_trade(["alice", "bob"], [BUY])
    venue.deposit("bob", 1)
    refused(venue, early, StaleStateError, "sequence of account bob must be 2, got 1")


def test_two_concurrent_entries_cannot_spend_the_same_margin(venue):
    leaving = venue.make_withdrawal("alice", 900)
    trade, own = venue.make_trade(["alice", "bob"], [{"USD": -9_000, "BTC-PERP": 90}])
    apply(venue.state, leaving)
    venue.book_trade(trade, own)
    refused(venue, leaving, StaleStateError, "sequence of account alice must be 2, got 1")
    with pytest.raises(WitnessError):
        venue.make_withdrawal("alice", 900)


def test_the_same_entry_again_changes_nothing_and_is_no_error(venue):
    entry = venue.deposit("alice", 7)
    again = apply(venue.state, entry)
    assert again is venue.state
    assert not Batch(venue.state).add(entry)


def test_another_entry_under_the_same_id_is_a_conflict(venue):
    entry = venue.deposit("alice", 7)
    other = venue.resigned(lie(entry, amount=8, sequence=2))
    refused(venue, other, ConflictError, f"the id {entry.id} belongs to another entry")


def test_an_entry_under_another_id_cannot_be_replayed(venue):
    entry = venue.deposit("alice", 7)
    refused(venue, venue.resigned(lie(entry, id="again")), StaleStateError, "sequence")


def test_entries_in_another_order_are_refused(venue):
    first = venue.deposit("alice", 1)
    second = venue.make_deposit("alice", 2)
    batch = Batch(State())
    for entry in venue.log[:-1]:
        batch.add(entry)
    with pytest.raises(StaleStateError):
        batch.add(second)
    batch.add(first)
    batch.add(second)
    assert batch.finish().net["USD"] == 2_003


def test_a_refused_entry_leaves_a_batch_as_it_was(venue):
    batch = Batch(venue.state)
    with pytest.raises(StaleStateError):
        batch.add(venue.resigned(lie(venue.make_deposit("alice", 1), sequence=9)))
    batch.add(venue.make_deposit("alice", 1))
    assert batch.finish().net["USD"] == 2_001


def test_a_batch_with_one_bad_proof_yields_no_state_and_names_the_entry(venue):
    trade, _own = venue.make_trade(["alice", "bob"], [BUY])
    party = trade.parties[1]
    proof = bytearray(party.guard.proof)
    proof[-1] ^= 1
    spoilt = replace(party, guard=replace(party.guard, proof=bytes(proof)))
    bad = venue.resigned(lie(trade, parties=(trade.parties[0], spoilt)))
    batch = Batch(venue.state)
    batch.add(bad)
    with pytest.raises(VerificationError, match=f"{trade.id}: margin of bob: the proof does not hold") as caught:
        batch.finish()
    assert caught.value.failed == "margin of bob"


# ---- names, places and signatures ------------------------------------------------------------------------------------


def test_nothing_happens_before_the_genesis_and_no_account_opens_before_a_market():
    venue = Venue()
    genesis = venue.log[0]
    entry, _ = venue.make_open("alice")
    with pytest.raises(LedgerError, match="must be a genesis"):
        apply(State(), entry)
    with pytest.raises(LedgerError, match="no market yet"):
        apply(apply(State(), genesis), entry)


def test_there_is_one_genesis(venue):
    other = keys.sign_all(replace(venue.log[0], id="again", band_ppm=1), venue.operator)
    refused(venue, other, NotAllowedError, "has its genesis already")


@pytest.mark.parametrize("claim", [replace(INITIAL, kind="maintenance"), replace(INITIAL, threshold=Ratio(9, 10))])
def test_the_claim_after_an_entry_is_the_whole_initial_requirement(claim):
    with pytest.raises(NotAllowedError, match="must be initial with a threshold of at least 1"):
        Venue(claim=claim)


def test_an_entry_for_another_venue_is_refused(venue):
    entry = venue.resigned(lie(venue.make_deposit("alice", 1), venue="elsewhere"))
    refused(venue, entry, NotAllowedError, "venue must be test, got elsewhere")


def test_an_account_that_is_not_open_is_unknown_and_an_open_one_is_not_opened_again(venue):
    entry = lie(venue.make_deposit("alice", 1), account="carol")
    refused(venue, venue.resigned(entry), UnknownAccountError, "account carol is not open")
    again, _ = venue.make_open("carol")
    refused(venue, lie(again, account="alice"), UnknownAccountError, "account alice is open already")


def test_who_has_to_sign_what(venue):
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    entry, _ = venue.make_open("carol")
    rekey = venue.make_rekey("alice", key("new"), Opening.fresh(venue.lots("alice")))
    assert signers(venue.state, trade) == ("account alice", "account bob")
    assert signers(venue.state, entry) == ("account carol", "operator")
    assert signers(venue.state, venue.make_deposit("bob", 1)) == ("operator",)
    assert signers(venue.state, venue.make_withdrawal("bob", 1)) == ("account bob",)
    assert signers(venue.state, rekey) == ("account alice", "the new key of account alice")


def signed_entries(venue):
    venue.trade(["alice", "bob"], {"USD": -1_000, "BTC-DEC": 10})
    return {
        "deposit": venue.make_deposit("alice", 1),
        "withdrawal": venue.make_withdrawal("alice", 1),
        "trade": venue.make_trade(["alice", "bob"], [BUY])[0],
        "open": venue.make_open("carol")[0],
        "rekey": venue.make_rekey("alice", key("new"), Opening.fresh(venue.lots("alice"))),
        "mark": keys.sign_all(Mark(venue=VENUE, id="m", snapshot=venue.state.market.next(EXPIRY, {})), venue.operator),
        "status": keys.sign_all(
            Status(venue=VENUE, id="s", account="bob", epoch=1, status="reduce-only", reason="x"), venue.operator
        ),
        "checkpoint": keys.sign_all(
            Checkpoint(venue=VENUE, id="c", epoch=1, state=venue.state.digest()), venue.operator
        ),
    }


def test_every_signature_is_needed_and_none_may_be_another(venue):
    for entry in signed_entries(venue).values():
        apply(venue.state, entry)
        names = signers(venue.state, entry)
        for place, name in enumerate(names):
            others = list(entry.signatures)
            for wrong in (bytes(64), keys.sign(entry, key("mallory")), keys.sign(lie(entry, id="x"), venue.operator)):
                others[place] = wrong
                refused(venue, lie(entry, signatures=tuple(others)), SignatureError, f"signature of {name}")
        few = lie(entry, signatures=entry.signatures[:-1])
        refused(venue, few, SignatureError, f"must have {len(names)} signatures, got {len(names) - 1}")
        refused(venue, lie(entry, signatures=(*entry.signatures, bytes(64))), SignatureError, "signatures, got")


def test_the_signatures_of_a_trade_are_in_the_order_of_its_parties(venue):
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    refused(venue, lie(trade, signatures=trade.signatures[::-1]), SignatureError, "signature of account alice")


def test_a_claim_is_signed_by_nobody(venue):
    entry = compose.claim(venue.state, "claim", "alice", INITIAL, venue.books["alice"])
    refused(venue, lie(entry, signatures=(bytes(64),)), SignatureError, "must have 0 signatures")


def test_an_old_key_signs_nothing_after_a_rekey(venue):
    old = venue.keys["alice"]
    early = venue.make_withdrawal("alice", 1)
    venue.rekey("alice", key("new"), Opening.fresh(venue.lots("alice")))
    refused(venue, early, StaleStateError, "sequence")
    late = keys.sign_all(venue.make_withdrawal("alice", 1), old)
    refused(venue, late, SignatureError, "signature of account alice")
    apply(venue.state, keys.sign_all(late, key("new")))


def test_a_basis_names_listed_ids_only(venue):
    entry, _ = venue.make_open("carol")
    refused(venue, lie(entry, basis=("ETH-PERP", "USD")), StatementError, "ETH-PERP is not listed")


# ---- money in and out ------------------------------------------------------------------------------------------------


def test_only_cash_and_collateral_can_be_paid_in_or_out(venue):
    paid_in = venue.resigned(lie(venue.make_deposit("alice", 1), asset="BTC-PERP"))
    refused(venue, paid_in, NotAllowedError, "only cash and collateral")
    paid_out = venue.resigned(lie(venue.make_withdrawal("alice", 1), asset="BTC-PERP"))
    refused(venue, paid_out, NotAllowedError, "only cash and collateral")


def test_a_deposit_outside_the_basis_is_refused(venue):
    venue.open("carol", basis=("BTC-PERP", "USD"))
    entry = venue.resigned(lie(venue.make_deposit("carol", 1), asset="BTC"))
    refused(venue, entry, NotAllowedError, "the basis of account carol lacks BTC")


@pytest.mark.parametrize("amount", [0, -1, 2**63])
def test_an_amount_is_positive_and_below_2_to_the_63(venue, amount):
    entry = venue.make_deposit("alice", 1)
    with pytest.raises(StatementError, match=r"deposit.amount must be between 1 and"):
        lie(entry, amount=amount)
    document = entry.to_document() | {"amount": amount}
    with pytest.raises(EncodingError, match="amount must be an integer between 1 and"):
        read(entry, document)


def read(entry, document):
    return entries.from_document(document | {"format": entries.FORMAT, "kind": entry.kind})


def test_a_withdrawal_above_free_collateral_has_no_proof(venue):
    venue.trade(["alice", "bob"], {"USD": -5_000, "BTC-PERP": 50})
    with pytest.raises(WitnessError) as caught:
        venue.make_withdrawal("alice", 501)
    assert caught.value.shortfall_units == 1
    venue.withdraw("alice", 500)


def test_a_withdrawal_of_more_than_was_ever_deposited_is_refused(venue):
    entry = venue.make_withdrawal("alice", 1)
    refused(
        venue, venue.resigned(lie(entry, amount=2_001)), NotAllowedError, "not more than the USD that was deposited"
    )


def test_collateral_that_is_not_held_cannot_leave_even_against_other_equity(venue):
    venue.deposit("bob", 5, "BTC")
    with pytest.raises(WitnessError):
        venue.make_withdrawal("alice", 1, "BTC")
    venue.withdraw("bob", 5, "BTC")


def test_a_proof_where_none_is_needed_is_refused(venue):
    leaving = venue.make_withdrawal("alice", 1)
    refused(venue, venue.resigned(lie(leaving, held_proof=b"x")), NotAllowedError, "held_proof must be empty")
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    refused(venue, venue.resigned(lie(trade, zero_sum_proof=b"x")), NotAllowedError, "zero_sum_proof must be empty")
    same = venue.make_rekey("alice", key("new"), venue.books["alice"])
    for field in ("reblinding_proof", "opening_proof"):
        wrong = keys.sign_all(lie(same, **{field: b"x"}), venue.keys["alice"], key("new"))
        refused(venue, wrong, NotAllowedError, f"{field} must be empty")


# ---- trades ----------------------------------------------------------------------------------------------------------


def test_a_trade_that_leaves_one_side_under_initial_margin_has_no_proof(venue):
    venue.make_trade(["alice", "bob"], [{"USD": -10_000, "BTC-PERP": 100}])
    with pytest.raises(WitnessError) as caught:
        venue.make_trade(["alice", "bob"], [{"USD": -10_100, "BTC-PERP": 101}])
    assert caught.value.shortfall_units == 10
    with pytest.raises(WitnessError):
        venue.make_trade(["alice", "bob"], [{"USD": -9_999, "BTC-PERP": 100}])


def test_an_account_is_on_one_side_of_a_trade(venue):
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    both = replace(trade.parties[1], account="alice")
    refused(venue, lie(trade, parties=(trade.parties[0], both)), NotAllowedError, "not be in a trade twice")


def test_an_account_has_one_of_many_legs(venue):
    venue.open("carol", 1_000)
    legs = [BUY, {"USD": 999, "BTC-PERP": -10}, {"USD": 1}]
    trade, _ = venue.make_trade(["alice", "bob", "carol"], legs)
    twice = (*trade.parties[:2], replace(trade.parties[2], account="alice", sequence=1))
    refused(venue, lie(trade, parties=twice), NotAllowedError, "not be in a trade twice")


def test_a_trade_has_a_change_for_each_party(venue):
    venue.open("carol", 1_000)
    legs = [BUY, {"USD": 999, "BTC-PERP": -10}, {"USD": 1}]
    trade, _ = venue.make_trade(["alice", "bob", "carol"], legs)
    refused(venue, lie(trade, changes=trade.changes[:2]), NotAllowedError, "a change for each of 3 parties, got 2")
    refused(venue, lie(trade, changes=trade.changes[:1]), NotAllowedError, "a change for each of 3 parties, got 1")


def test_a_trade_stays_within_the_basis_of_every_party(venue):
    venue.open("carol", 1_000, basis=("BTC-PERP", "USD"))
    trade, _ = venue.make_trade(["alice", "bob"], [{"USD": -1, "BTC-DEC": 1}])
    party = replace(trade.parties[1], account="carol")
    refused(
        venue, lie(trade, parties=(trade.parties[0], party)), NotAllowedError, "basis of account carol lacks BTC-DEC"
    )


def test_an_entry_for_an_earlier_market_is_stale(venue):
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    leaving = venue.make_withdrawal("alice", 1)
    venue.move(BTC_PERP=101)
    refused(venue, trade, StaleStateError, "snapshot must be")
    refused(venue, leaving, StaleStateError, "snapshot must be")


def test_nothing_trades_or_leaves_while_the_market_is_halted(venue):
    venue.mark(venue.state.market.next(1, {}, breaker="halted"))
    normal = replace(venue.state, snapshot=replace(venue.state.market, breaker="normal"))
    trade, _ = made_under(venue, normal, lambda: venue.make_trade(["alice", "bob"], [BUY]))
    leaving = made_under(venue, normal, lambda: venue.make_withdrawal("alice", 1))
    for entry in (trade, leaving):
        here = venue.resigned(lie(entry, snapshot=venue.state.market.digest()))
        refused(venue, here, NotAllowedError, "the market is halted")
    venue.deposit("alice", 1)
    venue.mark(venue.state.market.next(2, {}, breaker="normal"))
    venue.trade(["alice", "bob"], BUY)


def made_under(venue, state, make):
    """What `make` makes in another state, in which the ledger would not refuse it."""
    present, venue.state = venue.state, state
    try:
        return make()
    finally:
        venue.state = present


def test_a_called_account_may_reduce_and_deposit_and_nothing_else(venue):
    venue.trade(["alice", "bob"], BUY)
    sell = {"USD": 500, "BTC-PERP": -5}
    made = [venue.make_trade(["alice", "bob"], [change])[0] for change in (BUY, sell)]
    made.append(venue.make_withdrawal("alice", 1))
    venue.status("alice", "reduce-only")
    for entry in made:
        refused(venue, entry, NotAllowedError, "account alice may only reduce its exposure")
    venue.deposit("alice", 1)
    venue.trade(["alice", "bob"], sell, forms=["reduction", "margin"])
    venue.status("alice", "active")
    venue.trade(["alice", "bob"], BUY)


def test_a_reduction_has_no_rounds(venue):
    venue.trade(["alice", "bob"], BUY)
    trade, _ = venue.make_trade(["alice", "bob"], [{"USD": 100, "BTC-PERP": -1}], ["reduction", "margin"])
    party = replace(trade.parties[0], guard=replace(trade.parties[0].guard, rounds=1))
    refused(venue, lie(trade, parties=(party, trade.parties[1])), NotAllowedError, "rounds of a reduction must be 0")


# Alice is long 10 at a mark of 100; the band is 2 %, so a lot may go for 98.
REDUCTIONS = {
    "half, at the mark": ({"USD": 500, "BTC-PERP": -5}, True),
    "all": ({"USD": 1_000, "BTC-PERP": -10}, True),
    "nothing": ({"USD": 0, "BTC-PERP": 0}, True),
    "at the end of the band": ({"USD": 490, "BTC-PERP": -5}, True),
    "a unit beyond the band": ({"USD": 489, "BTC-PERP": -5}, False),
    "one too many, so that the sign changes": ({"USD": 1_100, "BTC-PERP": -11}, False),
    "more of the same": ({"USD": -100, "BTC-PERP": 1}, False),
    "something new": ({"USD": -100, "BTC-DEC": 1}, False),
    "short something new": ({"USD": 100, "BTC-DEC": -1}, False),
    "a swap into something new": ({"BTC-PERP": -5, "BTC-DEC": 5, "USD": 0}, False),
    "cash given away": ({"USD": -1}, False),
}


@pytest.mark.parametrize("change, holds", REDUCTIONS.values(), ids=list(REDUCTIONS))
def test_what_reduces_exposure_and_what_does_not(venue, change, holds):
    venue.trade(["alice", "bob"], BUY)
    if holds:
        venue.trade(["alice", "bob"], change, forms=["reduction", "margin"])
        venue.state.check_conservation()
    else:
        with pytest.raises(WitnessError, match="does not satisfy"):
            venue.make_trade(["alice", "bob"], [change], ["reduction", "margin"])


def test_the_short_side_reduces_by_buying(venue):
    venue.trade(["alice", "bob"], BUY)
    venue.trade(["alice", "bob"], {"USD": 500, "BTC-PERP": -5}, forms=["margin", "reduction"])
    with pytest.raises(WitnessError):
        venue.make_trade(["alice", "bob"], [{"USD": -100, "BTC-PERP": 1}], ["margin", "reduction"])


def test_an_account_below_initial_margin_may_still_reduce(venue):
    venue.trade(["alice", "bob"], {"USD": -10_000, "BTC-PERP": 100})
    venue.move(BTC_PERP=93)
    with pytest.raises(WitnessError):
        venue.make_trade(["alice", "bob"], [{"USD": 930, "BTC-PERP": -10}])
    venue.trade(["alice", "bob"], {"USD": 930, "BTC-PERP": -10}, forms=["reduction", "margin"])


# ---- markets, expiries, the margin desk ------------------------------------------------------------------------------


def sign_mark(venue, snapshot):
    return keys.sign_all(Mark(venue=VENUE, id="mark-x", snapshot=snapshot), venue.operator)


def test_a_market_follows_the_one_before(venue):
    for wrong in (market(), venue.state.market.next(1, {}).next(2, {})):
        refused(venue, sign_mark(venue, wrong), StatementError, "epoch must be|previous must be")


def test_the_first_market_lists_the_cash_and_the_model_of_the_rules():
    with pytest.raises(StatementError, match="has no cross parameters"):
        Venue(replace(market(), cross=None))
    other = Snapshot(VENUE, 1, 0, (Listing(Cash("EUR")),), cross=replace(market().cross, maintenance={}, initial={}))
    with pytest.raises(StatementError, match="USD is not listed"):
        Venue(other)
    coins = (replace(market().listings[0], instrument=Collateral("USD", 1)), Listing(Cash("EUR")))
    tables = replace(market().cross, maintenance={}, initial={})
    with pytest.raises(NotAllowedError, match="USD must be listed as cash"):
        Venue(Snapshot(VENUE, 1, 0, coins[::-1], cross=tables))
    with pytest.raises(NotAllowedError, match="venue of the snapshot must be test"):
        Venue(replace(market(), venue="elsewhere"))


@pytest.fixture
def expired(venue):
    venue.trade(["alice", "bob"], {"USD": -1_000, "BTC-DEC": 10})
    venue.move(EXPIRY, BTC_DEC=103)
    return venue


def test_an_instrument_settles_at_its_final_price_only(expired):
    entry, _ = expired.make_settle("alice", "BTC-DEC")
    refused(expired, expired.resigned(lie(entry, price_ticks=104)), NotAllowedError, "settles at 103 ticks, got 104")
    apply(expired.state, entry)


def test_an_instrument_that_has_not_expired_does_not_settle(venue):
    venue.trade(["alice", "bob"], BUY)
    entry = settle_of(venue, "BTC-PERP")
    refused(venue, entry, NotAllowedError, "BTC-PERP has no final price")
    refused(venue, lie(entry, instrument="BTC-DEC"), NotAllowedError, "BTC-DEC has no final price")


def settle_of(venue, instrument):
    """A settle entry without proofs: what is refused before anybody looks at them."""
    commitment = venue.state.account("bob").public.commitment
    sequence = venue.state.account("alice").public.sequence
    made = Settle(
        venue=VENUE,
        id="settle-x",
        account="alice",
        sequence=sequence,
        instrument=instrument,
        price_ticks=103,
        commitment=commitment,
    )
    return keys.sign_all(made, venue.keys["alice"])


def test_the_final_price_is_the_first_mark_at_or_after_expiry_and_stays(expired):
    assert expired.state.finals == {"BTC-DEC": 103}
    moved = expired.state.market.next(EXPIRY + 1, {"BTC-DEC": 104})
    refused(expired, sign_mark(expired, moved), NotAllowedError, "must stay at its final price 103, got 104")
    expired.move(EXPIRY + 1, BTC_PERP=104)


def test_an_expired_instrument_does_not_trade_and_enters_no_basis(expired):
    before = replace(expired.state, finals={})
    trade, _ = made_under(expired, before, lambda: expired.make_trade(["alice", "bob"], [{"USD": -1, "BTC-DEC": 1}]))
    refused(expired, trade, NotAllowedError, "BTC-DEC has expired and can only be settled")
    entry, _ = made_under(expired, before, lambda: expired.make_open("carol"))
    refused(expired, entry, NotAllowedError, "BTC-DEC has expired")


def test_nobody_settles_twice(expired):
    expired.settle("alice")
    again = settle_of(expired, "BTC-DEC")
    refused(expired, again, NotAllowedError, "the basis of account alice lacks BTC-DEC")
    back = Opening.fresh(expired.lots("alice") | {"BTC-DEC": 0})
    with pytest.raises(NotAllowedError, match="BTC-DEC has expired"):
        expired.make_rekey("alice", key("new"), back)


def test_the_basis_may_keep_an_expired_id_until_it_is_settled(expired):
    expired.rekey("alice", key("new"), Opening.fresh(expired.lots("alice")))
    expired.settle("alice")


def test_a_worthless_option_settles_to_nothing():
    listings = market().listings
    zero = replace(listings[1], instrument=Linear("BTC-DEC", 1, EXPIRY), mark_ticks=1)
    venue = Venue(replace(market(), listings=(listings[0], zero, *listings[2:])))
    venue.open("alice", 100)
    venue.open("bob", 100)
    venue.trade(["alice", "bob"], {"USD": -7, "BTC-DEC": 7})
    venue.move(EXPIRY)
    venue.settle("alice")
    venue.settle("bob")
    assert venue.lots("alice")["USD"] == venue.lots("bob")["USD"] == 100
    venue.state.check_conservation()


def test_the_margin_desk_speaks_of_the_present_epoch(venue):
    entry = Status(venue=VENUE, id="s", account="bob", epoch=1, status="reduce-only", reason="late")
    early = keys.sign_all(entry, venue.operator)
    venue.move()
    refused(venue, early, StaleStateError, "epoch must be 2, got 1")


def test_a_checkpoint_states_the_state(venue):
    wrong = Checkpoint(venue=VENUE, id="c", epoch=1, state=bytes(32))
    refused(venue, keys.sign_all(wrong, venue.operator), LedgerError, "states another state")
    wrong = replace(wrong, epoch=2, state=venue.state.digest())
    refused(venue, keys.sign_all(wrong, venue.operator), StaleStateError, "epoch must be 1, got 2")


def test_a_claim_is_about_the_present_state_and_market(venue):
    early = compose.claim(venue.state, "claim", "alice", INITIAL, venue.books["alice"])
    venue.deposit("alice", 1)
    refused(venue, early, StaleStateError, "sequence of account alice must be 2, got 1")
    early = compose.claim(venue.state, "claim", "alice", INITIAL, venue.books["alice"])
    for field, value in (("venue", "elsewhere"), ("epoch", 2), ("commitment", bytes(48))):
        wrong = lie(early, evidence=replace(early.evidence, **{field: value}))
        refused(venue, wrong, StaleStateError, f"{field} of the claim must be")
    venue.move()
    refused(venue, early, StaleStateError, "snapshot must be")


def test_a_rekey_that_drops_what_is_held_has_no_proof(venue):
    rest = {label: lots for label, lots in venue.lots("alice").items() if label != "USD"}
    with pytest.raises(WitnessError):
        venue.make_rekey("alice", key("new"), Opening.fresh(rest))
    small = {"USD": venue.lots("alice")["USD"]}
    venue.rekey("alice", key("new"), Opening.fresh(small))
    assert venue.state.account("alice").public.basis == ("USD",)
    venue.rekey("alice", key("new"), Opening(dict.fromkeys(BASIS, 0) | small, venue.books["alice"].blinding))
    venue.trade(["alice", "bob"], BUY)


def test_no_account_outlives_its_numbers(venue):
    state = venue.state.account("alice")
    last = replace(state, public=replace(state.public, sequence=2**48 - 1))
    venue.state = replace(venue.state, accounts=venue.state.accounts.set("alice", last))
    entry = venue.make_deposit("alice", 1)
    refused(venue, entry, NotAllowedError, f"has had {2**48 - 1} entries")


def test_a_commitment_never_becomes_the_identity(venue):
    opened = Opening({"USD": 0}, 5)
    entry = keys.sign_all(
        compose.open_account(venue.state, "o", "carol", keys.public_key(key("carol")), opened),
        key("carol"),
        venue.operator,
    )
    venue.put(entry)
    venue.keys["carol"], venue.books["carol"] = key("carol"), opened
    sides = [Side("carol"), Side("bob")]
    with pytest.raises(NotAllowedError, match="would become the identity"):
        compose.trade(
            venue.state,
            "t",
            sides,
            [-opened],
        )


def test_the_memo_is_part_of_what_is_proved_and_signed(venue):
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    party = replace(trade.parties[0], memo=b"another")
    changed = lie(trade, parties=(party, trade.parties[1]))
    refused(venue, changed, SignatureError, "signature of account alice")
    refused(venue, venue.resigned(changed), VerificationError, re.escape("change 0 opening: the proof does not hold"))


def test_genesis_fields_have_bounds():
    genesis = Venue().log[0]
    with pytest.raises(StatementError, match="band_ppm"):
        replace(genesis, band_ppm=1_000_001)
    assert isinstance(genesis, Genesis)


def test_what_was_signed_for_one_venue_is_no_signature_for_another(venue):
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    elsewhere = replace(venue.state, genesis=replace(venue.state.rules, venue="other"))
    with pytest.raises(NotAllowedError, match="venue must be other, got test"):
        apply(elsewhere, trade)
    with pytest.raises(SignatureError):
        apply(elsewhere, lie(trade, venue="other"))


def test_a_basis_that_grows_holds_nothing_new(venue):
    venue.open("carol", 10, basis=("USD",))
    wider = Opening(dict.fromkeys(BASIS, 0) | {"USD": 10}, venue.books["carol"].blinding)
    venue.rekey("carol", venue.keys["carol"], wider)
    lying = Opening(wider.quantities | {"BTC": 1}, wider.blinding)
    with pytest.raises(EncodingError):
        compose.claim(venue.state, "claim", "carol", INITIAL, lying)
    compose.claim(venue.state, "claim", "carol", INITIAL, wider)


def test_a_trade_of_nothing_counts_as_an_entry_and_moves_nothing(venue):
    venue.trade(["alice", "bob"], {"USD": 0})
    assert venue.state.account("alice").public.sequence == 2
    assert venue.lots("alice")["USD"] == 1_000


def test_a_called_account_cannot_call_off_its_call(venue):
    called = Status(venue=VENUE, id="s", account="alice", epoch=1, status="active", reason="x")
    refused(venue, keys.sign_all(called, venue.keys["alice"]), SignatureError, "signature of operator")


def test_an_old_word_of_the_margin_desk_is_not_repeated(venue):
    free = venue.status("alice", "active")
    venue.status("alice", "reduce-only")
    assert apply(venue.state, free).account("alice").status == "reduce-only"
    refused(venue, lie(free, id="again"), SignatureError, "signature of operator")


def test_two_parties_may_have_a_change_each(venue):
    legs = [BUY, {"USD": 1_000, "BTC-PERP": -10}]
    venue.trade(["alice", "bob"], *legs)
    assert len(venue.log[-1].changes) == 2
    venue.state.check_conservation()


def test_sixteen_parties_and_no_more(venue):
    names = [f"account-{number}" for number in range(14)]
    for name in names:
        venue.open(name)
    everybody = ["alice", "bob", *names]
    legs = [{"USD": -14}, {"USD": 0}, *({"USD": 1} for _ in names)]
    venue.trade(everybody, *legs, forms=["margin", "margin", *["reduction"] * 14])
    assert venue.lots("account-3")["USD"] == 1
    party = venue.log[-1].parties[0]
    with pytest.raises(StatementError, match="number of trade.parties must be between 2 and 16, got 17"):
        lie(venue.log[-1], parties=(*venue.log[-1].parties, party))
    with pytest.raises(StatementError, match="number of trade.parties must be between 2 and 16, got 1"):
        lie(venue.log[-1], parties=(party,))
