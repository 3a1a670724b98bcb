import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.folded import (
    TAG,
    bases_of,
    portable_value_of,
    random_scalars,
    split,
    square_claim,
    value,
    value_of,
)
from tests.unit.proofs.test_arithmetic import Programmed, claims, constant
from zkmargin.algebra import generators, scalars
from zkmargin.algebra.group import clears_to_identity, group
from zkmargin.algebra.scalars import powers
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError
from zkmargin.proofs import arithmetic, batch, compact
from zkmargin.proofs.compact import Proof
from zkmargin.transcript import Transcript


def prove(statement, witness, rounds, **options):
    return compact.prove(Transcript(TAG), statement, witness, rounds, **options)


def verify(statement, rounds, proof):
    compact.verify(Transcript(TAG), statement, rounds, proof)


def most_rounds(system):
    return (system.slots - 1).bit_length()


folding_claims = claims().filter(lambda claim: claim[0].system.slots > 1)


# The page and the code


def test_every_step_is_in_the_docstring_and_marked_in_the_code():
    source = compact.__loader__.get_source(compact.__name__)
    documented = re.findall(r"^    \((\d+)\) ", compact.__doc__, re.MULTILINE)
    assert documented == ["1", "2", "3", "4"]
    assert set(re.findall(r"# \((\d+)\)", source.split('"""', 2)[2])) == set(documented)


@pytest.mark.parametrize("commitments", [1, 2])
@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_prover_and_verifier_keep_the_documented_transcript(commitments, rounds):
    block = re.search(r"Transcript\n-+\n(.*?)\n    \(", compact.__doc__, re.DOTALL)[1]
    before, in_a_round = block.split(" / absorb X / ")
    documented = [step.strip() for step in before.replace("\n", " ").split("/") if step.strip()]
    place = documented.index("absorb commitment")
    documented[place : place + 1] = ["absorb commitment"] * commitments
    documented += ["absorb X", *in_a_round.split(" / ")] * rounds
    statement, witness = square_claim(extra=4, commitments=commitments)
    prover, verifier = Transcript(TAG), Transcript(TAG)
    proof = compact.prove(prover, statement, witness, rounds)
    compact.verify(verifier, statement, rounds, proof)
    assert prover.log == verifier.log == documented
    assert prover.fingerprint() == verifier.fingerprint()


@pytest.mark.parametrize("rounds, lengths", [(1, (6, 10)), (2, (8, 12)), (3, (8, 16))])
def test_the_form_names_the_rounds_and_both_lengths(rounds, lengths, monkeypatch):
    statement, witness = square_claim()
    absorbed, absorb = [], Transcript.absorb

    def note(transcript, name, data):
        absorbed.append((name, data))
        absorb(transcript, name, data)

    monkeypatch.setattr(Transcript, "absorb", note)
    prove(statement, witness, rounds)
    assert absorbed[0] == ("form", b"compact/1" + b"".join(n.to_bytes(4, "big") for n in (rounds, *lengths)))


@given(folding_claims, st.data())
def test_a_proof_has_the_documented_size(claim, data):
    system = claim[0].system
    rounds = data.draw(st.integers(1, most_rounds(system)))
    linear = system.multiplicities + system.wires + len(system.basis) + system.commitments + 4
    n, j = (-(-length // 2**rounds) for length in (system.slots, linear))
    assert compact.proof_bytes(system, rounds) == 48 * (3 + 2 * rounds) + 32 * (n + j)


# Completeness


@given(folding_claims)
def test_every_true_claim_is_provable_in_any_number_of_rounds_and_its_proof_survives_its_bytes(claim):
    statement, witness = claim
    for rounds in range(1, most_rounds(statement.system) + 1):
        data = prove(statement, witness, rounds).to_bytes()
        proof = Proof.from_bytes(statement.system, rounds, data)
        verify(statement, rounds, proof)
        assert proof.to_bytes() == data
        assert len(data) == compact.proof_bytes(statement.system, rounds)


def test_a_witness_that_does_not_satisfy_the_system_is_refused():
    statement, witness = square_claim(square=10)
    with pytest.raises(WitnessError, match="every product"):
        prove(statement, witness, 1)


@given(folding_claims, st.data())
def test_the_folded_relation_is_the_equation_of_the_opened_proof_whatever_the_responses_are(claim, data):
    statement = claim[0]
    system = statement.system
    shape = compact.shape_of(system, data.draw(st.integers(1, most_rounds(system))))
    drawn = {name: random_scalars(1) for name in ("alpha", "rho", "w", "x")}
    S, A, B = (group.multiply(group.generator(), scalar) for scalar in random_scalars(3))
    lengths = arithmetic._lengths(system)
    g, m, q, e, (h,) = split(random_scalars(sum(lengths) + 1), *lengths, 1)
    left_over = value_of(arithmetic.equation(Programmed(**drawn), statement, arithmetic.Proof(S, A, B, g, m, q, e, h)))

    weights, x = arithmetic.challenges(Programmed(**drawn), statement, b"", S, A, B)
    reduced = compact._reduce(system, shape, weights, x)
    bases = compact._bases(system, shape, reduced)
    points = [S, A, B, *[commitment.point for commitment in statement.commitments]]
    folded = [1, x, x * x, *powers(x, system.commitments, first=x**4)]
    P = group.msm([*points, *bases.G, generators.errors.first(1)[0]], [*folded, *reduced.v, reduced.constant])
    n = [one + other for one, other in zip(compact._padded(g, shape.norm), reduced.v, strict=True)]
    ell = compact._padded([*m, *q, *e, h], shape.linear)
    right = group.msm([bases.V, *bases.G, *bases.L], [value(weights.rho, reduced.c, n, ell), *n, *ell])
    assert group.equal(left_over, group.add(right, group.negate(P)))


# Shapes and generators


@pytest.mark.parametrize("rounds", [-1, 0, 4, 16, 17, 2**40])
def test_rounds_that_a_system_does_not_admit_are_a_fault_of_the_prover_and_of_the_bytes(rounds):
    statement, witness = square_claim(extra=6)
    with pytest.raises(StatementError, match=f"rounds over 8 slots must be between 1 and 3, got {rounds}"):
        prove(statement, witness, rounds)
    with pytest.raises(EncodingError, match=f"between 1 and 3, got {rounds}"):
        Proof.from_bytes(statement.system, rounds, bytes(1000))


@given(folding_claims)
def test_every_place_of_a_folded_opening_has_a_generator_of_its_own(claim):
    system = claim[0].system
    for rounds in range(1, most_rounds(system) + 1):
        shape = compact.shape_of(system, rounds)
        bases = compact._bases(system, shape, compact._Reduced([], [], 1, 0))
        points = [bases.V, *bases.G, *bases.L]
        assert len(bases.G) == shape.norm
        assert len(bases.L) == shape.linear
        assert len({group.encode(point) for point in points}) == len(points)


@pytest.mark.parametrize("commitments", [1, 2])
def test_prover_and_verifier_multiply_the_same_generators(commitments):
    statement, witness = square_claim(extra=2, commitments=commitments)
    system, rounds = statement.system, 2
    equation = compact.equation(Transcript(TAG), statement, rounds, prove(statement, witness, rounds))
    shape = compact.shape_of(system, rounds)
    bases = compact._bases(system, shape, compact._Reduced([], [], 1, 0))
    verifier = {group.encode(point) for point in bases_of(replace(equation, points=(), scalars=()))[0]}
    no_error = generators.errors.first(system.commitments + 4)[system.commitments + 3]
    assert verifier == {*map(group.encode, (bases.V, *bases.G, *bases.L)), group.encode(no_error)}
    assert equation.errors[system.commitments + 3] == 0


# Decoding


@pytest.mark.parametrize("change", [-48, -32, -1, 1, 32, 48])
def test_a_proof_of_another_length_is_refused_with_both_lengths(change):
    statement, witness = square_claim()
    data = prove(statement, witness, 2).to_bytes()
    wrong = data[:change] if change < 0 else data + bytes(change)
    with pytest.raises(EncodingError, match=f"in 2 rounds must have {len(data)} bytes, got {len(data) + change}"):
        Proof.from_bytes(statement.system, 2, wrong)


def test_the_length_is_looked_at_before_anything_is_decoded(monkeypatch):
    monkeypatch.setattr(group, "decode_compressed_on_curve", None)
    monkeypatch.setattr(compact, "decode_scalars", None)
    with pytest.raises(EncodingError, match="got 0"):
        Proof.from_bytes(square_claim()[0].system, 1, b"")


def test_points_alternate_and_the_norm_block_comes_before_the_linear_one():
    statement, witness = square_claim(extra=4)
    proof = prove(statement, witness, 2)
    points = [proof.S, proof.A, proof.B, proof.folded.X[0], proof.folded.R[0], proof.folded.X[1], proof.folded.R[1]]
    written = b"".join(map(group.encode, points))
    for scalar in (*proof.folded.n, *proof.folded.l):
        written += int(scalar).to_bytes(32, "big")
    assert proof.to_bytes() == written


# Randomness


def test_with_pinned_randomness_a_proof_can_be_made_again_byte_for_byte():
    statement, witness = square_claim()
    one, other = (prove(statement, witness, 2, randomness=constant).to_bytes() for _ in range(2))
    assert one == other


def test_with_broken_randomness_no_mask_is_used_in_two_forms(monkeypatch):
    drawn, draw = [], scalars.masks
    monkeypatch.setattr(scalars, "masks", lambda *arguments: drawn.append(draw(*arguments)) or drawn[-1])
    statement, witness = square_claim()
    arithmetic.prove(Transcript(TAG), statement, witness, randomness=constant)
    for rounds in (1, 2):
        prove(statement, witness, rounds, randomness=constant)
    assert len({*drawn[0], *drawn[1], *drawn[2]}) == 3 * len(drawn[0])


# Batches, and the other group


def test_opened_and_compact_proofs_hold_in_one_batch_and_bad_ones_are_named():
    equations = []
    for rounds, extra in ((0, 3), (1, 3), (2, 3), (0, 1), (2, 1), (3, 4)):
        statement, witness = square_claim(extra=extra)
        proof = prove(statement, witness, rounds) if rounds else arithmetic.prove(Transcript(TAG), statement, witness)
        parts = (statement, rounds, proof) if rounds else (statement, proof)
        check = compact.equation if rounds else arithmetic.equation
        equations.append([check(Transcript(tag), *parts) for tag in (TAG, b"elsewhere")])
    for bad in ((), (0,), (1,), (5,), (0, 1), (2, 3, 4), (0, 1, 2, 3, 4, 5)):
        chosen = [pair[place in bad] for place, pair in enumerate(equations)]
        assert batch.bad_positions(chosen) == bad


def test_both_groups_give_the_same_verdict():
    statement, witness = square_claim(extra=2)
    proof = prove(statement, witness, 2)
    verdicts = []
    for tag in (TAG, b"elsewhere"):
        equation = compact.equation(Transcript(tag), statement, 2, proof)
        verdicts.append((batch.bad_positions([equation]) == (), clears_to_identity(*portable_value_of(equation))))
    assert verdicts == [(True, True), (False, False)]


# Binding to everything public


@pytest.mark.parametrize("change", ["context", "commitment", "order of commitments", "system"])
def test_a_proof_does_not_hold_for_anything_else(change):
    statement, witness = square_claim(commitments=2)
    proof = prove(statement, witness, 2)
    verify(statement, 2, proof)
    transcript = Transcript(b"elsewhere" if change == "context" else TAG)
    one, two = statement.commitments
    if change == "commitment":
        statement = replace(statement, commitments=(one, one + two))
    elif change == "order of commitments":
        statement = replace(statement, commitments=(two, one))
    elif change == "system":
        statement = replace(statement, system=replace(statement.system, quantity_bits=31))
    with pytest.raises(VerificationError) as caught:
        compact.verify(transcript, statement, 2, proof)
    assert caught.value.failed == "(4)"
