"""Verifications share what they have compiled: nobody can leave anything there that changes another's verdict."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from circuits import claims, registration
from circuits.claims import Item
from tests.attacks.test_claims import BOX, CLAIMS, MARKET, MARKETS, SECRET
from zkmargin.amounts import Ratio
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.margin.claim import Claim


@pytest.fixture(scope="module")
def questions():
    """Pairs of an item and whether it holds: proofs, and the same proofs a step away from what they are about."""
    alice = registration.register("demo", "alice", SECRET, 7).account
    ledger = replace(alice, quantity_bits=112)
    good = [Item(MARKET, claim, alice, claims.prove(MARKET, claim, alice, SECRET)) for claim in CLAIMS]
    good += [Item(MARKET, BOX, alice, claims.prove(MARKET, BOX, alice, SECRET, rounds=3), 3)]
    good += [Item(MARKET, BOX, ledger, claims.prove(MARKET, BOX, ledger, SECRET))]
    found = [(item, True) for item in good]
    for item in good:
        other = alice if item.account is ledger else ledger
        strangers = [
            replace(item, account=other),
            replace(item, account=replace(item.account, sequence=8)),
            replace(item, claim=replace(item.claim, threshold=Ratio(4, 3))),
            replace(item, claim=Claim("box", "cross", Ratio(3, 2), 20_001)),
            replace(item, snapshot=MARKETS["mark of a held contract"]),
            replace(item, snapshot=MARKETS["breaker"]),
            replace(item, rounds=item.rounds + 1),
        ]
        found += [(one, False) for one in strangers]
    return found


def holds(item):
    try:
        claims.verify(item.snapshot, item.claim, item.account, item.proof, item.rounds)
    except (EncodingError, StatementError, VerificationError):
        return False
    return True


@pytest.mark.parametrize("kept", [1, 2, 64])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_order_of_questions_changes_an_answer(questions, kept, seed, monkeypatch):
    monkeypatch.setattr(claims, "CACHED_STATEMENTS", kept)
    asked = questions * 2
    random.Random(seed).shuffle(asked)
    assert [holds(item) for item, _ in asked] == [expected for _, expected in asked]


def test_questions_at_the_same_time_do_not_change_an_answer(questions, monkeypatch):
    monkeypatch.setattr(claims, "CACHED_STATEMENTS", 2)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(holds, [item for item, _ in questions * 2]))
    assert answers == [expected for _, expected in questions * 2]


def test_a_batch_of_all_questions_names_exactly_those_that_do_not_hold(questions):
    with pytest.raises(VerificationError) as refused:
        claims.verify_batch([item for item, _ in questions])
    assert refused.value.positions == tuple(place for place, (_, expected) in enumerate(questions) if not expected)
