"""The accept vectors of draft-irtf-cfrg-sigma-protocols for BLS12-381: proved again byte for byte, and verified."""

import json
from pathlib import Path
from typing import Any

import pytest

from zkmargin.algebra import group as group_module
from zkmargin.algebra.group import COMPRESSED_BYTES, Group
from zkmargin.algebra.portable import Portable
from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES, WIDE_BYTES
from zkmargin.encoding import decode_scalars, decode_uint, reduce_uint
from zkmargin.errors import VerificationError
from zkmargin.proofs import linear, linear_relation
from zkmargin.proofs.linear import BatchItem, Flavor
from zkmargin.proofs.linear_relation import Equation, Relation
from zkmargin.transcript import DuplexSponge, derive_session_id

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "cfrg" / "sigma-proofs_Shake128_BLS12381.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_bytes()) if FILE.exists() else []
FLAVORS = {"batchable": Flavor.BATCHABLE, "compact": Flavor.COMPACT}

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not VECTORS, reason=f"{FILE.name} is not on this machine"),
]
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=[vector["Id"][16:] for vector in VECTORS])


@pytest.fixture(params=["native", "portable"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Group:
    """Every vector is checked on both implementations of the group."""
    if request.param == "portable":
        for module in (group_module, linear, linear_relation):
            monkeypatch.setattr(module, "group", Portable())
    return group_module.group


def relation_of(vector: dict[str, Any], group: Group) -> Relation:
    """Read the instance of a vector; our own code only ever writes instances."""
    data = bytes.fromhex(vector["Instance"])

    def number() -> int:
        nonlocal data
        value, data = decode_uint(data, 2**32)
        return value

    def coefficient() -> int:
        nonlocal data
        head, data = data[:SCALAR_BYTES], data[SCALAR_BYTES:]
        return decode_scalars(head, 1)[0]

    equations = []
    for _ in range(number()):
        image = tuple([(number(), coefficient()) for _ in range(number())])
        equations.append(Equation(image, tuple([(number(), number(), coefficient()) for _ in range(number())])))
    points = [group.decode(data[i : i + COMPRESSED_BYTES]) for i in range(0, len(data), COMPRESSED_BYTES)]
    return Relation((group.generator(), *points), tuple(equations))


def context_of(vector: dict[str, Any]) -> bytes:
    """Return the application's part of the tag: what stands before the flavor and the suite."""
    tag: str = vector["Tag"]
    context, _, suite = tag.partition(f"-{FLAVORS[vector['Flavor']].value.decode()}-with-")
    assert suite.encode() == linear.SUITE
    return context.encode()


def pinned_nonces(vector: dict[str, Any], count: int) -> list[int]:
    """Return the nonces that the draft's seeded generator gives."""
    marker = FLAVORS[vector["Flavor"]].value.decode()
    tag = f"TestDRNG-SIGMA-PROOFS-{marker}-{vector['Ciphersuite']}-{vector['Relation']}"
    sponge = DuplexSponge(derive_session_id(tag.encode()))
    return [reduce_uint(sponge.squeeze(WIDE_BYTES), ORDER) for _ in range(count)]


@each_vector
def test_an_instance_is_encoded_as_in_the_draft(vector: dict[str, Any], implementation: Group) -> None:
    assert relation_of(vector, implementation).to_bytes().hex() == vector["Instance"]


@each_vector
def test_the_session_id_is_that_of_the_draft(vector: dict[str, Any]) -> None:
    tag = linear._tag(context_of(vector), FLAVORS[vector["Flavor"]])
    assert (tag, derive_session_id(tag).hex()) == (vector["Tag"].encode(), vector["SessionId"])


@each_vector
def test_an_accepted_proof_is_proved_again_byte_for_byte(vector: dict[str, Any], implementation: Group) -> None:
    relation = relation_of(vector, implementation)
    witness = decode_scalars(bytes.fromhex(vector["Witness"]), relation.scalar_count)
    flavor, tag = FLAVORS[vector["Flavor"]], vector["Tag"].encode()
    nonces = pinned_nonces(vector, relation.scalar_count)
    proof = linear._prove_with_nonces(relation, witness, tag, flavor, nonces)
    assert proof.hex() == vector["NargString"]
    assert len(proof) == linear.proof_bytes(relation, flavor)


@each_vector
def test_an_accepted_proof_holds_and_only_in_its_own_context(vector: dict[str, Any], implementation: Group) -> None:
    relation, proof = relation_of(vector, implementation), bytes.fromhex(vector["NargString"])
    flavor, context = FLAVORS[vector["Flavor"]], context_of(vector)
    linear.verify(relation, proof, context, flavor)
    with pytest.raises(VerificationError):
        linear.verify(relation, proof, context + b"/wrong-session", flavor)


def test_all_batchable_proofs_hold_together_and_a_spoiled_one_is_named(implementation: Group) -> None:
    batch = [
        BatchItem(relation_of(vector, implementation), bytes.fromhex(vector["NargString"]), context_of(vector))
        for vector in VECTORS
        if vector["Flavor"] == "batchable"
    ]
    linear.verify_batch(batch)
    batch[3] = BatchItem(batch[3].relation, batch[3].proof, b"another context")
    with pytest.raises(VerificationError) as caught:
        linear.verify_batch(batch)
    assert caught.value.positions == (3,)
