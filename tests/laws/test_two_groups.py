"""A proof made on one implementation of the group verifies on the other, and a lie is a lie on both.

Each side is a process of its own, because the implementation is chosen once a process.
"""

import json
import os
import subprocess
import sys

import pytest

# Two commitments: q^(1) of USD is two digits of base 3, and q^(2), which has no BTC, is its square.
COMMON = """
import json, sys
from zkmargin.algebra.group import group
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import VerificationError
from zkmargin.proofs import arithmetic
from zkmargin.proofs.arithmetic import Proof, Statement, Witness
from zkmargin.proofs.constraints import Affine, System
from zkmargin.transcript import Transcript

rows = (
    Affine((0, 1, 6), (1, 3, -1), 0),
    Affine((2, 6), (1, -1), 0),
    Affine((3, 6), (1, -1), 0),
    Affine((4, 8), (1, -1), 0),
)
system = System(("BTC", "USD"), (("BTC", "USD"), ("USD",)), 2, 3, (Affine((4,), (1,), 0),), 1, rows, 20)
"""
PROVE = """
openings = [Opening({"BTC": -5, "USD": 7}, 11), Opening({"USD": 49}, 13)]
statement = Statement(system, tuple(map(commit, openings)))
values = [1, 2, 7, 7, 49, -5, 7, 0, 49]
proof = arithmetic.prove(Transcript(b"two groups"), statement, Witness(values, [11, 13]), randomness=bytes)
commitments = [commitment.to_bytes().hex() for commitment in statement.commitments]
print(json.dumps({"group": group.name, "commitments": commitments, "proof": proof.to_bytes().hex()}))
"""
VERIFY = """
given = json.load(sys.stdin)
statement = Statement(system, tuple([Commitment.from_bytes(bytes.fromhex(text)) for text in given["commitments"]]))
verdicts = []
for text in given["proofs"]:
    try:
        arithmetic.verify(Transcript(b"two groups"), statement, Proof.from_bytes(system, bytes.fromhex(text)))
        verdicts.append("accepted")
    except VerificationError as error:
        verdicts.append(error.failed)
print(json.dumps({"group": group.name, "verdicts": verdicts}))
"""
GROUPS = ("arkworks", "py_ecc")


def run(name, code, document=None):
    """Return what a Python process with that group prints, as JSON."""
    result = subprocess.run(
        [sys.executable, "-c", COMMON + code],
        env=os.environ | {"ZKMARGIN_GROUP": name},
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer.pop("group") == name
    return answer


@pytest.fixture(scope="module")
def made():
    """The claim and its proof, as each implementation makes them."""
    return {name: run(name, PROVE) for name in GROUPS}


def test_with_pinned_randomness_both_write_the_same_proof(made):
    assert made["arkworks"] == made["py_ecc"]


@pytest.mark.parametrize("prover, verifier", [GROUPS, GROUPS[::-1]], ids=["made on arkworks", "made on py_ecc"])
def test_a_proof_of_one_holds_on_the_other_and_a_spoilt_one_does_not(made, prover, verifier):
    proof = made[prover]["proof"]
    spoilt = proof[:-1] + format(int(proof[-1], 16) ^ 1, "x")
    document = {"commitments": made[prover]["commitments"], "proofs": [proof, spoilt, proof]}
    assert run(verifier, VERIFY, document) == {"verdicts": ["accepted", "(12)", "accepted"]}
