"""Whoever answers enough challenges knows a witness: an extractor that rewinds a prover, and computes it.

The prover is a black box that can be started again with the same coins and meet another challenge x. Proofs are the
library's, on the real group; what the extractor does with them is the proof of special soundness of
docs/protocols/arithmetic.md, step by step.
"""

import hashlib
import random

import pytest

from tests.soundness.formal import Argument, Equations, Masks
from tests.soundness.systems import BIT, Programmed, everything
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import Commitment
from zkmargin.proofs import arithmetic, batch
from zkmargin.proofs.arithmetic import Proof, Statement, Witness

EARLIER = {"alpha": 2**200 + 1, "rho": 2**201 + 1, "w": 2**202 + 1}
BLINDINGS = [2**203 + 1, 2**204 + 1]


def bases(argument):
    """Return the generators of an element's coefficients."""
    errors = generators.errors.first(argument.T + 2)
    return [
        *generators.slots.first(len(argument.G)),
        *generators.wires.first(len(argument.M)),
        *map(generators.book, argument.system.basis),
        *[errors[degree] for degree in argument.degrees],
        generators.blinding(),
    ]


def point(argument, element):
    return group.msm(bases(argument), element)


def accepted(statement, proof, **challenges):
    return batch.bad_positions([arithmetic.equation(Programmed(**challenges), statement, proof)]) == ()


# Provers that can be rewound


class Honest:
    """The library's prover: with the same coins it commits to the same masks."""

    def __init__(self, system, values):
        self.argument = Argument(system, ORDER)
        self.values = values
        self.blindings = BLINDINGS[: system.commitments]
        books = self.argument.committed(self.argument.books(values), self.blindings)
        self.statement = Statement(system, tuple(Commitment(point(self.argument, book)) for book in books))

    def answer(self, **challenges):
        witness = Witness(self.values, self.blindings)
        return arithmetic.prove(Programmed(**challenges), self.statement, witness, self.coins)

    def coins(self, count):
        return hashlib.shake_256(b"the same coins").digest(count)


class Liar:
    """Whoever has chosen all messages, as elements, and answers as (12) demands."""

    def __init__(self, argument, messages):
        self.argument, self.messages = argument, messages
        self.S, self.A, self.B, *own = (point(argument, messages[i]) for i in (0, 1, 2, *argument.exponents))
        self.statement = Statement(argument.system, tuple(map(Commitment, own)))

    def answer(self, x, **_):
        response = self.argument.only_response(self.messages, x)
        return Proof(self.S, self.A, self.B, response.g, response.m, response.q, response.e, response.h)


# The extractor


def interpolate(answers):
    """Return the coefficients, at degrees 0, 1, .., of the vectors of polynomials that take these values."""
    places = list(answers)
    total = [[0] * len(answers[places[0]]) for _ in places]
    for here in places:
        basis, scale = [1], 1
        for other in places:
            if other != here:
                shifted = [0, *basis]
                basis = [low - other * high for low, high in zip(shifted, [*basis, 0], strict=True)]
                scale = scale * (here - other) % ORDER
        inverse = pow(scale, -1, ORDER)
        for degree, factor in enumerate(basis):
            part = factor * inverse % ORDER
            total[degree] = [(one + part * two) % ORDER for one, two in zip(total[degree], answers[here], strict=True)]
    return total


def full_response(argument, statement, proof, **challenges):
    """Return the coefficients of (12)'s right-hand side on every base, E_0 included, as the library computes them."""
    equation = arithmetic.equation(Programmed(**challenges), statement, proof)
    errors = [equation.errors[degree] % ORDER for degree in argument.degrees]
    numbers = [*equation.slots, *equation.wires, *equation.books, *errors, equation.blinding]
    return [int(number) % ORDER for number in numbers]


def rewind(prover, xs, **earlier):
    """Return the full responses at several x, having checked that the proofs are accepted and begin alike."""
    answers, first = {}, None
    for x in xs:
        proof = prover.answer(x=x, **earlier)
        assert accepted(prover.statement, proof, x=x, **earlier)
        first = first or proof
        assert all(group.equal(getattr(first, name), getattr(proof, name)) for name in "SAB")
        answers[x] = full_response(prover.argument, prover.statement, proof, x=x, **earlier)
    return answers


def openings(argument, answers):
    """Return {power of x: opening} of S, A, B and the commitments, from K+4 answers."""
    assert len(answers) == argument.T + 1
    return dict(enumerate(interpolate(answers)))


def witness(argument, opened, alpha):
    """Return the values that openings speak of, in the flat numbering, and the multiplicities."""
    system = argument.system
    part = lambda i, where: [opened[i][base] for base in where]  # noqa: E731
    a, b, m = part(1, argument.G), part(2, argument.G), part(1, argument.M)
    books = [value for exponent in argument.exponents for value in part(exponent, argument.P)]
    plain = [*a, *b[system.digits :], *m[system.multiplicities :], *books]
    return plain, b[: system.digits], m[: system.multiplicities]


def xs(count):
    return range(3, 3 + count)


@pytest.fixture(params=[1, 2], ids=["K=1", "K=2"])
def prover(request):
    """A prover about digits, a product, a wire and rows, and for K = 2 a membership row."""
    return Honest(*everything(request.param))


def commitments_of(prover):
    return prover.argument.system.commitments


def test_k_plus_4_answers_open_every_point_over_all_bases(prover):
    K, argument = commitments_of(prover), prover.argument
    opened = openings(argument, rewind(prover, xs(K + 4), **EARLIER))
    proof = prover.answer(x=1, **EARLIER)
    own = [commitment.point for commitment in prover.statement.commitments]
    for exponent, expected in zip((0, 1, 2, *argument.exponents), (proof.S, proof.A, proof.B, *own), strict=True):
        assert group.equal(point(argument, opened.pop(exponent)), expected)
    # The exponent that nobody has opens the identity, in all bases with 0: anything else would break binding.
    assert opened == {3: [0] * argument.bases}


def test_from_k_plus_5_answers_on_the_openings_are_tested_and_predict_every_answer(prover):
    K, argument = commitments_of(prover), prover.argument
    answers = rewind(prover, xs(3 * K + 7), **EARLIER)
    opened = openings(argument, {x: answers[x] for x in xs(K + 4)})
    assert all(argument.at(opened, x) == answer for x, answer in answers.items())


def test_from_3k_plus_7_answers_on_the_equation_is_an_identity_and_the_openings_are_a_witness(prover):
    K, argument = commitments_of(prover), prover.argument
    answers = rewind(prover, xs(3 * K + 7), **EARLIER)
    opened = openings(argument, {x: answers[x] for x in xs(K + 4)})
    F = argument.residue(argument.weigh(**EARLIER), opened)
    # F has 3K+7 zeros and degree 3K+6 at most; so every coefficient vanishes, that at X^T too.
    assert all(sum(value * pow(x, degree, ORDER) for degree, value in F.items()) % ORDER == 0 for x in answers)
    assert max(F) <= 3 * K + 6
    assert set(F.values()) == {0}
    values, rights, counts = witness(argument, opened, EARLIER["alpha"])
    assert values == [value % ORDER for value in prover.values]
    assert argument.satisfied(values)
    digits = values[: argument.system.digits]
    assert all((digit + EARLIER["alpha"]) * right % ORDER == 1 for digit, right in zip(digits, rights, strict=True))
    assert counts == [digits.count(t) for t in range(1, argument.system.base)]


def test_the_blinding_factors_are_extracted_as_well(prover):
    argument = prover.argument
    opened = openings(argument, rewind(prover, xs(argument.T + 1), **EARLIER))
    assert [opened[exponent][argument.H[0]] for exponent in argument.exponents] == prover.blindings
    # What was committed at registration has no component on any other base: no pollution.
    other = [base for bases in (argument.G, argument.M, argument.E) for base in bases]
    assert all(opened[exponent][base] == 0 for exponent in argument.exponents for base in other)


def masks_in(argument, opened):
    """Return the masks of an honest prover, from the openings."""
    S, A, B = opened[0], opened[1], opened[2]
    r_a, r_b = [A[argument.error(d)] for d in range(argument.T - 1)], B[argument.error(argument.T - 1)]
    s, s_m, s_q = ([S[base] for base in where] for where in (argument.G, argument.M, argument.P))
    H = argument.H[0]
    return Masks(r_a, A[H], r_b, B[H], s, s_m, s_q, S[H])


def test_an_extracted_prover_can_be_played_by_the_model(prover):
    # The masks that the library drew, put into the prover of the page, lead to the library's proof.
    argument = prover.argument
    opened = openings(argument, rewind(prover, xs(argument.T + 1), **EARLIER))
    played = argument.prove(prover.values, prover.blindings, masks_in(argument, opened), **EARLIER)
    assert played == {exponent: opened[exponent] for exponent in (1, 2, *argument.exponents, 0)}


def test_the_library_draws_every_mask_of_the_page(prover):
    argument = prover.argument
    drawn = masks_in(argument, openings(argument, rewind(prover, xs(argument.T + 1), **EARLIER)))
    numbers = [*drawn.r_a, drawn.rho_a, drawn.r_b, drawn.rho_b, *drawn.s, *drawn.s_m, *drawn.s_q, drawn.sigma]
    # None is missing, small or there twice.
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 2**128


# Fewer transcripts


def with_zeros(zeros):
    """Return the coefficients of the polynomial with these zeros and leading coefficient 1."""
    polynomial = [1]
    for x in zeros:
        polynomial = [(low - x * high) % ORDER for low, high in zip([0, *polynomial], [*polynomial, 0], strict=True)]
    return polynomial


def last_zero(zeros):
    """Return the zero to add so that the polynomial has no X^3."""
    polynomial = with_zeros(zeros)
    return polynomial[2] * pow(polynomial[3], -1, ORDER) % ORDER


def test_k_plus_2_answers_and_some_k_plus_3_are_explained_by_another_witness_as_well(prover):
    K, argument = commitments_of(prover), prover.argument
    asked = [*xs(K + 2), last_zero(xs(K + 2))]
    answers = rewind(prover, asked, **EARLIER)
    opened = openings(argument, rewind(prover, xs(K + 4), **EARLIER))
    # A polynomial of degree K+3 without X^3 that vanishes at every x that was asked, added on P. On H another multiple
    # of it keeps the points as they are: it takes a logarithm that nobody has, so it is not written down here.
    other = {degree: list(vector) for degree, vector in opened.items()}
    for degree, value in enumerate(with_zeros(asked)):
        other[degree][argument.P[0]] = (other[degree][argument.P[0]] + value) % ORDER
    assert all(argument.at(other, x) == answer for x, answer in answers.items())
    assert other[3] == opened[3]
    assert witness(argument, other, EARLIER["alpha"]) != witness(argument, opened, EARLIER["alpha"])


def test_other_k_plus_3_answers_open_every_point_already(prover):
    # Their exponents 0, 1, 2, 4, .., K+3 are no Vandermonde system, but as a rule a regular one.
    K, argument = commitments_of(prover), prover.argument
    answers = rewind(prover, xs(K + 3), **EARLIER)
    exponents = (0, 1, 2, *argument.exponents)
    opened = openings(argument, rewind(prover, xs(K + 4), **EARLIER))
    for base in range(argument.bases):
        equations = Equations(ORDER, len(exponents))
        for x, answer in answers.items():
            equations.add([*[pow(x, exponent, ORDER) for exponent in exponents], -answer[base]])
        assert len(equations.rows) == len(exponents)
        assert equations.solution() == [opened[exponent][base] for exponent in exponents]


def vanishing_at(argument, messages, zeros, unknown, weights):
    """Return messages, some components of which have been changed, for which (12) can be answered at every zero."""
    F = argument.residue(weights, messages)
    parts = [argument.influence(weights, messages, *one) for one in unknown]
    equations = Equations(ORDER, len(unknown))
    for x in zeros:
        at_x = lambda part, x=x: sum(value * pow(x, degree, ORDER) for degree, value in part.items())  # noqa: E731
        assert equations.add([*map(at_x, parts), at_x(F)])
    found = {i: list(element) for i, element in messages.items()}
    for (i, base), value in zip(unknown, equations.solution(), strict=True):
        found[i][base] = (found[i][base] + value) % ORDER
    return found


def without_a_witness(commitments, zeros, spoilt):
    """Return a liar who has arbitrary coefficients nearly everywhere, and answers at every zero.

    Args:
        spoilt: The powers of x whose messages have whatever error components it takes.
    """
    argument, draw = Argument(everything(commitments)[0], ORDER), random.Random(1)
    weights = argument.weigh(**EARLIER)
    messages = {i: [0] * argument.bases for i in (0, 1, 2, *argument.exponents)}
    for i, element in messages.items():
        slots_too = i <= 2 or i in spoilt
        for base in (*(argument.G if slots_too else ()), *argument.P, *argument.H):
            element[base] = draw.randrange(ORDER)
    # Where a component would reach X^T there is none: pollution that makes up for (I) would be luck with rho and w.
    unknown = [(i, argument.error(d)) for i in spoilt for d in argument.degrees if i + d != argument.T]
    if 5 in spoilt:
        # X^12 has a coefficient already, the square of C_2 on G; the first quantity makes (I) fit.
        unknown.append((4, argument.P[0]))
    return Liar(argument, vanishing_at(argument, messages, zeros, unknown, weights))


def zeros_that_sum_to_zero(count):
    zeros = list(xs(count - 1))
    return [*zeros, -sum(zeros) % ORDER]


@pytest.mark.parametrize("commitments", [1, 2])
def test_k_plus_4_answers_prove_nothing(commitments):
    # S alone can be made to fit, whatever A, B and the commitments are; so the extractor's next answer is a real test.
    zeros = xs(commitments + 4)
    liar = without_a_witness(commitments, zeros, spoilt=[0])
    opened = openings(liar.argument, rewind(liar, zeros, **EARLIER))
    assert opened == liar.messages | {3: [0] * liar.argument.bases}
    assert not liar.argument.satisfied(witness(liar.argument, opened, EARLIER["alpha"])[0])
    assert not accepted(liar.statement, liar.answer(x=1000), x=1000, **EARLIER)


@pytest.mark.parametrize("commitments", [1, 2])
def test_3k_plus_6_answers_can_be_given_without_a_witness_and_not_one_more(commitments):
    # With K = 1 the coefficient at X^8 is always 0, hence the sum of the nine zeros.
    zeros = zeros_that_sum_to_zero(3 * commitments + 6)
    argument = Argument(everything(commitments)[0], ORDER)
    liar = without_a_witness(commitments, zeros, spoilt=[0, 1, 2, *argument.exponents])
    answers = rewind(liar, zeros, **EARLIER)
    opened = openings(argument, {x: answers[x] for x in zeros[: commitments + 4]})
    assert not argument.satisfied(witness(argument, opened, EARLIER["alpha"])[0])
    F = argument.residue(argument.weigh(**EARLIER), opened)
    assert F[argument.T] != 0
    assert max(degree for degree, value in F.items() if value) == len(zeros)
    assert not any(accepted(liar.statement, liar.answer(x=x), x=x, **EARLIER) for x in (1, 2, 1000))


@pytest.mark.parametrize("commitments", [1, 2])
def test_about_registered_commitments_k_plus_6_answers_can_be_given_and_not_one_more(commitments):
    # The commitments lie in the span of P and H, as a registration proves: the degree is at most T+3.
    zeros = xs(commitments + 6)
    liar = without_a_witness(commitments, zeros, spoilt=[0, 1, 2])
    rewind(liar, zeros, **EARLIER)
    F = liar.argument.residue(liar.argument.weigh(**EARLIER), liar.messages)
    assert max(degree for degree, value in F.items() if value) == commitments + 6
    assert not any(accepted(liar.statement, liar.answer(x=x), x=x, **EARLIER) for x in (1, 2, 1000))


# Provers who lie and are lucky


def lucky(lie):
    """Return a liar who claims values that do not satisfy the system, its lucky challenges, and what it claims."""
    system, values = everything(1)
    argument = Argument(system, ORDER)
    challenges, counts = dict(EARLIER), None
    if lie == "a product":
        # q^2 is claimed to be 26. This error has the weight -mu^3; row 2, "the right value is q", makes up for it.
        values = [2, 1, 5, 5, 26, 5, 26]
        rho_6 = pow(challenges["rho"], 6, ORDER)
        values[3] = 5 + _solve(lambda error: rho_6 * (5 * (5 + error) - 26) + pow(challenges["w"], 4, ORDER) * error)
    else:
        # q = 3 a_1 + 7 with the "digit" 7; for one alpha a single multiplicity makes up for it.
        values = [7, 1, 10, 10, 100, 10, 100]
        alpha = challenges["alpha"]
        pole = lambda t: pow(alpha + t, -1, ORDER)  # noqa: E731
        total = pole(7) + pole(1) - 2 * pole(0)
        counts = [total * pow(pole(1) - pole(0), -1, ORDER) % ORDER, 0]
    scalar = random.Random(2).randrange
    draw = lambda count: [scalar(ORDER) for _ in range(count)]  # noqa: E731
    masks = Masks(draw(3), *draw(3), draw(3), draw(3), draw(2), *draw(1))
    messages = argument.prove(values, BLINDINGS[:1], masks, **challenges, counts=counts)
    return Liar(argument, messages), challenges, [value % ORDER for value in values], counts


def _solve(line):
    """Return the zero of an affine function."""
    return -line(0) * pow(line(1) - line(0), -1, ORDER) % ORDER


@pytest.mark.parametrize("lie", ["a product", "a digit"])
def test_of_a_lucky_liar_the_extractor_finds_what_was_committed_and_that_it_is_false(lie):
    liar, challenges, values, counts = lucky(lie)
    argument = liar.argument
    answers = rewind(liar, xs(10), **challenges)
    opened = openings(argument, {x: answers[x] for x in xs(5)})
    assert opened == liar.messages | {3: [0] * argument.bases}
    found, _, found_counts = witness(argument, opened, challenges["alpha"])
    assert found == values
    assert counts is None or found_counts == counts
    assert not argument.satisfied(found)
    # The identity holds for these challenges and no longer for others: that is what one more rewinding is for.
    assert argument.residue(argument.weigh(**challenges), opened)[argument.T] == 0
    name = "w" if lie == "a product" else "alpha"
    elsewhere = challenges | {name: challenges[name] + 1}
    weights = argument.weigh(**elsewhere)
    assert argument.last_message(weights, opened) is None
    assert not accepted(liar.statement, liar.answer(x=3), x=3, **elsewhere)


# The whole tree


def test_a_tree_of_transcripts_proves_every_constraint_without_looking_at_the_prover():
    # (d + beta) alphas, 2n + 1 rhos, J + 2 ws and 3K + 7 xs: 3 x 3 x 3 x 10 proofs that a book holds a bit.
    prover = Honest(BIT, [1, 1])
    argument, system = prover.argument, prover.argument.system
    counts = (system.digits + system.base, 2 * system.slots + 1, len(system.constraints) + 2, 10)
    alphas, rhos, ws, places = (range(5, 5 + count) for count in counts)
    assert counts == (3, 3, 3, 10)
    first, second = set(), {alpha: set() for alpha in alphas}
    for alpha in alphas:
        for rho in rhos:
            for w in ws:
                answers = rewind(prover, places, alpha=alpha, rho=rho, w=w)
                opened = openings(argument, {x: answers[x] for x in places[:5]})
                F = argument.residue(argument.weigh(alpha, rho, w), opened)
                assert all(argument.at(opened, x) == answer for x, answer in answers.items())
                assert set(F.values()) == {0}
                first.add(tuple(map(tuple, (opened[1], opened[4]))))
                second[alpha].add(tuple(opened[2]))
    # Binding: one opening of A and C in the whole tree, one of B below each alpha.
    assert len(first) == 1
    assert {len(opened) for opened in second.values()} == {1}
    ((A, C),) = first
    # (I) vanishes on a grid of 2n+1 by J+2 points, so every coefficient in rho and w does: each constraint holds.
    a, m, q = A[argument.G[0]], A[argument.M[0]], C[argument.P[0]]
    look_up = {}
    for alpha in alphas:
        (B,) = second[alpha]
        b = B[argument.G[0]]
        assert (a + alpha) * b % ORDER == 1
        assert (a - q) % ORDER == 0
        poles = [pow(alpha + t, -1, ORDER) for t in range(2)]
        look_up[alpha] = (b - poles[0] - m * (poles[1] - poles[0])) % ORDER
        assert A[argument.error(3)] + B[argument.error(2)] + C[argument.error(0)] == 0
    # The numerator of the look-up has degree d + beta - 1 at most and d + beta zeros: a is a digit, and m counts it.
    assert set(look_up.values()) == {0}
    assert (a, m) in {(0, 0), (1, 1)}
