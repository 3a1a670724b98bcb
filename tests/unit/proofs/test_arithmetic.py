import re
import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra import generators, scalars
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER, inner, inverse, powers
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError
from zkmargin.proofs import arithmetic, batch, identity
from zkmargin.proofs.arithmetic import Proof, Statement, Witness
from zkmargin.proofs.constraints import Affine, System
from zkmargin.proofs.identity import Received, Weights, evaluate
from zkmargin.transcript import Transcript

TAG = b"tests"
SECRET = 123456789


class Programmed(Transcript):
    """A transcript whose challenges can be chosen: by name, one value after another."""

    __slots__ = ("chosen",)

    def __init__(self, **chosen):
        super().__init__(TAG)
        self.chosen = {name: list(values) for name, values in chosen.items()}

    def challenge(self, name):
        value = super().challenge(name)
        return self.chosen[name].pop(0) if self.chosen.get(name) else value


def constant(length):
    """The worst source of randomness there is."""
    return bytes(length)


def tiny(commitments=1):
    """Return "q^(1) of USD is a digit of base 4, and its square is the wire"."""
    # Flat: digit 0, left 1, right 2, wire 3, then one coordinate a commitment.
    rows = (Affine((0, 4), (1, -1), 0), Affine((1, 4), (1, -1), 0), Affine((2, 4), (1, -1), 0))
    return System(("USD",), (("USD",),) * commitments, 1, 4, (Affine((3,), (1,), 0),), 1, rows, 30)


def tiny_claim(quantity=3, other=SECRET, commitments=1):
    system = tiny(commitments)
    openings = [Opening.fresh({"USD": value}) for value in (quantity, other)[:commitments]]
    values = [quantity, quantity, quantity, quantity**2, quantity, other][: system.variables]
    statement = Statement(system, tuple(map(commit, openings)))
    return statement, Witness(values, [opening.blinding for opening in openings])


def verify(statement, proof):
    arithmetic.verify(Transcript(TAG), statement, proof)


def prove(statement, witness, **options):
    return arithmetic.prove(Transcript(TAG), statement, witness, **options)


@st.composite
def claims(draw):
    """Draw a system and values that satisfy it: every kind of variable and constraint, K = 1 and 2."""
    coefficients = st.integers(-3, 3)
    members = draw(st.lists(st.sets(st.sampled_from("ABC")), min_size=1, max_size=2).filter(lambda m: set().union(*m)))
    basis = tuple(sorted(set().union(*members)))
    digits, base = draw(st.integers(0, 4)), draw(st.integers(2, 5))
    products = draw(st.integers(0 if digits else 1, 2))
    wires = draw(st.integers(0, 2))
    slots = digits + products
    wire_start = slots + products
    book_start = wire_start + wires
    books = [draw(st.integers(-99, 99)) if label in own else 0 for own in members for label in basis]
    values = {index: draw(st.integers(0, base - 1)) for index in range(digits)}
    values |= {book_start + index: value for index, value in enumerate(books)}

    def form(total, defines=None):
        """Return an affine form of the variables known so far, and of the one it defines, with the value `total`."""
        terms = {index: draw(coefficients) for index in draw(st.sets(st.sampled_from(sorted(values)), max_size=3))}
        if defines is not None:
            values[defines] = draw(st.integers(-99, 99))
            terms[defines] = draw(st.sampled_from([-1, 1]))
        linear = sum(coefficient * values[index] for index, coefficient in terms.items())
        indices = sorted(terms)
        return Affine(tuple(indices), tuple(terms[index] for index in indices), total - linear)

    rows = [form(0, index) for index in range(wire_start, book_start)]
    for number in range(products):
        rows += [form(0, digits + number), form(0, slots + number)]
    right_sides = [form(values[digits + number] * values[slots + number]) for number in range(products)]
    rows += [form(0) for _ in range(draw(st.integers(0, 2)))]
    own = tuple(tuple(sorted(labels)) for labels in members)
    system = System(basis, own, digits, base if digits else 2, tuple(right_sides), wires, tuple(rows), 7)
    openings = [
        Opening.fresh(dict(zip(basis, books[start : start + len(basis)], strict=True)))
        for start in range(0, len(books), len(basis))
    ]
    witness = Witness([values[index] for index in range(system.variables)], [one.blinding for one in openings])
    return Statement(system, tuple(map(commit, openings))), witness


# The page and the code


def test_every_step_is_in_the_docstring_and_marked_in_the_code():
    source = arithmetic.__loader__.get_source(arithmetic.__name__)
    documented = re.findall(r"^    \((\d+)\) ", arithmetic.__doc__, re.MULTILINE)
    assert documented == [str(number) for number in range(1, 13)]
    body = source.split('"""', 2)[2]
    marked = {number for comment in re.findall(r"# (\(\d+\))", body) for number in re.findall(r"\d+", comment)}
    assert marked | set(re.findall(r'"""Step \((\d+)\)', body)) == set(documented)


@pytest.mark.parametrize("commitments", [1, 2])
def test_prover_and_verifier_keep_the_documented_transcript(commitments):
    block = re.search(r"Transcript\n-+\n(.*?)\n    \(", arithmetic.__doc__, re.DOTALL)[1]
    documented = [step.strip() for step in block.replace("\n", " ").split("/") if step.strip()]
    place = documented.index("absorb commitment")
    documented[place : place + 1] = ["absorb commitment"] * commitments
    statement, witness = tiny_claim(commitments=commitments)
    prover, verifier = Transcript(TAG), Transcript(TAG)
    proof = arithmetic.prove(prover, statement, witness)
    arithmetic.verify(verifier, statement, proof)
    assert prover.log == verifier.log == documented
    assert prover.fingerprint() == verifier.fingerprint()


@given(claims())
def test_a_proof_has_the_documented_size(claim):
    system = claim[0].system
    n, w, coordinates = system.slots, system.multiplicities + system.wires, len(system.basis)
    assert arithmetic.proof_bytes(system) == 288 + 32 * (n + w + coordinates + system.commitments + 4)


# Completeness


@given(claims())
def test_every_true_claim_is_provable_and_its_proof_survives_its_bytes(claim):
    statement, witness = claim
    data = prove(statement, witness).to_bytes()
    proof = Proof.from_bytes(statement.system, data)
    verify(statement, proof)
    assert proof.to_bytes() == data
    assert len(data) == arithmetic.proof_bytes(statement.system)


@given(claims(), st.data())
def test_a_claim_with_one_value_changed_is_refused_by_the_prover_or_still_true(claim, data):
    statement, witness = claim
    index = data.draw(st.integers(0, len(witness.values) - 1))
    changed = list(witness.values)
    changed[index] += data.draw(st.sampled_from([-1, 1]))
    system = statement.system
    holds = (
        all(0 <= digit < system.base for digit in changed[: system.digits])
        and not any(form.evaluate(changed) for form in system.constraints)
        and all(
            changed[system.digits + i] * changed[system.slots + i] == form.evaluate(changed)
            for i, form in enumerate(system.products)
        )
    )
    if holds:
        prove(statement, replace(witness, values=changed))
    else:
        with pytest.raises(WitnessError):
            prove(statement, replace(witness, values=changed))


@given(claims(), st.data())
def test_the_verifier_evaluates_the_polynomial_that_the_collected_weights_define(claim, data):
    system = claim[0].system
    residues = st.integers(0, ORDER - 1)
    alpha, rho, w, x = (data.draw(st.integers(2**100, 2**200)) for _ in range(4))
    weights = Weights(system, alpha, rho, w)
    lengths = arithmetic._lengths(system)
    g, m, q, _ = ([data.draw(residues) for _ in range(length)] for length in lengths)
    lambda_a, lambda_b, lambda_m, lambda_books = weights.collect(system)
    T = system.commitments + 3
    expected = x ** (T - 3) * sum(rho ** (2 * i + 2) * value**2 for i, value in enumerate(g))
    expected += 2 * x ** (T - 1) * (inner(lambda_a, g) + inner(lambda_m, m)) + 2 * x ** (T - 2) * inner(lambda_b, g)
    expected += sum(2 * x ** (T - 3 - k) * inner(part, q) for k, part in enumerate(lambda_books, start=1))
    expected += 2 * weights.kappa * x**T
    received = Received(weights, g, m, q, powers(x, T + 2))
    assert evaluate(system, [received] * 2) == [expected % ORDER] * 2


@pytest.mark.parametrize("multiplicities", [[], [5], [1, 0, 7, ORDER - 1]])
def test_the_look_up_is_the_sum_of_fractions(multiplicities):
    alpha = 2**200 + 1
    fractions = [inverse(alpha) - inverse(alpha + t) for t in range(1, 1 + len(multiplicities))]
    assert identity.look_up(alpha, multiplicities) == inner(multiplicities, fractions)


# What is refused before anything is proved


def test_a_statement_needs_as_many_commitments_as_its_system():
    statement, _ = tiny_claim()
    with pytest.raises(StatementError, match="must be 1, got 2"):
        Statement(statement.system, statement.commitments * 2)


BAD_WITNESSES = {
    "a digit too large": ("out of range", [4, 4, 4, 16, 4]),
    "a negative digit": ("out of range", [-1, -1, -1, 1, -1]),
    "a false row": ("every row", [3, 3, 3, 9, SECRET]),
    "a false product": ("every product", [3, 3, 3, SECRET, 3]),
    "a value missing": ("shape", [3, 3, 3, 9]),
    "a value too many": ("shape", [3, 3, 3, 9, 3, SECRET]),
    "a row true modulo the order only": ("every row", [3, 3, 3, 9, 3 + ORDER]),
    "a product true modulo the order only": ("every product", [3, 3, 3, 9 + ORDER, 3]),
}


@pytest.mark.parametrize("lie", BAD_WITNESSES)
def test_a_witness_that_does_not_satisfy_the_system_is_refused_without_showing_it(lie):
    match, values = BAD_WITNESSES[lie]
    with pytest.raises(WitnessError, match=match) as caught:
        prove(tiny_claim()[0], Witness(values, [1]))
    assert not re.search(r"\d", str(caught.value))


def test_a_witness_without_its_blinding_factor_is_refused():
    statement, witness = tiny_claim()
    with pytest.raises(WitnessError, match="shape"):
        prove(statement, replace(witness, blindings=[]))


def test_a_witness_hides_its_values():
    witness = Witness([SECRET], [SECRET])
    assert f"{witness} {[witness]}" == "Witness(1 values hidden) [Witness(1 values hidden)]"
    statement, witness = tiny_claim(commitments=2)
    assert str(SECRET) not in repr(arithmetic._Prover(statement.system, witness))


def test_a_proof_for_commitments_that_the_witness_does_not_open_does_not_hold():
    statement, witness = tiny_claim()
    stranger = Statement(statement.system, tiny_claim()[0].commitments)
    with pytest.raises(VerificationError, match="does not hold"):
        verify(stranger, prove(stranger, witness))


# Decoding


@pytest.mark.parametrize("change", [-32, -1, 1, 32])
def test_a_proof_of_another_length_is_refused_with_both_lengths(change):
    statement, witness = tiny_claim()
    data = prove(statement, witness).to_bytes()
    wrong = data[:change] if change < 0 else data + bytes(change)
    with pytest.raises(EncodingError, match=f"must have {len(data)} bytes, got {len(data) + change}"):
        Proof.from_bytes(statement.system, wrong)


def test_the_length_is_looked_at_before_anything_is_decoded(monkeypatch):
    monkeypatch.setattr(group, "decode_on_curve", None)
    monkeypatch.setattr(arithmetic, "decode_scalars", None)
    with pytest.raises(EncodingError, match="got 0"):
        Proof.from_bytes(tiny(), b"")


# Zero knowledge


def simulate(statement, **chosen):
    """Return a proof made without any witness: draw everything but S, then solve (12) for S."""
    system = statement.system
    some = lambda count: [secrets.randbelow(ORDER) for _ in range(count)]  # noqa: E731
    A, B, unknown = (group.multiply(group.generator(), scalar) for scalar in some(3))
    draft = Proof(unknown, A, B, *map(some, arithmetic._lengths(system)), *some(1))
    right = arithmetic.equation(Programmed(**chosen), statement, draft)
    zero = replace(right, points=right.points[1:], scalars=right.scalars[1:])
    return replace(draft, S=value_of(zero))


def value_of(equation):
    """Return the sum on the left-hand side of a batch equation."""
    points = [
        *generators.slots.first(len(equation.slots)),
        *generators.wires.first(len(equation.wires)),
        *generators.errors.first(len(equation.errors)),
        *map(generators.book, equation.labels),
        generators.blinding(),
        *equation.points,
    ]
    scalars = [*equation.slots, *equation.wires, *equation.errors, *equation.books, equation.blinding]
    return group.msm(points, [*scalars, *equation.scalars])


@pytest.mark.parametrize("commitments", [1, 2])
def test_transcripts_made_without_a_witness_verify_when_the_challenges_are_known_in_advance(commitments):
    statement, _ = tiny_claim(commitments=commitments)
    chosen = {name: [2**200 + number] for number, name in enumerate(["alpha", "rho", "w", "x"])}
    proof = simulate(statement, **chosen)
    arithmetic.verify(Programmed(**chosen), statement, proof)
    with pytest.raises(VerificationError):
        verify(statement, proof)


def test_even_a_false_statement_can_be_simulated_so_a_transcript_says_nothing_about_the_book():
    commitment = commit(Opening.fresh({"USD": -1}))
    statement = Statement(tiny(), (commitment,))
    chosen = {name: [2**200 + number] for number, name in enumerate(["alpha", "rho", "w", "x"])}
    arithmetic.verify(Programmed(**chosen), statement, simulate(statement, **chosen))


def test_two_proofs_of_one_claim_share_no_number():
    statement, witness = tiny_claim()
    one, other = (prove(statement, witness) for _ in range(2))
    numbers = [{*proof.g, *proof.m, *proof.q, *proof.e, proof.h} for proof in (one, other)]
    assert not numbers[0] & numbers[1]
    for points in zip((one.S, one.A, one.B), (other.S, other.A, other.B), strict=True):
        assert not group.equal(*points)


# Randomness


@pytest.fixture
def drawn(monkeypatch):
    """Every list of masks that provers draw."""
    lists = []
    draw = scalars.masks

    def note(*arguments):
        lists.append(draw(*arguments))
        return lists[-1]

    monkeypatch.setattr(scalars, "masks", note)
    return lists


def test_with_pinned_randomness_a_proof_can_be_made_again_byte_for_byte():
    statement, witness = tiny_claim()
    assert prove(statement, witness, randomness=constant) == prove(statement, witness, randomness=constant)


@pytest.mark.parametrize("change", ["another context", "another commitment", "another book", "another system"])
def test_with_broken_randomness_no_mask_is_used_for_two_statements(drawn, change):
    statement, witness = tiny_claim()
    prove(statement, witness, randomness=constant)
    transcript = Transcript(b"elsewhere" if change == "another context" else TAG)
    if change == "another commitment":
        statement, witness = tiny_claim()
    elif change == "another book":
        statement, witness = tiny_claim(quantity=2)
    elif change == "another system":
        statement = replace(statement, system=replace(statement.system, quantity_bits=31))
    arithmetic.prove(transcript, statement, witness, randomness=constant)
    assert len(drawn) == 2
    assert not set(drawn[0]) & set(drawn[1])


def test_with_broken_randomness_and_one_transcript_two_witnesses_have_different_masks(drawn):
    statement, witness = tiny_claim()
    prove(statement, witness, randomness=constant)
    prove(statement, replace(witness, blindings=[witness.blindings[0] ^ 1]), randomness=constant)
    prove(statement, Witness([2, 2, 2, 4, 2], witness.blindings), randomness=constant)
    assert len({*drawn[0], *drawn[1], *drawn[2]}) == 3 * len(drawn[0])


def test_no_mask_serves_twice_within_a_proof(drawn):
    prove(*tiny_claim(commitments=2))
    assert len(set(drawn[0])) == len(drawn[0]) == (5 - 1) + 4 + 2 + (3 + 1) + 1


# An inadmissible challenge


@pytest.mark.parametrize("alpha", [0, ORDER - 1, ORDER - 3])
def test_after_an_inadmissible_challenge_the_prover_starts_again_with_fresh_masks(drawn, alpha):
    statement, witness = tiny_claim()
    transcript = Programmed(alpha=[alpha, alpha])
    proof = arithmetic.prove(transcript, statement, witness)
    assert len(drawn) == 3
    assert len({*drawn[0], *drawn[1], *drawn[2]}) == 3 * len(drawn[0])
    plain = Transcript(TAG)
    arithmetic.verify(plain, statement, proof)
    assert plain.log == transcript.log


def test_the_prover_gives_up_when_every_challenge_is_inadmissible():
    transcript = Programmed(alpha=[0] * arithmetic.MAX_ATTEMPTS)
    with pytest.raises(WitnessError, match="random source is broken"):
        arithmetic.prove(transcript, *tiny_claim())


@pytest.mark.parametrize("alpha", [1, ORDER - 4])
def test_the_challenges_next_to_the_inadmissible_ones_are_good(alpha):
    statement, witness = tiny_claim()
    proof = arithmetic.prove(Programmed(alpha=[alpha]), statement, witness)
    arithmetic.verify(Programmed(alpha=[alpha]), statement, proof)


def test_without_digit_slots_every_alpha_is_good():
    rows = (Affine((0, 2), (1, -1), 0), Affine((1,), (1,), -1))
    system = System(("USD",), (("USD",),), 0, 2, (Affine((2,), (1,), 0),), 0, rows, 9)
    opening = Opening.fresh({"USD": 7})
    statement = Statement(system, (commit(opening),))
    proof = arithmetic.prove(Programmed(alpha=[0]), statement, Witness([7, 1, 7], [opening.blinding]))
    arithmetic.verify(Programmed(alpha=[0]), statement, proof)


# Binding to everything public


@pytest.mark.parametrize("change", ["context", "commitment", "order of commitments", "system", "negated commitment"])
def test_a_proof_does_not_hold_for_anything_else(change):
    statement, witness = tiny_claim(commitments=2)
    proof = prove(statement, witness)
    verify(statement, proof)
    transcript = Transcript(b"elsewhere" if change == "context" else TAG)
    one, two = statement.commitments
    if change == "commitment":
        statement = replace(statement, commitments=(one, one + two))
    elif change == "order of commitments":
        statement = replace(statement, commitments=(two, one))
    elif change == "system":
        statement = replace(statement, system=replace(statement.system, quantity_bits=31))
    elif change == "negated commitment":
        statement = replace(statement, commitments=(one, Commitment(group.negate(two.point))))
    with pytest.raises(VerificationError) as caught:
        arithmetic.verify(transcript, statement, proof)
    assert caught.value.failed == "(12)"


def test_an_equation_holds_in_a_batch_when_the_proof_holds_alone():
    statement, witness = tiny_claim()
    proof = prove(statement, witness)
    equations = [arithmetic.equation(Transcript(tag), statement, proof) for tag in (TAG, b"elsewhere", TAG)]
    assert batch.bad_positions(equations) == (1,)
