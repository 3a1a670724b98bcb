"""Our own vectors of the ready-made relations: is it still the same protocol, and are old proofs still accepted?"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from zkmargin.algebra import generators
from zkmargin.algebra.scalars import Randomness
from zkmargin.commitments import Opening, commit
from zkmargin.errors import EncodingError, VerificationError
from zkmargin.proofs import linear, relations
from zkmargin.proofs.linear import Flavor
from zkmargin.proofs.linear_relation import Relation
from zkmargin.transcript import DuplexSponge

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("linear.json").read_bytes())
ACCEPT = {vector["id"]: vector for vector in VECTORS if vector["expected"] == "accept"}
REJECT = [vector for vector in VECTORS if vector["expected"] == "reject"]


def seeded(seed: str) -> Randomness:
    """Return the source of all randomness of a vector: the sponge whose session is SHA-256 of the seed."""
    return DuplexSponge(hashlib.sha256(seed.encode()).digest()).squeeze


def statement(name: str, randomness: Randomness) -> tuple[Relation, list[int]]:
    """Return the relation and the witness of a vector; openings are drawn from `randomness` in the order written."""
    one = Opening.fresh({"USD": 1_000, "BTC-PERPETUAL": -7}, randomness)
    if name == "opening":
        return relations.opening(list(one.quantities), commit(one)), [*one.quantities.values(), one.blinding]
    if name == "zero-sum":
        two = Opening.fresh({"USD": -1_000, "BTC-PERPETUAL": 7}, randomness)
        return relations.zero_sum([commit(one), commit(two)]), [one.blinding + two.blinding]
    if name == "re-blinding":
        two = Opening.fresh(one.quantities, randomness)
        return relations.reblinding(commit(one), commit(two)), [two.blinding - one.blinding]
    two = Opening.fresh({"EUR": 1_000, "ETH-PERPETUAL": -7}, randomness)
    left, right = [[generators.book(label) for label in opening.quantities] for opening in (one, two)]
    witness = [*one.quantities.values(), one.blinding, two.blinding]
    return relations.equality(left, commit(one), right, commit(two)), witness


@pytest.mark.parametrize("vector", ACCEPT.values(), ids=ACCEPT)
def test_a_proof_of_an_earlier_release_is_proved_again_byte_for_byte_and_holds(vector: dict[str, Any]) -> None:
    randomness, context = seeded(vector["seed"]), vector["context"].encode()
    relation, witness = statement(vector["relation"], randomness)
    assert relation.to_bytes().hex() == vector["statement"]
    proof = linear.prove(relation, witness, context, Flavor[vector["flavor"]], randomness)
    assert proof.hex() == vector["proof"]
    linear.verify(relation, proof, context, Flavor[vector["flavor"]])


@pytest.mark.parametrize("vector", REJECT, ids=[vector["id"] for vector in REJECT])
def test_what_an_earlier_release_refused_is_refused(vector: dict[str, Any]) -> None:
    base = ACCEPT[vector["mutates"]]
    case = base | vector
    relation, _ = statement(case["relation"], seeded(case["seed"]))
    assert case["proof"] != base["proof"] or case["context"] != base["context"]
    with pytest.raises((EncodingError, VerificationError)) as caught:
        linear.verify(relation, bytes.fromhex(case["proof"]), case["context"].encode(), Flavor[case["flavor"]])
    assert getattr(caught.value, "failed", "encoding") == vector["failed"]
