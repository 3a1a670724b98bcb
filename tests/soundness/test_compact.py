"""Compact proofs: a tree of them gives a witness, and one of them tells what an opened proof tells, folded."""

from copy import copy
from dataclasses import replace
from itertools import product

import pytest

from tests.attacks.folded import TAG
from tests.attacks.test_compact import fold
from tests.soundness.formal import Argument
from tests.soundness.rounds import Folding, opened
from tests.soundness.systems import everything
from tests.soundness.test_extractor import EARLIER, Honest, interpolate, witness
from tests.soundness.test_folding import FOUR, Rewound
from tests.soundness.test_simulator import CHALLENGES, Toy, distribution, everything_there_is, same, scalars, simulate
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import Commitment
from zkmargin.errors import VerificationError
from zkmargin.proofs import arithmetic, batch, compact
from zkmargin.proofs.arithmetic import Responses, Statement, Witness
from zkmargin.proofs.constraints import Affine, System
from zkmargin.transcript import Transcript

# The compact form: the same tree below every x


class Padded(Argument):
    """The norm argument with the places that fill up a folded opening: slots without a constraint, and U."""

    def __init__(self, system, order, shape):
        super().__init__(system, order)
        self.unused = shape.norm - system.slots
        used = sum(map(len, (self.M, self.P, self.E, self.H)))
        shift = self.unused
        self.G = range(shape.norm)
        self.M, self.P, self.E, self.H = (
            range(r.start + shift, r.stop + shift) for r in (self.M, self.P, self.E, self.H)
        )
        # l holds everything but G and E_0.
        self.U = range(shape.norm + used, shape.norm + used + shape.linear - (used - 1))
        self.bases = self.U.stop

    def weigh(self, alpha, rho, w):
        weights = super().weigh(alpha, rho, w)
        slots = self.system.slots
        more = [pow(rho, 2 * i + 2, self.order) for i in range(slots, slots + self.unused)]
        nothing = [0] * self.unused
        columns = [*weights.columns[:slots], *[[] for _ in nothing], *weights.columns[slots:], *[[] for _ in self.U]]
        left, right = weights.left + nothing, weights.right + nothing
        return replace(weights, mu=weights.mu + more, left=left, right=right, columns=columns)

    def without_unused_slots(self):
        """Return this argument with the slots of the system as its only ones."""
        twin = copy(self)
        twin.G = self.G[: self.system.slots]
        return twin


def points_of(argument):
    """Return the generators of an element's coefficients."""
    errors = generators.errors.first(argument.T + 2)
    return [
        *generators.slots.first(len(argument.G)),
        *generators.wires.first(len(argument.M)),
        *map(generators.book, argument.system.basis),
        *[errors[degree] for degree in argument.degrees],
        generators.blinding(),
        *generators.padding.first(len(argument.U)),
    ]


class Compact(Honest):
    """The library's prover of compact proofs: with the same coins it commits to the same masks."""

    def __init__(self, system, values, rounds):
        super().__init__(system, values)
        self.rounds = rounds
        self.shape = compact.shape_of(system, rounds)

    def answer(self, gammas, **challenges):
        known = Witness(self.values, self.blindings)
        transcript = Rewound(gammas, **challenges)
        return compact.prove(transcript, self.statement, known, self.rounds, self.coins)


def full_response(prover, argument, x, **earlier):
    """Return what 4^rounds answers at one x open: the coefficients of (12)'s right-hand side on every base."""
    statement, shape = prover.statement, prover.shape
    weights = arithmetic.Weights(statement.system, **earlier)
    reduced = compact._reduce(statement.system, shape, weights, x)
    top = Folding(int(ORDER), weights.rho, tuple(map(int, reduced.c)), shape.norm)

    def below(relation, gammas):
        if len(gammas) < shape.rounds:
            return opened(relation, {gamma: below(relation.next(gamma), (*gammas, gamma)) for gamma in FOUR})[0]
        proof = prover.answer(gammas, x=x, **earlier)
        transcript = Rewound(gammas, x=x, **earlier)
        assert batch.bad_positions([compact.equation(transcript, statement, shape.rounds, proof)]) == ()
        return relation.element([int(one) for one in proof.folded.n], [int(one) for one in proof.folded.l])

    P = below(top, ())
    n, ell = top.blocks(P)
    assert top.holds(P)
    g = [(one - other) % ORDER for one, other in zip(n, reduced.v, strict=True)]
    split = len(argument.M) + len(argument.P)
    first_error = (reduced.scale * P[0] - reduced.constant) % ORDER
    return [int(one) for one in (*g, *ell[:split], first_error, *ell[split:])]


@pytest.mark.parametrize("commitments, rounds", [(1, 1), (2, 1), (1, 2)])
def test_from_3k_plus_7_trees_of_compact_proofs_comes_a_witness(commitments, rounds):
    prover = Compact(*everything(commitments), rounds)
    system, T = prover.statement.system, commitments + 3
    argument = Padded(system, int(ORDER), prover.shape)
    assert len(argument.G) > system.slots, "there are unused places"
    xs = range(3, 3 + 3 * commitments + 7)
    answers = {x: full_response(prover, argument, x, **EARLIER) for x in xs}
    found = dict(enumerate(interpolate({x: answers[x] for x in xs[: T + 1]})))
    # The openings are those of the points, and every further answer agrees with them.
    proof = prover.answer(FOUR[:rounds], x=3, **EARLIER)
    own = [commitment.point for commitment in prover.statement.commitments]
    for exponent, point in zip((0, 1, 2, *argument.exponents), (proof.S, proof.A, proof.B, *own), strict=True):
        assert group.equal(group.msm(points_of(argument), found[exponent]), point)
    assert found[3] == [0] * argument.bases
    assert all(argument.at(found, x) == answer for x, answer in answers.items())
    # (12) is an identity in x, and what was opened is a witness.
    F = argument.residue(argument.weigh(**EARLIER), found)
    assert max(F) <= 3 * commitments + 6
    assert set(F.values()) == {0}
    values, _, counts = witness(argument.without_unused_slots(), found, EARLIER["alpha"])
    assert values == [value % ORDER for value in prover.values]
    assert argument.satisfied(values)
    assert counts == [prover.values[: system.digits].count(t) for t in range(1, system.base)]


BITS = System(("USD",), (("USD",),), 2, 2, (), 0, (Affine((0, 1, 2), (1, 2, -1), 0),), 9)
"""q is a two-bit number. Digits 0 and 1, q 2."""


@pytest.mark.long
def test_the_whole_tree_of_compact_proofs_proves_every_constraint_without_looking_at_the_prover():
    # (d + beta) alphas, 2N + 1 rhos, J + 2 ws, 3K + 7 xs, 4 gammas: 4 x 5 x 3 x 10 x 4 proofs.
    prover = Compact(BITS, [1, 0, 1], rounds=1)
    argument = Padded(BITS, int(ORDER), prover.shape)
    assert (len(argument.G), len(argument.U)) == (2, 1)
    alphas, rhos, ws, xs = (range(5, 5 + count) for count in (4, 5, 3, 10))
    first, second = set(), {alpha: set() for alpha in alphas}
    for alpha, rho, w in product(alphas, rhos, ws):
        earlier = {"alpha": alpha, "rho": rho, "w": w}
        answers = {x: full_response(prover, argument, x, **earlier) for x in xs}
        found = dict(enumerate(interpolate({x: answers[x] for x in xs[:5]})))
        assert all(argument.at(found, x) == answer for x, answer in answers.items())
        assert set(argument.residue(argument.weigh(**earlier), found).values()) == {0}
        first.add((tuple(found[1]), tuple(found[4])))
        second[alpha].add(tuple(found[2]))
    # Binding: one opening of A and C in the whole tree, one of B below each alpha.
    ((A, C),) = first
    a, (m,), (q,) = (
        [vector[base] for base in where] for vector, where in ((A, argument.G), (A, argument.M), (C, argument.P))
    )
    assert (a[0] + 2 * a[1] - q) % ORDER == 0
    for alpha in alphas:
        (B,) = second[alpha]
        b = [B[base] for base in argument.G]
        assert all((one + alpha) * other % ORDER == 1 for one, other in zip(a, b, strict=True))
        poles = [pow(alpha + t, -1, ORDER) for t in range(2)]
        assert (sum(b) - 2 * poles[0] - m * (poles[1] - poles[0])) % ORDER == 0
        assert A[argument.error(3)] + B[argument.error(2)] + C[argument.error(0)] == 0
    # The numerator of the look-up has degree d + beta - 1 at most and d + beta zeros: both are bits, and m counts them.
    assert set(a) <= {0, 1}
    assert m == sum(a)


# Zero knowledge: folding is a public function of what an opened proof shows


@pytest.mark.parametrize("commitments", [1, 2])
@pytest.mark.parametrize("rounds", [1, 2])
def test_a_simulator_of_compact_proofs_needs_no_witness_and_no_true_statement(commitments, rounds):
    system, _ = everything(commitments)
    points = [group.hash_to_curve(bytes([k]), b"soundness") for k in range(commitments)]
    statement = Statement(system, tuple(map(Commitment, points)))
    draft = simulate(statement, scalars(1), **CHALLENGES)
    earlier = {name: CHALLENGES[name] for name in ("alpha", "rho", "w")}
    done = Responses(draft, arithmetic.Weights(system, **earlier), CHALLENGES["x"])
    shape = compact.shape_of(system, rounds)
    proof = fold(Rewound(FOUR[:rounds]), statement, shape, done)
    compact.verify(Rewound(FOUR[:rounds], **CHALLENGES), statement, rounds, proof)
    with pytest.raises(VerificationError):
        compact.verify(Rewound(FOUR[1 : 1 + rounds], **CHALLENGES), statement, rounds, proof)
    with pytest.raises(VerificationError):
        compact.verify(Transcript(TAG), statement, rounds, proof)


@pytest.mark.parametrize("commitments, rounds", [(1, 1), (2, 2)])
def test_a_compact_proof_is_its_prover_s_responses_folded_and_nothing_else(commitments, rounds):
    # So whoever has an opened proof under the same challenges makes the compact one, without the witness.
    prover = Compact(*everything(commitments), rounds)
    known = Witness(prover.values, prover.blindings)
    transcript = Rewound(FOUR[:rounds], x=3, **EARLIER)
    form = compact._form(prover.shape)
    done = arithmetic.respond(transcript, prover.statement, known, prover.coins, form)
    made = fold(transcript, prover.statement, prover.shape, done)
    assert made.to_bytes() == prover.answer(FOUR[:rounds], x=3, **EARLIER).to_bytes()


SQUARES = System(
    ("USD",),
    (("USD",),),
    0,
    2,
    (Affine((), (), 1), Affine((), (), 1)),
    0,
    tuple(Affine((place, 4), (1, -1), 0) for place in range(4)),
    9,
)
"""The square of q is 1, said twice, so that there are two slots to fold. Modulo 3 it is true of 1 and of 2."""


def folded_numbers(toy, proof, x, gamma, **earlier):
    """Return what a compact proof shows in one round: S, A, B, X, R and what is left of n and l, as numbers."""
    argument, p = toy.argument, toy.order
    S, A, B, *numbers = proof
    response = toy.response(numbers)
    weights = argument.weigh(**earlier)
    T, over_scale = argument.T, pow(x, 3 - argument.T, p)
    v = [
        pow(mu, -1, p) * (x**2 * left + x * right)
        for mu, left, right in zip(weights.mu, weights.left, weights.right, strict=True)
    ]
    n = [(one + other) % p for one, other in zip(response.g, v, strict=True)]
    ell = [*response.m, *response.q, *response.e, response.h]
    on_books = [
        sum(2 * x ** (T - k) * one for k, one in zip(argument.exponents, column, strict=True))
        for column in zip(*weights.books, strict=True)
    ]
    weighted = [*[2 * x ** (T - 1) * one for one in weights.wires], *on_books]
    weighted += [*[-(x**degree) for degree in argument.degrees[1:]], 0]
    relation = Folding(p, earlier["rho"], tuple(over_scale * one % p for one in weighted), len(n))
    E_0, *others = (
        toy.logarithms[base] for base in (argument.E[0], *argument.M, *argument.P, *argument.E[1:], *argument.H)
    )
    logarithms = [x ** (T - 3) * E_0, *toy.logarithms[: len(n)], *others]
    X, R = (sum(log * one for log, one in zip(logarithms, point, strict=True)) % p for point in relation.points(n, ell))
    element, _ = relation.over_folded(relation.folded(relation.element(n, ell), *relation.points(n, ell), gamma), gamma)
    return [S, A, B, X, R, *element[1:]]


@pytest.mark.parametrize("rho, w, x, gamma", [(1, 0, 1, 0), (2, 2, 1, 1), (1, 1, 2, 2)])
def test_real_and_simulated_compact_proofs_are_equally_frequent_whichever_book_is_held(rho, w, x, gamma):
    toy = Toy(SQUARES, 3)
    earlier = {"alpha": 1, "rho": rho, "w": w}
    found = []
    for book in (1, 2):
        blinding = toy.blinding(book, 2)
        masks = toy.masks(everything_there_is(3, len(toy.names())))
        proof = toy.prove([book] * SQUARES.variables, [blinding], masks, x=x, **earlier)
        found.append(distribution(3, folded_numbers(toy, proof, x, gamma, **earlier)))
    free = everything_there_is(3, len(proof) - 1)
    simulated = distribution(3, folded_numbers(toy, toy.simulate([2], free, x=x, **earlier), x, gamma, **earlier))
    assert same(found[0], found[1])
    assert same(found[0], simulated)
