"""One named lie for every step of the compact form, and for every way to make one form out of another."""

import inspect
import re
from dataclasses import replace

import pytest

from tests.attacks.folded import (
    TAG,
    portable_value_of,
    square_claim,
    value_of,
)
from tests.attacks.known_bad import known_bad
from tests.attacks.register import register
from tests.attacks.test_folding import WRONG, two_squares
from tests.unit.proofs.test_arithmetic import Programmed
from zkmargin.algebra import generators
from zkmargin.algebra.group import FIELD_MODULUS, clears_to_identity, group
from zkmargin.algebra.scalars import ORDER, inverse, system_randomness
from zkmargin.errors import EncodingError, VerificationError
from zkmargin.proofs import arithmetic, batch, compact, folding
from zkmargin.proofs.arithmetic import Witness
from zkmargin.proofs.compact import Proof
from zkmargin.proofs.folding import Bases, Shape
from zkmargin.transcript import Transcript

H = generators.blinding()
attacked, attacks = register()


def prove(statement, witness, rounds, transcript=None):
    return compact.prove(transcript or Transcript(TAG), statement, witness, rounds)


def verify(statement, rounds, proof, transcript=None):
    compact.verify(transcript or Transcript(TAG), statement, rounds, proof)


def refused(check, statement, rounds, proof, transcript=None):
    with pytest.raises(VerificationError) as caught:
        verify(statement, rounds, proof, transcript)
    assert caught.value.failed == check


@pytest.fixture
def blind(monkeypatch):
    """A prover who does not look whether the witness satisfies the system."""
    monkeypatch.setattr(arithmetic, "_check", lambda system, witness: None)


def opening_of(statement, done, shape):
    """Return what the folded opening of a proof is about: the reduced statement, n and l."""
    proof, reduced = done.proof, compact._reduce(statement.system, shape, done.weights, done.x)
    n = [one + other for one, other in zip(compact._padded(proof.g, shape.norm), reduced.v, strict=True)]
    return reduced, n, compact._padded([*proof.m, *proof.q, *proof.e, proof.h], shape.linear)


def fold(transcript, statement, shape, done, change=lambda n: None):
    """Return the compact proof of what has been responded; `change` may spoil n before it is folded."""
    reduced, n, ell = opening_of(statement, done, shape)
    change(n)
    bases = compact._bases(statement.system, shape, reduced)
    folded = folding.prove(transcript, shape, bases, done.weights.rho, reduced.c, n, ell)
    return Proof(done.proof.S, done.proof.A, done.proof.B, folded)


# (1) The form is absorbed before the first challenge


@known_bad("the form of a proof is not absorbed")
@attacks("(1)")
def test_without_the_form_in_the_transcript_anyone_could_make_a_compact_proof_of_an_opened_one(monkeypatch):
    statement, witness = square_claim()
    shape = compact.shape_of(statement.system, 2)
    opened = arithmetic.prove(Transcript(TAG), statement, witness)

    def converted():
        """Return the compact proof that a stranger makes of the opened one."""
        transcript = Transcript(TAG)
        points = (opened.S, opened.A, opened.B)
        weights, x = arithmetic.challenges(transcript, statement, arithmetic.OPENED_FORM, *points)
        return fold(transcript, statement, shape, arithmetic.Responses(opened, weights, x))

    forged = converted()
    refused("(4)", statement, 2, forged)
    monkeypatch.setattr(compact, "_form", lambda shape: arithmetic.OPENED_FORM)
    verify(statement, 2, forged)


def folded_bases(transcript, statement, shape, proof):
    """Return the generators that are left after the rounds of a proof, and rho and c with them."""
    weights, x = arithmetic.challenges(transcript, statement, compact._form(shape), proof.S, proof.A, proof.B)
    reduced = compact._reduce(statement.system, shape, weights, x)
    bases, rho, c = compact._bases(statement.system, shape, reduced), weights.rho, reduced.c
    G, L = bases.G, bases.L
    for X, R in zip(proof.folded.X, proof.folded.R, strict=True):
        gamma = folding._challenge(transcript, X, R)
        G = [group.msm(pair, [rho, gamma]) for pair in zip(G[::2], G[1::2], strict=True)]
        L = [group.msm(pair, [1, gamma]) for pair in zip(L[::2], L[1::2], strict=True)]
        c = [even + gamma * odd for even, odd in zip(c[::2], c[1::2], strict=True)]
        rho = rho * rho % ORDER
    return Bases(bases.V, G, L), rho, c


@known_bad("the form of a proof is not absorbed")
@attacks("(1)")
def test_without_the_rounds_in_the_transcript_anyone_could_fold_a_proof_once_more(monkeypatch):
    statement, witness = square_claim(extra=6, commitments=2)
    monkeypatch.setattr(compact, "_form", lambda shape: compact.COMPACT_FORM)
    short, long = (compact.shape_of(statement.system, rounds) for rounds in (1, 2))
    assert (short.norm, short.linear) == (long.norm, long.linear), "the padding alone does not tell"
    proof = prove(statement, witness, 1)
    transcript = Transcript(TAG)
    bases, rho, c = folded_bases(transcript, statement, short, proof)
    n, ell = proof.folded.n, proof.folded.l
    more = folding.prove(transcript, Shape(1, len(n), len(ell)), bases, rho, c, n, ell)
    X, R = [*proof.folded.X, *more.X], [*proof.folded.R, *more.R]
    longer = replace(proof, folded=folding.Proof(X, R, more.n, more.l))
    verify(statement, 2, longer)
    monkeypatch.undo()
    refused("(4)", statement, 2, longer)


@attacks("(1)")
@pytest.mark.parametrize("check, drawn", [("(3)", {"alpha": [0]}), ("(6)", {"rho": [0]}), ("(10)", {"x": [0]})])
def test_challenges_that_are_inadmissible_for_an_opened_proof_are_so_for_a_compact_one(check, drawn):
    statement, witness = square_claim()
    refused(check, statement, 2, prove(statement, witness, 2), Programmed(**drawn))


@attacks("(1)")
def test_no_challenge_of_a_round_is_drawn_before_everything_else_is_fixed():
    statement, witness = square_claim()
    transcript = Transcript(TAG)
    prove(statement, witness, 2, transcript)
    first = transcript.log.index("squeeze gamma")
    named = ("form", "system", "commitment", "A", "B", "S", "X", "R")
    assert all(f"absorb {name}" in transcript.log[:first] for name in named)
    assert transcript.log[0] == "absorb form"


def verify_bytes(statement, rounds, data):
    if rounds:
        verify(statement, rounds, Proof.from_bytes(statement.system, rounds, data))
    else:
        arithmetic.verify(Transcript(TAG), statement, arithmetic.Proof.from_bytes(statement.system, data))


@attacks("(1)")
def test_the_bytes_of_one_form_are_no_proof_in_another():
    statement, witness = square_claim()
    forms = {0: arithmetic.prove(Transcript(TAG), statement, witness).to_bytes()}
    forms |= {rounds: prove(statement, witness, rounds).to_bytes() for rounds in (1, 2, 3)}
    for made, data in forms.items():
        verify_bytes(statement, made, data)
        for rounds in forms.keys() - {made}:
            with pytest.raises((EncodingError, VerificationError)):
                verify_bytes(statement, rounds, data)


# (2) Unused places have generators of their own


@known_bad("unused places have the identity as generator")
@attacks("(2)")
def test_without_generators_for_its_unused_places_the_norm_block_would_make_up_for_any_lie(blind, monkeypatch):
    # Five slots in a block of eight. The product is off by one, so 2 mu^5 X^T is missing from t. The unused entries of
    # n are nowhere else, and have to bring 2 mu^5 x^3, as V = x^(T-3) E_0.
    statement, witness = square_claim(square=10)
    shape = compact.shape_of(statement.system, 3)
    assert (statement.system.slots, shape.norm) == (5, 8)
    slots = generators.slots

    class Missing:
        def first(self, count):
            return [*slots.first(5), *[group.identity()] * 3][:count]

    def forge():
        transcript = Transcript(TAG)
        done = arithmetic.respond(transcript, statement, witness, system_randomness, compact._form(shape))
        rho = done.weights.rho

        def make_up(n):
            for place, root in zip((5, 6), two_squares(2 * rho**10 * done.x**3), strict=True):
                n[place] = root * inverse(rho ** (place + 1))

        return fold(transcript, statement, shape, done, make_up)

    refused("(4)", statement, 3, forge())
    with monkeypatch.context() as missing:
        missing.setattr(generators, "slots", Missing())
        forged = forge()
        verify(statement, 3, forged)
    refused("(4)", statement, 3, forged)


# (3) The lengths are those of the statement


@attacks("(3)")
@pytest.mark.parametrize("change", WRONG)
def test_a_proof_of_another_shape_is_refused_before_the_first_round(change):
    statement, witness = square_claim()
    proof, transcript = prove(statement, witness, 1), Transcript(TAG)
    refused("(4)", statement, 1, replace(proof, folded=WRONG[change](proof.folded)), transcript)
    assert "squeeze gamma" not in transcript.log


@attacks("(3)")
@pytest.mark.parametrize("made, said", [(1, 2), (2, 1), (2, 3), (3, 2)])
def test_a_proof_with_a_wrong_number_of_rounds_is_refused(made, said):
    statement, witness = square_claim(extra=6)
    proof = prove(statement, witness, made)
    refused("(4)", statement, said, proof)
    with pytest.raises(EncodingError, match=f"in {said} rounds must have"):
        Proof.from_bytes(statement.system, said, proof.to_bytes())


# (4) The equation


def false_row():
    statement, witness = square_claim(quantity=3)
    return statement, Witness([*square_claim(quantity=2, square=4)[1].values[:-1], 3], witness.blindings)


LIES = {
    "a negative digit": lambda: square_claim(quantity=-1, square=1),
    "a false product": lambda: square_claim(square=10),
    "a false row": false_row,
}


@attacks("(4)")
@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("rounds", [1, 2])
def test_a_lie_told_by_the_rules_is_refused_by_the_equation(lie, rounds, blind, monkeypatch):
    statement, witness = LIES[lie]()
    proof = prove(statement, witness, rounds)
    refused("(4)", statement, rounds, proof)
    monkeypatch.setattr(batch, "bad_positions", lambda equations: ())
    verify(statement, rounds, proof)


@attacks("(4)")
def test_a_proof_for_a_commitment_that_the_witness_does_not_open_does_not_hold():
    statement, witness = square_claim()
    stranger = replace(statement, commitments=square_claim()[0].commitments)
    refused("(4)", stranger, 2, prove(stranger, witness, 2))


@attacks("(4)")
def test_an_equation_without_the_weights_of_X_or_R_would_not_hold_for_the_truth():
    statement, witness = square_claim()
    equation = compact.equation(Transcript(TAG), statement, 2, prove(statement, witness, 2))
    assert group.equal(value_of(equation), group.identity())
    for place in range(-4, 0):
        scalars = list(equation.scalars)
        scalars[place] = 0
        assert batch.bad_positions([replace(equation, scalars=scalars)]) == (0,)


def test_every_numbered_step_has_an_attack():
    assert sorted(attacked) == re.findall(r"^    (\(\d+\)) ", compact.__doc__, re.MULTILINE)
    assert set(re.findall(r'failed="(\(\d+\))"', inspect.getsource(compact))) <= set(attacked)


# Canonical bytes


def proof_of_the_truth():
    statement, witness = square_claim(extra=1)
    return statement, prove(statement, witness, 1).to_bytes()


def test_a_proof_with_any_byte_changed_is_refused():
    statement, data = proof_of_the_truth()
    verify(statement, 1, Proof.from_bytes(statement.system, 1, data))
    for place in range(len(data)):
        for mask in (0x01, 0x80):
            changed = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
            with pytest.raises((EncodingError, VerificationError)):
                verify(statement, 1, Proof.from_bytes(statement.system, 1, changed))


@pytest.mark.parametrize("place", range(5), ids=["S", "A", "B", "X", "R"])
def test_a_point_with_the_other_sign_is_another_point(place):
    statement, data = proof_of_the_truth()
    changed = bytearray(data)
    changed[48 * place] ^= 0x20
    refused("(4)", statement, 1, Proof.from_bytes(statement.system, 1, bytes(changed)))


@known_bad("responses are reduced when they are read")
def test_a_scalar_plus_the_order_would_be_a_second_encoding_of_the_same_proof(monkeypatch):
    statement, data = proof_of_the_truth()
    starts = range(5 * 48, len(data), 32)
    place = next(at for at in starts if int.from_bytes(data[at : at + 32], "big") < 2**256 - ORDER)
    number = int.from_bytes(data[place : place + 32], "big") + ORDER
    second = data[:place] + number.to_bytes(32, "big") + data[place + 32 :]
    with pytest.raises(EncodingError, match="not below the order"):
        Proof.from_bytes(statement.system, 1, second)

    def reducing(data, count):
        return [int.from_bytes(data[at : at + 32], "big") % ORDER for at in range(0, len(data), 32)]

    monkeypatch.setattr(compact, "decode_scalars", reducing)
    verify(statement, 1, Proof.from_bytes(statement.system, 1, second))


BAD_POINTS = {
    "zeros": bytes(48),
    "the identity with its flag": b"\xc0" + bytes(47),
    "the identity with every flag": b"\xe0" + bytes(47),
    "no flag of compression": bytes(47) + b"\x04",
    "off the curve": b"\x80" + bytes(46) + b"\x01",
    "a coordinate above the modulus": (FIELD_MODULUS + 4 + 2**383).to_bytes(48, "big"),
}


@pytest.mark.parametrize("place", range(5), ids=["S", "A", "B", "X", "R"])
@pytest.mark.parametrize("lie", BAD_POINTS)
def test_a_point_that_is_not_one_is_refused_wherever_it_stands(lie, place):
    statement, data = proof_of_the_truth()
    with pytest.raises(EncodingError):
        Proof.from_bytes(statement.system, 1, data[: 48 * place] + BAD_POINTS[lie] + data[48 * (place + 1) :])


@pytest.mark.parametrize("name", ["X", "R"])
def test_an_identity_that_never_was_bytes_is_refused_too(name):
    statement, witness = square_claim()
    proof = prove(statement, witness, 1)
    with pytest.raises(EncodingError, match="identity"):
        verify(statement, 1, replace(proof, folded=replace(proof.folded, **{name: [group.identity()]})))


# Torsion

THREE = group.decode_on_curve(bytes(95) + b"\x02")


class Spoiling:
    """The group, as a prover sees it who adds torsion to the points of every round: X and R in turn."""

    def __init__(self, names):
        self.spoilt = [name in names for name in "XR"]

    def __getattr__(self, name):
        return getattr(group, name)

    def msm(self, points, scalars):
        self.spoilt.append(self.spoilt.pop(0))
        total = group.msm(points, scalars)
        return group.add(total, THREE) if self.spoilt[-1] else total


@pytest.mark.parametrize("places", ["X", "R", "XR"])
@pytest.mark.parametrize("square, accepted", [(9, True), (10, False)], ids=["truth", "lie"])
def test_torsion_in_a_round_changes_no_verdict_alone_in_a_batch_or_on_the_other_group(
    places, square, accepted, blind, monkeypatch
):
    statement, witness = square_claim(square=square, extra=1)
    with monkeypatch.context() as spoilt:
        spoilt.setattr(folding, "group", Spoiling(places))
        data = prove(statement, witness, 1).to_bytes()
    equation = compact.equation(Transcript(TAG), statement, 1, Proof.from_bytes(statement.system, 1, data))
    other, its_witness = square_claim()
    opened = arithmetic.prove(Transcript(TAG), other, its_witness)
    good = arithmetic.equation(Transcript(TAG), other, opened)
    for place in map("SABXR".index, places):
        with pytest.raises(EncodingError, match="subgroup"):
            group.decode(data[48 * place : 48 * (place + 1)])
    assert (batch.bad_positions([equation]) == ()) == accepted
    assert batch.bad_positions([good, equation, equation, good]) == (() if accepted else (1, 2))
    assert clears_to_identity(*portable_value_of(equation)) == accepted
