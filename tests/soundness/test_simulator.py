"""A proof tells nothing: somebody without the book makes the same proofs, equally often, once the challenges are known.

On the real group simulated proofs verify. That they have exactly the distribution of real ones is tested where it can
be counted: every group of prime order p is Z_p, with known logarithms as generators. (Elements of the formal group bind
perfectly, so they hide nothing.) For p = 3 all masks and all proofs are enumerated; for larger orders, that of
BLS12-381 among them, masks and proofs are matched one to one by the argument of docs/protocols/arithmetic.md. The same
comparisons fail as soon as one mask is left out.
"""

import random
from dataclasses import fields, replace
from itertools import chain

import numpy as np
import pytest

from tests.soundness.formal import Argument, Masks, Response
from tests.soundness.systems import BIT, BOTH, UNIT, Programmed, everything
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import Commitment
from zkmargin.errors import VerificationError
from zkmargin.proofs import arithmetic
from zkmargin.proofs.arithmetic import Proof, Statement

MASKS = [field.name for field in fields(Masks)]
CHALLENGES = {"alpha": 2**200 + 1, "rho": 2**201 + 1, "w": 2**202 + 1, "x": 2**203 + 1}


# On the real group


def simulate(statement, draw, **challenges):
    """Return a proof made from the challenges: draw all but S, and solve (12) for S."""
    argument = Argument(statement.system, ORDER)
    A, B = (group.multiply(group.generator(), draw()) for _ in range(2))
    lengths = [len(argument.G), len(argument.M), len(argument.P), len(argument.E) - 1]
    g, m, q, e = ([draw() for _ in range(length)] for length in lengths)
    draft = Proof(group.generator(), A, B, g, m, q, e, draw())
    equation = arithmetic.equation(Programmed(**challenges), statement, draft)
    points = [
        *generators.slots.first(len(equation.slots)),
        *generators.wires.first(len(equation.wires)),
        *generators.errors.first(len(equation.errors)),
        *map(generators.book, equation.labels),
        generators.blinding(),
        *equation.points[1:],
    ]
    scalars = [*equation.slots, *equation.wires, *equation.errors, *equation.books, equation.blinding]
    return replace(draft, S=group.msm(points, [*scalars, *equation.scalars[1:]]))


def scalars(seed):
    draw = random.Random(seed)
    return lambda: draw.randrange(1, ORDER)


@pytest.mark.parametrize("commitments", [1, 2])
def test_a_simulator_that_knows_the_challenges_needs_no_witness_and_no_true_statement(commitments):
    system, _ = everything(commitments)
    # Random points: whatever they commit to, nobody knows it.
    points = [group.hash_to_curve(bytes([k]), b"soundness") for k in range(commitments)]
    statement = Statement(system, tuple(map(Commitment, points)))
    proof = simulate(statement, scalars(1), **CHALLENGES)
    arithmetic.verify(Programmed(**CHALLENGES), statement, proof)
    read = Proof.from_bytes(system, proof.to_bytes())
    assert read == replace(proof, g=tuple(proof.g), m=tuple(proof.m), q=tuple(proof.q), e=tuple(proof.e))
    for name, challenge in CHALLENGES.items():
        with pytest.raises(VerificationError):
            arithmetic.verify(Programmed(**CHALLENGES | {name: challenge + 1}), statement, proof)


# In a group of prime order whose logarithms are known


class Toy:
    """The group Z_p: an element of the formal group becomes one number. Coefficients may be arrays."""

    def __init__(self, system, order, seed=1):
        self.argument, self.order = Argument(system, order), order
        draw = random.Random(seed)
        self.logarithms = [draw.randrange(1, order) for _ in range(self.argument.bases)]

    def point(self, element):
        terms = zip(self.logarithms, element, strict=True)
        return sum(log * coefficient % self.order for log, coefficient in terms) % self.order

    def prove(self, values, blindings, masks, alpha, rho, w, x):
        """Return the proof as a list of numbers: S, A, B, g, m^, q^, e^, h^."""
        messages = self.argument.prove(values, blindings, masks, alpha, rho, w)
        response = self.argument.only_response(messages, x)
        return [*map(self.point, (messages[0], messages[1], messages[2])), *_numbers(response)]

    def simulate(self, commitments, numbers, alpha, rho, w, x):
        """Return the proof in which all numbers but S are given, and S solves (12)."""
        A, B, *answer = numbers
        right = self.argument.right_side(self.argument.weigh(alpha, rho, w), x, self.response(answer))
        left = x * A + x**2 * B + sum(x**k * C for k, C in zip(self.argument.exponents, commitments, strict=True))
        return [(self.point(right) - left) % self.order, A, B, *answer]

    def response(self, numbers):
        argument = self.argument
        stream = iter(numbers)
        lengths = (len(argument.G), len(argument.M), len(argument.P), len(argument.E) - 1)
        return Response(*([next(stream) for _ in range(length)] for length in lengths), next(stream))

    def commitments(self, values, blindings):
        return [self.point(one) for one in self.argument.committed(self.argument.books(values), blindings)]

    def blinding(self, quantity, commitment):
        """Return the blinding factor with which a book of one coordinate has a given commitment."""
        return (
            (commitment - self.point(self.argument.element(books=[quantity])))
            * pow(self.logarithms[-1], -1, self.order)
            % self.order
        )

    def masks(self, numbers):
        """Return masks from a flat list, in the order of `names`."""
        argument, stream = self.argument, iter(numbers)
        take = lambda count: [next(stream) for _ in range(count)]  # noqa: E731
        r_a, others = take(argument.T - 1), take(3)
        s, s_m, s_q = take(len(argument.G)), take(len(argument.M)), take(len(argument.P))
        return Masks(r_a, *others, s, s_m, s_q, next(stream))

    def names(self):
        """Return the name of every mask."""
        argument = self.argument
        lists = {"r_a": argument.T - 1, "s": len(argument.G), "s_m": len(argument.M), "s_q": len(argument.P)}
        every = [[f"{name}[{i}]" for i in range(lists[name])] if name in lists else [name] for name in MASKS]
        return list(chain(*every))

    def masks_of(self, values, blindings, proof, alpha, rho, w, x):
        """Return the only masks with which these values lead to a proof: the page's triangular map, backwards."""
        argument, order = self.argument, self.order
        T, (A, B, *numbers) = argument.T, proof[1:]
        answer = self.response(numbers)
        a, b, m = argument.slots(values, alpha)
        books = argument.books(values)
        powers = [pow(x, k, order) for k in argument.exponents]
        over_books = lambda numbers: sum(one * two for one, two in zip(powers, numbers, strict=True))  # noqa: E731
        s = [(one - x * two - x**2 * three) % order for one, two, three in zip(answer.g, a, b, strict=True)]
        s_m = [(one - x * two) % order for one, two in zip(answer.m, m, strict=True)]
        s_q = [(one - over_books(two)) % order for one, two in zip(answer.q, zip(*books, strict=True), strict=True)]
        bare = argument.messages(argument.element(a, m), argument.element(b), argument.committed(books, blindings))
        t = argument.residue(argument.weigh(alpha, rho, w), bare | {0: argument.element(s, s_m, s_q)})
        e = dict(zip(argument.degrees[1:], answer.e, strict=True))
        r_B = (t[T + 1] - e[T + 1]) % order
        r_A = {T - 2: (t[T - 1] + x**2 * r_B - e[T - 1]) % order}
        for degree in range(T - 2, 0, -1):
            r_A[degree - 1] = (t[degree] + x * r_A[degree] - e[degree]) % order
        per_H = pow(self.logarithms[-1], -1, order)
        rho_A = (A - self.point(argument.element(a, m, (), r_A))) * per_H % order
        rho_B = (B - self.point(argument.element(b, (), (), {T - 1: r_B}))) * per_H % order
        known = x * rho_A + x**2 * rho_B + over_books(blindings)
        return [*[r_A[d] for d in range(T - 1)], rho_A, r_B, rho_B, *s, *s_m, *s_q, (answer.h - known) % order]


def _numbers(response):
    return [*response.g, *response.m, *response.q, *response.e, response.h]


def everything_there_is(order, length):
    """Return all lists of numbers below the order, as a list of arrays."""
    return list(np.indices((order,) * length, dtype=np.int64).reshape(length, -1))


def distribution(order, proof):
    """Return how often each proof occurs, as {proof written in base p: times}, in order, as two arrays."""
    shape = np.broadcast_shapes(*map(np.shape, proof))
    code = np.zeros(shape, dtype=np.int64)
    for number in proof:
        code = code * order + number
    return np.unique(code, return_counts=True)


def same(one, other):
    return all(map(np.array_equal, one, other))


SMALL = {"a product": (UNIT, 1, 2), "a digit": (BIT, 0, 1), "two books": (BOTH, 1, 2)}
"""Systems, and two quantities that satisfy them modulo 3: nobody may see which is held."""


def play(name, dropped, rho, w, x):
    """Return the distributions of real proofs about the first and the second book, and of simulated proofs."""
    system, *books = SMALL[name]
    toy = Toy(system, 3)
    challenges = {"alpha": 1, "rho": rho, "w": w, "x": x}
    found = []
    for book in books:
        values = [book] * system.variables
        numbers = everything_there_is(3, len(toy.names()))
        if dropped is not None:
            numbers[toy.names().index(dropped)] = np.zeros_like(numbers[0])
        blindings = [toy.blinding(book, 2)] * system.commitments
        proof = toy.prove(values, blindings, toy.masks(numbers), **challenges)
        found.append(distribution(3, proof))
    free = everything_there_is(3, len(proof) - 1)
    return *found, distribution(3, toy.simulate([2] * system.commitments, free, **challenges))


@pytest.mark.parametrize("rho, w, x", [(1, 0, 1), (1, 1, 2), (2, 2, 1)])
@pytest.mark.parametrize("name", SMALL)
def test_real_and_simulated_proofs_are_equally_frequent_whichever_book_is_held(name, rho, w, x):
    first, second, simulated = play(name, None, rho, w, x)
    assert same(first, second)
    assert same(first, simulated)
    # Uniform on all accepted proofs: as many as there are masks, each once.
    assert set(first[1]) == {1}
    assert len(first[0]) == 3 ** len(Toy(SMALL[name][0], 3).names())


@pytest.mark.parametrize("name, dropped", [(name, mask) for name in SMALL for mask in Toy(SMALL[name][0], 3).names()])
def test_with_any_mask_left_out_proofs_are_not_the_simulator_s_and_show_which_book_is_held(name, dropped):
    told = []
    for rho, w, x in [(1, 1, 1), (1, 2, 2)]:
        first, second, simulated = play(name, dropped, rho, w, x)
        assert not same(first, simulated)
        told.append(not same(first, second))
    assert any(told)


# At orders where nobody can count


@pytest.mark.parametrize("order", [101, ORDER], ids=["101", "r"])
@pytest.mark.parametrize("commitments", [1, 2])
def test_masks_and_accepted_proofs_are_matched_one_to_one(commitments, order):
    order = int(order)
    system, values = everything(commitments)
    toy, draw = Toy(system, order), random.Random(3)
    blindings = [draw.randrange(order) for _ in range(commitments)]
    challenges = {"alpha": 7, "rho": 8, "w": 9, "x": 10}
    masks = [draw.randrange(order) for _ in toy.names()]
    proof = toy.prove(values, blindings, toy.masks(masks), **challenges)
    assert toy.masks_of(values, blindings, proof, **challenges) == masks
    # And from any accepted proof: as many numbers, one of which (12) decides, as masks.
    free = [draw.randrange(order) for _ in proof[1:]]
    assert len(free) == len(masks)
    simulated = toy.simulate(toy.commitments(values, blindings), free, **challenges)
    found = toy.masks_of(values, blindings, simulated, **challenges)
    assert toy.prove(values, blindings, toy.masks(found), **challenges) == simulated
    # No mask is 0 in it: whoever leaves one out never makes this proof.
    assert 0 not in found


def rank(matrix, order):
    """Return the rank of a matrix over the field."""
    rows, found = [list(row) for row in matrix], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column] % order), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        inverse = pow(rows[found][column], -1, order)
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] * inverse
            rows[i] = [(one - factor * two) % order for one, two in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


@pytest.mark.parametrize("commitments", [1, 2])
def test_with_s_fixed_the_masks_reach_every_value_of_what_else_is_sent_and_each_of_them_is_needed(commitments):
    # For fixed s, s_m, s_q the map from the other masks to A, B, the opened errors and h^ is affine. Its matrix:
    order = 101
    system, values = everything(commitments)
    toy = Toy(system, order)
    fixed = [number for number, name in enumerate(toy.names()) if name.startswith("s") and name != "sigma"]
    loose = [number for number in range(len(toy.names())) if number not in fixed]
    challenges = {"alpha": 7, "rho": 8, "w": 9, "x": 10}

    def sent(numbers):
        A, B, *answer = toy.prove(values, [5] * commitments, toy.masks(numbers), **challenges)[1:]
        response = toy.response(answer)
        return [A, B, *response.e, response.h]

    start = [number + 1 for number in range(len(toy.names()))]
    origin = sent(start)
    matrix = []
    for place in loose:
        moved = list(start)
        moved[place] += 1
        matrix.append([(one - two) % order for one, two in zip(sent(moved), origin, strict=True)])
    # T for the errors, rho_A, rho_B and sigma.
    assert len(matrix) == len(origin) == toy.argument.T + 3
    assert rank(matrix, order) == len(matrix)
    for place in range(len(matrix)):
        assert rank(matrix[:place] + matrix[place + 1 :], order) == len(matrix) - 1
