"""The second verifier follows a ledger's log: it accepts what the library accepts, and refuses what was changed."""

import copy
import json

import pytest

from tests.ledger.venue import Venue
from tests.reference.ledger import Ledger, binding, hashed
from tests.reference.primitives import compress
from tests.reference.reading import RefusedError
from tests.vectors import ledger as vectors
from zkmargin.commitments import Opening
from zkmargin.ledger import entries

LOG = json.loads(vectors.FILE.read_bytes())["log"]


def followed(log):
    """Ledgers before each entry of a log, and after the last."""
    states = [Ledger()]
    for entry in log:
        following = Ledger()
        following.__dict__ |= copy.deepcopy(states[-1].__dict__)
        following.apply(copy.deepcopy(entry))
        states.append(following)
    return states


@pytest.fixture(scope="module")
def states():
    return followed(LOG)


def test_it_accepts_the_frozen_log_and_follows_every_commitment(states):
    story = vectors.Story()
    story.tell()
    for name, account in story.state.accounts.items():
        mine = states[-1].accounts[name]
        assert compress(mine["point"]) == account.public.commitment.to_bytes()
        assert (mine["sequence"], tuple(mine["basis"])) == (account.public.sequence, account.public.basis)


def test_it_computes_the_digests_of_the_library():
    for document in LOG:
        entry = entries.from_document(document)
        assert binding(document) == entry.binding()
        assert hashed(b"identity", document) == entry.identity()


PROOFS = {
    "open-alice": [("blinding_proof",)],
    "trade-1": [
        ("changes", 0, "opening_proof"),
        ("changes", 0, "bounds_proof"),
        ("parties", 0, "guard", "proof"),
        ("parties", 1, "guard", "proof"),
    ],
    "trade-2": [("zero_sum_proof",), ("changes", 2, "bounds_proof"), ("parties", 1, "guard", "proof")],
    "withdrawal": [("margin_proof",)],
    "claim": [("evidence", "proof")],
    "settle": [("leg_proof",), ("bounds_proof",), ("opening_proof",)],
    "rekey": [("reblinding_proof",)],
}


@pytest.mark.parametrize("name", PROOFS)
def test_it_refuses_every_proof_that_was_changed_and_every_signature(states, monkeypatch, name):
    place = next(number for number, entry in enumerate(LOG) if entry["id"] == name)
    if LOG[place]["signatures"]:
        unsigned = copy.deepcopy(LOG[place])
        unsigned["signatures"][0] = "00" * 64
        with pytest.raises(RefusedError, match="signature"):
            copy.deepcopy(states[place]).apply(unsigned)
    # From here on everybody signs whatever was changed.
    monkeypatch.setattr("tests.reference.ledger.check_signatures", lambda entry, signers: None)
    for path in PROOFS[name]:
        spoilt = copy.deepcopy(LOG[place])
        holder = spoilt
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = holder[path[-1]][:-1] + ("0" if holder[path[-1]][-1] != "0" else "1")
        with pytest.raises(RefusedError, match="does not hold"):
            copy.deepcopy(states[place]).apply(spoilt)


def test_it_accepts_a_withdrawal_of_collateral_and_an_id_that_leaves_the_basis():
    venue = Venue()
    venue.open("alice", 1_000, ("BTC", "USD"))
    venue.deposit("alice", 5, "BTC")
    venue.withdraw("alice", 5, "BTC")
    venue.rekey("alice", venue.keys["alice"], Opening({"USD": 1_000}, venue.books["alice"].blinding))
    log = [json.loads(entry.canonical_bytes()) for entry in venue.log]
    after = followed(log)[-1].accounts["alice"]
    assert compress(after["point"]) == venue.state.account("alice").public.commitment.to_bytes()
    assert after["basis"] == ["USD"]
