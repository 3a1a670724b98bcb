"""In a group that binds perfectly nobody can cheat but by luck, and with any rule of the page dropped somebody can.

What a prover could do is searched exhaustively or by linear algebra over a small field, where every challenge can be
tried. That the same argument is meant as in the library is tested over the real field.
"""

import random
from itertools import product
from operator import mul

import numpy as np
import pytest

from tests.soundness.formal import Argument, Masks, Response, Rules, distinct
from tests.soundness.systems import BIT, PAIR, ROOT, TWO, Programmed, everything
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER, inner
from zkmargin.commitments import Commitment
from zkmargin.proofs import arithmetic
from zkmargin.proofs.arithmetic import Proof, Statement, Weights

ONE, TWO_BOOKS = 13, 17
"""The smallest orders above 3K+7, so that equal functions of x are equal polynomials."""


def pairs(argument):
    """Return every (rho, w)."""
    return list(product(range(1, argument.order), range(argument.order)))


def all_weights(argument, alpha):
    return [argument.weigh(alpha, rho, w) for rho, w in pairs(argument)]


def alphas(argument):
    return range(1, argument.order - argument.system.base + 1) if argument.system.digits else [0]


def junk(argument, seed, bases):
    """Return an element with arbitrary coefficients on some bases."""
    draw = random.Random(seed)
    vector = [0] * argument.bases
    for base in bases:
        vector[base] = draw.randrange(argument.order)
    return vector


def added(argument, *vectors):
    return [sum(column) % argument.order for column in zip(*vectors, strict=True)]


def free(argument):
    """Return what a cheater may choose after alpha, in the search: all of B, and more than the protocol allows.

    That is, all of A but a and m, and all error components of the commitments.
    """
    everywhere = [(2, base) for base in range(argument.bases)]
    beside = [(1, base) for bases in (argument.P, argument.E, argument.H) for base in bases]
    return everywhere + beside + [(exponent, base) for exponent in set(argument.exponents) for base in argument.E]


def cheat(argument, alpha, weights, a, m, commitments):
    """Return messages S aside with which every (rho, w) and every x can be answered, or `None`."""
    messages = argument.messages(argument.element(a, m), argument.element(), commitments)
    return argument.middle_message(weights, messages, free(argument))


def convinces(argument, alpha, messages):
    """Play these messages against the verifier, for every rho, w and x."""
    for weights in all_weights(argument, alpha):
        complete = argument.last_message(weights, messages)
        if complete is None:
            return False
        for x in range(1, argument.order):
            if not argument.accepts(weights, x, complete, argument.only_response(complete, x)):
                return False
    return True


# The model


def random_scalars(count, seed=1):
    draw = random.Random(seed)
    return [draw.randrange(ORDER) for _ in range(count)]


def random_masks(argument, draw):
    system = argument.system
    counts = (argument.T - 1, system.slots, len(argument.M), len(system.basis))
    r_a, s, s_m, s_q = ([draw() for _ in range(count)] for count in counts)
    return Masks(r_a, draw(), draw(), draw(), s, s_m, s_q, draw())


@pytest.mark.parametrize("commitments", [1, 2])
def test_the_combined_identity_is_the_library_s(commitments):
    system, _ = everything(commitments)
    alpha, rho, w = random_scalars(3)
    model, library = Argument(system, ORDER).weigh(alpha, rho, w), Weights(system, alpha, rho, w)
    assert (model.left, model.right, model.wires, model.books) == library.collect(system)
    assert model.kappa == library.kappa % ORDER


@pytest.mark.parametrize("commitments", [1, 2])
def test_the_scalars_of_the_final_equation_are_the_library_s(commitments):
    system, _ = everything(commitments)
    argument = Argument(system, ORDER)
    lengths = [len(argument.G), len(argument.M), len(argument.P), len(argument.E) - 1]
    g, m, q, e = (random_scalars(length, seed) for seed, length in enumerate(lengths))
    alpha, rho, w, x, h = random_scalars(5, seed=5)
    points = [group.multiply(group.generator(), scalar) for scalar in random_scalars(3 + commitments)]
    statement = Statement(system, tuple(map(Commitment, points[3:])))
    transcript = Programmed(alpha=alpha, rho=rho, w=w, x=x)
    equation = arithmetic.equation(transcript, statement, Proof(*points[:3], g, m, q, e, h))
    scalars = argument.right_side(argument.weigh(alpha, rho, w), x, Response(g, m, q, e, h))
    own = [equation.errors[degree] for degree in argument.degrees]
    assert [*equation.slots, *equation.wires, *equation.books, *own, equation.blinding] == scalars
    assert len(equation.errors) == argument.T + 2
    assert equation.errors[argument.T] == 0
    exponents = (0, 1, 2, *argument.exponents)
    assert [-scalar % ORDER for scalar in equation.scalars] == [pow(x, i, ORDER) for i in exponents]
    assert all(map(group.equal, equation.points, points))


@pytest.mark.parametrize("commitments, order", [(1, ONE), (2, TWO_BOOKS), (1, ORDER), (2, ORDER)])
def test_an_honest_prover_is_believed_at_every_x(commitments, order):
    system, values = everything(commitments)
    argument, draw = Argument(system, order), random.Random(1)
    assert argument.satisfied(values)
    scalar = lambda: draw.randrange(order)  # noqa: E731
    alpha, rho, w = 4, 1 + draw.randrange(order - 1), scalar()
    masks = random_masks(argument, scalar)
    messages = argument.prove(values, [scalar() for _ in range(commitments)], masks, alpha, rho, w)
    weights = argument.weigh(alpha, rho, w)
    for x in range(1, min(order, 50)):
        assert argument.accepts(weights, x, messages, argument.only_response(messages, x))


@pytest.mark.parametrize("commitments, order", [(1, ONE), (2, TWO_BOOKS)])
def test_the_equation_is_a_polynomial_of_degree_3k_plus_6_whatever_was_committed(commitments, order):
    argument = Argument(everything(commitments)[0], order)
    most = 3 * commitments + 6
    reached = set()
    for seed in range(10):
        weights = argument.weigh(5, 1 + seed, 3)
        everywhere = range(argument.bases)
        messages = {i: junk(argument, 10 * seed + i, everywhere) for i in (0, 1, 2, *argument.exponents)}
        F = argument.residue(weights, messages)
        reached |= {degree for degree, value in F.items() if value}
        for x in range(1, order):
            value = sum(coefficient * x**degree for degree, coefficient in F.items()) % order
            accepted = argument.accepts(weights, x, messages, argument.only_response(messages, x))
            assert accepted == (value == 0)
    assert max(reached) == most < order - 1


@pytest.mark.parametrize("commitments", [1, 2])
def test_nothing_of_s_reaches_the_target_and_nothing_else_does_but_the_identity_and_the_pollution(commitments):
    # The coefficient at X^T of completely arbitrary messages is what the page says.
    argument = Argument(everything(commitments)[0], ORDER)
    alpha, rho, w = random_scalars(3)
    weights = argument.weigh(alpha, rho, w)
    S, A, B, *books = (random_scalars(argument.bases, seed) for seed in range(2, 5 + commitments))
    parts = ((A, argument.G), (B, argument.G), (A, argument.M))
    a, b, m = ([vector[base] for base in bases] for vector, bases in parts)
    identity = inner(list(map(mul, weights.mu, a)), b) + weights.kappa
    identity += inner(weights.left, a) + inner(weights.right, b) + inner(weights.wires, m)
    identity += sum(inner(weights.books[k], [books[k][base] for base in argument.P]) for k in range(commitments))
    pollution = A[argument.error(argument.T - 1)] + B[argument.error(argument.T - 2)]
    pollution += sum(book[argument.error(commitments - k)] for k, book in enumerate(books, start=1))
    F = argument.residue(weights, argument.messages(A, B, books) | {0: S})
    assert F[argument.T] == (2 * identity - pollution) % ORDER


# No cheating, by exhaustion and by linear algebra


def test_the_best_cheater_about_a_product_has_no_more_luck_than_schwartz_and_zippel_allow():
    # "q^2 = 5" modulo 13: every q, a, b and pollution (only its sum matters) against every pair (rho, w).
    argument = Argument(ROOT, ONE)
    assert not any(argument.has_witness([[q]]) for q in range(ONE))
    q, a, b, pollution = np.indices((ONE,) * 4).reshape(4, -1)
    A, B = argument.element([a]), argument.element([b], errors={argument.T - 2: pollution})
    messages = argument.messages(A, B, [argument.element(books=[q])])
    messages[0] = argument.element()
    wins = np.zeros(ONE**4, dtype=int)
    for weights in all_weights(argument, 0):
        F = argument.residue(weights, messages)
        uncovered = [value for degree, value in F.items() if degree not in argument.degrees]
        wins += np.all([np.broadcast_to(value, wins.shape) == 0 for value in uncovered], axis=0)
    # Degree max(2n, J+1) = 3 on 12 times 13 pairs: at most 3 times 13, and this is how near one can come.
    assert wins.max() == 36 < 3 * ONE


def test_the_best_cheater_about_a_digit_has_no_more_luck_than_the_page_says():
    # "5 is a bit" modulo 11. First a and the multiplicity, then alpha, then b and the pollution, then rho and w.
    order = 11
    argument = Argument(BIT, order)
    assert not argument.has_witness([[5]])
    a, m, b, pollution = np.indices((order,) * 4).reshape(4, -1)
    A, B = argument.element([a], [m]), argument.element([b], errors={argument.T - 2: pollution})
    messages = argument.messages(A, B, [argument.element(books=[5])])
    messages[0] = argument.element()
    won = []
    for alpha in alphas(argument):
        wins = sum(argument.residue(weights, messages)[argument.T] == 0 for weights in all_weights(argument, alpha))
        won.append(wins.reshape(order**2, order**2).max(axis=1))
    best = sum(won).max() / (len(won) * order * (order - 1))
    # (d + beta - 1)/(r - beta) and max(2n, J+1)/(r - 1).
    assert 0 < best <= 2 / (order - 2) + 2 / (order - 1)


@pytest.mark.parametrize("seed", range(6))
def test_for_a_false_product_no_second_message_answers_every_challenge(seed):
    argument = Argument(ROOT, ONE)
    dirt = junk(argument, seed, [] if seed == 0 else [*argument.G, *argument.E, *argument.H])
    weights = all_weights(argument, 0)
    for q, a in product(range(ONE), repeat=2):
        commitment = added(argument, argument.element(books=[q]), dirt)
        assert cheat(argument, 0, weights, [a], [], [commitment]) is None


@pytest.mark.parametrize("quantity, dirty", [(2, False), (12, False), (5, False), (5, True)])
def test_for_a_number_that_is_no_digit_no_first_message_survives_more_alphas_than_the_look_up_allows(quantity, dirty):
    argument = Argument(BIT, ONE)
    assert not argument.has_witness([[quantity]])
    dirt = junk(argument, 1, [*argument.G, *argument.M, *argument.H] if dirty else [])
    commitments = [added(argument, argument.element(books=[quantity]), dirt)]
    survived = dict.fromkeys(product(range(ONE), repeat=2), 0)
    for alpha in alphas(argument):
        weights = all_weights(argument, alpha)
        for a, m in survived:
            survived[a, m] += cheat(argument, alpha, weights, [a], [m], commitments) is not None
    # d + beta - 1 = 2 zeros of the look-up's numerator.
    assert 0 < max(survived.values()) + dirty <= 2


def test_the_search_finds_the_messages_of_a_true_statement():
    argument = Argument(BIT, ONE)
    found = cheat(argument, 3, all_weights(argument, 3), [1], [1], [argument.element(books=[1])])
    assert convinces(argument, 3, found)


def slots_in_the_second_book(isotropic):
    """Return what belongs to a true statement about two books, but the second commitment has components c on G as well.

    Args:
        isotropic: Whether <c, c>_mu, the only contribution to X^12, is 0.
    """
    system, values = everything(2)
    argument = Argument(system, TWO_BOOKS)
    weights = argument.weigh(5, 3, 2)
    squares = lambda c: sum(mu * one**2 for mu, one in zip(weights.mu, c, strict=True)) % TWO_BOOKS  # noqa: E731
    c = next(c for c in product(range(TWO_BOOKS), repeat=3) if any(c) and (squares(c) == 0) == isotropic)
    first, second = argument.committed(argument.books(values))
    return argument, weights, values, [first, added(argument, second, argument.element(c))]


@pytest.mark.parametrize("isotropic", [True, False])
def test_the_search_knows_where_s_helps_and_where_nothing_does(isotropic):
    # For one pair (rho, w) the error components of B and the commitments make up for what c does, but for X^12. A has a
    # component that reaches X^7, where none of them is used: S on G, together with c, makes up for that.
    argument, weights, values, commitments = slots_in_the_second_book(isotropic)
    a, b, m = argument.slots(values, 5)
    messages = argument.messages(argument.element(a, m, errors={6: 1}), argument.element(b), commitments)
    places = product((2, *argument.exponents), argument.degrees)
    errors = [(i, argument.error(degree)) for i, degree in places if i + degree != 7]
    found = argument.middle_message([weights], messages, errors)
    assert (found is not None) == isotropic
    if isotropic:
        complete = argument.last_message(weights, found)
        assert argument.residue(weights, found | {0: argument.element()})[7] != 0
        assert any(complete[0][base] for base in argument.G)
        for x in range(1, TWO_BOOKS):
            assert argument.accepts(weights, x, complete, argument.only_response(complete, x))


# Every rule is needed: the same search finds a cheater where one is dropped


def constant(slots, rows, rho, w):
    """The first row, or without rows the look-up, has a weight that no challenge decides."""
    mu, look_up, on_rows = distinct(slots, rows, rho, w)
    return mu, look_up, [1, *on_rows[1:]]


def equal_rows(slots, rows, rho, w):
    mu, look_up, on_rows = distinct(slots, rows, rho, w)
    return mu, look_up, on_rows[:1] * rows


def equal_slots(slots, rows, rho, w):
    mu, look_up, on_rows = distinct(slots, rows, rho, w)
    return mu[:1] * slots, look_up, on_rows


def one_challenge(slots, rows, rho, w):
    """The challenge w is not drawn but taken from rho: row j has the weight of slot j + 1."""
    return distinct(slots, rows, rho, rho**2)


def constant_look_up(slots, rows, rho, w):
    mu, _, on_rows = distinct(slots, rows, rho, w)
    return mu, 1, on_rows


def search(argument, commitments):
    """Return, for the first a and m that have a cheat for every alpha, all these cheats; or `None`.

    An alpha with alpha + a_i = 0 for a digit slot i is left out: nothing helps there.
    """
    weights = {alpha: all_weights(argument, alpha) for alpha in alphas(argument)}
    slots, wires, digits = len(argument.G), len(argument.M), argument.system.digits
    for choice in product(range(argument.order), repeat=slots + wires):
        found = {}
        for alpha in weights:
            if any((alpha + a) % argument.order == 0 for a in choice[:digits]):
                continue
            one = cheat(argument, alpha, weights[alpha], choice[:slots], choice[slots:], commitments)
            if one is None:
                break
            found[alpha] = one
        else:
            return found
    return None


VARIANTS = {
    # name: system, order, the broken rule, books for which the statement is false
    "there is an E_T": (ROOT, ONE, Rules(error_at_target=True), [[3]]),
    "a row has a constant weight": (ROOT, ONE, Rules(weights=constant), [[3]]),
    "the look-up has a constant weight": (BIT, ONE, Rules(weights=constant_look_up), [[5]]),
    "all rows have one weight": (ROOT, ONE, Rules(weights=equal_rows), [[3]]),
    "all slots have one weight": (TWO, ONE, Rules(weights=equal_slots), [[1]]),
    "rho and w are one challenge": (TWO, ONE, Rules(weights=one_challenge), [[4]]),
    "membership is not shown": (PAIR, TWO_BOOKS, Rules(membership=False), [[3, 1], [-3, 1]]),
    "two commitments share a power of x": (PAIR, TWO_BOOKS, Rules(exponents=(4, 4)), [[3, 1], [-3, 1]]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_cheater_is_found_exactly_when_the_rule_is_dropped(name):
    system, order, rules, books = VARIANTS[name]
    sound, broken = Argument(system, order), Argument(system, order, rules)
    assert not sound.has_witness(books)
    assert search(sound, sound.committed(books)) is None
    found = search(broken, broken.committed(books))
    assert found
    assert all(convinces(broken, alpha, messages) for alpha, messages in list(found.items())[:2])


def test_with_the_digits_committed_after_alpha_there_is_a_cheater_for_every_alpha():
    # With the digits first none survives more than two, see above. Only with alpha = -5 slot 0 cannot hold.
    argument = Argument(BIT, ONE)
    commitments = argument.committed([[5]])
    for alpha in set(alphas(argument)) - {ONE - 5}:
        weights = all_weights(argument, alpha)
        options = (cheat(argument, alpha, weights, [a], [m], commitments) for a, m in product(range(ONE), repeat=2))
        found = next(messages for messages in options if messages)
        assert alpha > 1 or convinces(argument, alpha, found)


def test_with_the_right_values_committed_after_rho_and_w_there_is_a_cheater_for_every_pair():
    argument = Argument(ROOT, ONE)
    commitments = argument.committed([[3]])
    for weights in all_weights(argument, 0):
        messages = cheat(argument, 0, [weights], [1], [], commitments)
        complete = argument.last_message(weights, messages)
        assert all(argument.accepts(weights, x, complete, argument.only_response(complete, x)) for x in range(1, ONE))
