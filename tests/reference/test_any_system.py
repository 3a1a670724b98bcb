"""The library and the second verifier decide alike about systems that nobody has thought of."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.folded import square_claim
from tests.reference import general, primitives
from tests.reference.reading import RefusedError
from tests.unit.proofs.test_arithmetic import claims
from zkmargin.errors import EncodingError, VerificationError
from zkmargin.proofs import arithmetic, compact, constraints
from zkmargin.transcript import Transcript

TAG = "any/1"


def decide(statement, rounds, data):
    """Return whether the library believes these bytes."""
    try:
        if rounds:
            proof = compact.Proof.from_bytes(statement.system, rounds, data)
            compact.verify(Transcript(TAG.encode()), statement, rounds, proof)
        else:
            arithmetic.verify(Transcript(TAG.encode()), statement, arithmetic.Proof.from_bytes(statement.system, data))
    except (EncodingError, VerificationError):
        return False
    return True


def decide_again(statement, rounds, data):
    """Return whether the second verifier does; it is told the system as JSON."""
    given_system = json.loads(json.dumps(asdict(statement.system)))
    commitments = [primitives.decompress(one.to_bytes()) for one in statement.commitments]
    try:
        general.check(TAG, given_system, commitments, data, rounds)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize("dense", [False, True], ids=["row by row", "as matrices"])
@given(claim=claims(), rounds=st.integers(0, 3), data=st.data())
def test_both_decide_alike_about_any_system(dense, claim, rounds, data):
    # The library computes large statements, and many proofs at once, with matrices: here it does so with small ones.
    with pytest.MonkeyPatch.context() as patch:
        if dense:
            patch.setattr(constraints, "LEAST_DENSE", 1)
            patch.setattr(constraints, "MANY", 1)
        check_that_both_decide_alike(claim, rounds, data)


def check_that_both_decide_alike(claim, rounds, data):
    statement, witness = claim
    rounds = min(rounds, (statement.system.slots - 1).bit_length())
    if rounds:
        proof = compact.prove(Transcript(TAG.encode()), statement, witness, rounds).to_bytes()
    else:
        proof = arithmetic.prove(Transcript(TAG.encode()), statement, witness).to_bytes()
    assert decide(statement, rounds, proof)
    assert decide_again(statement, rounds, proof)
    place = data.draw(st.integers(0, len(proof) - 1))
    spoilt = proof[:place] + bytes([proof[place] ^ data.draw(st.integers(1, 255))]) + proof[place + 1 :]
    assert not decide(statement, rounds, spoilt)
    assert not decide_again(statement, rounds, spoilt)


@given(claims())
def test_both_derive_the_same_digest_of_any_system(claim):
    system = claim[0].system
    assert general.System(json.loads(json.dumps(asdict(system)))).digest() == system.digest


@pytest.mark.parametrize("rounds", [0, 1])
def test_bytes_that_are_no_proof_are_refused_by_both(rounds):
    statement, _ = square_claim()
    size = compact.proof_bytes(statement.system, rounds) if rounds else arithmetic.proof_bytes(statement.system)
    for length in (0, size - 1, size, size + 1):
        assert not decide(statement, rounds, bytes(length))
        assert not decide_again(statement, rounds, bytes(length))
