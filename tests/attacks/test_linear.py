"""A named lie for every numbered check of the sigma protocol."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.attacks.register import register
from zkmargin.algebra import generators
from zkmargin.algebra.group import COMPRESSED_BYTES, FIELD_MODULUS, Point, group, is_identity
from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES, random_scalar, system_randomness
from zkmargin.encoding import decode_scalars, encode_scalars
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.proofs import linear
from zkmargin.proofs.linear import BatchItem, Flavor
from zkmargin.proofs.linear_relation import Equation, Relation

G, H = group.generator(), generators.blinding()
CONTEXT = b"attack/1"
SECRET = 0x1234567890ABCDEF

Test = TypeVar("Test", bound=Callable[..., None])
attacked, attacks = register()


def times(scalar: int, point: Point = G) -> Point:
    return group.multiply(point, scalar)


def schnorr(secret: int = SECRET) -> Relation:
    """X = w G."""
    return Relation((G, times(secret)), (Equation(((1, 1),), ((0, 0, 1),)),))


def same_logarithm(left: Point, right: Point) -> Relation:
    """X = w G and Y = w H."""
    return Relation((G, H, left, right), (Equation(((2, 1),), ((0, 0, 1),)), Equation(((3, 1),), ((0, 1, 1),))))


def challenge_of(relation: Relation, announcements: bytes) -> int:
    return linear._challenge(linear._tag(CONTEXT, Flavor.BATCHABLE), relation, announcements)


def prove_without_looking(relation: Relation, witness: list[int]) -> bytes:
    """Return what a prover sends who does not care whether `witness` satisfies the relation."""
    tag = linear._tag(CONTEXT, Flavor.BATCHABLE)
    return linear._prove_with_nonces(relation, witness, tag, Flavor.BATCHABLE, [random_scalar() for _ in witness])


def spoil_last_response(proof: bytes) -> bytes:
    value = decode_scalars(proof[-SCALAR_BYTES:], 1)[0]
    return proof[:-SCALAR_BYTES] + encode_scalars([(value + 1) % ORDER])


def refused(relation: Relation, proof: bytes, check: str, flavor: Flavor = Flavor.BATCHABLE) -> None:
    with pytest.raises(VerificationError) as caught:
        linear.verify(relation, proof, CONTEXT, flavor)
    assert caught.value.failed == check


@attacks(5)
@pytest.mark.parametrize("flavor", Flavor)
@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof + b"\x00",
        lambda proof: proof[:-1],
        lambda proof: b"",
        lambda proof: proof + encode_scalars([0]),
        lambda proof: proof + proof,
    ],
    ids=["a byte more", "a byte less", "nothing", "a response more", "twice"],
)
def test_a_proof_of_another_length_is_refused(flavor: Flavor, change: Callable[[bytes], bytes]) -> None:
    proof = linear.prove(schnorr(), [SECRET], CONTEXT, flavor)
    with pytest.raises(EncodingError, match=r"this linear proof must have (80|64) bytes, got"):
        linear.verify(schnorr(), change(proof), CONTEXT, flavor)


@attacks(6)
@pytest.mark.parametrize("flavor", Flavor)
def test_a_response_written_as_s_plus_r_is_refused(flavor: Flavor) -> None:
    proof = linear.prove(schnorr(), [SECRET], CONTEXT, flavor)
    same = int.from_bytes(proof[-SCALAR_BYTES:], "big") + ORDER
    with pytest.raises(EncodingError, match="scalar"):
        linear.verify(schnorr(), proof[:-SCALAR_BYTES] + same.to_bytes(SCALAR_BYTES, "big"), CONTEXT, flavor)


@attacks(6)
def test_a_challenge_written_as_c_plus_r_is_refused() -> None:
    proof = linear.prove(schnorr(), [SECRET], CONTEXT, Flavor.COMPACT)
    same = int.from_bytes(proof[:SCALAR_BYTES], "big") + ORDER
    with pytest.raises(EncodingError, match="scalar"):
        linear.verify(schnorr(), same.to_bytes(SCALAR_BYTES, "big") + proof[SCALAR_BYTES:], CONTEXT, Flavor.COMPACT)


@attacks(6)
def test_the_identity_as_an_announcement_is_refused_although_its_equation_holds() -> None:
    infinity = b"\xc0" + bytes(COMPRESSED_BYTES - 1)
    response = challenge_of(schnorr(), infinity) * SECRET % ORDER
    (announcement,) = schnorr().difference([response], challenge_of(schnorr(), infinity))
    assert is_identity(announcement)
    with pytest.raises(EncodingError):
        linear.verify(schnorr(), infinity + encode_scalars([response]), CONTEXT)


POINTS: dict[str, Callable[[bytes], bytes]] = {
    "without the compression bit": lambda point: bytes([point[0] & 0x7F]) + point[1:],
    "x lifted by the field's modulus": lambda _: (4 + FIELD_MODULUS + (1 << 383)).to_bytes(COMPRESSED_BYTES, "big"),
    "off the curve": lambda _: (1 + (1 << 383)).to_bytes(COMPRESSED_BYTES, "big"),
    "on the curve, outside the subgroup": lambda _: (1 << 383).to_bytes(COMPRESSED_BYTES, "big"),
    "infinity with a sign": lambda _: b"\xe0" + bytes(COMPRESSED_BYTES - 1),
    "zero": lambda _: bytes(COMPRESSED_BYTES),
}


@attacks(6)
@pytest.mark.parametrize("lie", POINTS)
def test_an_announcement_that_is_no_canonical_point_is_refused(lie: str) -> None:
    proof = linear.prove(schnorr(), [SECRET], CONTEXT)
    with pytest.raises(EncodingError):
        linear.verify(schnorr(), POINTS[lie](proof[:COMPRESSED_BYTES]) + proof[COMPRESSED_BYTES:], CONTEXT)


@attacks(7)
@pytest.mark.parametrize(
    "change",
    [spoil_last_response, lambda proof: group.encode(G) + proof[COMPRESSED_BYTES:]],
    ids=["another response", "another announcement"],
)
def test_a_proof_with_another_value_is_refused(change: Callable[[bytes], bytes]) -> None:
    refused(schnorr(), change(linear.prove(schnorr(), [SECRET], CONTEXT)), "(7)")


@attacks(7)
def test_a_prover_without_the_witness_is_refused() -> None:
    refused(schnorr(), prove_without_looking(schnorr(), [SECRET + 1]), "(7)")


@attacks(7)
def test_two_false_equations_whose_errors_cancel_are_refused() -> None:
    error = times(99)
    relation = same_logarithm(group.add(times(SECRET), error), group.add(times(SECRET, H), group.negate(error)))
    proof = prove_without_looking(relation, [SECRET])
    run = linear._decode(relation, proof, CONTEXT)
    misses = zip(relation.difference(run.responses, run.challenge), run.announcements, strict=True)
    left, right = [group.add(expected, group.negate(sent)) for expected, sent in misses]
    assert is_identity(group.add(left, right))
    assert not is_identity(left)
    refused(relation, proof, "(7)")
    with pytest.raises(VerificationError):
        linear.verify_batch([BatchItem(relation, proof, CONTEXT)])


@attacks(8)
@pytest.mark.parametrize("challenge", [0, 7])
def test_a_compact_proof_whose_announcement_vanishes_is_refused(challenge: int) -> None:
    proof = encode_scalars([challenge, challenge * SECRET % ORDER])
    refused(schnorr(), proof, "(8)", Flavor.COMPACT)


@attacks(8)
def test_a_compact_proof_is_refused_even_if_only_one_of_its_announcements_vanishes() -> None:
    two = Relation(
        (G, group.multiply(G, SECRET), group.multiply(G, 5)),
        (Equation(((1, 1),), ((0, 0, 1),)), Equation(((2, 1),), ((1, 0, 1),))),
    )
    refused(two, encode_scalars([7, 7 * SECRET % ORDER, 1]), "(8)", Flavor.COMPACT)
    refused(two, encode_scalars([7, 1, 7 * 5]), "(8)", Flavor.COMPACT)


@attacks(9)
def test_a_simulated_compact_transcript_is_refused_although_its_equation_holds() -> None:
    proof = encode_scalars([random_scalar(), random_scalar()])
    refused(schnorr(), proof, "(9)", Flavor.COMPACT)


@attacks(9)
@pytest.mark.parametrize("position", [0, SCALAR_BYTES], ids=["challenge", "response"])
def test_a_compact_proof_with_another_value_is_refused(position: int) -> None:
    proof = linear.prove(schnorr(), [SECRET], CONTEXT, Flavor.COMPACT)
    value = decode_scalars(proof[position : position + SCALAR_BYTES], 1)[0]
    changed = proof[:position] + encode_scalars([(value + 1) % ORDER]) + proof[position + SCALAR_BYTES :]
    refused(schnorr(), changed, "(9)", Flavor.COMPACT)


@attacks(10)
def test_two_bad_proofs_whose_errors_cancel_are_both_named() -> None:
    good = linear.prove(schnorr(), [SECRET], CONTEXT)
    head, value = good[:COMPRESSED_BYTES], decode_scalars(good[COMPRESSED_BYTES:], 1)[0]
    proofs = [head + encode_scalars([value + 1]), good, head + encode_scalars([value - 1])]
    with pytest.raises(VerificationError) as caught:
        linear.verify_batch([BatchItem(schnorr(), proof, CONTEXT) for proof in proofs])
    assert (caught.value.failed, caught.value.positions) == ("(10)", (0, 2))


@attacks(10)
@pytest.mark.parametrize("bad", [(0,), (6,), (2, 3), (0, 1, 4, 6), tuple(range(7))], ids=str)
def test_a_batch_names_every_bad_proof_and_no_good_one(bad: tuple[int, ...]) -> None:
    batch = []
    for position in range(7):
        proof = linear.prove(schnorr(position + 1), [position + 1], CONTEXT)
        spoiled = proof[:-1] if position == 4 else spoil_last_response(proof)  # malformed ones are named too
        batch.append(BatchItem(schnorr(position + 1), spoiled if position in bad else proof, CONTEXT))
    with pytest.raises(VerificationError) as caught:
        linear.verify_batch(batch)
    assert caught.value.positions == bad


@attacks(10)
def test_every_bisection_draws_fresh_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bytes] = []

    def watched(length: int) -> bytes:
        drawn.append(system_randomness(length))
        return drawn[-1]

    good = linear.prove(schnorr(), [SECRET], CONTEXT)
    monkeypatch.setattr(linear, "system_randomness", watched)
    with pytest.raises(VerificationError):
        linear.verify_batch([BatchItem(schnorr(), proof, CONTEXT) for proof in (good, spoil_last_response(good))])
    assert len(set(drawn)) == len(drawn) == 4  # both together, then each alone
    assert {len(weight) for weight in drawn} == {16}


@attacks(10)
def test_a_batch_of_more_than_65536_proofs_is_refused() -> None:
    with pytest.raises(StatementError, match="batch size"):
        linear.verify_batch([BatchItem(schnorr(), b"", CONTEXT)] * (2**16 + 1))


# What the transcript binds.


@pytest.mark.parametrize("flavor", Flavor)
def test_every_bit_flip_of_a_short_proof_is_refused(flavor: Flavor) -> None:
    relation = schnorr()
    proof = linear.prove(relation, [SECRET], CONTEXT, flavor)
    for bit in range(8 * len(proof)):
        flipped = bytearray(proof)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((EncodingError, VerificationError)):
            linear.verify(relation, bytes(flipped), CONTEXT, flavor)


@pytest.mark.parametrize("flavor", Flavor)
@pytest.mark.parametrize("context", [b"attack/2", b"attack/1 ", b"attack/1-DSFS", b"a"])
def test_a_proof_made_in_another_context_is_refused(flavor: Flavor, context: bytes) -> None:
    proof = linear.prove(schnorr(), [SECRET], CONTEXT, flavor)
    with pytest.raises(VerificationError):
        linear.verify(schnorr(), proof, context, flavor)


@pytest.mark.parametrize("context", [b"", bytes(2**16 + 1)], ids=["empty", "too long"])
def test_a_context_that_is_empty_or_too_long_is_refused(context: bytes) -> None:
    with pytest.raises(StatementError, match="context"):
        linear.prove(schnorr(), [SECRET], context)
    for flavor in Flavor:
        with pytest.raises(StatementError, match="context"):
            linear.verify(schnorr(), bytes(linear.proof_bytes(schnorr(), flavor)), context, flavor)


def as_compact(proof: bytes) -> bytes:
    """Return the transcript of a batchable proof of X = w G, re-encoded."""
    return encode_scalars([challenge_of(schnorr(), proof[:COMPRESSED_BYTES])]) + proof[COMPRESSED_BYTES:]


def as_batchable(proof: bytes) -> bytes:
    """Return the transcript of a compact proof of X = w G, re-encoded."""
    challenge, response = decode_scalars(proof, 2)
    return group.encode(schnorr().difference([response], challenge)[0]) + proof[SCALAR_BYTES:]


def test_a_batchable_proof_re_encoded_as_compact_is_refused() -> None:
    refused(schnorr(), as_compact(linear.prove(schnorr(), [SECRET], CONTEXT)), "(9)", Flavor.COMPACT)


def test_a_compact_proof_re_encoded_as_batchable_is_refused() -> None:
    refused(schnorr(), as_batchable(linear.prove(schnorr(), [SECRET], CONTEXT, Flavor.COMPACT)), "(7)")


def test_only_the_marker_in_the_tag_keeps_the_flavors_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "_tag", lambda context, flavor: context)
    linear.verify(schnorr(), as_compact(linear.prove(schnorr(), [SECRET], CONTEXT)), CONTEXT, Flavor.COMPACT)
    compact = linear.prove(schnorr(), [SECRET], CONTEXT, Flavor.COMPACT)
    linear.verify(schnorr(), as_batchable(compact), CONTEXT)


@pytest.mark.parametrize("flavor", Flavor)
def test_a_proof_is_refused_when_the_equations_are_swapped(flavor: Flavor) -> None:
    relation = same_logarithm(times(SECRET), times(SECRET, H))
    swapped = Relation(relation.elements, relation.equations[::-1])
    proof = linear.prove(relation, [SECRET], CONTEXT, flavor)
    with pytest.raises(VerificationError):
        linear.verify(swapped, proof, CONTEXT, flavor)


@pytest.mark.parametrize("flavor", Flavor)
def test_a_proof_is_refused_when_an_element_changes_and_its_equation_does_not(flavor: Flavor) -> None:
    """M + E = w G binds M and E, not only their sum."""
    equations = (Equation(((1, 1), (2, 1)), ((0, 0, 1),)),)
    told = Relation((G, times(SECRET - 5), times(5)), equations)
    claimed = Relation((G, times(SECRET - 6), times(6)), equations)
    proof = linear.prove(told, [SECRET], CONTEXT, flavor)
    with pytest.raises(VerificationError):
        linear.verify(claimed, proof, CONTEXT, flavor)


# No number without an attack.


def numbers(pattern: str) -> set[int]:
    return {int(found) for found in re.findall(pattern, Path(linear.__file__).read_text(), re.MULTILINE)}


def test_every_check_of_the_verifier_has_an_attack() -> None:
    assert numbers(r"^    \((\d+)\) +V: ") == set(attacked) == set(range(5, 11))


def test_every_step_of_the_protocol_is_marked_in_the_code() -> None:
    assert numbers(r"# \((\d+)\)$") == numbers(r"^    \((\d+)\) ") == set(range(1, 11))
