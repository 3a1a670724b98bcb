"""A compact proof tells what an opened one tells, folded: simulated without a witness, distributed like a real one."""

import pytest

from tests.attacks.folded import TAG
from tests.attacks.test_compact import fold
from tests.soundness.rounds import Folding
from tests.soundness.systems import everything
from tests.soundness.test_extractor import EARLIER
from tests.soundness.test_folding import FOUR, Compact, Rewound
from tests.soundness.test_simulator import CHALLENGES, Toy, distribution, everything_there_is, same, scalars, simulate
from zkmargin.algebra.group import group
from zkmargin.commitments import Commitment
from zkmargin.errors import VerificationError
from zkmargin.proofs import arithmetic, compact
from zkmargin.proofs.arithmetic import Responses, Statement, Witness
from zkmargin.proofs.constraints import Affine, System
from zkmargin.transcript import Transcript


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
