"""Whoever answers two challenges to one announcement knows the witness; one answer proves nothing, and tells nothing.

The prover is the library's, a black box that is started again with the same coins and meets another challenge.
"""

import hashlib
from collections import Counter
from itertools import product

import pytest

from zkmargin.algebra import generators
from zkmargin.algebra.group import group, is_identity
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import VerificationError
from zkmargin.proofs import linear, relations

CONTEXT = b"soundness/1"
BOOK = {"BTC-PERP": -3, "USD": 1_000_000}
ONE, TWO = Opening(BOOK, 2**200 + 1), Opening({name: -lots for name, lots in BOOK.items()}, 2**201 + 1)
OTHER = Opening({"EUR": -3, "GBP": 1_000_000}, 2**202 + 1)
RELATIONS = {
    "opening": (relations.opening(list(BOOK), commit(ONE)), [-3, 1_000_000, ONE.blinding]),
    "zero sum": (relations.zero_sum([commit(ONE), commit(TWO)]), [ONE.blinding + TWO.blinding]),
    "re-blinding": (relations.reblinding(commit(ONE), commit(Opening(BOOK, 5))), [5 - ONE.blinding]),
    "equality": (
        relations.equality(
            list(map(generators.book, BOOK)), commit(ONE), list(map(generators.book, OTHER.quantities)), commit(OTHER)
        ),
        [-3, 1_000_000, ONE.blinding, OTHER.blinding],
    ),
}
each_relation = pytest.mark.parametrize("relation, witness", RELATIONS.values(), ids=RELATIONS)


def same_coins(count):
    return hashlib.shake_256(b"the same coins").digest(count)


@pytest.fixture
def asked(monkeypatch):
    """Let prover and verifier meet a chosen challenge."""

    def ask(challenge):
        monkeypatch.setattr(linear, "_challenge", lambda *_: challenge)

    return ask


@each_relation
def test_two_answers_of_a_black_box_to_one_announcement_give_the_witness(relation, witness, asked):
    runs = []
    for challenge in (3, 2**190):
        asked(challenge)
        proof = linear.prove(relation, witness, CONTEXT, randomness=same_coins)
        linear.verify(relation, proof, CONTEXT)
        runs.append(linear._decode(relation, proof, CONTEXT))
    one, two = runs
    assert all(map(group.equal, one.announcements, two.announcements))
    scale = pow(one.challenge - two.challenge, -1, ORDER)
    found = [(left - right) * scale % ORDER for left, right in zip(one.responses, two.responses, strict=True)]
    # map(found) = Y, for every equation.
    assert all(is_identity(point) for point in relation.difference(found, 1))
    assert found == [secret % ORDER for secret in witness]


def false_statement():
    """Return a relation that nobody has a witness for, as far as anybody knows: a point of unknown opening."""
    return relations.opening(["USD"], Commitment(group.hash_to_curve(b"nobody's", b"soundness")))


@each_relation
def test_one_answer_proves_nothing_and_tells_nothing(relation, witness, asked):
    # The simulator: challenge and responses first. It needs no witness, and no true statement.
    for stated in (relation, false_statement()):
        challenge, responses = 2**180 + 7, list(range(1, 1 + stated.scalar_count))
        announcements = linear._encode(stated.difference(responses, challenge))
        proof = announcements + linear.encode_scalars(responses)
        asked(challenge)
        linear.verify(stated, proof, CONTEXT)
        asked(challenge + 1)
        with pytest.raises(VerificationError):
            linear.verify(stated, proof, CONTEXT)


@pytest.mark.parametrize("equations", [1, 2])
def test_about_a_false_statement_every_announcement_survives_one_challenge_at_most(equations):
    # Modulo 5, in a group that binds: an element has a coefficient for P and one for Q, which the map never reaches.
    # The last equation is false.
    order, reached = 5, []
    for T in product(range(order), repeat=2 * equations):
        answered = 0
        for c in range(order):
            images = [(3, 0)] * (equations - 1) + [(3, 1)]
            points = [(T[2 * i] + c * y, T[2 * i + 1] + c * z) for i, (y, z) in enumerate(images)]
            # One secret: s P is demanded in every equation.
            answered += any(all(((p - s) % order, q % order) == (0, 0) for p, q in points) for s in range(order))
        reached.append(answered)
    assert max(reached) == 1


def test_real_and_simulated_transcripts_are_equally_frequent():
    # All nonces and challenges, all challenges and responses, in the group Z_7 with P = 3 and the secret 5.
    order, P, secret = 7, 3, 5
    Y = P * secret % order
    real = Counter((P * k % order, c, (k + c * secret) % order) for k, c in product(range(order), repeat=2))
    simulated = Counter(((P * s - c * Y) % order, c, s) for s, c in product(range(order), repeat=2))
    assert real == simulated
    assert set(real.values()) == {1}


def test_a_nonce_that_is_used_twice_would_give_the_witness_away_and_the_library_draws_another(asked):
    # The extractor is also what an observer of a repeated nonce would do. Contexts differ, so nonces do.
    relation, witness = RELATIONS["opening"]
    asked(3)
    runs = [
        linear._decode(relation, linear.prove(relation, witness, context, randomness=same_coins), context)
        for context in (b"one", b"two")
    ]
    assert not group.equal(runs[0].announcements[0], runs[1].announcements[0])
