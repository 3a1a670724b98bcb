from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zkmargin.algebra import generators
from zkmargin.algebra.group import COMPRESSED_BYTES, Point, group, is_identity
from zkmargin.algebra.scalars import ORDER, inverse, random_scalar
from zkmargin.encoding import decode_scalars
from zkmargin.errors import EncodingError, VerificationError, WitnessError
from zkmargin.proofs import linear
from zkmargin.proofs.linear import BatchItem, Flavor
from zkmargin.proofs.linear_relation import Equation, Relation
from zkmargin.transcript import DuplexSponge

G, H = group.generator(), generators.blinding()
CONTEXT = b"unit/1"
SECRET = 0xC0FFEE


def schnorr(secret: int) -> Relation:
    return Relation((G, group.multiply(G, secret)), (Equation(((1, 1),), ((0, 0, 1),)),))


def prove_with_nonce(context: bytes, nonce: int, flavor: Flavor = Flavor.BATCHABLE) -> bytes:
    tag = linear._tag(context, flavor)
    return linear._prove_with_nonces(schnorr(SECRET), [SECRET], tag, flavor, [nonce])


@st.composite
def true_statements(draw: st.DrawFn) -> tuple[Relation, list[int]]:
    """Draw random coefficients and a witness, and compute the image that makes them a true statement."""
    scalars = draw(st.integers(1, 4))
    coefficients = st.integers(1, ORDER - 1)
    witness = draw(st.lists(st.integers(1, ORDER - 1), min_size=scalars, max_size=scalars))
    bases: list[Point] = [G, H, *generators.slots.first(2)]
    equations, images = [], []
    for _ in range(draw(st.integers(1, 3))):
        terms = [(scalar, draw(st.integers(0, 3)), draw(coefficients)) for scalar in range(scalars)]
        points, factors = [bases[e] for _, e, _ in terms], [c * witness[s] for s, _, c in terms]
        factor = draw(coefficients)
        images.append(group.msm(points, [value * inverse(factor) for value in factors]))
        assume(not is_identity(images[-1]))
        equations.append(Equation(((3 + len(images), factor),), tuple(terms)))
    everything_occurs = Equation(((len(bases) + len(images), 1),), tuple([(0, element, 1) for element in range(4)]))
    images.append(group.msm(bases, [witness[0]] * 4))
    return Relation((*bases, *images), (*equations, everything_occurs)), witness


@settings(max_examples=25, deadline=None)
@given(true_statements(), st.sampled_from(Flavor))
def test_a_true_statement_is_provable(statement: tuple[Relation, list[int]], flavor: Flavor) -> None:
    relation, witness = statement
    proof = linear.prove(relation, witness, CONTEXT, flavor)
    assert len(proof) == linear.proof_bytes(relation, flavor)
    linear.verify(relation, proof, CONTEXT, flavor)
    if flavor is Flavor.BATCHABLE:
        linear.verify_batch([BatchItem(relation, proof, CONTEXT)])


def test_a_proof_has_the_documented_size() -> None:
    relation = Relation((G, H, group.add(G, H)), (Equation(((2, 1),), ((0, 0, 1), (1, 1, 1))),))
    sizes = {flavor: len(linear.prove(relation, [1, 1], CONTEXT, flavor)) for flavor in Flavor}
    assert sizes == {Flavor.BATCHABLE: 48 + 2 * 32, Flavor.COMPACT: 32 + 2 * 32}


def test_a_negative_witness_is_taken_modulo_the_order() -> None:
    linear.verify(schnorr(-SECRET), linear.prove(schnorr(-SECRET), [-SECRET], CONTEXT), CONTEXT)


@pytest.mark.parametrize("witness", [[], [SECRET, 0]], ids=["too short", "too long"])
def test_a_witness_of_another_length_is_refused(witness: list[int]) -> None:
    with pytest.raises(WitnessError, match=f"must have 1 scalars, got {len(witness)}"):
        linear.prove(schnorr(SECRET), witness, CONTEXT)


def test_a_false_witness_is_refused_and_does_not_appear_in_the_error() -> None:
    with pytest.raises(WitnessError) as caught:
        linear.prove(schnorr(SECRET), [SECRET + 1], CONTEXT)
    assert str(SECRET + 1) not in str(caught.value)


def test_a_witness_that_misses_only_the_last_equation_is_refused() -> None:
    equations = Equation(((2, 1),), ((0, 0, 1),)), Equation(((3, 1),), ((0, 1, 1),))
    relation = Relation((G, H, group.multiply(G, SECRET), group.multiply(H, SECRET + 1)), equations)
    with pytest.raises(WitnessError):
        linear.prove(relation, [SECRET], CONTEXT)


def test_two_proofs_of_one_statement_differ_and_pinned_randomness_repeats_one() -> None:
    relation = schnorr(SECRET)
    assert linear.prove(relation, [SECRET], CONTEXT) != linear.prove(relation, [SECRET], CONTEXT)
    pinned = [linear.prove(relation, [SECRET], CONTEXT, randomness=bytes) for _ in range(2)]
    assert pinned[0] == pinned[1]


def test_a_source_that_gives_only_zeros_does_not_repeat_a_nonce() -> None:
    runs = [(schnorr(5), 5, b"a"), (schnorr(5), 5, b"b"), (schnorr(6), 6, b"a")]
    proofs = [linear.prove(relation, [secret], context, randomness=bytes) for relation, secret, context in runs]
    compact = linear.prove(schnorr(5), [5], b"a", Flavor.COMPACT, bytes)
    challenge, response = decode_scalars(compact, 2)
    nonces = {proof[:COMPRESSED_BYTES] for proof in proofs}
    nonces.add(group.encode(schnorr(5).difference([response], challenge)[0]))
    assert len(nonces) == 4


def test_a_nonce_of_zero_is_refused_and_not_sent() -> None:
    with pytest.raises(EncodingError, match="identity"):
        prove_with_nonce(CONTEXT, 0)


def test_two_transcripts_with_one_announcement_give_the_witness() -> None:
    """Special soundness, executed: the extractor runs the prover twice on the same nonces."""
    proofs = [prove_with_nonce(context, 77) for context in (b"one", b"two")]
    assert proofs[0][:COMPRESSED_BYTES] == proofs[1][:COMPRESSED_BYTES]
    one = linear._decode(schnorr(SECRET), proofs[0], b"one")
    two = linear._decode(schnorr(SECRET), proofs[1], b"two")
    assert (one.responses[0] - two.responses[0]) * inverse(one.challenge - two.challenge) % ORDER == SECRET


def test_a_simulator_without_the_witness_makes_transcripts_that_hold() -> None:
    """Honest-verifier zero-knowledge, executed: responses and challenge first, then the announcement that fits."""
    relation = schnorr(SECRET)
    challenge, responses = random_scalar(), [random_scalar()]
    (announcement,) = relation.difference(responses, challenge)
    expected = group.add(announcement, group.multiply(relation.elements[1], challenge))
    assert group.equal(group.multiply(G, responses[0]), expected)


@pytest.mark.parametrize("flavor", Flavor)
def test_both_parties_keep_the_documented_transcript(flavor: Flavor, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[tuple[str, bytes | int]] = []

    class Logged(DuplexSponge):
        def absorb(self, data: bytes) -> None:
            log.append(("absorb", data))
            super().absorb(data)

        def squeeze(self, length: int) -> bytes:
            log.append(("squeeze", length))
            return super().squeeze(length)

    monkeypatch.setattr(linear, "DuplexSponge", Logged)
    relation = schnorr(SECRET)
    proof = prove_with_nonce(CONTEXT, 77, flavor)
    proved = log[:]
    log.clear()
    linear.verify(relation, proof, CONTEXT, flavor)
    announcement = group.encode(group.multiply(G, 77))
    assert proved == log == [("absorb", relation.to_bytes()), ("absorb", announcement), ("squeeze", 48)]


def test_the_empty_batch_holds() -> None:
    linear.verify_batch([])


def test_a_batch_is_one_multi_scalar_multiplication_that_counts_shared_elements_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = [
        BatchItem(schnorr(secret), linear.prove(schnorr(secret), [secret], b"item %d" % secret), b"item %d" % secret)
        for secret in (5, 5, 6, 7)
    ]
    sizes = []
    multiply = group.msm

    def counted(points: Sequence[Point], scalars: Sequence[int]) -> Point:
        sizes.append(len(points))
        return multiply(points, scalars)

    monkeypatch.setattr(group, "msm", counted)
    linear.verify_batch(batch)
    assert sizes == [1 + 3 + 4]  # the generator, three different images, four announcements


def test_a_good_proof_in_a_batch_may_come_twice() -> None:
    item = BatchItem(schnorr(5), linear.prove(schnorr(5), [5], CONTEXT), CONTEXT)
    linear.verify_batch([item, item])


def test_the_error_of_a_large_bad_batch_names_ten_positions_and_carries_all() -> None:
    batch = [BatchItem(schnorr(5), b"", CONTEXT)] * 12
    with pytest.raises(VerificationError, match=r"12 of 12 .* 8, 9, \.\.$") as caught:
        linear.verify_batch(batch)
    assert caught.value.positions == tuple(range(12))


@pytest.mark.parametrize("count, end", [(10, "8, 9"), (11, r"8, 9, \.\.")])
def test_the_error_of_a_bad_batch_says_when_it_leaves_positions_out(count: int, end: str) -> None:
    with pytest.raises(
        VerificationError, match=rf"linear batch: {count} of {count} proofs do not hold: 0, 1, .* {end}$"
    ):
        linear.verify_batch([BatchItem(schnorr(5), b"", CONTEXT)] * count)


def test_the_limits_are_the_documented_ones() -> None:
    assert (linear.MAX_CONTEXT_BYTES, linear.MAX_BATCH) == (65_536, 65_536)
