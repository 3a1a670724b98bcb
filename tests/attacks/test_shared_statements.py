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
from zkmargin.testing.workloads import workload


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


# Many proofs of one statement are evaluated together


@pytest.fixture(scope="module")
def crowd():
    """Twelve proofs of one statement, more than it takes for a matrix product, and two of another between them."""
    work, other = workload("W", 12, coordinates=5, scenarios=4), workload("cross", 2)
    found = []
    for market in (work, other):
        for account, opening in zip(market.accounts(), market.openings, strict=True):
            proof = claims.prove(market.snapshot, market.claim, account, opening)
            found.append(Item(market.snapshot, market.claim, account, proof))
    return [*found[:5], found[12], *found[5:9], found[13], *found[9:12]]


def test_together_exactly_those_hold_that_hold_alone_wherever_a_byte_is_changed(crowd):
    claims.verify_batch(crowd)
    size = len(crowd[0].proof)
    for place in range(290, size, max(1, (size - 290) // 9)):
        spoilt = list(crowd)
        for victim in (1, 7, 11):
            proof = spoilt[victim].proof
            spoilt[victim] = replace(
                spoilt[victim], proof=proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :]
            )
        with pytest.raises(VerificationError) as refused:
            claims.verify_batch(spoilt)
        assert refused.value.positions == (1, 7, 11)


def test_errors_of_proofs_that_are_evaluated_together_do_not_cancel(crowd):
    # The same number is added to a response of one proof and taken from that of another: the evaluation is linear.
    def shifted(item, place, by):
        value = int.from_bytes(item.proof[place : place + 32], "big") + by
        return replace(item, proof=item.proof[:place] + value.to_bytes(32, "big") + item.proof[place + 32 :])

    for place in range(288, len(crowd[0].proof), 640):
        spoilt = list(crowd)
        spoilt[2], spoilt[3] = shifted(crowd[2], place, 1), shifted(crowd[3], place, -1)
        with pytest.raises(VerificationError) as refused:
            claims.verify_batch(spoilt)
        assert refused.value.positions == (2, 3)
