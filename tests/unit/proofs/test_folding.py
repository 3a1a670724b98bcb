import re
from dataclasses import replace
from itertools import pairwise
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.folded import TAG, difference, holds, prove, random_scalars, relation, value
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER, inverse
from zkmargin.errors import StatementError
from zkmargin.proofs import folding
from zkmargin.proofs.folding import MAX_ROUNDS, Shape
from zkmargin.transcript import Transcript

SHAPES = st.builds(
    lambda rounds, norm, linear: Shape(rounds, norm << rounds, linear << rounds),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
)


# The page and the code


def test_every_step_is_in_the_docstring_and_marked_in_the_code():
    source = folding.__loader__.get_source(folding.__name__)
    documented = re.findall(r"^    \((\d+)\) ", folding.__doc__, re.MULTILINE)
    assert documented == ["1", "2", "3", "4", "5"]
    assert set(re.findall(r"# \((\d+)\)", source.split('"""', 2)[2])) == set(documented)


@given(SHAPES)
def test_prover_and_verifier_keep_the_documented_transcript(shape):
    documented = re.search(r"Transcript\n-+\n    (.*?)     ", folding.__doc__, re.DOTALL)[1].split(" / ")
    stated, n, ell = relation(shape)
    prover, verifier = Transcript(TAG), Transcript(TAG)
    proof = prove(stated, n, ell, prover)
    folding.open_up(verifier, shape, stated.rho, stated.c, proof)
    assert prover.log == verifier.log == documented * shape.rounds
    assert prover.fingerprint() == verifier.fingerprint()


# Completeness


@given(SHAPES)
def test_a_true_relation_is_provable_in_any_shape_and_the_proof_has_the_documented_size(shape):
    stated, n, ell = relation(shape)
    proof = prove(stated, n, ell)
    assert holds(stated, proof)
    points = [group.encode(point) for point in (*proof.X, *proof.R)]
    size = len(b"".join(points)) + 32 * (len(proof.n) + len(proof.l))
    assert size == 96 * shape.rounds + 32 * (shape.norm + shape.linear) // 2**shape.rounds


@pytest.mark.parametrize("gamma", [0, 1, ORDER - 1])
def test_no_challenge_is_inadmissible(gamma, monkeypatch):
    stated, n, ell = relation(Shape(2, 4, 4))
    monkeypatch.setattr(Transcript, "challenge", lambda self, name: gamma)
    assert holds(stated, prove(stated, n, ell))


def folded_by_hand(stated, n, ell, gammas):
    """Return what is left of n, ell, c, G, L and rho after rounds with these challenges, all of it folded literally."""
    rho, c, G, L = stated.rho, stated.c, stated.bases.G, stated.bases.L

    def points(one, evens, other, odds):
        return [group.msm(pair, [one, other]) for pair in zip(evens, odds, strict=True)]

    def scalars(one, evens, other, odds):
        return [(one * even + other * odd) % ORDER for even, odd in zip(evens, odds, strict=True)]

    for gamma in gammas:
        n = scalars(inverse(rho), n[::2], gamma, n[1::2])
        ell, c = (scalars(1, vector[::2], gamma, vector[1::2]) for vector in (ell, c))
        G, L = points(rho, G[::2], gamma, G[1::2]), points(1, L[::2], gamma, L[1::2])
        rho = rho * rho % ORDER
    return n, ell, c, G, L, rho


@given(SHAPES)
def test_each_round_turns_the_relation_into_one_of_half_the_size(shape):
    stated, n, ell = relation(shape)
    proof = prove(stated, n, ell)
    transcript = Transcript(TAG)
    gammas = [folding._challenge(transcript, *pair) for pair in zip(proof.X, proof.R, strict=True)]
    n, ell, c, G, L, rho = folded_by_hand(stated, n, ell, gammas)
    assert (proof.n, proof.l) == (n, ell)
    P = stated.P
    for gamma, X, R in zip(gammas, proof.X, proof.R, strict=True):
        P = group.msm([P, X, R], [1, gamma, gamma**2 - 1])
    assert group.equal(P, group.msm([stated.bases.V, *G, *L], [value(rho, c, n, ell), *n, *ell]))


@given(SHAPES, st.data())
def test_no_number_of_the_last_message_can_be_another(shape, data):
    stated, n, ell = relation(shape)
    proof = prove(stated, n, ell)
    vector = data.draw(st.sampled_from([proof.n, proof.l]))
    vector[data.draw(st.integers(0, len(vector) - 1))] += data.draw(st.sampled_from([-1, 1]))
    assert not holds(stated, proof)


def test_the_opening_of_one_relation_is_not_one_of_another():
    shape = Shape(2, 8, 4)
    (stated, n, ell), (other, *_) = relation(shape), relation(shape)
    proof = prove(stated, n, ell)
    assert holds(stated, proof)
    assert not holds(other, proof)
    assert not group.equal(difference(other, proof), group.identity())


# Special soundness: one round, four challenges


def quadratic_through(points):
    """Return the coefficients 1, X, X^2 of the polynomials (one for each entry) through three (place, entries)."""
    (one, a), (two, b), (three, c) = points
    weights = [inverse((one - two) * (one - three)), inverse((two - one) * (two - three))]
    weights.append(inverse((three - one) * (three - two)))
    rows = [(two * three, -two - three, 1), (one * three, -one - three, 1), (one * two, -one - two, 1)]
    return [
        [
            sum(map(mul, (x * w for x, w in zip(column, weights, strict=True)), entries)) % ORDER
            for entries in zip(a, b, c, strict=True)
        ]
        for column in zip(*rows, strict=True)
    ]


def answered(stated, gamma, proof, monkeypatch):
    """Return equation (5) under a chosen challenge, as a list of scalars over V, G and L."""
    with monkeypatch.context() as chosen:
        chosen.setattr(Transcript, "challenge", lambda self, name: gamma)
        opened = folding.open_up(Transcript(TAG), stated.shape, stated.rho, stated.c, proof)
    return opened, [opened.value, *opened.G, *opened.L]


def test_three_answers_open_every_point_and_a_fourth_agrees(monkeypatch):
    stated, n, ell = relation(Shape(1, 4, 2))
    answers = []
    for gamma in (2, 3, 5, 7):
        with monkeypatch.context() as chosen:
            chosen.setattr(Transcript, "challenge", lambda self, name, gamma=gamma: gamma)
            proof = prove(stated, n, ell)
        answers.append((gamma, answered(stated, gamma, proof, monkeypatch)[1]))
    rest, X, R = quadratic_through(answers[:3])
    assert answers[3][1] == [(one + 7 * two + 49 * three) % ORDER for one, two, three in zip(rest, X, R, strict=True)]
    opened = [(one + two) % ORDER for one, two in zip(rest, R, strict=True)]
    assert opened == [value(stated.rho, stated.c, n, ell) % ORDER, *n, *ell]
    bases = [stated.bases.V, *stated.bases.G, *stated.bases.L]
    assert group.equal(group.msm(bases, X), proof.X[0])
    assert group.equal(group.msm(bases, R), proof.R[0])


def test_three_answers_can_be_given_about_a_false_relation_and_a_fourth_cannot(monkeypatch):
    stated, *_ = relation(Shape(1, 4, 2))
    blank = folding.Proof([group.generator()], [group.generator()], [], [])
    proofs = {gamma: replace(blank, n=random_scalars(2), l=random_scalars(1)) for gamma in (2, 3, 5)}
    answers = {gamma: answered(stated, gamma, proof, monkeypatch) for gamma, proof in proofs.items()}
    rest, X, R = quadratic_through([(gamma, entries) for gamma, (_, entries) in answers.items()])
    P = [(one + two) % ORDER for one, two in zip(rest, R, strict=True)]
    assert P[0] != value(stated.rho, stated.c, P[1:5], P[5:]) % ORDER
    bases = [stated.bases.V, *stated.bases.G, *stated.bases.L]
    false = replace(stated, P=group.msm(bases, P))
    sent = {"X": [group.msm(bases, X)], "R": [group.msm(bases, R)]}
    for gamma, proof in proofs.items():
        assert holds(false, replace(proof, **sent), answers[gamma][0])
    # Whatever is answered to 7 must, by binding, have these scalars on G; but they belong to no n.
    at_7 = [one + 7 * two + 49 * three for one, two, three in zip(rest, X, R, strict=True)]
    assert all((7 * even - stated.rho * odd) % ORDER for even, odd in zip(at_7[1:5:2], at_7[2:5:2], strict=True))


# Shapes


@given(st.integers(2, 300), st.integers(1, 300), st.data())
def test_a_shape_holds_all_entries_and_less_than_a_unit_more(norm, linear, data):
    rounds = data.draw(st.integers(1, (norm - 1).bit_length()))
    shape, unit = Shape.of(rounds, norm, linear), 2**rounds
    assert shape.norm % unit == shape.linear % unit == 0
    assert 0 <= shape.norm - norm < unit
    assert 0 <= shape.linear - linear < unit


@given(st.integers(2, 2**16))
def test_every_round_but_the_last_leaves_a_block_that_is_worth_halving(norm):
    most = min(MAX_ROUNDS, (norm - 1).bit_length())
    lengths = [Shape.of(rounds, norm, 1).norm >> rounds for rounds in range(1, most + 1)]
    assert lengths[-1] == 1
    assert all(longer > shorter for longer, shorter in pairwise(lengths))
    assert Shape.of(most, norm, 1).norm <= 2**16, "so there are generators for it"


@pytest.mark.parametrize(
    "rounds, norm, most", [(0, 8, 3), (-1, 8, 3), (4, 8, 3), (5, 9, 4), (1, 1, 0), (17, 2**16, 16), (17, 2**20, 16)]
)
def test_rounds_that_would_not_halve_the_norm_block_are_refused(rounds, norm, most):
    with pytest.raises(StatementError, match=f"between 1 and {most}, got {rounds}"):
        Shape.of(rounds, norm, 4)


@pytest.mark.parametrize(
    "rounds, norm, linear", [(0, 4, 4), (17, 2**17, 2**17), (1, 3, 4), (1, 4, 3), (2, 6, 4), (1, 0, 4), (1, 4, 0)]
)
def test_a_shape_with_an_odd_round_does_not_exist(rounds, norm, linear):
    with pytest.raises(StatementError, match="rounds must be|multiples of"):
        Shape(rounds, norm, linear)


def test_a_sum_without_a_partner_is_no_sum():
    with pytest.raises(ValueError, match="entries|shorter|longer"):
        prove(relation(Shape(1, 2, 2))[0], random_scalars(2), random_scalars(3))
